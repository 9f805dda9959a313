#include "config.h"

#include "cli/pass_through.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { LOOK_AGAIN_MS = 500 }; /* no signal tells that a running process is brought to the front */

/* The size of the first terminal there is. */
static int get_size(const struct pass_through *through, int *rows, int *columns)
{
    const int fds[] = {STDOUT_FILENO, STDIN_FILENO, STDERR_FILENO, through->terminal->fd};
    struct winsize size;

    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0 && ioctl(fds[i], TIOCGWINSZ, &size) == 0 && size.ws_row > 0
            && size.ws_col > 0) {
            *rows = size.ws_row;
            *columns = size.ws_col;
            return 1;
        }
    return 0;
}

void pass_through_prepare(struct pass_through *through, const struct terminal *terminal,
                          int is_typed, struct weir_run_options *options)
{
    through->terminal = terminal;
    through->is_typed = is_typed && terminal->fd == STDIN_FILENO;
    if (get_size(through, &through->rows, &through->columns)) {
        options->pty_rows = through->rows;
        options->pty_columns = through->columns;
    }
    if (through->is_typed) { /* what the person sees is what the new terminal makes of it */
        options->pty_flags = WEIR_PTY_ECHO;
        if (isatty(STDOUT_FILENO))
            options->pty_flags |= WEIR_PTY_CRLF;
    }
}

int pass_through_follow(struct pass_through *through)
{
    int is_ours;

    if (through->terminal == NULL || !through->is_typed)
        return -1;
    is_ours = terminal_is_ours(through->terminal);
    if (is_ours && !through->is_raw)
        terminal_set_raw(through->terminal);
    if (is_ours != through->is_raw || !is_ours)
        weir_run_pause(through->run, STDIN_FILENO, !is_ours);
    through->is_raw = is_ours;
    return is_ours ? -1 : LOOK_AGAIN_MS;
}

int pass_through_resize(struct pass_through *through)
{
    int rows, columns;

    if (through->terminal == NULL || !get_size(through, &rows, &columns)
        || (rows == through->rows && columns == through->columns))
        return 0;
    through->rows = rows;
    through->columns = columns;
    return weir_run_resize(through->run, rows, columns, NULL) == 0;
}

void pass_through_leave(struct pass_through *through)
{
    if (through->is_raw && terminal_is_ours(through->terminal))
        terminal_restore(through->terminal);
    through->is_raw = 0;
}
