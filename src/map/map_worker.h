/* map/map_worker.h - a worker of a map, and its records.
 *
 * inflight.c handles the records in flight and how they leave, line_protocol.c and map_call.c
 * are the two protocols, map_worker.c is what they share.
 */
#ifndef WEIR_MAP_MAP_WORKER_H
#define WEIR_MAP_MAP_WORKER_H

#include "base/buffer.h"
#include "map/window.h"
#include "map/record_queue.h"
#include "work/dialect.h"
#include "work/line_splitter.h"
#include "work/supervisor.h"
#include "work/warm.h"
#include "work/worker.h"

struct weir_map;
struct weir__map_worker;
struct weir__map_worker_call;
struct weir__map_worker_keys;
struct weir__each_job;

/* A protocol for records and replies. NULL members: nothing to do. */
struct weir__protocol {
    size_t around; /* bytes of a reply's line besides the reply */
    /* The worker has been started. Errors: NOMEM. */
    int (*begin)(struct weir__map_worker *worker);
    /* A record was added to those in flight. NULL: it is sent unchanged. Errors: NOMEM. */
    int (*send)(struct weir__map_worker *worker, struct weir__record *record);
    /* A line from the worker, with its newline. Returns 0 if the worker is no longer usable. */
    int (*take_line)(struct weir__map_worker *worker, const char *line, size_t length,
                     int64_t now_ns);
    /* Checks for timeouts. Returns 0 if there is nothing else to check. */
    int (*tick)(struct weir__map_worker *worker, int64_t now_ns);
    /* Nothing is late: sends more, or closes the input, if the worker seems to wait for that.
     * Returns the milliseconds to the next check. */
    int64_t (*unstick)(struct weir__map_worker *worker, int64_t now_ns);
    /* Start of the turn of the first record in flight. NULL: turn_since_ns. */
    int64_t (*turn_ns)(const struct weir__map_worker *worker);
    /* How many records may be in flight. NULL: by its rate. */
    size_t (*window)(const struct weir__map_worker *worker);
    /* Whether a worker that is gone never got any of its records. NULL: by the bytes that it
     * left unread. */
    int (*never_had_them)(const struct weir__map_worker *worker);
    /* Whether the worker has begun its work. NULL: by what it has read or answered. */
    int (*has_begun)(const struct weir__map_worker *worker);
    /* The worker ended, but another start, which begins otherwise, may do better: then its end is
     * no failure. NULL: no. */
    int (*starts_over)(struct weir__map_worker *worker);
    /* Number of records in flight that the worker has not reached yet. NULL: all. */
    size_t (*ahead)(const struct weir__map_worker *worker);
    /* The worker ended well after its input was closed and read: records in flight were left
     * out. NULL: that is a crash. */
    void (*left_out)(struct weir__map_worker *worker);
    /* Whether it is busy with more than the records in flight. */
    int (*is_busy)(const struct weir__map_worker *worker);
    /* The records in flight are reassigned. */
    void (*forget)(struct weir__map_worker *worker);
    void (*free)(struct weir__map_worker *worker);
};

enum {
    WEIR__MAP_WORKER_UNSENT = 64 * 1024, /* bytes for a worker whose pipe is full */
    WEIR__LAUNCH_WINDOW = 64,            /* the first launch_window */
};

extern const struct weir__protocol weir__protocol_lines, weir__protocol_keyed, weir__protocol_calls,
    weir__protocol_each;

struct weir__map_worker {
    struct weir__map_worker *next;
    struct weir_map *map;
    const struct weir__protocol *protocol;
    struct weir__map_worker_call *call; /* state of map_call.c */
    struct weir__map_worker_keys *keys; /* with --key */
    struct weir__each_job *each;        /* state of each.c */
    struct weir__seat *seat;
    unsigned starts; /* of workers in its seat so far */
    struct weir__worker process;
    int is_over; /* nothing of it is left */

    struct weir__record_queue inflight; /* sent, not answered */
    int is_alone;                       /* the last record was sent alone */
    struct weir__window window;         /* and how many may be in flight */
    struct weir__line_splitter lines;   /* of its output */
    size_t reply_size;                  /* recent maximum */
    uint64_t answered;
    uint64_t done;       /* records passed: answered, or left out before those */
    uint64_t since_line; /* of the first record sent since nothing was in flight */
    size_t ghosts;       /* records taken back before it began: their replies are ignored */
    int has_kept_up;     /* once everything was answered, with its input open */
    int is_ending;       /* it gets no more records */
    int64_t late_ns;     /* since when its first record is late and its input closed; 0: not */
    size_t late_replies; /* replies since then */

    int node_is_due; /* it has answered, so that its launcher has executed its program */
    char *node;      /* as --node-from says; NULL: unknown */
    int has_started; /* it has read or answered something */
    int64_t started_ns;
    int64_t turn_since_ns; /* start of the turn of the first in flight */
    int64_t moved_ns;      /* of the last reply, or the start */
    int64_t longest_ns;    /* recent maximum between replies, while it had records */
    int64_t cut_off_ns;    /* since when its stdin or stdout is closed while it lives; 0: not */
};

