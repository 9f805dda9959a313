/* flow/map.h - the inside of a map that runs.
 *
 * map.c starts and ends it, lane.c gives records to workers and takes their
 * replies, lane_call.c makes calls of them for workers that are called, mapio.c reads the input and writes the output, letter.c says what
 * became of a dead record.
 *
 * One worker's lane:
 *
 *            records go in, replies come out; see flow/pace.h for how many at once
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
 */
#ifndef WEIR_FLOW_MAP_H
#define WEIR_FLOW_MAP_H

#include <jansson.h>

#include <weir/lines.h>
#include <weir/map.h>

#include "base/latency.h"
#include "base/outfile.h"
#include "flow/order.h"
#include "flow/pace.h"
#include "work/passer.h"
#include "flow/records.h"
#include "proc/life.h"
#include "work/worker.h"

struct weir__slice;

/* Records, first in first out. */
struct weir__queue {
    struct weir__record *first, **last;
    size_t count, bytes;
};

void weir__queue_init(struct weir__queue *queue);
void weir__queue_push(struct weir__queue *queue, struct weir__record *record);
struct weir__record *weir__queue_pop(struct weir__queue *queue);

/* Takes out a record that is in it. */
void weir__queue_take(struct weir__queue *queue, struct weir__record *record);

/* Puts in a record in the order of the input. */
void weir__queue_put(struct weir__queue *queue, struct weir__record *record);

/* Puts all of from into queue, both in the order of their input. */
void weir__queue_merge(struct weir__queue *queue, struct weir__queue *from);

struct weir__lane {
    struct weir__lane *next;
    struct weir_map *map;
    struct weir__worker worker;
    struct weir__queue flight;   /* sent, not answered */
    struct weir__buffer partial; /* the beginning of a reply */
    struct weir__lane_call *call; /* NULL: its worker speaks lines */
    weir_lines *lines;           /* of its stderr, where somebody wants lines */
    struct weir__pace pace;      /* and how many may be in flight */
    int has_started;             /* it has read or answered something */
    int is_alone;                /* the last record sent had no other beside it */
    size_t reply_size;           /* of its longest lately */
    uint64_t answered;
    int64_t turn_since_ns;  /* since when the first in flight is */
    int64_t started_ns;
    int64_t moved_ns;       /* the last reply, or the start */
    int64_t cut_off_ns;     /* since when its stdin or stdout is closed, and it lives; 0: no */
    int is_over;            /* nothing of it is left */
    int64_t retry_at_ns;
};

/* Why the run takes no more input. */
struct weir__map_end {
    int status; /* 0: it goes on */
    int drains; /* what is in flight may still be answered */
    int leaves; /* what is not written by now never will be */
    int64_t grace_ms; /* else the workers have this long */
    enum weir_why why;
    char reason[600];
};

struct weir_map {
    struct weir__life life; /* first */
    const char *name; /* for its news; the program's, or its stage's */
    int stage;        /* its position in a pipeline, 0 for a map alone */
    int is_quiet;     /* what workers say on stderr is not for showing */
    struct weir_map_options options; /* its strings are ours; the launcher is in its command */
    int is_launched;
    struct weir_command stop_command; /* argv NULL: there is none */

    struct weir__records records;
    int in_fd, in_is_ready, in_is_wanted;
    weir__watch *in_watch;
    int64_t in_size;

    struct weir__buffer replies, letters;
    size_t replies_written;
    int out_fd, out_is_shared, out_failed, letters_fd, letters_failed;
    weir__watch *out_watch;
    struct weir__outfile output;
    struct weir__order order;

    /* Where an earlier run left off: see flow/checkpoint.h. */
    char input_identity[128], work_identity[24];
    int resumes, was_finished, was_status;
    uint64_t resume_bytes, resume_letters, letters_written;
    uint64_t *ahead; /* settled out of order, ascending */
    size_t ahead_count;
    int checkpoint_fd, checkpoint_is_new; /* locked; we made it, and nothing is saved yet */
    int64_t save_again_ns;
    uint64_t settled_saved; /* records settled when it was last saved, and one */

    struct weir__passer passer;
    struct weir__buffer call_scratch;

