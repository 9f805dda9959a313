#include "config.h"

#include "web/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_tree.h"
#include "http/fields.h"
#include "http/target.h"
#include "pool/worker_group.h"
#include "web/access.h"
#include "web/answer.h"
#include "web/exchange.h"
#include "web/kept.h"
#include "web/live.h"
#include "web/mcp.h"
#include "web/metrics.h"
#include "web/openapi.h"
#include "web/page.h"

/* name: the part of the path behind the route's, decoded; "" where it has none. */
typedef void handler(struct weir__web_client *client, const char *name,
                     struct weir__http_text query);

struct weir__web_route {
    const char *method;
    const char *path; /* ends with '/': a name follows */
    const char *name; /* for the metrics */
    handler *answer;
    enum weir__web_who who;
    int has_body, is_page;
};

enum { NONE, CALL, MESSAGE }; /* has_body */

static const struct weir__http_text nothing = {NULL, 0};

/* --- Which methods are there ---------------------------------------------------------- */

/* Those that the client may see. */
static json_t *make_methods(const struct weir__web_client *client)
{
    const struct weir__web_door *door = client->door;
    const json_t *allowed = client->bearer != NULL ? client->bearer->methods : NULL;
    json_t *all = json_object(), *method;
    const char *name;

    for (size_t i = 0; i < door->pool->group_count && all != NULL; i++)
        json_object_foreach(door->pool->groups[i].methods, name, method)
        {
            if (weir__web_is_exposed(door, name) && weir__tokens_allow(allowed, name)
                && json_object_get(all, name) == NULL)
                weir__tree_set(&all, name, json_incref(method));
        }
    return all;
}

/* Answers with a document, which it takes; NULL: memory is short. */
static void answer_document(struct weir__web_client *client, json_t *document)
{
    weir__web_answer_json(client, weir__tree_text(document, JSON_COMPACT | JSON_REAL_PRECISION(6)));
    json_decref(document);
}

static void answer_methods(struct weir__web_client *client, const char *name,
                           struct weir__http_text query)
{
    (void)name;
    (void)query;
    answer_document(client, make_methods(client));
}

static void answer_method(struct weir__web_client *client, const char *name,
                          struct weir__http_text query)
{
    json_t *all = make_methods(client), *method = json_object_get(all, name);

    (void)query;
    if (all != NULL && method == NULL)
        weir__web_refuse(client, 404, NULL, "there is no such function");
    else
        answer_document(client, json_incref(method));
    json_decref(all);
}

/* With an ETag: a client asks again without taking it again. */
static void answer_openapi(struct weir__web_client *client, const char *name,
                           struct weir__http_text query)
{
    json_t *methods = make_methods(client);
    json_t *document =
        methods != NULL ? weir__web_openapi(methods, client->door->options.tokens != NULL) : NULL;
    char *text = weir__tree_text(document, JSON_COMPACT | JSON_SORT_KEYS), etag[32];
    char hex[WEIR__DIGEST_SIZE];
    struct weir__http_writer writer;

    (void)name;
    (void)query;
    json_decref(methods);
    json_decref(document);
    if (text == NULL) {
        weir__web_refuse(client, 500, NULL, "no memory");
        return;
    }
    weir__sha256(text, strlen(text), hex);
    snprintf(etag, sizeof etag, "\"%.16s\"", hex);
    if (weir__http_is(weir__http_request_field(&client->request, client->in.bytes, "if-none-match"),
                      etag)) {
        writer = weir__web_begin(client, 304);
        weir__http_write_field(&writer, "ETag", etag);
        weir__web_answer(client, &writer, NULL, NULL, 0);
    } else {
        writer = weir__web_begin(client, 200);
        weir__http_write_field(&writer, "ETag", etag);
        weir__web_answer(client, &writer, "application/json", text, strlen(text));
    }
    free(text);
}

/* --- What runs --------------------------------------------------------------------------- */

static void answer_stats(struct weir__web_client *client, const char *name,
                         struct weir__http_text query)
{
    (void)name;
    (void)query;
    weir__web_answer_json(client, weir_pool_stats(client->door->pool));
}

static void answer_calls(struct weir__web_client *client, const char *name,
                         struct weir__http_text query)
{
    (void)name;
    (void)query;
    answer_document(client, weir__web_live_calls(client->door));
}

