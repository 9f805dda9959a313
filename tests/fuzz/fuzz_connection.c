/* What a client sends to a server: it receives lines of JSON only, each request is answered
 * once at most, and with the connection all of its calls end.
 *
 * Input: the size of pieces, then what the client sends.  An odd size: the server has
 * narrow limits.  Half of the sizes: it is on two pipes, and the client ends its requests before
 * it leaves; the others: the client may borrow the worker. */
#include "config.h"

#include <string.h>
#include <unistd.h>
#include <weir/pool.h>

#include "fuzz/replay.h"
#include "fuzz/serving.h"
#include "pool/server.h"

#define OF_CALL         "{\"jsonrpc\":\"2.0\",\"id\":%.*s,"
#define OF_STREAM(NAME) "{\"jsonrpc\":\"2.0\",\"method\":\"weir/" NAME "\",\"params\":{\"id\":%.*s,"

/* What the worker answers to each method; to "never" nothing. */
static const struct serving_answer script[] = {
    {"weir/hello", OF_CALL "\"result\":{\"version\":1,\"concurrency\":4,\"methods\":{\"add\":{},"
                           "\"count\":{\"stream\":\"out\"},\"sum\":{\"stream\":\"in\"},"
                           "\"fail\":{},\"never\":{},\"noise\":{}}}}\n"},
    {"weir/cancel", OF_CALL "\"error\":{\"code\":-32800,\"message\":\"cancelled\"}}\n"},
    {"add", OF_CALL "\"result\":3}\n"},
    {"fail", OF_CALL "\"error\":{\"code\":1000,\"message\":\"it failed\",\"data\":{}}}\n"},
    {"count", OF_STREAM("chunk") "\"value\":1}}\n"},
    {"weir/credit", OF_CALL "\"result\":null}\n"},
    {"sum", OF_STREAM("credit") "\"n\":2}}\n"},
    {"weir/chunk", OF_STREAM("credit") "\"n\":1}}\n"},
    {"weir/end", OF_CALL "\"result\":41}\n"},
    {"noise", "[%.*s]\n"}, /* no message: it is given up */
};

static void work(struct pretend_job *job, const char *line, size_t length)
{
    serving_work(job, line, length, script, sizeof script / sizeof script[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct pretend pretend = {.on_line = work};
    struct weir__server server = {.fd = -1};
    struct serving_client client = {0};
    size_t piece;
    int is_limited, has_pipes;

    if (length < 1)
        return 0;
    piece = 1 + bytes[0] * 4;
    is_limited = bytes[0] % 2;
    has_pipes = bytes[0] / 2 % 2;
    bytes++, length--;
    pretend_open(&pretend);
    server.weir = pretend.weir;
    server.is_private = !has_pipes;
    server.pool = serving_pool(pretend.weir, 0);
    if (is_limited)
        server.limits = (struct weir__server_limits){.max_calls = 2, .max_memory = 4096};
    HOLDS(weir__server_begin(&server, NULL) == 0);
    serving_connect(&client, &pretend, &server, has_pipes);
    serving_talk(&client, &pretend, bytes, length, piece);
    if (has_pipes) {
        close(client.to);
        pretend_turn(&pretend);
        serving_receive(&client);
    }
    HOLDS(serving_count_answers(&client.received, NULL) <= serving_count_sent(bytes, length));
    close(client.from);
    pretend_turn(&pretend);
    HOLDS(server.connections == NULL);
    weir__server_close(&server, 0, -1);
    weir_pool_close(server.pool, 0);
    weir__buffer_clear(&client.received);
    pretend_close(&pretend);
    return 0;
}
