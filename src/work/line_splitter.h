/* work/line_splitter.h - splits a worker's output into lines, without copying complete ones. */
#ifndef WEIR_WORK_LINE_SPLITTER_H
#define WEIR_WORK_LINE_SPLITTER_H

#include <string.h>
#include <sys/types.h>

#include "base/buffer.h"

/* Initially all zero except longest. */
struct weir__line_splitter {
    size_t longest; /* limit for a line, including its newline */
    struct weir__buffer partial;
    int is_whole; /* the last line was in partial */
};

/* The rest of weir__line_splitter_next(): bytes are kept, or no complete line is left. */
ssize_t weir__line_splitter_join(struct weir__line_splitter *splitter, const char **fresh,
                                 const char *end, const char **line);

/* Takes the next line, including its newline, from the bytes at *fresh; *line is valid until the
 * next call or until those bytes are released. Returns its length, or 0 if no complete line is
 * left: the rest is kept. Errors: TOO_LONG, NOMEM. */
static inline ssize_t weir__line_splitter_next(struct weir__line_splitter *splitter,
                                               const char **fresh, const char *end,
                                               const char **line)
{
    const char *at = *fresh, *lf = NULL;

    if (splitter->partial.length == 0 && at != end)
        lf = memchr(at, '\n', (size_t)(end - at));
    if (lf == NULL || (size_t)(lf - at) >= splitter->longest)
        return weir__line_splitter_join(splitter, fresh, end, line);
    *line = at;
    *fresh = lf + 1;
    return lf + 1 - at;
}

void weir__line_splitter_clear(struct weir__line_splitter *splitter);

#endif
