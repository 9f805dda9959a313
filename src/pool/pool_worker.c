#include "config.h"

#include "pool/pool_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/process_tree.h"
#include "pool/call.h"
#include "pool/worker_calls.h"

enum {
    LOST_MS = 50,   /* how long to wait for the exit of one that closed its output */
    DRAIN_MS = 100, /* how long others may hold the outputs of one that is gone */
    STDERR_KEPT = 4096,
    KEPT_ROOM = 4096, /* of an empty output buffer */
};

static struct weir_pool *pool_of(const struct weir__peer *peer)
{
    return peer->kind->pool;
}

pid_t weir__peer_pid(const struct weir__peer *peer)
{
    return peer->greeting.pid > 0 ? peer->greeting.pid : peer->worker.result.pid;
}

uint64_t weir__peer_rss_kb(const struct weir__peer *peer)
{
    struct weir__process_stat stat;

    return weir__process_stat(peer->worker.result.pid, &stat) == 0 ? (uint64_t)stat.resident_kb : 0;
}

static void set_alarm(struct weir__peer *peer, int64_t ms)
{
    weir__alarm_set(&pool_of(peer)->alarms, &peer->alarm, weir__clock_ns() + ms * 1000000);
}

/* A buffer that was large once does not stay large. */
static void shrink(struct weir__peer *peer)
{
    if (peer->worker.sending.length == 0 && peer->worker.sending.capacity > KEPT_ROOM)
        weir__buffer_clear(&peer->worker.sending);
}

void weir__peer_flush(struct weir__peer *peer)
{
    int was_behind = weir__peer_is_behind(peer);

    peer->is_dirty = 0;
    if (peer->state == WEIR__PEER_ENDING)
        return;
    weir__worker_flush(&peer->worker);
    shrink(peer);
    if (was_behind && !weir__peer_is_behind(peer))
        pool_of(peer)->stale |= WEIR__STALE_CALLS;
}

/* --- The end --------------------------------------------------------------- */

/* Calls whose first byte is among the last unread ones were not read. */
static void settle_calls(struct weir__peer *peer, uint64_t unread)
{
    uint64_t all = peer->worker.all_sent, read_up_to = unread < all ? all - unread : 0;

    for (size_t i = 0; i < peer->slot_count; i++)
        if (peer->slots[i] != NULL)
            weir__call_lost(peer->slots[i], peer->slots[i]->offset >= read_up_to, peer->reason);
}

/* It is out of service, whether or not its process still runs. */
static void be_lost(struct weir__peer *peer, uint64_t unread)
{
    pool_of(peer)->peer_ops->on_lost(peer, peer->was_starting);
    settle_calls(peer, unread);
    pool_of(peer)->stale |= WEIR__STALE_WAITS;
}

/* Its input ends; it finishes what it has read, and exits. */
static void say_goodbye(struct weir__peer *peer)
{
    peer->state = WEIR__PEER_ENDING;
    peer->is_our_end = 1;
    weir__worker_close_input(&peer->worker);
    set_alarm(peer, pool_of(peer)->options.interrupt_grace_ms);
}

void weir__peer_stop(struct weir__peer *peer, int64_t grace_ms)
{
    weir__alarm_clear(&pool_of(peer)->alarms, &peer->alarm);
    peer->state = WEIR__PEER_ENDING;
    weir__worker_stop(&peer->worker, grace_ms);
}

void weir__peer_settle(struct weir__peer *peer)
{
    /* Where it has closed its end of the pipe, that tells how much it has read. */
    uint64_t unread = peer->worker.has_refused ? peer->worker.left_unread
                                               : weir__worker_unsent(&peer->worker);

    if (peer->state == WEIR__PEER_BROKEN) {
        weir__peer_stop(peer, pool_of(peer)->options.grace_ms);
        be_lost(peer, unread);
    } else if (peer->state == WEIR__PEER_RETIRING && peer->flights == 0) {
        say_goodbye(peer);
    }
}

void weir__peer_retire(struct weir__peer *peer)
{
    if (peer->state == WEIR__PEER_STARTING) {
        peer->is_our_end = 1;
        weir__peer_stop(peer, pool_of(peer)->options.grace_ms);
    } else if (peer->state == WEIR__PEER_READY) {
        weir__alarm_clear(&pool_of(peer)->alarms, &peer->alarm);
        peer->state = WEIR__PEER_RETIRING;
        weir__peer_settle(peer);
    }
}

static void unlink_dirty(struct weir__peer *peer)
{
    struct weir__peer **at = &pool_of(peer)->dirty;

    while (*at != NULL && *at != peer)
        at = &(*at)->next_dirty;
    if (*at != NULL)
        *at = peer->next_dirty;
    peer->is_dirty = 0;
}

