#include "config.h"

#include "web/route.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "http/target.h"
#include "web/access.h"
#include "web/answer.h"
#include "web/call_request.h"
#include "web/mcp.h"
#include "web/metrics.h"
#include "web/show.h"

struct weir__web_route {
    const char *method;
    const char *path; /* ends with '/': a name follows */
    const char *name; /* for the metrics */
    weir__web_handler *answer;
    enum weir__web_who who;
    int has_body, is_page;
};

enum { NONE, CALL, MESSAGE }; /* has_body */

static const struct weir__http_text nothing = {NULL, 0};

static const struct weir__web_route routes[] = {
    {"POST", "/v1/call/", "/v1/call/{name}", weir__web_call, WEIR__WEB_BOUND_CALLER, CALL, 0},
    {"GET", "/v1/methods", "/v1/methods", weir__web_show_methods, WEIR__WEB_CALLER, NONE, 0},
    {"GET", "/v1/methods/", "/v1/methods/{name}", weir__web_show_method, WEIR__WEB_CALLER, NONE, 0},
    {"GET", "/openapi.json", "/openapi.json", weir__web_show_openapi, WEIR__WEB_CALLER, NONE, 0},
    {"GET", "/", "/", weir__web_show_page, WEIR__WEB_ANYBODY, NONE, 1},
    {"GET", "/run", "/run", weir__web_show_page, WEIR__WEB_ANYBODY, NONE, 1},
    {"GET", "/v1/stats", "/v1/stats", weir__web_show_stats, WEIR__WEB_OPERATOR, NONE, 0},
    {"GET", "/v1/calls", "/v1/calls", weir__web_show_calls, WEIR__WEB_OPERATOR, NONE, 1},
    {"GET", "/v1/calls/", "/v1/calls/{id}", weir__web_show_call, WEIR__WEB_CALLER, NONE, 0},
    {"GET", "/v1/live", "/v1/live", weir__web_show_live, WEIR__WEB_OPERATOR, NONE, 1},
    {"DELETE", "/v1/calls/", "/v1/calls/{id}", weir__web_cancel_call, WEIR__WEB_OPERATOR, NONE, 1},
    {"GET", "/healthz", "/healthz", weir__web_show_health, WEIR__WEB_ANYBODY, NONE, 0},
    {"GET", "/readyz", "/readyz", weir__web_show_readiness, WEIR__WEB_ANYBODY, NONE, 0},
    {"GET", "/metrics", "/metrics", weir__web_show_metrics, WEIR__WEB_LOCAL, NONE, 0},
    {"POST", "/mcp", "/mcp", weir__web_mcp_post, WEIR__WEB_CALLER, MESSAGE, 0},
    {"GET", "/mcp", "/mcp", weir__web_mcp_get, WEIR__WEB_CALLER, NONE, 0},
    {"DELETE", "/mcp", "/mcp", weir__web_mcp_delete, WEIR__WEB_CALLER, NONE, 0},
};

static int has_path(const struct weir__web_route *route, struct weir__http_text path)
{
    size_t length = strlen(route->path);

    if (route->path[length - 1] != '/' || length == 1)
        return weir__http_is(path, route->path);
    return path.length > length && memcmp(path.bytes, route->path, length) == 0
           && memchr(path.bytes + length, '/', path.length - length) == NULL;
}

/* allowed: the methods that the path has, for Allow. */
static const struct weir__web_route *find_route(const struct weir__web_door *door,
                                                struct weir__http_text method,
                                                struct weir__http_text path, char allowed[64])
{
    const struct weir__web_route *found = NULL;

    allowed[0] = '\0';
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (!has_path(&routes[i], path) || (routes[i].is_page && door->options.has_no_page))
            continue;
        strcat(allowed, allowed[0] != '\0' ? ", " : "");
        strcat(allowed, strcmp(routes[i].method, "GET") == 0 ? "GET, HEAD" : routes[i].method);
        if (weir__http_is(method, routes[i].method)
            || (weir__http_is(method, "HEAD") && strcmp(routes[i].method, "GET") == 0))
            found = &routes[i];
    }
    return found;
}

static void answer_options(struct weir__web_client *client, const char *allowed)
{
    struct weir__http_writer writer = weir__web_begin(client, 204);
    char methods[80];

    snprintf(methods, sizeof methods, "%s%sOPTIONS", allowed, allowed[0] != '\0' ? ", " : "");
    weir__http_write_field(&writer, "Allow", methods);
    if (weir__web_foreign_origin(client) != NULL) {
        weir__http_write_field(&writer, "Access-Control-Allow-Methods", methods);
        weir__http_write_field(&writer, "Access-Control-Allow-Headers",
                               "Authorization, Content-Type, Weir-Timeout, traceparent, "
                               "tracestate, Idempotency-Key, Prefer, Mcp-Session-Id, "
                               "Mcp-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID");
        weir__http_write_field(&writer, "Access-Control-Max-Age", "600");
    }
    weir__web_answer(client, &writer, NULL, NULL, 0);
}

