/* map/map_worker.h - a worker of a map, and the records it has.
 *
 * inflight.c knows what a lane has in flight and how that leaves it, line_protocol.c and
 * map_call.c the two ways to speak with a worker, map_worker.c all that they have in common.
 */
#ifndef WEIR_MAP_MAP_WORKER_H
#define WEIR_MAP_MAP_WORKER_H

#include "base/buffer.h"
#include "map/window.h"
#include "map/record_queue.h"
#include "work/line_splitter.h"
#include "work/supervisor.h"
#include "work/worker.h"

struct weir_map;
struct weir__lane;
struct weir__lane_call;
struct weir__lane_keys;

/* How records go to a worker and come back.  NULL: there is nothing to do. */
struct weir__protocol {
    size_t around; /* bytes of a reply's line beside the reply */
    /* Its worker has been started.  Errors: NOMEM. */
    int (*begin)(struct weir__lane *lane);
    /* A record has come to the end of its flight.  NULL: it is sent as it is.  Errors: NOMEM. */
    int (*send)(struct weir__lane *lane, struct weir__record *record);
    /* A line from the worker, with its LF.  Returns 0 when the lane is of no more use. */
    int (*take_line)(struct weir__lane *lane, const char *line, size_t length, int64_t now_ns);
    /* Looks what has become late.  Returns 0 when there is nothing else to look at. */
    int (*tick)(struct weir__lane *lane, int64_t now_ns);
    /* Nothing is late: gives the worker more, or the end of its input, where it seems to
     * wait for that.  Returns in how many ms to look again. */
    int64_t (*nudge)(struct weir__lane *lane, int64_t now_ns);
    /* Since when the first in flight has its turn.  NULL: it is the lane's turn_since_ns. */
    int64_t (*turn_ns)(const struct weir__lane *lane);
    /* How many records it may have in flight.  NULL: as its pace says. */
    size_t (*window)(const struct weir__lane *lane);
    /* Whether the worker, which is gone, never had any of what it was to do.  NULL: as the
     * bytes say that it left unread. */
    int (*never_had_them)(const struct weir__lane *lane);
    /* Whether its worker is at work.  NULL: as what it has read or answered says. */
    int (*has_begun)(const struct weir__lane *lane);
    /* How many records in flight the worker has yet to come to.  NULL: all. */
    size_t (*ahead)(const struct weir__lane *lane);
    /* Its worker ended well after its input was closed, and has read all of it: what is in
     * flight was left out.  NULL: that is a crash. */
    void (*left_out)(struct weir__lane *lane);
    /* Whether more is under way than records in flight. */
    int (*is_busy)(const struct weir__lane *lane);
    /* What was in flight goes elsewhere. */
    void (*forget)(struct weir__lane *lane);
    void (*free)(struct weir__lane *lane);
};

enum { WEIR__LANE_UNSENT = 64 * 1024 }; /* bytes for a worker whose pipe takes no more */

extern const struct weir__protocol weir__protocol_lines, weir__protocol_keyed, weir__protocol_calls;

struct weir__lane {
    struct weir__lane *next;
    struct weir_map *map;
    const struct weir__protocol *protocol;
    struct weir__lane_call *call; /* what map_call.c keeps */
    struct weir__lane_keys *keys; /* with --key */
    struct weir__seat *seat;
    struct weir__worker worker;
    int is_over; /* nothing of it is left */

    struct weir__queue flight;        /* sent, not answered */
    int is_alone;                     /* the last record sent had no other beside it */
    struct weir__pace pace;           /* and how many may be in flight */
    struct weir__line_splitter lines; /* of its output */
    size_t reply_size;                /* of its longest lately */
    uint64_t answered;
    uint64_t done;       /* records it has come past: those answered, and those left out before */
    uint64_t since_line; /* of the first record sent since nothing was in flight */
    size_t ghosts;       /* records taken back before it began: their replies are nobody's */
    int has_kept_up;     /* once all it had was answered, with its input open */
    int is_ending;       /* no more records will come for it */
    int64_t late_ns;     /* since when its first record is late, and its input closed; 0: no */
    size_t late_replies; /* that came since */

