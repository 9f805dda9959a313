#include "config.h"

#include "cli/serve_run.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/printable.h"
#include "cli/cli.h"
#include "cli/notify.h"
#include "cli/serve_doors.h"
#include "cli/serve_share.h"
#include "cli/signals.h"
#include "pool/worker_group.h"

static void on_drained(weir_pool_t *pool, void *context)
{
    struct serve_cmd *cmd = context;

    (void)pool;
    if (cmd->state == SERVER_DRAINING)
        cmd->state = SERVER_OVER;
}

static void start_draining(struct serve_cmd *cmd)
{
    if (serve_pair_option(cmd) == NULL)
        notify_send("STOPPING=1");
    cmd->state = SERVER_DRAINING;
    serve_doors_unbind(cmd);
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

    for (size_t i = 0; limit_ms > 0 && i < cmd->pool->group_count && cmd->state == SERVER_SERVING;
         i++) {
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
        cmd->status = serve_fail(cmd, CLI_FAILED, sentence);
        cmd->is_down = 1;
        start_draining(cmd);
    }
    return next_ms > INT_MAX ? INT_MAX : (int)next_ms;
}

/* --linger: returns the milliseconds to the next check; -1: none is needed. */
static int check_linger(struct serve_cmd *cmd)
{
    int64_t left_ms;
    int lock;

    if (cmd->values.linger_ms < 0 || cmd->state != SERVER_SERVING
        || cmd->server.connections != NULL)
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
        return SERVE_LOOK_MS;       /* a client is about to connect */
    weir_dispatch(cmd->weir, NULL); /* or has connected a moment ago */
    if (cmd->server.connections == NULL && cmd->state == SERVER_SERVING)
        start_draining(cmd);
    weir__close(&lock);
    return -1;
}

static void start_leaving(struct serve_cmd *cmd)
{
    notify_send("STOPPING=1");
    cmd->state = SERVER_LEAVING;
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
            if (cmd->state != SERVER_SERVING)
                break;
            weir_pool_replace(cmd->pool);
#ifdef WEIR_HTTP
            serve_web_reload(&cmd->web);
#endif
            break;
        default:
            if (cmd->state == SERVER_SERVING && cmd->values.mcp) {
                weir__mcp_front_end_subscriptions(&cmd->mcp);
                serve_end(cmd, 0);
                break;
            }
            if (cmd->state == SERVER_SERVING && cmd->values.drain_delay_ms > 0
                && serve_has_web(cmd)) {
                start_leaving(cmd);
                break;
            }
            if (cmd->state == SERVER_SERVING || cmd->state == SERVER_LEAVING) {
                start_draining(cmd);
                break;
            }
            cmd->is_hurried = cmd->state == SERVER_DRAINING;
            serve_end(cmd, CLI_SIGNALED + caught.number);
        }
    }
}

/* Calls cannot be recorded: none are taken any more. */
static void stop_unrecorded(struct serve_cmd *cmd)
{
    struct weir_error error;

    if (!serve_audit_failed(&cmd->calls, &error))
        return;
    cmd->status = serve_fail(cmd, CLI_FAILED, error.text);
    if (cmd->values.mcp || cmd->state == SERVER_STARTING)
        serve_end(cmd, cmd->status);
    else if (cmd->state == SERVER_SERVING || cmd->state == SERVER_LEAVING)
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

void serve_run(struct serve_cmd *cmd, enum serve_state left)
{
    struct pollfd fds[] = {
        {.fd = weir_fd(cmd->weir), .events = POLLIN},
        {.fd = signals_fd(), .events = POLLIN},
        {.fd = left == SERVER_STARTING ? cmd->out : -1}, /* later its connection watches it */
        {.fd = cmd->calls.failed[0], .events = POLLIN},
    };

    while (cmd->state == left) {
        int timeout_ms = left == SERVER_LEAVING ? left_ms(cmd) : weir_timeout_ms(cmd->weir);
        int due_ms[] = {check_down(cmd), check_linger(cmd)};

        if (cmd->state != left)
            break;
        for (size_t i = 0; i < 2; i++)
            if (due_ms[i] >= 0 && (timeout_ms < 0 || due_ms[i] < timeout_ms))
                timeout_ms = due_ms[i];
        poll(fds, 4, timeout_ms);
        if (fds[2].revents & (POLLHUP | POLLERR))
            serve_end(cmd, 0); /* the client has gone */
        if (fds[3].revents != 0) {
            fds[3].fd = -1;
            stop_unrecorded(cmd);
        }
        weir_dispatch(cmd->weir, NULL);
        if (fds[1].revents != 0)
            handle_signals(cmd);
        if (cmd->state == SERVER_LEAVING && weir__clock_ns() >= cmd->leave_ns)
            start_draining(cmd);
    }
}
