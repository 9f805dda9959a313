/* proc/relay.h - move bytes from one descriptor to another, counting them.
 *
 * Between two pipes they never enter this process (splice).  With a character
 * set they are decoded to UTF-8 on the way.  Holds one buffer at most: a slow
 * reader slows the writer down.
 */
#ifndef WEIR_PROC_RELAY_H
#define WEIR_PROC_RELAY_H

#include <stdint.h>
#include <sys/types.h>

#include <weir/text.h>

#include "base/buffer.h"
#include "loop/loop.h"

struct weir__relay {
    int from, to;
    int to_is_shared;                  /* others write there too: never made non-blocking */
    weir__watch *can_read, *can_write; /* can_write NULL: a file, always ready */
    weir_decoder_t *decoder;           /* NULL: bytes pass as they are */
    struct weir__buffer waiting;
    size_t written; /* of what waits */
    int can_splice, ended;
    uint64_t total; /* bytes read */
    uint64_t moved; /* bytes that went on to its reader */
    int abandoned;

    void (*on_bytes)(void *owner, size_t length);
    /* All is done; failed is 0 or an errno: EPIPE when the reader went away. */
    void (*on_end)(void *owner, int failed);
    void *owner;
};

/* Takes from (non-blocking); takes to when to_is_ours (then it is non-blocking
 * too), else borrows it and shares its description; takes decoder.  Callbacks and
 * owner are set before.  Errors: SYSTEM, NOMEM; what it takes is released then. */
int weir__relay_start(struct weir__relay *relay, weir__loop *loop, int from, int to, int to_is_ours,
                      weir_decoder_t *decoder, struct weir_error *error);

int weir__relay_is_open(const struct weir__relay *relay);

/* Whether it waits for its writer, not for its reader. */
int weir__relay_is_starved(const struct weir__relay *relay);

/* Stops reading; no more callbacks. */
void weir__relay_abandon(struct weir__relay *relay);

#endif
