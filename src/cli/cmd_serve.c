/* weir serve - keep workers warm behind a socket. */
#include "config.h"

#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/weir.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/printable.h"
#include "cli/opts_serve.h"
#include "cli/files.h"
#include "cli/launcher.h"
#include "cli/notify.h"
#include "cli/output_check.h"
#include "cli/output.h"
#include "cli/pool_leave.h"
#include "cli/serve_audit.h"
#include "cli/serve_join.h"
#include "cli/serve_guard.h"
#include "cli/serve_kinds.h"
#include "cli/serve_share.h"
#ifdef WEIR_HTTP
#include "cli/serve_web.h"
#endif
#include "cli/signals.h"
#include "cli/cli.h"
#include "pool/client.h"
#include "pool/front.h"
#include "pool/front_mcp.h"
#include "pool/pool.h"
#include "pool/server.h"
#include "pool/worker_group.h"
#include "text/shell_words.h"
#include "proc/context.h"

enum {
    FLUSH_MS = 2000, /* for the last responses to slow clients */
    LOOK_MS = 50,
    MCP_FLUSH_MS = 200,   /* MCP clients send SIGTERM 2 s after they have closed their end */
    MCP_STEP_MS = 400,    /* so this is the time for each step of a worker's end */
    MCP_START_MS = 60000, /* npx may have to download a server */
    STUCK_MS = 30000,
    LINGER_MS = 300000,
    LARGE_BLOCK = 256 * 1024,
};

/*   STARTING --workers ready--> SERVING --signal--> LEAVING --delay, signal--> DRAINING
 *       |                                                                         |
 *       +--they cannot be, signal--> over          no call left, signal--> over --+
 *
 *   LEAVING: the web door is not ready any more, so that others stop to send it requests. */
enum state { STARTING, SERVING, LEAVING, DRAINING, OVER };

struct serve_cmd {
    struct serve_values values;
    struct cli_parsed parsed;
    struct serve_kinds kinds;
    char ***launchers, ***launcher_stops; /* of each worker; NULL: none */
    int64_t *unready_since_ns;            /* of each worker; 0: some process is ready */
    int is_down;                          /* --exit-when-down applied */
    char *path;                           /* NULL: the socket was passed by the service manager */
    int fd;
    int in, out; /* of --stdio and --mcp; in == out: a socket */
    weir_t *weir;
    weir_pool_t *pool;
    struct weir__server server;
#ifdef WEIR_HTTP
    struct serve_web web;
#endif
    struct serve_guard guard;
    struct output_check check;
    struct weir__mcp_front mcp;
    struct weir__pins pins;
    int pins_failed; /* they could not be written */
    struct serve_audit calls;
    char error_text[600]; /* what went wrong, for the audit log */
    enum state state;
    int status;
    int64_t leave_ns;
    int64_t linger_ns; /* --linger: when the server ends if nobody comes */
    int is_hurried;    /* there was a second signal */
};

/* Whether there is a web door. */
static int has_web(const struct serve_cmd *cmd)
{
#ifdef WEIR_HTTP
    return cmd->values.http != NULL || cmd->web.fd >= 0 || cmd->web.door != NULL;
#else
    (void)cmd;
    return 0;
#endif
}

static int fail(struct serve_cmd *cmd, int status, const char *sentence)
{
    snprintf(cmd->error_text, sizeof cmd->error_text, "%s", sentence);
    cli_say(&cli_serve, "%s", sentence);
    return status;
}

/* Whether one client is served on stdin and stdout, and by which option. */
static const char *pair_option(const struct serve_cmd *cmd)
{
    return cmd->values.mcp ? "--mcp" : cmd->values.stdio ? "--stdio" : NULL;
}

/* Whether clients are served before workers are ready: they give up on servers that answer slowly.
 */
static int serves_at_once(const struct serve_cmd *cmd)
{
    return cmd->values.mcp || cmd->values.linger_ms >= 0;
}

static void end_loop(struct serve_cmd *cmd, int status)
{
    cmd->status = status;
    cmd->state = OVER;
}

/* --- What was asked -------------------------------------------------------- */

static int is_one_empty(const struct cli_list *texts)
{
    return texts->count == 1 && *texts->items[0] == '\0';
}

