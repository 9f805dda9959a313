/* map/spool.h - one temporary file for outputs that wait for their turn.
 *
 * The file has blocks of one size.  A block that was read is used again, so the file is never
 * longer than what waited at one time.  It has no name: it is gone with its last descriptor.
 */
#ifndef WEIR_MAP_SPOOL_H
#define WEIR_MAP_SPOOL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"

enum { WEIR__SPOOL_BLOCK = 64 * 1024 };

/* All zero with fd -1 is an empty spool. */
struct weir__spool {
    int fd;         /* -1: not created yet */
    uint32_t *free; /* blocks to use again */
    size_t free_count, free_room;
    uint32_t count; /* blocks in the file */
};

void weir__spool_close(struct weir__spool *spool);

/* Blocks in use. */
size_t weir__spool_used(const struct weir__spool *spool);

/* An output: its end is in memory, what came before in the spool once it is over a block. All zero
 * is an empty one. */
struct weir__spooled {
    struct weir__buffer bytes;
    uint32_t *blocks;
    size_t block_count, block_room;
    size_t taken;   /* blocks */
    uint64_t total; /* bytes */
};

/* Appends bytes. Returns 0 or an errno value. */
int weir__spooled_add(struct weir__spooled *output, struct weir__spool *spool, const char *bytes,
                      size_t length);

/* No more bytes come. The rest of an output with blocks is spooled too, and the memory is given
 * back. Returns 0 or an errno value. */
int weir__spooled_end(struct weir__spooled *output, struct weir__spool *spool);

/* Appends the next piece of an ended output, at most a block, to bytes. Returns its length, 0 at
 * the end, or a negative errno value. */
ssize_t weir__spooled_take(struct weir__spooled *output, struct weir__spool *spool,
                           struct weir__buffer *bytes);

/* Memory that it takes. */
size_t weir__spooled_memory(const struct weir__spooled *output);

void weir__spooled_clear(struct weir__spooled *output, struct weir__spool *spool);

/* The output of one record, on its way to be written. */
struct weir__outputs {
    struct weir__outputs *next;
    struct weir__spooled out, err;
};

/* NULL: no memory. */
struct weir__outputs *weir__outputs_new(void);
void weir__outputs_free(struct weir__outputs *outputs,
                        struct weir__spool *spool); /* accepts NULL */

#endif
