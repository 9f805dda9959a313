#include "config.h"

#include "work/line_splitter.h"

enum { KEPT_ROOM = 64 * 1024 }; /* of an empty buffer */

ssize_t weir__line_splitter_join(struct weir__line_splitter *splitter, const char **fresh,
                                 const char *end, const char **line)
{
    struct weir__buffer *partial = &splitter->partial;
    const char *lf;
    size_t length;

    if (splitter->is_whole) {
        splitter->is_whole = 0;
        partial->length = 0;
        weir__buffer_shrink(partial, KEPT_ROOM);
        return weir__line_splitter_next(splitter, fresh, end, line);
    }
    if (*fresh == end)
        return 0;
    lf = memchr(*fresh, weir__line_splitter_separator(splitter), (size_t)(end - *fresh));
    length = (size_t)((lf != NULL ? lf + 1 : end) - *fresh);
    if (partial->length + length > splitter->longest)
        return WEIR_ERR_TOO_LONG;
    if (weir__buffer_add(partial, *fresh, length, NULL) < 0)
        return WEIR_ERR_NOMEM;
    *fresh += length;
    if (lf == NULL)
        return 0;
    splitter->is_whole = 1;
    *line = partial->bytes;
    return (ssize_t)partial->length;
}

void weir__line_splitter_clear(struct weir__line_splitter *splitter)
{
    weir__buffer_clear(&splitter->partial);
    splitter->is_whole = 0;
}
