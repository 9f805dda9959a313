#include "config.h"

#include "base/facility.h"

#include <errno.h>
#include <stdatomic.h>

static atomic_uint refused; /* bits 1 << facility */

_Static_assert(WEIR__FACILITY_COUNT <= 32, "one bit a facility");

int weir__facility_works(enum weir__facility facility)
{
    return (atomic_load_explicit(&refused, memory_order_relaxed) & 1U << facility) == 0;
}

void weir__facility_failed(enum weir__facility facility, int error)
{
    switch (error) {
    case EAGAIN:
    case ECONNABORTED:
    case EINTR:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:
        return;
    default:
        atomic_fetch_or_explicit(&refused, 1U << facility, memory_order_relaxed);
    }
}
