#include "config.h"

#include "map/map_course.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/json_tree.h"
#include "map/map.h"
#include "text/json_text.h"

/* --- While it runs --------------------------------------------------------- */

void weir__course_look(struct weir_map *map, int64_t now_ns)
{
    struct weir_map_course *course = map->report.course;
    const struct weir_map_report *report = &map->report;
    const uint64_t counts[WEIR__SERIES_COUNTS] = {
        report->answered + report->dropped + report->dead - course->settled_before,
        report->dead - course->dead_before,
    };
    uint64_t busy = 0;

    for (const struct weir__map_worker *worker = map->workers.first; worker != NULL;
         worker = worker->next)
        busy += !worker->is_over && worker->inflight.count > 0;
    weir__series_add(&course->series, now_ns - map->started_ns, counts, busy);
}

void weir__course_note_failure(struct weir_map *map, uint64_t line, const char *reason,
                               const struct weir__worker *exit_of)
{
    struct weir__map_failure *failure = map->report.course->failures;

    for (size_t i = 0; i < WEIR__COURSE_FAILURES && failure->line != 0; i++)
        failure++;
    if (failure == map->report.course->failures + WEIR__COURSE_FAILURES)
        return;
    failure->line = line;
    failure->at_ns = weir__clock_ns() - map->started_ns;
    snprintf(failure->reason, sizeof failure->reason, "%s", reason);
    if (exit_of == NULL)
        return;
    if (exit_of->exited)
        weir_result_sentence(&exit_of->result, failure->end, sizeof failure->end);
    weir__worker_tail(exit_of, failure->tail, sizeof failure->tail);
}

void weir__course_end(struct weir_map *map)
{
    struct weir_map_course *course = map->report.course;

    weir__course_look(map, weir__clock_ns());
    for (size_t i = 0; i < WEIR__HISTOGRAM_BUCKETS; i++)
        course->times[i / WEIR__COURSE_WIDTH] += map->latency.buckets[i];
}

/* --- The document ----------------------------------------------------------- */

static json_t *milliseconds(int64_t ns)
{
    return json_real((double)(ns / 1000) / 1000);
}

static json_t *series_json(const struct weir__series *series)
{
    json_t *settled = json_array(), *dead = json_array(), *busy = json_array();

    for (size_t i = 0; i < weir__series_length(series); i++) {
        weir__tree_append(&settled, json_integer((json_int_t)weir__series_growth(series, i, 0)));
        weir__tree_append(&dead, json_integer((json_int_t)weir__series_growth(series, i, 1)));
        weir__tree_append(&busy, json_integer((json_int_t)weir__series_level(series, i)));
    }
    return json_pack("{s:o,s:o,s:o,s:o}", "step_ms", milliseconds(series->step_ns), "settled",
                     settled, "dead", dead, "busy", busy);
}

/* From the first bucket with a reply to the last. */
static json_t *times_json(const uint64_t times[WEIR__COURSE_TIMES])
{
    json_t *bounds = json_array(), *counts = json_array();
    size_t first = 0, end = WEIR__COURSE_TIMES;

    while (end > 0 && times[end - 1] == 0)
        end--;
    while (first < end && times[first] == 0)
        first++;
    for (size_t i = first; i < end; i++) {
        int64_t bound_ns = weir__histogram_bound((i + 1) * WEIR__COURSE_WIDTH - 1);

        weir__tree_append(&bounds, json_real((double)bound_ns / 1e6));
        weir__tree_append(&counts, json_integer((json_int_t)times[i]));
    }
    return json_pack("{s:o,s:o}", "bounds_ms", bounds, "counts", counts);
}

static json_t *failures_json(const struct weir__map_failure *failures)
{
    json_t *list = json_array();

    for (size_t i = 0; i < WEIR__COURSE_FAILURES && failures[i].line != 0; i++)
        weir__tree_append(
            &list,
            json_pack("{s:o,s:o,s:o,s:o,s:o}", "line", json_integer((json_int_t)failures[i].line),
                      "at_ms", milliseconds(failures[i].at_ns), "reason",
                      weir__json_text(failures[i].reason), "end",
                      failures[i].end[0] != '\0' ? weir__json_text(failures[i].end) : json_null(),
                      "stderr", weir__json_text(failures[i].tail)));
    return list;
}

void weir__course_add_json(const struct weir_map_course *course, json_t **object)
{
    weir__tree_set(object, "series", series_json(&course->series));
    weir__tree_set(object, "latency_counts", times_json(course->times));
    weir__tree_set(object, "failures", failures_json(course->failures));
}
