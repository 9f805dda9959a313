/* A worker's records in flight, and how they leave: answered, quarantined or dead. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/process_tree.h"
#include "map/map.h"
#include "map/record_keys.h"
#include "proc/command.h"

enum {
    RESTART_MS = 10, /* delay if a record may have killed the worker; doubles up to */
    RESTART_MOST_MS = 640,
    NOTICE_MS = 1000,             /* report it if no worker runs for this long */
    KEPT_BYTES = 4 * 1024 * 1024, /* of records that a worker has left out, until it ends */
    CANNOT_EXECUTE = 126,         /* a launcher's status if the program cannot be executed; 127:
                                   * not found */
    NODE_SIZE = 256,
    WAS_KILLED = 128, /* above: a shell's status after a signal, or ssh's after a lost link */
};

/* --- How much it may have ---------------------------------------------------- */

int weir__map_worker_is_live(const struct weir__map_worker *worker)
{
    return !worker->is_over && worker->process.state == WEIR__WORKER_ALIVE;
}

int weir__map_worker_has_begun(const struct weir__map_worker *worker)
{
    if (worker->protocol->has_begun != NULL)
        return worker->protocol->has_begun(worker);
    return worker->answered > 0
           || (!worker->map->is_launched && weir__worker_has_read(&worker->process));
}

/* A worker may answer in any order: with two records of the same key, replies would be
 * ambiguous. */
int weir__map_worker_refuses(const struct weir__map_worker *worker,
                             const struct weir__record *record)
{
    return worker->keys != NULL && record != NULL && weir__keys_have(&worker->keys->table, record);
}

size_t weir__map_worker_ahead(const struct weir__map_worker *worker)
{
    return worker->protocol->ahead != NULL ? worker->protocol->ahead(worker)
                                           : worker->inflight.count;
}

static int is_full(const struct weir__map_worker *worker)
{
    const struct weir_map_options *options = &worker->map->options;
    size_t count = weir__map_worker_ahead(worker), bytes = worker->inflight.bytes;

    if (count < worker->inflight.count) { /* the others have been left out, so far */
        if (bytes + worker->inflight.count * sizeof *worker->inflight.first >= KEPT_BYTES)
            return 1;
        bytes = bytes / worker->inflight.count * count;
    }
    return count >= options->window || bytes >= options->window_bytes
           || count * worker->reply_size >= options->window_bytes
           || weir__worker_unsent(&worker->process) >= options->window_bytes
           || weir__worker_unsent(&worker->process) >= WEIR__MAP_WORKER_UNSENT;
}

int weir__map_worker_is_full(const struct weir__map_worker *worker)
{
    return is_full(worker);
}

int weir__map_worker_has_room(const struct weir__map_worker *worker)
{
    size_t window = worker->protocol->window != NULL ? worker->protocol->window(worker)
                                                     : worker->window.records;

    return worker->process.in_fd >= 0 && weir__map_worker_ahead(worker) < window
           && weir__map_worker_is_live(worker) && worker->ghosts == 0
           && (worker->inflight.count == 0 || !is_full(worker));
}

/* --- Answered ---------------------------------------------------------------- */

void weir__map_worker_mark_healthy(struct weir__map_worker *worker)
{
    struct weir__map_workers *workers = &worker->map->workers;

    weir__seat_succeeded(worker->seat);
    workers->fruitless.failures = 0;
    weir__supervisor_succeeded(&workers->supervisor);
    workers->has_answered = 1;
}

static void trace_record(const struct weir__map_worker *worker, const struct weir__record *record,
                         struct weir__trace_answer answer, int64_t now_ns)
{
    answer.pid = worker->process.result.pid;
    answer.line = record->line;
    weir__trace_record(worker->map->operation.weir->client.trace, &answer, now_ns);
}