    int has_started; /* it has read or answered something */
    int64_t started_ns;
    int64_t turn_since_ns; /* since when the first in flight is */
    int64_t moved_ns;      /* the last reply, or the start */
    int64_t cut_off_ns;    /* since when its stdin or stdout is closed, and it lives; 0: no */
};

/* All of a map's, and what is known of them together. */
struct weir__lanes {
    struct weir__lane *first;
    size_t count;                       /* not over and not dying */
    struct weir__queue suspects;        /* to go out again, each alone */
    struct weir__supervisor supervisor; /* of those whose end no record can have caused */
    struct weir__backoff fruitless;     /* deaths since the last reply */
    int has_answered;                   /* some worker has, in this run */
    int answers_at_end;                 /* some worker only has once its input was closed */
    size_t start_window;                /* what a new lane begins with */
};

/* --- inflight.c ---------------------------------------------------------------- */

int weir__lane_is_live(const struct weir__lane *lane);

/* Whether its worker is at work: behind a launcher it is once it has answered. */
int weir__lane_has_begun(const struct weir__lane *lane);

/* Records in flight that its worker has yet to come to. */
size_t weir__lane_ahead(const struct weir__lane *lane);

/* All that it may have in flight, in records or in bytes that go in or come out. */
int weir__lane_is_full(const struct weir__lane *lane);
int weir__lane_has_room(const struct weir__lane *lane);

/* Its worker answers: so workers can run. */
void weir__lane_vouch(struct weir__lane *lane);
/* The same, and a record has been answered, with so many bytes. */
void weir__lane_note_reply(struct weir__lane *lane, size_t length, int64_t took_ns);

/* The worker is sent down the ladder, with this grace; what it has stays its own. */
void weir__lane_stop(struct weir__lane *lane, int64_t grace_ms);

/* The worker is of no more use, though it may live on for its grace. */
void weir__lane_give_up(struct weir__lane *lane, const char *reason, const char *how);
/* It is out of step. */
void weir__lane_desync(struct weir__lane *lane);
/* It is out of step from an unknown point on: the run ends.  what: why, a clause. */
void weir__lane_distrust(struct weir__lane *lane, const char *what, const char *advice);
/* What it has goes to others; what it says of that is not heard. */
void weir__lane_take_back(struct weir__lane *lane);
/* It never had what was sent to it: no record can be to blame. */
void weir__lane_give_up_unheard(struct weir__lane *lane, const char *how);
/* It goes, and nobody is to blame. */
void weir__lane_retire(struct weir__lane *lane);

/* Nothing of the worker is left. */
void weir__lane_ended(struct weir__lane *lane);
/* Whether it ended as one does that has done what it was to do. */
int weir__lane_ended_well(const struct weir__lane *lane);
/* It ended before it had answered all, and not because its input did. */
void weir__lane_died(struct weir__lane *lane);
/* Whether it has not done all that it was to do. */
int weir__lane_owes(const struct weir__lane *lane);

/* --- map_worker.c ------------------------------------------------------------------ */

/* A seat in which a worker may be started now; NULL for none. */
struct weir__seat *weir__lane_find_seat(const struct weir_map *map, int64_t now_ns);
/* Starts a worker there, at the end of the map's lanes.  Returns NULL on failure.  Errors:
 * those of weir__worker_start(). */
struct weir__lane *weir__lane_start(struct weir_map *map, struct weir__seat *seat,
                                    struct weir_error *error);

/* Whether it must not have this record now: one with the same --key is in flight there.  NULL for
 * none: no. */
int weir__lane_refuses(const struct weir__lane *lane, const struct weir__record *record);
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
/* No more records will come: its input is closed, once it has had the time to fail of what
 * it has. */
void weir__lane_finish(struct weir__lane *lane);
/* line_protocol.c: as the protocol's nudge. */
int64_t weir__lines_nudge(struct weir__lane *lane, int64_t now_ns);
int weir__lines_is_good(const struct weir_map *map, const char *bytes, size_t length);
/* Its replies have no place just now, or have again. */
void weir__lane_pause(struct weir__lane *lane, int pause);
void weir__lane_free(struct weir__lane *lane);

#endif
