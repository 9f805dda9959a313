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
#include "base/fd.h"
#include "base/json_parse.h"
#include "cli/opts_call.h"
#include "cli/arguments.h"
#include "cli/audit_common.h"
#include "cli/files.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/signals.h"
#include "cli/notify.h"
#include "cli/cli.h"
#include "rpc/credit.h"
#include "rpc/rpc_write.h"
#include "text/shell_words.h"

enum {
    FUNCTION_FAILED = 1,
    DEADLINE = 124,
    OUTPUT_WINDOW = 64, /* values under way */
    NO_METHOD = -32601, /* of docs/protocol.md */
    KEPT_ROOM = 65536,
    LAST_WORDS_MS = 1000, /* for the reader of the output, when the time is up */
};

struct errand {
    struct call_values values;
    struct cli_parsed parsed;
    struct weir__buffer params;
    char **worker, **launcher; /* their words */
    weir_t *weir;              /* NULL: the function is behind a socket */
    struct remote *remote;

    int has_output_stream;
    struct weir__receiver output;
    weir_lines *input; /* NULL: none, or at its end */
    int input_fd_open, called;
    struct weir__buffer out; /* for standard output */
    size_t written;          /* of it */
    int64_t unsaid_credit;
    int is_done;                     /* nothing more comes: out is to be written */
    int64_t deadline_ns, give_up_ns; /* CLOCK_MONOTONIC; 0: never */
    struct audit audit;
    char said[600]; /* what went wrong, for the audit log */
    int over, status;
    int ended_by; /* the first signal; 0: none */
    int by_terminal;
    int hurries; /* there was a second one */
};

static int say(struct errand *errand, int status, const char *sentence)
{
    snprintf(errand->said, sizeof errand->said, "%s", sentence);
    cli_say(&cli_call, "%s", sentence);
    return status;
}

/* The loop ends: what is not written is dropped. */
static void end(struct errand *errand, int status)
{
    if (!errand->over)
        errand->status = status;
    errand->over = 1;
}

static void be_done(struct errand *errand, int status);

/* --- Signals --------------------------------------------------------------- */

/* The first cancels the function, the second leaves. */
static void heed_signals(struct errand *errand)
{
    struct caught caught;

    while (signals_take(&caught)) {
        if (caught.number == SIGTSTP || caught.number == SIGTTIN || caught.number == SIGTTOU) {
            signals_stop(caught.number);
            continue;
        }
        if (errand->ended_by != 0 || !errand->called || errand->is_done) {
            errand->hurries = errand->ended_by != 0;
            errand->ended_by = caught.number;
            errand->by_terminal = caught.by_kernel;
            end(errand, CLI_SIGNALED + caught.number);
            return;
        }
        errand->ended_by = caught.number;
        errand->by_terminal = caught.by_kernel;
        errand->remote->kind->cancel(errand->remote);
    }
}

/* --- Output ---------------------------------------------------------------- */

/* What is printed waits here for its reader, and the loop goes on: signals, the deadline and
 * the worker are heard meanwhile.  Credit for more goes out when all of it is written. */

static void end_when_written(struct errand *errand)
{
    if (errand->is_done && errand->out.length == 0)
        end(errand, errand->status);
}

/* The function is stopped: the remote is freed in the end, which cancels its call. */
static void output_failed(struct errand *errand, int failed)
{
    if (failed != EPIPE) {
        cli_say(&cli_call, "cannot write to standard output: %s", strerror(failed));
        snprintf(errand->said, sizeof errand->said, "cannot write to standard output");
    }
    errand->is_done = 0;
    end(errand, failed == EPIPE ? CLI_SIGNALED + SIGPIPE : CLI_FAILED);
}

static void write_output(struct errand *errand)
{
    struct weir__buffer *out = &errand->out;
    int64_t n = errand->unsaid_credit;

    while (errand->written < out->length && !errand->over) {
        ssize_t count = output_write_some(STDOUT_FILENO, out->bytes + errand->written,
                                          out->length - errand->written);

        if (count >= 0)
            errand->written += (size_t)count;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if (errno != EINTR)
            output_failed(errand, errno);
    }
    if (errand->over)
        return;
    out->length = errand->written = 0;
    if (out->capacity > KEPT_ROOM)
        weir__buffer_clear(out);
    if (n > 0 && !errand->is_done) {
        errand->unsaid_credit = 0;
        errand->remote->kind->grant(errand->remote, (unsigned)n);
    }
    end_when_written(errand);
}

