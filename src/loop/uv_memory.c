/* libuv ends the process where its table of descriptors cannot grow (uv__io_start(), as of
 * 1.48).  So what it asks for is taken from a reserve when malloc() has nothing: enough for
 * tables of some thousand descriptors, and the error comes from whatever asks next. */
#include "config.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "loop/loop.h"

enum { RESERVE = 256 * 1024 };

/* Before each block. */
struct head {
    alignas(max_align_t) size_t size;
};

static alignas(max_align_t) char reserve[RESERVE];
static atomic_size_t used; /* never given back */

static void *from_reserve(size_t size)
{
    size_t rounded =
        (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    size_t at;

    if (rounded > RESERVE || rounded < size)
        return NULL;
    at = atomic_fetch_add(&used, rounded);
    return at <= RESERVE - rounded ? reserve + at : NULL;
}

static int is_reserve(const void *block)
{
    return (const char *)block >= reserve && (const char *)block < reserve + RESERVE;
}

static void *take(size_t size)
{
    struct head *head;

    if (size > PTRDIFF_MAX - sizeof *head)
        return NULL;
    head = malloc(sizeof *head + size);
    if (head == NULL)
        head = from_reserve(sizeof *head + size);
    if (head == NULL)
        return NULL;
    head->size = size;
    return head + 1;
}

static void give(void *block)
{
    struct head *head;

    if (block == NULL)
        return;
    head = (struct head *)block - 1;
    if (!is_reserve(head))
        free(head);
}

static void *take_zeroed(size_t count, size_t size)
{
    void *block = size == 0 || count <= PTRDIFF_MAX / size ? take(count * size) : NULL;

    return block != NULL ? memset(block, 0, count * size) : NULL;
}

static void *take_again(void *block, size_t size)
{
    void *made = take(size);

    if (made == NULL || block == NULL)
        return made;
    memcpy(made, block,
           ((struct head *)block - 1)->size < size ? ((struct head *)block - 1)->size : size);
    give(block);
    return made;
}

void weir__loop_reserve_memory(void)
{
    uv_replace_allocator(take, take_again, take_zeroed, give);
}