    struct weir__lane *lanes;
    size_t lane_count; /* not over and not dying */
    struct weir__queue suspects;
    struct weir__record *unsent; /* taken from the input, and no lane had room */
    unsigned fruitless; /* deaths since the last reply */
    unsigned blameless; /* those of them that no record can have caused */
    int has_answered;   /* some worker has, in this run */
    int answers_at_end; /* some worker only has once its input was closed */
    size_t start_window; /* what a new lane begins with */
    int64_t start_after_ns; /* no new worker before: they die at once */
    weir__timer *tick, *nap, *deadline;
    int naps; /* some worker does, and its nap is timed */
    int is_late; /* the deadline has passed */
    struct weir__map_end end;
    int pumping, pump_again, stalled, paused;
    int64_t stalled_since_ns;

    struct weir__latency latency;
    uint64_t in_flight, flown;
    struct weir_map_report report;
    int64_t started_ns;
    weir_map_done done;
    void *context;
};

/* map.c */
/* Stops it: no more input, its workers down the ladder. */
void weir__map_stop(struct weir_map *map, int status, enum weir_why why, int64_t grace_ms);
void weir__map_pump(struct weir_map *map); /* does all that can be done now */
void weir__map_end(struct weir_map *map, int status, enum weir_why why, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void weir__map_fail(struct weir_map *map, const struct weir_error *error);
void weir__map_settle(struct weir_map *map, struct weir__record *record,
                      enum weir__outcome outcome, const char *bytes, size_t length);
/* A record is dead: exit_of may be NULL, and so may error, an error object of the
 * protocol that fits into a letter. */
void weir__map_bury(struct weir_map *map, struct weir__record *record, const char *reason,
                    struct weir__worker *exit_of, const struct weir__slice *error);

int weir__map_take(struct weir_map *map, struct weir__record **record);
void weir__map_finish(struct weir_map *map);

/* map_options.c, map_report.c */
int weir__map_options_copy(struct weir_map *map, const struct weir_map_options *options);
/* Whether it can be a function of a worker. */
int weir__map_call_is_name(const char *name);
void weir__map_options_clear(struct weir_map *map);
void weir__map_note_worker(struct weir_map *map, const struct weir__lane *lane);
void weir__map_report_fill(struct weir_map *map);
json_t *weir__map_report_object(const struct weir_map_report *report);

/* lane.c */
int weir__lane_start(struct weir_map *map, struct weir__lane **started);
int weir__lane_has_room(const struct weir__lane *lane);
/* Sends it so many records at most, as its window allows; returns how many. */
size_t weir__lane_fill(struct weir__lane *lane, size_t count);
/* A suspect goes out alone: to a worker that has nothing else. */
void weir__lane_fill_alone(struct weir__lane *lane);
/* Leaves it alone for a while if that costs nothing; returns whether it does. */
int weir__lane_nap(struct weir__lane *lane);
/* Takes what has come while it was left alone. */
void weir__lane_wake(struct weir__lane *lane);
/* Looks what has become late.  Returns in how many ms to look again. */
int64_t weir__lane_tick(struct weir__lane *lane, int64_t now_ns);
void weir__lane_close_input(struct weir__lane *lane);
int weir__lane_is_live(const struct weir__lane *lane);
void weir__lane_free(struct weir__lane *lane);

/* lane.c, for lane_call.c */
/* A record has been answered, with so many bytes. */
void weir__lane_note_reply(struct weir__lane *lane, size_t length, int64_t took_ns);
/* It never had what was sent to it: no record can be to blame. */
void weir__lane_give_up_unheard(struct weir__lane *lane, const char *how);
/* It is out of step. */
void weir__lane_desync(struct weir__lane *lane);
/* It goes, and nobody is to blame. */
void weir__lane_retire(struct weir__lane *lane);

/* mapio.c */
int weir__mapio_open(struct weir_map *map, struct weir_error *error);
/* The next record of the input: 1, or 0 when there is none now. */
int weir__mapio_next(struct weir_map *map, struct weir__record **record);
/* Waits for the input where records are wanted; not while workers nap, so that
 * there is more of it. */
void weir__mapio_await(struct weir_map *map);
void weir__mapio_flush(struct weir_map *map);
int weir__mapio_is_full(const struct weir_map *map);
int weir__mapio_is_empty(const struct weir_map *map);
void weir__mapio_close(struct weir_map *map);

/* letter.c */
int weir__letter_make(const struct weir__record *record, const char *reason,
                      struct weir__worker *exit_of, const struct weir__slice *error,
                      struct weir__buffer *letter);

#endif
