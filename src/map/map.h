/* map/map.h - internals of a running map.
 *
 *            records        one record each          replies
 *   input -----------> map ----------------> workers --------> reorder -> output
 *   map_input.c         |  map_scheduler.c     | map_worker.c    |  reorder.c, map_output.c
 *                       |                      |                 |
 *                       +---- quarantined <----+ inflight.c      +---> dead letters
 *
 * One worker:
 *
 *            records go in, replies come out; see map/window.h for the number in flight
 *              +------+
 *   started -> | LIVE | --input over, or nothing moves--> CLOSING --its end--> gone
 *              +------+                                      |
 *                 | timeout, desync                          | dies
 *                 v                                          v
 *               DYING (output ignored) --its end--> gone   unanswered records:
 *                                                          quarantined, each sent alone
 *
 * One record: in the input -> in flight -> settled (answered, dropped, dead)
 *                                |  ^
 *                   worker died  v  | alone
 *                             quarantined
 *
 * Each part has its members in a struct of its own, and calls only parts below it here, or to
 * its right:
 *
 *   map.c                                       start, stop, the owner's functions
 *   map_scheduler.c                             assignment of records, time, the end
 *   each.c, each_*.c                            a program for each record
 *   map_worker.c, map_call.c, line_protocol.c,
 *   map_keyed.c                                 a worker, and the protocols
 *   map_input.c, checkpoint.c, map_output.c     files
 *   map_feed.c                                  instead of them, the memory of the host
 *   inflight.c, map_outcome.c, dead_letter.c    the outcome of a record
 *   map_options.c, map_report.c, map_course.c   options and report
 *   reorder.c, record_reader.c, record_queue.c,
 *   record_keys.c, window.c, spool.c,
 *   spares.c, feed.c                            independent of a map
 *
 * A part calls changed() when something has arrived or there is room again.
 */
#ifndef WEIR_MAP_MAP_H
#define WEIR_MAP_MAP_H

#include <jansson.h>

#include <weir/map.h>

#include "base/file_set.h"
#include "base/histogram.h"
#include "map/checkpoint.h"
#include "map/map_course.h"
#include "map/map_worker.h"
#include "map/map_feed.h"
#include "map/map_input.h"
#include "map/map_output.h"
#include "map/reorder.h"
#include "map/map_outcome.h"
#include "proc/operation.h"
#include "work/stderr_forwarder.h"

/* State of map_scheduler.c. */
struct weir__map_run {
    weir__timer *tick, *coalesce, *deadline;
    weir__timer *soon;     /* more input can be read at once, after others had their turn */
    int is_pumping, again; /* records are being assigned; once more */
    int is_coalescing;     /* replies of some worker are being coalesced, timed */
    int is_late;           /* the deadline has passed */
    int is_paused;         /* the output is full: workers' output is not read */
    int is_stalled;        /* too much waits for an earlier reply: no new records */
    int64_t stalled_since_ns;
    uint64_t next;         /* the first unsettled record, */
    int64_t next_since_ns; /* and since when */
    uint64_t sent;         /* bytes of output when it last moved: that was at */
    int64_t sent_since_ns; /* this time */
};

/* Identifies the map in its events. */
struct weir__map_label {
    const char *name; /* of the program or stage; borrowed */
    int stage;        /* index in a pipeline; 0 for a map alone */
    int is_quiet;     /* do not forward the workers' stderr */
    unsigned noticed; /* bits of enum weir__notice */
};

struct weir__each;

struct weir_map {
    struct weir__operation operation; /* first */
    weir_map_done done;
    void *context;
    struct weir__map_label label;
    struct weir_command command;      /* includes the launcher */
    struct weir__stop_sequence stop;  /* of the workers */
    struct weir_map_options options;  /* owns its strings; the launcher is in its command */
    int is_launched;                  /* there is a launcher */
    struct weir_command stop_command; /* argv NULL: none */

    struct weir__map_input in;
    struct weir__map_feed feed; /* instead of an input and an output */
    struct weir__map_workers workers;
    struct weir__reorder reorder;
    struct weir__map_output out;
    struct weir__checkpoint checkpoint;
    struct weir__stderr_forwarder forwarder; /* for the workers' stderr */
    struct weir__map_run run;
    struct weir__each *each;               /* a program for each record; NULL: long-lived workers */
    void (*changed)(struct weir_map *map); /* does what can be done now */
    struct weir__map_end end;

    struct weir__buffer scratch; /* for short-lived use */
    struct weir__histogram latency;
    struct weir__trace_sampler *sampler; /* of the trace; NULL: none */
    struct weir_map_report report;
    int64_t started_ns;
};

/* --- map.c ------------------------------------------------------------------- */

/* Stops the map: no more input, stop sequence for its workers. */
void weir__map_stop(struct weir_map *map, int status, enum weir_stop_reason why, int64_t grace_ms);

/* --- map_scheduler.c --------------------------------------------------------------- */

/* Opens what the map needs; it continues from the loop. Errors: SYSTEM, NOMEM, INVALID. */
int weir__map_begin(struct weir_map *map, struct weir_error *error);

/* Makes the loop do what can be done now. */
void weir__map_wake(struct weir_map *map);

/* Closes everything it opened; its workers are killed. */
void weir__map_close(struct weir_map *map);

/* --- map_options.c ----------------------------------------------------------- */

/* Errors: INVALID, NOMEM; what was copied must then still be cleared. */
int weir__map_options_copy(struct weir_map *map, const struct weir_map_options *options,
                           struct weir_error *error);
void weir__map_options_clear(struct weir_map *map);

/* Adds all files of a map to a set; letters is the expanded name of its dead-letter file. dashes
 * is "--" if they are command line options, otherwise "". */
void weir__map_files(struct weir__file_set *set, const struct weir_map_options *options,
                     const char *letters, const char *dashes);

/* Whether it can be the name of a worker's function. */
int weir__map_call_is_name(const char *name);

/* --- map_report.c ------------------------------------------------------------ */

/* Adds a worker's result to the report. */
void weir__map_note_worker(struct weir_map *map, const struct weir__map_worker *worker);
void weir__map_report_fill(struct weir_map *map);
json_t *weir__map_report_object(const struct weir_map_report *report);

#endif
