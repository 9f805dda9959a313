#include "config.h"

#include "cli/startup.h"

#include <errno.h>
#include <fcntl.h>

#include "cli/init.h"
#include "cli/output.h"
#include "loop/loop.h"

/* A closed stdin, stdout or stderr would become the number of whatever is opened next.  Each is
 * filled with one that fails as a closed one would: /dev/null, opened the wrong way round. */
static void fill_stdio(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

void startup(void)
{
    weir__loop_reserve_memory();
    fill_stdio();
    init_if_first();
    output_open();
}

int startup_finish(const struct cli_command *command, int status)
{
    int failed = cli_flush();

    if (failed == 0)
        return status;
    cli_say(command, "cannot write to standard output: %s", output_error(failed));
    return output_status(failed, CLI_FAILED);
}
