/* A connection: what goes out, what comes in, and its end. */
#include "config.h"

#include "pool/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "proc/context.h"
#include "rpc/write.h"
#include "text/syntax.h"

enum {
    /* A client that does not read what it asked for is not read from either, nor is
     * its credit passed on. */
    OWED_MAX = 1 << 20,
    READ_SIZE = 64 * 1024,
};

static const struct weir__slice nothing = {NULL, 0};

/* --- Sending --------------------------------------------------------------- */

int weir__session_owes(const struct weir__session *session)
{
    return session->sent < session->sending.length;
}

static void set_watch(struct weir__session *session)
{
    size_t owed = session->sending.length - session->sent;
    int bits = (owed < OWED_MAX && !session->ending ? WEIR__READABLE : 0)
               | (owed > 0 ? WEIR__WRITABLE : 0);

    if (session->watch != NULL)
        weir__watch_set(session->watch, bits);
}

/* Its end may come inside callbacks of its own calls: it is closed from the loop,
 * which sees a descriptor that was shut down as readable. */
static void be_over(struct weir__session *session)
{
    session->is_over = 1;
    shutdown(session->fd, SHUT_RDWR);
    if (session->watch != NULL)
        weir__watch_set(session->watch, WEIR__READABLE);
}

static void pass_output_credit(struct weir__session *session)
{
    struct weir__errand *errand = session->outputs > 0 ? session->errands : NULL;

    while (errand != NULL && session->sending.length - session->sent < OWED_MAX) {
        /* It, and others, may come to an end here. */
        errand = weir__errand_grant(errand) ? session->errands : errand->next;
    }
}

static void flush(struct weir__session *session)
{
    while (weir__session_owes(session)) {
        ssize_t count = weir__write_no_sigpipe(session->fd, session->sending.bytes + session->sent,
                                               session->sending.length - session->sent);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            break;
        if (count < 0) {
            be_over(session);
            return;
        }
        session->sent += (size_t)count;
    }
    if (!weir__session_owes(session)) {
        session->sending.length = session->sent = 0;
        if (session->sending.capacity > READ_SIZE)
            weir__buffer_clear(&session->sending);
        if (session->ending) {
            be_over(session);
            return;
        }
    }
    pass_output_credit(session);
    if (!session->is_over)
        set_watch(session);
}

/* What was added goes out now, or when the burst of lines that is being heard is over. */
void weir__session_sent(struct weir__session *session, int status)
{
    if (session->is_over)
        return;
    if (status < 0) /* no memory: it would wait for ever */
        be_over(session);
    else if (!session->hearing)
        flush(session);
}

/* Answers a request: to the client, or into its batch. */
void weir__session_answer(struct weir__session *session, struct weir__batch *batch,
                          struct weir__slice id, const struct weir_reply *reply, int64_t code,
                          const char *message)
{
    struct weir__buffer *to = batch != NULL ? &batch->answers : &session->sending;
    int status = 0;

    if (batch != NULL && to->length == 0)
        status = weir__buffer_add(to, "[", 1, NULL);
    if (status >= 0 && reply != NULL && reply->outcome == WEIR_CALL_RETURNED)
        status = weir__write_result(to, id, (struct weir__slice){reply->result, reply->length});
    else if (status >= 0 && reply != NULL && reply->error != NULL)
        status = weir__write_error_object(to, id, weir__slice_of(reply->error));
    else if (status >= 0)
        status = weir__write_error(to, id, code, message, nothing);
    if (status >= 0 && batch != NULL)
        to->bytes[to->length - 1] = ','; /* where the line end was */
    if (batch == NULL || status < 0)
        weir__session_sent(session, status);
}

static void answer_result(struct weir__session *session, struct weir__batch *batch,
                          struct weir__slice id, char *result)
{
    struct weir_reply reply = {.outcome = WEIR_CALL_RETURNED, .result = result};

