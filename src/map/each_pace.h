/* map/each_pace.h - when the next program may start. */
#ifndef WEIR_MAP_EACH_PACE_H
#define WEIR_MAP_EACH_PACE_H

#include <stddef.h>
#include <stdint.h>

#include <weir/each.h>

#include "loop/loop.h"

struct weir__each_pace {
    const struct weir_each_options *options;
    int64_t next_ns;   /* no start before, by delay and rate */
    int64_t looked_ns; /* when the machine was last looked at */
    int is_loaded;     /* it said no */
    int tokens_fd;     /* to read tokens from; -1: no job server */
    int return_fd;     /* to write them to */
    char *tokens;      /* taken: each is returned as it was */
    size_t token_count, token_room;
    weir__watch *watch; /* of tokens_fd */
};

enum { WEIR__PACE_TOKEN = -1 }; /* wait for a token: its watch reports it */

/* came: called when a token may be there. Errors: INVALID, SYSTEM, NOMEM. */
int weir__each_pace_open(struct weir__each_pace *pace, const struct weir_each_options *options,
                         weir__loop *loop, void (*came)(void *data, int bits), void *data,
                         struct weir_error *error);

/* Gives back all tokens. */
void weir__each_pace_close(struct weir__each_pace *pace);

/* Whether a program may start, of which running have started: 0; otherwise the milliseconds until
 * it should be asked again, or WEIR__PACE_TOKEN. */
int64_t weir__each_pace_wait(struct weir__each_pace *pace, int64_t now_ns, size_t running);

/* One starts. */
void weir__each_pace_started(struct weir__each_pace *pace, int64_t now_ns);
/* One has ended, and this many still run: a token that is not needed goes back. */
void weir__each_pace_ended(struct weir__each_pace *pace, size_t running);

#endif
