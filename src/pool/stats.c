/* A pool's description of its methods, and its statistics. */
#include "config.h"

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
                                               weir__pool_worker_state(worker), "calls",
                                               number(worker->calls), "rss_kb",
                                               number(weir__pool_worker_rss_kb(worker)), "node",
                                               worker->handshake.node));
    return list;
}

static json_t *make_latency(const struct weir__histogram *latency)
{
    return json_pack("{s:o,s:o,s:o,s:o}", "p50",
                     milliseconds(weir__histogram_percentile(latency, 50)), "p95",
                     milliseconds(weir__histogram_percentile(latency, 95)), "p99",
                     milliseconds(weir__histogram_percentile(latency, 99)), "max",
                     milliseconds(latency->max_ns));
}

static json_t *make_outcomes(const struct weir__method_figures *method)
{
    json_t *outcomes = json_object();

    for (size_t i = 0; i < WEIR__OUTCOMES; i++)
        weir__tree_set(&outcomes, weir_outcome_name((enum weir_outcome)i),
                       number(method->outcomes[i]));
    return outcomes;
}

static json_t *make_counts(const uint64_t counts[WEIR__TIMES_BOUNDS + 1])
{
    json_t *list = json_array();

    for (size_t i = 0; i <= WEIR__TIMES_BOUNDS; i++)
        weir__tree_append(&list, number(counts[i]));
    return list;
}

static json_t *make_bounds(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < WEIR__TIMES_BOUNDS; i++)
        weir__tree_append(&list, milliseconds(weir__times_bounds_ns[i]));
    return list;
}

/* NULL: it has none. */
static const char *breaker_state(const struct weir__method_figures *method)
{
    return method->breaker.spec != NULL ? weir__breaker_state_name(method->breaker.state) : NULL;
}

static json_t *make_figures(const struct weir__figures *figures)
{
    const struct weir__method_figures *method;
    json_t *all = json_object();
    size_t at = 0;

    while ((method = weir__figures_next(figures, &at)) != NULL) {
        uint64_t calls = weir__figures_calls(method);

        weir__tree_set(
            &all, method->name,
            json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:s?}", "calls", number(calls), "errors",
                      number(calls - method->outcomes[WEIR_CALL_RETURNED]), "outcomes",
                      make_outcomes(method), "latency_ms", make_latency(&method->latency),
                      "buckets", make_counts(method->times.buckets), "values_in",
                      number(method->values_in), "values_out", number(method->values_out),
                      "fallbacks", number(method->fallbacks), "breaker", breaker_state(method)));
    }
    return all;
}

static json_t *make_stats(struct weir_pool *pool)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "calls", number(pool->calls),
                     "errors", number(pool->errors), "queued", number(pool->queued), "running",
                     number(pool->running), "restarts", number(pool->restarts), "noise",
                     number(pool->noise), "late", number(pool->late), "latency_ms",
                     make_latency(&pool->latency), "workers", make_workers(pool), "bounds_ms",
                     make_bounds(), "methods", make_figures(&pool->figures));
}

char *weir_pool_stats(weir_pool_t *pool)
{
    return make_text(pool, make_stats, JSON_COMPACT | JSON_REAL_PRECISION(6));
}
