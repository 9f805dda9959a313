/* weir call - call a function in a worker. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <weir/weir.h>

#include "base/clock.h"
#include "base/json_parse.h"
#include "base/printable.h"
#include "cli/opts_call.h"
#include "cli/arguments.h"
#include "cli/audit_common.h"
#include "cli/files.h"
#include "cli/launcher.h"
#include "cli/output.h"
#include "cli/output_check.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "cli/signals.h"
#include "cli/notify.h"
#include "cli/cli.h"
#include "rpc/credit.h"
#include "rpc/rpc_write.h"
#include "text/shell_words.h"
#include "proc/context.h"
#include "work/dialect.h"

enum {
    FUNCTION_FAILED = 1,
    DEADLINE = 124,
    OUTPUT_WINDOW = 64, /* values in flight */
    NO_METHOD = -32601, /* of docs/protocol.md */
    BAD_ARGUMENTS = -32602,
    KEPT_ROOM = 65536,
    DRAW_MS = 100,        /* between two drawings of the progress */
    LAST_WORDS_MS = 1000, /* for the reader of the output after the deadline */
};

/* What the function has said of its progress, drawn on a terminal. */
struct call_progress {
    struct progress progress; /* first */
    double at, total;         /* -1: unknown */
    char message[200];
};

struct call_cmd {
    struct call_values values;
    struct output_check check;
    struct cli_parsed parsed;
    struct weir__buffer params;
    char **worker, **launcher, **launcher_stop; /* their words */
    weir_t *weir;                               /* NULL: the function is behind a socket */
    struct remote *remote;

    int has_output_stream;
    struct weir__receiver output;
    weir_lines_t *input; /* NULL: none, or at its end */
    int input_fd_open, called;
    struct weir__buffer out; /* for standard output */
    size_t written;          /* of it */
    int64_t pending_credit;
    int is_done;                     /* the call has ended: out is being written */
    int64_t deadline_ns, give_up_ns; /* CLOCK_MONOTONIC; 0: never */
    struct audit audit;
    struct call_progress shown;
    int shows_progress;
    char error_text[600]; /* what went wrong, for the audit log */
    int over, status;
    int ended_by; /* the first signal; 0: none */
    int by_terminal;
    int hurries; /* there was a second signal */
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

static const struct progress_ops progress_ops = {.command = &cli_call, .draw = draw_progress};

static void on_progress(void *owner, const struct weir_progress *progress)
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

/* Before anything else is written to the terminal. */
static void hide_progress(struct call_cmd *cmd)
{
    if (cmd->shown.progress.lines > 0)
        progress_tty_erase(&cmd->shown.progress);
}

static int fail(struct call_cmd *cmd, int status, const char *sentence)
{
    hide_progress(cmd);
    snprintf(cmd->error_text, sizeof cmd->error_text, "%s", sentence);
    cli_say(&cli_call, "%s", sentence);
    return status;
}

/* Ends the loop: unwritten output is dropped. */
static void end_loop(struct call_cmd *cmd, int status)
{
    if (!cmd->over)
        cmd->status = status;
    cmd->over = 1;
}

static void finish_call(struct call_cmd *cmd, int status);

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
            end_loop(cmd, CLI_SIGNALED + caught.number);
            return;
        }
        cmd->ended_by = caught.number;
        cmd->by_terminal = caught.by_kernel;
        cmd->remote->kind->cancel(cmd->remote);
    }
}

/* --- Output ---------------------------------------------------------------- */

/* Output is buffered here, so that the loop goes on handling signals, the deadline and the
 * worker. Credit for more is granted when all of it is written. */

static void end_when_written(struct call_cmd *cmd)
{
    if (cmd->is_done && cmd->out.length == 0)
        end_loop(cmd, cmd->status);
}

/* Stops the function: freeing the remote cancels its call. */
static void output_failed(struct call_cmd *cmd, int failed)
{
    if (failed != EPIPE) {
        cli_say(&cli_call, "cannot write to standard output: %s", strerror(failed));
        snprintf(cmd->error_text, sizeof cmd->error_text, "cannot write to standard output");
    }
    cmd->is_done = 0;
    end_loop(cmd, failed == EPIPE ? CLI_SIGNALED + SIGPIPE : CLI_FAILED);
}

static void write_output(struct call_cmd *cmd)
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
            output_failed(cmd, errno);
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

static void put_line(struct call_cmd *cmd, struct weir__slice text)
{
    hide_progress(cmd);
    if (weir__buffer_add(&cmd->out, text.bytes, text.length, NULL) < 0
        || weir__buffer_add(&cmd->out, "\n", 1, NULL) < 0)
        end_loop(cmd, fail(cmd, CLI_FAILED, "no memory for the output"));
}

