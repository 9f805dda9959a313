#include "config.h"

#include "cli/progress_map.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json_tree.h"
#include "cli/spark.h"

enum {
    JSON_MS = 1000,
    RATE_MS = 2000, /* the period of the rate */
    SAMPLES = RATE_MS / 100,
    SHARES_DRAWN = 8, /* more shares do not fit on the line */
    WIDE = 100,       /* columns: rates are drawn as bars, and workers have lines */
};

/* The number of settled records at a time. */
struct sample {
    int64_t at_ns;
    uint64_t settled;
};

struct worker_rate {
    long pid; /* 0: unused */
    struct spark spark;
};

struct map_progress {
    struct progress progress; /* first */
    struct progress_ops ops;
    int is_each;     /* a program for each record */
    weir_map_t *map; /* NULL: not started, or over */
    struct weir_map_progress seen;
    const struct weir_map_report *report; /* NULL: it still runs */
    struct sample samples[SAMPLES];       /* a ring: the oldest is where the next one goes */
    size_t sample_count;
    struct spark rate;
    struct worker_rate workers[SHARES_DRAWN];
    uint64_t first_offset; /* where the input began: more than 0 in a resumed run */
};

/* --- What is shown -------------------------------------------------------- */

/* The recent number of records settled per second. */
static uint64_t compute_rate(struct map_progress *progress, uint64_t settled)
{
    struct sample now = {weir__clock_ns(), settled};
    struct sample *place = &progress->samples[progress->sample_count % SAMPLES];
    struct sample before = progress->sample_count < SAMPLES
                               ? (struct sample){progress->progress.started_ns, 0}
                               : *place;

    *place = now;
    progress->sample_count++;
    if (now.at_ns <= before.at_ns || settled < before.settled)
        return 0;
    return (uint64_t)((double)(settled - before.settled) * 1e9
                      / (double)(now.at_ns - before.at_ns));
}

/* Estimated seconds left, or -1 if unknown. */
static int64_t seconds_left(const struct map_progress *progress,
                            const struct weir_map_progress *seen)
{
    int64_t elapsed_ns = weir__clock_ns() - progress->progress.started_ns;
    uint64_t done;

    if (seen->input_size <= 0 || seen->input_offset <= progress->first_offset
        || seen->input_offset > (uint64_t)seen->input_size)
        return -1;
    done = seen->input_offset - progress->first_offset;
    return (int64_t)((double)elapsed_ns / 1e9 / (double)done
                     * (double)((uint64_t)seen->input_size - seen->input_offset));
}

/* "  share 52/48%": the shares of the live workers. */
static void add_shares(struct weir__buffer *line, const struct weir_map_progress *seen)
{
    uint64_t sum = 0;

    if (seen->worker_count < 2 || seen->worker_count > SHARES_DRAWN)
        return;
    for (size_t i = 0; i < seen->worker_count; i++)
        sum += seen->shares[i].records;
    for (size_t i = 0; i < seen->worker_count && sum > 0; i++)
        progress_add(line, "%s%d", i == 0 ? "  share " : "/",
                     (int)((double)seen->shares[i].records * 100 / (double)sum + 0.5));
    if (sum > 0)
        progress_add(line, "%%");
}

static json_t *shares_json(const struct weir_map_progress *seen)
{
    json_t *list = json_array();

    for (size_t i = 0; i < seen->worker_count && i < WEIR_MAP_SHARES; i++) {
        const struct weir_map_share *share = &seen->shares[i];

        weir__tree_append(&list, json_pack("{s:o,s:I,s:I}", "pid",
                                           share->pid > 0 ? json_integer(share->pid) : json_null(),
                                           "records", (json_int_t)share->records, "in_flight",
                                           (json_int_t)share->in_flight));
    }
    return list;
}

/* Updates what is shown. Returns the rate. */
static uint64_t update_progress(struct map_progress *progress)
{
    if (progress->map != NULL)
        weir_map_look(progress->map, &progress->seen);
    return compute_rate(progress, progress->seen.settled);
}

