/* What a client sends to a server: it receives lines of JSON only, each request is answered
 * once at most, and with the connection all of its calls end.
 *
 * Input: the size of pieces, then what the client sends.  An odd size: the server has
 * narrow limits.  Half of the sizes: it is on two pipes, and the client ends its requests before
 * it leaves; the others: the client may borrow the worker. */
#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/pool.h>

#include "base/fd.h"
#include "fuzz/pretend.h"
#include "fuzz/replay.h"
#include "pool/server.h"
#include "pool/connection.h"
#include "rpc/rpc_parse.h"

#define OF_CALL         "{\"jsonrpc\":\"2.0\",\"id\":%.*s,"
#define OF_STREAM(NAME) "{\"jsonrpc\":\"2.0\",\"method\":\"weir/" NAME "\",\"params\":{\"id\":%.*s,"

/* What the worker says to what it is reported; to "never" nothing. */
static const struct {
    const char *method, *answer; /* with the id in it */
} script[] = {
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
    static const char *const names[] = {"id"};
    struct weir__message message;
    struct weir__slice id;
    char text[400];

    weir__message_scan(line, length, &message);
    HOLDS(message.kind == WEIR__MESSAGE_REQUEST || message.kind == WEIR__MESSAGE_NOTIFICATION);
    id = message.id;
    if (message.kind == WEIR__MESSAGE_NOTIFICATION)
        weir__object_get(message.params, names, &id, 1);
    for (size_t i = 0; i < sizeof script / sizeof script[0]; i++)
        if (weir__slice_is(message.method, script[i].method)) {
            snprintf(text, sizeof text, script[i].answer, (int)id.length, id.bytes);
            pretend_say(job, text, strlen(text));
        }
}

/* What the client is reported, until nothing is there. */
static void receive(int fd, struct weir__buffer *received)
{
    char some[4096];
    ssize_t count;

    while ((count = read(fd, some, sizeof some)) > 0)
        HOLDS(weir__buffer_add(received, some, (size_t)count, NULL) == 0);
}

static size_t lines_in(const uint8_t *bytes, size_t length)
{
    size_t count = 1;

    for (size_t i = 0; i < length; i++)
        count += bytes[i] == '\n' || bytes[i] == '{'; /* a batch has many, on one line */
    return count;
}

static size_t count_answers(const struct weir__buffer *received)
{
    const char *line = received->bytes, *lf;
    size_t left = received->length, count = 0;
    struct weir__message message;

    for (; left > 0 && (lf = memchr(line, '\n', left)) != NULL; line = lf + 1) {
        weir__message_scan(line, (size_t)(lf - line), &message);
        left -= (size_t)(lf + 1 - line);
        HOLDS(message.kind == WEIR__MESSAGE_RESULT || message.kind == WEIR__MESSAGE_ERROR
              || message.kind == WEIR__MESSAGE_NOTIFICATION || message.kind == WEIR__MESSAGE_BATCH);
        count += message.kind != WEIR__MESSAGE_NOTIFICATION;
    }
    HOLDS(left == 0);
    return count;
}

static weir_pool_t *open_pool(weir_t *weir)
{
    static const char *const argv[] = {"worker", NULL};
    struct weir_command command;
    struct weir_pool_options options;
    weir_pool_t *pool;

    weir_command_init(&command);
    command.argv = argv;
    weir_pool_options_init(&options);
    options.commands = (const struct weir_command *[]){&command};
    options.command_count = 1;
    options.workers = 1;
    options.max_queue = 4;
    options.cancel_grace_ms = options.interrupt_grace_ms = options.grace_ms = 1;
    options.stderr_fd = -1;
    pool = weir_pool_open(weir, &options, NULL);
    HOLDS(pool != NULL);
    return pool;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct pretend pretend = {.on_line = work};
    struct weir__server server = {.fd = -1};
    struct weir__buffer received = {0};
    size_t piece;
    int ends[2], back[2], is_limited, has_pipes;

    if (length < 1)
        return 0;
    piece = 1 + bytes[0] * 4;
    is_limited = bytes[0] % 2;
    has_pipes = bytes[0] / 2 % 2;
    bytes++, length--;
    pretend_open(&pretend);
    server.weir = pretend.weir;
    server.is_private = !has_pipes;
    server.pool = open_pool(pretend.weir);
    if (is_limited)
        server.limits = (struct weir__server_limits){.max_calls = 2, .max_memory = 4096};
    HOLDS(weir__server_begin(&server, NULL) == 0);
    if (has_pipes) {
        HOLDS(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0 && pipe2(back, O_NONBLOCK | O_CLOEXEC) == 0);
    } else {
        HOLDS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
        back[0] = ends[1];
        back[1] = ends[0];
    }
    HOLDS(weir__connection_open(&server, ends[0], back[1], NULL) == 0);
    pretend_turn(&pretend);
    for (size_t at = 0; at < length; at += piece) {
        size_t count = length - at < piece ? length - at : piece;

        if (weir__write_no_sigpipe(ends[1], bytes + at, count) < 0)
            break; /* it has hung up */
        pretend_turn(&pretend);
        receive(back[0], &received);
    }
    pretend_turn(&pretend);
    receive(back[0], &received);
    if (has_pipes) {
        close(ends[1]);
        pretend_turn(&pretend);
        receive(back[0], &received);
    }
    HOLDS(count_answers(&received) <= lines_in(bytes, length));
    close(back[0]);
    pretend_turn(&pretend);
    HOLDS(server.connections == NULL);
    weir__server_close(&server, 0, -1);
    weir_pool_close(server.pool, 0);
    weir__buffer_clear(&received);
    pretend_close(&pretend);
    return 0;
}
