/* Maps against a model: records that say what their worker does, in random
 * schedules.  Whatever happens, each record is answered, dropped or dead as it must
 * be, once, in its place, and the report adds up.
 *
 *     SCHEDULES  how many (2000); make check-map-property SCHEDULES=20000 for more
 *     SEED       the first one's seed (1): SEED=4711 SCHEDULES=1 plays that one again
 */
#include "config.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "support/harness.h"
#include "support/mapping.h"
#include "support/running.h"

enum { RECORDS_AT_MOST = 48, RECORD_TIMEOUT_MS = 1500, MAX_RECORD = 300 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SCHEDULES = 200, AT_ONCE = 20 }; /* or all would be late that has its time */
#else
enum { SCHEDULES = 2000, AT_ONCE = 100 };
#endif

/* --- The model -------------------------------------------------------------- */

/* What must become of a record. */
enum fate {
    ANSWERED, /* with {"r":N} */
    NULLED,   /* with null: answered, or dropped where that is asked for */
    DEAD,     /* always, for its reason */
    SHAKEN,   /* it fails once: dead without retries where it failed alone, else answered */
    BLANK,    /* it is no record */
};

static const struct action {
    const char *name; /* as in tests/children/map_worker.c; NULL: see text */
    enum fate fate;
    const char *reason;
    int x;
    unsigned weight;
    int stalls; /* only where records have a timeout */
    char only;  /* 'l': where workers speak lines, 'c': where they are called; 0: both */
    const char *text;
} actions[] = {
    {"answer", ANSWERED, NULL, 0, 0, 0, 0, NULL}, /* what all the others make rarer */
    {"bytes", ANSWERED, NULL, 0, 3, 0, 0, NULL},
    {"slow", ANSWERED, NULL, 3, 3, 0, 0, NULL},
    {"chatter", ANSWERED, NULL, 9000, 2, 0, 0, NULL},
    {"leave", ANSWERED, NULL, 0, 4, 0, 0, NULL},
    {"null", NULLED, NULL, 0, 4, 0, 0, NULL},
    {"die", DEAD, "crash", 0, 3, 0, 0, NULL},
    {"exit", DEAD, "no reply", 0, 2, 0, 0, NULL},
    {"torn", DEAD, "crash", 0, 2, 0, 0, NULL},
    {"noise", DEAD, "desync", 0, 2, 0, 0, NULL},
    {"big", DEAD, "desync", 1000, 1, 0, 'l', NULL},
    {"error", DEAD, "error", 5, 2, 0, 'c', NULL},
    {"null-id", DEAD, "error", 0, 1, 0, 'c', NULL},
    {"error-once", SHAKEN, "error", 5, 4, 0, 'c', NULL},
    {"batch", ANSWERED, NULL, 0, 3, 0, 'c', NULL},
    {"string", ANSWERED, NULL, 0, 3, 0, 'c', NULL},
    {"die-once", SHAKEN, "crash", 0, 3, 0, 0, NULL},
    {"exit-once", SHAKEN, "crash", 7, 2, 0, 0, NULL},
    {"torn-once", SHAKEN, "crash", 0, 2, 0, 0, NULL},
    {"noise-once", SHAKEN, "desync", 0, 2, 0, 0, NULL},
    {"stall", DEAD, "timeout", 0, 1, 1, 0, NULL},
    {"late", DEAD, "timeout", 0, 1, 1, 0, NULL},
    {"stall-once", SHAKEN, "timeout", 0, 3, 1, 0, NULL},
    {"late-once", SHAKEN, "timeout", 0, 3, 1, 0, NULL},
    {NULL, DEAD, "invalid", 0, 1, 0, 0, "{\"n\":"},
    {NULL, DEAD, "invalid", 0, 1, 0, 0, "\"\xc3\""},
    {NULL, DEAD, "oversize", 0, 1, 0, 0, NULL},
    {NULL, BLANK, NULL, 0, 2, 0, 0, " \t"},
};

enum { ACTIONS = sizeof actions / sizeof actions[0] };

struct schedule {
    uint64_t seed, random;
    struct weir_command command;
    struct weir_map_options options;
    int letters_wanted, input_is_pipe;
    char marks[96], letters_path[64];
    const char *env[2];

