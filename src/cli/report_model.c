#include "config.h"

#include "cli/report_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_tree.h"
#include "base/printable.h"
#include "cli/report_kinds.h"
#include "cli/report_parts.h"

/* --- weir run ----------------------------------------------------------------- */

/* How much of a CPU it used while it ran. */
static void add_use(json_t **facts, const json_t *of, double wall_ms)
{
    double part = (part_number_of(of, "user_ms") + part_number_of(of, "system_ms")) / wall_ms;
    char value[REPORT_VALUE];

    if (!(wall_ms > 0))
        return;
    snprintf(value, sizeof value, "%.0f %% of one CPU", 100 * part);
    part_number(facts, "use", value, part, part_plain);
}

/* When it ran, what it used, and when it was told to stop. */
static void add_course(json_t **sections, const char *name, const json_t *of, double wall_ms)
{
    const json_t *signals = json_object_get(of, "stopped_with");
    const json_t *times = json_object_get(of, "stopped_at_ms");
    double user_ms = part_number_of(of, "user_ms"), system_ms = part_number_of(of, "system_ms");
    json_t *bars = json_array();
    char note[REPORT_VALUE], after[REPORT_VALUE + 10];

    report_duration(note, wall_ms);
    part_bar(&bars, name, 0, wall_ms, part_is_well(of) ? part_good : part_bad, note);
    for (size_t i = 0; i < json_array_size(times); i++) {
        const char *signal = json_string_value(json_array_get(signals, i));
        double at_ms = part_number_at(times, i);

        report_duration(note, at_ms);
        snprintf(after, sizeof after, "after %s", note);
        part_bar(&bars, signal != NULL ? signal : "signal", at_ms, wall_ms - at_ms, part_bad,
                 after);
    }
    report_duration(note, user_ms);
    part_bar(&bars, "user CPU", 0, user_ms, part_plain, note);
    report_duration(note, system_ms);
    part_bar(&bars, "system CPU", 0, system_ms, part_plain, note);
    part_bars(sections, "Time", fmax(wall_ms, fmax(user_ms, system_ms)), "ms", bars);
}

static json_t *model_run(const json_t *document)
{
    json_t *facts = json_array(), *sections = json_array();
    const json_t *argv = json_object_get(document, "argv");
    const char *name = json_string_value(json_array_get(argv, 0));
    double wall_ms = part_number_of(document, "wall_ms");
    char ended[REPORT_VALUE * 2];

    part_words(&facts, "command", argv);
    part_text(&facts, "directory", document, "cwd");
    part_start(&facts, document);
    part_duration(&facts, "time", document, "wall_ms");
    part_duration(&facts, "user CPU", document, "user_ms");
    part_duration(&facts, "system CPU", document, "system_ms");
    add_use(&facts, document, wall_ms);
    part_size(&facts, "peak memory", document, "max_rss_kb", 1024);
    part_size(&facts, "stdout", json_object_get(document, "stdout"), "bytes", 1);
    part_size(&facts, "stderr", json_object_get(document, "stderr"), "bytes", 1);
    part_words(&facts, "stopped with", json_object_get(document, "stopped_with"));
    part_section(&sections, "facts", "Summary", facts);
    add_course(&sections, name != NULL ? name : "it", document, wall_ms);
    part_output(&sections, name != NULL ? name : "it", document, "stderr");
    part_output(&sections, name != NULL ? name : "it", document, "stdout");
    return part_model("weir run", part_ending(ended, sizeof ended, document),
                      part_is_well(document) ? part_good : part_bad, sections);
}

/* --- weir pipe ----------------------------------------------------------------- */

