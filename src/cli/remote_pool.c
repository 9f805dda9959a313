/* A call to a worker that is started for it. */
#include "config.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

#include "base/error.h"
#include "cli/output_check.h"
#include "cli/pool_leave.h"
#include "cli/remote.h"
#include "rpc/rpc_write.h"

static struct pool_remote *from(struct remote *remote)
{
    return (struct pool_remote *)remote;
}

void remote_pool_on_ready(weir_pool_t *pool, const struct weir_error *error, void *context)
{
    struct pool_remote *mine = context;
    struct remote_owner *owner = &mine->remote.owner;
    char *methods;

    if (error != NULL) {
        owner->on_lost(owner->owner, error->text);
        return;
    }
    methods = weir_pool_methods(pool);
    if (methods != NULL)
        owner->on_ready(owner->owner, weir__slice_of(methods));
    else
        owner->on_lost(owner->owner, "no memory");
    free(methods);
}

static void on_value(weir_call_t *call, const char *bytes, size_t length, void *context)
{
    struct pool_remote *mine = context;

    (void)call;
    mine->remote.owner.on_value(mine->remote.owner.owner, (struct weir__slice){bytes, length});
}

static void on_progress(weir_call_t *call, const struct weir_progress *progress, void *context)
{
    struct pool_remote *mine = context;

    (void)call;
    mine->remote.owner.on_progress(mine->remote.owner.owner, progress);
}

static void on_done(weir_call_t *call, const struct weir_reply *reply, void *context)
{
    struct pool_remote *mine = context;

    (void)call;
    mine->remote.owner.on_done(mine->remote.owner.owner, reply);
}

static int pool_fd(struct remote *remote, short *events, int *timeout_ms)
{
    int next_ms = weir_timeout_ms(from(remote)->weir);

    *events = POLLIN;
    if (next_ms >= 0 && (*timeout_ms < 0 || next_ms < *timeout_ms))
        *timeout_ms = next_ms;
    return weir_fd(from(remote)->weir);
}

static void pool_dispatch(struct remote *remote)
{
    weir_dispatch(from(remote)->weir, NULL);
}

static int pool_call(struct remote *remote, const struct remote_call *call,
                     struct weir_error *error)
{
    struct pool_remote *mine = from(remote);
    struct weir_call_sink sink = {.size = sizeof sink,
                                  .on_value = on_value,
                                  .on_done = on_done,
                                  .on_progress = on_progress,
                                  .context = mine};
    struct weir_call_options options;

    weir_call_options_init(&options);
    options.timeout_ms = call->timeout_ms;
    options.input = call->input;
    options.credit = call->credit;
    options.idempotent = mine->is_mcp ? 0 : -1;
    options.whole = call->whole;
    options.traceparent = getenv("TRACEPARENT");
    options.tracestate = getenv("TRACESTATE");
    mine->call = weir_call_start(mine->pool, call->method, call->params.bytes, call->params.length,
                                 &options, &sink, error);
    return mine->call != NULL ? 0 : error->status;
}

static int pool_send(struct remote *remote, const char *bytes, size_t length,
                     struct weir_error *error)
{
    return weir_call_send(from(remote)->call, bytes, length, error);
}

static uint64_t pool_credit(struct remote *remote)
{
    return from(remote)->call != NULL ? weir_call_credit(from(remote)->call) : 0;
}

static void pool_end(struct remote *remote)
{
    weir_call_end(from(remote)->call, NULL);
}

static void pool_grant(struct remote *remote, unsigned values)
{
    weir_call_grant(from(remote)->call, values);
}

static void pool_cancel(struct remote *remote)
{
    weir_call_cancel(from(remote)->call);
}

static void pool_free(struct remote *remote, int at_once)
{
    struct pool_remote *mine = from(remote);

    weir_call_free(mine->call);
    pool_leave(mine->weir, mine->pool, at_once);
    free(mine);
}

const struct remote_kind remote_pool_kind = {
    .fd = pool_fd,
    .dispatch = pool_dispatch,
    .call = pool_call,
    .send = pool_send,
    .credit = pool_credit,
    .end = pool_end,
    .grant = pool_grant,
    .cancel = pool_cancel,
    .free = pool_free,
};

struct remote *remote_pool_open(weir_t *weir, const struct remote_pool_options *options,
                                const struct remote_owner *owner, struct weir_error *error)
{
    struct pool_remote *mine = calloc(1, sizeof *mine);
    struct weir_pool_options asked;
    struct weir_kind_options kinds;

    if (mine == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
        return NULL;
    }
    mine->remote.kind = &remote_pool_kind;
    mine->remote.owner = *owner;
    mine->weir = weir;
    mine->is_mcp = options->dialect == WEIR_DIALECT_MCP;
    weir_kind_options_init(&kinds);
    kinds.dialect = options->dialect;
    kinds.mcp_version = options->mcp_version;
    kinds.no_retry = options->no_retry;
    weir_pool_options_init(&asked);
    asked.commands = &options->command;
    asked.command_count = 1;
    asked.launcher = options->launcher;
    asked.kinds = (const struct weir_kind_options *[]){&kinds};
    asked.launcher_stop = options->launcher_stop;
    asked.launcher_shell = options->launcher_shell;
    asked.stop = options->stop;
    asked.stop_count = options->stop_count;
    asked.workers = 1;
    asked.start_attempts = 1; /* a person waits: the first failure is reported */
    asked.start_timeout_ms = options->start_timeout_ms;
    mine->pool = weir_pool_open(weir, &asked, error);
    if (mine->pool == NULL) {
        free(mine);
        return NULL;
    }
    if (options->check != NULL)
        output_check_begin(options->check, &cli_call, mine->pool);
    weir_pool_on_ready(mine->pool, 1, remote_pool_on_ready, mine);
    return &mine->remote;
}
