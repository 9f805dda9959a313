/* weir call: the input stream, from standard input. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/call_cmd.h"
#include "cli/cli.h"
#include "cli/output.h"

static void end_input(struct call_cmd *cmd)
{
    weir_lines_free(cmd->input);
    cmd->input = NULL;
    if (!cmd->over)
        cmd->remote->kind->end(cmd->remote);
}

static int is_blank(const struct weir_line *line)
{
    for (size_t i = 0; i < line->length; i++)
        if (strchr(" \t\r", line->bytes[i]) == NULL || line->bytes[i] == '\0')
            return 0;
    return 1;
}

/* Returns whether there was a line to send. */
static int send_line(struct call_cmd *cmd)
{
    struct weir_error error;
    struct weir_line line = {0};
    int status = weir_lines_next(cmd->input, &line, &error);

    if (status == 0 && !cmd->input_fd_open)
        status = weir_lines_rest(cmd->input, &line, &error);
    if (status == 1 && is_blank(&line))
        return 1;
    if (status == 1)
        status = cmd->remote->kind->send(cmd->remote, line.bytes, line.length, &error);
    else if (status == 0)
        return 0;
    if (status < 0) {
        if (line.number > 0)
            cli_say(&cli_call, "--stdin: line %llu: %s", (unsigned long long)line.number,
                    error.text);
        else
            cli_say(&cli_call, "--stdin: %s", error.text); /* the text names the line */
        call_end(cmd, CLI_USAGE);                          /* freeing the remote cancels the call */
    }
    return status > 0;
}

void call_send_input(struct call_cmd *cmd)
{
    while (!cmd->over && cmd->input != NULL && cmd->remote->kind->credit(cmd->remote) > 0) {
        if (send_line(cmd))
            continue;
        if (!cmd->input_fd_open && !cmd->over)
            end_input(cmd);
        break;
    }
}

void call_read_input(struct call_cmd *cmd)
{
    struct weir_error error;
    char bytes[65536];
    ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);

    if (count > 0) {
        if (weir_lines_feed(cmd->input, bytes, (size_t)count, &error) < 0)
            call_end(cmd, call_fail(cmd, CLI_FAILED, error.text));
    } else if (count == 0) {
        cmd->input_fd_open = 0;
    } else if (errno != EAGAIN && errno != EINTR) {
        cli_say(&cli_call, "cannot read standard input: %s", strerror(errno));
        call_end(cmd, CLI_FAILED);
    }
}
