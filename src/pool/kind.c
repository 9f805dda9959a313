/* One kind of worker: as many as asked are kept ready, those that die are replaced
 * (with patience, where they die in a row), those that are old too, by others first. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "pool/pool.h"

unsigned weir__kind_ready(const struct weir__kind *kind)
{
    unsigned count = 0;

    for (const struct weir__peer *peer = kind->peers; peer != NULL; peer = peer->next)
        count += peer->state == WEIR__PEER_READY;
    return count;
}

const json_t *weir__kind_method(const struct weir__kind *kind, const char *name)
{
    return json_object_get(kind->methods, name);
}

int weir__pool_streams(const struct weir_pool *pool, const char *method)
{
    for (size_t i = 0; i < pool->kind_count; i++)
        if (json_object_get(weir__kind_method(&pool->kinds[i], method), "stream") != NULL)
            return 1;
    return 0;
}

/* --- Keeping the number ---------------------------------------------------- */

static struct weir__peer *find_old(const struct weir__kind *kind)
{
    for (struct weir__peer *peer = kind->peers; peer != NULL; peer = peer->next)
        if (peer->is_old && peer->state == WEIR__PEER_READY)
            return peer;
    return NULL;
}

/* Those that serve or will; the one that is being replaced does not count. */
static unsigned count_serving(const struct weir__kind *kind, unsigned *starting)
{
    unsigned count = 0;

    *starting = 0;
    for (const struct weir__peer *peer = kind->peers; peer != NULL; peer = peer->next) {
        *starting += peer->state == WEIR__PEER_STARTING;
        count += (peer->state == WEIR__PEER_STARTING || peer->state == WEIR__PEER_READY)
                 && peer != kind->outgoing;
    }
    return count;
}

static void put_off_start(struct weir__kind *kind);
static void start_failed(struct weir__kind *kind, const char *how, const char *tail, int for_good);

int weir__kind_tend(struct weir__kind *kind, struct weir_error *error)
{
    struct weir_pool *pool = kind->pool;
    struct weir_error why = {0};
    unsigned starting;

    if (pool->state == WEIR__POOL_ENDING)
        return 0;
    if (kind->outgoing == NULL)
        kind->outgoing = find_old(kind);
    while (count_serving(kind, &starting) < pool->options.workers) {
        int status;

        if (kind->is_down && starting > 0)
            return 0; /* one is enough to see whether they start again */
        if (weir__clock_ns() < kind->next_start_ns) {
            weir__alarm_set(&pool->alarms, &kind->restart, kind->next_start_ns);
            return 0;
        }
        status = weir__peer_start(kind, &why);
        if (status < 0) {
            if (error != NULL) {
                *error = why;
                return status;
            }
            put_off_start(kind);
            start_failed(kind, why.text, "", 0);
        }
    }
    return 0;
}

void weir__kind_restart_due(void *owner)
{
    weir__kind_tend(owner, NULL);
}

/* --- What becomes of them -------------------------------------------------- */

/* Two kinds that have a function of the same name: nobody could say which is meant. */
static void find_clash(struct weir__kind *kind)
{
    struct weir_pool *pool = kind->pool;

    for (size_t i = 0; i < pool->kind_count && pool->clash.status == 0; i++) {
        const struct weir__kind *other = &pool->kinds[i];
        const char *name;
        json_t *about;

        if (other == kind || !other->is_known)
            continue;
        json_object_foreach(kind->methods, name, about) if (weir__kind_method(other, name) != NULL)
        {
            weir__fail(&pool->clash, WEIR_ERR_INVALID, 0,
                       "\"%s\" is a function of worker %zu (%s) and of worker %zu (%s): give one "
                       "of them another name",
                       name, i + 1, other->command.argv[0], (size_t)(kind - pool->kinds) + 1,
                       kind->command.argv[0]);
            break;
        }
    }
}

