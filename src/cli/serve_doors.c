#include "config.h"

#include "cli/serve_doors.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "cli/cli.h"
#include "cli/notify.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "pool/client.h"
#include "pool/front.h"

void serve_doors_unbind(struct serve_cmd *cmd)
{
    if (cmd->path != NULL && cmd->server.weir != NULL)
        weir__socket_unbind(cmd->path, cmd->fd);
    free(cmd->path);
    cmd->path = NULL;
}

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

int serve_doors_take_stdio(struct serve_cmd *cmd)
{
    struct weir_error error;
    struct stat in, out;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (take_end(&cmd->in, STDIN_FILENO, O_RDONLY, serve_pair_option(cmd), &error) < 0
        || take_end(&cmd->out, STDOUT_FILENO, O_WRONLY, serve_pair_option(cmd), &error) < 0)
        return serve_fail(cmd, CLI_FAILED, error.text);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return serve_fail(cmd, CLI_FAILED, "cannot open /dev/null");
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

    if (cmd->state == SERVER_SERVING || cmd->state == SERVER_DRAINING)
        serve_end(cmd, 0);
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
        return serve_fail(cmd, CLI_FAILED, error.text);
    return 0;
}

void serve_doors_refuse(struct serve_cmd *cmd)
{
    int64_t until_ns = weir__clock_ns() + (int64_t)SERVE_FLUSH_MS * 1000000;
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
        poll(fds, 3, cmd->server.refused_calls == 0 ? SERVE_LOOK_MS : 0);
        weir_dispatch(cmd->weir, NULL);
    }
}

/* Whether there is a socket besides the web door. */
static int serves_socket(const struct serve_cmd *cmd)
{
    return cmd->fd >= 0 || cmd->values.socket != NULL || !serve_has_web(cmd);
}

/* Takes the sockets of a service manager.  Returns 0, or the exit status. */
static int take_sockets(struct serve_cmd *cmd)
{
    struct notify_sockets passed;
    int status = notify_take_sockets(&passed);

    if (serve_pair_option(cmd) != NULL && (status < 0 || passed.protocol >= 0 || passed.http >= 0))
        return serve_fail(
            cmd, CLI_FAILED,
            "LISTEN_FDS passes a socket to serve, and --stdio and --mcp serve another "
            "client: use one of them");
    if (status < 0)
        return serve_fail(
            cmd, CLI_FAILED,
            "LISTEN_FDS: expected one listening stream socket, or two with the names weir "
            "and http (LISTEN_FDNAMES)");
    cmd->fd = passed.protocol;
#ifdef WEIR_HTTP
    cmd->web.fd = passed.http;
#else
    if (passed.http >= 0)
        return serve_fail(cmd, CLI_FAILED,
                          "LISTEN_FDS passes a socket for HTTP: this weir has none");
#endif
    return 0;
}

int serve_doors_choose(struct serve_cmd *cmd)
{
    struct weir_error error;
    int status = take_sockets(cmd);

    if (status != 0)
        return status;
    if (serve_pair_option(cmd) != NULL)
        return serve_doors_take_stdio(cmd);
    if (cmd->fd >= 0 || !serves_socket(cmd))
        return 0;
    cmd->path = weir__client_path(cmd->values.socket, &error);
    if (cmd->path == NULL)
        return serve_fail(cmd, error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE, error.text);
    return 0;
}

/* A server that clients share ends some time after the last of them. */
static void on_nobody(void *context)
{
    struct serve_cmd *cmd = context;

    cmd->linger_ns = weir__clock_in_ms(cmd->values.linger_ms);
}

/* Returns 0, or the exit status.  No client is served yet: a signal ends weir. */
static int bind_socket(struct serve_cmd *cmd, const char *path, int *fd)
{
    struct caught caught;
    struct weir_error error;

    while ((*fd = weir__socket_bind(path, signals_fd(), &error)) < 0) {
        if (error.status != WEIR_ERR_TIMEOUT || !signals_take(&caught))
            return serve_fail(cmd, CLI_FAILED, error.text);
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

    if (!serve_has_web(cmd))
        return 0;
    if (cmd->web.place.path != NULL && cmd->web.fd < 0) {
        status = bind_socket(cmd, cmd->web.place.path, &cmd->web.fd);
        cmd->web.is_bound = 1;
    }
    if (status == 0
        && serve_web_open(&cmd->web, &cmd->values, &cmd->calls, &cmd->server, &error) < 0)
        status = serve_fail_by(cmd, &error);
    return status;
}
#endif

int serve_doors_open(struct serve_cmd *cmd)
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
    if (serve_pair_option(cmd) != NULL)
        return serve_stdio(cmd);
    cmd->server.front = &weir__front_unknown;
    if (cmd->values.linger_ms >= 0) {
        on_nobody(cmd);
        cmd->server.on_last = on_nobody;
        cmd->server.context = cmd;
    }
    if (weir__server_open(&cmd->server, cmd->weir, cmd->pool, cmd->fd, &error) < 0)
        return serve_fail(cmd, CLI_FAILED, error.text);
#ifdef WEIR_HTTP
    status = open_web(cmd);
    if (status != 0)
        return status;
#endif
    output_say("ready\n", 6);
    notify_send("READY=1");
    return 0;
}