void weir__map_worker_note_reply(struct weir__map_worker *worker, const struct weir__record *record,
                                 size_t length, int64_t took_ns, int64_t now_ns)
{
    struct weir__trace_sampler *sampler = worker->map->sampler;

    weir__map_worker_mark_healthy(worker);
    worker->answered++;
    worker->done++;
    worker->has_kept_up |=
        worker->inflight.count == 0 && worker->process.state == WEIR__WORKER_ALIVE;
    worker->reply_size -= worker->reply_size / 64;
    if (length > worker->reply_size)
        worker->reply_size = length;
    weir__histogram_add(&worker->map->latency, took_ns);
    if (sampler != NULL && (weir__sampler_offer(sampler, now_ns, took_ns) || record->attempts > 0))
        trace_record(worker, record,
                     (struct weir__trace_answer){
                         .took_ns = took_ns, .bytes = length, .retries = record->attempts},
                     now_ns);
}

void weir__map_worker_note_dead(const struct weir__map_worker *worker,
                                const struct weir__record *record, const char *reason,
                                int64_t since_ns)
{
    struct weir__trace_sampler *sampler = worker->map->sampler;
    int64_t now_ns = weir__clock_ns(), took_ns = since_ns > 0 ? now_ns - since_ns : 0;

    if (sampler == NULL)
        return;
    weir__sampler_offer(sampler, now_ns, took_ns);
    trace_record(
        worker, record,
        (struct weir__trace_answer){.took_ns = took_ns,
                                    .retries = record->attempts > 0 ? record->attempts - 1 : 0,
                                    .failure = reason},
        now_ns);
}

/* --- Not answered ------------------------------------------------------------ */

/* Quarantines its records: each is sent again, alone. */
static void quarantine_all(struct weir__map_worker *worker)
{
    struct weir_map *map = worker->map;

    if (worker->protocol->forget != NULL)
        worker->protocol->forget(worker);
    map->report.redelivered += worker->inflight.count;
    weir__record_queue_merge(&map->workers.quarantined, &worker->inflight);
    weir__line_splitter_clear(&worker->lines);
}

/* Its records were never sent: they are as they were. */
static void return_all(struct weir__map_worker *worker)
{
    if (worker->protocol->forget != NULL)
        worker->protocol->forget(worker);
    weir__record_queue_merge(&worker->map->in.returned, &worker->inflight);
}

/* The only record that the worker had since it was sent caused its death or a timeout. Counts a
 * failure; returns 1 if that was the last allowed one. */
static int count_failure(struct weir__map_worker *worker, const char *reason)
{
    struct weir_map *map = worker->map;
    struct weir__record *record = worker->inflight.first;

    if (worker->inflight.count != 1 || !worker->is_alone)
        return 0;
    record->attempts++;
    if (record->attempts <= map->options.retries || !map->workers.has_answered)
        return 0;
    weir__record_queue_pop(&worker->inflight);
    weir__map_worker_note_dead(worker, record, reason,
                               worker->protocol->turn_ns != NULL ? record->call.turn_ns
                                                                 : worker->turn_since_ns);
    weir__map_dead_letter(map, record, reason, &worker->process, NULL);
    return 1;
}

/* Whether the worker never got its records: it did not start, or died with all of them unread.
 * Then no record can have caused it. */
static int never_had_them(const struct weir__map_worker *worker)
{
    if (worker->process.result.end == WEIR_NOT_STARTED)
        return 1;
    if (worker->protocol->never_had_them != NULL)
        return worker->protocol->never_had_them(worker);
    return worker->inflight.count > 0 && worker->process.left_unread >= worker->inflight.bytes;
}

/* Whether there is a worker that works, or one started before until_ns that may yet begin: those
 * started later would prolong the wait forever. */
static int has_hope(const struct weir__map_worker *but, int64_t until_ns)
{
    for (const struct weir__map_worker *worker = but->map->workers.first; worker != NULL;
         worker = worker->next)
        if (worker != but && !worker->is_over && worker->process.state != WEIR__WORKER_DYING
            && (worker->started_ns < until_ns || weir__map_worker_has_begun(worker)))
            return 1;
    return 0;
}

/* No need to wait for the next one to fail like that. */
static int cannot_be_executed(const struct weir__map_worker *worker)
{
    const struct weir_result *result = &worker->process.result;

    return (result->end == WEIR_NOT_STARTED && !worker->map->options.warm)
           || (worker->process.exited && result->end == WEIR_EXITED
               && (result->code == CANNOT_EXECUTE || result->code == CANNOT_EXECUTE + 1));
}