    if (result == NULL) {
        weir__session_answer(session, batch, id, NULL, -32603, "no memory");
        return;
    }
    reply.length = strlen(result);
    weir__session_answer(session, batch, id, &reply, 0, NULL);
    free(result);
}

/* One call of a batch is answered; with the last one the batch is. */
void weir__session_leave_batch(struct weir__session *session, struct weir__batch *batch)
{
    int status = 0;

    if (batch == NULL || --batch->open > 0)
        return;
    if (batch->answers.length > 0 && !session->is_over) {
        batch->answers.bytes[batch->answers.length - 1] = ']';
        status =
            weir__buffer_add(&session->sending, batch->answers.bytes, batch->answers.length, NULL);
        if (status >= 0)
            status = weir__buffer_add(&session->sending, "\n", 1, NULL);
        weir__session_sent(session, status);
    }
    weir__buffer_clear(&batch->answers);
    free(batch);
}

/* --- Requests -------------------------------------------------------------- */

static char *hello(struct weir__session *session)
{
    char *methods = weir_pool_methods(session->server->pool), node[256] = "", head[128];
    struct weir__buffer text = {0};
    static const char between[] = ",\"methods\":";
    int status = methods == NULL ? -1 : 0;

    gethostname(node, sizeof node - 1);
    snprintf(head, sizeof head,
             "{\"version\":1,\"name\":\"weir serve\",\"pid\":%ld,\"concurrency\":%u,\"node\":",
             (long)getpid(), session->server->concurrency);
    if (status >= 0)
        status = weir__buffer_add(&text, head, strlen(head), NULL);
    if (status >= 0)
        status = weir__write_string(&text, node, strlen(node));
    if (status >= 0)
        status = weir__buffer_add(&text, between, sizeof between - 1, NULL);
    if (status >= 0)
        status = weir__buffer_add(&text, methods, strlen(methods), NULL);
    if (status >= 0)
        status = weir__buffer_add(&text, "}", 2, NULL); /* with its NUL byte */
    free(methods);
    if (status < 0)
        weir__buffer_clear(&text);
    return text.bytes;
}

static void hear_hello(struct weir__session *session, struct weir__batch *batch,
                       const struct weir__message *message)
{
    static const char *const names[] = {"version"};
    struct weir__slice version;

    weir__object_get(message->params, names, &version, 1);
    if (weir__slice_number(version) >= 1)
        answer_result(session, batch, message->id, hello(session));
    else
        weir__session_answer(session, batch, message->id, NULL, -32602,
                             "version must be an integer, 1 or more");
}

static void hear_request(struct weir__session *session, struct weir__batch *batch,
                         const struct weir__message *message)
{
    weir_pool_t *pool = session->server->pool;

    if (weir__slice_is(message->method, "weir/hello"))
        hear_hello(session, batch, message);
    else if (weir__slice_is(message->method, "weir/methods"))
        answer_result(session, batch, message->id, weir_pool_methods(pool));
    else if (weir__slice_is(message->method, "weir/stats"))
        answer_result(session, batch, message->id, weir_pool_stats(pool));
    else
        weir__errand_start(session, batch, message);
}

/* --- Lines ----------------------------------------------------------------- */

static void hear_message(struct weir__session *session, struct weir__batch *batch,
                         const struct weir__message *message)
{
    struct weir__slice id = message->id.bytes != NULL ? message->id : weir__slice_of("null");

    switch (message->kind) {
    case WEIR__MESSAGE_REQUEST:
        hear_request(session, batch, message);
        break;
    case WEIR__MESSAGE_NOTIFICATION:
        weir__errand_notice(session, message);
        break;
    case WEIR__MESSAGE_NOT_JSON:
    case WEIR__MESSAGE_NOISE:
        weir__session_answer(session, batch, id, NULL, -32700, "the line is not JSON");
        break;
    case WEIR__MESSAGE_BLANK:
        break;
    default:
        weir__session_answer(session, batch, id, NULL, -32600,
                             message->reason != NULL ? message->reason : "it is not a request");
        break;
    }
}

