/* One worker of a pool: from its start to its end.  The states are drawn in pool.h. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/printable.h"
#include "base/process_tree.h"
#include "pool/pool.h"

enum {
    LOST_MS = 50,   /* how long to wait for the exit of one that closed its output */
    DRAIN_MS = 100, /* how long others may hold the outputs of one that is gone */
    STDERR_KEPT = 4096,
    KEPT_ROOM = 4096, /* of buffers, while nothing is in them */
    FIRST_SLOTS = 8,
};

static struct weir_pool *pool_of(const struct weir__peer *peer)
{
    return peer->kind->pool;
}

pid_t weir__peer_pid(const struct weir__peer *peer)
{
    return peer->greeting.pid > 0 ? peer->greeting.pid : peer->worker.result.pid;
}

int weir__peer_listens(const struct weir__peer *peer)
{
    return peer->state != WEIR__PEER_ENDING && peer->worker.state != WEIR__WORKER_DYING;
}

static void set_alarm(struct weir__peer *peer, int64_t ms)
{
    weir__alarm_set(&pool_of(peer)->alarms, &peer->alarm, weir__clock_ns() + ms * 1000000);
}

/* --- Its calls ------------------------------------------------------------- */

struct weir_call *weir__peer_find(const struct weir__peer *peer, int64_t id)
{
    struct weir_call *call =
        peer->slot_count > 0 && id > 0 ? peer->slots[(size_t)id & (peer->slot_count - 1)] : NULL;

    return call != NULL && call->id == id ? call : NULL;
}

static int grow_slots(struct weir__peer *peer)
{
    size_t count = peer->slot_count > 0 ? peer->slot_count * 2 : FIRST_SLOTS;
    struct weir_call **slots = calloc(count, sizeof(struct weir_call *));

    if (slots == NULL)
        return WEIR_ERR_NOMEM;
    for (size_t i = 0; i < peer->slot_count; i++)
        if (peer->slots[i] != NULL) /* no two meet: they did not in half the room */
            slots[(size_t)peer->slots[i]->id & (count - 1)] = peer->slots[i];
    free(peer->slots);
    peer->slots = slots;
    peer->slot_count = count;
    return 0;
}

/* Ids whose slot is taken are left out: a stream may hold its own for days. */
int weir__peer_add(struct weir__peer *peer, struct weir_call *call)
{
    if (peer->flights * 2 >= peer->slot_count && grow_slots(peer) < 0)
        return WEIR_ERR_NOMEM;
    do
        peer->last_id++;
    while (peer->slots[(size_t)peer->last_id & (peer->slot_count - 1)] != NULL);
    call->id = peer->last_id;
    call->peer = peer;
    peer->slots[(size_t)call->id & (peer->slot_count - 1)] = call;
    peer->flights++;
    pool_of(peer)->running++;
    return 0;
}

/* Its input ends; what it has read it finishes, and exits. */
static void say_goodbye(struct weir__peer *peer)
{
    peer->state = WEIR__PEER_ENDING;
    peer->is_our_end = 1;
    weir__worker_close_input(&peer->worker);
    set_alarm(peer, pool_of(peer)->options.interrupt_grace_ms);
}

void weir__peer_remove(struct weir__peer *peer, struct weir_call *call)
{
    peer->slots[(size_t)call->id & (peer->slot_count - 1)] = NULL;
    peer->flights--;
    pool_of(peer)->running--;
    if (peer->suspect == call)
        peer->suspect = NULL;
    call->peer = NULL;
    weir__alarm_clear(&pool_of(peer)->alarms, &call->ladder);
    if (peer->state == WEIR__PEER_RETIRING && peer->flights == 0)
        say_goodbye(peer);
}

/* Those whose first byte is among the last unread ones were never seen. */
static void settle_calls(struct weir__peer *peer, uint64_t unread, const char *how)
{
    uint64_t all = peer->worker.all_sent, read_up_to = unread < all ? all - unread : 0;

    for (size_t i = 0; i < peer->slot_count; i++)
        if (peer->slots[i] != NULL) {
            struct weir_call *call = peer->slots[i];

            weir__call_lost(call, peer, call->offset >= read_up_to, how);
        }
    weir__dispatch(peer->kind); /* those that go out again: another may have been ready before */
}

