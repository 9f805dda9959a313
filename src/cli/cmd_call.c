/* weir call - call a function in a worker: its command line and its loop. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/call_cmd.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "cli/launcher.h"
#include "cli/notify.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "proc/context.h"
#include "text/shell_words.h"
#include "work/dialect.h"

/* --- Signals --------------------------------------------------------------- */

/* The first cancels the function, the second leaves. */
static void handle_signals(struct call_cmd *cmd)
{
    struct caught caught;

    while (signals_take(&caught)) {
        if (caught.number == SIGTSTP || caught.number == SIGTTIN || caught.number == SIGTTOU) {
            signals_stop(caught.number);
            continue;
        }
        if (cmd->ended_by != 0 || !cmd->called || cmd->is_done) {
            cmd->hurries = cmd->ended_by != 0;
            cmd->ended_by = caught.number;
            cmd->by_terminal = caught.by_kernel;
            call_end(cmd, CLI_SIGNALED + caught.number);
            return;
        }
        cmd->ended_by = caught.number;
        cmd->by_terminal = caught.by_kernel;
        cmd->remote->kind->cancel(cmd->remote);
    }
}

/* --- The loop -------------------------------------------------------------- */

static void run_loop(struct call_cmd *cmd)
{
    while (!cmd->over) {
        struct pollfd fds[] = {{.fd = -1},
                               {.fd = signals_fd(), .events = POLLIN},
                               {.fd = -1, .events = POLLIN},
                               {.fd = STDOUT_FILENO}}; /* an error: its reader has closed it */
        struct remote *remote = cmd->remote;
        int timeout_ms, has_input;

        if (!cmd->is_done)
            call_send_input(cmd);
        call_write(cmd);
        if (cmd->over)
            break;
        timeout_ms = call_time_left_ms(cmd);
        has_input = !cmd->is_done && cmd->input != NULL;
        if (!cmd->is_done)
            fds[0].fd = remote->kind->fd(remote, &fds[0].events, &timeout_ms);
        if (cmd->called && has_input && cmd->input_fd_open && remote->kind->credit(remote) > 0)
            fds[2].fd = STDIN_FILENO;
        if (cmd->out.length > 0)
            fds[3].events = POLLOUT;
        poll(fds, 4, timeout_ms);
        if (fds[3].revents & (POLLERR | POLLHUP)) {
            call_output_failed(cmd, EPIPE);
            break;
        }
        if (!cmd->is_done)
            remote->kind->dispatch(remote);
        handle_signals(cmd);
        call_check_deadline(cmd);
        if (!cmd->over && has_input && fds[2].revents != 0)
            call_read_input(cmd);
    }
}

static void on_event(const struct weir_event *event, void *context)
{
    struct call_cmd *cmd = context;

    audit_add_event(&cmd->audit, event);
    if (event->kind != WEIR_EVENT_LOG && event->kind != WEIR_EVENT_NOISE)
        return;
    call_hide_progress(cmd);
    cli_say_worker(&cli_call, event); /* the call reports its end */
}

static int open_remote(struct call_cmd *cmd, struct weir_error *error)
{
    struct remote_owner owner = call_owner;
    struct weir_command command;
    struct remote_pool_options options = {
        .command = &command,
        .launcher = (const char *const *)cmd->launcher,
        .launcher_stop = (const char *const *)cmd->launcher_stop,
        .launcher_shell = cmd->values.launcher_shell,
        .stop = cmd->values.stop.count > 0 ? cmd->values.stop.steps : NULL,
        .stop_count = cmd->values.stop.count,
        .start_timeout_ms = cmd->values.start_timeout_ms,
        .dialect = (enum weir_dialect)cmd->values.protocol,
        .mcp_version = cli_mcp_version(cmd->values.mcp_version),
        .no_retry = cmd->values.no_retry,
        .check = cmd->values.check == OUTPUT_CHECK_OUTPUT ? &cmd->check : NULL,
    };
    struct remote_client_options server = {cmd->values.socket, cmd->values.timeout_ms,
                                           cmd->values.any_server};
    struct weir_options context;

    owner.owner = cmd;
    cli_child_command(&cmd->parsed, &command);
    command.argv = (const char *const *)cmd->worker;
    weir_options_init(&context);
    context.spawner_stays_child = 1; /* weir waits for no other children */
    context.on_event = on_event;
    context.event_context = cmd;
    context.spawner_on_demand = cmd->worker == NULL; /* the server has the workers */
    cmd->weir = weir_open(&context, error);
    if (cmd->weir != NULL)
        cmd->weir->client.trace = cmd->audit.trace;
    if (cmd->weir != NULL && cmd->worker != NULL)
        cmd->remote = remote_pool_open(cmd->weir, &options, &owner, error);
    else if (cmd->weir != NULL)
        cmd->remote = remote_client_open(cmd->weir, &server, &owner, error);
    return cmd->remote != NULL ? 0 : error->status;
}

/* --- What was asked -------------------------------------------------------- */