/* Returns 0, or the exit status. */
static int read_launchers(struct serve_cmd *cmd)
{
    const struct serve_values *values = &cmd->values;
    size_t count = cmd->kinds.count;
    const char *warning = NULL;
    int status;

    if (values->launchers.count == 0
        && (values->launcher_stops.count > 0 || values->launcher_shell))
        return fail(cmd, CLI_USAGE,
                    values->launcher_shell ? "--launcher-shell requires --launcher"
                                           : "--launcher-stop requires --launcher");
    status = launchers_split(&cli_serve, "--launcher", &values->launchers, count, &cmd->launchers);
    if (status == 0)
        status = launchers_split(&cli_serve, "--launcher-stop", &values->launcher_stops, count,
                                 &cmd->launcher_stops);
    for (size_t i = 0; status == 0 && cmd->launchers != NULL && i < count && warning == NULL; i++)
        warning = launcher_warning((const char *const *)cmd->launchers[i], values->launcher_shell);
    if (warning != NULL)
        cli_say(&cli_serve, "%s", warning);
    return status;
}

/* Returns 0, or the exit status. */
static int read_pins(struct serve_cmd *cmd)
{
    const struct serve_values *values = &cmd->values;
    struct weir_error error;

    if (values->pin == NULL)
        return values->pin_update ? cli_bad_usage(&cli_serve, "--pin-update requires --pin FILE")
                                  : 0;
    if (weir__pins_open(&cmd->pins, values->pin, values->pin_update, weir__sha256, &error) == 0)
        return 0;
    return fail(cmd, error.status == WEIR_ERR_INVALID ? CLI_USAGE : CLI_FAILED, error.text);
}