/* No worker has run for a second. */
static void report_failing(struct weir__map_worker *worker, const char *how, const char *tail)
{
    weir__map_notice(worker->map, WEIR__NOTICE_START,
                     "no worker can be started: %.300s%s%.200s: retried for %g s", how,
                     tail[0] != '\0' ? "; stderr: " : "", tail,
                     (double)worker->map->workers.supervisor.patience_ms / 1000);
}

/* A worker ended or was given up. If workers run at all, a record may have caused an end without
 * a reply; if none has run for some time, none can. */
static void note_loss(struct weir__map_worker *worker, const char *how, int blameless)
{
    struct weir_map *map = worker->map;
    struct weir__map_workers *workers = &map->workers;
    struct weir__supervisor *supervisor = &workers->supervisor;
    int64_t now_ns = weir__clock_ns(), until_ns;
    char tail[200];

    if (worker->answered > 0) {
        weir__supervisor_put_off(supervisor, worker->seat, now_ns);
        return;
    }
    weir__backoff_failed(&workers->fruitless, now_ns, RESTART_MS, RESTART_MOST_MS);
    if (workers->has_answered && !blameless) {
        weir__supervisor_succeeded(supervisor);
        worker->seat->backoff.next_ns = workers->fruitless.next_ns;
        return;
    }
    weir__supervisor_put_off(supervisor, worker->seat, now_ns);
    until_ns = weir__supervisor_failed(supervisor, now_ns,
                                       !workers->has_answered && cannot_be_executed(worker));
    weir__worker_tail(&worker->process, tail, sizeof tail);
    if (!supervisor->is_hopeless && (now_ns < until_ns || has_hope(worker, until_ns))) {
        if (now_ns - supervisor->failing_since_ns >= (int64_t)NOTICE_MS * 1000000
            && !has_hope(worker, until_ns))
            report_failing(worker, how, tail);
        return;
    }
    weir__map_end(map, 4, WEIR_STOP_NONE, "the worker cannot run: %s%s%s", how,
                  tail[0] != '\0' ? "; stderr: " : "", tail);
}

/* --- The worker goes --------------------------------------------------------- */

/* Without a launcher its environment is known. Behind one, what has started it may have changed
 * that. */
static int read_node(const struct weir__map_worker *worker, char node[NODE_SIZE])
{
    const struct weir_map *map = worker->map;
    const char *name = map->options.node_from, *value;

    if (map->is_launched) /* a reply may come before the spawner's report of the pid */
        return weir__process_variable(worker->process.result.pid, name, node, NODE_SIZE);
    value = weir__command_variable(&map->command, name);
    snprintf(node, NODE_SIZE, "%s", value != NULL ? value : "");
    return value != NULL;
}

void weir__map_worker_find_node(struct weir__map_worker *worker)
{
    char node[NODE_SIZE];
    int found;

    if (!worker->node_is_due || worker->process.far_node != NULL)
        return;
    found = read_node(worker, node);
    worker->node_is_due = found < 0; /* it may be executing something at this moment */
    if (found != 1 || node[0] == '\0')
        return;
    worker->node = strdup(node);
    worker->process.far_node = worker->node;
}

void weir__map_worker_stop(struct weir__map_worker *worker, int64_t grace_ms)
{
    weir__map_worker_find_node(worker);
    if (worker->process.state != WEIR__WORKER_DYING) {
        worker->map->workers.count--;
        worker->seat->worker = NULL;
    }
    weir__worker_stop(&worker->process, grace_ms);
}

void weir__map_worker_give_up_blameless(struct weir__map_worker *worker, const char *how)
{
    weir__map_worker_stop(worker, worker->map->options.grace_ms);
    note_loss(worker, how, 1);
    worker->map->report.retries++;
    quarantine_all(worker);
}

void weir__map_worker_retire(struct weir__map_worker *worker)
{
    weir__map_worker_stop(worker, worker->map->options.grace_ms);
    worker->map->report.retries += worker->inflight.count > 0;
    quarantine_all(worker);
}