static int is_live(const struct weir_map_progress *seen, long pid)
{
    for (size_t i = 0; i < seen->worker_count && i < WEIR_MAP_SHARES; i++)
        if (seen->shares[i].pid == pid)
            return 1;
    return 0;
}

/* The worker's, or one that belongs to no worker any more. There are as many as workers that are
 * drawn. */
static struct spark *rate_of(struct map_progress *progress, long pid)
{
    struct worker_rate *place = NULL;

    for (size_t i = 0; i < SHARES_DRAWN; i++) {
        struct worker_rate *one = &progress->workers[i];

        if (one->pid == pid)
            return &one->spark;
        if (place == NULL && !is_live(&progress->seen, one->pid))
            place = one;
    }
    if (place == NULL)
        return NULL;
    *place = (struct worker_rate){.pid = pid};
    return &place->spark;
}

/* A line for each worker. Returns how many. */
static int draw_workers(struct map_progress *progress, struct weir__buffer *text, int rows)
{
    const struct weir_map_progress *seen = &progress->seen;

    if (progress->is_each || seen->worker_count < 2 || seen->worker_count > SHARES_DRAWN
        || (int)seen->worker_count + 2 > rows)
        return 0;
    for (size_t i = 0; i < seen->worker_count; i++) {
        const struct weir_map_share *share = &seen->shares[i];
        struct spark *spark = share->pid > 0 ? rate_of(progress, share->pid) : NULL;

        progress_add(text, "  worker %-9ld %10" PRIu64 " records  %6" PRIu64 " in flight  ",
                     share->pid, share->records, share->in_flight);
        if (spark != NULL) {
            spark_count(spark, share->records, weir__clock_ns());
            progress_add(text, "%8.0f/s  ", spark_last(spark));
            spark_draw(spark, SPARK_VALUES, text);
        }
        progress_add(text, "\033[K\n");
    }
    return (int)seen->worker_count;
}

static int draw(struct progress *shown, struct weir__buffer *text, int columns, int rows)
{
    struct map_progress *progress = (struct map_progress *)shown;
    const struct weir_map_progress *seen = &progress->seen;
    uint64_t a_second = update_progress(progress);
    int64_t elapsed_s = (weir__clock_ns() - shown->started_ns) / 1000000000;
    int64_t left_s = seconds_left(progress, seen);
    struct weir__buffer whole = {0}, *line = &whole;

    if (progress->report != NULL && progress->report->wall_ns > 0)
        a_second = (uint64_t)((double)seen->settled * 1e9 / (double)progress->report->wall_ns);
    if (progress->is_each)
        progress_add(line,
                     "%" PRIu64 " done  %" PRIu64 " running  %" PRIu64 " failed  %" PRIu64 "/s",
                     seen->settled, seen->in_flight, seen->dead, a_second);
    else
        progress_add(line,
                     "%" PRIu64 " records  %" PRIu64 "/s  %" PRIu64 " in flight  %" PRIu64 " dead",
                     seen->settled, a_second, seen->in_flight, seen->dead);
    if (seen->input_size > 0 && seen->input_offset <= (uint64_t)seen->input_size)
        progress_add(line, "  %d%%",
                     (int)((double)seen->input_offset * 100 / (double)seen->input_size));
    if (!progress->is_each)
        add_shares(line, seen);
    progress_add(line, "  %d:%02d", (int)(elapsed_s / 60), (int)(elapsed_s % 60));
    if (left_s > 0)
        progress_add(line, "  %d:%02d left", (int)(left_s / 60), (int)(left_s % 60));
    if (progress->is_each && seen->slowest > 0)
        progress_add(line, "  slowest: %" PRIu64 ", %d:%02d", seen->slowest,
                     (int)(seen->slowest_ns / 60000000000),
                     (int)(seen->slowest_ns / 1000000000 % 60));
    weir__buffer_add(text, whole.bytes,
                     whole.length < (size_t)columns ? whole.length : (size_t)columns - 1, NULL);
    if (progress->report == NULL)
        spark_count(&progress->rate, seen->settled, weir__clock_ns());
    if (columns >= WIDE && whole.length + 2 + SPARK_VALUES < (size_t)columns) {
        progress_add(text, "  ");
        spark_draw(&progress->rate, SPARK_VALUES, text);
    }
    progress_add(text, "\033[K\n");
    weir__buffer_clear(&whole);
    return 1 + (columns >= WIDE ? draw_workers(progress, text, rows) : 0);
}