static void put_line(struct errand *errand, struct weir__slice text)
{
    if (weir__buffer_add(&errand->out, text.bytes, text.length, NULL) < 0
        || weir__buffer_add(&errand->out, "\n", 1, NULL) < 0)
        end(errand, say(errand, CLI_FAILED, "no memory for the output"));
}

/* Nothing more comes of the call; what is not written yet has its time.  After a signal there
 * is none, and after the deadline a moment. */
static void be_done(struct errand *errand, int status)
{
    if (errand->over)
        return;
    errand->is_done = 1;
    errand->status = status;
    if (errand->ended_by != 0)
        end(errand, status);
    else if (status == DEADLINE)
        errand->give_up_ns = weir__clock_ns() + (int64_t)LAST_WORDS_MS * 1000000;
    else if (errand->deadline_ns != 0)
        errand->give_up_ns = errand->deadline_ns + (int64_t)LAST_WORDS_MS * 1000000;
}

/* The output that is left is not taken. */
static void look_at_clock(struct errand *errand)
{
    if (errand->give_up_ns != 0 && weir__clock_ns() >= errand->give_up_ns && !errand->over) {
        if (errand->status != DEADLINE)
            say(errand, 0, "the deadline passed before the output was read");
        end(errand, DEADLINE);
    }
}

static int time_left_ms(const struct errand *errand)
{
    int64_t left_ms = (errand->give_up_ns - weir__clock_ns()) / 1000000 + 1;

    if (errand->give_up_ns == 0)
        return -1;
    return left_ms < 0 ? 0 : left_ms < 60000 ? (int)left_ms : 60000;
}

static void hear_value(void *owner, struct weir__slice value)
{
    struct errand *errand = owner;

    if (errand->over || errand->is_done)
        return;
    put_line(errand, value);
    errand->unsaid_credit += weir__receiver_consume(&errand->output);
}

static void tell_failure(struct errand *errand, const struct weir_reply *reply)
{
    json_t *error = reply->error != NULL
                        ? weir__json_parse(reply->error, strlen(reply->error), JSON_ALLOW_NUL, NULL)
                        : NULL;
    const json_t *data = json_object_get(error, "data");
    const json_t *traceback = json_object_get(data, "traceback");
    const char *type = json_string_value(json_object_get(data, "type"));
    const char *message = reply->message != NULL ? reply->message : "";

    snprintf(errand->said, sizeof errand->said, "%s", message);
    if (json_is_string(traceback))
        cli_say_lines(json_string_value(traceback), json_string_length(traceback));
    if (reply->outcome == WEIR_CALL_FAILED)
        cli_say(&cli_call, "%s%s%s%s%s", type != NULL ? type : "", type != NULL ? ": " : "",
                message, *message == '\0' ? "the function failed" : "",
                json_integer_value(json_object_get(error, "code")) == NO_METHOD
                    ? ": --list shows those there are"
                    : "");
    else
        cli_say(&cli_call, "%s%s%s", weir_outcome_name(reply->outcome),
                *message != '\0' ? ": " : "", message);
    if (errand->values.json && reply->error != NULL)
        put_line(errand, weir__slice_of(reply->error));
    json_decref(error);
}

static int status_of(const struct errand *errand, const struct weir_reply *reply)
{
    switch (reply->outcome) {
    case WEIR_CALL_RETURNED:
        return CLI_OK;
    case WEIR_CALL_FAILED:
        return FUNCTION_FAILED;
    case WEIR_CALL_CANCELLED:
        return errand->ended_by != 0 ? CLI_SIGNALED + errand->ended_by : CLI_FAILED;
    case WEIR_CALL_DEADLINE:
        return DEADLINE;
    default:
        return CLI_FAILED;
    }
}

