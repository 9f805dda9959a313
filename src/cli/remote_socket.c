/* A call through the socket of a `weir serve`. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weir/weir.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/socket_address.h"
#include "cli/remote.h"
#include "rpc/credit.h"
#include "rpc/rpc_write.h"

enum {
    HELLO_ID = 1,
    CALL_ID = 2,
    /* Timeouts: */
    CONNECT_MS = 10000, /* to be accepted */
    HELLO_MS = 10000,   /* the handshake */
    DEADLINE_MS = 2000, /* the outcome after the deadline */
    CANCEL_MS = 8000,   /* the outcome after a cancellation, which may take the server 6 s */
    RETRY_MS = 20,      /* between two tries to connect */
};

struct socket_remote {
    struct remote remote;
    struct sockaddr_un address;
    int any_server, is_connected;
    int fd;
    weir_lines_t *lines;
    struct weir__buffer sending;
    size_t sent;
    struct weir__buffer flat; /* a value without line breaks */
    struct weir__sender input;
    int64_t deadline_ns; /* CLOCK_MONOTONIC; 0: never */
    int64_t give_up_ns;  /* the same */
    const char *waits_for;
    int is_over;
};

static struct socket_remote *from(struct remote *remote)
{
    return (struct socket_remote *)remote;
}

static struct weir__slice call_id(void)
{
    return weir__slice_of("2");
}

static void fail_call(struct socket_remote *mine, const char *sentence)
{
    if (mine->is_over)
        return;
    mine->is_over = 1;
    mine->remote.owner.on_lost(mine->remote.owner.owner, sentence);
}

static int64_t in_ms(int64_t ms)
{
    return weir__clock_ns() + ms * 1000000;
}

/* Sets what is being waited for, and until when. */
static void wait_for(struct socket_remote *mine, const char *what, int64_t ms)
{
    mine->waits_for = what;
    mine->give_up_ns = in_ms(ms);
}

/* The deadline has passed without a response. */
static void exceed_deadline(struct socket_remote *mine)
{
    char sentence[200];
    struct weir_reply reply = {.outcome = WEIR_CALL_DEADLINE, .code = -33001, .message = sentence};

    snprintf(sentence, sizeof sentence, "no response from the server: waited for %s",
             mine->waits_for);
    mine->is_over = 1;
    mine->remote.owner.on_done(mine->remote.owner.owner, &reply);
}

static void check_deadline(struct socket_remote *mine)
{
    int64_t now_ns = weir__clock_ns();
    char sentence[300];

    if (mine->is_over)
        return;
    if (mine->deadline_ns != 0 && now_ns >= mine->deadline_ns) {
        exceed_deadline(mine);
    } else if (mine->give_up_ns != 0 && now_ns >= mine->give_up_ns) {
        snprintf(sentence, sizeof sentence,
                 "the server does not respond: waited for %s: is it stopped or overloaded?",
                 mine->waits_for);
        fail_call(mine, sentence);
    }
}

static void lower_timeout(int *timeout_ms, int64_t at_ns)
{
    int64_t left_ms = (at_ns - weir__clock_ns()) / 1000000 + 1;

    if (at_ns == 0)
        return;
    if (left_ms < 0)
        left_ms = 0;
    if (*timeout_ms < 0 || left_ms < *timeout_ms)
        *timeout_ms = left_ms < 60000 ? (int)left_ms : 60000;
}

static int socket_fd(struct remote *remote, short *events, int *timeout_ms)
{
    struct socket_remote *mine = from(remote);

    *events = POLLIN;
    if (mine->sent < mine->sending.length)
        *events |= POLLOUT;
    lower_timeout(timeout_ms, mine->deadline_ns);
    lower_timeout(timeout_ms, mine->give_up_ns);
    if (mine->is_connected)
        return mine->fd;
    if (*timeout_ms < 0 || *timeout_ms > RETRY_MS)
        *timeout_ms = RETRY_MS;
    return -1; /* no event reports room in the queue */
}

