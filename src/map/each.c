/* A program for each record: its start, its end, and its retries. */
#include "config.h"

#include "map/each.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/printable.h"
#include "map/map.h"
#include "text/shell_quote.h"

enum {
    STDERR_KEPT = 4096,
    TICK_MS = 25,        /* the scheduler looks at least so often */
    WAITING_MOST = 4096, /* records that wait for a retry: then no new ones are read */
    DELAY_MOST_MS = 24 * 3600 * 1000,
    LITTLE = 32 * 1024, /* of output, which is less than a pipe takes */
    UNREACHABLE = 255,  /* ssh's status for a machine that it cannot reach */
};

static void fail(struct weir_map *map, const char *what)
{
    struct weir_error error;

    weir__fail(&error, WEIR_ERR_NOMEM, 0, "no memory for %s", what);
    weir__map_fail(map, &error);
}

/* --- The outcome of a record ------------------------------------------------- */

static void note_failure(struct weir__each *each, const struct weir__record *record,
                         const char *reason)
{
    const char *colon = strchr(reason, ':');

    if (each->first_failure[0] == '\0')
        weir__sentence(each->first_failure, sizeof each->first_failure, "line %llu: %s",
                       (unsigned long long)record->line, colon != NULL ? colon + 2 : reason);
}

/* Settles a record, whose outputs may be NULL; reason NULL: it succeeded. */
static void settle(struct weir_map *map, struct weir__record *record, struct weir__outputs *outputs,
                   const char *reason, struct weir__worker *exit_of)
{
    record->each.outputs = outputs;
    if (reason == NULL) {
        weir__map_settle(map, record, WEIR__ANSWERED, NULL, 0);
        return;
    }
    note_failure(map->each, record, reason);
    if (map->options.on_error == WEIR_MAP_FAIL && outputs != NULL) {
        /* The record stays open, and what it printed is shown. */
        record->each.outputs = NULL;
        if (map->feed.feed != NULL || (map->reorder.ordered && record->seq != map->reorder.next)) {
            weir__spooled_clear(&outputs->out, &map->each->spool);
            outputs->out = (struct weir__spooled){0};
        }
        weir__each_deliver(map, outputs);
    }
    weir__map_dead_letter(map, record, reason, exit_of, NULL);
}

