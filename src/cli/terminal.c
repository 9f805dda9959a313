#include "config.h"

#include "cli/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process_tree.h"
#include "cli/signals.h"

static int is_pipe(int fd)
{
    struct stat file;

    return fstat(fd, &file) == 0 && (S_ISFIFO(file.st_mode) || S_ISSOCK(file.st_mode));
}

/* Whether other processes are, or may be, in weir's process group. */
static int have_neighbours(void)
{
    if (getpgrp() != getpid() && kill(getpgrp(), 0) == 0)
        return 1; /* its leader */
    return weir__process_tree_signal(NULL, getpgrp(), 0) != 0;
}

void terminal_open(struct terminal *terminal)
{
    int fd = STDIN_FILENO, is_input = tcgetpgrp(STDIN_FILENO) >= 0;

    *terminal = (struct terminal){.fd = -1, .ours = getpgrp()};
    /* A program with other input may still use the terminal. */
    if (!is_input)
        fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return; /* there is none */
    if (tcgetpgrp(fd) < 0 || tcgetattr(fd, &terminal->at_start) < 0) {
        if (!is_input)
            close(fd);
        return;
    }
    terminal->fd = fd;
    terminal->shared = (!is_input || is_pipe(STDOUT_FILENO) || is_pipe(STDERR_FILENO))
                       && terminal_is_ours(terminal) && have_neighbours();
}

int terminal_offer(struct terminal *terminal)
{
    terminal->offered = !terminal->shared && terminal_is_ours(terminal);
    return terminal->fd;
}

int terminal_is_ours(const struct terminal *terminal)
{
    return terminal->fd >= 0 && tcgetpgrp(terminal->fd) == terminal->ours;
}

int terminal_is_gone(const struct terminal *terminal)
{
    struct termios modes;

    return terminal->fd >= 0 && tcgetattr(terminal->fd, &modes) < 0;
}

static void set_foreground(const struct terminal *terminal, pid_t group)
{
    signals_hold_ttou(1);
    tcsetpgrp(terminal->fd, group);
    signals_hold_ttou(0);
}

static void set_modes(const struct terminal *terminal, const struct termios *modes)
{
    signals_hold_ttou(1);
    tcsetattr(terminal->fd, TCSANOW, modes);
    signals_hold_ttou(0);
}

void terminal_set_raw(const struct terminal *terminal)
{
    struct termios modes = terminal->at_start;

    cfmakeraw(&modes);
    set_modes(terminal, &modes);
}

void terminal_restore(const struct terminal *terminal)
{
    set_modes(terminal, &terminal->at_start);
}

static int job_has_it(const struct terminal *terminal)
{
    return terminal->fd >= 0 && terminal->job > 0 && tcgetpgrp(terminal->fd) == terminal->job;
}

/* A job that failed to start may have been given the foreground: an unknown process group that no
 * longer exists. */
static int is_orphaned(const struct terminal *terminal)
{
    return terminal->offered && terminal->job == 0 && !terminal_is_ours(terminal);
}

int terminal_lend(struct terminal *terminal)
{
    if (terminal->job <= 0 || !terminal_is_ours(terminal))
        return 0;
    if (terminal->have_pause)
        set_modes(terminal, &terminal->at_pause);
    terminal->have_pause = 0;
    set_foreground(terminal, terminal->job);
    return 1;
}

void terminal_take_back(struct terminal *terminal)
{
    if (job_has_it(terminal))
        set_foreground(terminal, terminal->ours);
}

void terminal_pause(struct terminal *terminal)
{
    if (!job_has_it(terminal))
        return;
    terminal->have_pause = tcgetattr(terminal->fd, &terminal->at_pause) == 0;
    set_foreground(terminal, terminal->ours);
    set_modes(terminal, &terminal->at_start);
}

void terminal_close(struct terminal *terminal, int killed)
{
    if (is_orphaned(terminal))
        set_foreground(terminal, terminal->ours);
    if (job_has_it(terminal)) {
        set_foreground(terminal, terminal->ours);
        if (killed)
            set_modes(terminal, &terminal->at_start);
    }
    terminal->job = 0;
}