/* Returns 0, or the exit status. */
static int check_command_line(struct call_cmd *cmd)
{
    const struct call_values *values = &cmd->values;
    size_t count = cmd->parsed.words.count;
    const char *warning;
    struct weir_error error;
    int status;

    if (values->worker != NULL && values->socket != NULL)
        return call_fail(cmd, CLI_USAGE, "--worker and --socket exclude each other: remove one");
    if (values->launcher != NULL && values->worker == NULL)
        return call_fail(cmd, CLI_USAGE, "--launcher requires --worker");
    if (cli_given(&cmd->parsed, CALL_PROTOCOL) && values->worker == NULL)
        return call_fail(cmd, CLI_USAGE, "--protocol requires --worker");
    if ((values->whole || values->no_retry || values->mcp_version != 0 || values->check != 0)
        && values->protocol != WEIR_DIALECT_MCP) {
        cli_say(&cli_call, "%s requires --protocol mcp",
                values->whole        ? "--whole"
                : values->no_retry   ? "--no-retry"
                : values->check != 0 ? "--check"
                                     : "--mcp-version");
        return CLI_USAGE;
    }
    if (values->input && values->protocol == WEIR_DIALECT_MCP)
        return call_fail(cmd, CLI_USAGE, "--stdin: MCP tools have no input stream");
    if ((values->launcher_stop != NULL || values->launcher_shell) && values->launcher == NULL)
        return call_fail(cmd, CLI_USAGE,
                         values->launcher_shell ? "--launcher-shell requires --launcher"
                                                : "--launcher-stop requires --launcher");
    if (cmd->parsed.given[CLI_TABLE_CHILD] != 0 && values->worker == NULL)
        return call_fail(cmd, CLI_USAGE,
                         "--cwd, --env, --env-clear, --env-pass and --limit require --worker");
    if (values->stop.count > 0 && values->worker == NULL)
        return call_fail(cmd, CLI_USAGE, "--stop requires --worker");
    if (values->any_server && values->worker != NULL)
        return call_fail(cmd, CLI_USAGE, "--any-server requires --socket");
    if (values->list && count > 0)
        return call_fail(cmd, CLI_USAGE, "--list makes no call: remove the method");
    if (!values->list && count == 0)
        return cli_bad_usage(&cli_call, "no method given: --list shows what is available");
    status = cli_split_words(&cli_call, "--worker", values->worker, &cmd->worker);
    if (status == 0)
        status = cli_split_words(&cli_call, "--launcher", values->launcher, &cmd->launcher);
    if (status == 0)
        status = cli_split_words(&cli_call, "--launcher-stop", values->launcher_stop,
                                 &cmd->launcher_stop);
    warning = launcher_warning((const char *const *)cmd->launcher, values->launcher_shell);
    if (status == 0 && warning != NULL)
        cli_say(&cli_call, "%s", warning);
    if (status == 0)
        status = cli_check_stdout(&cli_call, CLI_FAILED);
    if (status == 0 && count > 1
        && arguments_params((char *const *)cmd->parsed.words.items + 1, count - 1, &cmd->params,
                            &error)
               < 0)
        status =
            call_fail(cmd, error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE, error.text);
    if (status == 0 && values->input) {
        cmd->input = weir_lines_new(WEIR_MAX_LINE);
        if (cmd->input == NULL)
            return call_fail(cmd, CLI_FAILED, "no memory for the input");
        cmd->input_fd_open = 1;
    }
    return status;
}

static enum weir__audit_outcome outcome_of(const struct call_cmd *cmd, int status)
{
    switch (status) {
    case CLI_OK:
        return WEIR__AUDIT_OK;
    case CALL_DEADLINE:
        return WEIR__AUDIT_TIMED_OUT;
    case CALL_FUNCTION_FAILED:
        return WEIR__AUDIT_FAILED;
    default:
        return cmd->ended_by != 0 ? WEIR__AUDIT_CANCELLED : WEIR__AUDIT_ERROR;
    }
}

static int execute(struct call_cmd *cmd)
{
    struct weir_error error;
    int status = check_command_line(cmd), failed;

    if (cmd->values.protocol == WEIR_DIALECT_MCP && !cli_given(&cmd->parsed, CALL_START_TIMEOUT))
        cmd->values.start_timeout_ms = WEIR__MCP_START_MS;
    cmd->shown.progress.ops = &call_progress_ops;
    cmd->shows_progress = isatty(STDERR_FILENO);
    if (status == 0)
        status = files_check(&cli_call, &cmd->parsed, cmd->values.input, 1);
    if (status != 0)
        return status;
    failed = signals_catch();
    if (failed != 0) {
        cli_say(&cli_call, "cannot catch signals: %s", strerror(failed));
        return CLI_FAILED;
    }
    status = audit_begin(&cmd->audit, &cli_call, &cmd->parsed,
                         cmd->values.list ? "--list" : cmd->parsed.words.items[0]);
    if (status != 0)
        return status;
    if (open_remote(cmd, &error) < 0)
        status =
            call_fail(cmd, error.status == WEIR_ERR_INVALID ? CLI_USAGE : CLI_FAILED, error.text);
    else
        run_loop(cmd);
    call_hide_progress(cmd);
    if (cmd->remote != NULL)
        cmd->remote->kind->free(cmd->remote, cmd->hurries);
    weir_close(cmd->weir);
    output_check_clear(&cmd->check);
    if (status == 0)
        status = cmd->status;
    status = audit_end(&cmd->audit, outcome_of(cmd, status), status, cmd->error_text);
    if (cmd->ended_by == SIGINT && cmd->by_terminal && status == CLI_SIGNALED + SIGINT)
        signals_die(SIGINT); /* so that a shell's loop around it ends too */
    return status;
}

int cmd_call(int argc, char **argv)
{
    struct call_cmd cmd = {.values = {.timeout_ms = WEIR_FOREVER, .start_timeout_ms = 10000}};
    int status = cli_parse(&cli_call, argc, argv, &cmd.values, &cmd.parsed);

    if (status != CLI_GO_ON)
        return status;
    status = execute(&cmd);
    weir_lines_free(cmd.input);
    weir__buffer_clear(&cmd.params);
    weir__buffer_clear(&cmd.out);
    weir__words_free(cmd.worker);
    weir__words_free(cmd.launcher);
    weir__words_free(cmd.launcher_stop);
    cli_parsed_clear(&cmd.parsed);
    return status;
}
