#include "config.h"

#include "pool/mcp_request.h"

#include <stdio.h>
#include <stdlib.h>

#include "pool/mcp_offer.h"
#include "pool/server_call.h"
#include "rpc/mcp_server.h"

void weir__mcp_refuse(struct weir__connection *connection, struct weir__batch *batch,
                      struct weir__slice id, int64_t code, const char *message)
{
    struct weir__buffer *to = weir__connection_begin_answer(connection, batch);

    if (to != NULL)
        weir__connection_written(connection, batch, weir__mcp_write_error(to, id, code, message));
}

struct weir__mcp_request *weir__mcp_request_open(struct weir__connection *connection,
                                                 struct weir__batch *batch,
                                                 const struct weir__message *message,
                                                 enum weir__mcp_era era)
{
    struct weir__mcp_request *request = calloc(1, sizeof *request);
    struct weir__call_refusal why = {-32603, "no memory"};
    struct weir__server_call *call =
        request != NULL ? weir__server_call_make(connection, batch, message, &why) : NULL;

    if (call == NULL) {
        free(request);
        weir__mcp_refuse(connection, batch,
                         why.code == -32600 ? (struct weir__slice){NULL, 0} : message->id, why.code,
                         why.text);
        return NULL;
    }
    *request =
        (struct weir__mcp_request){.call = call, .front = connection->server->mcp, .era = era};
    call->front_data = request;
    return request;
}

/* The tools that the client may call, as an array. Errors: NOMEM. */
static int select_tools(const struct weir__mcp_request *request, struct weir__buffer *to)
{
    static const char *const names[] = {"name"};
    const struct weir__gateway *gateway = &request->front->gateway;
    struct weir__slice rest = weir__slice_of(gateway->list), element, name;
    int status = WEIR__PUT(to, WEIR__LITERAL("["));
    size_t begin = to->length;

    while (status >= 0 && weir__message_next(&rest, &element)) {
        const struct weir__tool *tool;
        char *text;

        weir__object_get(element, names, &name, 1);
        text = weir__slice_string(name, NULL);
        tool = text != NULL ? weir__gateway_find(gateway, text) : NULL;
        free(text);
        if (tool != NULL && weir__connection_allows(request->call->connection, tool->method))
            status =
                WEIR__PUT(to, to->length > begin ? WEIR__LITERAL(",") : WEIR__LITERAL(""), element);
    }
    return status < 0 ? status : WEIR__PUT(to, WEIR__LITERAL("]"));
}

/* Ends a request with the list of tools. */
static void end_with_tools(struct weir__mcp_request *request)
{
    struct weir__server_call *call = request->call;
    struct weir__connection *connection = call->connection;
    struct weir__batch *batch = call->batch;
    struct weir__slice list = weir__slice_of(request->front->gateway.list);
    struct weir__buffer own = {0}, *to;
    int status = 0;

    weir__server_call_leave(call, (struct weir__slice){NULL, 0});
    if (connection->carrier != NULL) {
        status = select_tools(request, &own);
        list = (struct weir__slice){own.bytes, own.length};
    }
    to = weir__connection_begin_answer(connection, batch);
    if (to != NULL)
        weir__connection_written(
            connection, batch,
            status < 0 ? status : weir__mcp_write_list(to, call->id, request->era, "tools", list));
    weir__buffer_clear(&own);
    weir__server_call_free(call);
}

void weir__mcp_request_fail(struct weir__mcp_request *request, int64_t code, const char *message)
{
    struct weir__server_call *call = request->call;

    weir__server_call_leave(call, (struct weir__slice){NULL, 0});
    weir__mcp_refuse(call->connection, call->batch, call->id, code, message);
    weir__server_call_free(call);
}

/* A call of a tool, once the tools are known. */
static void start_tool(struct weir__mcp_request *request)
{
    const struct weir__tool *tool = weir__gateway_find(&request->front->gateway, request->name);
    char sentence[200];

    if (tool == NULL || !weir__connection_allows(request->call->connection, tool->method)) {
        snprintf(sentence, sizeof sentence, "Unknown tool: %.128s", request->name);
        weir__mcp_request_fail(request, -32602, sentence);
        return;
    }
    weir__mcp_answer_start(request, tool);
}

void weir__mcp_request_go_on(struct weir__mcp_request *request)
{
    if (request->offer != NULL)
        weir__mcp_offer_start(request);
    else if (request->name != NULL)
        start_tool(request);
    else
        end_with_tools(request);
}

void weir__mcp_request_begin(struct weir__mcp_request *request)
{
    if (request->front->is_ready)
        weir__mcp_request_go_on(request);
    else
        weir__mcp_queue_add(&request->front->waiting, request);
}
