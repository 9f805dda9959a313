#include "config.h"

#include "base/large_pages.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LARGE = 4 << 20 };

/* The first and the last page are whole, so that the mapping stays one, which realloc() can move.
 */
void weir__large_pages(const void *bytes, size_t length)
{
#ifdef MADV_HUGEPAGE
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)bytes;
    size_t before = begin % page;

    if (length >= LARGE)
        madvise((void *)(begin - before), (before + length + page - 1) / page * page,
                MADV_HUGEPAGE);
#else
    (void)bytes;
    (void)length;
#endif
}