static void refuse_method(struct weir__web_client *client, const char *allowed)
{
    struct weir__http_problem problem = weir__http_problem_of_status(405, NULL);
    struct weir__http_writer writer = weir__web_begin(client, 405);

    weir__http_write_field(&writer, "Allow", allowed);
    weir__web_answer_problem(client, &writer, &problem, NULL, NULL, nothing);
}

/* The name in the path and the query.  Returns 0, or refuses the request. */
static int read_target(struct weir__web_client *client, struct weir__buffer *name,
                       struct weir__http_text *query)
{
    size_t length = strlen(client->route->path);
    struct weir__http_text path;
    int status;

    weir__http_target_split(weir__http_request_target(&client->request, client->in.bytes), &path,
                            query);
    status = weir__http_target_decode(
        (struct weir__http_text){path.bytes + length, path.length - length}, name);
    if (status == 400)
        weir__web_refuse(client, 400, NULL, "the name in the path is not percent-encoded UTF-8");
    else if (status != 0)
        weir__web_refuse(client, 500, NULL, "no memory");
    return status;
}

/* Calls the handler with the name in the path. */
static void answer_route(struct weir__web_client *client)
{
    struct weir__buffer name = {0};
    struct weir__http_text query;

    if (read_target(client, &name, &query) == 0)
        client->route->answer(client, name.bytes, query);
    weir__buffer_clear(&name);
}

/* What can be said of a call before its body is read.  Returns 0, or refuses the request. */
static int check_call(struct weir__web_client *client)
{
    struct weir__buffer name = {0};
    struct weir__http_text query;
    int status = read_target(client, &name, &query);

    if (status == 0 && !weir__web_is_exposed(client->door, name.bytes)) {
        status = 404;
        weir__web_refuse(client, 404, NULL, "there is no such function");
    } else if (status == 0) {
        status = weir__web_authorize_name(client, name.bytes);
        if (status != 0)
            weir__web_refuse(client, status, NULL,
                             status == 403 ? "the token is not for this function" : NULL);
    }
    weir__buffer_clear(&name);
    return status;
}

static int authorize(struct weir__web_client *client)
{
    const char *type;
    int status = weir__web_authorize(client, client->route->who, &type);

    if (status != 0)
        weir__web_refuse(client, status, type,
                         status == 403 ? "the token does not allow this" : NULL);
    return status;
}

static int check_names(struct weir__web_client *client)
{
    int status = weir__web_check_names(client);

    if (status == 421)
        weir__web_refuse(client, 421, NULL,
                         "the server is not called by the name in Host: use --http-host");
    else if (status == 403)
        weir__web_refuse(client, 403, "origin",
                         "pages of this Origin may not call: use --http-origin");
    return status;
}

static void begin_body(struct weir__web_client *client)
{
    struct weir__http_writer writer = {&client->out, 0};

    if (client->route->has_body == MESSAGE)
        client->terms.has_input = 0; /* of a call before */
    if (client->request.content_length > client->door->options.max_body
        && !client->terms.has_input) {
        weir__web_refuse(client, 413, NULL, "the body is longer than --http-max-body");
        return;
    }
    if (client->request.expects)
        weir__http_write_text(&writer, "HTTP/1.1 100 Continue\r\n\r\n");
    client->state = WEIR__WEB_BODY;
    client->since_ns = weir__clock_ns();
    client->body_bytes = 0;
    if (client->terms.has_input)
        answer_route(client);
}

void weir__web_route_head(struct weir__web_client *client)
{
    const struct weir__http_request *request = &client->request;
    struct weir__http_text method = weir__http_request_method(request, client->in.bytes);
    struct weir__http_text path, query;
    char allowed[64];

    client->is_head = weir__http_is(method, "HEAD");
    client->requests++;
    weir__web_metrics_begin(client);
    if (check_names(client) != 0)
        return;
    weir__http_target_split(weir__http_request_target(request, client->in.bytes), &path, &query);
    client->route = find_route(client->door, method, path, allowed);
    client->route_name = client->route != NULL ? client->route->name : NULL;
    client->name_at =
        client->route != NULL && client->route->has_body == CALL ? strlen(client->route->path) : 0;
    if (weir__http_is(method, "OPTIONS") && (allowed[0] != '\0' || weir__http_is(path, "*")))
        answer_options(client, allowed);
    else if (allowed[0] == '\0')
        weir__web_refuse(client, 404, NULL, NULL);
    else if (client->route == NULL)
        refuse_method(client, allowed);
    else if (authorize(client) != 0)
        return;
    else if (client->route->has_body == CALL
             && (weir__web_call_read(client) != 0 || check_call(client) != 0))
        return;
    else if (client->is_body_over)
        answer_route(client);
    else if (client->route->has_body == NONE)
        weir__web_refuse(client, 413, NULL, "no body is expected here");
    else
        begin_body(client);
}

void weir__web_route_body(struct weir__web_client *client)
{
    answer_route(client);
}