static void hear_batch(struct weir__session *session, struct weir__slice rest)
{
    struct weir__batch *batch = calloc(1, sizeof *batch);
    struct weir__slice element;
    struct weir__message message;
    size_t count = 0;

    if (batch == NULL) {
        be_over(session);
        return;
    }
    batch->open = 1; /* ourselves, until all are heard */
    while (!session->is_over && weir__message_next(&rest, &element)) {
        count++;
        weir__message_scan(element.bytes, element.length, &message);
        if (message.kind == WEIR__MESSAGE_NOISE || message.kind == WEIR__MESSAGE_BATCH)
            message.kind = WEIR__MESSAGE_NOT_RPC;
        hear_message(session, batch, &message);
    }
    if (count == 0)
        weir__session_answer(session, NULL, weir__slice_of("null"), NULL, -32600,
                             "a batch of nothing");
    weir__session_leave_batch(session, batch);
}

static void hear_lines(struct weir__session *session)
{
    struct weir__message message;
    struct weir_error error;
    struct weir_line line;
    int status = 0;

    while (!session->is_over && !session->ending
           && (status = weir_lines_next(session->lines, &line, &error)) == 1) {
        weir__message_scan(line.bytes, line.length, &message);
        if (message.kind == WEIR__MESSAGE_NOISE
            && weir__json_syntax_utf8(line.bytes, line.length, NULL))
            message.kind = WEIR__MESSAGE_NOT_RPC; /* a number, a string */
        if (message.kind == WEIR__MESSAGE_BATCH)
            hear_batch(session, message.params);
        else
            hear_message(session, NULL, &message);
    }
    if (status < 0 && !session->is_over) {
        weir__session_answer(session, NULL, weir__slice_of("null"), NULL, -32700, error.text);
        session->ending = 1;
    }
}

static void read_some(struct weir__session *session)
{
    char bytes[READ_SIZE];
    ssize_t count = read(session->fd, bytes, sizeof bytes);

    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0 || weir_lines_feed(session->lines, bytes, (size_t)count, NULL) < 0)
        session->is_over = 1;
    else
        hear_lines(session);
}

static void on_socket(void *data, int bits)
{
    struct weir__session *session = data;

    session->hearing = 1;
    if (bits & WEIR__READABLE && !session->is_over)
        read_some(session);
    session->hearing = 0;
    if (session->is_over)
        weir__session_close(session);
    else
        flush(session);
}

/* --- Life ------------------------------------------------------------------ */

int weir__session_open(struct weir__server *server, int fd, struct weir_error *error)
{
    struct weir__session *session = calloc(1, sizeof *session);

    if (session != NULL)
        session->lines = weir_lines_new(WEIR_MAX_LINE);
    if (session == NULL || session->lines == NULL) {
        free(session);
        weir__close(&fd);
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
    }
    if (weir__watch_new(server->weir->loop, fd, WEIR__READABLE, on_socket, session, &session->watch,
                        error)
        < 0) {
        weir_lines_free(session->lines);
        free(session);
        weir__close(&fd);
        return error != NULL ? (int)error->status : WEIR_ERR_SYSTEM;
    }
    session->server = server;
    session->fd = fd;
    session->next = server->sessions;
    session->link = &server->sessions;
    if (session->next != NULL)
        session->next->link = &session->next;
    server->sessions = session;
    return 0;
}

void weir__session_close(struct weir__session *session)
{
    session->is_over = 1;
    while (session->errands != NULL) {
        struct weir__batch *batch = session->errands->batch;

        weir__errand_free(session->errands);
        weir__session_leave_batch(session, batch);
    }
    *session->link = session->next;
    if (session->next != NULL)
        session->next->link = session->link;
    weir__watch_close(&session->watch);
    weir__close(&session->fd);
    weir_lines_free(session->lines);
    weir__buffer_clear(&session->sending);
    free(session);
}