    const struct action *records[RECORDS_AT_MOST]; /* those that are not blank */
    unsigned count, blank;

    int in, out, letters;
    weir_map_t *map;
    struct weir_map_report report;
    struct weir_error error;
    int failed, over;

    unsigned seen[RECORDS_AT_MOST];   /* how often its reply came */
    unsigned buried[RECORDS_AT_MOST]; /* how often its letter came */
    unsigned nulls;
    int wrong;
};

static uint32_t draw(struct schedule *schedule, uint32_t below)
{
    uint64_t z = schedule->random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) % below);
}

/* How much of an action there is. */
static unsigned weight_of(const struct schedule *schedule, const struct action *action)
{
    char now = schedule->options.call != NULL ? 'c' : 'l';

    if ((action->stalls && schedule->options.record_timeout_ms == WEIR_FOREVER)
        || (action->only != 0 && action->only != now))
        return 0;
    return action->weight;
}

static const struct action *draw_action(struct schedule *schedule, unsigned oddness)
{
    unsigned total = 0, at;

    if (draw(schedule, 100) >= oddness)
        return &actions[0];
    for (size_t i = 0; i < ACTIONS; i++)
        total += weight_of(schedule, &actions[i]);
    at = draw(schedule, total);
    for (size_t i = 0;; i++) {
        unsigned weight = weight_of(schedule, &actions[i]);

        if (at < weight)
            return &actions[i];
        at -= weight;
    }
}

static void add_record(struct schedule *schedule, struct weir__buffer *input,
                       const struct action *action)
{
    if (action->fate == BLANK)
        schedule->blank++;
    if (action->name != NULL)
        add(input, "{\"n\":%u,\"do\":\"%s\",\"x\":%d}", schedule->count, action->name, action->x);
    else if (action->text != NULL)
        add(input, "%s", action->text);
    else
        add(input, "\"%0*d\"", MAX_RECORD, 0);
    if (action->fate != BLANK)
        schedule->records[schedule->count++] = action;
}

/* --- One schedule ------------------------------------------------------------ */

static void draw_options(struct schedule *schedule)
{
    static const char *const at_a_time[] = {"1", "1", "3", "40"};
    static const size_t windows[] = {1, 2, 3, 4096}, bytes[] = {1, 100, 1024 * 1024};
    struct weir_map_options *options = &schedule->options;

    if (draw(schedule, 2) == 0) {
        *options = map_options(map_worker(NULL, NULL));
    } else {
        *options = map_options(map_worker("-r", at_a_time[draw(schedule, 4)]));
        options->call = "do";
    }
    options->workers = 1 + draw(schedule, 4);
    options->unordered = (int)draw(schedule, 2);
    options->retries = draw(schedule, 3);
    options->on_error = (enum weir_map_on_error)draw(schedule, 3);
    options->drop_null = (int)draw(schedule, 2);
    options->window = windows[draw(schedule, 4)];
    options->window_bytes = bytes[draw(schedule, 3)];
    options->reorder_bytes = draw(schedule, 3) == 0 ? 1 : 64 * 1024 * 1024;
    options->record_timeout_ms = draw(schedule, 8) == 0 ? RECORD_TIMEOUT_MS : WEIR_FOREVER;
    options->max_record = MAX_RECORD;
    schedule->input_is_pipe = (int)draw(schedule, 2);
}

/* One of the first few must be answered, or nobody can tell who is to blame: the
 * very first, where no other may be taken before it has settled. */
static void make_input(struct schedule *schedule, struct weir__buffer *input)
{
    unsigned lines = 1 + draw(schedule, RECORDS_AT_MOST);
    unsigned few = schedule->options.reorder_bytes == 1 ? 1 : 3;
    unsigned good = draw(schedule, lines < few ? lines : few);
    unsigned oddness = draw(schedule, 4) == 0 ? 0 : 5 + draw(schedule, 50);

    if (draw(schedule, 8) == 0)
        add(input, "\xef\xbb\xbf");
    for (unsigned i = 0; i < lines; i++) {
        const struct action *action = i == good ? &actions[0] : draw_action(schedule, oddness);

        add_record(schedule, input, action);
        if (i + 1 < lines || draw(schedule, 4) != 0)
            add(input, "%s", draw(schedule, 8) == 0 ? "\r\n" : "\n");
    }
}

