#include "config.h"

#include "cli/serve_join.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weir/lines.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/portable.h"
#include "base/socket_address.h"
#include "cli/cli.h"
#include "cli/signals.h"
#include "rpc/rpc_parse.h"
#include "rpc/rpc_write.h"
#include "work/line_splitter.h"

enum {
    CHUNK = 64 * 1024,
    OWED_MAX = 1 << 20, /* beyond this nothing is read that would have to be kept */
    LAST_MS = 500,      /* for the last answers to a client that is slow */
};

/* An id that the client waits for. */
struct open_id {
    struct open_id *next;
    size_t length;
    char text[]; /* as the client spells it */
};

/* One direction. */
struct way {
    int from, to;
    struct weir__buffer waiting;
    size_t sent;
    struct weir__line_splitter lines;
    int is_over; /* from has ended */
};

struct join {
    struct way up, down; /* to the server, to the client */
    struct open_id *open;
    int failed;
};

/* --- Which requests are open --------------------------------------------------------- */

static struct open_id **find(struct join *join, struct weir__slice id)
{
    struct open_id **at = &join->open;

    while (*at != NULL
           && ((*at)->length != id.length || memcmp((*at)->text, id.bytes, id.length) != 0))
        at = &(*at)->next;
    return at;
}

static void note_request(struct join *join, struct weir__slice id)
{
    struct open_id *open = malloc(sizeof *open + id.length);

    if (open == NULL) {
        join->failed = 1;
        return;
    }
    open->length = id.length;
    memcpy(open->text, id.bytes, id.length);
    open->next = join->open;
    join->open = open;
}

/* A server answers with the id as the client has spelled it. */
static void forget(struct join *join, struct weir__slice id)
{
    struct open_id **at = find(join, id), *open = *at;

    if (open == NULL)
        return;
    *at = open->next;
    free(open);
}

static void note_message(struct join *join, const struct weir__message *message)
{
    static const char *const names[] = {"requestId"};
    struct weir__slice id;

    switch (message->kind) {
    case WEIR__MESSAGE_REQUEST:
        note_request(join, message->id);
        break;
    case WEIR__MESSAGE_RESULT:
    case WEIR__MESSAGE_ERROR:
        if (message->id.bytes != NULL)
            forget(join, message->id);
        break;
    case WEIR__MESSAGE_NOTIFICATION: /* of the client: nothing comes for that id any more */
        if (!weir__slice_is(message->method, "notifications/cancelled"))
            break;
        weir__object_get(message->params, names, &id, 1);
        if (id.bytes != NULL)
            forget(join, id);
        break;
    default:
        break;
    }
}

static void note_line(struct join *join, const char *line, size_t length)
{
    struct weir__message message;
    struct weir__slice rest, element;

    weir__message_scan(line, length, &message);
    if (message.kind != WEIR__MESSAGE_BATCH) {
        note_message(join, &message);
        return;
    }
    rest = message.params;
    while (weir__message_next(&rest, &element)) {
        weir__message_scan(element.bytes, element.length, &message);
        if (message.kind != WEIR__MESSAGE_BATCH)
            note_message(join, &message);
    }
}

/* --- Bytes ------------------------------------------------------------------------------ */

static size_t owed(const struct way *way)
{
    return way->waiting.length - way->sent;
}

static void read_some(struct join *join, struct way *way)
{
    const char *line, *fresh, *end;
    char bytes[CHUNK];
    ssize_t count = read(way->from, bytes, sizeof bytes), length;

    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        way->is_over = 1;
        return;
    }
    fresh = bytes;
    end = bytes + count;
    while ((length = weir__line_splitter_next(&way->lines, &fresh, end, &line)) > 0)
        note_line(join, line, (size_t)length - 1);
    if (length < 0 || weir__buffer_add(&way->waiting, bytes, (size_t)count, NULL) < 0)
        join->failed = 1;
}

/* Returns -1 if nobody reads. */
static int write_some(struct way *way)
{
    ssize_t count;

    while (owed(way) > 0) {
        count = weir__write_no_sigpipe(way->to, way->waiting.bytes + way->sent, owed(way));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno == EAGAIN ? 0 : -1;
        way->sent += (size_t)count;
    }
    way->waiting.length = way->sent = 0;
    return 0;
}

