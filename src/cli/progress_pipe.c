#include "config.h"

#include "cli/progress_pipe.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/printable.h"
#include "cli/progress_show.h"

struct pipe_progress {
    struct progress progress; /* first */
    struct show show;
    const struct show_style *style;
    int64_t next_ns; /* when it may be drawn again */
    int changed;
};

enum { REDRAW_MS = 100 };

static void take_end(struct show_stage *stage, enum weir_end end, int64_t number)
{
    stage->state = SHOW_ENDED;
    stage->end = end;
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
        take_end(stage, WEIR_NOT_STARTED, event->number);
        break;
    case WEIR_EVENT_EXITED:
        take_end(stage, WEIR_EXITED, event->number);
        break;
    case WEIR_EVENT_SIGNALED:
        take_end(stage, WEIR_SIGNALED, event->number);
        break;
    case WEIR_EVENT_STATUS_LOST:
        take_end(stage, WEIR_STATUS_LOST, 0);
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

    if (event->stage >= 0 && (size_t)event->stage < pipe->show.count)
        take_in(&pipe->show.stages[event->stage], event);
    pipe->changed = 1;
    /* Bytes come too often to be told one by one. */
    if (event->kind != WEIR_EVENT_PROGRESS)
        pipe->style->event(&pipe->show, event);
}

static int tick(struct progress *progress)
{
    struct pipe_progress *pipe = (struct pipe_progress *)progress;
    int64_t now_ns = weir__clock_ns();

    if (now_ns < pipe->next_ns)
        return (int)((pipe->next_ns - now_ns) / 1000000) + 1;
    if (!pipe->changed && !pipe->style->shows_time)
        return -1;
    pipe->style->draw(&pipe->show);
    pipe->changed = 0;
    pipe->next_ns = now_ns + (int64_t)REDRAW_MS * 1000000;
    return pipe->style->shows_time ? REDRAW_MS : -1;
}

static void hide(struct progress *progress)
{
    struct pipe_progress *pipe = (struct pipe_progress *)progress;

    pipe->style->hide(&pipe->show);
}

static void say(struct progress *progress, const char *kind, const char *message)
{
    struct pipe_progress *pipe = (struct pipe_progress *)progress;

    pipe->style->say(&pipe->show, kind, message);
}

static void free_progress(struct progress *progress)
{
    struct pipe_progress *pipe = (struct pipe_progress *)progress;

    free(pipe->show.stages);
    free(pipe);
}

struct progress *pipe_progress_new(enum progress_style style, int delay_ms)
{
    static const struct progress_ops ops = {take_event, tick, hide, say, free_progress};
    struct pipe_progress *pipe = calloc(1, sizeof *pipe);

    if (pipe == NULL)
        return NULL;
    pipe->progress.ops = &ops;
    pipe->style = style == PROGRESS_JSON ? &show_json : &show_tty;
    pipe->show.started_ns = weir__clock_ns();
    pipe->next_ns = pipe->show.started_ns + (int64_t)delay_ms * 1000000;
    return &pipe->progress;
}

int pipe_progress_follow(struct progress *progress, const weir_pipeline_t *pipeline)
{
    struct pipe_progress *pipe = (struct pipe_progress *)progress;
    size_t count = weir_pipeline_count(pipeline);
    struct show_stage *stages = calloc(count, sizeof *stages);

    if (stages == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        weir__sentence(stages[i].name, sizeof stages[i].name, "%s",
                       weir_pipeline_stage_name(pipeline, i));
    pipe->show.stages = stages;
    pipe->show.count = count;
    return 0;
}

void pipe_progress_settle(struct progress *progress)
{
    struct pipe_progress *pipe = (struct pipe_progress *)progress;

    pipe->style->settle(&pipe->show);
}

void pipe_progress_end(struct progress *progress, const struct weir_pipe_report *report, int status)
{
    struct pipe_progress *pipe = (struct pipe_progress *)progress;

    pipe->style->end(&pipe->show, report, status);
}