/* The call has ended; unwritten output gets time, except after a signal, and only a moment after
 * the deadline. */
static void finish_call(struct call_cmd *cmd, int status)
{
    if (cmd->over)
        return;
    cmd->is_done = 1;
    cmd->status = status;
    if (cmd->ended_by != 0)
        end_loop(cmd, status);
    else if (status == DEADLINE)
        cmd->give_up_ns = weir__clock_ns() + (int64_t)LAST_WORDS_MS * 1000000;
    else if (cmd->deadline_ns != 0)
        cmd->give_up_ns = cmd->deadline_ns + (int64_t)LAST_WORDS_MS * 1000000;
}

/* Gives up on output that is not read. */
static void check_deadline(struct call_cmd *cmd)
{
    if (cmd->give_up_ns != 0 && weir__clock_ns() >= cmd->give_up_ns && !cmd->over) {
        if (cmd->status != DEADLINE)
            fail(cmd, 0, "the deadline passed before the output was read");
        end_loop(cmd, DEADLINE);
    }
}

static int time_left_ms(const struct call_cmd *cmd)
{
    int64_t left_ms = (cmd->give_up_ns - weir__clock_ns()) / 1000000 + 1;

    if (cmd->give_up_ns == 0)
        return -1;
    return left_ms < 0 ? 0 : left_ms < 60000 ? (int)left_ms : 60000;
}

static void on_value(void *owner, struct weir__slice value)
{
    struct call_cmd *cmd = owner;

    if (cmd->over || cmd->is_done)
        return;
    put_line(cmd, value);
    cmd->pending_credit += weir__receiver_consume(&cmd->output);
}

/* Arguments were refused, perhaps because one that looks like a number should be text. */
static void suggest_text(const struct call_cmd *cmd, const json_t *error, const char *message)
{
    const struct cli_list *words = &cmd->parsed.words;
    const char *word = NULL, *value;

    if (json_integer_value(json_object_get(error, "code")) == BAD_ARGUMENTS
        || json_is_true(json_object_get(json_object_get(error, "data"), "isError")))
        word = arguments_find_typed(words->items + 1, words->count - 1, message);
    if (word == NULL)
        return;
    value = strchr(word, '=') + 1;
    cli_say(&cli_call, "%.100s is not passed as text: for text, write %.*s='\"%.100s\"'", word,
            (int)(value - word - 1), word, value);
}

static void report_failure(struct call_cmd *cmd, const struct weir_reply *reply)
{
    json_t *error = reply->error != NULL
                        ? weir__json_parse(reply->error, strlen(reply->error), JSON_ALLOW_NUL, NULL)
                        : NULL;
    const json_t *data = json_object_get(error, "data");
    const json_t *traceback = json_object_get(data, "traceback");
    const char *type = json_string_value(json_object_get(data, "type"));
    const char *message = reply->message != NULL ? reply->message : "";

    hide_progress(cmd);
    snprintf(cmd->error_text, sizeof cmd->error_text, "%s", message);
    if (json_is_string(traceback))
        cli_say_lines(json_string_value(traceback), json_string_length(traceback));
    if (reply->outcome == WEIR_CALL_FAILED)
        cli_say(&cli_call, "%s%s%s%s%s", type != NULL ? type : "", type != NULL ? ": " : "",
                message, *message == '\0' ? "the function failed" : "",
                json_integer_value(json_object_get(error, "code")) == NO_METHOD
                    ? ": --list shows what is available"
                    : "");
    else
        cli_say(&cli_call, "%s%s%s", weir_outcome_name(reply->outcome),
                *message != '\0' ? ": " : "", message);
    if (reply->outcome == WEIR_CALL_FAILED)
        suggest_text(cmd, error, message);
    if (cmd->values.json && reply->error != NULL)
        put_line(cmd, weir__slice_of(reply->error));
    json_decref(error);
}

static int status_of_reply(const struct call_cmd *cmd, const struct weir_reply *reply)
{
    switch (reply->outcome) {
    case WEIR_CALL_RETURNED:
        return CLI_OK;
    case WEIR_CALL_FAILED:
        return FUNCTION_FAILED;
    case WEIR_CALL_CANCELLED:
        return cmd->ended_by != 0 ? CLI_SIGNALED + cmd->ended_by : CLI_FAILED;
    case WEIR_CALL_DEADLINE:
        return DEADLINE;
    case WEIR_CALL_UNKNOWN: /* of one that was to be cancelled */
        return cmd->ended_by != 0 ? CLI_SIGNALED + cmd->ended_by : CLI_FAILED;
    default:
        return CLI_FAILED;
    }
}