static void hear_done(void *owner, const struct weir_reply *reply)
{
    struct errand *errand = owner;
    struct weir__slice result = {reply->result, reply->length};

    if (errand->over || errand->is_done)
        return;
    if (reply->outcome != WEIR_CALL_RETURNED)
        tell_failure(errand, reply);
    else if (!errand->has_output_stream || weir__slice_type(result) != 'n')
        put_line(errand, result);
    be_done(errand, status_of(errand, reply));
}

static void hear_lost(void *owner, const char *sentence)
{
    struct errand *errand = owner;

    if (errand->over || errand->is_done)
        return;
    say(errand, 0, sentence);
    be_done(errand, errand->ended_by != 0 ? CLI_SIGNALED + errand->ended_by : CLI_FAILED);
}

/* --- The call -------------------------------------------------------------- */

static void put_list(struct errand *errand, struct weir__slice methods)
{
    size_t length = 0;
    char *text = NULL;
    FILE *stream = open_memstream(&text, &length);
    int status = stream != NULL ? method_list_print(methods, stream) : -1;

    if (stream != NULL && fclose(stream) != 0)
        status = -1;
    if (status < 0)
        end(errand, say(errand, CLI_FAILED, "the list of functions cannot be read"));
    else if (length > 0) /* without its last line end */
        put_line(errand, (struct weir__slice){text, length - 1});
    free(text);
}

static void list(struct errand *errand, struct weir__slice methods)
{
    if (errand->values.json)
        put_line(errand, methods);
    else
        put_list(errand, methods);
    be_done(errand, CLI_OK);
}

/* Whether the function is said to have a stream of this direction: "in" or "out". */
static int has_stream(struct weir__slice methods, const char *method, const char *direction)
{
    static const char *const names[] = {"stream"};
    struct weir__slice description, stream;

    weir__object_get(methods, &method, &description, 1);
    weir__object_get(description, names, &stream, 1);
    return weir__slice_is(stream, direction) || weir__slice_is(stream, "both");
}

static void hear_ready(void *owner, struct weir__slice methods)
{
    struct errand *errand = owner;
    struct remote_call call = {
        .timeout_ms = errand->values.timeout_ms,
        .input = errand->values.input,
        .credit = OUTPUT_WINDOW,
    };
    struct weir_error error;

    if (errand->over || errand->is_done)
        return;
    if (errand->values.list) {
        list(errand, methods);
        return;
    }
    call.method = errand->parsed.words.items[0];
    call.params = (struct weir__slice){errand->params.bytes, errand->params.length};
    if (!call.input && has_stream(methods, call.method, "in")) {
        end(errand, say(errand, CLI_USAGE, "the function reads a stream: give --stdin"));
        return;
    }
    errand->has_output_stream = has_stream(methods, call.method, "out");
    errand->output = (struct weir__receiver){.window = OUTPUT_WINDOW, .granted = OUTPUT_WINDOW};
    if (errand->remote->kind->call(errand->remote, &call, &error) < 0)
        end(errand,
            say(errand, error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE, error.text));
    else
        errand->called = 1;
    if (errand->deadline_ns == 0 && call.timeout_ms != WEIR_FOREVER)
        errand->deadline_ns = weir__clock_ns() + call.timeout_ms * 1000000;
}

/* --- Input ----------------------------------------------------------------- */

static void end_input(struct errand *errand)
{
    weir_lines_free(errand->input);
    errand->input = NULL;
    if (!errand->over)
        errand->remote->kind->end(errand->remote);
}

static int is_blank(const struct weir_line *line)
{
    for (size_t i = 0; i < line->length; i++)
        if (strchr(" \t\r", line->bytes[i]) == NULL || line->bytes[i] == '\0')
            return 0;
    return 1;
}

/* Returns whether there was a line to send. */
static int send_line(struct errand *errand)
{
    struct weir_error error;
    struct weir_line line;
    int status = weir_lines_next(errand->input, &line, &error);

    if (status == 0 && !errand->input_fd_open)
        status = weir_lines_rest(errand->input, &line, &error);
    if (status == 1 && is_blank(&line))
        return 1;
    if (status == 1)
        status = errand->remote->kind->send(errand->remote, line.bytes, line.length, &error);
    else if (status == 0)
        return 0;
    if (status < 0) {
        cli_say(&cli_call, "--stdin: line %llu: %s", (unsigned long long)line.number, error.text);
        end(errand, CLI_USAGE); /* freeing the call cancels the function */
    }
    return status > 0;
}

