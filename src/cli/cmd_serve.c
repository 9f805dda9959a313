/* weir serve - keep workers warm behind a socket. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__ /* one of the headers above defines it */
#include <malloc.h>
#endif

#include "base/fd.h"
#include "cli/output.h"
#include "cli/pool_leave.h"
#include "cli/launcher.h"
#include "cli/serve_doors.h"
#include "cli/serve_join.h"
#include "cli/serve_read.h"
#include "cli/serve_run.h"
#include "cli/serve_share.h"
#include "cli/signals.h"
#include "pool/pool.h"
#include "proc/context.h"

enum {
    MCP_FLUSH_MS = 200, /* MCP clients send SIGTERM 2 s after they have closed their end */
    MCP_STEP_MS = 400,  /* so this is the time for each step of a worker's end */
    LINGER_MS = 300000,
    LARGE_BLOCK = 256 * 1024,
};

static void on_ready(weir_pool_t *pool, const struct weir_error *error, void *context)
{
    struct serve_cmd *cmd = context;

    (void)pool;
    if (cmd->state != SERVER_STARTING)
        return;
    if (error != NULL)
        serve_end(cmd, serve_fail_by(cmd, error));
    else
        cmd->state = SERVER_SERVING;
}

/* The tools are known, as far as workers could be started. */
static void on_tools(bool none, void *context)
{
    struct serve_cmd *cmd = context;
    struct weir_error error;

    if (cmd->values.pin_update && !none && !cmd->pins_failed
        && weir__pins_save(&cmd->pins, cmd->values.pin, &error) < 0) {
        cmd->pins_failed = 1;
        serve_end(cmd, serve_fail(cmd, CLI_FAILED, error.text));
    }
    if (!serve_is_at_once(cmd) || cmd->state != SERVER_SERVING)
        return;
    if (none)
        serve_end(cmd, serve_fail(cmd, CLI_FAILED, "no worker could be started"));
    else if (cmd->values.mcp)
        output_say("ready\n", 6);
}

static void note_left_out(const char *text, void *context)
{
    (void)context;
    cli_note(&cli_serve, "%s", text);
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

    serve_read_pool(cmd, &options);
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
        return serve_fail_by(cmd, error);
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
        return serve_fail(cmd, CLI_FAILED, error->text);
    if (serve_is_at_once(cmd))
        cmd->state = SERVER_SERVING;
    else
        weir_pool_on_ready(cmd->pool, (unsigned)cmd->values.min_ready, on_ready, cmd);
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
        return serve_fail(cmd, status, error.text);
    status = serve_doors_take_stdio(cmd);
    if (status == 0 && signals_catch() != 0)
        status = serve_fail(cmd, CLI_FAILED, "cannot catch signals");
    if (status != 0) {
        weir__close(&server);
        return status;
    }
    in = cmd->in;
    out = cmd->out;
    cmd->in = cmd->out = -1;
    return serve_join(in, out, server);
}

static int serve_calls(struct serve_cmd *cmd)
{
    struct weir_error error;
    int status, failed;

    if (cmd->values.join != NULL && (status = join(cmd)) != IS_SERVER)
        return status;
    status = serve_read(cmd);
    if (status == 0)
        status = serve_read_files(cmd);
    if (status == 0)
        status = serve_doors_choose(cmd);
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
        return serve_fail(cmd, CLI_FAILED, error.text); /* before workers start */
    status = start_workers(cmd, &error);
    if (status != 0)
        return status;
    serve_run(cmd, SERVER_STARTING);
    if (cmd->state == SERVER_SERVING) {
        if (!serve_is_at_once(cmd) && serve_guard_check(&cmd->guard, cmd->pool, &error) < 0)
            return serve_fail(cmd, CLI_USAGE, error.text);
        status = serve_doors_open(cmd);
        if (status != 0)
            return status;
        serve_run(cmd, SERVER_SERVING);
        serve_run(cmd, SERVER_LEAVING);
        serve_run(cmd, SERVER_DRAINING);
    } else if (cmd->values.stdio && cmd->error_text[0] != '\0') {
        serve_doors_refuse(cmd);
    }
    return cmd->status;
}

/* Closes what was opened, in this order: doors, pool, records.  Returns the exit status. */
static int end_serving(struct serve_cmd *cmd, int status)
{
    int64_t flush_ms = status == 0 || cmd->is_down ? SERVE_FLUSH_MS : 0;
    int cut_by;

    serve_doors_unbind(cmd);
#ifdef WEIR_HTTP
    serve_web_close(&cmd->web, cmd->weir, flush_ms, signals_fd());
#endif
    if (cmd->values.mcp)
        flush_ms = MCP_FLUSH_MS;
    else if (cmd->server.refusal != NULL)
        flush_ms = SERVE_FLUSH_MS;
    weir__server_close(&cmd->server, flush_ms, signals_fd());
    weir__mcp_front_close(&cmd->mcp);
    weir__pins_clear(&cmd->pins);
    if (cmd->values.mcp && cmd->pool != NULL)
        weir__pool_hurry(cmd->pool, MCP_STEP_MS);
    cut_by = pool_leave(cmd->weir, cmd->pool, cmd->is_hurried);
    if (cut_by != 0)
        status = CLI_SIGNALED + cut_by;
    weir_close(cmd->weir);
    output_check_clear(&cmd->check);
    return serve_audit_end(&cmd->calls,
                           status == 0             ? WEIR__AUDIT_OK
                           : status > CLI_SIGNALED ? WEIR__AUDIT_CANCELLED
                                                   : WEIR__AUDIT_ERROR,
                           status, cmd->error_text);
}

static void clear(struct serve_cmd *cmd)
{
    launchers_free(cmd->launchers, cmd->kinds.count);
    launchers_free(cmd->launcher_stops, cmd->kinds.count);
    serve_kinds_clear(&cmd->kinds);
    serve_guard_clear(&cmd->guard);
    free(cmd->unready_since_ns);
    serve_values_clear(&cmd->values);
    cli_parsed_clear(&cmd->parsed);
}

int cmd_serve(int argc, char **argv)
{
    struct serve_cmd cmd = {
        .fd = -1,
        .in = -1,
        .out = -1,
        .calls = {.failed = {-1, -1}, .written = {-1, -1}},
#ifdef WEIR_HTTP
        .web = {.fd = -1, .socket_fd = -1},
#endif
    };
    int status;

    map_large_blocks();
    serve_values_init(&cmd.values);
    status = cli_parse(&cli_serve, argc, argv, &cmd.values, &cmd.parsed);
    if (status == CLI_GO_ON)
        status = end_serving(&cmd, serve_calls(&cmd));
    clear(&cmd);
    return status;
}