static void flush_output(struct socket_remote *mine)
{
    while (mine->sent < mine->sending.length) {
        ssize_t count = weir__write_no_sigpipe(mine->fd, mine->sending.bytes + mine->sent,
                                               mine->sending.length - mine->sent);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) /* EAGAIN: later; other errors appear when reading */
            return;
        mine->sent += (size_t)count;
    }
    mine->sending.length = mine->sent = 0;
}

/* --- The connection ---------------------------------------------------------- */

/* The arguments of the call are for a server of this user or root, not for any user who bound a
 * guessed path first. */
static int check_peer(const struct socket_remote *mine, struct weir_error *error)
{
    uid_t user;

    if (mine->any_server)
        return 0;
    if (weir__socket_peer(mine->fd, &user) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno,
                          "cannot determine the user of the server at %.200s (nothing was sent; "
                          "--any-server skips this check)",
                          mine->address.sun_path);
    if (user == geteuid() || user == 0)
        return 0;
    return weir__fail(error, WEIR_ERR_SYSTEM, 0,
                      "%.200s is served by user %lu, not by you (%lu) or root: nothing was sent: "
                      "use another --socket, or --any-server if you trust that user",
                      mine->address.sun_path, (unsigned long)user, (unsigned long)geteuid());
}

/* Retries while the queue of the server is full. */
static int try_connect(struct socket_remote *mine, struct weir_error *error)
{
    if (connect(mine->fd, (struct sockaddr *)&mine->address, sizeof mine->address) < 0) {
        if (errno == EAGAIN || errno == EINTR)
            return 0;
        return weir__fail(error, WEIR_ERR_SYSTEM, errno,
                          "cannot connect to %.200s: is weir serve running there?",
                          mine->address.sun_path);
    }
    if (check_peer(mine, error) < 0)
        return error->status;
    mine->is_connected = 1;
    wait_for(mine, "its greeting", HELLO_MS);
    if (weir__write_request(&mine->sending, weir__slice_of("1"), "weir/hello",
                            weir__slice_of("{\"version\":1}"), NULL)
        < 0)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
    return 0;
}

/* --- What comes ------------------------------------------------------------ */

static void on_hello(struct socket_remote *mine, const struct weir__message *message)
{
    static const char *const names[] = {"methods"};
    struct weir__slice methods;

    mine->give_up_ns = 0;
    weir__object_get(message->result, names, &methods, 1);
    if (weir__slice_type(methods) != 'o')
        fail_call(mine, "the server's greeting has no methods: is it a weir serve?");
    else
        mine->remote.owner.on_ready(mine->remote.owner.owner, methods);
}

static enum weir_outcome outcome_of(int64_t code)
{
    switch (code) {
    case -32800:
        return WEIR_CALL_CANCELLED;
    case -33001:
        return WEIR_CALL_DEADLINE;
    case -33005:
        return WEIR_CALL_REFUSED;
    case -33006:
        return WEIR_CALL_UNKNOWN;
    case -33007:
        return WEIR_CALL_NO_WORKER;
    case -33008:
        return WEIR_CALL_POISON;
    default:
        return WEIR_CALL_FAILED;
    }
}

static char *copy_slice(struct weir__slice slice)
{
    char *text = malloc(slice.length + 1);

    if (text == NULL)
        return NULL;
    memcpy(text, slice.bytes, slice.length);
    text[slice.length] = '\0';
    return text;
}

static void fill_error(struct weir_reply *reply, struct weir__slice error)
{
    static const char *const names[] = {"code", "message"};
    struct weir__slice values[2];
    char digits[32] = "";

    weir__object_get(error, names, values, 2);
    if (values[0].length < sizeof digits && values[0].length > 0)
        memcpy(digits, values[0].bytes, values[0].length);
    reply->code = strtoll(digits, NULL, 10);
    reply->outcome = outcome_of(reply->code);
    reply->message = weir__slice_string(values[1], NULL);
    reply->error = copy_slice(error);
}

