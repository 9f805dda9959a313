/* map/map_course.h - how a map went: counts over time, time to a reply, the first failures.
 *
 * It is kept while the map runs, and belongs to its report then.
 */
#ifndef WEIR_MAP_MAP_COURSE_H
#define WEIR_MAP_MAP_COURSE_H

#include <jansson.h>

#include "base/histogram.h"
#include "base/series.h"

struct weir_map;
struct weir__worker;

enum {
    WEIR__COURSE_FAILURES = 10,
    WEIR__COURSE_WIDTH = 4,
    WEIR__COURSE_TIMES = WEIR__HISTOGRAM_BUCKETS / WEIR__COURSE_WIDTH,
};

/* A dead record. */
struct weir__map_failure {
    uint64_t line; /* 0: none */
    int64_t at_ns; /* since the start of the map */
    char reason[300], end[200], tail[1000];
};

/* All zero is empty. */
struct weir_map_course {
    struct weir__series series; /* of settled and of dead records, and of workers with records */
    uint64_t times[WEIR__COURSE_TIMES]; /* to a reply, in buckets four of the histogram's wide */
    struct weir__map_failure failures[WEIR__COURSE_FAILURES];
    uint64_t settled_before, dead_before; /* by the runs that this one continues */
};

/* Looks at the map, now and then. */
void weir__course_look(struct weir_map *map, int64_t now_ns);

/* A record is dead.  exit_of may be NULL. */
void weir__course_note_failure(struct weir_map *map, uint64_t line, const char *reason,
                               const struct weir__worker *exit_of);

/* The map is over. */
void weir__course_end(struct weir_map *map);

/* Adds its members to a report's object. */
void weir__course_add_json(const struct weir_map_course *course, json_t **object);

#endif
