#include "config.h"

#include "web/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_tree.h"
#include "http/fields.h"
#include "pool/worker_group.h"
#include "web/access.h"
#include "web/answer.h"
#include "web/kept.h"
#include "web/live.h"
#include "web/metrics.h"
#include "web/openapi.h"
#include "web/page.h"

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

void weir__web_show_methods(struct weir__web_client *client, const char *name,
                            struct weir__http_text query)
{
    (void)name;
    (void)query;
    answer_document(client, make_methods(client));
}

void weir__web_show_method(struct weir__web_client *client, const char *name,
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
void weir__web_show_openapi(struct weir__web_client *client, const char *name,
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

void weir__web_show_stats(struct weir__web_client *client, const char *name,
                          struct weir__http_text query)
{
    (void)name;
    (void)query;
    weir__web_answer_json(client, weir_pool_stats(client->door->pool));
}

void weir__web_show_calls(struct weir__web_client *client, const char *name,
                          struct weir__http_text query)
{
    (void)name;
    (void)query;
    answer_document(client, weir__web_live_calls(client->door));
}

void weir__web_show_live(struct weir__web_client *client, const char *name,
                         struct weir__http_text query)
{
    (void)name;
    (void)query;
    weir__web_live_begin(client);
}

/* Of a call that was sent with Prefer: respond-async. */
void weir__web_show_call(struct weir__web_client *client, const char *name,
                         struct weir__http_text query)
{
    const struct weir__web_kept *kept =
        weir__web_kept_call(client->door, weir__web_caller(client), name);
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

void weir__web_cancel_call(struct weir__web_client *client, const char *name,
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

void weir__web_show_page(struct weir__web_client *client, const char *name,
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

void weir__web_show_health(struct weir__web_client *client, const char *name,
                           struct weir__http_text query)
{
    char *text = strdup("{\"status\":\"ok\"}");

    (void)name;
    (void)query;
    weir__web_answer_json(client, text);
}

void weir__web_show_readiness(struct weir__web_client *client, const char *name,
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

void weir__web_show_metrics(struct weir__web_client *client, const char *name,
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
