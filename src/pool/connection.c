#include "config.h"

#include "pool/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "pool/call_queue.h"
#include "pool/server_call.h"
#include "proc/context.h"
#include "text/json_validate.h"
#include "text/lines.h"

enum {
    /* What one connection may send in a turn of the loop, so that others have theirs. */
    TURN_MESSAGES = 256,
    TURN_BYTES = 1 << 20,
    BUILT_IN_COST = 16, /* messages; the answer is made here and now */
};

/* --- Requests -------------------------------------------------------------- */

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

/* Returns what it cost, in messages. */
static int hear_request(struct weir__session *session, struct weir__batch *batch,
                        const struct weir__message *message)
{
    if (weir__slice_is(message->method, "weir/hello")) {
        hear_hello(session, batch, message);
    } else if (weir__slice_is(message->method, "weir/methods")) {
        answer_result(session, batch, message->id, weir_pool_methods(session->server->pool));
    } else if (weir__slice_is(message->method, "weir/stats")) {
        answer_result(session, batch, message->id, weir__server_stats(session->server));
    } else {
        weir__errand_start(session, batch, message);
        return 1;
    }
    return BUILT_IN_COST;
}

/* --- Lines ----------------------------------------------------------------- */

/* Returns what it cost. */
static int hear_message(struct weir__session *session, struct weir__batch *batch,
                        const struct weir__message *message)
{
    struct weir__slice id = message->id.bytes != NULL ? message->id : weir__slice_of("null");

    switch (message->kind) {
    case WEIR__MESSAGE_REQUEST:
        return hear_request(session, batch, message);
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
    return 1;
}

/* What is left of a turn. */
struct turn {
    int messages;
    ptrdiff_t bytes;
};

static int has_turn(const struct weir__session *session, const struct turn *turn)
{
    return turn->messages > 0 && turn->bytes > 0 && weir__session_has_room(session) && !session->is_over
           && !session->ending;
}

static void begin_batch(struct weir__session *session, struct weir__slice elements)
{
    session->batch = calloc(1, sizeof *session->batch);
    if (session->batch == NULL) {
        weir__session_end(session);
        return;
    }
    session->batch->open = 1; /* ourselves, until all are heard */
    session->rest = elements;
}

static void end_batch(struct weir__session *session)
{
    struct weir__batch *batch = session->batch;

    session->batch = NULL;
    if (batch->heard == 0)
        weir__session_answer(session, NULL, weir__slice_of("null"), NULL, -32600,
                             "the batch is empty");
    weir__session_leave_batch(session, batch);
}

static void hear_elements(struct weir__session *session, struct turn *turn)
{
    struct weir__slice element;
    struct weir__message message;

    while (has_turn(session, turn)) {
        if (!weir__message_next(&session->rest, &element)) {
            end_batch(session);
            return;
        }
        session->batch->heard++;
        weir__message_scan(element.bytes, element.length, &message);
        if (message.kind == WEIR__MESSAGE_NOISE || message.kind == WEIR__MESSAGE_BATCH)
            message.kind = WEIR__MESSAGE_NOT_RPC;
        turn->messages -= hear_message(session, session->batch, &message);
        turn->bytes -= (ptrdiff_t)element.length;
    }
}

static void hear_line(struct weir__session *session, const struct weir_line *line,
                      struct turn *turn)
{
    struct weir__message message;

    weir__message_scan(line->bytes, line->length, &message);
    if (message.kind == WEIR__MESSAGE_NOISE
        && weir__json_syntax_utf8(line->bytes, line->length, NULL))
        message.kind = WEIR__MESSAGE_NOT_RPC; /* a number, a string */
    if (message.kind == WEIR__MESSAGE_BATCH) {
        begin_batch(session, message.params);
        return;
    }
    turn->messages -= hear_message(session, NULL, &message);
    turn->bytes -= (ptrdiff_t)line->length;
}

/* Hears what was read, for one turn of the loop: what is left then waits in lines. */
static void hear_lines(struct weir__session *session)
{
    struct turn turn = {TURN_MESSAGES, TURN_BYTES};
    struct weir_error error;
    struct weir_line line;
    int status = 1;

    while (status == 1 && has_turn(session, &turn)) {
        if (session->batch != NULL)
            hear_elements(session, &turn);
        else if ((status = weir_lines_next(session->lines, &line, &error)) == 1)
            hear_line(session, &line, &turn);
    }
    if (status < 0 && !session->is_over) {
        weir__session_answer(session, NULL, weir__slice_of("null"), NULL, -32700, error.text);
        session->ending = 1;
    }
    session->is_paused = status == 1 && !session->is_over && !session->ending;
    if (!session->is_paused)
        weir__lines_trim(session->lines, WEIR__CONNECTION_CHUNK);
}

static void read_some(struct weir__session *session)
{
    char bytes[WEIR__CONNECTION_CHUNK];
    ssize_t count = read(session->fd, bytes, sizeof bytes);

    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0 || weir_lines_feed(session->lines, bytes, (size_t)count, NULL) < 0)
        session->is_over = 1;
    else
        hear_lines(session);
}

/* After anything that may have ended it. */
static void settle(struct weir__session *session)
{
    session->hearing = 0;
    if (session->is_over)
        weir__session_close(session);
    else
        weir__session_flush(session);
}

static void on_socket(void *data, int bits)
{
    struct weir__session *session = data;

    session->hearing = 1;
    if (bits & WEIR__READABLE && !session->is_over) {
        if (weir__session_is_read(session))
            read_some(session);
        else if (!session->ending)
            session->is_over = 1; /* not read, and told all the same: the client has gone */
    } else if (session->is_paused && !session->is_over) {
        hear_lines(session);
    }
    settle(session);
}

/* --- Life ------------------------------------------------------------------ */

static void free_memory(struct weir__session *session)
{
    weir_lines_free(session->lines);
    weir__buffer_clear(&session->sending);
    free(session->flow);
    free(session->table);
    free(session);
}

int weir__session_open(struct weir__server *server, int fd, struct weir_error *error)
{
    struct weir__session *session = calloc(1, sizeof *session);

    if (session != NULL) {
        session->lines = weir_lines_new(WEIR_MAX_LINE);
        session->flow = weir__flow_new(server->pool);
    }
    if (session == NULL || session->lines == NULL || session->flow == NULL) {
        if (session != NULL)
            free_memory(session);
        weir__close(&fd);
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
    }
    if (weir__watch_new(server->weir->loop, fd, WEIR__READABLE, on_socket, session, &session->watch,
                        error)
        < 0) {
        free_memory(session);
        weir__close(&fd);
        return error != NULL ? (int)error->status : WEIR_ERR_SYSTEM;
    }
    session->server = server;
    session->fd = fd;
    session->last_due = &session->due;
    session->next = server->sessions;
    session->link = &server->sessions;
    if (session->next != NULL)
        session->next->link = &session->next;
    server->sessions = session;
    server->connections++;
    weir__session_weigh(session);
    return 0;
}

void weir__session_close(struct weir__session *session)
{
    session->is_over = 1;
    while (session->errands != NULL)
        weir__errand_drop(session->errands);
    weir__session_leave_batch(session, session->batch);
    weir__session_weigh(session); /* nothing now; it is held no more */
    session->server->connections--;
    *session->link = session->next;
    if (session->next != NULL)
        session->next->link = session->link;
    weir__watch_close(&session->watch);
    weir__close(&session->fd);
    free_memory(session);
}