static void on_done(void *owner, const struct weir_reply *reply)
{
    struct call_cmd *cmd = owner;
    struct weir__slice result = {reply->result, reply->length};

    if (cmd->over || cmd->is_done)
        return;
    if (reply->outcome != WEIR_CALL_RETURNED)
        report_failure(cmd, reply);
    else if (!cmd->has_output_stream || weir__slice_type(result) != 'n')
        put_line(cmd, result);
    finish_call(cmd, status_of_reply(cmd, reply));
}

static void on_lost(void *owner, const char *sentence)
{
    struct call_cmd *cmd = owner;

    if (cmd->over || cmd->is_done)
        return;
    fail(cmd, 0, sentence);
    finish_call(cmd, cmd->ended_by != 0 ? CLI_SIGNALED + cmd->ended_by : CLI_FAILED);
}

/* --- The call -------------------------------------------------------------- */

static void print_list(struct call_cmd *cmd, struct weir__slice methods)
{
    size_t length = 0;
    char *text = NULL;
    FILE *stream = open_memstream(&text, &length);
    int status = stream != NULL ? method_list_print(methods, stream) : -1;

    if (stream != NULL && ferror(stream))
        status = -1;
    if (stream != NULL && fclose(stream) != 0)
        status = -1;
    if (status < 0 || text == NULL) /* NULL: glibc's fclose() does not say that memory is short */
        end_loop(cmd, fail(cmd, CLI_FAILED, "cannot read the list of functions"));
    else if (length > 0) /* without its last line end */
        put_line(cmd, (struct weir__slice){text, length - 1});
    free(text);
}

/* The tools of an MCP server as it describes them. */
static void put_tools(struct call_cmd *cmd, struct weir__slice methods)
{
    static const char *const names[] = {"tool"};
    struct weir__buffer *out = &cmd->out;
    struct weir__slice key, method, tool;
    size_t before = out->length;
    int status = 0;

    while (status >= 0 && weir__member_next(&methods, &key, &method)) {
        weir__object_get(method, names, &tool, 1);
        status =
            WEIR__PUT(out, out->length > before ? WEIR__LITERAL(",") : WEIR__LITERAL("["), tool);
    }
    if (status >= 0 && out->length == before)
        status = WEIR__PUT(out, WEIR__LITERAL("["));
    if (status >= 0)
        status = WEIR__PUT(out, WEIR__LITERAL("]\n"));
    if (status < 0)
        end_loop(cmd, fail(cmd, CLI_FAILED, "no memory for the output"));
}

static void list_methods(struct call_cmd *cmd, struct weir__slice methods)
{
    if (cmd->values.json && cmd->values.protocol == WEIR_DIALECT_MCP)
        put_tools(cmd, methods);
    else if (cmd->values.json)
        put_line(cmd, methods);
    else
        print_list(cmd, methods);
    finish_call(cmd, CLI_OK);
}

/* Whether the function has a stream in this direction: "in" or "out". */
static int has_stream(struct weir__slice methods, const char *method, const char *direction)
{
    static const char *const names[] = {"stream"};
    struct weir__slice description, stream;

    weir__object_get(methods, &method, &description, 1);
    weir__object_get(description, names, &stream, 1);
    return weir__slice_is(stream, direction) || weir__slice_is(stream, "both");
}

static void on_ready(void *owner, struct weir__slice methods)
{
    struct call_cmd *cmd = owner;
    struct remote_call call = {
        .timeout_ms = cmd->values.timeout_ms,
        .input = cmd->values.input,
        .whole = cmd->values.whole,
        .credit = OUTPUT_WINDOW,
    };
    struct weir_error error;

    if (cmd->over || cmd->is_done)
        return;
    if (cmd->values.list) {
        list_methods(cmd, methods);
        return;
    }
    call.method = cmd->parsed.words.items[0];
    call.params = (struct weir__slice){cmd->params.bytes, cmd->params.length};
    if (!call.input && has_stream(methods, call.method, "in")) {
        end_loop(cmd, fail(cmd, CLI_USAGE, "the function reads a stream: use --stdin"));
        return;
    }
    cmd->has_output_stream = has_stream(methods, call.method, "out");
    cmd->output = (struct weir__receiver){.window = OUTPUT_WINDOW, .granted = OUTPUT_WINDOW};
    if (cmd->remote->kind->call(cmd->remote, &call, &error) < 0)
        end_loop(cmd,
                 fail(cmd, error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE, error.text));
    else
        cmd->called = 1;
    if (cmd->deadline_ns == 0 && call.timeout_ms != WEIR_FOREVER)
        cmd->deadline_ns = weir__clock_ns() + call.timeout_ms * 1000000;
}

/* --- Input ----------------------------------------------------------------- */

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
        end_loop(cmd, CLI_USAGE);                          /* freeing the remote cancels the call */
    }
    return status > 0;
}