/* The time before its next run. */
static int64_t retry_delay_ns(const struct weir__each *each, const struct weir__record *record)
{
    uint64_t mixed = ((uint64_t)weir__clock_ns() ^ record->seq) * UINT64_C(0x9e3779b97f4a7c15);
    double ms = (double)each->options.retry_delay_ms;

    for (unsigned i = 1; i < record->attempts && ms < DELAY_MOST_MS; i++)
        ms *= 2;
    if (ms > DELAY_MOST_MS && each->options.retry_delay_ms < DELAY_MOST_MS)
        ms = DELAY_MOST_MS;
    mixed = (mixed ^ mixed >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return (int64_t)(ms * 1e6 * (1 + (double)(mixed >> 11) / 9007199254740992.0 / 2));
}

/* A run that ends leaves it unsettled. */
static void retry(struct weir_map *map, struct weir__record *record, int64_t now_ns)
{
    if (map->end.status != 0) {
        free(record);
        return;
    }
    map->report.retries++;
    record->each.ready_ns = now_ns + retry_delay_ns(map->each, record);
    weir__record_queue_push(&map->workers.quarantined, record);
}

static int is_ok(const struct weir__each *each, const struct weir_result *result)
{
    if (result->end != WEIR_EXITED)
        return 0;
    for (size_t i = 0; i < each->options.ok_exit_count; i++)
        if (each->options.ok_exits[i] == result->code)
            return 1;
    return each->options.ok_exit_count == 0 && result->code == 0;
}

/* Writes why it failed, such as "exit: exited with 3". Returns NULL if it did not. */
static const char *verdict(struct weir__map_worker *worker, char *reason, size_t size)
{
    const struct weir_result *result = &worker->process.result;
    const char *kind = "exit";
    char how[250];

    if (worker->each->is_late)
        kind = "timeout";
    else if (is_ok(worker->map->each, result))
        return NULL;
    else if (result->end == WEIR_SIGNALED)
        kind = "signal";
    else if (result->end == WEIR_NOT_STARTED)
        kind = "start";
    else if (result->end == WEIR_STATUS_LOST)
        kind = "lost";
    weir_result_sentence(result, how, sizeof how);
    snprintf(reason, size, "%s: %s", kind, how);
    return reason;
}

static void tally(struct weir__map_worker *worker, int64_t now_ns, int has_failed)
{
    struct weir_map *map = worker->map;
    struct weir_each_slot *slot = &map->each->slots[worker->seat - map->workers.supervisor.seats];

    slot->jobs++;
    slot->failed += (uint64_t)has_failed;
    slot->busy_ns += now_ns - worker->started_ns;
    map->report.timeouts += (uint64_t)worker->each->is_late;
    map->report.crashes +=
        has_failed && worker->process.result.end == WEIR_SIGNALED && !worker->each->is_late;
    if (!has_failed)
        weir__histogram_add(&map->latency, now_ns - worker->started_ns);
}

/* A machine that cannot be reached would fail record after record: its slots wait. */
static void note_host(struct weir__map_worker *worker, int has_failed, int64_t now_ns)
{
    const struct weir_result *result = &worker->process.result;

    if (!has_failed)
        weir__seat_succeeded(worker->seat);
    else if (result->end == WEIR_EXITED && result->code == UNREACHABLE)
        weir__supervisor_put_off(&worker->map->workers.supervisor, worker->seat, now_ns);
}

/* Nothing of the worker is left. */
static void end_run(struct weir__map_worker *worker)
{
    struct weir_map *map = worker->map;
    struct weir__each *each = map->each;
    struct weir__record *record;
    int64_t now_ns = weir__clock_ns();
    char text[300];
    const char *reason;
    int failed;

    worker->is_over = 1;
    weir__each_pace_ended(&each->pace, --each->running);
    if (worker->process.state == WEIR__WORKER_DYING)
        return; /* the run ends: its record stays unsettled */
    map->workers.count--;
    worker->seat->worker = NULL;
    reason = verdict(worker, text, sizeof text);
    tally(worker, now_ns, reason != NULL);
    each->prints_much |= worker->process.received > LITTLE || worker->process.errors.total > LITTLE;
    if (each->hosts.count > 0)
        note_host(worker, reason != NULL, now_ns);
    record = weir__record_queue_pop(&worker->inflight);
    record->attempts += reason != NULL;
    if (reason != NULL && record->attempts <= map->options.retries) {
        retry(map, record, now_ns);
        return;
    }
    failed = weir__each_output_end(worker, record, record->attempts + (reason == NULL));
    if (failed != 0) {
        weir__map_end(map, 5, WEIR_STOP_NONE,
                      "cannot keep the output of the record in line %llu: %s",
                      (unsigned long long)record->line, strerror(failed));
        free(record);
        return;
    }
    settle(map, record, worker->each->outputs, reason, &worker->process);
    worker->each->outputs = NULL;
}

/* Releases its state. */
static void free_each(struct weir__map_worker *worker)
{
    struct weir__each_job *job = worker->each;

    if (job == NULL)
        return;
    weir__outputs_free(job->outputs, &worker->map->each->spool);
    weir__buffer_clear(&job->tag);
    weir__buffer_clear(&job->kept);
    weir__close(&job->directory);
    free(job);
    worker->each = NULL;
}

/* --- What it says ------------------------------------------------------------ */

static void out_came(void *owner, const char *bytes, size_t length)
{
    weir__each_out_came(owner, bytes, length);
}

static void err_came(void *owner, const char *bytes, size_t length)
{
    weir__each_err_came(owner, bytes, length);
}

static void has_room(void *owner)
{
    (void)owner;
}

static int owes(void *owner)
{
    return ((struct weir__map_worker *)owner)->process.result.end != WEIR_EXITED;
}

static void is_over(void *owner)
{
    struct weir__map_worker *worker = owner;

    end_run(worker);
    worker->map->changed(worker->map);
}

static const struct weir__worker_ops job_ops = {
    .on_bytes = out_came,
    .on_stderr = err_came,
    .on_room = has_room,
    .owes = owes,
    .on_over = is_over,
};

/* --- Its start --------------------------------------------------------------- */

/* Opens its directory and the files for its outputs. Returns 0 or an errno value. */
static int open_files(const struct weir__each *each, const struct weir__record *record,
                      int *directory, int files[3])
{
    static const char *const names[] = {NULL, "stdout", "stderr"};
    char name[24];

    snprintf(name, sizeof name, "%" PRIu64, record->seq + 1);
    if (mkdirat(each->results, name, 0777) < 0 && errno != EEXIST)
        return errno;
    *directory = openat(each->results, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*directory < 0 || weir__fd_above_stdio(directory, NULL) < 0)
        return errno;
    for (int i = 1; i < 3; i++) {
        files[i] = weir__each_open_result(*directory, names[i]);
        if (files[i] < 0)
            return errno;
    }
    return 0;
}

/* The command of one record; seq is for one of its strings. */
static struct weir_command command_of(struct weir_map *map, const struct weir__record *record,
                                      const char *const *argv, char seq[40])
{
    struct weir__each *each = map->each;
    struct weir_command command = map->command;

    snprintf(seq, 40, "WEIR_SEQ=%" PRIu64, record->seq);
    each->variables[each->variable_count] = seq;
    command.env = each->variables;
    command.argv = argv;
    return command;
}

/* Gives the worker its record, as its stdin if asked for. */
static void give(struct weir__map_worker *worker, struct weir__record *record)
{
    struct weir_map *map = worker->map;
    size_t length = record->length - (map->options.format == WEIR_MAP_NUL);

    weir__record_queue_push(&worker->inflight, record);
    worker->is_alone = 1;
    if (!map->each->options.to_stdin)
        return;
    if (weir__worker_send(&worker->process, record->bytes, length) < 0)
        fail(map, "a record");
    else
        weir__worker_close_input(&worker->process);
}

static int prepare(struct weir__map_worker *worker, const struct weir__record *record,
                   const struct weir__each_values *values, struct weir__worker_options *options)
{
    struct weir__each *each = worker->map->each;
    struct weir__each_job *job = worker->each = calloc(1, sizeof *job);
    char fault[300];

    if (job == NULL)
        return ENOMEM;
    job->directory = -1;
    job->outputs = weir__outputs_new();
    if (job->outputs == NULL)
        return ENOMEM;
    if (each->tag.count > 0) {
        if (weir__each_words_fill(&each->tag, values, fault, sizeof fault) == 0
            && weir__buffer_add(&job->tag, each->tag.bytes.bytes, each->tag.bytes.length - 1, NULL)
                   < 0)
            return ENOMEM;
    }
    if (!each->options.to_stdin)
        options->files[0] = -1;
    return each->results >= 0 ? open_files(each, record, &job->directory, options->files) : 0;
}

/* Whether the slot is on this machine, which no launcher needs to reach. */
static int is_here(const struct weir__each *each, unsigned slot)
{
    return each->hosts.count > 0 && strcmp(each->hosts.slots[slot], ":") == 0;
}

/* Starts the program of a record. Whatever happens, the record is the
 * map's. */
static void start(struct weir_map *map, struct weir__seat *seat, struct weir__record *record,
                  const struct weir__each_values *values, const char *const *argv)
{
    char seq[40];
    struct weir_command command = command_of(map, record, argv, seq);
    int is_launched = map->is_launched && !is_here(map->each, values->slot - 1);
    struct weir__worker_options options = {
        .command = &command,
        .grace_ms = map->options.grace_ms,
        .stop_sequence = &map->stop,
        .drain_ms = 1000,
        .stderr_kept = map->each->options.output == WEIR_EACH_JSON ? map->each->options.max_output
                                                                   : (size_t)STDERR_KEPT,
        .forwarder = &map->forwarder,
        .is_launched = is_launched,
        .slot = values->slot - 1,
        .stop = is_launched && map->stop_command.argv != NULL ? &map->stop_command : NULL,
        .is_quiet = map->stop_command.argv == NULL && map->each->options.output != WEIR_EACH_JSON
                    && map->each->options.output != WEIR_EACH_FILES,
        .is_unwatched = !map->each->prints_much && map->each->options.output != WEIR_EACH_LIVE
                        && !map->options.pty_output,
        .pty_output = map->options.pty_output,
    };
    struct weir__map_worker *worker = weir__map_worker_new(map, seat, &weir__protocol_each);
    struct weir_error error;
    int failed = worker != NULL ? prepare(worker, record, values, &options) : ENOMEM;

    if (failed == 0 && weir__map_worker_launch(worker, &options, &job_ops, &error) == 0) {
        map->each->running++;
        if (is_launched && map->each->hosts.count > 0)
            worker->process.far_node = map->each->hosts.slots[values->slot - 1];
        weir__each_pace_started(&map->each->pace, worker->started_ns);
        give(worker, record);
    } else {
        if (failed == ENOMEM)
            fail(map, "a program");
        else if (failed != 0)
            weir__map_end(map, 5, WEIR_STOP_NONE, "cannot write to %s/%" PRIu64 ": %s",
                          map->each->options.results, record->seq + 1, strerror(failed));
        else if (error.status == WEIR_ERR_SYSTEM)
            weir__map_end(map, 125, WEIR_STOP_NONE, "%.500s", error.text);
        else
            weir__map_fail(map, &error);
        if (worker != NULL)
            weir__map_worker_free(worker);
        weir__record_reader_give_back(&map->in.reader, record);
    }
    for (int i = 1; i < 3; i++)
        if (options.files[i] > 0)
            weir__close(&options.files[i]);
}

/* Writes the command of a record, quoted for a shell. */
static void show(struct weir_map *map, struct weir__record *record, const char *const *argv)
{
    struct weir__each *each = map->each;
    struct weir__outputs *outputs = weir__outputs_new();
    struct weir__buffer line = {0};
    int status = outputs != NULL ? 0 : -1;

    for (size_t i = 0; argv[i] != NULL && status == 0; i++) {
        const char *word = argv[i];

        status = i > 0 ? weir__buffer_add(&line, " ", 1, NULL) : 0;
        if (status == 0)
            status = weir__shell_quote_if_needed(&line, word, strlen(word));
    }
    if (status == 0)
        status = weir__buffer_add(&line, "\n", 1, NULL);
    if (status == 0 && weir__spooled_add(&outputs->out, &each->spool, line.bytes, line.length) != 0)
        status = -1;
    weir__buffer_clear(&line);
    if (status < 0) {
        weir__outputs_free(outputs, &map->each->spool);
        weir__record_reader_give_back(&map->in.reader, record);
        fail(map, "a command");
        return;
    }
    settle(map, record, outputs, NULL, NULL);
}

/* The words of a command behind the launcher, and the host of the slot. The caller owns them; NULL:
 * no memory. */
static char **launch(const struct weir__each *each, unsigned slot, const char *const *argv)
{
    struct weir__launcher launcher = each->launcher;
    const char *host[] = {each->hosts.count > 0 ? each->hosts.slots[slot] : NULL, NULL};
    const char **words = weir__argv_join(each->launcher.words, host);
    char **made;

    if (words == NULL)
        return NULL;
    launcher.words = words;
    made = weir__launcher_argv(&launcher, argv);
    free(words);
    return made;
}

/* Runs a record, or settles it if it cannot be run. */
static void take(struct weir_map *map, struct weir__seat *seat, struct weir__record *record)
{
    struct weir__each_values values = {
        .record = record->bytes,
        .length = record->length - 1,
        .number = record->seq + 1,
        .slot = (unsigned)(seat - map->workers.supervisor.seats) + 1,
    };
    struct weir__each *each = map->each;
    char **launched = NULL, fault[300];
    const char *const *argv = each->words.argv;
    int status = weir__each_words_fill(&each->words, &values, fault, sizeof fault);

    if (status == 0 && each->launcher.words != NULL && !is_here(each, values.slot - 1)) {
        launched = launch(each, values.slot - 1, argv);
        argv = (const char *const *)launched;
        status = launched == NULL ? WEIR_ERR_NOMEM : 0;
    }
    if (status < 0) {
        weir__record_reader_give_back(&map->in.reader, record);
        fail(map, "a command");
    } else if (status > 0) {
        settle(map, record, NULL, fault, NULL);
    } else if (each->options.dry_run) {
        show(map, record, argv);
    } else {
        start(map, seat, record, &values, argv);
    }
    weir__argv_free(launched);
}

/* The record whose time for a retry has come; NULL: none. */
static struct weir__record *take_waiting(struct weir_map *map, int64_t now_ns)
{
    struct weir__record_queue *waiting = &map->workers.quarantined;
    struct weir__record *record = waiting->first;

    while (record != NULL && record->each.ready_ns > now_ns)
        record = record->next;
    if (record != NULL)
        weir__record_queue_take(waiting, record);
    return record;
}

static int is_waiting(const struct weir_map *map, int64_t now_ns)
{
    for (const struct weir__record *record = map->workers.quarantined.first; record != NULL;
         record = record->next)
        if (record->each.ready_ns <= now_ns)
            return 1;
    return 0;
}

static int has_record(struct weir_map *map, int64_t now_ns)
{
    return is_waiting(map, now_ns)
           || (map->workers.quarantined.count < WAITING_MOST && weir__map_input_has(map));
}

void weir__each_give_out(struct weir_map *map)
{
    struct weir__each *each = map->each;
    struct weir__seat *seat;

    while (map->end.status == 0 && map->workers.count < map->options.workers
           && !weir__map_output_is_full(map)
           && (seat = weir__supervisor_seat(&map->workers.supervisor, NULL)) != NULL) {
        int64_t now_ns = weir__clock_ns(), wait_ms;
        struct weir__record *record;

        if (!has_record(map, now_ns))
            return;
        wait_ms =
            each->options.dry_run ? 0 : weir__each_pace_wait(&each->pace, now_ns, each->running);
        if (wait_ms == 0 && seat->backoff.next_ns > now_ns)
            wait_ms = (seat->backoff.next_ns - now_ns) / 1000000 + 1;
        if (wait_ms != 0) {
            if (wait_ms > 0 && wait_ms < TICK_MS)
                weir__timer_start(map->run.tick, wait_ms);
            return;
        }
        record = take_waiting(map, now_ns);
        if (record == NULL && weir__map_input_take(map, &record) != 1)
            return;
        take(map, seat, record);
    }
}

/* --- Time -------------------------------------------------------------------- */

/* Stops a job whose time is up, and keeps what it prints. Returns the milliseconds until then. */
static int64_t check_time(struct weir__map_worker *worker, int64_t now_ns, int64_t most_ms)
{
    int64_t timeout_ms = worker->map->options.record_timeout_ms, left_ms;

    if (timeout_ms == WEIR_FOREVER || worker->is_over || worker->each->is_late
        || worker->process.exited || worker->process.state == WEIR__WORKER_DYING)
        return most_ms;
    left_ms = timeout_ms - (now_ns - worker->started_ns) / 1000000;
    if (left_ms > 0)
        return left_ms < most_ms ? left_ms : most_ms;
    worker->each->is_late = 1;
    worker->process.result.why = WEIR_STOP_TIMEOUT;
    weir__worker_interrupt(&worker->process, worker->map->options.grace_ms);
    return most_ms;
}

int64_t weir__each_tick(struct weir_map *map, int64_t now_ns, int64_t most_ms)
{
    for (struct weir__map_worker *worker = map->workers.first; worker != NULL;
         worker = worker->next) {
        most_ms = check_time(worker, now_ns, most_ms);
        weir__worker_watch(&worker->process);
    }
    return most_ms;
}

/* --- As a worker ------------------------------------------------------------- */

static int has_begun(const struct weir__map_worker *worker)
{
    (void)worker;
    return 1;
}

static int is_busy(const struct weir__map_worker *worker)
{
    (void)worker;
    return 1; /* its input is not the scheduler's to close */
}

static size_t no_window(const struct weir__map_worker *worker)
{
    (void)worker;
    return 0;
}

static int no_tick(struct weir__map_worker *worker, int64_t now_ns)
{
    (void)worker;
    (void)now_ns;
    return 0;
}

const struct weir__protocol weir__protocol_each = {
    .has_begun = has_begun,
    .is_busy = is_busy,
    .window = no_window,
    .tick = no_tick,
    .free = free_each,
};
