/* Progress on a terminal: a block of lines, redrawn in place.
 *
 *   tap      running      12.3M   0:04
 *   clean    exited 3             0:02
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/signal_names.h"
#include "base/printable.h"
#include "cli/progress.h"
#include "cli/progress_show.h"

enum { NAME_MAX_WIDTH = 24, STATE_WIDTH = 14 };

static void put(const struct weir__buffer *text)
{
    progress_put(text->bytes, text->length);
}

static void add(struct weir__buffer *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct weir__buffer *text, const char *format, ...)
{
    char piece[256];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    weir__buffer_add(text, piece, (size_t)length < sizeof piece ? (size_t)length : sizeof piece - 1,
                     NULL);
}

static void erase(struct show *show, struct weir__buffer *text)
{
    if (show->lines > 0)
        add(text, "\r\033[%dA\033[J", show->lines);
    show->lines = 0;
}

static void hide(struct show *show)
{
    struct weir__buffer text = {0};

    if (show->lines == 0)
        return;
    erase(show, &text);
    put(&text);
    weir__buffer_clear(&text);
}

/* Bytes of name that fill no more than width columns, and how many they fill. */
static int fit(const char *name, int width, int *columns)
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

static void say_bytes(char text[16], uint64_t bytes)
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

static const char *colour(const struct show_stage *stage)
{
    const char *no_color = getenv("NO_COLOR");

    if ((no_color != NULL && *no_color != '\0') || !isatty(STDERR_FILENO))
        return "";
    if (stage->state != SHOW_ENDED)
        return "";
    return stage->end == WEIR_EXITED && stage->number == 0 ? "\033[32m" : "\033[31m";
}

static void say_end(const struct show_stage *stage, char *text, size_t size)
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

static void say_state(const struct show_stage *stage, char *text, size_t size)
{
    if (stage->state == SHOW_ENDED)
        say_end(stage, text, size);
    else
        snprintf(text, size, stage->state == SHOW_RUNNING ? "running" : "waiting");
}

static void add_stage(struct weir__buffer *text, const struct show_stage *stage, int name_width,
                      int columns)
{
    int64_t until_ns = stage->ended_ns != 0 ? stage->ended_ns : weir__clock_ns();
    int64_t seconds = stage->began_ns != 0 ? (until_ns - stage->began_ns) / 1000000000 : 0;
    char state[32], bytes[16] = "";
    const char *paint = colour(stage);
    int used, length = fit(stage->name, name_width, &used);

    say_state(stage, state, sizeof state);
    if (stage->metered)
        say_bytes(bytes, stage->bytes);
    add(text, "%.*s%*s", length, stage->name, name_width - used, "");
    if (columns > name_width + STATE_WIDTH + 2)
        add(text, "  %s%-*.*s%s", paint, STATE_WIDTH, STATE_WIDTH, state,
            *paint != '\0' ? "\033[0m" : "");
    if (columns > name_width + STATE_WIDTH + 2 + 16)
        add(text, "%7s %5d:%02d", bytes, (int)(seconds / 60), (int)(seconds % 60));
    add(text, "\033[K\n");
}

static void draw(struct show *show)
{
    struct weir__buffer text = {0};
    struct winsize size = {0};
    size_t shown = show->count;
    int columns = 80, rows = 24, name_width = 0;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        columns = size.ws_col;
        rows = size.ws_row;
    }
    if (shown > (size_t)rows - 1) /* the last row is the cursor's */
        shown = rows > 3 ? (size_t)rows - 2 : 1;
    for (size_t i = 0; i < show->count; i++) {
        int used;

        fit(show->stages[i].name, NAME_MAX_WIDTH, &used);
        name_width = used > name_width ? used : name_width;
    }
    name_width = name_width < columns - 1 ? name_width : columns - 1;
    erase(show, &text);
    for (size_t i = 0; i < shown; i++)
        add_stage(&text, &show->stages[i], name_width, columns);
    if (shown < show->count)
        add(&text, "and %zu more\033[K\n", show->count - shown);
    put(&text);
    show->lines = (int)shown + (shown < show->count);
    show->drawn = 1;
    weir__buffer_clear(&text);
}

/* A line of a stage's, above the block, which comes back with the next draw. */
static void tell(struct show *show, const struct weir_event *event)
{
    struct weir__buffer text = {0};
    char name[300];

    if (event->kind != WEIR_EVENT_NOTICE
        && (event->kind != WEIR_EVENT_STDERR_LINE || event->number == 0))
        return;
    erase(show, &text);
    weir__buffer_add(&text, name, weir__sentence(name, sizeof name, "%.200s: ", event->name), NULL);
    weir__buffer_add(&text, event->text, event->length, NULL);
    weir__buffer_add(&text, "\n", 1, NULL);
    put(&text);
    weir__buffer_clear(&text);
}

static void say(struct show *show, const char *kind, const char *message)
{
    struct weir__buffer text = {0};

    (void)kind;
    erase(show, &text);
    weir__buffer_add(&text, "weir pipe: ", strlen("weir pipe: "), NULL);
    weir__buffer_add(&text, message, strlen(message), NULL);
    weir__buffer_add(&text, "\n", 1, NULL);
    put(&text);
    weir__buffer_clear(&text);
}

/* What was shown stays, as it was at the end. */
static void settle(struct show *show)
{
    if (show->drawn)
        draw(show);
    show->lines = 0;
}

static void end(struct show *show, const struct weir_pipe_report *report, int status)
{
    (void)show;
    (void)report;
    (void)status;
}

const struct show_style show_tty = {
    .shows_time = 1,
    .event = tell,
    .draw = draw,
    .hide = hide,
    .say = say,
    .settle = settle,
    .end = end,
};
