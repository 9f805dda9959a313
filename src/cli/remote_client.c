/* A call through the socket of a `weir serve`: weir/client.h, connected without waiting. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <weir/weir.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "cli/remote.h"
#include "pool/client.h"

enum {
    CONNECT_MS = 10000, /* to be accepted */
    HELLO_MS = 10000,   /* the greeting */
    RETRY_MS = 20,      /* between two tries to connect */
};

struct client_remote {
    struct pool_remote base; /* first; has a pool once connected */
    struct remote_kind kind;
    char *path;
    int any_server;
    int fd; /* -1: connected, or failed */
    weir_client_t *client;
    int64_t deadline_ns, give_up_ns; /* CLOCK_MONOTONIC; INT64_MAX: never */
    int is_over, is_ready;
};

static struct client_remote *from(struct remote *remote)
{
    return (struct client_remote *)remote;
}

static void fail_call(struct client_remote *mine, const char *sentence)
{
    struct remote_owner *owner = &mine->base.remote.owner;

    if (mine->is_over)
        return;
    mine->is_over = 1;
    owner->on_lost(owner->owner, sentence);
}

/* The deadline has passed before the call was sent. */
static void exceed_deadline(struct client_remote *mine)
{
    struct remote_owner *owner = &mine->base.remote.owner;
    char sentence[200];
    struct weir_reply reply = {.outcome = WEIR_CALL_DEADLINE, .code = -33001, .message = sentence};

    snprintf(sentence, sizeof sentence, "no response from the server: waited for %s",
             mine->client == NULL ? "a connection" : "its greeting");
    mine->is_over = 1;
    owner->on_done(owner->owner, &reply);
}

static void check_time(struct client_remote *mine)
{
    int64_t now_ns = weir__clock_ns();

    if (mine->is_over || mine->is_ready)
        return;
    if (now_ns >= mine->deadline_ns)
        exceed_deadline(mine);
    else if (mine->client == NULL && now_ns >= mine->give_up_ns)
        fail_call(mine, "the server does not respond: waited for a connection: is it stopped or "
                        "overloaded?");
}

static void lower_timeout(int *timeout_ms, int64_t at_ns)
{
    int64_t left_ms = at_ns == INT64_MAX ? 60000 : (at_ns - weir__clock_ns()) / 1000000 + 1;

    if (left_ms < 0)
        left_ms = 0;
    if (*timeout_ms < 0 || left_ms < *timeout_ms)
        *timeout_ms = left_ms < 60000 ? (int)left_ms : 60000;
}

static int client_fd(struct remote *remote, short *events, int *timeout_ms)
{
    struct client_remote *mine = from(remote);

    if (!mine->is_ready)
        lower_timeout(timeout_ms, mine->deadline_ns);
    if (mine->client != NULL)
        return remote_pool_kind.fd(remote, events, timeout_ms);
    lower_timeout(timeout_ms, mine->give_up_ns);
    if (*timeout_ms > RETRY_MS)
        *timeout_ms = RETRY_MS;
    return -1; /* no event reports room in the queue */
}

static void on_ready(weir_pool_t *pool, const struct weir_error *error, void *context)
{
    struct client_remote *mine = context;

    if (mine->is_over)
        return;
    mine->is_over = error != NULL;
    mine->is_ready = 1;
    remote_pool_on_ready(pool, error, &mine->base);
}

/* Returns 1; 0: try again; or a negative status. */
static int try_connect(struct client_remote *mine, struct weir_error *error)
{
    int status = weir__client_try(mine->fd, mine->path, mine->any_server, error);

    if (status <= 0)
        return status;
    mine->client = weir__client_open(mine->base.weir, mine->fd, mine->fd, HELLO_MS, error);
    mine->fd = -1;
    if (mine->client == NULL)
        return error->status;
    mine->base.pool = weir__client_pool(mine->client);
    weir_pool_on_ready(mine->base.pool, 1, on_ready, mine);
    return 1;
}

static void client_dispatch(struct remote *remote)
{
    struct client_remote *mine = from(remote);
    struct weir_error error;

    if (mine->client != NULL)
        remote_pool_kind.dispatch(remote);
    else if (!mine->is_over && try_connect(mine, &error) < 0)
        fail_call(mine, error.text);
    check_time(mine);
}

/* The time for connecting and the greeting is part of the call's. */
static int client_call(struct remote *remote, const struct remote_call *call,
                       struct weir_error *error)
{
    struct client_remote *mine = from(remote);
    struct remote_call timed = *call;

    if (mine->deadline_ns != INT64_MAX) {
        timed.timeout_ms = (mine->deadline_ns - weir__clock_ns()) / 1000000;
        if (timed.timeout_ms < 0)
            timed.timeout_ms = 0;
    }
    return remote_pool_kind.call(remote, &timed, error);
}

static void client_free(struct remote *remote, int at_once)
{
    struct client_remote *mine = from(remote);

    (void)at_once;
    weir_call_free(mine->base.call);
    weir_client_close(mine->client);
    weir__close(&mine->fd);
    free(mine->path);
    free(mine);
}

struct remote *remote_client_open(weir_t *weir, const struct remote_client_options *options,
                                  const struct remote_owner *owner, struct weir_error *error)
{
    struct client_remote *mine = calloc(1, sizeof *mine);

    if (mine == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
        return NULL;
    }
    mine->kind = remote_pool_kind;
    mine->kind.fd = client_fd;
    mine->kind.dispatch = client_dispatch;
    mine->kind.call = client_call;
    mine->kind.free = client_free;
    mine->base.remote.kind = &mine->kind;
    mine->base.remote.owner = *owner;
    mine->base.weir = weir;
    mine->any_server = options->any_server;
    mine->deadline_ns =
        options->timeout_ms != WEIR_FOREVER ? weir__clock_in_ms(options->timeout_ms) : INT64_MAX;
    mine->give_up_ns = weir__clock_in_ms(CONNECT_MS);
    mine->fd = -1;
    mine->path = weir__client_path(options->path, error);
    if (mine->path != NULL)
        mine->fd = weir__client_socket(mine->path, error);
    if (mine->fd >= 0 && try_connect(mine, error) >= 0)
        return &mine->base.remote;
    client_free(&mine->base.remote, 1);
    return NULL;
}