/* The programs that run, and the one that has run longest. */
static void describe_each(const struct map_progress *progress, json_t **line)
{
    const struct weir_map_progress *seen = &progress->seen;
    int64_t left_s = seconds_left(progress, seen);

    weir__tree_set(line, "left_s", left_s >= 0 ? json_integer(left_s) : json_null());
    weir__tree_set(line, "slowest",
                   seen->slowest == 0 ? json_null()
                                      : json_pack("{s:I,s:I}", "record", (json_int_t)seen->slowest,
                                                  "ms", (json_int_t)(seen->slowest_ns / 1000000)));
}

static void describe(struct progress *shown, json_t **line)
{
    struct map_progress *progress = (struct map_progress *)shown;
    const struct weir_map_progress *seen = &progress->seen;
    uint64_t a_second = update_progress(progress);

    weir__tree_set(line, "records", json_integer((json_int_t)seen->records));
    weir__tree_set(line, "bytes", json_integer((json_int_t)seen->bytes));
    weir__tree_set(line, "settled", json_integer((json_int_t)seen->settled));
    weir__tree_set(line, "dead", json_integer((json_int_t)seen->dead));
    weir__tree_set(line, "in_flight", json_integer((json_int_t)seen->in_flight));
    weir__tree_set(line, "rate", json_integer((json_int_t)a_second));
    weir__tree_set(line, "input_size",
                   seen->input_size >= 0 ? json_integer(seen->input_size) : json_null());
    weir__tree_set(line, "input_offset", json_integer((json_int_t)seen->input_offset));
    if (progress->is_each)
        describe_each(progress, line);
    else
        weir__tree_set(line, "workers", shares_json(seen));
}

static void describe_end(struct progress *shown, json_t **line)
{
    static const struct weir_map_report none;
    const struct map_progress *progress = (const struct map_progress *)shown;
    const struct weir_map_report *report = progress->report != NULL ? progress->report : &none;

    weir__tree_set(line, "records", json_integer((json_int_t)report->records));
    weir__tree_set(line, "answered", json_integer((json_int_t)report->answered));
    weir__tree_set(line, "dropped", json_integer((json_int_t)report->dropped));
    weir__tree_set(line, "dead", json_integer((json_int_t)report->dead));
    weir__tree_set(line, "unsettled", json_integer((json_int_t)report->unsettled));
}

/* --- Its life --------------------------------------------------------------- */

static void free_progress(struct progress *progress)
{
    free(progress);
}

struct progress *map_progress_new(const struct cli_command *command, enum progress_style style,
                                  int delay_ms)
{
    struct map_progress *progress = calloc(1, sizeof *progress);

    if (progress == NULL)
        return NULL;
    progress->is_each = command == &cli_each;
    progress->ops = (struct progress_ops){
        .command = command,
        .json_ms = JSON_MS,
        .draw = draw,
        .describe = describe,
        .describe_end = describe_end,
        .free = free_progress,
    };
    progress_init(&progress->progress, &progress->ops, style, delay_ms);
    return &progress->progress;
}

void map_progress_follow(struct progress *shown, weir_map_t *map)
{
    struct map_progress *progress = (struct map_progress *)shown;

    progress->map = map;
    weir_map_look(map, &progress->seen);
    progress->first_offset = progress->seen.input_offset;
}

void map_progress_report(struct progress *shown, const struct weir_map_report *report)
{
    struct map_progress *progress = (struct map_progress *)shown;

    progress->map = NULL;
    progress->report = report;
    progress->seen = (struct weir_map_progress){
        .records = report->records,
        .settled = report->answered + report->dropped + report->dead,
        .dead = report->dead,
        .input_size = -1,
    };
}