static void on_answer(struct socket_remote *mine, const struct weir__message *message)
{
    struct weir_reply reply = {.outcome = WEIR_CALL_RETURNED, .attempts = 1};

    if (message->kind == WEIR__MESSAGE_RESULT) {
        reply.result = copy_slice(message->result);
        reply.length = message->result.length;
        if (reply.result == NULL) {
            fail_call(mine, "the function returned, but there is not enough memory for its result");
            return;
        }
    } else {
        fill_error(&reply, message->error);
    }
    mine->is_over = 1;
    mine->input.is_closed = true;
    mine->remote.owner.on_done(mine->remote.owner.owner, &reply);
    weir_reply_clear(&reply);
}

static void on_notification(struct socket_remote *mine, const struct weir__message *message)
{
    static const char *const names[] = {"id", "value", "n"};
    struct weir__slice values[3];

    weir__object_get(message->params, names, values, 3);
    if (weir__slice_number(values[0]) != CALL_ID)
        return;
    if (weir__slice_is(message->method, "weir/chunk") && values[1].bytes != NULL)
        mine->remote.owner.on_value(mine->remote.owner.owner, values[1]);
    else if (weir__slice_is(message->method, "weir/credit"))
        weir__sender_grant(&mine->input, weir__slice_number(values[2]));
}

static void on_error(struct socket_remote *mine, const struct weir__message *message)
{
    struct weir_reply reply = {0};
    char sentence[600];

    fill_error(&reply, message->error);
    snprintf(sentence, sizeof sentence, "the server refused: %.500s",
             reply.message != NULL ? reply.message : "no reason given");
    weir_reply_clear(&reply);
    fail_call(mine, sentence);
}

static void on_line(struct socket_remote *mine, const struct weir_line *line)
{
    struct weir__message message;

    weir__message_scan(line->bytes, line->length, &message);
    if (message.kind == WEIR__MESSAGE_NOTIFICATION)
        on_notification(mine, &message);
    else if (message.kind == WEIR__MESSAGE_RESULT && message.number == HELLO_ID)
        on_hello(mine, &message);
    else if (message.number == CALL_ID
             && (message.kind == WEIR__MESSAGE_RESULT || message.kind == WEIR__MESSAGE_ERROR))
        on_answer(mine, &message);
    else if (message.kind == WEIR__MESSAGE_ERROR)
        on_error(mine, &message);
    else if (message.kind != WEIR__MESSAGE_BLANK)
        fail_call(mine, "the server at the socket does not speak the protocol");
}

static void socket_dispatch(struct remote *remote)
{
    struct socket_remote *mine = from(remote);
    struct weir_error error;
    struct weir_line line;
    char bytes[65536];
    ssize_t count;
    int status = 0;

    if (!mine->is_connected) {
        if (try_connect(mine, &error) < 0)
            fail_call(mine, error.text);
        check_deadline(mine);
        return;
    }
    flush_output(mine);
    count = read(mine->fd, bytes, sizeof bytes);
    if (count > 0) {
        status = weir_lines_feed(mine->lines, bytes, (size_t)count, &error);
        while (status >= 0 && !mine->is_over
               && (status = weir_lines_next(mine->lines, &line, &error)) == 1)
            on_line(mine, &line);
        if (status < 0)
            fail_call(mine, error.text);
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
        fail_call(mine, "the server closed the connection: the outcome of the call is unknown");
    }
    check_deadline(mine);
}

/* --- What is said ---------------------------------------------------------- */

static int socket_call(struct remote *remote, const struct remote_call *call,
                       struct weir_error *error)
{
    struct socket_remote *mine = from(remote);
    int64_t left_ms = (mine->deadline_ns - weir__clock_ns()) / 1000000;
    struct weir__call_terms terms = {
        .deadline_ms = mine->deadline_ns == 0 ? -1
                       : left_ms > 0          ? left_ms
                                              : 0,
        .credit = call->credit,
        .input = call->input,
        .traceparent = getenv("TRACEPARENT"),
        .tracestate = getenv("TRACESTATE"),
    };
    struct weir__slice params = call->params;

