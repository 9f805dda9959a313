/* weir call: what it writes, and the progress that it shows. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/printable.h"
#include "cli/call_cmd.h"
#include "cli/cli.h"
#include "cli/output.h"

enum {
    KEPT_ROOM = 65536,
    DRAW_MS = 100,        /* between two drawings of the progress */
    LAST_WORDS_MS = 1000, /* for the reader of the output after the deadline */
};

/* --- Progress -------------------------------------------------------------- */

static int draw_progress(struct progress *progress, struct weir__buffer *text, int columns,
                         int rows)
{
    const struct call_progress *shown = (const struct call_progress *)progress;
    char numbers[80] = "", line[300];

    (void)rows;
    if (shown->total > 0)
        snprintf(numbers, sizeof numbers, "%.6g of %.6g", shown->at, shown->total);
    else
        snprintf(numbers, sizeof numbers, "%.6g", shown->at);
    weir__sentence(line, (size_t)columns < sizeof line ? (size_t)columns : sizeof line, "%s%s%s",
                   numbers, shown->message[0] != '\0' ? ": " : "", shown->message);
    progress_add(text, "%s\n", line);
    return 1;
}

const struct progress_ops call_progress_ops = {.command = &cli_call, .draw = draw_progress};

void call_on_progress(void *owner, const struct weir_progress *progress)
{
    struct call_cmd *cmd = owner;
    struct call_progress *shown = &cmd->shown;

    if (!cmd->shows_progress || cmd->over || cmd->is_done)
        return;
    shown->at = progress->progress;
    shown->total = progress->total;
    weir__printable(shown->message, sizeof shown->message,
                    progress->message != NULL ? progress->message : "", progress->length,
                    WEIR__ONE_LINE);
    if (weir__clock_ns() < shown->progress.next_ns)
        return;
    shown->progress.next_ns = weir__clock_ns() + (int64_t)DRAW_MS * 1000000;
    progress_tty_draw(&shown->progress);
}

void call_hide_progress(struct call_cmd *cmd)
{
    if (cmd->shown.progress.lines > 0)
        progress_tty_erase(&cmd->shown.progress);
}

int call_fail(struct call_cmd *cmd, int status, const char *sentence)
{
    call_hide_progress(cmd);
    snprintf(cmd->error_text, sizeof cmd->error_text, "%s", sentence);
    cli_say(&cli_call, "%s", sentence);
    return status;
}

void call_end(struct call_cmd *cmd, int status)
{
    if (!cmd->over)
        cmd->status = status;
    cmd->over = 1;
}

/* --- Output ---------------------------------------------------------------- */

/* Output is buffered here, so that the loop goes on handling signals, the deadline and the
 * worker. Credit for more is granted when all of it is written. */

static void end_when_written(struct call_cmd *cmd)
{
    if (cmd->is_done && cmd->out.length == 0)
        call_end(cmd, cmd->status);
}

void call_output_failed(struct call_cmd *cmd, int failed)
{
    if (failed != EPIPE) {
        cli_say(&cli_call, "cannot write to standard output: %s", strerror(failed));
        snprintf(cmd->error_text, sizeof cmd->error_text, "cannot write to standard output");
    }
    cmd->is_done = 0;
    call_end(cmd, failed == EPIPE ? CLI_SIGNALED + SIGPIPE : CLI_FAILED);
}

void call_write(struct call_cmd *cmd)
{
    struct weir__buffer *out = &cmd->out;
    int64_t n = cmd->pending_credit;

    while (cmd->written < out->length && !cmd->over) {
        ssize_t count =
            output_write_some(STDOUT_FILENO, out->bytes + cmd->written, out->length - cmd->written);

        if (count >= 0)
            cmd->written += (size_t)count;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if (errno != EINTR)
            call_output_failed(cmd, errno);
    }
    if (cmd->over)
        return;
    out->length = cmd->written = 0;
    if (out->capacity > KEPT_ROOM)
        weir__buffer_clear(out);
    if (n > 0 && !cmd->is_done) {
        cmd->pending_credit = 0;
        cmd->remote->kind->grant(cmd->remote, (unsigned)n);
    }
    end_when_written(cmd);
}

void call_put_line(struct call_cmd *cmd, struct weir__slice text)
{
    call_hide_progress(cmd);
    if (weir__buffer_add(&cmd->out, text.bytes, text.length, NULL) < 0
        || weir__buffer_add(&cmd->out, "\n", 1, NULL) < 0)
        call_end(cmd, call_fail(cmd, CLI_FAILED, "no memory for the output"));
}

void call_finish(struct call_cmd *cmd, int status)
{
    if (cmd->over)
        return;
    cmd->is_done = 1;
    cmd->status = status;
    if (cmd->ended_by != 0) {
        call_end(cmd, status);
    } else if (status == CALL_DEADLINE || cmd->deadline_ns != 0) {
        int64_t now_ns = weir__clock_ns();

        cmd->give_up_ns = (now_ns > cmd->deadline_ns ? now_ns : cmd->deadline_ns)
                          + (int64_t)LAST_WORDS_MS * 1000000;
    }
}

void call_check_deadline(struct call_cmd *cmd)
{
    if (cmd->give_up_ns != 0 && weir__clock_ns() >= cmd->give_up_ns && !cmd->over) {
        if (cmd->status != CALL_DEADLINE)
            call_fail(cmd, 0, "the deadline passed before the output was read");
        call_end(cmd, CALL_DEADLINE);
    }
}

int call_time_left_ms(const struct call_cmd *cmd)
{
    int64_t left_ms = (cmd->give_up_ns - weir__clock_ns()) / 1000000 + 1;

    if (cmd->give_up_ns == 0)
        return -1;
    return left_ms < 0 ? 0 : left_ms < 60000 ? (int)left_ms : 60000;
}
