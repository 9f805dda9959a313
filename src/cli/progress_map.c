#include "config.h"

#include "cli/progress_map.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_tree.h"
#include "cli/json_line.h"
#include "text/json_text.h"

enum {
    REDRAW_MS = 100,
    TELL_MS = 1000,
    RATE_MS = 2000, /* what is settled in so long makes the rate */
    SAMPLES = RATE_MS / REDRAW_MS,
    SHARES_DRAWN = 8, /* of more workers a line has no room for each */
};

/* How much was settled when. */
struct sample {
    int64_t at_ns;
    uint64_t settled;
};

struct map_progress {
    struct progress progress; /* first */
    weir_map_t *map;
    int is_json;
    int64_t started_ns, next_ns;
    struct sample samples[SAMPLES]; /* a ring: the oldest is where the next one goes */
    size_t sample_count;
    int have_offset;
    uint64_t first_offset; /* where the input began: later than 0 in a run that was resumed */
    int is_drawn;          /* the line stands on the terminal */
    int was_drawn;
};

/* --- What is shown -------------------------------------------------------- */

/* Records settled a second, of late. */
static uint64_t rate(struct map_progress *progress, uint64_t settled)
{
    struct sample now = {weir__clock_ns(), settled};
    struct sample *place = &progress->samples[progress->sample_count % SAMPLES];
    struct sample before =
        progress->sample_count < SAMPLES ? (struct sample){progress->started_ns, 0} : *place;

    *place = now;
    progress->sample_count++;
    if (now.at_ns <= before.at_ns || settled < before.settled)
        return 0;
    return (uint64_t)((double)(settled - before.settled) * 1e9
                      / (double)(now.at_ns - before.at_ns));
}

/* Seconds until the end if it goes on as until now; -1 where nobody can know. */
static int64_t seconds_left(const struct map_progress *progress,
                            const struct weir_map_progress *seen)
{
    int64_t elapsed_ns = weir__clock_ns() - progress->started_ns;
    uint64_t done;

    if (seen->input_size <= 0 || seen->input_offset <= progress->first_offset
        || seen->input_offset > (uint64_t)seen->input_size)
        return -1;
    done = seen->input_offset - progress->first_offset;
    return (int64_t)((double)elapsed_ns / 1e9 / (double)done
                     * (double)((uint64_t)seen->input_size - seen->input_offset));
}

static void add(char line[256], const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char line[256], const char *format, ...)
{
    size_t used = strlen(line);
    va_list args;

    va_start(args, format);
    vsnprintf(line + used, 256 - used, format, args);
    va_end(args);
}

static void put_line(const char *line)
{
    struct winsize size = {0};
    int columns = 80;
    char text[300];

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    snprintf(text, sizeof text, "%.*s\033[K\n", columns - 1, line);
    progress_put(text, strlen(text));
}

static void take_off(struct map_progress *progress)
{
    static const char up[] = "\r\033[1A\033[J";

    if (progress->is_drawn)
        progress_put(up, sizeof up - 1);
    progress->is_drawn = 0;
}

