/* A pool's description of its methods, and its statistics. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_tree.h"
#include "pool/pool.h"
#include "pool/pool_worker.h"

struct making {
    struct weir_pool *pool;
    json_t *(*make)(struct weir_pool *pool);
    size_t flags;
    char *text;
};

static void do_make(void *data)
{
    struct making *making = data;
    json_t *document = making->make(making->pool);

    if (document != NULL)
        making->text = weir__tree_text(document, making->flags);
    json_decref(document);
}

static char *make_text(struct weir_pool *pool, json_t *(*make)(struct weir_pool *pool),
                       size_t flags)
{
    struct making making = {pool, make, flags, NULL};

    weir__context_do(pool->weir, do_make, &making);
    return making.text;
}

/* A description without what only agents need. */
static json_t *shorten(const json_t *method)
{
    static const char *const names[] = {"input", "output", "description", "title", "annotations"};
    json_t *copy = weir__tree_copy(method);

    for (size_t i = 0; i < sizeof names / sizeof names[0] && copy != NULL; i++)
        json_object_del(copy, names[i]);
    return copy;
}

static json_t *make_short_methods(struct weir_pool *pool)
{
    json_t *all = json_object(), *method;
    const char *name;

    for (size_t i = 0; i < pool->group_count && all != NULL; i++)
        json_object_foreach(pool->groups[i].methods, name, method)
        {
            if (json_object_get(all, name) == NULL)
                weir__tree_set(&all, name, shorten(method));
        }
    return all;
}

static json_t *make_methods(struct weir_pool *pool)
{
    json_t *all = json_object(), *method;
    const char *name;

    for (size_t i = 0; i < pool->group_count && all != NULL; i++)
        json_object_foreach(pool->groups[i].methods, name, method)
        {
            if (json_object_get(all, name) == NULL)
                weir__tree_set(&all, name, json_incref(method));
        }
    return all;
}

char *weir_pool_methods(weir_pool_t *pool)
{
    return make_text(pool, make_methods, JSON_COMPACT);
}

char *weir__pool_methods(weir_pool_t *pool, int with_schemas)
{
    return make_text(pool,
                     with_schemas || !pool->options.schemas ? make_methods : make_short_methods,
                     JSON_COMPACT);
}

static const char *state_name(const struct weir__pool_worker *worker)
{
    static const char *const names[] = {
        [WEIR__POOL_WORKER_STARTING] = "starting", [WEIR__POOL_WORKER_READY] = "ready",
        [WEIR__POOL_WORKER_RETIRING] = "retiring", [WEIR__POOL_WORKER_LOST] = "lost",
        [WEIR__POOL_WORKER_ENDING] = "ending",
    };

    if (worker->state != WEIR__POOL_WORKER_READY)
        return names[worker->state];
    return worker->lent != 0 ? "lent" : worker->flights > 0 ? "busy" : "ready";
}

static json_t *milliseconds(int64_t ns)
{
    return json_real((double)ns / 1e6);
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *make_workers(struct weir_pool *pool)
{
    json_t *list = json_array();

    for (size_t i = 0; i < pool->group_count; i++)
        for (const struct weir__pool_worker *worker = pool->groups[i].workers; worker != NULL;
             worker = worker->next)
            weir__tree_append(&list, json_pack("{s:I,s:s,s:o,s:o,s:s?}", "pid",
                                               (json_int_t)weir__pool_worker_pid(worker), "state",
                                               state_name(worker), "calls", number(worker->calls),
                                               "rss_kb", number(weir__pool_worker_rss_kb(worker)),
                                               "node", worker->handshake.node));
    return list;
}

static json_t *make_stats(struct weir_pool *pool)
{
    const struct weir__histogram *latency = &pool->latency;
    json_t *times =
        json_pack("{s:o,s:o,s:o,s:o}", "p50", milliseconds(weir__histogram_percentile(latency, 50)),
                  "p95", milliseconds(weir__histogram_percentile(latency, 95)), "p99",
                  milliseconds(weir__histogram_percentile(latency, 99)), "max",
                  milliseconds(latency->max_ns));

    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "calls", number(pool->calls),
                     "errors", number(pool->errors), "queued", number(pool->queued), "running",
                     number(pool->running), "restarts", number(pool->restarts), "noise",
                     number(pool->noise), "late", number(pool->late), "latency_ms", times,
                     "workers", make_workers(pool));
}

char *weir_pool_stats(weir_pool_t *pool)
{
    return make_text(pool, make_stats, JSON_COMPACT | JSON_REAL_PRECISION(6));
}