void weir__peer_free(struct weir__peer *peer)
{
    if (peer->is_dirty)
        unlink_dirty(peer);
    if (peer->seat->peer == peer)
        peer->seat->peer = NULL;
    weir__alarms_leave(&pool_of(peer)->alarms, &peer->alarm);
    weir__worker_clear(&peer->worker);
    weir__buffer_clear(&peer->partial);
    weir__greeting_clear(&peer->greeting);
    free(peer->slots);
    free(peer);
}

/* The alarm of its state. */
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
        pool_of(peer)->stale |= WEIR__STALE_WORKERS;
        break;
    case WEIR__PEER_LOST:
        weir__peer_break(peer, "closed its %s",
                         peer->worker.has_refused ? "standard input" : "standard output");
        break;
    case WEIR__PEER_ENDING:
        weir__worker_stop(&peer->worker, pool_of(peer)->options.grace_ms);
        break;
    case WEIR__PEER_BROKEN:
    case WEIR__PEER_RETIRING:
        break;
    }
}

/* --- Its output ------------------------------------------------------------ */

static void break_protocol(void *owner, const char *line, size_t length, const char *reason)
{
    struct weir__peer *peer = owner;

    weir__peer_break(peer, "printed a line that is no message (%s): %.*s", reason,
                     (int)(length < 80 ? length : 80), line);
}

static void be_ready(struct weir__peer *peer)
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
    pool_of(peer)->peer_ops->on_ready(peer);
}

/* message NULL: the handshake begins. */
static void shake_hands(struct weir__peer *peer, const struct weir__news *message)
{
    switch (peer->ear.dialect->greet(&peer->greeting, message, &pool_of(peer)->scratch)) {
    case WEIR__GREETED_READY:
        be_ready(peer);
        break;
    case WEIR__GREETED_MORE:
        weir__peer_give(peer);
        break;
    case WEIR__GREETED_FAILED:
        weir__peer_break(peer, message != NULL ? "has not started: %s" : "%s",
                         peer->greeting.reason);
        break;
    }
}

/* It works: its place may be filled again at once. */
static void mark_healthy(struct weir__peer *peer)
{
    if (peer->seat->peer != peer)
        return; /* a newer worker has its place */
    peer->seat->backoff = (struct weir__backoff){0};
    peer->seat->has_answered = 1;
}

/* Whether it has answered enough, or grown too large, and another is to replace it. */
static void count_answer(struct weir__peer *peer)
{
    const struct weir_pool_options *options = &pool_of(peer)->options;

    peer->calls++;
    if (peer->is_old || peer->state != WEIR__PEER_READY)
        return;
    if ((options->recycle_calls > 0 && peer->calls >= options->recycle_calls)
        || (options->recycle_rss_kb > 0 && weir__peer_rss_kb(peer) > options->recycle_rss_kb)) {
        peer->is_old = 1;
        pool_of(peer)->stale |= WEIR__STALE_WORKERS;
    }
}

static void take_message(struct weir__peer *peer, const struct weir__news *message)
{
    struct weir_call *call = weir__peer_find(peer, message->id);

    switch (message->kind) {
    case WEIR__NEWS_RESULT:
    case WEIR__NEWS_ERROR:
        if (call == NULL) {
            pool_of(peer)->late++;
            return;
        }
        mark_healthy(peer);
        weir__call_answer(call, message);
        count_answer(peer);
        break;
    case WEIR__NEWS_CHUNK:
        if (call != NULL)
            weir__call_value(call, message->value);
        break;
    case WEIR__NEWS_CREDIT:
        if (call != NULL)
            weir__call_credit(call, message->n);
        break;
    default:
        break;
    }
}

static int on_message(void *owner, const struct weir__news *message)
{
    struct weir__peer *peer = owner;

    if (peer->state != WEIR__PEER_STARTING)
        take_message(peer, message);
    else if (message->id < 1 || message->id > peer->greeting.last_id)
        pool_of(peer)->late++;
    else
        shake_hands(peer, message);
    return weir__peer_listens(peer);
}

static void break_length(struct weir__peer *peer)
{
    weir__peer_break(peer, "printed a line of more than %zu bytes",
                     pool_of(peer)->options.max_line);
}

