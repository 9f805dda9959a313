/* Progress on a terminal: a block of lines, redrawn in place. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/printable.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/signals.h"

/* Writes and clears text. Writing from the background must not stop weir. */
static void write_text(struct weir__buffer *text)
{
    if (text->length > 0) {
        signals_hold_ttou(1);
        output_say(text->bytes, text->length);
        signals_hold_ttou(0);
    }
    weir__buffer_clear(text);
}

void progress_add(struct weir__buffer *text, const char *format, ...)
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

static void add_erase(struct progress *progress, struct weir__buffer *text)
{
    if (progress->lines > 0)
        progress_add(text, "\r\033[%dA\033[J", progress->lines);
    progress->lines = 0;
}

void progress_tty_erase(struct progress *progress)
{
    struct weir__buffer text = {0};

    add_erase(progress, &text);
    write_text(&text);
}

void progress_tty_draw(struct progress *progress)
{
    struct weir__buffer text = {0};
    struct winsize size = {0};
    int columns = 80, rows = 24;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        columns = size.ws_col;
        rows = size.ws_row;
    }
    add_erase(progress, &text);
    progress->lines = progress->ops->draw(progress, &text, columns, rows);
    progress->was_drawn = 1;
    write_text(&text);
}

/* Prints a line above the block, which is redrawn later. */
static void put_line(struct progress *progress, const char *prefix, const char *line, size_t length)
{
    struct weir__buffer text = {0};

    add_erase(progress, &text);
    weir__buffer_add(&text, prefix, strlen(prefix), NULL);
    weir__buffer_add(&text, line, length, NULL);
    weir__buffer_add(&text, "\n", 1, NULL);
    write_text(&text);
}

void progress_tty_event(struct progress *progress, const struct weir_event *event)
{
    int has_stage = progress->ops->has_stages && event->stage >= 0;
    char prefix[300] = "";

    if (has_stage)
        weir__sentence(prefix, sizeof prefix, "%.200s: ", event->name);
    if (event->kind == WEIR_EVENT_NOTICE && !has_stage)
        progress_tty_say(progress, event->text);
    else if (event->kind == WEIR_EVENT_NOTICE
             || (event->kind == WEIR_EVENT_STDERR_LINE && (!has_stage || event->number != 0)))
        put_line(progress, prefix, event->text, event->length);
}

void progress_tty_say(struct progress *progress, const char *message)
{
    char prefix[64];

    snprintf(prefix, sizeof prefix, "%s: ", help_words(progress->ops->command).text);
    put_line(progress, prefix, message, strlen(message));
}