/* Sends what the credit allows. */
static void send_input(struct errand *errand)
{
    while (!errand->over && errand->input != NULL
           && errand->remote->kind->credit(errand->remote) > 0) {
        if (send_line(errand))
            continue;
        if (!errand->input_fd_open && !errand->over)
            end_input(errand);
        break;
    }
}

static void read_input(struct errand *errand)
{
    struct weir_error error;
    char bytes[65536];
    ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);

    if (count > 0) {
        if (weir_lines_feed(errand->input, bytes, (size_t)count, &error) < 0)
            end(errand, say(errand, CLI_FAILED, error.text));
    } else if (count == 0) {
        errand->input_fd_open = 0;
    } else if (errno != EAGAIN && errno != EINTR) {
        cli_say(&cli_call, "cannot read standard input: %s", strerror(errno));
        end(errand, CLI_FAILED);
    }
}

/* --- The loop -------------------------------------------------------------- */

static void run_loop(struct errand *errand)
{
    while (!errand->over) {
        struct pollfd fds[] = {{.fd = -1},
                               {.fd = signals_fd(), .events = POLLIN},
                               {.fd = -1, .events = POLLIN},
                               {.fd = STDOUT_FILENO}}; /* an error: its reader has gone */
        struct remote *remote = errand->remote;
        int timeout_ms, has_input;

        if (!errand->is_done)
            send_input(errand);
        write_output(errand);
        if (errand->over)
            break;
        timeout_ms = time_left_ms(errand);
        has_input = !errand->is_done && errand->input != NULL;
        if (!errand->is_done)
            fds[0].fd = remote->kind->fd(remote, &fds[0].events, &timeout_ms);
        if (errand->called && has_input && errand->input_fd_open
            && remote->kind->credit(remote) > 0)
            fds[2].fd = STDIN_FILENO;
        if (errand->out.length > 0)
            fds[3].events = POLLOUT;
        poll(fds, 4, timeout_ms);
        if (fds[3].revents & (POLLERR | POLLHUP)) {
            output_failed(errand, EPIPE);
            break;
        }
        if (!errand->is_done)
            remote->kind->dispatch(remote);
        heed_signals(errand);
        look_at_clock(errand);
        if (!errand->over && has_input && fds[2].revents != 0)
            read_input(errand);
    }
}

static void hear_event(const struct weir_event *event, void *context)
{
    struct errand *errand = context;

    audit_hear(&errand->audit, event);
    if (event->kind == WEIR_EVENT_LOG || event->kind == WEIR_EVENT_NOISE)
        cli_say_worker(&cli_call, event); /* its end is the call's to tell */
}

static int open_remote(struct errand *errand, struct weir_error *error)
{
    struct remote_owner owner = {hear_ready, hear_value, hear_done, hear_lost, errand};
    struct remote_pool_options options = {
        .command = (const char *const *)errand->worker,
        .launcher = (const char *const *)errand->launcher,
        .start_timeout_ms = errand->values.start_timeout_ms,
    };
    struct weir_options context;
    char *path;

    if (errand->worker == NULL) {
        path = socket_path(errand->values.socket, error);
        if (path != NULL)
            errand->remote =
                remote_socket_open(&(struct remote_socket_options){path, errand->values.timeout_ms,
                                                                   errand->values.any_server},
                                   &owner, error);
        free(path);
        return errand->remote != NULL ? 0 : error->status;
    }
    weir_options_init(&context);
    context.spawner_stays_child = 1; /* weir waits for nobody else */
    context.on_event = hear_event;
    context.event_context = errand;
    errand->weir = weir_open(&context, error);
    if (errand->weir != NULL)
        errand->remote = remote_pool_open(errand->weir, &options, &owner, error);
    return errand->remote != NULL ? 0 : error->status;
}

/* --- What was asked -------------------------------------------------------- */

