/* work/message_reader.h - what a worker that is called says, a line at a time.
 *
 * Prints and log lines become events, and messages in an array stand for themselves.
 * What is left is its owner's.
 */
#ifndef WEIR_WORK_MESSAGE_READER_H
#define WEIR_WORK_MESSAGE_READER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <weir/context.h>

#include "work/dialect.h"

struct weir__message_reader {
    weir_t *weir;
    const struct weir__dialect *dialect; /* the handshake may change it */
    /* Of the events: */
    int stage;
    const char *name;
    pid_t pid;
    uint64_t *noise; /* how many lines were no messages */

    void *owner;
    /* News of a call, or of the handshake.  Returns 0 when nothing more is to be heard. */
    int (*on_message)(void *owner, const struct weir__incoming *incoming);
    /* A line that is no message, and should be; reason is a few words, static. */
    void (*on_broken)(void *owner, const char *line, size_t length, const char *reason);
};

/* Takes a line, its end not included.  Returns 0 when nothing more is to be heard. */
int weir__message_reader_take(const struct weir__message_reader *reader, const char *line,
                              size_t length);

#endif
