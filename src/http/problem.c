#include "config.h"

#include "http/problem.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "text/json_text.h"

#define TYPE_PREFIX "https://example.org/weir/problems/"

enum {
    RAISED = 1000,
    OWN_FIRST = 1400, /* a function's Error(1404, ...) is 404 */
    OWN_LAST = 1599,
};

/* The first row of a status stands for it. */
static const struct weir__http_problem problems[] = {
    {0, 400, "bad-request", "the request cannot be understood"},
    {0, 401, "token-missing", "a token is required"},
    {0, 401, "token-unknown", "the token is not known here"},
    {0, 401, "token-malformed", "the token cannot be read"},
    {0, 401, "token-signature", "the signature of the token is wrong"},
    {0, 401, "token-expired", "the token is not valid now"},
    {0, 401, "token-other-call", "the token is for another call"},
    {0, 401, "token-used", "the token has been used"},
    {0, 403, "forbidden", "the caller may not do this"},
    {0, 403, "origin", "the page that asks is not trusted"},
    {0, 404, "not-found", "there is nothing here"},
    {0, 405, "method", "the method does not fit this place"},
    {0, 406, "not-acceptable", "the result has no media type that is accepted"},
    {0, 408, "too-slow", "the request did not arrive in time"},
    {0, 409, "conflict", "the request contradicts another one"},
    {0, 413, "too-large", "the request is too large"},
    {0, 414, "target-too-long", "the target is too long"},
    {0, 415, "media-type", "the media type cannot be read"},
    {0, 417, "expectation", "the expectation cannot be met"},
    {0, 421, "host", "this server is not called by this name"},
    {0, 422, "other-body", "the key belongs to another request"},
    {0, 429, "rate", "too many calls in this time"},
    {0, 431, "head-too-large", "the head of the request is too large"},
    {0, 500, "internal", "weir failed"},
    {0, 501, "transfer-encoding", "the transfer encoding is not known"},
    {0, 503, "busy", "the server cannot take this now"},
    {0, 505, "version", "the version of HTTP is not known"},
    {-32700, 400, "not-json", "the body is not JSON"},
    {-32600, 400, "invalid-request", "the request is not valid"},
    {-32601, 404, "unknown-function", "the function does not exist"},
    {-32602, 422, "invalid-parameters", "the parameters do not fit the function"},
    {-32603, 500, "worker-failed", "the worker failed"},
    {-32800, 409, "cancelled", "the call was cancelled"},
    {-33001, 504, "timed-out", "its time limit ran out"},
    {-33002, 500, "too-long", "the result is too long"},
    {-33003, 500, "no-json-result", "the result cannot be written as JSON"},
    {-33004, 400, "stream", "a rule of streams was broken"},
    {-33005, 503, "refused", "the call was refused and not executed"},
    {-33006, 502, "outcome-unknown", "the worker died: the call may have been executed"},
    {-33007, 503, "no-worker", "no worker is available"},
    {-33008, 502, "poison", "the call has crashed two workers"},
    {-33009, 503, "breaker", "the function has failed too often: not executed"},
    {RAISED, 500, "raised", "the function failed"},
};

static const struct weir__http_problem own = {0, 400, "failed", "the function reported a failure"};

struct weir__http_problem weir__http_problem_of_code(int64_t code)
{
    struct weir__http_problem problem = own;

    for (size_t i = 0; i < sizeof problems / sizeof problems[0] && code != 0; i++)
        if (problems[i].code == code)
            return problems[i];
    problem.code = code;
    if (code >= OWN_FIRST && code <= OWN_LAST)
        problem.status = (int)(code - RAISED);
    return problem;
}

struct weir__http_problem weir__http_problem_of_status(int status, const char *type)
{
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++)
        if (problems[i].code == 0 && problems[i].status == status
            && (type == NULL || strcmp(problems[i].type, type) == 0))
            return problems[i];
    return (struct weir__http_problem){0, status, "failed", "the request failed"};
}

int weir__http_problem_write(struct weir__buffer *to, const struct weir__http_problem *problem,
                             const char *detail, const char *call, struct weir__http_text data)
{
    struct weir__json_writer json = {0};
    char type[128] = TYPE_PREFIX, *text;
    size_t length;
    int status;

    strncat(type, problem->type, sizeof type - sizeof TYPE_PREFIX);
    weir__json_open(&json, NULL, '{');
    weir__json_string(&json, "type", type);
    weir__json_string(&json, "title", problem->title);
    weir__json_integer(&json, "status", problem->status);
    if (detail != NULL)
        weir__json_write_textn(&json, "detail", detail, strlen(detail));
    if (problem->code != 0)
        weir__json_integer(&json, "code", problem->code);
    if (call != NULL)
        weir__json_string(&json, "call", call);
    if (data.length > 0)
        weir__json_raw(&json, "data", data.bytes, data.length);
    weir__json_close(&json, '}');
    text = weir__json_take(&json, &length);
    if (text == NULL)
        return WEIR_ERR_NOMEM;
    status = weir__buffer_add(to, text, length, NULL);
    free(text);
    return status;
}