static short events_of(const struct way *reads, const struct way *writes, int fd)
{
    short events = 0;

    if (reads->from == fd && !reads->is_over && owed(reads) < OWED_MAX)
        events |= POLLIN;
    if (writes->to == fd && owed(writes) > 0)
        events |= POLLOUT;
    return events;
}

/* Tells the client that nothing more comes for what it has asked. */
static void answer_open(struct join *join)
{
    struct pollfd client = {.fd = join->down.to, .events = POLLOUT};
    struct open_id *open;
    size_t half = join->down.lines.partial.length;

    if (half > 0 && owed(&join->down) >= half)
        join->down.waiting.length -= half; /* half a line is no message */
    else if (half > 0)
        weir__buffer_add(&join->down.waiting, "\n", 1, NULL);
    while ((open = join->open) != NULL) {
        weir__write_error(&join->down.waiting, (struct weir__slice){open->text, open->length},
                          -32603, "weir serve has ended", (struct weir__slice){NULL, 0});
        join->open = open->next;
        free(open);
    }
    while (write_some(&join->down) == 0 && owed(&join->down) > 0)
        if (poll(&client, 1, LAST_MS) <= 0)
            break;
}

static int was_signalled(void)
{
    struct caught caught;

    while (signals_take(&caught))
        if (caught.number == SIGTSTP || caught.number == SIGTTIN || caught.number == SIGTTOU)
            signals_stop(caught.number);
        else if (caught.number != SIGHUP)
            return 1;
    return 0;
}

/* Returns the exit status. */
static int pass_on(struct join *join)
{
    struct way *up = &join->up, *down = &join->down;

    for (;;) {
        struct pollfd fds[] = {
            {.fd = up->from, .events = events_of(up, down, up->from)},
            {.fd = down->to, .events = events_of(up, down, down->to)},
            {.fd = up->to, .events = events_of(down, up, up->to)},
            {.fd = signals_fd(), .events = POLLIN},
        };

        if (poll(fds, 4, -1) < 0 && errno != EINTR)
            return CLI_FAILED;
        if (fds[3].revents != 0 && was_signalled())
            return 0;
        if (fds[0].revents & ~POLLOUT)
            read_some(join, up);
        if (fds[2].revents & ~POLLOUT)
            read_some(join, down);
        if (up->is_over || fds[1].revents & (POLLERR | POLLHUP) || write_some(down) < 0)
            return 0; /* the client has gone, or will not read */
        if (down->is_over || write_some(up) < 0) {
            answer_open(join);
            cli_say(&cli_serve, "the server has ended");
            return 1;
        }
        if (join->failed) {
            cli_say(&cli_serve, "no memory");
            return CLI_FAILED;
        }
    }
}

int serve_join(int in, int out, int server)
{
    struct join join = {
        .up = {.from = in, .to = server, .lines = {.longest = WEIR_MAX_LINE + 1}},
        .down = {.from = server, .to = out, .lines = {.longest = WEIR_MAX_LINE + 1}},
    };
    struct open_id *open;
    int status;

    weir__fd_set_nonblocking(server);
    status = pass_on(&join);
    while ((open = join.open) != NULL) {
        join.open = open->next;
        free(open);
    }
    weir__line_splitter_clear(&join.up.lines);
    weir__line_splitter_clear(&join.down.lines);
    weir__buffer_clear(&join.up.waiting);
    weir__buffer_clear(&join.down.waiting);
    if (out != in)
        weir__close(&out);
    weir__close(&in);
    weir__close(&server);
    return status;
}

/* --- The server ----------------------------------------------------------------------- */

int serve_join_connect(const char *path, struct weir_error *error)
{
    struct sockaddr_un address;
    uid_t user;
    int fd;

    if (weir__socket_address(&address, path, error) < 0)
        return error->status;
    fd = weir__socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot make a socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        weir__fail(error, WEIR_ERR_SYSTEM, errno,
                   "cannot connect to %.200s: is weir serve running there?", path);
        weir__close(&fd);
        return error->status;
    }
    if (weir__socket_peer(fd, &user) < 0 || (user != geteuid() && user != 0)) {
        weir__fail(error, WEIR_ERR_SYSTEM, 0,
                   "%.200s is not served by you or root: nothing was sent", path);
        weir__close(&fd);
        return error->status;
    }
    return fd;
}
