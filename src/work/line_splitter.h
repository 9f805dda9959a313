/* work/line_splitter.h - splits a worker's output into lines, without copying complete ones.
 *
 * A line ends with LF, or with NUL if is_nul is set. */
#ifndef WEIR_WORK_LINE_SPLITTER_H
#define WEIR_WORK_LINE_SPLITTER_H

#include <string.h>
#include <sys/types.h>

#include "base/buffer.h"

/* Initially all zero except longest and is_nul. */
struct weir__line_splitter {
    size_t longest; /* limit for a line, including its end */
    int is_nul;     /* lines end with NUL */
    struct weir__buffer partial;
    int is_whole; /* the last line was in partial */
};

static inline int weir__line_splitter_separator(const struct weir__line_splitter *splitter)
{
    return splitter->is_nul ? '\0' : '\n';
}

/* The rest of weir__line_splitter_next(): bytes are kept, or no complete line is left. */
ssize_t weir__line_splitter_join(struct weir__line_splitter *splitter, const char **fresh,
                                 const char *end, const char **line);

/* Takes the next line, including its end, from the bytes at *fresh; *line is valid until the
 * next call or until those bytes are released. Returns its length, or 0 if no complete line is
 * left: the rest is kept. Errors: TOO_LONG, NOMEM. */
static inline ssize_t weir__line_splitter_next(struct weir__line_splitter *splitter,
                                               const char **fresh, const char *end,
                                               const char **line)
{
    const char *at = *fresh, *lf = NULL;

    if (splitter->partial.length == 0 && at != end)
        lf = memchr(at, weir__line_splitter_separator(splitter), (size_t)(end - at));
    if (lf == NULL || (size_t)(lf - at) >= splitter->longest)
        return weir__line_splitter_join(splitter, fresh, end, line);
    *line = at;
    *fresh = lf + 1;
    return lf + 1 - at;
}

void weir__line_splitter_clear(struct weir__line_splitter *splitter);

#endif