void weir__map_worker_give_up(struct weir__map_worker *worker, const char *reason, const char *how)
{
    weir__map_worker_stop(worker, worker->map->options.grace_ms);
    note_loss(worker, how, 0);
    if (!count_failure(worker, reason) && worker->inflight.count > 0)
        worker->map->report.retries++;
    quarantine_all(worker);
}

void weir__map_worker_desync(struct weir__map_worker *worker)
{
    worker->map->report.desyncs++;
    weir__map_worker_give_up(
        worker, "desync",
        "it printed a line that is not a reply: it must print one line of JSON for "
        "each record, and nothing else");
}

/* It is unknown which record has no reply, or two. */
void weir__map_worker_end_untrusted(struct weir__map_worker *worker, const char *what,
                                    const char *advice)
{
    struct weir_map *map = worker->map;

    map->report.desyncs++;
    if (map->end.untrusted_line == 0 || worker->since_line < map->end.untrusted_line)
        map->end.untrusted_line = worker->since_line;
    weir__map_end(map, 3, WEIR_STOP_NONE,
                  "desync: %s: from the record in line %llu on the output cannot be trusted: %s",
                  what, (unsigned long long)worker->since_line, advice);
}

void weir__map_worker_take_back(struct weir__map_worker *worker)
{
    struct weir_map *map = worker->map;
    int was_alone = worker->inflight.first->attempts > 0;

    if (worker->protocol->forget != NULL)
        worker->protocol->forget(worker);
    worker->ghosts += worker->inflight.count;
    map->report.redelivered += worker->inflight.count;
    weir__record_queue_merge(was_alone ? &map->workers.quarantined : &map->in.returned,
                             &worker->inflight);
}

int weir__map_worker_owes(const struct weir__map_worker *worker)
{
    return worker->inflight.count > 0 || worker->process.state == WEIR__WORKER_ALIVE;
}

/* Whether it ended by itself because its input did. One that answered nothing and failed may
 * never have begun. */
static int ended_with_its_input(const struct weir__map_worker *worker)
{
    const struct weir_result *result = &worker->process.result;

    return worker->process.state == WEIR__WORKER_CLOSING && worker->process.left_unread == 0
           && result->end == WEIR_EXITED && result->code <= WAS_KILLED
           && (weir__map_worker_ended_well(worker) || worker->answered > 0);
}

/* grep exits with 1 and prints nothing if it finds nothing. */
int weir__map_worker_ended_well(const struct weir__map_worker *worker)
{
    const struct weir_result *result = &worker->process.result;

    return result->end == WEIR_EXITED
           && (result->code == 0
               || (result->code == 1 && worker->answered == 0
                   && worker->process.state == WEIR__WORKER_CLOSING
                   && worker->process.errors.total == 0));
}

void weir__map_worker_died(struct weir__map_worker *worker)
{
    const struct weir_result *result = &worker->process.result;
    int blameless = never_had_them(worker);
    int left = weir__map_worker_ended_well(worker) && !worker->map->is_launched;
    char how[300];

    if (worker->inflight.count > 0 && !left)
        worker->map->report.crashes++;
    weir_result_sentence(result, how, sizeof how);
    if (left && !blameless && worker->inflight.count == 1 && worker->is_alone)
        weir__map_worker_mark_healthy(worker); /* it runs and ends well: the record is to blame */
    else
        note_loss(worker, how, blameless);
    if ((blameless || !count_failure(worker, left ? "no reply" : "crash"))
        && worker->inflight.count > 0)
        worker->map->report.retries++;
}

void weir__map_worker_ended(struct weir__map_worker *worker)
{
    worker->is_over = 1;
    if (worker->process.state == WEIR__WORKER_DYING)
        return;
    worker->map->workers.count--;
    worker->seat->worker = NULL;
    if (worker->inflight.count > 0 && worker->protocol->left_out != NULL
        && ended_with_its_input(worker))
        worker->protocol->left_out(worker);
    else if (worker->protocol->starts_over != NULL && worker->protocol->starts_over(worker))
        return_all(worker);
    else if (weir__map_worker_owes(worker))
        weir__map_worker_died(worker);
    quarantine_all(worker);
}
