#include "config.h"

#include "cli/progress_pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_tree.h"
#include "base/printable.h"
#include "base/signal_names.h"
#include "cli/spark.h"
#include "text/json_text.h"

enum { EVERY_MS = 100, NAME_MAX_WIDTH = 24, STATE_WIDTH = 14, RATE_WIDTH = 13 };

enum stage_state { WAITING, RUNNING, ENDED };

struct stage {
    char name[80];
    enum stage_state state;
    enum weir_exit_kind end; /* if it has ended */
    int number;              /* exit code, signal, or errno, according to end */
    int metered;
    uint64_t bytes, shown_bytes;
    int64_t began_ns, ended_ns;
    struct spark rate;
};

struct pipe_progress {
    struct progress progress; /* first */
    struct stage *stages;
    size_t count;
};

/* --- What happens ---------------------------------------------------------------- */

static void end_stage(struct stage *stage, enum weir_exit_kind end, int64_t number)
{
    stage->state = ENDED;
    stage->end = end;
    stage->number = (int)number;
    stage->ended_ns = weir__clock_ns();
}

static void update_stage(struct stage *stage, const struct weir_event *event)
{
    switch (event->kind) {
    case WEIR_EVENT_STARTED:
        stage->state = RUNNING;
        stage->began_ns = weir__clock_ns();
        break;
    case WEIR_EVENT_NOT_STARTED:
        end_stage(stage, WEIR_NOT_STARTED, event->number);
        break;
    case WEIR_EVENT_EXITED:
        end_stage(stage, WEIR_EXITED, event->number);
        break;
    case WEIR_EVENT_SIGNALED:
        end_stage(stage, WEIR_SIGNALED, event->number);
        break;
    case WEIR_EVENT_STATUS_LOST:
        end_stage(stage, WEIR_STATUS_LOST, 0);
        break;
    case WEIR_EVENT_PROGRESS:
        stage->bytes = event->bytes;
        stage->metered = 1;
        break;
    default:
        break;
    }
}

static void take_event(struct progress *progress, const struct weir_event *event)
{
    struct pipe_progress *pipe = (struct pipe_progress *)progress;

    if (event->stage >= 0 && (size_t)event->stage < pipe->count)
        update_stage(&pipe->stages[event->stage], event);
}

/* --- On a terminal --------------------------------------------------------------- */

/* The number of bytes of name that fit in width columns, and the columns they fill. */
static int fit_name(const char *name, int width, int *columns)
{
    int length = 0;

    *columns = 0;
    for (; name[length] != '\0'; length++)
        if (((unsigned char)name[length] & 0xc0) != 0x80) {
            if (*columns == width)
                break;
            ++*columns;
        }
    return length;
}

static void format_bytes(char text[16], uint64_t bytes)
{
    static const char units[] = "KMGTPE";
    double number = (double)bytes;
    int unit = -1;

    while (number >= 1024 && unit < 5) {
        number /= 1024;
        unit++;
    }
    if (unit < 0)
        snprintf(text, 16, "%d", (int)bytes);
    else
        snprintf(text, 16, number < 10 ? "%.1f%c" : "%.0f%c", number, units[unit]);
}

static const char *color_of(const struct stage *stage)
{
    const char *no_color = getenv("NO_COLOR");

    if ((no_color != NULL && *no_color != '\0') || !isatty(STDERR_FILENO))
        return "";
    if (stage->state != ENDED)
        return "";
    return stage->end == WEIR_EXITED && stage->number == 0 ? "\033[32m" : "\033[31m";
}

static void format_end(const struct stage *stage, char *text, size_t size)
{
    switch (stage->end) {
    case WEIR_EXITED:
        snprintf(text, size, stage->number == 0 ? "done" : "exited %d", stage->number);
        break;
    case WEIR_SIGNALED:
        snprintf(text, size, "%s", weir__signal_name(stage->number));
        break;
    case WEIR_NOT_STARTED:
        snprintf(text, size, "not started");
        break;
    case WEIR_STATUS_LOST:
        snprintf(text, size, "lost");
        break;
    }
}

static void format_state(const struct stage *stage, char *text, size_t size)
{
    if (stage->state == ENDED)
        format_end(stage, text, size);
    else
        snprintf(text, size, stage->state == RUNNING ? "running" : "waiting");
}

/* "  12.3M/s  " and the rates before. */
static void add_rate(struct weir__buffer *text, struct stage *stage)
{
    char rate[16];

    if (!stage->metered)
        return;
    if (stage->state == RUNNING)
        spark_count(&stage->rate, stage->bytes, weir__clock_ns());
    format_bytes(rate, (uint64_t)spark_last(&stage->rate));
    if (stage->state == RUNNING)
        progress_add(text, "  %*s/s  ", RATE_WIDTH - 6, rate);
    else
        progress_add(text, "%*s", RATE_WIDTH, "");
    spark_draw(&stage->rate, SPARK_VALUES, text);
}