/* Cuts bytes into lines. */
static void read_lines(struct weir__peer *peer, const char *bytes, size_t length)
{
    const char *end = bytes + length, *lf;
    struct weir__buffer *partial = &peer->partial;
    size_t max_line = pool_of(peer)->options.max_line;

    peer->ear.pid = weir__peer_pid(peer);
    while (weir__peer_listens(peer) && (lf = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
        size_t line = (size_t)(lf - bytes);

        if (partial->length + line > max_line + 1) { /* 1: a CR */
            break_length(peer);
        } else if (partial->length == 0) {
            weir__ear_hear(&peer->ear, bytes, line);
        } else if (weir__buffer_add(partial, bytes, line, NULL) < 0) {
            weir__peer_break(peer, "printed a line, and there is no memory for it");
        } else {
            struct weir__buffer whole = *partial;

            *partial = (struct weir__buffer){0};
            weir__ear_hear(&peer->ear, whole.bytes, whole.length);
            weir__buffer_clear(&whole);
        }
        bytes = lf + 1;
    }
    if (bytes == end || !weir__peer_listens(peer))
        return;
    if (weir__buffer_add(partial, bytes, (size_t)(end - bytes), NULL) < 0)
        weir__peer_break(peer, "printed a line, and there is no memory for it");
    else if (partial->length > max_line + 1)
        break_length(peer);
}

/* --- What its process does -------------------------------------------------- */

static void on_bytes(void *owner, const char *bytes, size_t length)
{
    struct weir__peer *peer = owner;
    struct weir_pool *pool = pool_of(peer);

    pool->peer_ops->begin(pool);
    read_lines(peer, bytes, length);
    pool->peer_ops->end(pool);
}

static void on_stderr(void *owner, const char *bytes, size_t length)
{
    struct weir__peer *peer = owner;
    struct weir__passer *passer = &pool_of(peer)->passer;

    weir__passer_add(passer, bytes, length);
    if (weir__passer_is_full(passer))
        weir__capture_pause(&peer->worker.errors, 1);
}

/* A worker that ended by itself may have left something where it was. */
static int owes(void *owner)
{
    const struct weir__peer *peer = owner;

    return !peer->is_our_end;
}

static void on_room(void *owner)
{
    struct weir__peer *peer = owner;
    struct weir_pool *pool = pool_of(peer);

    shrink(peer);
    pool->peer_ops->begin(pool);
    pool->stale |= WEIR__STALE_CALLS; /* some may have waited for it to read */
    pool->peer_ops->end(pool);
}

/* Its exit is likely on its way, and explains more. */
static void on_cut_off(void *owner)
{
    struct weir__peer *peer = owner;

    if (!weir__peer_listens(peer) || peer->state == WEIR__PEER_LOST)
        return;
    peer->was_starting = peer->state == WEIR__PEER_STARTING;
    peer->state = WEIR__PEER_LOST;
    set_alarm(peer, LOST_MS);
}

static void report_exit(const struct weir__peer *peer)
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

/* The reason, as the end of "the worker ...". */
static void describe_exit(struct weir__peer *peer)
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

/* Its process is gone, and all its output has been read. */
static void on_over(void *owner)
{
    struct weir__peer *peer = owner;
    struct weir__kind *kind = peer->kind;
    struct weir_pool *pool = kind->pool;
    struct weir__peer **at = &kind->peers;

    pool->peer_ops->begin(pool);
    report_exit(peer);
    if (peer->state != WEIR__PEER_ENDING) {
        peer->was_starting |= peer->state == WEIR__PEER_STARTING;
        if (peer->state != WEIR__PEER_BROKEN)
            describe_exit(peer);
        peer->state = WEIR__PEER_ENDING;
        be_lost(peer, peer->worker.result.end == WEIR_NOT_STARTED ? UINT64_MAX
                                                                   : peer->worker.left_unread);
    }
    while (*at != peer)
        at = &(*at)->next;
    *at = peer->next;
    if (kind->outgoing == peer)
        kind->outgoing = NULL;
    weir__peer_free(peer);
    pool->stale |= WEIR__STALE_WORKERS | WEIR__STALE_WAITS;
    pool->peer_ops->end(pool);
}

static const struct weir__worker_ops worker_ops = {
    .on_bytes = on_bytes,
    .on_stderr = on_stderr,
    .on_room = on_room,
    .owes = owes,
    .on_cut_off = on_cut_off,
    .on_over = on_over,
};

/* --- The start ------------------------------------------------------------- */

static void begin_handshake(struct weir__peer *peer)
{
    struct weir__kind *kind = peer->kind;
    struct weir_pool *pool = kind->pool;
    enum weir_dialect wanted = pool->options.dialect;

    peer->greeting = (struct weir__greeting){
        .dialect = wanted == WEIR_DIALECT_PLAIN ? &weir__dialect_plain : &weir__dialect_native,
        .may_be_plain = wanted == WEIR_DIALECT_AUTO,
        .concurrency = 1,
    };
    peer->ear = (struct weir__ear){
        .weir = pool->weir,
        .dialect = peer->greeting.dialect,
        .stage = (int)kind->number,
        .name = kind->command.argv[0],
        .noise = &pool->noise,
        .owner = peer,
        .on_news = on_message,
        .on_broken = break_protocol,
    };
    if (peer->ear.dialect->greet == NULL) {
        be_ready(peer);
        return;
    }
    set_alarm(peer, pool->options.start_timeout_ms);
    shake_hands(peer, NULL);
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
    begin_handshake(peer);
    return 0;
}
