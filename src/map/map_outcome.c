#include "config.h"

#include "map/map_outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/printable.h"
#include "map/map.h"
#include "rpc/rpc_parse.h"

void weir__map_end(struct weir_map *map, int status, enum weir_stop_reason why, const char *format,
                   ...)
{
    va_list args;

    if (map->end.status != 0)
        return;
    map->end.grace_ms = map->options.grace_ms;
    map->end.status = status;
    map->end.why = why;
    va_start(args, format);
    weir__sentence_list(map->end.reason, sizeof map->end.reason, format, args);
    va_end(args);
    if (map->feed.feed != NULL)
        weir__feed_end(map->feed.feed);
}

void weir__map_notice(struct weir_map *map, enum weir__notice which, const char *format, ...)
{
    char text[600];
    va_list args;

    if (map->label.noticed & 1U << which)
        return;
    map->label.noticed |= 1U << which;
    va_start(args, format);
    weir__sentence_list(text, sizeof text, format, args);
    va_end(args);
    weir__context_tell(map->operation.weir, (struct weir_event){
                                                .kind = WEIR_EVENT_NOTICE,
                                                .stage = map->label.stage,
                                                .name = map->label.name,
                                                .text = text,
                                                .length = strlen(text),
                                            });
}

void weir__map_fail(struct weir_map *map, const struct weir_error *error)
{
    weir__operation_fail(&map->operation, error);
    weir__map_end(map, 5, WEIR_STOP_NONE, "%s", error->text);
}

void weir__map_settle(struct weir_map *map, struct weir__record *record, enum weir__outcome outcome,
                      const char *bytes, size_t length)
{
    struct weir_error error;

    if (weir__reorder_settle(&map->reorder, record, outcome, bytes, length, &error) < 0)
        weir__map_fail(map, &error);
    map->report.answered += outcome == WEIR__ANSWERED;
    map->report.dropped += outcome == WEIR__DROPPED;
    map->report.dead += outcome == WEIR__DEAD;
    weir__record_reader_give_back(&map->in.reader, record);
}

/* Writes "error -32602: there is no x". */
static void format_error(const struct weir__slice *error, const char *reason, char *text,
                         size_t size)
{
    static const char *const names[] = {"code", "message"};
    struct weir__slice found[2];
    char *message;

    snprintf(text, size, "%s", reason);
    if (error == NULL)
        return;
    weir__object_get(*error, names, found, 2);
    message = weir__slice_string(found[1], NULL);
    weir__sentence(text, size, "%s %.*s: %.200s", reason, (int)found[0].length, found[0].bytes,
                   message != NULL ? message : "");
    free(message);
}

/* The beginning of the advice; "it with --on-error skip" follows. */
static const char *advice_for(const struct weir_map *map, const char *reason)
{
    if (strcmp(reason, "no reply") == 0 && map->in.reader.is_nul)
        return "have the worker end its reply with NUL, or continue without";
    if (strcmp(reason, "no reply") == 0 && map->in.reader.is_opaque)
        return "have the worker answer it with a line, or continue without";
    if (strcmp(reason, "no reply") == 0)
        return "have the worker print null with --drop-null, or name a member that replies keep "
               "with --key /id --drop-missing, or continue without";
    if (strcmp(reason, "missing") == 0)
        return "drop what the worker leaves out with --drop-missing, or continue without";
    if (strcmp(reason, "key") == 0)
        return "add the member that --key names, or continue without";
    return "fix it, or continue without";
}

void weir__map_dead_letter(struct weir_map *map, struct weir__record *record, const char *reason,
                           struct weir__worker *exit_of, const struct weir__slice *error)
{
    char why[300];
    struct weir__buffer letter = {0};
    struct weir_error failure;
    int is_invalid = strncmp(reason, "invalid", 7) == 0;
    char kind[32]; /* "invalid" of "invalid: not JSON" */

    format_error(error, reason, why, sizeof why);
    weir__course_note_failure(map, record->line, why, exit_of);
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(reason, ":"), reason);
    map->report.invalid += is_invalid;
    map->report.oversize += strcmp(reason, "oversize") == 0;
    weir__context_tell(map->operation.weir, (struct weir_event){
                                                .kind = WEIR_EVENT_RECORD_FAILED,
                                                .stage = map->label.stage,
                                                .name = map->label.name,
                                                .number = (int64_t)record->line,
                                                .bytes = record->offset,
                                                .text = why,
                                                .length = strlen(why),
                                            });
    if (map->options.on_error == WEIR_MAP_FAIL)
        weir__map_end(map, 3, WEIR_STOP_NONE,
                      "the record in line %llu is dead: %s: %s it with --on-error skip or "
                      "--dead-letter FILE",
                      (unsigned long long)record->line, why, advice_for(map, reason));
    if (map->options.on_error == WEIR_MAP_FAIL) {
        map->report.dead++;
        free(record); /* its slot stays open: nothing after it is written */
        return;
    }
    if ((map->options.dead_letter != NULL || map->feed.feed != NULL)
        && weir__dead_letter_write(record, map->in.reader.is_opaque, kind, exit_of, error, &letter)
               < 0) {
        weir__fail(&failure, WEIR_ERR_NOMEM, 0, "no memory for a dead letter");
        weir__map_fail(map, &failure);
    }
    weir__map_settle(map, record, WEIR__DEAD, letter.bytes, letter.length);
    weir__buffer_clear(&letter);
}
