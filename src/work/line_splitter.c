#include "config.h"

#include "work/line_splitter.h"

#include <string.h>

enum { KEPT_ROOM = 64 * 1024 }; /* of an empty buffer */

ssize_t weir__line_splitter_next(struct weir__line_splitter *splitter, const char **fresh,
                                 const char *end, const char **line)
{
    struct weir__buffer *partial = &splitter->partial;
    const char *lf;
    size_t length;

    if (splitter->is_whole) {
        splitter->is_whole = 0;
        partial->length = 0;
        weir__buffer_shrink(partial, KEPT_ROOM);
    }
    if (*fresh == end)
        return 0;
    lf = memchr(*fresh, '\n', (size_t)(end - *fresh));
    length = (size_t)((lf != NULL ? lf + 1 : end) - *fresh);
    if (partial->length + length > splitter->longest)
        return WEIR_ERR_TOO_LONG;
    *line = *fresh;
    if (lf == NULL || partial->length > 0) {
        if (weir__buffer_add(partial, *fresh, length, NULL) < 0)
            return WEIR_ERR_NOMEM;
        splitter->is_whole = lf != NULL;
        *line = partial->bytes;
        length = partial->length;
    }
    *fresh = lf != NULL ? lf + 1 : end;
    return lf != NULL ? (ssize_t)length : 0;
}

void weir__line_splitter_clear(struct weir__line_splitter *splitter)
{
    weir__buffer_clear(&splitter->partial);
    splitter->is_whole = 0;
}