static void answer_live(struct weir__web_client *client, const char *name,
                        struct weir__http_text query)
{
    (void)name;
    (void)query;
    weir__web_live_begin(client);
}

static const char *find_caller(const struct weir__web_client *client)
{
    return client->bearer != NULL ? client->bearer->sha256 : "";
}

/* Of a call that was sent with Prefer: respond-async. */
static void answer_call(struct weir__web_client *client, const char *name,
                        struct weir__http_text query)
{
    const struct weir__web_kept *kept =
        weir__web_kept_call(client->door, find_caller(client), name);
    struct weir__http_writer writer;
    char text[64 + WEIR__WEB_CALL_ID];

    (void)query;
    if (kept == NULL) {
        weir__web_refuse(client, 404, NULL, "there is no such call");
    } else if (kept->status != 0) {
        weir__web_kept_answer(client, kept, 0);
    } else {
        snprintf(text, sizeof text, "{\"id\":\"%s\"}", kept->id);
        writer = weir__web_begin(client, 202);
        weir__http_write_field(&writer, "Weir-Call", kept->id);
        weir__web_answer(client, &writer, "application/json", text, strlen(text));
    }
}

static void cancel_call(struct weir__web_client *client, const char *name,
                        struct weir__http_text query)
{
    struct weir__web_exchange *exchange = client->door->exchanges;
    struct weir__http_writer writer;

    (void)query;
    while (exchange != NULL && (exchange->call == NULL || strcmp(exchange->id, name) != 0))
        exchange = exchange->next;
    if (exchange == NULL) {
        weir__web_refuse(client, 404, NULL, "there is no such call");
        return;
    }
    exchange->is_cancelled = 1;
    weir_call_cancel(exchange->call);
    writer = weir__web_begin(client, 204);
    weir__web_answer(client, &writer, NULL, NULL, 0);
}

/* --- The page ------------------------------------------------------------------------------ */

static void answer_page(struct weir__web_client *client, const char *name,
                        struct weir__http_text query)
{
    char *policy = weir__web_page_policy();
    struct weir__http_writer writer;
    const char *page;
    size_t length;

    (void)name;
    (void)query;
    if (policy == NULL) {
        weir__web_refuse(client, 500, NULL, "no memory");
        return;
    }
    page = weir__web_page(&length);
    writer = weir__web_begin(client, 200);
    weir__http_write_field(&writer, "Content-Security-Policy", policy);
    weir__web_answer(client, &writer, "text/html; charset=utf-8", page, length);
    free(policy);
}

/* --- Health --------------------------------------------------------------------------------- */

static void answer_health(struct weir__web_client *client, const char *name,
                          struct weir__http_text query)
{
    char *text = strdup("{\"status\":\"ok\"}");

    (void)name;
    (void)query;
    weir__web_answer_json(client, text);
}

static void answer_readiness(struct weir__web_client *client, const char *name,
                             struct weir__http_text query)
{
    struct weir__web_door *door = client->door;
    const struct weir_pool *pool = door->pool;
    const char *why = NULL;
    char detail[128];

    (void)name;
    (void)query;
    for (size_t i = 0; i < pool->group_count && why == NULL; i++) {
        unsigned ready = weir__worker_group_ready(&pool->groups[i]);
        unsigned wanted = door->options.min_ready;

        if (wanted > pool->groups[i].kind.workers)
            wanted = pool->groups[i].kind.workers;
        if (ready < wanted) {
            snprintf(detail, sizeof detail, "%u of the %u processes of worker %zu are ready", ready,
                     wanted, i + 1);
            why = detail;
        }
    }
    if (why == NULL && pool->queued >= door->options.max_queue)
        why = "the queue is full";
    if (door->is_leaving || door->is_draining)
        why = "the server is stopping";
    if (why != NULL)
        weir__web_refuse(client, 503, NULL, why);
    else
        weir__web_answer_json(client, strdup("{\"status\":\"ready\"}"));
}

static void answer_metrics(struct weir__web_client *client, const char *name,
                           struct weir__http_text query)
{
    struct weir__buffer text = {0};
    struct weir__http_writer writer;

    (void)name;
    (void)query;
    if (weir__web_metrics_write(client->door, &text) < 0) {
        weir__web_refuse(client, 500, NULL, "no memory");
    } else {
        writer = weir__web_begin(client, 200);
        weir__web_answer(client, &writer, "text/plain; version=0.0.4; charset=utf-8", text.bytes,
                         text.length);
    }
    weir__buffer_clear(&text);
}

