#include "config.h"

#include "cli/pool_leave.h"

#include <poll.h>
#include <signal.h>

#include "cli/signals.h"
#include "pool/pool.h"

/* Returns a signal that asks weir to end, or 0. */
static int take_end_signal(void)
{
    struct caught caught;

    while (signals_take(&caught))
        if (caught.number == SIGTSTP || caught.number == SIGTTIN || caught.number == SIGTTOU)
            signals_stop(caught.number);
        else
            return caught.number;
    return 0;
}

int pool_leave(weir_t *weir, weir_pool_t *pool, int at_once)
{
    struct pollfd fds[] = {{.events = POLLIN}, {.fd = signals_fd(), .events = POLLIN}};
    int number = 0;

    if (pool == NULL) /* neither it nor weir may have been opened */
        return 0;
    fds[0].fd = weir_fd(weir);
    if (!at_once)
        weir__pool_start_close(pool);
    while (!at_once && !pool->gone) {
        poll(fds, 2, weir_timeout_ms(weir));
        weir_dispatch(weir, NULL);
        number = take_end_signal();
        at_once = number != 0;
    }
    if (at_once)
        weir__pool_kill(pool);
    else
        weir_pool_close(pool, 0);
    return number;
}