static json_t *model_pipe(const json_t *document)
{
    json_t *facts = json_array(), *sections = json_array(), *bars = json_array(),
           *rows = json_array();
    const json_t *stages = json_object_get(document, "stages");
    char verdict[400], ended[REPORT_VALUE * 2], took[REPORT_VALUE];

    part_start(&facts, document);
    part_duration(&facts, "time", document, "wall_ms");
    part_count(&facts, "status", document, "status", part_bad);
    part_section(&sections, "facts", "Summary", facts);
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const json_t *stage = json_array_get(stages, i);
        const char *name = part_text_of(stage, "name", "?");
        int is_fine = part_is_well(stage) || json_is_true(json_object_get(stage, "forgiven"));
        json_t *row = json_array();

        report_duration(took, part_number_of(stage, "wall_ms"));
        part_bar(&bars, name, part_number_of(stage, "start_ms"), part_number_of(stage, "wall_ms"),
                 is_fine ? part_good : part_bad, took);
        part_cell(&row, name);
        part_cell(&row, part_ending(ended, sizeof ended, stage));
        part_cell_duration(&row, stage, "wall_ms");
        part_cell_duration(&row, stage, "user_ms");
        part_cell_duration(&row, stage, "system_ms");
        part_cell_kib(&row, stage, "max_rss_kb");
        if (json_is_number(json_object_get(stage, "bytes_out"))) {
            report_size(took, part_number_of(stage, "bytes_out"));
            part_cell_number(&row, took, part_number_of(stage, "bytes_out"));
        } else {
            part_cell(&row, "");
        }
        weir__tree_append(&rows, row);
    }
    part_bars(&sections, "Time of each stage", part_number_of(document, "wall_ms"), "ms", bars);
    part_table(&sections, "Stages",
               json_pack("[s,s,s,s,s,s,s]", "stage", "end", "time", "user CPU", "system CPU",
                         "peak memory", "output"),
               rows);
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const json_t *stage = json_array_get(stages, i);

        report_map_stage(&sections, part_text_of(stage, "name", "?"),
                         json_object_get(stage, "map"));
        part_output(&sections, part_text_of(stage, "name", "?"), stage, "stderr");
    }
    return part_model("weir pipe", part_verdict(verdict, sizeof verdict, document),
                      json_is_true(json_object_get(document, "ok")) ? part_good : part_bad,
                      sections);
}

/* --- weir probe --compare --------------------------------------------------------- */

static json_t *model_comparison(const json_t *document)
{
    json_t *facts = json_array(), *sections = json_array(), *rows = json_array();
    const json_t *differences = json_object_get(document, "differences");
    int is_ok = json_is_true(json_object_get(document, "ok"));

    part_count(&facts, "not allowed", document, "beyond", part_bad);
    part_count(&facts, "allowed", document, "within", part_plain);
    part_text(&facts, "environment", document, "env");
    part_section(&sections, "facts", "Summary", facts);
    for (size_t i = 0; i < json_array_size(differences); i++) {
        const json_t *one = json_array_get(differences, i);
        json_t *row = json_array();

        part_cell(&row, part_text_of(one, "place", ""));
        part_cell(&row, part_text_of(one, "kind", ""));
        for (int side = 0; side < 2; side++) {
            const json_t *value = json_object_get(one, side == 0 ? "a" : "b");
            char *text =
                value != NULL ? weir__tree_text(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

            if (value == NULL)
                part_cell(&row, "");
            else
                weir__tree_append(&row, json_pack("{s:s}", "value", text));
            free(text);
        }
        part_cell(&row, json_is_true(json_object_get(one, "within")) ? "yes" : "no");
        weir__tree_append(&rows, row);
    }
    part_table(&sections, "Differences",
               json_pack("[s,s,s,s,s]", "place", "kind", "first", "second", "allowed"), rows);
    return part_model("weir probe --compare",
                      is_ok ? "no difference is too large" : "some differences are not allowed",
                      is_ok ? part_good : part_bad, sections);
}

/* --- Kinds ------------------------------------------------------------------------- */

static const struct {
    const char *kind;
    json_t *(*model)(const json_t *document);
} kinds[] = {
    {"run", model_run},
    {"pipe", model_pipe},
    {"map", report_map_model},
    {"each", report_map_model},
    {"comparison", model_comparison},
};

json_t *report_model(const json_t *document, struct weir_error *error)
{
    const char *kind = part_text_of(document, "kind", "");
    json_t *(*make)(const json_t *) = NULL;
    json_t *model;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].kind, kind) == 0 && part_number_of(document, "weir") == 1)
            make = kinds[i].model;
    if (make == NULL && json_is_object(json_object_get(document, "latency_ms"))
        && json_is_array(json_object_get(document, "workers")) && *kind == '\0')
        make = report_serve_model;
    if (make == NULL) {
        weir__fail(error, WEIR_ERR_INVALID, 0,
                   "is not a document that can be shown: a report of run, pipe, map or each, a "
                   "comparison of probe, the result of weir/stats, or lines of weir top --json");
        return NULL;
    }
    model = make(document);
    if (model == NULL)
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a report");
    return model;
}