/* --- Calls ------------------------------------------------------------------------------------ */

/* The form that is wanted most; JSON where all are wanted alike. Returns 0, or 406. */
static int choose_form(struct weir__web_client *client)
{
    static const struct {
        const char *media;
        enum weir__web_form form;
    } forms[] = {
        {"application/json", WEIR__WEB_JSON},
        {"application/x-ndjson", WEIR__WEB_LINES},
        {"text/event-stream", WEIR__WEB_EVENTS},
    };
    int most = 0;

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        int weight = weir__http_accepts(&client->request, client->in.bytes, forms[i].media);

        if (weight > most) {
            most = weight;
            client->terms.form = forms[i].form;
        }
    }
    return most > 0 ? 0 : 406;
}

static int is_printable(struct weir__http_text text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.bytes[i] < ' ' || text.bytes[i] > '~')
            return 0;
    return text.length > 0 && text.length < WEIR__WEB_KEY;
}

/* Whether the reply is kept, and for whom.  A one-time token needs no key: it is spent by the first
 * request, and nobody could ask for the reply with it.  Returns 0, or refuses the request. */
static int read_ask(struct weir__web_client *client)
{
    const char *head = client->in.bytes;
    struct weir__http_text key =
        weir__http_request_field(&client->request, head, "idempotency-key");
    int is_async = weir__http_has_item(weir__http_request_field(&client->request, head, "prefer"),
                                       "respond-async");

    if (key.bytes != NULL && (!is_printable(key) || client->terms.has_input)) {
        weir__web_refuse(client, 400, NULL,
                         client->terms.has_input
                             ? "Idempotency-Key: replies to streams are not kept"
                             : "Idempotency-Key: expected 1 to 64 printable characters");
        return -1;
    }
    if (client->bound != NULL || client->terms.has_input || (key.bytes == NULL && !is_async))
        return 0;
    client->ask = calloc(1, sizeof *client->ask);
    if (client->ask == NULL) {
        weir__web_refuse(client, 500, NULL, "no memory");
        return -1;
    }
    snprintf(client->ask->caller, sizeof client->ask->caller, "%s", find_caller(client));
    if (key.bytes != NULL)
        memcpy(client->ask->key, key.bytes, key.length);
    client->ask->is_async = is_async;
    return 0;
}

/* Reads what the call needs of the head.  Returns 0, or refuses the request. */
static int read_terms(struct weir__web_client *client)
{
    const struct weir__http_request *request = &client->request;
    const char *head = client->in.bytes;
    struct weir__http_text timeout = weir__http_request_field(request, head, "weir-timeout");
    struct weir__http_text type = weir__http_request_field(request, head, "content-type");
    int64_t ms = 0;

    client->terms = (struct weir__web_terms){
        .timeout_ms = client->door->options.timeout_ms,
        .has_input = weir__http_media_is(type, "application/x-ndjson"),
    };
    if (!client->terms.has_input && !weir__http_media_is(type, "application/json")
        && (type.bytes != NULL || !client->is_body_over)) {
        weir__web_refuse(client, 415, NULL, "send application/json, or application/x-ndjson");
        return -1;
    }
    if (timeout.bytes != NULL && weir__http_seconds(timeout, &ms) != 0) {
        weir__web_refuse(client, 400, NULL,
                         "Weir-Timeout: expected seconds with at most 3 decimals");
        return -1;
    }
    if (timeout.bytes != NULL && ms < client->terms.timeout_ms)
        client->terms.timeout_ms = ms;
    if (choose_form(client) != 0) {
        weir__web_refuse(client, 406, NULL,
                         "results are application/json, application/x-ndjson or text/event-stream");
        return -1;
    }
    return read_ask(client);
}

/* The parameters beside an input stream.  Returns 0, or 400 with *why. */
static int read_query(struct weir__web_client *client, struct weir__http_text query,
                      struct weir__buffer *params, const char **why)
{
    static const char name[] = "params=";
    size_t length = sizeof name - 1;

    *why = "a query is for input streams only: send the parameters as the body";
    if (query.bytes == NULL)
        return 0;
    if (!client->terms.has_input)
        return 400;
    *why = "the query is not params= with JSON";
    if (query.length < length || memcmp(query.bytes, name, length) != 0
        || memchr(query.bytes, '&', query.length) != NULL)
        return 400;
    return weir__http_target_decode(
        (struct weir__http_text){query.bytes + length, query.length - length}, params);
}

