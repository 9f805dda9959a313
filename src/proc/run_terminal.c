#include "config.h"

#include "proc/run_terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

enum {
    CHUNK = 4096,
    READS_A_TURN = 16, /* then others have their turn */
};

struct weir__run_terminal {
    struct weir__stdin_writer *writer;
    int master;            /* open until the program has exited: to close the last one hangs up */
    int from;              /* what the input comes from; -1: no descriptor */
    weir__watch *can_read; /* NULL: a file, always ready */
    int is_paused;
    size_t used, length; /* of bytes: what the program has taken, what there is */
    char bytes[CHUNK];
};

static int is_readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};

    return poll(&one, 1, 0) > 0;
}

/* Reads the next bytes.  Returns how many; 0: not now; -1: there are no more. */
static ssize_t read_more(struct weir__run_terminal *terminal)
{
    ssize_t count;

    /* The description may be shared: it is never made non-blocking, and another may have read. */
    if (terminal->can_read != NULL && !is_readable(terminal->from))
        return 0;
    count = read(terminal->from, terminal->bytes, CHUNK);
    if (count < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    terminal->used = 0;
    terminal->length = count > 0 ? (size_t)count : 0;
    return count > 0 ? count : -1;
}

static void feed(struct weir__run_terminal *terminal)
{
    struct weir__stdin_writer *writer = terminal->writer;
    int turns = 0, is_full = 0;
    ssize_t count = 1;

    while (count > 0 && !is_full && !terminal->is_paused && weir__stdin_writer_is_open(writer)
           && (terminal->can_read == NULL || turns++ < READS_A_TURN)) {
        if (terminal->used == terminal->length)
            count = read_more(terminal);
        if (count > 0)
            terminal->used += weir__stdin_writer_write(writer, terminal->bytes + terminal->used,
                                                       terminal->length - terminal->used);
        is_full = terminal->used < terminal->length;
    }
    if (count < 0)
        weir__stdin_writer_end(writer);
    if (terminal->can_read != NULL)
        weir__watch_set(terminal->can_read, count < 0 || is_full || terminal->is_paused
                                                    || !weir__stdin_writer_is_open(writer)
                                                ? 0
                                                : WEIR__READABLE);
}

static void input_came(void *data, int bits)
{
    (void)bits;
    feed(data);
}

static void has_room(void *owner)
{
    feed(owner);
}

void weir__run_terminal_pause(struct weir__run_terminal *terminal, int pause)
{
    if (terminal->from < 0)
        return;
    terminal->is_paused = pause;
    feed(terminal);
}

int weir__run_terminal_master(const struct weir__run_terminal *terminal)
{
    return terminal->master;
}

void weir__run_terminal_close(struct weir__run_terminal **given)
{
    struct weir__run_terminal *terminal = *given;

    if (terminal == NULL)
        return;
    weir__watch_close(&terminal->can_read);
    weir__close(&terminal->from);
    weir__close(&terminal->master);
    free(terminal);
    *given = NULL;
}

static int duplicate(int fd, int *copy, struct weir_error *error)
{
    *copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return *copy >= 0 ? 0
                      : weir__fail(error, WEIR_ERR_SYSTEM, errno,
                                   "cannot duplicate a descriptor for a terminal");
}

static int start_input(struct weir__run_terminal *terminal, weir__loop *loop,
                       const struct weir_run_options *options, struct weir_error *error)
{
    struct weir__stdin_writer *writer = terminal->writer;
    int is_read = terminal->from >= 0, to, status = duplicate(terminal->master, &to, error);

    if (status < 0)
        return status;
    writer->is_terminal = 1;
    if (is_read) {
        writer->owner = terminal;
        writer->on_room = has_room;
    }
    status = weir__stdin_writer_start(
        writer, loop, to, options->input_bytes,
        options->input == WEIR_INPUT_BYTES ? options->input_length : 0, error);
    if (status < 0 || !is_read)
        return status;
    if (weir__watch_new(loop, terminal->from, WEIR__READABLE, input_came, terminal,
                        &terminal->can_read, NULL)
        < 0) {
        terminal->can_read = NULL; /* a regular file */
        feed(terminal);
    }
    return 0;
}

struct weir__run_terminal *weir__run_terminal_open(weir__loop *loop,
                                                   const struct weir_run_options *options,
                                                   struct weir__stdin_writer *writer, int from,
                                                   int *for_output, struct weir_error *error)
{
    struct weir__run_terminal *terminal = calloc(1, sizeof *terminal);
    int status;

    *for_output = -1;
    if (terminal == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a terminal");
        return NULL;
    }
    terminal->writer = writer;
    terminal->from = -1;
    status = weir__pty_open_master(&terminal->master, options->pty_rows, options->pty_columns,
                                   (options->pty_flags & WEIR_PTY_ECHO) != 0,
                                   (options->pty_flags & WEIR_PTY_CRLF) != 0, error);
    if (status == 0 && from >= 0) /* our own: another watch may be on theirs */
        status = duplicate(from, &terminal->from, error);
    if (status == 0)
        status = duplicate(terminal->master, for_output, error);
    if (status == 0)
        status = start_input(terminal, loop, options, error);
    if (status == 0)
        return terminal;
    weir__close(for_output);
    weir__run_terminal_close(&terminal);
    return NULL;
}
