/* Each worker has a seat, which waits with full jitter after a failure.  The kind is down
 * when its starts have failed for start_patience_ms and no worker is up; even then one is
 * started from time to time. */
#include "config.h"

#include "pool/worker_group.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "pool/pool_worker.h"

enum {
    LAUNCHED_AT_ONCE = 8, /* sshd, for one, drops connections beyond 10 */
    CANNOT_EXECUTE = 126, /* 127: not found; the shell's, env's and the launchers' statuses */
};

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

/* Whether it is ready or will be; the one that is being replaced does not count. */
static int serves(const struct weir__kind *kind, const struct weir__peer *peer)
{
    return (peer->state == WEIR__PEER_STARTING || peer->state == WEIR__PEER_READY)
           && peer != kind->outgoing;
}

static unsigned count_serving(const struct weir__kind *kind, unsigned *starting)
{
    unsigned count = 0;

    *starting = 0;
    for (const struct weir__peer *peer = kind->peers; peer != NULL; peer = peer->next) {
        *starting += peer->state == WEIR__PEER_STARTING;
        count += serves(kind, peer);
    }
    return count;
}

/* The free seat whose time comes first. */
static struct weir__seat *find_seat(const struct weir__kind *kind)
{
    struct weir__seat *first = NULL;

    for (unsigned i = 0; i < kind->pool->options.workers; i++) {
        struct weir__seat *seat = &kind->seats[i];

        if ((seat->peer == NULL || !serves(kind, seat->peer))
            && (first == NULL || seat->backoff.next_ns < first->backoff.next_ns))
            first = seat;
    }
    return first;
}

static int64_t give_up_ns(const struct weir__kind *kind)
{
    const struct weir_pool_options *options = &kind->pool->options;
    int64_t patience_ms = options->start_patience_ms;

    if (kind->is_hopeless)
        return 0;
    if (kind->failing_since_ns == 0
        || patience_ms > (INT64_MAX - kind->failing_since_ns) / 1000000)
        return INT64_MAX;
    return kind->failing_since_ns + patience_ms * 1000000;
}

/* How many may be starting at a time. */
static unsigned most_starting(const struct weir__kind *kind)
{
    if (kind->is_down || weir__clock_ns() >= give_up_ns(kind))
        return 1; /* enough to see whether they start again */
    return kind->pool->is_launched ? LAUNCHED_AT_ONCE : UINT_MAX;
}

static void put_off_start(const struct weir__kind *kind, struct weir__seat *seat);
static void start_failed(struct weir__kind *kind, const char *how, const char *tail, int for_good);

int weir__kind_tend(struct weir__kind *kind, struct weir_error *error)
{
    struct weir_pool *pool = kind->pool;
    struct weir_error why = {0};
    unsigned starting;

    for (struct weir__peer *peer = kind->peers; peer != NULL; peer = peer->next)
        weir__peer_settle(peer);
    if (pool->state == WEIR__POOL_ENDING)
        return 0;
    if (kind->outgoing == NULL)
        kind->outgoing = find_old(kind);
    while (count_serving(kind, &starting) < pool->options.workers) {
        struct weir__seat *seat = find_seat(kind);
        int status;

        if (starting >= most_starting(kind))
            return 0; /* the next is due when one is ready or fails */
        if (weir__clock_ns() < seat->backoff.next_ns) {
            weir__alarm_set(&pool->alarms, &kind->restart, seat->backoff.next_ns);
            return 0;
        }
        status = weir__peer_start(kind, seat, &why);
        if (status < 0) {
            if (error != NULL) {
                *error = why;
                return status;
            }
            put_off_start(kind, seat);
            start_failed(kind, why.text, "", 0);
        }
    }
    return 0;
}

/* --- What they report -------------------------------------------------- */

/* Two kinds with a function of the same name: it would not be clear which is meant. */
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

void weir__kind_greeted(struct weir__peer *peer)
{
    struct weir__kind *kind = peer->kind;
    struct weir__peer *outgoing = kind->outgoing;

    json_decref(kind->methods);
    kind->methods = peer->greeting.methods; /* one copy, of the newest */
    peer->greeting.methods = NULL;
    kind->is_known = 1;
    kind->is_down = 0;
    kind->failing_since_ns = 0;
    kind->is_hopeless = 0;
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
    kind->pool->stale |= WEIR__STALE_WORKERS | WEIR__STALE_UNSORTED | WEIR__STALE_WAITS;
}

/* A worker that has answered calls is replaced at once, the first time. */
static void put_off_start(const struct weir__kind *kind, struct weir__seat *seat)
{
    const struct weir_pool_options *options = &kind->pool->options;

    if (!seat->has_answered)
        weir__backoff_failed(&seat->backoff, weir__clock_ns(), options->backoff_ms,
                             options->backoff_max_ms);
    seat->has_answered = 0;
}

/* A start has failed; for_good: the next one would, too. */
static void start_failed(struct weir__kind *kind, const char *how, const char *tail, int for_good)
{
    struct weir_pool *pool = kind->pool;
    int64_t now_ns = weir__clock_ns(), until_ns;
    unsigned starting;

    snprintf(kind->last_words, sizeof kind->last_words, "%.60s %.200s%s%.200s",
             kind->command.argv[0], how, tail[0] != '\0' ? "; it said: " : "", tail);
    if (weir__kind_ready(kind) > 0) {
        kind->failing_since_ns = 0;
    } else {
        kind->is_hopeless |= for_good;
        if (kind->failing_since_ns == 0)
            kind->failing_since_ns = now_ns;
        until_ns = give_up_ns(kind);
        if (now_ns >= until_ns && count_serving(kind, &starting) == 0) {
            kind->is_down = 1;
            pool->stale |= WEIR__STALE_UNSORTED;
        }
        for (unsigned i = 0; now_ns < until_ns && i < pool->options.workers; i++)
            if (kind->seats[i].backoff.next_ns > until_ns)
                kind->seats[i].backoff.next_ns = until_ns; /* tried once more before it is down */
    }
    pool->stale |= WEIR__STALE_WAITS;
}

static int is_shortage(int error)
{
    return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE
           || error == ETXTBSY;
}

/* The program, or one before it in the launcher's line, is missing or not executable. */
static int cannot_be_executed(const struct weir__kind *kind, const struct weir_result *result)
{
    return (result->end == WEIR_NOT_STARTED && !is_shortage(result->sys_errno))
           || (result->end == WEIR_EXITED && !kind->is_known
               && (result->code == CANNOT_EXECUTE || result->code == CANNOT_EXECUTE + 1));
}

void weir__kind_lost(struct weir__peer *peer, int was_starting)
{
    struct weir__kind *kind = peer->kind;
    struct weir_pool *pool = kind->pool;
    const struct weir_result *result = &peer->worker.result;
    char tail[200];

    if (kind->outgoing == peer)
        kind->outgoing = NULL;
    if (pool->state == WEIR__POOL_ENDING)
        return;
    if (!peer->is_our_end && peer->seat->peer == peer)
        put_off_start(kind, peer->seat);
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
        start_failed(kind, peer->reason, tail, cannot_be_executed(kind, result));
    pool->stale |= WEIR__STALE_WORKERS;
}