/* Whether an option is given that only MCP servers have: its name, or NULL. */
static const char *find_mcp_option(const struct serve_cmd *cmd)
{
    static const struct {
        enum serve_option option;
        const char *name;
    } rows[] = {
        {SERVE_MCP_VERSION, "--mcp-version"},
        {SERVE_NO_RETRY, "--no-retry"},
        {SERVE_STUCK, "--stuck"},
        {SERVE_CHECK, "--check"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (cli_given(&cmd->parsed, rows[i].option))
            return rows[i].name;
    return NULL;
}

/* Returns 0, or the exit status. */
static int read_command_line(struct serve_cmd *cmd)
{
    const struct serve_values *values = &cmd->values;
    int status = 0;

    if (cmd->parsed.words.count > 0)
        return cli_bad_usage(
            &cli_serve,
            "unexpected argument \"%.100s\": pass the worker's program as one argument of -w",
            cmd->parsed.words.items[0]);
#ifdef WEIR_HTTP
    if (pair_option(cmd) != NULL && values->http != NULL)
        return cli_bad_usage(&cli_serve,
                             "%s serves one client on stdin and stdout: leave --http out",
                             pair_option(cmd));
    status = serve_web_read(&cmd->web, values);
    if (status != 0)
        return status;
#endif
    status = serve_guard_read(&cmd->guard, values);
    if (status != 0)
        return status;
    if (is_one_empty(&values->launchers) || is_one_empty(&values->launcher_stops))
        return fail(cmd, CLI_USAGE,
                    is_one_empty(&values->launchers)
                        ? "--launcher is empty: use a program, such as ssh"
                        : "--launcher-stop is empty: use a program, such as ssh");
    if (values->protocol != WEIR_DIALECT_MCP && values->file == NULL && values->servers.count == 0
        && find_mcp_option(cmd) != NULL)
        return cli_bad_usage(&cli_serve, "%s requires --protocol mcp", find_mcp_option(cmd));
    if (values->stdio && values->mcp)
        return cli_bad_usage(&cli_serve, "--mcp and --stdio exclude each other");
    if (pair_option(cmd) != NULL && values->socket != NULL)
        return cli_bad_usage(&cli_serve,
                             "%s serves one client on stdin and stdout: "
                             "leave --socket out",
                             pair_option(cmd));
    if (values->linger_ms >= 0 && (pair_option(cmd) != NULL || has_web(cmd)))
        return cli_bad_usage(&cli_serve, "--linger is for a socket alone: leave %s out",
                             pair_option(cmd) != NULL ? pair_option(cmd) : "--http");
    status = serve_kinds_read(&cmd->kinds, values, &cmd->parsed);
    if (status != 0)
        return status;
    cmd->unready_since_ns = calloc(cmd->kinds.count, sizeof *cmd->unready_since_ns);
    if (cmd->unready_since_ns == NULL)
        return fail(cmd, CLI_FAILED, "no memory");
    status = read_launchers(cmd);
    if (status == 0)
        status = read_pins(cmd);
    if (status == 0 && values->min_ready > 0 && values->count > 0
        && values->min_ready > values->count) {
        cli_say(&cli_serve, "--min-ready %llu is more than the --workers %llu",
                (unsigned long long)values->min_ready, (unsigned long long)values->count);
        status = CLI_USAGE;
    }
    if (status == 0 && values->max_memory < WEIR__MAX_MEMORY_LEAST) {
        cli_say(&cli_serve, "--max-memory must be at least 1M");
        status = CLI_USAGE;
    }
    return status;
}

static void fill_options(const struct serve_cmd *cmd, struct weir_pool_options *options)
{
    const struct serve_values *values = &cmd->values;

    weir_pool_options_init(options);
    options->commands = cmd->kinds.commands;
    options->command_count = cmd->kinds.count;
    options->kinds = cmd->kinds.options;
    options->launchers = (const char *const *const *)cmd->launchers;
    options->launcher_stops = (const char *const *const *)cmd->launcher_stops;
    options->launcher_shell = values->launcher_shell;
    options->warm = values->warm;
    options->workers = (unsigned)values->count;
    options->window = (unsigned)values->window;
    options->max_queue = (size_t)values->max_queue;
    options->start_timeout_ms = values->start_timeout_ms;
    options->stop = values->stop.steps;
    options->stop_count = values->stop.count;
    if (values->stop.count > 0)
        options->cancel_grace_ms = values->stop.steps[0].wait_ms;
    options->recycle_calls = values->recycle_calls;
    options->recycle_age_ms = values->recycle_age_ms;
    options->recycle_rss_kb = values->recycle_rss / 1024;
    options->schemas = 1;
}

/* --- Life ------------------------------------------------------------------ */

static void on_ready(weir_pool_t *pool, const struct weir_error *error, void *context)
{
    struct serve_cmd *cmd = context;

    (void)pool;
    if (cmd->state != STARTING)
        return;
    if (error != NULL)
        end_loop(cmd, fail(cmd, error->status == WEIR_ERR_INVALID ? CLI_USAGE : CLI_FAILED,
                           error->text));
    else
        cmd->state = SERVING;
}

/* The tools are known, as far as workers could be started. */
static void on_tools(bool none, void *context)
{
    struct serve_cmd *cmd = context;
    struct weir_error error;

    if (cmd->values.pin_update && !none && !cmd->pins_failed
        && weir__pins_save(&cmd->pins, cmd->values.pin, &error) < 0) {
        cmd->pins_failed = 1;
        end_loop(cmd, fail(cmd, CLI_FAILED, error.text));
    }
    if (!serves_at_once(cmd) || cmd->state != SERVING)
        return;
    if (none)
        end_loop(cmd, fail(cmd, CLI_FAILED, "no worker could be started"));
    else if (cmd->values.mcp)
        output_say("ready\n", 6);
}

static void note_left_out(const char *text, void *context)
{
    (void)context;
    cli_note(&cli_serve, "%s", text);
}

static void on_drained(weir_pool_t *pool, void *context)
{
    struct serve_cmd *cmd = context;

    (void)pool;
    if (cmd->state == DRAINING)
        cmd->state = OVER;
}

static void remove_socket(struct serve_cmd *cmd)
{
    if (cmd->path != NULL && cmd->server.weir != NULL)
        weir__socket_unbind(cmd->path, cmd->fd);
    free(cmd->path);
    cmd->path = NULL;
}

static void start_draining(struct serve_cmd *cmd)
{
    if (pair_option(cmd) == NULL)
        notify_send("STOPPING=1");
    cmd->state = DRAINING;
    remove_socket(cmd);
    if (cmd->server.weir != NULL) {
        weir__mcp_front_end_subscriptions(&cmd->mcp);
        weir__server_stop(&cmd->server);
    }
#ifdef WEIR_HTTP
    serve_web_stop(&cmd->web);
#endif
    weir_pool_drain(cmd->pool, cmd->values.drain_ms, on_drained, cmd);
}

/* --exit-when-down: returns the milliseconds to the next check; -1: none is needed. */
static int check_down(struct serve_cmd *cmd)
{
    int64_t now_ns = weir__clock_ns(), limit_ms = cmd->values.exit_when_down_ms, next_ms = -1;

    for (size_t i = 0; limit_ms > 0 && i < cmd->pool->group_count && cmd->state == SERVING; i++) {
        const struct weir__worker_group *group = &cmd->pool->groups[i];
        int64_t *since_ns = &cmd->unready_since_ns[i], left_ms;
        char sentence[sizeof cmd->error_text];

        if (weir__worker_group_ready(group) > 0) {
            *since_ns = 0;
            continue;
        }
        if (*since_ns == 0)
            *since_ns = now_ns;
        left_ms = limit_ms - (now_ns - *since_ns) / 1000000;
        if (left_ms > 0) {
            next_ms = next_ms < 0 || left_ms < next_ms ? left_ms : next_ms;
            continue;
        }
        weir__sentence(
            sentence, sizeof sentence,
            "no process of the worker %.100s has been ready for --exit-when-down %g s%s%s",
            cmd->kinds.commands[i]->argv[0], (double)limit_ms / 1000,
            group->last_failure[0] != '\0' ? ": " : "", group->last_failure);
        cmd->status = fail(cmd, CLI_FAILED, sentence);
        cmd->is_down = 1;
        start_draining(cmd);
    }
    return next_ms > INT_MAX ? INT_MAX : (int)next_ms;
}

/* A server that clients share ends some time after the last of them. */
static void on_nobody(void *context)
{
    struct serve_cmd *cmd = context;

    cmd->linger_ns = weir__clock_in_ms(cmd->values.linger_ms);
}

/* --linger: returns the milliseconds to the next check; -1: none is needed. */
static int check_linger(struct serve_cmd *cmd)
{
    int64_t left_ms;
    int lock;

    if (cmd->values.linger_ms < 0 || cmd->state != SERVING || cmd->server.connections != NULL)
        return -1;
    left_ms = (cmd->linger_ns - weir__clock_ns() + 999999) / 1000000;
    if (left_ms > 0)
        return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
    if (cmd->path == NULL) { /* a passed socket: nobody else starts a server for it */
        start_draining(cmd);
        return -1;
    }
    lock = serve_share_lock(cmd->path);
    if (lock < 0 && errno == EWOULDBLOCK)
        return LOOK_MS;             /* a client is about to connect */
    weir_dispatch(cmd->weir, NULL); /* or has connected a moment ago */
    if (cmd->server.connections == NULL && cmd->state == SERVING)
        start_draining(cmd);
    weir__close(&lock);
    return -1;
}

static void start_leaving(struct serve_cmd *cmd)
{
    notify_send("STOPPING=1");
    cmd->state = LEAVING;
    cmd->leave_ns = weir__clock_in_ms(cmd->values.drain_delay_ms);
#ifdef WEIR_HTTP
    serve_web_leave(&cmd->web);
#endif
}

static void handle_signals(struct serve_cmd *cmd)
{
    struct caught caught;

    while (signals_take(&caught)) {
        switch (caught.number) {
        case SIGTSTP:
        case SIGTTIN:
        case SIGTTOU:
            signals_stop(caught.number);
            break;
        case SIGHUP:
            if (cmd->state != SERVING)
                break;
            weir_pool_replace(cmd->pool);
#ifdef WEIR_HTTP
            serve_web_reload(&cmd->web);
#endif
            break;
        default:
            if (cmd->state == SERVING && cmd->values.mcp) {
                weir__mcp_front_end_subscriptions(&cmd->mcp);
                end_loop(cmd, 0);
                break;
            }
            if (cmd->state == SERVING && cmd->values.drain_delay_ms > 0 && has_web(cmd)) {
                start_leaving(cmd);
                break;
            }
            if (cmd->state == SERVING || cmd->state == LEAVING) {
                start_draining(cmd);
                break;
            }
            cmd->is_hurried = cmd->state == DRAINING;
            end_loop(cmd, CLI_SIGNALED + caught.number);
        }
    }
}

/* Calls cannot be recorded: none are taken any more. */
static void stop_unrecorded(struct serve_cmd *cmd)
{
    struct weir_error error;

    if (!serve_audit_failed(&cmd->calls, &error))
        return;
    cmd->status = fail(cmd, CLI_FAILED, error.text);
    if (cmd->values.mcp || cmd->state == STARTING)
        end_loop(cmd, cmd->status);
    else if (cmd->state == SERVING || cmd->state == LEAVING)
        start_draining(cmd);
}

/* Until something is due while the server leaves. */
static int left_ms(const struct serve_cmd *cmd)
{
    int64_t left = (cmd->leave_ns - weir__clock_ns()) / 1000000 + 1;
    int due = weir_timeout_ms(cmd->weir);

    if (left < 0)
        left = 0;
    return due >= 0 && due < left ? due : (int)(left < INT_MAX ? left : INT_MAX);
}

static void run_until(struct serve_cmd *cmd, enum state left)
{
    struct pollfd fds[] = {
        {.fd = weir_fd(cmd->weir), .events = POLLIN},
        {.fd = signals_fd(), .events = POLLIN},
        {.fd = left == STARTING ? cmd->out : -1}, /* later its connection watches it */
        {.fd = cmd->calls.failed[0], .events = POLLIN},
    };

    while (cmd->state == left) {
        int timeout_ms = left == LEAVING ? left_ms(cmd) : weir_timeout_ms(cmd->weir);
        int due_ms[] = {check_down(cmd), check_linger(cmd)};

        if (cmd->state != left)
            break;
        for (size_t i = 0; i < 2; i++)
            if (due_ms[i] >= 0 && (timeout_ms < 0 || due_ms[i] < timeout_ms))
                timeout_ms = due_ms[i];
        poll(fds, 4, timeout_ms);
        if (fds[2].revents & (POLLHUP | POLLERR))
            end_loop(cmd, 0); /* the client has gone */
        if (fds[3].revents != 0) {
            fds[3].fd = -1;
            stop_unrecorded(cmd);
        }
        weir_dispatch(cmd->weir, NULL);
        if (fds[1].revents != 0)
            handle_signals(cmd);
        if (cmd->state == LEAVING && weir__clock_ns() >= cmd->leave_ns)
            start_draining(cmd);
    }
}

/* --- stdin and stdout ------------------------------------------------------ */

/* A description of our own where that can be had: others that share this one may want it to
 * block. */
static int take_end(int *fd, int from, int mode, const char *option, struct weir_error *error)
{
    const char *name = from == STDIN_FILENO ? "stdin" : "stdout";
    struct stat file = {0};

    fstat(from, &file);
    if (!weir__fd_may(from, mode))
        return weir__fail(error, WEIR_ERR_INVALID, 0, "%s is closed: there is no client to serve",
                          name);
    if (!S_ISFIFO(file.st_mode) && !S_ISSOCK(file.st_mode) && !isatty(from))
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "%s is not a pipe, socket or terminal: %s cannot serve it", name, option);
    if (!S_ISSOCK(file.st_mode))
        *fd = weir__fd_reopen(from, mode | O_NONBLOCK);
    if (*fd < 0) {
        *fd = dup(from);
        if (*fd >= 0 && !S_ISSOCK(file.st_mode))
            weir__fd_set_nonblocking(*fd);
    }
    if (*fd < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot duplicate a descriptor");
    if (weir__fd_above_stdio(fd, error) < 0)
        return WEIR_ERR_SYSTEM;
    fcntl(*fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

/* Takes descriptors 0 and 1 for the client alone: what else is written to stdout goes to
 * stderr. */
static int take_stdio(struct serve_cmd *cmd)
{
    struct weir_error error;
    struct stat in, out;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (take_end(&cmd->in, STDIN_FILENO, O_RDONLY, pair_option(cmd), &error) < 0
        || take_end(&cmd->out, STDOUT_FILENO, O_WRONLY, pair_option(cmd), &error) < 0)
        return fail(cmd, CLI_FAILED, error.text);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return fail(cmd, CLI_FAILED, "cannot open /dev/null");
    weir__close(&null);
    if (fstat(cmd->in, &in) == 0 && fstat(cmd->out, &out) == 0 && S_ISSOCK(in.st_mode)
        && in.st_dev == out.st_dev && in.st_ino == out.st_ino) {
        weir__close(&cmd->out);
        cmd->out = cmd->in;
    }
    return 0;
}

static void on_last_gone(void *context)
{
    struct serve_cmd *cmd = context;

    if (cmd->state == SERVING || cmd->state == DRAINING)
        end_loop(cmd, 0);
}

/* Returns 0, or the exit status. */
static int serve_stdio(struct serve_cmd *cmd)
{
    struct weir_error error;
    int in = cmd->in, out = cmd->out;

    cmd->in = cmd->out = -1;
    cmd->server.on_last = on_last_gone;
    cmd->server.context = cmd;
    cmd->server.front = cmd->values.mcp ? &weir__front_mcp : &weir__front_native;
    if (weir__server_open_pair(&cmd->server, cmd->weir, cmd->pool, in, out, &error) < 0)
        return fail(cmd, CLI_FAILED, error.text);
    return 0;
}

/* There are no workers: whoever asks for something within a moment is told why. */
static void refuse(struct serve_cmd *cmd)
{
    int64_t until_ns = weir__clock_ns() + (int64_t)FLUSH_MS * 1000000;
    struct pollfd fds[] = {
        {.fd = weir_fd(cmd->weir), .events = POLLIN},
        {.fd = signals_fd(), .events = POLLIN},
        {.fd = cmd->in, .events = POLLIN},
    };

    cmd->server.refusal = cmd->error_text;
    if (serve_stdio(cmd) != 0)
        return;
    while (cmd->server.connections != NULL && fds[1].revents == 0
           && (cmd->server.refused_calls == 0 || fds[2].revents != 0)
           && weir__clock_ns() < until_ns) {
        poll(fds, 3, cmd->server.refused_calls == 0 ? LOOK_MS : 0);
        weir_dispatch(cmd->weir, NULL);
    }
}

/* Whether there is a socket besides the web door. */
static int serves_socket(const struct serve_cmd *cmd)
{
    return cmd->fd >= 0 || cmd->values.socket != NULL || !has_web(cmd);
}

/* Takes the sockets of a service manager.  Returns 0, or the exit status. */
static int take_sockets(struct serve_cmd *cmd)
{
    struct notify_sockets passed;
    int status = notify_take_sockets(&passed);

    if (pair_option(cmd) != NULL && (status < 0 || passed.protocol >= 0 || passed.http >= 0))
        return fail(cmd, CLI_FAILED,
                    "LISTEN_FDS passes a socket to serve, and --stdio and --mcp serve another "
                    "client: use one of them");
    if (status < 0)
        return fail(cmd, CLI_FAILED,
                    "LISTEN_FDS: expected one listening stream socket, or two with the names weir "
                    "and http (LISTEN_FDNAMES)");
    cmd->fd = passed.protocol;
#ifdef WEIR_HTTP
    cmd->web.fd = passed.http;
#else
    if (passed.http >= 0)
        return fail(cmd, CLI_FAILED, "LISTEN_FDS passes a socket for HTTP: this weir has none");
#endif
    return 0;
}

/* Returns 0, or the exit status. */
static int choose_socket(struct serve_cmd *cmd)
{
    struct weir_error error;
    int status = take_sockets(cmd);

    if (status != 0)
        return status;
    if (pair_option(cmd) != NULL)
        return take_stdio(cmd);
    if (cmd->fd >= 0 || !serves_socket(cmd))
        return 0;
    cmd->path = weir__client_path(cmd->values.socket, &error);
    if (cmd->path == NULL)
        return fail(cmd, error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE, error.text);
    return 0;
}

/* Worker events are printed as they happen: no one else sees a crash. */
static void on_event(const struct weir_event *event, void *context)
{
    struct serve_cmd *cmd = context;

    audit_add_event(&cmd->calls.audit, event);
    cli_say_worker(&cli_serve, event);
}

/* Returns 0, or the exit status. */
static int start_workers(struct serve_cmd *cmd, struct weir_error *error)
{
    struct weir_pool_options options;
    struct weir_options context;

    fill_options(cmd, &options);
    weir_options_init(&context);
    context.spawner_stays_child = 1; /* weir waits for no other children */
    context.on_event = on_event;
    context.event_context = cmd;
    cmd->weir = weir_open(&context, error);
    if (cmd->weir != NULL)
        cmd->weir->client.trace = cmd->calls.audit.trace;
    if (cmd->weir != NULL)
        cmd->pool = weir_pool_open(cmd->weir, &options, error);
    if (cmd->pool == NULL)
        return fail(cmd, error->status == WEIR_ERR_INVALID ? CLI_USAGE : CLI_FAILED, error->text);
    serve_guard_begin(&cmd->guard, cmd->pool);
    if (cmd->values.check == OUTPUT_CHECK_OUTPUT)
        output_check_begin(&cmd->check, &cli_serve, cmd->pool);
    if (cmd->values.mcp || cmd->values.file != NULL || cmd->values.servers.count > 0)
        cmd->mcp.gateway.note = note_left_out;
    cmd->mcp.gateway.kinds = cmd->kinds.tools;
    cmd->mcp.gateway.pins = cmd->values.pin != NULL ? &cmd->pins : NULL;
    cmd->mcp.max_result = (size_t)cmd->values.max_result;
    cmd->mcp.start_ms = cmd->values.start_timeout_ms;
    cmd->mcp.on_ready = on_tools;
    cmd->mcp.context = cmd;
    if (weir__mcp_front_open(&cmd->mcp, &cmd->server, cmd->weir, cmd->pool, error) < 0)
        return fail(cmd, CLI_FAILED, error->text);
    if (serves_at_once(cmd))
        cmd->state = SERVING;
    else
        weir_pool_on_ready(cmd->pool, (unsigned)cmd->values.min_ready, on_ready, cmd);
    return 0;
}

/* Returns 0, or the exit status.  No client is served yet: a signal ends weir. */
static int bind_socket(struct serve_cmd *cmd, const char *path, int *fd)
{
    struct caught caught;
    struct weir_error error;

    while ((*fd = weir__socket_bind(path, signals_fd(), &error)) < 0) {
        if (error.status != WEIR_ERR_TIMEOUT || !signals_take(&caught))
            return fail(cmd, CLI_FAILED, error.text);
        if (caught.number == SIGTSTP || caught.number == SIGTTIN || caught.number == SIGTTOU)
            signals_stop(caught.number);
        else if (caught.number != SIGHUP)
            return CLI_SIGNALED + caught.number;
    }
    return 0;
}

#ifdef WEIR_HTTP
/* Returns 0, or the exit status. */
static int open_web(struct serve_cmd *cmd)
{
    struct weir_error error;
    int status = 0;

    if (!has_web(cmd))
        return 0;
    if (cmd->web.place.path != NULL && cmd->web.fd < 0) {
        status = bind_socket(cmd, cmd->web.place.path, &cmd->web.fd);
        cmd->web.is_bound = 1;
    }
    if (status == 0
        && serve_web_open(&cmd->web, &cmd->values, &cmd->calls, &cmd->server, &error) < 0)
        status = fail(cmd, error.status == WEIR_ERR_INVALID ? CLI_USAGE : CLI_FAILED, error.text);
    return status;
}
#endif

/* The socket exists only when clients can be served. */
static int open_server(struct serve_cmd *cmd)
{
    struct weir_error error;
    int status = cmd->path != NULL ? bind_socket(cmd, cmd->path, &cmd->fd) : 0;

    if (status != 0)
        return status;
    cmd->server.limits = (struct weir__server_limits){
        .max_calls = cmd->values.max_calls,
        .max_connections = cmd->values.max_connections,
        .max_memory = cmd->values.max_memory,
    };
    if (pair_option(cmd) != NULL)
        return serve_stdio(cmd);
    cmd->server.front = &weir__front_unknown;
    if (cmd->values.linger_ms >= 0) {
        on_nobody(cmd);
        cmd->server.on_last = on_nobody;
        cmd->server.context = cmd;
    }
    if (weir__server_open(&cmd->server, cmd->weir, cmd->pool, cmd->fd, &error) < 0)
        return fail(cmd, CLI_FAILED, error.text);
#ifdef WEIR_HTTP
    status = open_web(cmd);
    if (status != 0)
        return status;
#endif
    output_say("ready\n", 6);
    notify_send("READY=1");
    return 0;
}

/* glibc raises its mmap threshold when large blocks are freed; later large blocks then fragment
 * the heap, and freed memory stays with the process. */
static void map_large_blocks(void)
{
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
#endif
}

/* The process goes on as the server of others. */
enum { IS_SERVER = -1 };

/* weir serve --mcp --join.  Returns IS_SERVER, or the exit status. */
static int join(struct serve_cmd *cmd)
{
    struct serve_values *values = &cmd->values;
    int may_start = values->servers.count > 0 || values->file != NULL;
    struct weir_error error;
    int server, in, out, status = CLI_FAILED;

    if (!values->mcp || values->workers.count > 0)
        return cli_bad_usage(&cli_serve, "--join requires --mcp, and no -w: the server at the "
                                         "socket has the workers, or those of -f and --server");
    if (values->linger_ms >= 0 && !may_start)
        return cli_bad_usage(&cli_serve, "--linger requires -f or --server, to start the server");
    server = may_start ? serve_share_connect(values->join, &status, &error)
                       : serve_join_connect(values->join, &error);
    if (server == SERVE_SHARE_IS_SERVER) {
        values->mcp = 0;
        values->socket = values->join;
        values->join = NULL;
        if (values->linger_ms < 0)
            values->linger_ms = LINGER_MS;
        return IS_SERVER;
    }
    if (server < 0)
        return fail(cmd, status, error.text);
    status = take_stdio(cmd);
    if (status == 0 && signals_catch() != 0)
        status = fail(cmd, CLI_FAILED, "cannot catch signals");
    if (status != 0) {
        weir__close(&server);
        return status;
    }
    in = cmd->in;
    out = cmd->out;
    cmd->in = cmd->out = -1;
    return serve_join(in, out, server);
}

/* Returns 0, or the exit status. */
static int check_files(const struct serve_cmd *cmd)
{
    struct weir__file_set files = {0};
    struct weir_error error;

    files_begin(&files, &cmd->parsed);
    weir__file_set_path(&files, WEIR__FILE_READ, "--http-tokens", cmd->values.http_tokens);
    weir__file_set_path(&files, WEIR__FILE_WRITTEN, "--http-state", cmd->values.http_state);
    weir__file_set_path(&files, cmd->values.pin_update ? WEIR__FILE_WRITTEN : WEIR__FILE_READ,
                        "--pin", cmd->values.pin);
    if (weir__file_set_end(&files, &error) == 0)
        return 0;
    cli_say(&cli_serve, "%s: nothing was started", error.text);
    return files_status(&cli_serve, &error);
}

static int serve_calls(struct serve_cmd *cmd)
{
    struct weir_error error;
    int status, failed;

    if (cmd->values.join != NULL && (status = join(cmd)) != IS_SERVER)
        return status;
    status = read_command_line(cmd);
    if (status == 0)
        status = check_files(cmd);
    if (status == 0)
        status = choose_socket(cmd);
    if (status != 0)
        return status;
    failed = signals_catch();
    if (failed != 0) {
        cli_say(&cli_serve, "cannot catch signals: %s", strerror(failed));
        return CLI_FAILED;
    }
    status = serve_audit_begin(&cmd->calls, &cmd->values, &cmd->parsed,
                               cmd->kinds.commands[0]->argv[0], &cmd->server);
    if (status != 0)
        return status;
    if (cmd->path != NULL && weir__socket_check(cmd->path, &error) < 0)
        return fail(cmd, CLI_FAILED, error.text); /* before workers start */
    status = start_workers(cmd, &error);
    if (status != 0)
        return status;
    run_until(cmd, STARTING);
    if (cmd->state == SERVING) {
        if (!serves_at_once(cmd) && serve_guard_check(&cmd->guard, cmd->pool, &error) < 0)
            return fail(cmd, CLI_USAGE, error.text);
        status = open_server(cmd);
        if (status != 0)
            return status;
        run_until(cmd, SERVING);
        run_until(cmd, LEAVING);
        run_until(cmd, DRAINING);
    } else if (cmd->values.stdio && cmd->error_text[0] != '\0') {
        refuse(cmd);
    }
    return cmd->status;
}

static void free_lists(struct serve_values *values)
{
    free(values->workers.items);
    free(values->servers.items);
    free(values->http_hosts.items);
    free(values->http_origins.items);
    free(values->exposed.items);
    free(values->breakers.items);
    free(values->fallbacks.items);
    free(values->launchers.items);
    free(values->launcher_stops.items);
}

int cmd_serve(int argc, char **argv)
{
    struct weir_pool_options defaults;
    struct serve_cmd cmd = {
        .fd = -1,
        .in = -1,
        .out = -1,
        .calls = {.failed = {-1, -1}, .written = {-1, -1}},
#ifdef WEIR_HTTP
        .web = {.fd = -1, .socket_fd = -1},
#endif
    };
    int status, cut_by;

    map_large_blocks();
    weir_pool_options_init(&defaults);
    cmd.values = (struct serve_values){
        .count = defaults.workers,
        .max_queue = defaults.max_queue,
        .max_calls = WEIR__MAX_CALLS,
        .max_connections = WEIR__MAX_CONNECTIONS,
        .max_memory = WEIR__MAX_MEMORY,
        .max_result = WEIR__MCP_MAX_RESULT,
        .start_timeout_ms = defaults.start_timeout_ms,
        .stuck_ms = STUCK_MS,
        .recycle_age_ms = defaults.recycle_age_ms,
        .drain_ms = 30000,
        .linger_ms = -1,
        .http_timeout_ms = 60000,
        .http_head_timeout_ms = 5000,
        .http_max_body = 1 << 20,
        .http_connections = 256,
    };
    status = cli_parse(&cli_serve, argc, argv, &cmd.values, &cmd.parsed);
    if (status != CLI_GO_ON) {
        free_lists(&cmd.values);
        return status;
    }
    if (cmd.values.protocol == WEIR_DIALECT_MCP && !cli_given(&cmd.parsed, SERVE_START_TIMEOUT))
        cmd.values.start_timeout_ms = MCP_START_MS;
    status = serve_calls(&cmd);
    remove_socket(&cmd);
#ifdef WEIR_HTTP
    serve_web_close(&cmd.web, cmd.weir, status == 0 || cmd.is_down ? FLUSH_MS : 0, signals_fd());
#endif
    weir__server_close(&cmd.server,
                       cmd.values.mcp                                             ? MCP_FLUSH_MS
                       : status == 0 || cmd.is_down || cmd.server.refusal != NULL ? FLUSH_MS
                                                                                  : 0,
                       signals_fd());
    weir__mcp_front_close(&cmd.mcp);
    weir__pins_clear(&cmd.pins);
    if (cmd.values.mcp && cmd.pool != NULL)
        weir__pool_hurry(cmd.pool, MCP_STEP_MS);
    cut_by = pool_leave(cmd.weir, cmd.pool, cmd.is_hurried);
    if (cut_by != 0)
        status = CLI_SIGNALED + cut_by;
    weir_close(cmd.weir);
    output_check_clear(&cmd.check);
    status = serve_audit_end(&cmd.calls,
                             status == 0             ? WEIR__AUDIT_OK
                             : status > CLI_SIGNALED ? WEIR__AUDIT_CANCELLED
                                                     : WEIR__AUDIT_ERROR,
                             status, cmd.error_text);
    launchers_free(cmd.launchers, cmd.kinds.count);
    launchers_free(cmd.launcher_stops, cmd.kinds.count);
    serve_kinds_clear(&cmd.kinds);
    serve_guard_clear(&cmd.guard);
    free(cmd.unready_since_ns);
    free_lists(&cmd.values);
    cli_parsed_clear(&cmd.parsed);
    return status;
}