/* Sends what the credit allows. */
static void send_input(struct call_cmd *cmd)
{
    while (!cmd->over && cmd->input != NULL && cmd->remote->kind->credit(cmd->remote) > 0) {
        if (send_line(cmd))
            continue;
        if (!cmd->input_fd_open && !cmd->over)
            end_input(cmd);
        break;
    }
}

static void read_input(struct call_cmd *cmd)
{
    struct weir_error error;
    char bytes[65536];
    ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);

    if (count > 0) {
        if (weir_lines_feed(cmd->input, bytes, (size_t)count, &error) < 0)
            end_loop(cmd, fail(cmd, CLI_FAILED, error.text));
    } else if (count == 0) {
        cmd->input_fd_open = 0;
    } else if (errno != EAGAIN && errno != EINTR) {
        cli_say(&cli_call, "cannot read standard input: %s", strerror(errno));
        end_loop(cmd, CLI_FAILED);
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
            send_input(cmd);
        write_output(cmd);
        if (cmd->over)
            break;
        timeout_ms = time_left_ms(cmd);
        has_input = !cmd->is_done && cmd->input != NULL;
        if (!cmd->is_done)
            fds[0].fd = remote->kind->fd(remote, &fds[0].events, &timeout_ms);
        if (cmd->called && has_input && cmd->input_fd_open && remote->kind->credit(remote) > 0)
            fds[2].fd = STDIN_FILENO;
        if (cmd->out.length > 0)
            fds[3].events = POLLOUT;
        poll(fds, 4, timeout_ms);
        if (fds[3].revents & (POLLERR | POLLHUP)) {
            output_failed(cmd, EPIPE);
            break;
        }
        if (!cmd->is_done)
            remote->kind->dispatch(remote);
        handle_signals(cmd);
        check_deadline(cmd);
        if (!cmd->over && has_input && fds[2].revents != 0)
            read_input(cmd);
    }
}

static void on_event(const struct weir_event *event, void *context)
{
    struct call_cmd *cmd = context;

    audit_add_event(&cmd->audit, event);
    if (event->kind != WEIR_EVENT_LOG && event->kind != WEIR_EVENT_NOISE)
        return;
    hide_progress(cmd);
    cli_say_worker(&cli_call, event); /* the call reports its end */
}

static int open_remote(struct call_cmd *cmd, struct weir_error *error)
{
    struct remote_owner owner = {.on_ready = on_ready,
                                 .on_value = on_value,
                                 .on_progress = on_progress,
                                 .on_done = on_done,
                                 .on_lost = on_lost,
                                 .owner = cmd};
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
        return fail(cmd, CLI_USAGE, "--worker and --socket exclude each other: remove one");
    if (values->launcher != NULL && values->worker == NULL)
        return fail(cmd, CLI_USAGE, "--launcher requires --worker");
    if (cli_given(&cmd->parsed, CALL_PROTOCOL) && values->worker == NULL)
        return fail(cmd, CLI_USAGE, "--protocol requires --worker");
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
        return fail(cmd, CLI_USAGE, "--stdin: MCP tools have no input stream");
    if ((values->launcher_stop != NULL || values->launcher_shell) && values->launcher == NULL)
        return fail(cmd, CLI_USAGE,
                    values->launcher_shell ? "--launcher-shell requires --launcher"
                                           : "--launcher-stop requires --launcher");
    if (cmd->parsed.given[CLI_TABLE_CHILD] != 0 && values->worker == NULL)
        return fail(cmd, CLI_USAGE,
                    "--cwd, --env, --env-clear, --env-pass and --limit require --worker");
    if (values->stop.count > 0 && values->worker == NULL)
        return fail(cmd, CLI_USAGE, "--stop requires --worker");
    if (values->any_server && values->worker != NULL)
        return fail(cmd, CLI_USAGE, "--any-server requires --socket");
    if (values->list && count > 0)
        return fail(cmd, CLI_USAGE, "--list makes no call: remove the method");
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
        status = fail(cmd, error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE, error.text);
    if (status == 0 && values->input) {
        cmd->input = weir_lines_new(WEIR_MAX_LINE);
        if (cmd->input == NULL)
            return fail(cmd, CLI_FAILED, "no memory for the input");
        cmd->input_fd_open = 1;
    }
    return status;
}

static enum weir__audit_outcome outcome_of(const struct call_cmd *cmd, int status)
{
    switch (status) {
    case CLI_OK:
        return WEIR__AUDIT_OK;
    case DEADLINE:
        return WEIR__AUDIT_TIMED_OUT;
    case FUNCTION_FAILED:
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
    cmd->shown.progress.ops = &progress_ops;
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
        status = fail(cmd, error.status == WEIR_ERR_INVALID ? CLI_USAGE : CLI_FAILED, error.text);
    else
        run_loop(cmd);
    hide_progress(cmd);
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
