#include "config.h"

#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/printable.h"

enum progress_style progress_choose(enum progress_style asked, int to_terminal)
{
    const char *term = getenv("TERM");

    if (asked != PROGRESS_AUTO)
        return asked;
    if (!isatty(STDERR_FILENO) || (to_terminal && isatty(STDOUT_FILENO)))
        return PROGRESS_NONE;
    return term != NULL && strcmp(term, "dumb") != 0 ? PROGRESS_TTY : PROGRESS_NONE;
}

enum { REDRAW_MS = 100 };

void progress_init(struct progress *progress, const struct progress_ops *ops,
                   enum progress_style style, int delay_ms)
{
    progress->ops = ops;
    progress->is_json = style == PROGRESS_JSON;
    progress->started_ns = weir__clock_ns();
    if (progress->is_json && ops->has_changed == NULL)
        delay_ms = ops->json_ms;
    progress->next_ns = progress->started_ns + (int64_t)delay_ms * 1000000;
}

static void on_event(void *context, const struct weir_event *event)
{
    struct progress *progress = context;

    if (progress->ops->take_event != NULL)
        progress->ops->take_event(progress, event);
    if (event->kind == WEIR_EVENT_PROGRESS) /* bytes: too frequent for lines of their own */
        return;
    if (progress->is_json)
        progress_json_event(progress, event);
    else
        progress_tty_event(progress, event);
}

/* Returns milliseconds until the next one, or -1 to wait for an event. */
static int on_tick(void *context)
{
    struct progress *progress = context;
    int every_ms = progress->is_json ? progress->ops->json_ms : REDRAW_MS;
    int64_t now_ns = weir__clock_ns();

    if (now_ns < progress->next_ns)
        return (int)((progress->next_ns - now_ns) / 1000000) + 1;
    if (progress->is_json && progress->ops->has_changed != NULL
        && !progress->ops->has_changed(progress))
        return -1;
    progress->next_ns = now_ns + (int64_t)every_ms * 1000000;
    if (progress->is_json)
        progress_json_draw(progress);
    else
        progress_tty_draw(progress);
    return every_ms;
}

static void on_pause(void *context)
{
    progress_tty_erase(context);
}

void progress_watch(struct progress *progress, struct watch *watch)
{
    if (progress == NULL)
        return;
    watch->context = progress;
    watch->on_event = on_event;
    watch->on_tick = on_tick;
    watch->on_pause = on_pause;
}

void progress_settle(struct progress *progress)
{
    if (progress->was_drawn)
        progress_tty_draw(progress);
    progress->lines = 0;
}

void progress_end(struct progress *progress, int status, enum weir_stop_reason why)
{
    if (progress->is_json)
        progress_json_end(progress, status, why);
}

void progress_free(struct progress *progress)
{
    if (progress != NULL)
        progress->ops->free(progress);
}

void progress_say(struct progress *progress, const char *kind, const char *message)
{
    if (progress->is_json)
        progress_json_say(progress, kind, message);
    else
        progress_tty_say(progress, message);
}

int voice_say(const struct voice *voice, int status, const char *format, ...)
{
    char message[1500];
    va_list args;

    va_start(args, format);
    weir__sentence_list(message, sizeof message, format, args);
    va_end(args);
    if (voice->progress != NULL)
        progress_say(voice->progress, "message", message);
    else
        cli_say(voice->command, "%s", message);
    return status;
}
