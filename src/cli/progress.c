#include "config.h"

#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/printable.h"
#include "cli/output.h"
#include "cli/signals.h"

enum progress_style progress_choose(enum progress_style asked, int to_terminal)
{
    const char *term = getenv("TERM");

    if (asked != PROGRESS_AUTO)
        return asked;
    if (!isatty(STDERR_FILENO) || (to_terminal && isatty(STDOUT_FILENO)))
        return PROGRESS_NONE;
    return term != NULL && strcmp(term, "dumb") != 0 ? PROGRESS_TTY : PROGRESS_NONE;
}

static void hear(void *context, const struct weir_event *event)
{
    struct progress *progress = context;

    progress->ops->event(progress, event);
}

static int tick(void *context)
{
    struct progress *progress = context;

    return progress->ops->tick(progress);
}

static void hide(void *context)
{
    struct progress *progress = context;

    progress->ops->hide(progress);
}

void progress_watch(struct progress *progress, struct watch *watch)
{
    if (progress == NULL)
        return;
    watch->context = progress;
    watch->on_event = hear;
    watch->on_tick = tick;
    watch->on_pause = hide;
}

void progress_free(struct progress *progress)
{
    if (progress != NULL)
        progress->ops->free(progress);
}

void progress_put(const char *text, size_t length)
{
    signals_hold_ttou(1); /* in the background writing must not stop us */
    output_say(text, length);
    signals_hold_ttou(0);
}

int voice_say(const struct voice *voice, int status, const char *format, ...)
{
    char message[1500];
    va_list args;

    va_start(args, format);
    weir__sentence_list(message, sizeof message, format, args);
    va_end(args);
    if (voice->progress != NULL)
        voice->progress->ops->say(voice->progress, "message", message);
    else
        cli_say(voice->command, "%s", message);
    return status;
}