static void is_over(weir_map_t *map, const struct weir_map_report *report,
                    const struct weir_error *error, void *context)
{
    struct schedule *schedule = context;

    (void)report;
    schedule->failed = weir_map_take(map, &schedule->report, NULL);
    if (error != NULL)
        schedule->error = *error;
    schedule->over = 1;
}

static struct schedule *begin(weir_t *weir, uint64_t seed)
{
    struct schedule *schedule = calloc(1, sizeof *schedule);
    struct weir__buffer input = {0};
    int ends[2];

    CU_ASSERT_PTR_NOT_NULL_FATAL(schedule);
    schedule->seed = schedule->random = seed;
    draw_options(schedule);
    make_input(schedule, &input);
    snprintf(schedule->marks, sizeof schedule->marks, "MARKS=/tmp/weir-property-%ld-%llu",
             (long)getpid(), (unsigned long long)seed);
    schedule->env[0] = schedule->marks;
    schedule->command = map_command;
    schedule->command.env = schedule->env;
    schedule->options.command = &schedule->command;
    if (schedule->input_is_pipe) {
        CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
        CU_ASSERT_EQUAL_FATAL(weir__write_all(ends[FD_WRITE_END], input.bytes, input.length), 0);
        close(ends[FD_WRITE_END]);
        schedule->in = ends[FD_READ_END];
    } else {
        schedule->in = memory_file(input.bytes, input.length);
    }
    schedule->out = memory_file("", 0);
    schedule->letters = memory_file("", 0);
    schedule->options.input_fd = schedule->in;
    schedule->options.output_fd = schedule->out;
    snprintf(schedule->letters_path, sizeof schedule->letters_path, "/proc/self/fd/%d",
             schedule->letters);
    schedule->letters_wanted = schedule->options.on_error == WEIR_MAP_DEAD_LETTER;
    if (schedule->letters_wanted)
        schedule->options.dead_letter = schedule->letters_path;
    weir__buffer_clear(&input);
    schedule->map = weir_map_start(weir, &schedule->options, is_over, schedule, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(schedule->map);
    return schedule;
}

/* --- What must be ------------------------------------------------------------- */

static void wrong(struct schedule *schedule, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void wrong(struct schedule *schedule, const char *format, ...)
{
    va_list args;

    if (!schedule->wrong)
        printf("# SEED=%llu SCHEDULES=1 (status %d: %s)\n", (unsigned long long)schedule->seed,
               schedule->report.status, schedule->report.reason);
    schedule->wrong = 1;
    va_start(args, format);
    printf("#   ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

static void read_replies(struct schedule *schedule)
{
    struct weir__buffer out = {0};
    long last = -1;
    char *line, *rest;

    read_back(schedule->out, &out);
    if (count_lines(&out) != schedule->report.records_out
        || out.length != schedule->report.bytes_out)
        wrong(schedule, "%zu lines of %zu bytes are there, %llu of %llu are reported",
              count_lines(&out), out.length, (unsigned long long)schedule->report.records_out,
              (unsigned long long)schedule->report.bytes_out);
    for (line = strtok_r(out.bytes, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        unsigned n;
        char wanted[32];

        if (strcmp(line, "null") == 0) {
            schedule->nulls++;
            continue;
        }
        if (sscanf(line, "{\"r\":%u}", &n) != 1 || n >= schedule->count) {
            wrong(schedule, "no reply of ours: %s", line);
            continue;
        }
        snprintf(wanted, sizeof wanted, "{\"r\":%u}", n);
        if (strcmp(line, wanted) != 0)
            wrong(schedule, "%s and not %s", line, wanted);
        if (!schedule->options.unordered && (long)n <= last)
            wrong(schedule, "%u after %ld", n, last);
        last = n;
        schedule->seen[n]++;
    }
    weir__buffer_clear(&out);
}

static void read_letter(struct schedule *schedule, const char *line, long *last)
{
    json_t *letter = json_loads(line, 0, NULL);
    long seq = (long)json_integer_value(json_object_get(letter, "seq"));
    long attempts = (long)json_integer_value(json_object_get(letter, "attempts"));
    const char *reason = json_string_value(json_object_get(letter, "reason"));
    const struct action *action = seq < (long)schedule->count ? schedule->records[seq] : NULL;
    long failures = (long)schedule->options.retries + 1;

    if (letter == NULL || action == NULL || reason == NULL) {
        wrong(schedule, "no letter of ours: %s", line);
    } else {
        schedule->buried[seq]++;
        if (action->reason == NULL || strcmp(action->reason, reason) != 0)
            wrong(schedule, "%ld (%s) is dead of %s", seq,
                  action->name != NULL ? action->name : "no JSON", reason);
        if (action->name == NULL ? attempts != 0 : attempts < failures || attempts > failures + 8)
            wrong(schedule, "%ld (%s) is dead after %ld attempts", seq, action->name, attempts);
        if (!schedule->options.unordered && seq <= *last)
            wrong(schedule, "the letter of %ld after that of %ld", seq, *last);
        *last = seq;
    }
    json_decref(letter);
}

static void read_letters(struct schedule *schedule)
{
    struct weir__buffer letters = {0};
    long last = -1;
    char *rest;

    read_back(schedule->letters, &letters);
    for (char *line = strtok_r(letters.bytes, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        read_letter(schedule, line, &last);
    weir__buffer_clear(&letters);
}

static void check_record(struct schedule *schedule, unsigned n)
{
    const struct action *action = schedule->records[n];
    const char *name = action->name != NULL ? action->name : action->reason;
    int is_dead = schedule->letters_wanted ? schedule->buried[n] == 1 : schedule->seen[n] == 0;

    if (schedule->seen[n] > 1 || schedule->buried[n] > 1
        || (schedule->seen[n] > 0 && schedule->buried[n] > 0))
        wrong(schedule, "%u (%s) is there %u times, and dead %u times", n, name, schedule->seen[n],
              schedule->buried[n]);
    if (action->fate == NULLED)
        return;
    if ((action->fate == ANSWERED && is_dead) || (action->fate == DEAD && !is_dead)
        || (action->fate == SHAKEN && is_dead && schedule->options.retries > 0))
        wrong(schedule, "%u (%s) is %s", n, name, is_dead ? "dead" : "not");
    if (!is_dead && action->fate != DEAD && schedule->seen[n] != 1)
        wrong(schedule, "%u (%s) is lost", n, name);
}

/* All went its way: each record is as it must be. */
static void check_all(struct schedule *schedule)
{
    const struct weir_map_report *report = &schedule->report;
    unsigned answered = 0, nulls = 0;

    for (unsigned n = 0; n < schedule->count; n++) {
        check_record(schedule, n);
        answered += schedule->seen[n];
        nulls += schedule->records[n]->fate == NULLED;
    }
    if (schedule->nulls != (schedule->options.drop_null ? 0 : nulls))
        wrong(schedule, "%u times null", schedule->nulls);
    if (report->dropped != (schedule->options.drop_null ? nulls : 0))
        wrong(schedule, "%llu are dropped", (unsigned long long)report->dropped);
    if (report->answered != answered + schedule->nulls || report->unsettled != 0)
        wrong(schedule, "%llu answered, %llu unsettled", (unsigned long long)report->answered,
              (unsigned long long)report->unsettled);
    if (report->records != schedule->count || report->blank != schedule->blank)
        wrong(schedule, "%llu records, %llu blank", (unsigned long long)report->records,
              (unsigned long long)report->blank);
    if (report->status != (report->dead > 0))
        wrong(schedule, "with %llu dead", (unsigned long long)report->dead);
}

/* The first dead record has ended it: what is there is right, and in order nothing
 * is there from behind that record. */
static void check_some(struct schedule *schedule)
{
    int may_die = 0, behind = 0;

    for (unsigned n = 0; n < schedule->count; n++) {
        enum fate fate = schedule->records[n]->fate;

        may_die |= fate == DEAD || (fate == SHAKEN && schedule->options.retries == 0);
        if (schedule->seen[n] > 1 || (schedule->seen[n] > 0 && fate == DEAD))
            wrong(schedule, "%u is there %u times", n, schedule->seen[n]);
        if (!schedule->options.unordered && schedule->seen[n] > 0 && behind)
            wrong(schedule, "%u is there, and one before it is not", n);
        behind |= schedule->seen[n] == 0 && fate != NULLED;
    }
    if (!may_die || schedule->report.dead == 0)
        wrong(schedule, "no record should be dead, %llu are",
              (unsigned long long)schedule->report.dead);
}

static unsigned late_leaves;

/* Whether a worker that left was so late, on a busy machine, that its input had been closed: then
 * nobody knows which records it has left out, and the map ends as it must. */
static int left_too_late(const struct schedule *schedule)
{
    if (schedule->options.call != NULL || schedule->report.status != 3
        || strstr(schedule->report.reason, " and ended: from the record in line ") == NULL)
        return 0;
    for (unsigned n = 0; n < schedule->count; n++) {
        const char *name = schedule->records[n]->name;

        if (name != NULL && (strcmp(name, "leave") == 0 || strncmp(name, "exit", 4) == 0))
            return 1;
    }
    return 0;
}

static void check_schedule(struct schedule *schedule)
{
    const struct weir_map_report *report = &schedule->report;

    if (schedule->failed < 0) {
        wrong(schedule, "%s", schedule->error.text);
        return;
    }
    read_replies(schedule);
    read_letters(schedule);
    if (report->records != report->answered + report->dropped + report->dead + report->unsettled)
        wrong(schedule, "the accounts do not add up");
    if (left_too_late(schedule))
        late_leaves++;
    else if (schedule->options.on_error == WEIR_MAP_FAIL && report->status == 3)
        check_some(schedule);
    else
        check_all(schedule);
}

static int end(struct schedule *schedule)
{
    int was_wrong;

    check_schedule(schedule);
    was_wrong = schedule->wrong;
    weir_map_free(schedule->map);
    weir_map_report_clear(&schedule->report);
    close(schedule->in);
    close(schedule->out);
    close(schedule->letters);
    for (unsigned n = 0; n < schedule->count; n++) {
        char path[128];

        snprintf(path, sizeof path, "%s.%u", schedule->marks + strlen("MARKS="), n);
        if (schedule->records[n]->fate == SHAKEN)
            unlink(path);
    }
    free(schedule);
    return was_wrong;
}

/* --- All of them ---------------------------------------------------------------- */

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

static void each_record_becomes_what_it_must(void)
{
    if (is_without("/proc")) /* to see what a worker left unread of an input that has ended */
        return;
    uint64_t next = number_of("SEED", 1), wanted = number_of("SCHEDULES", SCHEDULES);
    uint64_t begun = 0, ended = 0, failures = 0;
    struct schedule *running[AT_ONCE] = {NULL};
    int64_t last_ns = weir__clock_ns();
    weir_t *weir = open_weir();

    while (ended < wanted && weir__clock_ns() - last_ns < 2 * (int64_t)PATIENCE_MS * 1000000) {
        for (size_t i = 0; i < AT_ONCE; i++) {
            if (running[i] == NULL && begun < wanted) {
                running[i] = begin(weir, next++);
                begun++;
            }
            if (running[i] == NULL || !running[i]->over)
                continue;
            failures += (uint64_t)end(running[i]);
            running[i] = NULL;
            ended++;
            last_ns = weir__clock_ns();
            alarm(SUITE_DEADLINE_S);
        }
        if (await_news(weir, 1000))
            weir_dispatch(weir, NULL);
    }
    for (size_t i = 0; i < AT_ONCE; i++)
        if (running[i] != NULL)
            printf("# SEED=%llu SCHEDULES=1 does not end\n", (unsigned long long)running[i]->seed);
    CU_ASSERT_EQUAL(ended, wanted);
    CU_ASSERT_EQUAL(failures, 0);
    if (late_leaves > 0)
        printf("# %u schedules had a worker that left too late\n", late_leaves);
    CU_ASSERT(late_leaves <= 1 + wanted / 50); /* or it is not for this machine's slowness */
    weir_close(weir);
}

int main(void)
{
    struct rlimit files;
    CU_TestInfo tests[] = {
        {"each_record_becomes_what_it_must", each_record_becomes_what_it_must},
        CU_TEST_INFO_NULL,
    };

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &files);
    return run_suite("map_property", tests);
}
