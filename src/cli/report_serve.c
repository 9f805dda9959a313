/* What a report shows of weir serve: the result of weir/stats. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json_tree.h"
#include "base/printable.h"
#include "cli/report_kinds.h"
#include "cli/report_parts.h"

enum { BOUNDS = 64 };

/* How many calls took how long, of all methods. */
static void add_histogram(json_t **sections, const json_t *document)
{
    const json_t *list = json_object_get(document, "bounds_ms");
    size_t count = json_array_size(list) < BOUNDS ? json_array_size(list) : BOUNDS;
    double bounds[BOUNDS], counts[BOUNDS + 1] = {0};
    const char *name;
    json_t *method;

    for (size_t i = 0; i < count; i++)
        bounds[i] = part_number_at(list, i);
    json_object_foreach(json_object_get(document, "methods"), name, method)
    {
        const json_t *buckets = json_object_get(method, "buckets");

        for (size_t i = 0; i <= count; i++)
            counts[i] += part_number_at(buckets, i);
    }
    part_histogram(sections, "Calls by time", "calls", bounds, counts, count, counts[count]);
}

json_t *report_serve_model(const json_t *document)
{
    json_t *facts = json_array(), *sections = json_array(), *rows = json_array(),
           *methods = json_array();
    const json_t *workers = json_object_get(document, "workers");
    const char *name;
    json_t *method;
    char verdict[REPORT_VALUE * 2];

    part_count(&facts, "calls", document, "calls", part_plain);
    part_count(&facts, "errors", document, "errors", part_bad);
    part_count(&facts, "queued", document, "queued", part_plain);
    part_count(&facts, "running", document, "running", part_plain);
    part_count(&facts, "restarts", document, "restarts", part_bad);
    part_section(&sections, "facts", "Summary", facts);
    part_latency(&sections, json_object_get(document, "latency_ms"));
    add_histogram(&sections, document);
    json_object_foreach(json_object_get(document, "methods"), name, method)
    {
        json_t *row = json_array();

        part_cell(&row, name);
        part_cell_count(&row, method, "calls");
        part_cell_count(&row, method, "errors");
        part_cell_duration(&row, json_object_get(method, "latency_ms"), "p50");
        part_cell_duration(&row, json_object_get(method, "latency_ms"), "p99");
        weir__tree_append(&methods, row);
    }
    part_table(&sections, "Methods",
               json_pack("[s,s,s,s,s]", "method", "calls", "errors", "median", "99 %"), methods);
    for (size_t i = 0; i < json_array_size(workers); i++) {
        const json_t *worker = json_array_get(workers, i);
        json_t *row = json_array();

        part_cell_count(&row, worker, "pid");
        part_cell(&row, part_text_of(worker, "state", ""));
        part_cell_count(&row, worker, "calls");
        part_cell_kib(&row, worker, "rss_kb");
        part_cell(&row, part_text_of(worker, "node", ""));
        weir__tree_append(&rows, row);
    }
    part_table(&sections, "Workers",
               json_pack("[s,s,s,s,s]", "pid", "state", "calls", "memory", "node"), rows);
    snprintf(verdict, sizeof verdict, "%.0f calls, %.0f errors", part_number_of(document, "calls"),
             part_number_of(document, "errors"));
    return part_model("weir serve", verdict,
                      part_number_of(document, "errors") > 0 ? part_bad : part_good, sections);
}
