#include "config.h"

#include "pool/front_mcp.h"

#include "pool/call_api.h"
#include "pool/mcp_message.h"
#include "pool/mcp_offer.h"
#include "pool/mcp_request.h"
#include "pool/pool_types.h"
#include "pool/server_call.h"
#include "proc/context.h"
#include "rpc/mcp_server.h"

enum { ANNOUNCE_MS = 1000 }; /* between two list_changed */

/* --- The list of tools -------------------------------------------------------------------- */

static void announce(struct weir__mcp_front *front)
{
    const struct weir__slice nobody = {NULL, 0};

    if (front->may_not_announce) {
        front->must_announce = true;
        return;
    }
    front->must_announce = false;
    front->may_not_announce = true;
    weir__timer_start(front->change, ANNOUNCE_MS);
    for (struct weir__connection *connection = front->server->connections; connection != NULL;
         connection = connection->next) {
        if (connection->front != &weir__front_mcp || connection->is_over)
            continue;
        connection->is_reading++; /* one write for all, and nothing ends meanwhile */
        if (weir__mcp_is_told(connection))
            weir__connection_sent(connection,
                                  weir__mcp_write_changed(&connection->sending, nobody));
        for (struct weir__server_call *call = connection->calls; call != NULL; call = call->next) {
            struct weir__mcp_request *request = call->front_data;

            if (request->listens && request->wants_tools)
                weir__connection_sent(connection,
                                      weir__mcp_write_changed(&connection->sending, call->id));
        }
        connection->is_reading--;
        weir__connection_sent(connection, 0);
    }
}

static void announce_again(void *data)
{
    struct weir__mcp_front *front = data;

    front->may_not_announce = false;
    if (front->must_announce)
        announce(front);
}

static void become_ready(struct weir__mcp_front *front)
{
    struct weir__mcp_request *request;
    bool none;

    weir__timer_stop(front->start);
    weir__gateway_is_complete(&front->gateway, &none);
    weir__gateway_update(&front->gateway);
    front->is_ready = true;
    while ((request = front->waiting.first) != NULL) {
        weir__mcp_queue_remove(request);
        if (none)
            weir__mcp_request_fail(request, -32603,
                                   "no worker could be started: see the standard error");
        else
            weir__mcp_request_go_on(request);
    }
    if (front->on_ready != NULL)
        front->on_ready(none, front->context);
}

/* A worker is ready, or a kind of workers is given up. */
static void on_methods(void *context)
{
    struct weir__mcp_front *front = context;
    bool none;

    if (front->is_ready) {
        if (weir__gateway_update(&front->gateway) == 1)
            announce(front);
    } else if (weir__gateway_is_complete(&front->gateway, &none)) {
        become_ready(front);
    }
}

static void wait_no_longer(void *data)
{
    struct weir__mcp_front *front = data;

    if (!front->is_ready)
        become_ready(front);
}

/* --- Progress ------------------------------------------------------------------------------ */

static void report_progress(void *data)
{
    weir__mcp_progress_due(data);
}

/* --- Life ---------------------------------------------------------------------------------- */

struct opening {
    struct weir__mcp_front *front;
    struct weir_error *error;
    int status;
};

static void open_here(void *data)
{
    struct opening *opening = data;
    struct weir__mcp_front *front = opening->front;
    weir__loop *loop = front->gateway.pool->weir->loop;
    struct weir_error *error = opening->error;

    opening->status = weir__timer_new(loop, wait_no_longer, front, &front->start, error);
    if (opening->status >= 0)
        opening->status = weir__timer_new(loop, report_progress, front, &front->progress, error);
    if (opening->status >= 0)
        opening->status = weir__timer_new(loop, announce_again, front, &front->change, error);
    if (opening->status < 0)
        return;
    weir__timer_start(front->start, front->start_ms);
    front->gateway.pool->on_methods = on_methods;
    front->gateway.pool->on_methods_context = front;
}

int weir__mcp_front_open(struct weir__mcp_front *front, struct weir__server *server, weir_t *weir,
                         weir_pool_t *pool, struct weir_error *error)
{
    struct opening opening = {.front = front, .error = error};

    front->server = server;
    front->waiting.last = &front->waiting.first;
    front->looking.last = &front->looking.first;
    front->catalog = (struct weir__catalog){
        .gateway = &front->gateway, .on_read = weir__mcp_offer_go_on, .context = front};
    if (front->max_result == 0)
        front->max_result = WEIR__MCP_MAX_RESULT;
    opening.status = weir__gateway_open(&front->gateway, pool, error);
    if (opening.status < 0)
        return opening.status;
    weir__context_do(weir, open_here, &opening);
    if (opening.status >= 0)
        server->mcp = front;
    return opening.status;
}

void weir__mcp_front_end_listening(struct weir__connection *connection)
{
    struct weir__server_call *call = connection->calls, *next;

    if (connection->front != &weir__front_mcp || connection->is_over)
        return;
    for (; call != NULL; call = next) {
        struct weir__mcp_request *request = call->front_data;
        struct weir__buffer *to;

        next = call->next;
        if (!request->listens)
            continue;
        weir__server_call_leave(call, (struct weir__slice){NULL, 0});
        to = weir__connection_begin_answer(connection, NULL);
        if (to != NULL)
            weir__connection_written(connection, NULL, weir__mcp_write_listened(to, call->id));
        weir__server_call_free(call);
    }
}

static void end_subscriptions(void *data)
{
    struct weir__mcp_front *front = data;
    struct weir__connection *connection = front->server->connections;

    for (; connection != NULL; connection = connection->next)
        weir__mcp_front_end_listening(connection);
}

void weir__mcp_front_end_subscriptions(struct weir__mcp_front *front)
{
    weir__context_do(front->gateway.pool->weir, end_subscriptions, front);
}

static void close_here(void *data)
{
    struct weir__mcp_front *front = data;

    front->gateway.pool->on_methods = NULL;
    weir__catalog_clear(&front->catalog);
    weir__timer_close(&front->start);
    weir__timer_close(&front->progress);
    weir__timer_close(&front->change);
}

void weir__mcp_front_close(struct weir__mcp_front *front)
{
    if (front->gateway.pool == NULL)
        return;
    weir__context_do(front->gateway.pool->weir, close_here, front);
    weir__gateway_clear(&front->gateway);
}