/* All workers of a map, and what they have in common. */
struct weir__map_workers {
    struct weir__map_worker *first;
    size_t count;                          /* neither over nor dying */
    struct weir__record_queue quarantined; /* to be sent again, each alone */
    struct weir__warm warm;                /* with the option of that name */
    struct weir__supervisor supervisor;    /* of those whose end no record can have caused */
    struct weir__backoff fruitless;        /* deaths since the last reply */
    int has_answered;                      /* some worker has, in this run */
    int answers_at_end;                    /* some worker did so only after its input was closed */
    size_t start_window;                   /* initial window of new workers */
    size_t launch_window;                  /* the maximum before the first reply with a launcher */
    enum weir__mcp_start mcp_start;        /* how the next MCP server is greeted */
};

/* --- inflight.c ---------------------------------------------------------------- */

int weir__map_worker_is_live(const struct weir__map_worker *worker);

/* Whether it is at work: with a launcher, once it has answered. */
int weir__map_worker_has_begun(const struct weir__map_worker *worker);

/* Number of records in flight that it has not reached yet. */
size_t weir__map_worker_ahead(const struct weir__map_worker *worker);

/* Whether it has the maximum in flight, in records or in bytes in either direction. */
int weir__map_worker_is_full(const struct weir__map_worker *worker);
int weir__map_worker_has_room(const struct weir__map_worker *worker);

/* The worker answers: so workers can run. */
void weir__map_worker_mark_healthy(struct weir__map_worker *worker);
/* The same, and a record has been answered with length bytes. */
void weir__map_worker_note_reply(struct weir__map_worker *worker, const struct weir__record *record,
                                 size_t length, int64_t took_ns, int64_t now_ns);
/* A record it had since since_ns is dead.  0: it had not begun. */
void weir__map_worker_note_dead(const struct weir__map_worker *worker,
                                const struct weir__record *record, const char *reason,
                                int64_t since_ns);

/* Looks for the name of its machine in its environment, if that is still to be done. */
void weir__map_worker_find_node(struct weir__map_worker *worker);

/* Starts the stop sequence with this grace; the worker keeps its records. */
void weir__map_worker_stop(struct weir__map_worker *worker, int64_t grace_ms);

/* Gives up the worker, which may live on for its grace. */
void weir__map_worker_give_up(struct weir__map_worker *worker, const char *reason, const char *how);
/* Its replies are out of step. */
void weir__map_worker_desync(struct weir__map_worker *worker);
/* Its replies are out of step from an unknown point on: the run ends. what: why, a clause. */
void weir__map_worker_end_untrusted(struct weir__map_worker *worker, const char *what,
                                    const char *advice);
/* Reassigns its records; its replies to them are ignored. */
void weir__map_worker_take_back(struct weir__map_worker *worker);
/* It never got its records: none can be to blame. */
void weir__map_worker_give_up_blameless(struct weir__map_worker *worker, const char *how);
/* Ends the worker without blame. */
void weir__map_worker_retire(struct weir__map_worker *worker);

/* Nothing of the worker is left. */
void weir__map_worker_ended(struct weir__map_worker *worker);
/* Whether it ended like a worker that has finished its work. */
int weir__map_worker_ended_well(const struct weir__map_worker *worker);
/* It ended before it had answered everything, and not because its input did. */
void weir__map_worker_died(struct weir__map_worker *worker);
/* Whether it has unfinished work. */
int weir__map_worker_owes(const struct weir__map_worker *worker);

/* --- map_worker.c ------------------------------------------------------------------ */

/* A seat in which a worker can be started now; NULL: none. */
struct weir__seat *weir__map_worker_find_seat(const struct weir_map *map, int64_t now_ns);
/* A worker that is not started yet. NULL: no memory. */
struct weir__map_worker *weir__map_worker_new(struct weir_map *map, struct weir__seat *seat,
                                              const struct weir__protocol *protocol);
/* Starts it, and adds it at the end of the list. On failure it is still to be freed. Errors: as
 * weir__worker_start(). */
int weir__map_worker_launch(struct weir__map_worker *worker,
                            const struct weir__worker_options *options,
                            const struct weir__worker_ops *ops, struct weir_error *error);
/* Starts a long-lived worker in a seat. Returns NULL on failure. Errors: as
 * weir__worker_start(). */
struct weir__map_worker *weir__map_worker_start(struct weir_map *map, struct weir__seat *seat,
                                                struct weir_error *error);

/* Whether it must not get this record now: one with the same --key is in flight there. NULL: no. */
int weir__map_worker_refuses(const struct weir__map_worker *worker,
                             const struct weir__record *record);
/* Sends up to count records, as its window allows; returns how many. */
size_t weir__map_worker_fill(struct weir__map_worker *worker, size_t count);
/* Sends a quarantined record alone, to a worker without any other. */
void weir__map_worker_fill_alone(struct weir__map_worker *worker);
/* Coalesces its replies for a while if that costs nothing; returns whether it does. */
int weir__map_worker_coalesce(struct weir__map_worker *worker);
/* Handles what has arrived meanwhile. */
void weir__map_worker_wake(struct weir__map_worker *worker);
/* Checks for timeouts. Returns the milliseconds to the next check. */
int64_t weir__map_worker_tick(struct weir__map_worker *worker, int64_t now_ns);
/* No more records will come: closes its input, once it has had the time to fail on its records. */
void weir__map_worker_finish(struct weir__map_worker *worker);
/* line_protocol.c: implements unstick. */
int64_t weir__lines_unstick(struct weir__map_worker *worker, int64_t now_ns);
int weir__lines_is_good(const struct weir_map *map, const char *bytes, size_t length);
/* Pauses or resumes reading its replies. */
void weir__map_worker_pause(struct weir__map_worker *worker, int pause);
void weir__map_worker_free(struct weir__map_worker *worker);

#endif