uint64_t weir__peer_rss_kb(const struct weir__peer *peer)
{
    struct weir__process_stat stat;

    return weir__process_stat(peer->worker.result.pid, &stat) == 0 ? (uint64_t)stat.resident_kb : 0;
}

/* It has answered a call: is it time for another one to take its place? */
void weir__peer_answered(struct weir__peer *peer)
{
    const struct weir_pool_options *options = &pool_of(peer)->options;

    peer->calls++;
    if (peer->is_old || peer->state != WEIR__PEER_READY)
        return;
    if ((options->recycle_calls > 0 && peer->calls >= options->recycle_calls)
        || (options->recycle_rss_kb > 0 && weir__peer_rss_kb(peer) > options->recycle_rss_kb)) {
        peer->is_old = 1;
        weir__kind_tend(peer->kind, NULL);
    }
}

/* --- Bytes for it ---------------------------------------------------------- */

int weir__peer_give(struct weir__peer *peer)
{
    struct weir_pool *pool = pool_of(peer);
    struct weir__buffer *from = &pool->scratch;
    int status = weir__worker_send(&peer->worker, from->bytes, from->length);

    from->length = 0;
    if (from->capacity > KEPT_ROOM)
        weir__buffer_clear(from);
    if (status < 0) {
        weir__peer_break(peer, "could not be written to: no memory");
        return status;
    }
    if (!peer->is_dirty) {
        peer->is_dirty = 1;
        peer->next_dirty = pool->dirty;
        pool->dirty = peer;
    }
    return 0;
}

/* A buffer that was large once is not kept for ever. */
static void shrink(struct weir__peer *peer)
{
    if (peer->worker.sending.length == 0 && peer->worker.sending.capacity > KEPT_ROOM)
        weir__buffer_clear(&peer->worker.sending);
}

void weir__peer_flush(struct weir__peer *peer)
{
    peer->is_dirty = 0;
    if (peer->state == WEIR__PEER_ENDING)
        return;
    weir__worker_flush(&peer->worker);
    shrink(peer);
}

/* --- The end --------------------------------------------------------------- */

static void unhook_dirty(struct weir__peer *peer)
{
    struct weir__peer **at = &pool_of(peer)->dirty;

    while (*at != NULL && *at != peer)
        at = &(*at)->next_dirty;
    if (*at != NULL)
        *at = peer->next_dirty;
    peer->is_dirty = 0;
}

void weir__peer_stop(struct weir__peer *peer, int64_t grace_ms)
{
    weir__alarm_clear(&pool_of(peer)->alarms, &peer->alarm);
    peer->state = WEIR__PEER_ENDING;
    weir__worker_stop(&peer->worker, grace_ms);
}

void weir__peer_break(struct weir__peer *peer, const char *format, ...)
{
    int was_starting = peer->state == WEIR__PEER_STARTING || peer->was_starting;
    uint64_t unwritten = weir__worker_unsent(&peer->worker);
    va_list args;

    if (peer->state == WEIR__PEER_ENDING)
        return;
    if (peer->worker.has_refused) /* its end of the pipe is closed: nobody reads that any more */
        unwritten = peer->worker.left_unread;
    va_start(args, format);
    weir__sentence_list(peer->reason, sizeof peer->reason, format, args);
    va_end(args);
    weir__peer_stop(peer, pool_of(peer)->options.grace_ms);
    weir__kind_lost(peer->kind, peer, was_starting);
    settle_calls(peer, unwritten, peer->reason);
    weir__pool_look(pool_of(peer));
}

void weir__peer_retire(struct weir__peer *peer)
{
    if (peer->state == WEIR__PEER_STARTING) {
        peer->is_our_end = 1;
        weir__peer_stop(peer, pool_of(peer)->options.grace_ms);
    } else if (peer->state == WEIR__PEER_READY) {
        weir__alarm_clear(&pool_of(peer)->alarms, &peer->alarm);
        peer->state = WEIR__PEER_RETIRING;
        if (peer->flights == 0)
            say_goodbye(peer);
    }
}

