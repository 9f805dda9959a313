#include "config.h"

#include "cli/startup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "cli/init.h"
#include "cli/output.h"
#include "loop/loop.h"
#include "proc/spawner_ahead.h"

/* If stdin, stdout or stderr is closed, the next opened file would get its number. Each is
 * replaced by /dev/null opened in the wrong direction, which fails like a closed one. */
static void fill_stdio(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

void startup(const struct cli_command *command)
{
    weir__loop_reserve_memory();
    fill_stdio();
    init_if_first();
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is then an error, as a full disk is */
    if (command != NULL && command->starts_at_once)
        weir__spawner_ahead_start();
    output_open();
}

int startup_finish(const struct cli_command *command, int status)
{
    int failed;

    weir__spawner_ahead_drop();
    failed = cli_flush();

    if (failed == 0)
        return status;
    cli_say(command, "cannot write to standard output: %s", output_error(failed));
    return output_status(failed, CLI_FAILED);
}
