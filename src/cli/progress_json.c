/* Progress as JSON: an object a line, as docs/schemas/progress-line.schema.json has it.
 *
 *   {"kind":"started","elapsed_ms":2,"stage":"tap","pid":4711}
 *   {"kind":"exited","elapsed_ms":9,"stage":"tap","pid":4711,"code":3}
 *   {"kind":"progress","elapsed_ms":100,"stages":[{"name":"tap","state":"running","bytes":65536}]}
 *   {"kind":"stderr","elapsed_ms":5,"stage":"tap","text":"no such table"}
 *   {"kind":"message","elapsed_ms":9,"text":"tap: exited with 3"}
 *   {"kind":"end","elapsed_ms":9,"ok":false,"status":3,"why":"none","stages":[...]}
 */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "base/json_tree.h"
#include "base/signal_names.h"
#include "cli/json_line.h"
#include "cli/progress_show.h"
#include "text/json_text.h"

static json_t *begin(const struct show *show, const char *kind)
{
    return json_line_begin(show->started_ns, kind);
}

static const char *state_name(const struct show_stage *stage)
{
    if (stage->state == SHOW_ENDED)
        return weir_end_name(stage->end);
    return stage->state == SHOW_RUNNING ? "running" : "waiting";
}

static json_t *stages_json(struct show *show)
{
    json_t *list = json_array();

    for (size_t i = 0; i < show->count; i++) {
        struct show_stage *stage = &show->stages[i];

        weir__tree_append(&list, json_pack("{s:o,s:s,s:o}", "name", weir__json_text(stage->name),
                                           "state", state_name(stage), "bytes",
                                           stage->metered ? json_integer((json_int_t)stage->bytes)
                                                          : json_null()));
        stage->told_bytes = stage->bytes;
    }
    return list;
}

/* What number means in an event of this kind. */
static void add_number(json_t **line, const struct weir_event *event)
{
    switch (event->kind) {
    case WEIR_EVENT_EXITED:
        weir__tree_set(line, "code", json_integer(event->number));
        break;
    case WEIR_EVENT_SIGNALED:
    case WEIR_EVENT_PAUSED:
    case WEIR_EVENT_SIGNAL_SENT:
        weir__tree_set(line, "signal", json_string(weir__signal_name((int)event->number)));
        break;
    case WEIR_EVENT_NOT_STARTED:
        weir__tree_set(line, "errno", json_string(weir__errno_name((int)event->number)));
        break;
    default:
        break;
    }
}

static void tell(struct show *show, const struct weir_event *event)
{
    int is_line = event->kind == WEIR_EVENT_STDERR_LINE;
    json_t *line;

    if (is_line && event->number == 0) /* the spec says to keep it, not to show it */
        return;
    line = begin(show, is_line ? "stderr" : weir_event_name(event->kind));
    if (event->stage >= 0)
        weir__tree_set(&line, "stage", weir__json_text(event->name));
    if (event->pid > 0 && !is_line)
        weir__tree_set(&line, "pid", json_integer(event->pid));
    add_number(&line, event);
    if (event->length > 0 || is_line)
        weir__tree_set(&line, "text", weir__json_textn(event->text, event->length));
    json_line_print(line);
}

static void draw(struct show *show)
{
    int news = 0;

    for (size_t i = 0; i < show->count; i++)
        news |= show->stages[i].bytes != show->stages[i].told_bytes;
    if (news) {
        json_t *line = begin(show, "progress");

        weir__tree_set(&line, "stages", stages_json(show));
        json_line_print(line);
    }
}

static void do_nothing(struct show *show)
{
    (void)show;
}

static void say(struct show *show, const char *kind, const char *message)
{
    json_t *line = begin(show, kind);

    weir__tree_set(&line, "text", weir__json_text(message));
    json_line_print(line);
}

static void end(struct show *show, const struct weir_pipe_report *report, int status)
{
    json_t *line = begin(show, "end");

    weir__tree_set(&line, "ok", json_boolean(status == 0));
    weir__tree_set(&line, "status", json_integer(status));
    weir__tree_set(&line, "why",
                   json_string(weir_why_name(report != NULL ? report->why : WEIR_WHY_NONE)));
    weir__tree_set(&line, "stages", stages_json(show));
    json_line_print(line);
}

const struct show_style show_json = {
    .event = tell,
    .draw = draw,
    .hide = do_nothing,
    .say = say,
    .settle = do_nothing,
    .end = end,
};
