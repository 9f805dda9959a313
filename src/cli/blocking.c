#include "config.h"

#include "cli/blocking.h"

#include <fcntl.h>
#include <unistd.h>

unsigned blocking_begin(void)
{
    unsigned had_it = 0;

    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        int flags = fcntl(fd, F_GETFL);

        if (flags >= 0 && (flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0)
            had_it |= 1U << fd;
    }
    return had_it;
}

void blocking_end(unsigned had_it)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        int flags = had_it & 1U << fd ? fcntl(fd, F_GETFL) : -1;

        if (flags >= 0)
            fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    }
}