void weir__peer_free(struct weir__peer *peer)
{
    if (peer->is_dirty)
        unhook_dirty(peer);
    if (peer->seat->peer == peer)
        peer->seat->peer = NULL;
    weir__alarms_leave(&pool_of(peer)->alarms, &peer->alarm);
    weir__worker_clear(&peer->worker);
    weir__buffer_clear(&peer->partial);
    weir__greeting_clear(&peer->greeting);
    free(peer->slots);
    free(peer);
}

/* What it may take is over. */
static void time_is_up(void *owner)
{
    struct weir__peer *peer = owner;

    switch (peer->state) {
    case WEIR__PEER_STARTING:
        weir__peer_break(peer,
                         "did not answer weir/hello within %g s: is it a worker with functions, "
                         "as docs/protocol.md has them?",
                         (double)pool_of(peer)->options.start_timeout_ms / 1000);
        break;
    case WEIR__PEER_READY:
        peer->is_old = 1;
        weir__kind_tend(peer->kind, NULL);
        break;
    case WEIR__PEER_LOST:
        weir__peer_break(peer, "closed its %s",
                         peer->worker.has_refused ? "standard input" : "standard output");
        break;
    case WEIR__PEER_ENDING:
        weir__worker_stop(&peer->worker, pool_of(peer)->options.grace_ms);
        break;
    case WEIR__PEER_RETIRING:
        break;
    }
}

/* --- What the worker says -------------------------------------------------- */

static void bytes_came(void *owner, const char *bytes, size_t length)
{
    struct weir__peer *peer = owner;
    struct weir_pool *pool = pool_of(peer);

    weir__pool_enter(pool);
    weir__peer_hear(peer, bytes, length);
    weir__pool_leave(pool);
}

static void errors_came(void *owner, const char *bytes, size_t length)
{
    struct weir__peer *peer = owner;
    struct weir__passer *passer = &pool_of(peer)->passer;

    weir__passer_add(passer, bytes, length);
    if (weir__passer_is_full(passer))
        weir__capture_pause(&peer->worker.errors, 1);
}

/* One that was not told to end may have left something where it was. */
static int owes(void *owner)
{
    const struct weir__peer *peer = owner;

    return !peer->is_our_end;
}

static void has_room(void *owner)
{
    shrink(owner);
}

/* Its exit is likely on its way, and says more. */
static void cut_off(void *owner)
{
    struct weir__peer *peer = owner;

    if (peer->state == WEIR__PEER_ENDING || peer->state == WEIR__PEER_LOST)
        return;
    peer->was_starting = peer->state == WEIR__PEER_STARTING;
    peer->state = WEIR__PEER_LOST;
    set_alarm(peer, LOST_MS);
}

static void tell_exit(const struct weir__peer *peer)
{
    const struct weir_result *result = &peer->worker.result;
    struct weir_event event = {
        .stage = (int)peer->kind->number,
        .name = peer->kind->command.argv[0],
        .pid = result->pid,
        .number = result->end == WEIR_EXITED ? result->code : result->signal,
    };

    switch (result->end) {
    case WEIR_EXITED:
        event.kind = WEIR_EVENT_EXITED;
        break;
    case WEIR_SIGNALED:
        event.kind = WEIR_EVENT_SIGNALED;
        break;
    case WEIR_NOT_STARTED:
        event.kind = WEIR_EVENT_NOT_STARTED;
        event.number = result->sys_errno;
        break;
    case WEIR_STATUS_LOST:
        event.kind = WEIR_EVENT_STATUS_LOST;
        break;
    }
    weir__context_tell(pool_of(peer)->weir, event);
}

/* As the end of "the worker ...". */
static void say_exit(struct weir__peer *peer)
{
    const struct weir_result *result = &peer->worker.result;
    size_t at = 0;

    if (result->end == WEIR_SIGNALED)
        at = (size_t)snprintf(peer->reason, sizeof peer->reason, "was ");
    else if (result->end != WEIR_EXITED)
        at =
            (size_t)snprintf(peer->reason, sizeof peer->reason,
                             "%s: ", result->end == WEIR_NOT_STARTED ? "did not start" : "is gone");
    weir_result_sentence(result, peer->reason + at, sizeof peer->reason - at);
}

