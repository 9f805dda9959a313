#include "config.h"

#include "cli/screen.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/signals.h"

#define ENTER "\033[?1049h\033[?25l\033[2J" /* the other screen, without a cursor, empty */
#define LEAVE "\033[?25h\033[?1049l"

/* Static, for the handler. */
static struct termios at_start;
static volatile sig_atomic_t is_taken, has_modes;

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

int screen_is_there(void)
{
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
}

static void on_fault(int number)
{
    screen_leave();
    raise(number); /* SA_RESETHAND: now it kills */
}

static void catch_faults(void)
{
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = (int)SA_RESETHAND}, before;

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (sigaction(faults[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(faults[i], &action, NULL);
}

/* From the background this must not stop weir. */
static void set_modes(const struct termios *modes)
{
    signals_hold_ttou(1);
    tcsetattr(STDIN_FILENO, TCSANOW, modes); /* what is written may wait for Ctrl-Q */
    signals_hold_ttou(0);
}

void screen_enter(void)
{
    struct termios modes;

    if (is_taken)
        return;
    if (tcgetpgrp(STDOUT_FILENO) > 0 && tcgetpgrp(STDOUT_FILENO) != getpgrp())
        signals_stop(SIGTTOU); /* the terminal is another's now */
    if (!has_modes)
        has_modes = tcgetattr(STDIN_FILENO, &at_start) == 0;
    is_taken = 1;
    catch_faults();
    if (has_modes) {
        modes = at_start;
        modes.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
        modes.c_cc[VMIN] = 1;
        modes.c_cc[VTIME] = 0;
        set_modes(&modes);
    }
    (void)!write(STDOUT_FILENO, ENTER, sizeof ENTER - 1);
}

void screen_leave(void)
{
    struct pollfd terminal = {.fd = STDOUT_FILENO, .events = POLLOUT};

    if (!is_taken)
        return;
    is_taken = 0;
    if (poll(&terminal, 1, 0) == 1)
        (void)!write(STDOUT_FILENO, LEAVE, sizeof LEAVE - 1);
    if (has_modes)
        set_modes(&at_start);
}

void screen_size(int *columns, int *rows)
{
    struct winsize size = {0};

    *columns = 80;
    *rows = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        *columns = size.ws_col;
        *rows = size.ws_row;
    }
}