/* Whether the request was answered without a call: by the reply to an earlier one, or refused. */
static int answer_again(struct weir__web_client *client, const char *name,
                        struct weir__http_text body)
{
    struct weir__web_ask *ask = client->ask;
    const struct weir__web_kept *kept;

    if (ask == NULL)
        return 0;
    if (*weir__pool_streams(client->door->pool, name) != '\0') {
        if (ask->key[0] != '\0') {
            weir__web_refuse(client, 400, NULL, "Idempotency-Key: replies to streams are not kept");
            return 1;
        }
        free(ask); /* it is a preference only */
        client->ask = NULL;
        return 0;
    }
    if (weir__token_hash(name, body.bytes, body.length, ask->hash) < 0) {
        weir__web_refuse(client, 500, NULL, "no memory");
        return 1;
    }
    kept = ask->key[0] != '\0' ? weir__web_kept_find(client->door, ask->caller, ask->key) : NULL;
    if (kept == NULL)
        return 0;
    if (strcmp(kept->ask.hash, ask->hash) != 0)
        weir__web_refuse(client, 422, NULL,
                         "the Idempotency-Key was used for another function or other parameters");
    else if (kept->status == 0)
        weir__web_refuse(client, 409, NULL, "the call with this Idempotency-Key still runs");
    else
        weir__web_kept_answer(client, kept, 1);
    return 1;
}

static void call(struct weir__web_client *client, const char *name, struct weir__http_text query)
{
    struct weir__buffer params = {0};
    struct weir__http_text body = {client->in.bytes + client->request.length,
                                   client->body_end - client->request.length};
    const char *why, *type;
    int status = read_query(client, query, &params, &why);

    if (status == 400)
        weir__web_refuse(client, 400, NULL, why);
    else if (status != 0)
        weir__web_refuse(client, 500, NULL, "no memory");
    else if ((status = weir__web_spend(client, name, body, &type)) != 0)
        weir__web_refuse(client, status, type, NULL);
    else if (answer_again(client, name, body))
        ;
    else if (client->terms.has_input)
        weir__web_exchange_start(
            client, name,
            params.length > 0 ? (struct weir__http_text){params.bytes, params.length} : nothing);
    else
        weir__web_exchange_start(client, name, body.length > 0 ? body : nothing);
    weir__buffer_clear(&params);
}

/* --- The table ---------------------------------------------------------------------------------
 */

static const struct weir__web_route routes[] = {
    {"POST", "/v1/call/", "/v1/call/{name}", call, WEIR__WEB_BOUND_CALLER, CALL, 0},
    {"GET", "/v1/methods", "/v1/methods", answer_methods, WEIR__WEB_CALLER, NONE, 0},
    {"GET", "/v1/methods/", "/v1/methods/{name}", answer_method, WEIR__WEB_CALLER, NONE, 0},
    {"GET", "/openapi.json", "/openapi.json", answer_openapi, WEIR__WEB_CALLER, NONE, 0},
    {"GET", "/", "/", answer_page, WEIR__WEB_ANYBODY, NONE, 1},
    {"GET", "/run", "/run", answer_page, WEIR__WEB_ANYBODY, NONE, 1},
    {"GET", "/v1/stats", "/v1/stats", answer_stats, WEIR__WEB_OPERATOR, NONE, 0},
    {"GET", "/v1/calls", "/v1/calls", answer_calls, WEIR__WEB_OPERATOR, NONE, 1},
    {"GET", "/v1/calls/", "/v1/calls/{id}", answer_call, WEIR__WEB_CALLER, NONE, 0},
    {"GET", "/v1/live", "/v1/live", answer_live, WEIR__WEB_OPERATOR, NONE, 1},
    {"DELETE", "/v1/calls/", "/v1/calls/{id}", cancel_call, WEIR__WEB_OPERATOR, NONE, 1},
    {"GET", "/healthz", "/healthz", answer_health, WEIR__WEB_ANYBODY, NONE, 0},
    {"GET", "/readyz", "/readyz", answer_readiness, WEIR__WEB_ANYBODY, NONE, 0},
    {"GET", "/metrics", "/metrics", answer_metrics, WEIR__WEB_LOCAL, NONE, 0},
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
             && (read_terms(client) != 0 || check_call(client) != 0))
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
