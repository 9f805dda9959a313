/* map/map.h - the inside of a map that runs.
 *
 *            records        a record each          replies
 *   input -----------> map ---------------> lanes ---------> order -> output
 *   map_input.c         |  map_scheduler.c    | map_worker.c    |      map_output.c
 *                       |                     |                 | reorder.c
 *                       +---- suspects <------+ inflight.c      +---> dead letters
 *
 * One worker's lane:
 *
 *            records go in, replies come out; see map/window.h for how many at once
 *              +------+
 *   started -> | LIVE | --input over, or nothing moves--> CLOSING --its end--> gone
 *              +------+                                      |
 *                 | timeout, desync                          | dies
 *                 v                                          v
 *               DYING (unheard) --its end--> gone     what it had not answered:
 *                                                     suspects, each goes out alone
 *
 * One record: in the input -> in flight -> settled (answered, dropped, dead)
 *                                |  ^
 *                   worker died  v  | alone
 *                               suspect
 *
 * Each part has its members in a struct of its own, and calls only what stands below it
 * here, or to its right:
 *
 *   map.c                                       start, stop, the owner's side
 *   map_scheduler.c                             who gets which record, time, the end
 *   map_worker.c, map_call.c, line_protocol.c,
 *   map_keyed.c                                 a worker, and the protocols it speaks
 *   map_input.c, checkpoint.c, map_output.c     files
 *   inflight.c, map_outcome.c, dead_letter.c    the outcome of a record
 *   map_options.c, map_report.c                 options in, report out
 *   reorder.c, record_reader.c, record_queue.c,
 *   record_keys.c, window.c                     know nothing of a map
 *
 * Where something has come, or there is room again, a part says so by changed().
 */
#ifndef WEIR_MAP_MAP_H
#define WEIR_MAP_MAP_H

#include <jansson.h>

#include <weir/map.h>

#include "base/file_set.h"
#include "base/histogram.h"
#include "map/checkpoint.h"
#include "map/map_worker.h"
#include "map/map_input.h"
#include "map/map_output.h"
#include "map/reorder.h"
#include "map/map_outcome.h"
#include "proc/operation.h"
#include "work/stderr_forwarder.h"

/* What goes on in it: map_scheduler.c. */
struct weir__map_run {
    weir__timer *tick, *nap, *deadline;
    weir__timer *soon;     /* more input can be read at once, after others had their turn */
    int is_pumping, again; /* records are given out just now; once more */
    int naps;              /* some worker does, and its nap is timed */
    int is_late;           /* the deadline has passed */
    int is_paused;         /* the output is full: nothing is read of the workers */
    int is_stalled;        /* what waits in order is too much: no more is taken */
    int64_t stalled_since_ns;
    uint64_t next;         /* the first record that has not settled, */
    int64_t next_since_ns; /* and since when */
    uint64_t sent;         /* of the output, when it was seen to move last: that was at */
    int64_t sent_since_ns; /* this time */
};

/* Who it is in its news. */
struct weir__map_news {
    const char *name; /* the program's, or its stage's; borrowed */
    int stage;        /* its position in a pipeline, 0 for a map alone */
    int is_quiet;     /* what workers say on stderr is not for showing */
    unsigned noticed; /* bits of enum weir__notice */
};

struct weir_map {
    struct weir__life life; /* first */
    weir_map_done done;
    void *context;
    struct weir__map_news news;
    struct weir_command command;      /* the launcher is in it */
    struct weir_map_options options;  /* its strings are ours; the launcher is in its command */
    int is_launched;                  /* there is one */
    struct weir_command stop_command; /* argv NULL: there is none */

    struct weir__map_input in;
    struct weir__lanes lanes;
    struct weir__order order;
    struct weir__map_output out;
    struct weir__checkpoint checkpoint;
    struct weir__stderr_forwarder forwarder; /* of the workers' stderr */
    struct weir__map_run run;
    void (*changed)(struct weir_map *map); /* what can be done now is done */
    struct weir__map_end end;

    struct weir__buffer scratch; /* of a moment */
    struct weir__latency latency;
    struct weir_map_report report;
    int64_t started_ns;
};

/* --- map.c ------------------------------------------------------------------- */

/* Stops it: no more input, its workers down the ladder. */
void weir__map_stop(struct weir_map *map, int status, enum weir_stop_reason why, int64_t grace_ms);

/* --- map_scheduler.c --------------------------------------------------------------- */

/* Opens what it needs.  Its life goes on from the loop.  Errors: SYSTEM, NOMEM, INVALID. */
int weir__map_begin(struct weir_map *map, struct weir_error *error);

/* From the loop, what can be done now is done. */
void weir__map_wake(struct weir_map *map);

/* Closes all that it opened; its workers die. */
void weir__map_close(struct weir_map *map);

/* --- map_options.c ----------------------------------------------------------- */

/* Errors: INVALID, NOMEM; what was copied is to be cleared then, too. */
int weir__map_options_copy(struct weir_map *map, const struct weir_map_options *options,
                           struct weir_error *error);
void weir__map_options_clear(struct weir_map *map);

/* Puts all files of a map into a set; letters is its dead-letter file's name with all filled in.
 * dashes is "--" where they are options of a command line, else "". */
void weir__map_files(struct weir__file_set *set, const struct weir_map_options *options,
                     const char *letters, const char *dashes);

/* Whether it can be a function of a worker. */
int weir__map_call_is_name(const char *name);

/* --- map_report.c ------------------------------------------------------------ */

/* Takes in what came of a lane's worker. */
void weir__map_note_worker(struct weir_map *map, const struct weir__lane *lane);
void weir__map_report_fill(struct weir_map *map);
json_t *weir__map_report_object(const struct weir_map_report *report);

#endif
