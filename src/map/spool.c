#include "config.h"

#include "map/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"

/* Returns 0 or an errno value. */
static int create(struct weir__spool *spool)
{
    const char *dir = getenv("TMPDIR");
    char path[1024];

    snprintf(path, sizeof path, "%s/weir-spool-XXXXXX", dir != NULL && *dir != '\0' ? dir : "/tmp");
    spool->fd = mkostemp(path, O_CLOEXEC);
    if (spool->fd < 0)
        return errno;
    unlink(path);
    return weir__fd_above_stdio(&spool->fd, NULL) < 0 ? errno : 0;
}

void weir__spool_close(struct weir__spool *spool)
{
    weir__close(&spool->fd);
    free(spool->free);
    spool->free = NULL;
    spool->free_count = spool->free_room = 0;
    spool->count = 0;
}

size_t weir__spool_used(const struct weir__spool *spool)
{
    return spool->count - spool->free_count;
}

static off_t offset_of(uint32_t block)
{
    return (off_t)block * WEIR__SPOOL_BLOCK;
}

/* Returns 0 or an errno value. */
static int write_block(struct weir__spool *spool, uint32_t block, const char *bytes, size_t length)
{
    off_t at = offset_of(block);

    while (length > 0) {
        ssize_t count = pwrite(spool->fd, bytes, length, at);

        if (count < 0 && errno != EINTR)
            return errno;
        if (count > 0) {
            bytes += count;
            length -= (size_t)count;
            at += count;
        }
    }
    return 0;
}

/* Room to free every block later: then that cannot fail. Returns 0 or an errno value. */
static int reserve(struct weir__spool *spool)
{
    uint32_t *blocks;

    if (spool->count < spool->free_room)
        return 0;
    blocks = realloc(spool->free, (spool->free_room * 2 + 16) * sizeof *blocks);
    if (blocks == NULL)
        return ENOMEM;
    spool->free = blocks;
    spool->free_room = spool->free_room * 2 + 16;
    return 0;
}

static void free_block(struct weir__spool *spool, uint32_t block)
{
    spool->free[spool->free_count++] = block;
}

/* Writes the bytes in memory to a block. Returns 0 or an errno value. */
static int spill(struct weir__spooled *output, struct weir__spool *spool)
{
    int failed = spool->fd < 0 ? create(spool) : 0;
    uint32_t block;

    if (failed == 0)
        failed = reserve(spool);
    if (failed == 0 && output->block_count == output->block_room) {
        size_t room = output->block_room * 2 + 4;
        uint32_t *blocks = realloc(output->blocks, room * sizeof *blocks);

        if (blocks == NULL)
            return ENOMEM;
        output->blocks = blocks;
        output->block_room = room;
    }
    if (failed != 0)
        return failed;
    block = spool->free_count > 0 ? spool->free[--spool->free_count] : spool->count++;
    output->blocks[output->block_count++] = block;
    failed = write_block(spool, block, output->bytes.bytes, output->bytes.length);
    output->bytes.length = 0;
    return failed;
}

int weir__spooled_add(struct weir__spooled *output, struct weir__spool *spool, const char *bytes,
                      size_t length)
{
    output->total += length;
    while (length > 0) {
        size_t room = WEIR__SPOOL_BLOCK - output->bytes.length;
        size_t now = length < room ? length : room;
        int failed = room == 0 ? spill(output, spool) : 0;

        if (failed == 0 && now > 0 && weir__buffer_add(&output->bytes, bytes, now, NULL) < 0)
            failed = ENOMEM;
        if (failed != 0)
            return failed;
        bytes += now;
        length -= now;
    }
    return 0;
}

int weir__spooled_end(struct weir__spooled *output, struct weir__spool *spool)
{
    int failed = 0;

    if (output->block_count > 0 && output->bytes.length > 0)
        failed = spill(output, spool);
    if (output->bytes.length == 0)
        weir__buffer_clear(&output->bytes);
    else
        weir__buffer_shrink(&output->bytes, 256);
    return failed;
}

static size_t length_of(const struct weir__spooled *output, size_t block)
{
    uint64_t before = (uint64_t)block * WEIR__SPOOL_BLOCK;

    return output->total - before < WEIR__SPOOL_BLOCK ? (size_t)(output->total - before)
                                                      : WEIR__SPOOL_BLOCK;
}

ssize_t weir__spooled_take(struct weir__spooled *output, struct weir__spool *spool,
                           struct weir__buffer *bytes)
{
    size_t length = output->bytes.length, done = 0;
    uint32_t block;

    if (output->taken == output->block_count) {
        if (length > 0 && weir__buffer_add(bytes, output->bytes.bytes, length, NULL) < 0)
            return -ENOMEM;
        weir__buffer_clear(&output->bytes);
        return (ssize_t)length;
    }
    length = length_of(output, output->taken);
    block = output->blocks[output->taken];
    if (weir__buffer_reserve(bytes, length, NULL) < 0)
        return -ENOMEM;
    while (done < length) {
        ssize_t count = pread(spool->fd, bytes->bytes + bytes->length + done, length - done,
                              offset_of(block) + (off_t)done);

        if (count == 0)
            return -EIO;
        if (count < 0 && errno != EINTR)
            return -errno;
        done += count > 0 ? (size_t)count : 0;
    }
    bytes->length += length;
    output->taken++;
    free_block(spool, block);
    return (ssize_t)length;
}

size_t weir__spooled_memory(const struct weir__spooled *output)
{
    return output->bytes.capacity + output->block_room * sizeof *output->blocks;
}

void weir__spooled_clear(struct weir__spooled *output, struct weir__spool *spool)
{
    while (output->taken < output->block_count)
        free_block(spool, output->blocks[output->taken++]);
    free(output->blocks);
    weir__buffer_clear(&output->bytes);
    *output = (struct weir__spooled){0};
}

struct weir__outputs *weir__outputs_new(void)
{
    return calloc(1, sizeof(struct weir__outputs));
}

void weir__outputs_free(struct weir__outputs *outputs, struct weir__spool *spool)
{
    if (outputs == NULL)
        return;
    weir__spooled_clear(&outputs->out, spool);
    weir__spooled_clear(&outputs->err, spool);
    free(outputs);
}
