/* map/each.h - a program for each record: a map whose workers live for one record.
 *
 *   record --> each_words.c --> each.c ------> ended ----------> each_output.c --> reorder
 *              its command      started when      |    failed          its output
 *                   ^           each_pace.c       |
 *                   |           allows it         v
 *                   +------- map.workers.quarantined: waits for its retry
 */
#ifndef WEIR_MAP_EACH_H
#define WEIR_MAP_EACH_H

#include <weir/each.h>

#include "base/buffer.h"
#include "map/each_hosts.h"
#include "map/each_pace.h"
#include "map/each_words.h"
#include "map/record_reader.h"
#include "map/spool.h"
#include "proc/command.h"
#include "work/stderr_forwarder.h"

struct weir_map;
struct weir__map_worker;
struct weir__seat;

/* State of a worker that lives for one record. */
struct weir__each_job {
    struct weir__outputs *outputs; /* its output so far; with live an unfinished line of each */
    struct weir__buffer tag;       /* before its lines */
    struct weir__buffer kept;      /* with JSON: of stdout its head, then a ring with its end */
    uint64_t out_total;            /* with JSON: its bytes */
    int is_late;                   /* stopped because of its time limit */
    int directory;                 /* with files; -1: none */
};

struct weir__each {
    struct weir_each_options options; /* owns its strings */
    struct weir__each_words words, tag;
    struct weir__launcher launcher; /* owns its words; NULL: none */
    struct weir__each_hosts hosts;
    struct weir__each_pace pace;
    size_t running;         /* jobs, also stopped ones */
    int prints_much;        /* a program has: then none may fill its pipe unread */
    const char **variables; /* of the command, with room for two of ours */
    size_t variable_count;
    int results; /* the directory; -1: none */
    struct weir__spool spool;
    struct weir__outputs *first, **last; /* to write, in this order */
    struct weir__stderr_source source;   /* forwards their stderr */
    struct weir__capture no_capture;
    struct weir_each_slot *slots;
    char first_failure[300]; /* a clause */
};

/* --- each_options.c --------------------------------------------------------------- */

/* Copies the options and the launcher (NULL: none), and reads the placeholders of the map's
 * command. Errors: INVALID, NOMEM; what was copied must then still be cleared. */
int weir__each_options_copy(struct weir_map *map, const struct weir_each_options *given,
                            const char *const *launcher, struct weir_error *error);

/* Copies options with their strings, and frees such a copy. Errors: NOMEM; it must then still be
 * freed. */
int weir__each_options_dup(struct weir_each_options *copy, const struct weir_each_options *options);
void weir__each_options_free(struct weir_each_options *copy);

/* Opens what it needs. Errors: SYSTEM, NOMEM. */
int weir__each_open(struct weir_map *map, struct weir_error *error);
void weir__each_close(struct weir_map *map);
void weir__each_clear(struct weir_map *map);

/* --- each.c ------------------------------------------------------------------------ */

/* Starts what can be started now. */
void weir__each_give_out(struct weir_map *map);

/* Checks time limits. Returns the milliseconds to the next check, at most most_ms. */
int64_t weir__each_tick(struct weir_map *map, int64_t now_ns, int64_t most_ms);

/* --- each_output.c ----------------------------------------------------------------- */

/* Bytes of its stdout and stderr. */
void weir__each_out_came(struct weir__map_worker *worker, const char *bytes, size_t length);
void weir__each_err_came(struct weir__map_worker *worker, const char *bytes, size_t length);

/* No more bytes come: makes its outputs what is to be written. attempts: how often it ran. Errors:
 * an errno value. */
int weir__each_output_end(struct weir__map_worker *worker, const struct weir__record *record,
                          unsigned attempts);

/* Opens a file of a record's directory anew, to write it. Returns -1 with errno: openat's, or ENXIO
 * if it is no file, such as a FIFO, for which open(2) would wait. */
int weir__each_open_result(int directory, const char *name);

/* For the reorder buffer: takes the outputs; it is its turn. */
void weir__each_deliver(void *map, struct weir__outputs *outputs);

/* Moves what was delivered on, as far as there is room. Returns whether some of stdout was. */
int weir__each_write(struct weir_map *map);

#endif
