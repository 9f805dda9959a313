/* The JSON report of a finished pipeline: docs/schemas/pipe-report.schema.json. */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <weir/pipeline.h>
#include <weir/text.h>

#include "base/clock.h"
#include "base/json_tree.h"
#include "map/map.h"
#include "proc/result_json.h"

void weir_pipeline_report_clear(struct weir_pipeline_report *report)
{
    if (report == NULL)
        return;
    for (size_t i = 0; i < report->stage_count; i++) {
        free(report->stages[i].name);
        weir_map_report_clear(report->stages[i].map);
        free(report->stages[i].map);
        weir_result_clear(&report->stages[i].result);
    }
    free(report->stages);
    *report = (struct weir_pipeline_report){0};
}

/* stderr was captured if bytes is not NULL, even with length 0. */
static json_t *stderr_json(const struct weir_output *output)
{
    return output->bytes != NULL ? weir__output_json(output) : json_null();
}

/* Names and sentences may contain non-UTF-8 bytes of a file name. */
static json_t *text_json(const char *bytes)
{
    struct weir_text text;
    json_t *string;

    if (weir_decode(bytes, strlen(bytes), NULL, WEIR_REPLACE, NULL, &text, NULL) < 0)
        return NULL;
    string = json_stringn(text.bytes, text.length);
    weir_text_clear(&text);
    return string;
}

/* Returns NULL if out of memory, like all functions here: json_pack() propagates it. */
static json_t *stage_json(const struct weir_stage_report *stage)
{
    json_t *object = json_pack("{s:o}", "name", text_json(stage->name));
    json_t *fields = weir__result_fields(&stage->result);
    json_t *rest = json_pack("{s:b,s:o,s:o,s:f}", "forgiven", stage->forgiven, "stderr",
                             stderr_json(&stage->result.err), "bytes_out",
                             stage->bytes_out >= 0 ? json_integer(stage->bytes_out) : json_null(),
                             "start_ms", (double)(stage->start_ns / 1000) / 1000);

    if (stage->map != NULL)
        weir__tree_set(&rest, "map", weir__map_report_object(stage->map));
    weir__tree_update(&object, fields);
    weir__tree_update(&object, rest);
    return object;
}

static json_t *stages_json(const struct weir_pipeline_report *report)
{
    json_t *list = json_array();

    for (size_t i = 0; i < report->stage_count; i++)
        weir__tree_append(&list, stage_json(&report->stages[i]));
    return list;
}

/* null on success; its stage is null if the failure is not a stage's. */
static json_t *decided_by_json(const struct weir_pipeline_report *report)
{
    const char *name = NULL;

    if (report->ok)
        return json_null();
    if (report->decided_by >= 0 && (size_t)report->decided_by < report->stage_count)
        name = report->stages[report->decided_by].name;
    return json_pack("{s:o,s:o}", "stage", name != NULL ? text_json(name) : json_null(), "reason",
                     text_json(report->reason));
}

char *weir_pipeline_report_json(const struct weir_pipeline_report *report)
{
    char started_at[WEIR__TIME_SIZE];

    weir__clock_format(report->started_at_ns, started_at);
    return weir__json_print(
        json_pack("{s:i,s:s,s:b,s:i,s:o,s:s,s:s,s:f,s:o}", "weir", 1, "kind", "pipe", "ok",
                  report->ok, "status", report->status, "decided_by", decided_by_json(report),
                  "why", weir_stop_reason_name(report->why), "started_at", started_at, "wall_ms",
                  (double)(report->wall_ns / 1000) / 1000, "stages", stages_json(report)));
}