/* Nothing of the worker is left. */
static void is_over(void *owner)
{
    struct weir__peer *peer = owner;
    struct weir__kind *kind = peer->kind;
    struct weir_pool *pool = kind->pool;
    struct weir__peer **at = &kind->peers;

    weir__pool_enter(pool);
    tell_exit(peer);
    if (peer->state != WEIR__PEER_ENDING) {
        int was_starting = peer->state == WEIR__PEER_STARTING || peer->was_starting;
        uint64_t unread =
            peer->worker.result.end == WEIR_NOT_STARTED ? UINT64_MAX : peer->worker.left_unread;

        say_exit(peer);
        peer->state = WEIR__PEER_ENDING;
        weir__kind_lost(kind, peer, was_starting);
        settle_calls(peer, unread, peer->reason);
    }
    while (*at != peer)
        at = &(*at)->next;
    *at = peer->next;
    if (kind->outgoing == peer)
        kind->outgoing = NULL;
    weir__peer_free(peer);
    weir__kind_tend(kind, NULL);
    weir__pool_look(pool);
    weir__pool_leave(pool);
}

static const struct weir__worker_ops worker_ops = {
    .on_bytes = bytes_came,
    .on_stderr = errors_came,
    .on_room = has_room,
    .owes = owes,
    .on_cut_off = cut_off,
    .on_over = is_over,
};

/* --- The start ------------------------------------------------------------- */

void weir__peer_ready(struct weir__peer *peer)
{
    const struct weir_pool_options *options = &pool_of(peer)->options;

    peer->worker.far_pid = peer->greeting.pid;
    peer->worker.far_node = peer->greeting.node;
    peer->ear.dialect = peer->greeting.dialect;
    peer->last_id = peer->greeting.last_id;
    peer->window = options->window > 0 ? options->window : peer->greeting.concurrency;
    peer->state = WEIR__PEER_READY;
    weir__alarm_clear(&pool_of(peer)->alarms, &peer->alarm);
    if (options->recycle_age_ms != WEIR_FOREVER)
        set_alarm(peer, options->recycle_age_ms);
    weir__kind_greeted(peer->kind, peer);
}

static void greet(struct weir__peer *peer)
{
    struct weir_pool *pool = pool_of(peer);
    enum weir_dialect wanted = pool->options.dialect;

    peer->greeting = (struct weir__greeting){
        .dialect = wanted == WEIR_DIALECT_PLAIN ? &weir__dialect_plain : &weir__dialect_native,
        .may_be_plain = wanted == WEIR_DIALECT_AUTO,
        .concurrency = 1,
    };
    weir__peer_listen(peer);
    if (peer->ear.dialect->greet == NULL) {
        weir__peer_ready(peer);
        return;
    }
    set_alarm(peer, pool->options.start_timeout_ms);
    if (peer->ear.dialect->greet(&peer->greeting, NULL, &pool->scratch) == WEIR__GREETED_MORE)
        weir__peer_give(peer);
    else
        weir__peer_break(peer, "%s", peer->greeting.reason);
}

int weir__peer_start(struct weir__kind *kind, struct weir__seat *seat, struct weir_error *error)
{
    struct weir_pool *pool = kind->pool;
    struct weir__peer *peer = calloc(1, sizeof *peer), **last = &kind->peers;
    struct weir__worker_options options = {
        .command = &kind->command,
        .grace_ms = pool->options.grace_ms,
        .drain_ms = DRAIN_MS,
        .stderr_kept = STDERR_KEPT,
        .is_launched = pool->is_launched,
        .stop = kind->stop.argv != NULL ? &kind->stop : NULL,
    };
    int status;

    if (peer == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a worker");
    peer->kind = kind;
    peer->alarm.ring = time_is_up;
    peer->alarm.owner = peer;
    status = weir__alarms_join(&pool->alarms, error);
    if (status == 0) {
        status = weir__worker_start(&peer->worker, pool->weir, &options, &worker_ops, peer, error);
        if (status < 0)
            weir__alarms_leave(&pool->alarms, &peer->alarm);
    }
    if (status < 0) {
        free(peer);
        return status;
    }
    while (*last != NULL)
        last = &(*last)->next;
    *last = peer;
    peer->seat = seat;
    seat->peer = peer;
    greet(peer);
    return 0;
}