/* "  share 52/48%": of what the workers that live have answered. */
static void add_shares(char line[256], const struct weir_map_progress *seen)
{
    uint64_t sum = 0;

    if (seen->worker_count < 2 || seen->worker_count > SHARES_DRAWN)
        return;
    for (size_t i = 0; i < seen->worker_count; i++)
        sum += seen->shares[i].records;
    for (size_t i = 0; i < seen->worker_count && sum > 0; i++)
        add(line, "%s%d", i == 0 ? "  share " : "/",
            (int)((double)seen->shares[i].records * 100 / (double)sum + 0.5));
    if (sum > 0)
        add(line, "%%");
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

static void draw(struct map_progress *progress, const struct weir_map_progress *seen,
                 uint64_t a_second)
{
    int64_t elapsed_s = (weir__clock_ns() - progress->started_ns) / 1000000000;
    int64_t left_s = seconds_left(progress, seen);
    char line[256] = "";

    add(line, "%" PRIu64 " records  %" PRIu64 "/s  %" PRIu64 " in flight  %" PRIu64 " dead",
        seen->settled, a_second, seen->in_flight, seen->dead);
    if (seen->input_size > 0 && seen->input_offset <= (uint64_t)seen->input_size)
        add(line, "  %d%%", (int)((double)seen->input_offset * 100 / (double)seen->input_size));
    add_shares(line, seen);
    add(line, "  %d:%02d", (int)(elapsed_s / 60), (int)(elapsed_s % 60));
    if (left_s > 0)
        add(line, "  %d:%02d left", (int)(left_s / 60), (int)(left_s % 60));
    take_off(progress);
    put_line(line);
    progress->is_drawn = progress->was_drawn = 1;
}

static void tell(const struct map_progress *progress, const struct weir_map_progress *seen,
                 uint64_t a_second)
{
    json_t *line = json_line_begin(progress->started_ns, "progress");

    weir__tree_set(&line, "records", json_integer((json_int_t)seen->records));
    weir__tree_set(&line, "bytes", json_integer((json_int_t)seen->bytes));
    weir__tree_set(&line, "settled", json_integer((json_int_t)seen->settled));
    weir__tree_set(&line, "dead", json_integer((json_int_t)seen->dead));
    weir__tree_set(&line, "in_flight", json_integer((json_int_t)seen->in_flight));
    weir__tree_set(&line, "rate", json_integer((json_int_t)a_second));
    weir__tree_set(&line, "input_size",
                   seen->input_size >= 0 ? json_integer(seen->input_size) : json_null());
    weir__tree_set(&line, "input_offset", json_integer((json_int_t)seen->input_offset));
    weir__tree_set(&line, "workers", shares_json(seen));
    json_line_print(line);
}

static int tick(struct progress *shown)
{
    struct map_progress *progress = (struct map_progress *)shown;
    int64_t now_ns = weir__clock_ns();
    int every_ms = progress->is_json ? TELL_MS : REDRAW_MS;
    struct weir_map_progress seen;

    if (now_ns < progress->next_ns && progress->have_offset)
        return (int)((progress->next_ns - now_ns) / 1000000) + 1;
    weir_map_look(progress->map, &seen);
    if (!progress->have_offset) {
        progress->have_offset = 1;
        progress->first_offset = seen.input_offset;
        return tick(shown);
    }
    progress->next_ns = now_ns + (int64_t)every_ms * 1000000;
    if (progress->is_json)
        tell(progress, &seen, rate(progress, seen.settled));
    else
        draw(progress, &seen, rate(progress, seen.settled));
    return every_ms;
}

/* --- What is said --------------------------------------------------------- */

static void tell_event(const struct map_progress *progress, const struct weir_event *event)
{
    int is_line = event->kind == WEIR_EVENT_STDERR_LINE;
    json_t *line =
        json_line_begin(progress->started_ns, is_line ? "stderr" : weir_event_name(event->kind));

    if (event->pid > 0)
        weir__tree_set(&line, "pid", json_integer(event->pid));
    if (event->kind == WEIR_EVENT_RECORD_FAILED) {
        weir__tree_set(&line, "line", json_integer(event->number));
        weir__tree_set(&line, "offset", json_integer((json_int_t)event->bytes));
        weir__tree_set(&line, "reason", weir__json_textn(event->text, event->length));
    } else if (is_line || event->length > 0) {
        weir__tree_set(&line, "text", weir__json_textn(event->text, event->length));
    }
    json_line_print(line);
}

static void say(struct progress *shown, const char *kind, const char *message)
{
    struct map_progress *progress = (struct map_progress *)shown;
    char text[1600];

    if (progress->is_json) {
        json_t *line = json_line_begin(progress->started_ns, kind);

        weir__tree_set(&line, "text", weir__json_text(message));
        json_line_print(line);
        return;
    }
    take_off(progress);
    snprintf(text, sizeof text, "weir map: %s\n", message);
    progress_put(text, strlen(text));
}

static void take_event(struct progress *shown, const struct weir_event *event)
{
    struct map_progress *progress = (struct map_progress *)shown;

    if (progress->is_json) {
        tell_event(progress, event);
    } else if (event->kind == WEIR_EVENT_STDERR_LINE) {
        take_off(progress);
        progress_put(event->text, event->length);
        progress_put("\n", 1);
    } else if (event->kind == WEIR_EVENT_NOTICE) {
        say(shown, "notice", event->text);
    }
}

/* --- Its life --------------------------------------------------------------- */

static void hide(struct progress *progress)
{
    take_off((struct map_progress *)progress);
}

static void free_progress(struct progress *progress)
{
    free(progress);
}

struct progress *map_progress_new(enum progress_style style, int delay_ms)
{
    static const struct progress_ops ops = {take_event, tick, hide, say, free_progress};
    struct map_progress *progress = calloc(1, sizeof *progress);

    if (progress == NULL)
        return NULL;
    progress->progress.ops = &ops;
    progress->is_json = style == PROGRESS_JSON;
    progress->started_ns = weir__clock_ns();
    progress->next_ns =
        progress->started_ns + (int64_t)(progress->is_json ? TELL_MS : delay_ms) * 1000000;
    return &progress->progress;
}

void map_progress_follow(struct progress *progress, weir_map_t *map)
{
    ((struct map_progress *)progress)->map = map;
}

void map_progress_settle(struct progress *shown, const struct weir_map_report *report)
{
    struct map_progress *progress = (struct map_progress *)shown;
    double seconds = (double)report->wall_ns / 1e9;
    uint64_t settled = report->answered + report->dropped + report->dead;
    struct weir_map_progress seen = {
        .records = report->records,
        .settled = settled,
        .dead = report->dead,
        .input_size = -1,
    };

    if (progress->was_drawn && seconds > 0)
        draw(progress, &seen, (uint64_t)((double)settled / seconds));
    progress->is_drawn = 0;
}

void map_progress_end(struct progress *shown, const struct weir_map_report *report, int status)
{
    const struct map_progress *progress = (const struct map_progress *)shown;
    json_t *line;

    if (!progress->is_json)
        return;
    line = json_line_begin(progress->started_ns, "end");
    weir__tree_set(&line, "ok", json_boolean(status == 0));
    weir__tree_set(&line, "status", json_integer(status));
    weir__tree_set(&line, "why", json_string(weir_why_name(report->why)));
    weir__tree_set(&line, "records", json_integer((json_int_t)report->records));
    weir__tree_set(&line, "answered", json_integer((json_int_t)report->answered));
    weir__tree_set(&line, "dropped", json_integer((json_int_t)report->dropped));
    weir__tree_set(&line, "dead", json_integer((json_int_t)report->dead));
    weir__tree_set(&line, "unsettled", json_integer((json_int_t)report->unsettled));
    json_line_print(line);
}