static int split(const char *option, const char *text, char ***words)
{
    struct weir_error error;
    size_t count = 0;

    if (text == NULL)
        return 0;
    if (weir__words_split(text, words, &count, &error) < 0) {
        cli_say(&cli_call, "%s: %s", option, error.text);
        return error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE;
    }
    if (count > 0)
        return 0;
    cli_say(&cli_call, "%s has no word in it: give a program", option);
    return CLI_USAGE;
}

/* Returns 0, or the status to exit with. */
static int prepare(struct errand *errand)
{
    const struct call_values *values = &errand->values;
    size_t count = errand->parsed.words.count;
    struct weir_error error;
    int status;

    if (values->worker != NULL && values->socket != NULL)
        return say(errand, CLI_USAGE,
                   "--worker starts one, --socket uses one that runs: leave one out");
    if (values->launcher != NULL && values->worker == NULL)
        return say(errand, CLI_USAGE, "--launcher goes in front of a --worker, and there is none");
    if (values->any_server && values->worker != NULL)
        return say(errand, CLI_USAGE, "--any-server is for a --socket, and there is none");
    if (values->list && count > 0)
        return say(errand, CLI_USAGE, "--list calls nothing: leave the method out");
    if (!values->list && count == 0)
        return cli_bad_usage(&cli_call, "no method was given: --list shows those there are");
    status = split("--worker", values->worker, &errand->worker);
    if (status == 0)
        status = split("--launcher", values->launcher, &errand->launcher);
    if (status == 0)
        status = output_check(&cli_call, CLI_FAILED);
    if (status == 0 && count > 1
        && arguments_params((char *const *)errand->parsed.words.items + 1, count - 1,
                            &errand->params, &error)
               < 0)
        status = say(errand, error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE, error.text);
    if (status == 0 && values->input) {
        errand->input = weir_lines_new(WEIR_MAX_LINE);
        if (errand->input == NULL)
            return say(errand, CLI_FAILED, "no memory for the input");
        errand->input_fd_open = 1;
    }
    return status;
}

static enum weir__audit_outcome outcome_of(const struct errand *errand, int status)
{
    switch (status) {
    case CLI_OK:
        return WEIR__AUDIT_OK;
    case DEADLINE:
        return WEIR__AUDIT_TIMED_OUT;
    case FUNCTION_FAILED:
        return WEIR__AUDIT_FAILED;
    default:
        return errand->ended_by != 0 ? WEIR__AUDIT_CANCELLED : WEIR__AUDIT_ERROR;
    }
}

static int work(struct errand *errand)
{
    struct weir_error error;
    int status = prepare(errand), failed;

    if (status == 0)
        status = files_check(&cli_call, &errand->parsed, errand->values.input, 1);
    if (status != 0)
        return status;
    failed = signals_catch();
    if (failed != 0) {
        cli_say(&cli_call, "cannot catch signals: %s", strerror(failed));
        return CLI_FAILED;
    }
    status = audit_begin(&errand->audit, &cli_call, &errand->parsed,
                         errand->values.list ? "--list" : errand->parsed.words.items[0]);
    if (status != 0)
        return status;
    if (open_remote(errand, &error) < 0)
        status = say(errand, error.status == WEIR_ERR_INVALID ? CLI_USAGE : CLI_FAILED, error.text);
    else
        run_loop(errand);
    if (errand->remote != NULL)
        errand->remote->kind->free(errand->remote, errand->hurries);
    weir_close(errand->weir);
    if (status == 0)
        status = errand->status;
    status = audit_end(&errand->audit, outcome_of(errand, status), status, errand->said);
    if (errand->ended_by == SIGINT && errand->by_terminal && status == CLI_SIGNALED + SIGINT)
        signals_die(SIGINT); /* a shell's loop around it ends too */
    return status;
}

int cmd_call(int argc, char **argv)
{
    struct errand errand = {.values = {.timeout_ms = WEIR_FOREVER, .start_timeout_ms = 10000}};
    int status = cli_parse(&cli_call, argc, argv, &errand.values, &errand.parsed);

    if (status != CLI_GO_ON)
        return status;
    status = work(&errand);
    weir_lines_free(errand.input);
    weir__buffer_clear(&errand.params);
    weir__buffer_clear(&errand.out);
    weir__words_free(errand.worker);
    weir__words_free(errand.launcher);
    cli_parsed_clear(&errand.parsed);
    return status;
}
