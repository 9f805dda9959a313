/* work/line_splitter.h - splits a worker's output into lines, without copying complete ones. */
#ifndef WEIR_WORK_LINE_SPLITTER_H
#define WEIR_WORK_LINE_SPLITTER_H

#include <sys/types.h>

#include "base/buffer.h"

/* Initially all zero except longest. */
struct weir__line_splitter {
    size_t longest; /* limit for a line, including its newline */
    struct weir__buffer partial;
    int is_whole; /* the last line was in partial */
};

/* Takes the next line, including its newline, from the bytes at *fresh; *line is valid until the
 * next call or until those bytes are released. Returns its length, or 0 if no complete line is
 * left: the rest is kept. Errors: TOO_LONG, NOMEM. */
ssize_t weir__line_splitter_next(struct weir__line_splitter *splitter, const char **fresh,
                                 const char *end, const char **line);

void weir__line_splitter_clear(struct weir__line_splitter *splitter);

#endif
