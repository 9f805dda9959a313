#include "config.h"

#include "fuzz/serving.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/pool.h>

#include "base/fd.h"
#include "fuzz/replay.h"
#include "pool/connection.h"
#include "rpc/rpc_parse.h"

void serving_work(struct pretend_job *job, const char *line, size_t length,
                  const struct serving_answer *script, size_t count)
{
    static const char *const names[] = {"id"};
    struct weir__message message;
    struct weir__slice id;
    char text[600];

    weir__message_scan(line, length, &message);
    HOLDS(message.kind == WEIR__MESSAGE_REQUEST || message.kind == WEIR__MESSAGE_NOTIFICATION);
    id = message.id;
    if (message.kind == WEIR__MESSAGE_NOTIFICATION)
        weir__object_get(message.params, names, &id, 1);
    for (size_t i = 0; i < count; i++)
        if (weir__slice_is(message.method, script[i].method)) {
            snprintf(text, sizeof text, script[i].answer, (int)id.length, id.bytes);
            pretend_say(job, text, strlen(text));
        }
}

weir_pool_t *serving_pool(weir_t *weir, int schemas)
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
    options.schemas = schemas;
    pool = weir_pool_open(weir, &options, NULL);
    HOLDS(pool != NULL);
    return pool;
}

void serving_connect(struct serving_client *client, struct pretend *pretend,
                     struct weir__server *server, int has_pipes)
{
    int ends[2], back[2];

    if (has_pipes) {
        HOLDS(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0 && pipe2(back, O_NONBLOCK | O_CLOEXEC) == 0);
    } else {
        HOLDS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
        back[0] = ends[1];
        back[1] = ends[0];
    }
    client->to = ends[1];
    client->from = back[0];
    HOLDS(weir__connection_open(server, ends[0], back[1], NULL) == 0);
    pretend_turn(pretend);
}

void serving_talk(struct serving_client *client, struct pretend *pretend, const uint8_t *bytes,
                  size_t length, size_t piece)
{
    for (size_t at = 0; at < length; at += piece) {
        size_t count = length - at < piece ? length - at : piece;

        if (weir__write_no_sigpipe(client->to, bytes + at, count) < 0)
            break; /* it has hung up */
        pretend_turn(pretend);
        serving_receive(client);
    }
    pretend_turn(pretend);
    serving_receive(client);
}

void serving_receive(struct serving_client *client)
{
    char some[4096];
    ssize_t count;

    while ((count = read(client->from, some, sizeof some)) > 0)
        HOLDS(weir__buffer_add(&client->received, some, (size_t)count, NULL) == 0);
}

size_t serving_count_sent(const uint8_t *bytes, size_t length)
{
    size_t count = 1;

    for (size_t i = 0; i < length; i++)
        count += bytes[i] == '\n' || bytes[i] == '{'; /* a batch has many, on one line */
    return count;
}

size_t serving_count_answers(const struct weir__buffer *received,
                             int (*check)(const char *line, size_t length))
{
    const char *line = received->bytes, *lf;
    size_t left = received->length, count = 0;
    struct weir__message message;

    for (; left > 0 && (lf = memchr(line, '\n', left)) != NULL; line = lf + 1) {
        size_t length = (size_t)(lf - line);

        weir__message_scan(line, length, &message);
        left -= length + 1;
        HOLDS(message.kind == WEIR__MESSAGE_RESULT || message.kind == WEIR__MESSAGE_ERROR
              || message.kind == WEIR__MESSAGE_NOTIFICATION || message.kind == WEIR__MESSAGE_BATCH
              || (check != NULL && check(line, length)));
        count += message.kind != WEIR__MESSAGE_NOTIFICATION;
    }
    HOLDS(left == 0);
    return count;
}