void weir__kind_greeted(struct weir__kind *kind, struct weir__peer *peer)
{
    struct weir__peer *outgoing = kind->outgoing;

    json_decref(kind->methods);
    kind->methods = peer->greeting.methods; /* one copy, of the newest */
    peer->greeting.methods = NULL;
    kind->is_known = 1;
    kind->is_down = 0;
    kind->failures = 0;
    find_clash(kind);
    weir__context_tell(kind->pool->weir,
                       (struct weir_event){
                           .kind = WEIR_EVENT_WORKER_READY,
                           .stage = (int)kind->number,
                           .name = kind->command.argv[0],
                           .pid = weir__peer_pid(peer),
                           .text = peer->greeting.node,
                           .length = peer->greeting.node != NULL ? strlen(peer->greeting.node) : 0,
                       });
    if (outgoing != NULL && outgoing != peer) {
        kind->outgoing = NULL;
        weir__peer_retire(outgoing);
    }
    weir__kind_tend(kind, NULL); /* the next one that is old; those that waited for this one */
    weir__dispatch_sort(kind->pool);
    weir__pool_look(kind->pool);
}

void weir__kind_succeeded(struct weir__kind *kind)
{
    kind->starts_in_row = 0;
}

/* Full jitter: anything from nothing to the whole, or all would come back at once. */
static int64_t wait_before_start_ns(const struct weir__kind *kind)
{
    const struct weir_pool_options *options = &kind->pool->options;
    int64_t most_ms = options->backoff_ms;
    uint64_t mixed = (uint64_t)weir__clock_ns() * UINT64_C(0x9e3779b97f4a7c15);
    double share = (double)(mixed >> 11) / 9007199254740992.0;

    if (kind->starts_in_row == 0)
        return 0;
    for (unsigned i = 1; i < kind->starts_in_row && most_ms < options->backoff_max_ms; i++)
        most_ms *= 2;
    if (most_ms > options->backoff_max_ms)
        most_ms = options->backoff_max_ms;
    return (int64_t)(share * (double)most_ms * 1e6);
}

static void put_off_start(struct weir__kind *kind)
{
    kind->next_start_ns = weir__clock_ns() + wait_before_start_ns(kind);
    kind->starts_in_row++;
    kind->round++;
}

static int has_other_hope(const struct weir__kind *kind)
{
    unsigned starting, serving = count_serving(kind, &starting);

    return serving > 0 || (kind->outgoing != NULL && kind->outgoing->state == WEIR__PEER_READY);
}

static void start_failed(struct weir__kind *kind, const char *how, const char *tail, int for_good)
{
    struct weir_pool *pool = kind->pool;

    snprintf(kind->last_words, sizeof kind->last_words, "%.60s %.200s%s%.200s",
             kind->command.argv[0], how, tail[0] != '\0' ? "; it said: " : "", tail);
    kind->failures = for_good ? pool->options.start_attempts : kind->failures + 1;
    if (kind->failures >= pool->options.start_attempts && !has_other_hope(kind)) {
        kind->is_down = 1;
        weir__dispatch_sort(pool);
    }
    weir__pool_look(pool);
}

void weir__kind_lost(struct weir__kind *kind, struct weir__peer *peer, int was_starting)
{
    struct weir_pool *pool = kind->pool;
    const struct weir_result *result = &peer->worker.result;
    char tail[200];

    if (kind->outgoing == peer)
        kind->outgoing = NULL;
    if (pool->state == WEIR__POOL_ENDING)
        return;
    if (!peer->is_our_end && peer->round == kind->round)
        put_off_start(kind);
    pool->restarts++;
    weir__worker_tail(&peer->worker, tail, sizeof tail);
    weir__context_tell(pool->weir, (struct weir_event){
                                       .kind = WEIR_EVENT_WORKER_RESTART,
                                       .stage = (int)kind->number,
                                       .name = kind->command.argv[0],
                                       .pid = weir__peer_pid(peer),
                                       .text = peer->reason,
                                       .length = strlen(peer->reason),
                                   });
    if (was_starting || result->end == WEIR_NOT_STARTED)
        start_failed(kind, peer->reason, tail, result->end == WEIR_NOT_STARTED);
    weir__kind_tend(kind, NULL);
}
