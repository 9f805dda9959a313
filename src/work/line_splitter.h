/* work/line_splitter.h - cuts what a worker writes into lines, without copying whole ones. */
#ifndef WEIR_WORK_LINE_SPLITTER_H
#define WEIR_WORK_LINE_SPLITTER_H

#include <sys/types.h>

#include "base/buffer.h"

/* All but longest is zero at first. */
struct weir__line_splitter {
    size_t longest; /* bytes of a line, with its LF */
    struct weir__buffer partial;
    int is_whole; /* the last line was in partial */
};

/* Takes the next line, with its LF, from the bytes at *fresh; *line is valid until the next call
 * or until those bytes go.  Returns its length; or 0 when no whole line is left: the rest is
 * kept.  Errors: TOO_LONG, NOMEM. */
ssize_t weir__line_splitter_next(struct weir__line_splitter *splitter, const char **fresh,
                                 const char *end, const char **line);

void weir__line_splitter_clear(struct weir__line_splitter *splitter);

#endif