    if (params.bytes != NULL
        && weir__value_check(params.bytes, params.length, "the arguments", &mine->flat, &params,
                             error)
               < 0)
        return error->status;
    if (weir__write_request(&mine->sending, call_id(), call->method, params, &terms) < 0)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
    mine->waits_for = "the outcome of the call";
    if (mine->deadline_ns != 0) /* the server reports it itself */
        mine->deadline_ns += (int64_t)DEADLINE_MS * 1000000;
    flush_output(mine);
    return 0;
}

static int socket_send(struct remote *remote, const char *bytes, size_t length,
                       struct weir_error *error)
{
    struct socket_remote *mine = from(remote);
    struct weir__slice value;

    if (weir__value_check(bytes, length, "the value", &mine->flat, &value, error) < 0)
        return error->status;
    if (!weir__sender_take(&mine->input))
        return 0;
    if (weir__write_chunk(&mine->sending, call_id(), value) < 0)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
    flush_output(mine);
    return 1;
}

static uint64_t socket_credit(struct remote *remote)
{
    const struct socket_remote *mine = from(remote);

    /* Wait until the server has read what was sent. */
    return mine->input.is_closed || mine->sending.length > 0 ? 0 : (uint64_t)mine->input.credit;
}

static void socket_end(struct remote *remote)
{
    struct socket_remote *mine = from(remote);

    weir__write_end(&mine->sending, call_id(), (struct weir__slice){NULL, 0});
    mine->input.is_closed = true;
    flush_output(mine);
}

static void socket_grant(struct remote *remote, unsigned values)
{
    struct socket_remote *mine = from(remote);

    if (!mine->is_over)
        weir__write_credit(&mine->sending, call_id(), values);
    flush_output(mine);
}

static void socket_cancel(struct remote *remote)
{
    struct socket_remote *mine = from(remote);

    weir__write_cancel(&mine->sending, call_id());
    wait_for(mine, "the end of the cancelled call", CANCEL_MS);
    flush_output(mine);
}

static void socket_free(struct remote *remote, int at_once)
{
    struct socket_remote *mine = from(remote);

    (void)at_once;
    weir__close(&mine->fd);
    weir_lines_free(mine->lines);
    weir__buffer_clear(&mine->sending);
    weir__buffer_clear(&mine->flat);
    free(mine);
}

static const struct remote_kind kind = {
    .fd = socket_fd,
    .dispatch = socket_dispatch,
    .call = socket_call,
    .send = socket_send,
    .credit = socket_credit,
    .end = socket_end,
    .grant = socket_grant,
    .cancel = socket_cancel,
    .free = socket_free,
};

struct remote *remote_socket_open(const struct remote_socket_options *options,
                                  const struct remote_owner *owner, struct weir_error *error)
{
    struct socket_remote *mine = calloc(1, sizeof *mine);
    weir_lines_t *lines = weir_lines_new(WEIR_MAX_LINE);
    int status = 0;

    if (mine == NULL || lines == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
        free(mine);
        weir_lines_free(lines);
        return NULL;
    }
    mine->remote.kind = &kind;
    mine->remote.owner = *owner;
    mine->lines = lines;
    mine->any_server = options->any_server;
    if (options->timeout_ms != WEIR_FOREVER)
        mine->deadline_ns = in_ms(options->timeout_ms);
    wait_for(mine, "a connection", CONNECT_MS);
    mine->fd = -1;
    status = weir__socket_address(&mine->address, options->path, error);
    if (status == 0) {
        mine->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (mine->fd < 0)
            status = weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot make a socket");
    }
    if (status == 0)
        status = try_connect(mine, error);
    if (status == 0)
        return &mine->remote;
    socket_free(&mine->remote, 1);
    return NULL;
}
