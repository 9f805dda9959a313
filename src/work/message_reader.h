/* work/message_reader.h - reads the messages of a called worker, line by line.
 *
 * Stray output and log lines become events, and messages in an array are handled one by one.
 * The rest goes to the owner.
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
    /* For events: */
    int stage;
    const char *name;
    pid_t pid;
    uint64_t *noise; /* number of lines that were not messages */

    void *owner;
    /* A message about a call or the handshake. Returns 0 to stop reading. */
    int (*on_message)(void *owner, const struct weir__incoming *incoming);
    /* A line that is not a message but should be; reason is a static phrase. */
    void (*on_broken)(void *owner, const char *line, size_t length, const char *reason);
};

/* Processes a line without its end. Returns 0 to stop reading. */
int weir__message_reader_take(const struct weir__message_reader *reader, const char *line,
                              size_t length);

#endif
