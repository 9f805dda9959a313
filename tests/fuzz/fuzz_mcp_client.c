/* What an MCP client sends to weir: it receives lines of JSON only, each request is answered once
 * at most, and with the connection all of its calls end.
 *
 * Input: the size of pieces, then what the client sends.  An odd size: the server has narrow
 * limits.  Half of the sizes: the client is on two pipes; a quarter: the front is found out. */
#include "config.h"

#include <string.h>
#include <unistd.h>
#include <weir/pool.h>

#include "fuzz/replay.h"
#include "fuzz/serving.h"
#include "pool/front.h"
#include "pool/front_mcp.h"
#include "pool/server.h"

#define OF_CALL         "{\"jsonrpc\":\"2.0\",\"id\":%.*s,"
#define OF_STREAM(NAME) "{\"jsonrpc\":\"2.0\",\"method\":\"weir/" NAME "\",\"params\":{\"id\":%.*s,"

/* What the worker answers to each method; to "never" nothing. */
static const struct serving_answer script[] = {
    {"weir/hello",
     OF_CALL "\"result\":{\"version\":1,\"concurrency\":4,\"methods\":{"
             "\"add\":{\"output\":{\"type\":\"integer\"},\"input\":{\"type\":\"object\"}},"
             "\"count\":{\"stream\":\"out\"},\"sum\":{\"stream\":\"in\"},\"picture\":{},"
             "\"fail\":{},\"never\":{},\"far\":{},\"noise\":{}}}}\n"},
    {"weir/cancel", OF_CALL "\"error\":{\"code\":-32800,\"message\":\"cancelled\"}}\n"},
    {"add", OF_CALL "\"result\":3}\n"},
    {"picture", OF_CALL "\"result\":{\"weir/content\":[{\"type\":\"text\",\"text\":\"x\"}]}}\n"},
    {"fail", OF_CALL "\"error\":{\"code\":1000,\"message\":\"it failed\","
                     "\"data\":{\"traceback\":\"t\"}}}\n"},
    {"far", OF_STREAM("progress") "\"progress\":1.5,\"total\":3,\"message\":\"half\"}}\n"},
    {"count", OF_STREAM("chunk") "\"value\":1}}\n"},
    {"weir/credit", OF_CALL "\"result\":null}\n"},
    {"noise", "[%.*s]\n"}, /* not a message: the worker is given up */
};

static void work(struct pretend_job *job, const char *line, size_t length)
{
    serving_work(job, line, length, script, sizeof script / sizeof script[0]);
}

/* An error without an id is no message of JSON-RPC, but it is one of MCP. */
static int is_error_without_id(const char *line, size_t length)
{
    static const char begin[] = "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-";

    return length > sizeof begin && memcmp(line, begin, sizeof begin - 1) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct pretend pretend = {.on_line = work};
    struct weir__server server = {.fd = -1};
    struct weir__mcp_front front = {.max_result = 4096, .start_ms = 10};
    struct serving_client client = {0};
    size_t piece;
    int is_limited, has_pipes;

    if (length < 1)
        return 0;
    piece = 1 + bytes[0] * 4;
    is_limited = bytes[0] % 2;
    has_pipes = bytes[0] / 2 % 2;
    server.front = bytes[0] / 4 % 4 == 0 ? &weir__front_unknown : &weir__front_mcp;
    bytes++, length--;
    pretend_open(&pretend);
    server.weir = pretend.weir;
    server.pool = serving_pool(pretend.weir, 1);
    if (is_limited)
        server.limits = (struct weir__server_limits){.max_calls = 2, .max_memory = 4096};
    HOLDS(weir__mcp_front_open(&front, &server, pretend.weir, server.pool, NULL) == 0);
    HOLDS(weir__server_begin(&server, NULL) == 0);
    serving_connect(&client, &pretend, &server, has_pipes);
    serving_talk(&client, &pretend, bytes, length, piece);
    HOLDS(serving_count_answers(&client.received, is_error_without_id)
          <= serving_count_sent(bytes, length));
    weir__mcp_front_end_subscriptions(&front);
    if (has_pipes)
        close(client.to);
    pretend_turn(&pretend);
    close(client.from);
    pretend_turn(&pretend);
    HOLDS(server.connections == NULL);
    weir__server_close(&server, 0, -1);
    weir__mcp_front_close(&front);
    weir_pool_close(server.pool, 0);
    weir__buffer_clear(&client.received);
    pretend_close(&pretend);
    return 0;
}
