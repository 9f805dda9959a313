#include "config.h"

#include "cli/progress.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/progress_show.h"

struct progress {
    struct show show;
    const struct show_style *style;
    int64_t next_ns; /* when it may be drawn again */
    int changed;
};

enum { REDRAW_MS = 100 };

enum progress_style progress_choose(enum progress_style asked, int to_terminal)
{
    const char *term = getenv("TERM");

    if (asked != PROGRESS_AUTO)
        return asked;
    if (!isatty(STDERR_FILENO) || (to_terminal && isatty(STDOUT_FILENO)))
        return PROGRESS_NONE;
    return term != NULL && strcmp(term, "dumb") != 0 ? PROGRESS_TTY : PROGRESS_NONE;
}

struct progress *progress_new(enum progress_style style, int delay_ms)
{
    struct progress *progress = calloc(1, sizeof *progress);

    if (progress == NULL)
        return NULL;
    progress->style = style == PROGRESS_JSON ? &show_json : &show_tty;
    progress->show.started_ns = weir__clock_ns();
    progress->next_ns = progress->show.started_ns + (int64_t)delay_ms * 1000000;
    return progress;
}

int progress_follow(struct progress *progress, const weir_pipeline_t *pipeline)
{
    size_t count = weir_pipeline_count(pipeline);
    struct show_stage *stages = calloc(count, sizeof *stages);

    if (stages == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        snprintf(stages[i].name, sizeof stages[i].name, "%s",
                 weir_pipeline_stage_name(pipeline, i));
    progress->show.stages = stages;
    progress->show.count = count;
    return 0;
}

void progress_free(struct progress *progress)
{
    if (progress == NULL)
        return;
    free(progress->show.stages);
    free(progress);
}

/* Takes an end in: state and number say it. */
static void take_end(struct show_stage *stage, enum show_state state, int64_t number)
{
    stage->state = state;
    stage->number = (int)number;
    stage->ended_ns = weir__clock_ns();
}

static void take_in(struct show_stage *stage, const struct weir_event *event)
{
    switch (event->kind) {
    case WEIR_EVENT_STARTED:
        stage->state = SHOW_RUNNING;
        stage->began_ns = weir__clock_ns();
        break;
    case WEIR_EVENT_NOT_STARTED:
        take_end(stage, SHOW_NOT_STARTED, event->number);
        break;
    case WEIR_EVENT_EXITED:
        take_end(stage, SHOW_EXITED, event->number);
        break;
    case WEIR_EVENT_SIGNALED:
        take_end(stage, SHOW_SIGNALED, event->number);
        break;
    case WEIR_EVENT_STATUS_LOST:
        take_end(stage, SHOW_LOST, 0);
        break;
    case WEIR_EVENT_PROGRESS:
        stage->bytes = event->bytes;
        stage->metered = 1;
        break;
    default:
        break;
    }
}

void progress_event(struct progress *progress, const struct weir_event *event)
{
    if (event->stage >= 0 && (size_t)event->stage < progress->show.count)
        take_in(&progress->show.stages[event->stage], event);
    progress->changed = 1;
    /* Bytes come too often to be told one by one. */
    if (event->kind != WEIR_EVENT_PROGRESS)
        progress->style->event(&progress->show, event);
}

int progress_tick(struct progress *progress)
{
    int64_t now_ns = weir__clock_ns();

    if (now_ns < progress->next_ns)
        return (int)((progress->next_ns - now_ns) / 1000000) + 1;
    if (!progress->changed && !progress->style->shows_time)
        return -1;
    progress->style->draw(&progress->show);
    progress->changed = 0;
    progress->next_ns = now_ns + (int64_t)REDRAW_MS * 1000000;
    return progress->style->shows_time ? REDRAW_MS : -1;
}

void progress_hide(struct progress *progress)
{
    progress->style->hide(&progress->show);
}

void progress_say(struct progress *progress, const char *kind, const char *message)
{
    progress->style->say(&progress->show, kind, message);
}

void progress_settle(struct progress *progress)
{
    progress->style->settle(&progress->show);
}

void progress_end(struct progress *progress, const struct weir_pipe_report *report, int status)
{
    progress->style->end(&progress->show, report, status);
}
