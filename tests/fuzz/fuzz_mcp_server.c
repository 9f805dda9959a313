/* What an MCP server says to its pool: every call ends once, with JSON or a reason, and the pool
 * can be closed.
 *
 * Input: a byte of choices, the size of pieces, then what the server says. */
#include "config.h"

#include <jansson.h>
#include <string.h>
#include <weir/pool.h>

#include "fuzz/pretend.h"
#include "fuzz/replay.h"
#include "text/json_validate.h"

enum { GREETS = 1, IS_MODERN = 2, IS_WHOLE = 4, CANCELS = 8, CALLS = 5 };

static const char modern[] =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"supportedVersions\":[\"2026-07-28\"],"
    "\"capabilities\":{\"tools\":{\"listChanged\":true},\"resources\":{}}}}\n"
    "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"tools\":[{\"name\":\"a\",\"annotations\":{"
    "\"readOnlyHint\":true}},{\"name\":\"b\"}]}}\n";

static const char legacy[] =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32601,\"message\":\"no\"}}\n"
    "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":"
    "{\"tools\":{},\"resources\":{}}}}\n"
    "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"tools\":[{\"name\":\"a\",\"annotations\":{"
    "\"readOnlyHint\":true}},{\"name\":\"b\"}]}}\n";

struct outcomes {
    unsigned ended;
    int cancels;
};

static void on_progress(weir_call_t *call, const struct weir_progress *progress, void *context)
{
    const struct outcomes *outcomes = context;

    HOLDS((progress->message != NULL ? strlen(progress->message) : 0) == progress->length);
    if (outcomes->cancels)
        weir_call_cancel(call);
}

static void on_done(weir_call_t *call, const struct weir_reply *reply, void *context)
{
    struct outcomes *outcomes = context;

    (void)call;
    outcomes->ended++;
    if (reply->outcome == WEIR_CALL_RETURNED) {
        HOLDS(weir__json_syntax_utf8(reply->result, reply->length, NULL));
        HOLDS(memchr(reply->result, '\n', reply->length) == NULL);
    } else {
        HOLDS(reply->message != NULL);
        HOLDS(weir__json_syntax_utf8(reply->error, strlen(reply->error), NULL));
    }
}

static weir_pool_t *open_pool(weir_t *weir)
{
    static const char *const argv[] = {"server", NULL};
    struct weir_command command;
    struct weir_pool_options options;
    weir_pool_t *pool;

    weir_command_init(&command);
    command.argv = argv;
    weir_pool_options_init(&options);
    options.commands = (const struct weir_command *[]){&command};
    options.command_count = 1;
    options.dialect = WEIR_DIALECT_MCP;
    options.max_line = 4096;
    options.grace_ms = 1;
    options.start_attempts = 1;
    options.stderr_fd = -1;
    pool = weir_pool_open(weir, &options, NULL);
    HOLDS(pool != NULL);
    return pool;
}

static void start_calls(weir_pool_t *pool, unsigned choices, struct outcomes *outcomes,
                        weir_call_t *calls[CALLS])
{
    static const char *const asked[CALLS][2] = {
        {"a", "{\"n\":1}"}, {"a", "[]"},
        {"b", NULL},        {"resources/read", "{\"uri\":\"x\",\"_meta\":{\"y\":1}}"},
        {"nosuch", "{}"},
    };
    struct weir_call_sink sink = {
        .size = sizeof sink, .on_progress = on_progress, .on_done = on_done, .context = outcomes};
    struct weir_call_options options;

    for (int i = 0; i < CALLS; i++) {
        const char *params = asked[i][1];

        weir_call_options_init(&options);
        options.whole = (choices & IS_WHOLE) != 0;
        calls[i] = weir_call_start(pool, asked[i][0], params, params != NULL ? strlen(params) : 0,
                                   &options, &sink, NULL);
        HOLDS(calls[i] != NULL);
    }
}

static void check_methods(char *text)
{
    json_t *methods = json_loads(text, JSON_ALLOW_NUL, NULL);

    HOLDS(json_is_object(methods));
    json_decref(methods);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct outcomes outcomes = {0};
    struct pretend pretend = {0};
    weir_call_t *calls[CALLS];
    weir_pool_t *pool;

    if (length < 2)
        return 0;
    outcomes.cancels = (bytes[0] & CANCELS) != 0;
    pretend_open(&pretend);
    pool = open_pool(pretend.weir);
    start_calls(pool, bytes[0], &outcomes, calls);
    pretend_turn(&pretend);
    if ((bytes[0] & GREETS) && pretend.jobs != NULL) {
        if (bytes[0] & IS_MODERN)
            pretend_say(pretend.jobs, modern, sizeof modern - 1);
        else
            pretend_say(pretend.jobs, legacy, sizeof legacy - 1);
    }
    pretend_say_in_pieces(&pretend, bytes + 2, length - 2, 1 + bytes[1] * 4);
    check_methods(weir_pool_methods(pool));
    while (pretend.jobs != NULL)
        pretend_end(pretend.jobs, 3, 0);
    weir_pool_close(pool, 0);
    HOLDS(outcomes.ended == CALLS);
    for (int i = 0; i < CALLS; i++)
        weir_call_free(calls[i]);
    pretend_close(&pretend);
    return 0;
}
