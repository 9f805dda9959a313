/* Progress as JSON: an object a line, as docs/schemas/progress-line.schema.json has it.
 *
 *   {"kind":"started","elapsed_ms":2,"stage":"tap","pid":4711}
 *   {"kind":"exited","elapsed_ms":9,"stage":"tap","pid":4711,"code":3}
 *   {"kind":"progress","elapsed_ms":100,"stages":[{"name":"tap","state":"running","bytes":65536}]}
 *   {"kind":"stderr","elapsed_ms":5,"stage":"tap","text":"no such table"}
 *   {"kind":"message","elapsed_ms":9,"text":"tap: exited with 3"}
 *   {"kind":"end","elapsed_ms":9,"ok":false,"status":3,"why":"none","stages":[...]}
 *
 * and of a map:
 *
 *   {"kind":"progress","elapsed_ms":1000,"records":5000,"bytes":501000,"settled":4100,
 *    "dead":0,"in_flight":900,"rate":4100,"input_size":null,"input_offset":410000,
 *    "workers":[{"pid":4711,"records":2100,"in_flight":450},...]}
 *   {"kind":"record_failed","elapsed_ms":7,"line":12,"offset":1100,"reason":"crash"}
 *   {"kind":"stderr","elapsed_ms":5,"pid":4711,"line":"no such table"}
 *   {"kind":"message","elapsed_ms":9,"text":"1 of 5000 records is dead"}
 *   {"kind":"end","elapsed_ms":9,"ok":false,"status":1,"why":"none","records":5000,...}
 */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_tree.h"
#include "base/signal_names.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "proc/result_json.h"
#include "text/json_text.h"

static json_t *begin_line(const struct progress *progress, const char *kind)
{
    return json_pack("{s:s,s:I}", "kind", kind, "elapsed_ms",
                     (json_int_t)((weir__clock_ns() - progress->started_ns) / 1000000));
}

/* Takes line.  One write a line, so that lines of several programs do not mix. */
static void print_line(json_t *line)
{
    static const char none[] =
        "{\"kind\":\"error\",\"text\":\"no memory for a line of progress\"}\n";
    char *text = weir__json_print(line);

    output_say(text != NULL ? text : none, strlen(text != NULL ? text : none));
    free(text);
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

void progress_json_event(const struct progress *progress, const struct weir_event *event)
{
    int is_line = event->kind == WEIR_EVENT_STDERR_LINE;
    int has_stage = progress->ops->has_stages && event->stage >= 0;
    json_t *line;

    if (is_line && has_stage && event->number == 0) /* the spec: keep it, do not show it */
        return;
    line = begin_line(progress, is_line ? "stderr" : weir_event_name(event->kind));
    if (has_stage) {
        weir__tree_set(&line, "stage", weir__json_text(event->name));
        add_number(&line, event);
    }
    if (event->pid > 0 && !(is_line && has_stage))
        weir__tree_set(&line, "pid", json_integer(event->pid));
    if (event->kind == WEIR_EVENT_RECORD_FAILED && !has_stage) {
        weir__tree_set(&line, "line", json_integer(event->number));
        weir__tree_set(&line, "offset", json_integer((json_int_t)event->bytes));
        weir__tree_set(&line, "reason", weir__json_textn(event->text, event->length));
    } else if (event->length > 0 || is_line) {
        weir__tree_set(&line, "text", weir__json_textn(event->text, event->length));
    }
    print_line(line);
}

void progress_json_draw(struct progress *progress)
{
    json_t *line = begin_line(progress, "progress");

    progress->ops->describe(progress, &line);
    print_line(line);
}

void progress_json_say(const struct progress *progress, const char *kind, const char *message)
{
    json_t *line = begin_line(progress, kind);

    weir__tree_set(&line, "text", weir__json_text(message));
    print_line(line);
}

void progress_json_end(struct progress *progress, int status, enum weir_stop_reason why)
{
    json_t *line = begin_line(progress, "end");

    weir__tree_set(&line, "ok", json_boolean(status == 0));
    weir__tree_set(&line, "status", json_integer(status));
    weir__tree_set(&line, "why", json_string(weir_stop_reason_name(why)));
    progress->ops->describe_end(progress, &line);
    print_line(line);
}