static void add_stage(struct weir__buffer *text, struct stage *stage, int name_width, int columns)
{
    int64_t until_ns = stage->ended_ns != 0 ? stage->ended_ns : weir__clock_ns();
    int64_t seconds = stage->began_ns != 0 ? (until_ns - stage->began_ns) / 1000000000 : 0;
    char state[32], bytes[16] = "";
    const char *paint = color_of(stage);
    int used, length = fit_name(stage->name, name_width, &used);

    format_state(stage, state, sizeof state);
    if (stage->metered)
        format_bytes(bytes, stage->bytes);
    progress_add(text, "%.*s%*s", length, stage->name, name_width - used, "");
    if (columns > name_width + STATE_WIDTH + 2)
        progress_add(text, "  %s%-*.*s%s", paint, STATE_WIDTH, STATE_WIDTH, state,
                     *paint != '\0' ? "\033[0m" : "");
    if (columns > name_width + STATE_WIDTH + 2 + 16)
        progress_add(text, "%7s %5d:%02d", bytes, (int)(seconds / 60), (int)(seconds % 60));
    if (columns > name_width + STATE_WIDTH + 2 + 16 + RATE_WIDTH + SPARK_VALUES)
        add_rate(text, stage);
    progress_add(text, "\033[K\n");
}

/*
 *   tap      running      12.3M   0:04
 *   clean    exited 3             0:02
 */
static int draw(struct progress *progress, struct weir__buffer *text, int columns, int rows)
{
    struct pipe_progress *pipe = (struct pipe_progress *)progress;
    size_t shown = pipe->count;
    int name_width = 0;

    if (shown > (size_t)rows - 1) /* the last row is the cursor's */
        shown = rows > 3 ? (size_t)rows - 2 : 1;
    for (size_t i = 0; i < pipe->count; i++) {
        int used;

        fit_name(pipe->stages[i].name, NAME_MAX_WIDTH, &used);
        name_width = used > name_width ? used : name_width;
    }
    name_width = name_width < columns - 1 ? name_width : columns - 1;
    for (size_t i = 0; i < shown; i++)
        add_stage(text, &pipe->stages[i], name_width, columns);
    if (shown < pipe->count)
        progress_add(text, "and %zu more\033[K\n", pipe->count - shown);
    return (int)shown + (shown < pipe->count);
}

/* --- As JSON --------------------------------------------------------------------- */

static const char *state_name(const struct stage *stage)
{
    if (stage->state == ENDED)
        return weir_exit_kind_name(stage->end);
    return stage->state == RUNNING ? "running" : "waiting";
}

static int has_changed(const struct progress *progress)
{
    const struct pipe_progress *pipe = (const struct pipe_progress *)progress;
    int changed = 0;

    for (size_t i = 0; i < pipe->count; i++)
        changed |= pipe->stages[i].bytes != pipe->stages[i].shown_bytes;
    return changed;
}

static void describe(struct progress *progress, json_t **line)
{
    struct pipe_progress *pipe = (struct pipe_progress *)progress;
    json_t *list = json_array();

    for (size_t i = 0; i < pipe->count; i++) {
        struct stage *stage = &pipe->stages[i];

        weir__tree_append(&list, json_pack("{s:o,s:s,s:o}", "name", weir__json_text(stage->name),
                                           "state", state_name(stage), "bytes",
                                           stage->metered ? json_integer((json_int_t)stage->bytes)
                                                          : json_null()));
        stage->shown_bytes = stage->bytes;
    }
    weir__tree_set(line, "stages", list);
}

/* --- Its life -------------------------------------------------------------------- */

static void free_progress(struct progress *progress)
{
    struct pipe_progress *pipe = (struct pipe_progress *)progress;

    free(pipe->stages);
    free(pipe);
}

struct progress *pipe_progress_new(enum progress_style style, int delay_ms)
{
    static const struct progress_ops ops = {&cli_pipe,   EVERY_MS, 1,        take_event,   draw,
                                            has_changed, describe, describe, free_progress};
    struct pipe_progress *pipe = calloc(1, sizeof *pipe);

    if (pipe == NULL)
        return NULL;
    progress_init(&pipe->progress, &ops, style, delay_ms);
    return &pipe->progress;
}

int pipe_progress_follow(struct progress *progress, const weir_pipeline_t *pipeline)
{
    struct pipe_progress *pipe = (struct pipe_progress *)progress;
    size_t count = weir_pipeline_count(pipeline);

    pipe->stages = calloc(count, sizeof *pipe->stages);
    if (pipe->stages == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        weir__sentence(pipe->stages[i].name, sizeof pipe->stages[i].name, "%s",
                       weir_pipeline_stage_name(pipeline, i));
    pipe->count = count;
    return 0;
}
