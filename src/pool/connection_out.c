#include "config.h"

#include "pool/connection_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "rpc/rpc_write.h"
#include "text/lines.h"

enum {
    /* A client that leaves more than this unread is not read from, and its credit is not passed
     * on. */
    OWED_MAX = 1 << 20,
    BASE_WEIGHT = 1024, /* of a connection and its watch */
};

static const struct weir__slice nothing = {NULL, 0};

/* --- Its state -------------------------------------------------------------- */

size_t weir__connection_owed(const struct weir__connection *connection)
{
    return connection->sending.length - connection->sent;
}

int weir__connection_has_room(const struct weir__connection *connection)
{
    return weir__connection_owed(connection) < OWED_MAX;
}

int weir__connection_allows(const struct weir__connection *connection, const char *method)
{
    return connection->carrier == NULL
           || connection->carrier->allows(method, connection->carrier_context);
}

int weir__connection_owes(const struct weir__connection *connection)
{
    return weir__connection_owed(connection) > 0 || connection->is_paused
           || connection->calls != NULL;
}

size_t weir__connection_weight(const struct weir__connection *connection)
{
    if (connection->is_over)
        return 0;
    return BASE_WEIGHT + weir__lines_held(connection->lines) + connection->sending.capacity
           + connection->table_size * sizeof(struct weir__server_call *) + connection->calls_weight;
}

void weir__connection_weigh(struct weir__connection *connection)
{
    connection->server->on_weight(connection->server, connection);
}

int weir__connection_is_read(const struct weir__connection *connection)
{
    return weir__connection_owed(connection) < OWED_MAX && !connection->ending
           && !connection->is_paused && !connection->is_held && !connection->input_over;
}

static void set_watch(struct weir__connection *connection)
{
    /* A paused connection continues in the next turn in which the client can be written to. */
    int out = weir__connection_owed(connection) > 0 || connection->is_paused ? WEIR__WRITABLE : 0;
    int in = weir__connection_is_read(connection) ? WEIR__READABLE : 0;
    /* Where it is not read: only whether the client has disconnected. */
    int gone = in == 0 && !connection->ending ? WEIR__GONE : 0;

    if (connection->watch == NULL || connection->is_over)
        return;
    if (connection->out_watch == NULL) {
        weir__watch_set(connection->watch, in | out | gone);
        return;
    }
    weir__watch_set(connection->watch, in);
    weir__watch_set(connection->out_watch, out | (connection->reader_stays ? 0 : WEIR__GONE));
}

void weir__connection_hold(struct weir__connection *connection, int hold)
{
    connection->is_held = hold;
    set_watch(connection);
}

void weir__connection_end(struct weir__connection *connection)
{
    connection->is_over = 1;
    weir__buffer_clear(&connection->sending);
    connection->sent = 0;
    weir__timer_start(connection->server->sweep, 0);
    weir__connection_weigh(connection);
}

/* A socket may be shared with processes that want it to block. */
static ssize_t write_bytes(const struct weir__connection *connection, const char *bytes,
                           size_t length)
{
    return connection->out_is_socket
               ? send(connection->out_fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL)
               : weir__write_no_sigpipe(connection->out_fd, bytes, length);
}

static ssize_t write_some(const struct weir__connection *connection, const char *bytes,
                          size_t length)
{
    if (connection->carrier == NULL)
        return write_bytes(connection, bytes, length);
    if (connection->carrier->take(bytes, length, connection->carrier_context))
        return (ssize_t)length;
    errno = EAGAIN;
    return -1;
}

/* --- Descriptors ------------------------------------------------------------ */

void weir__parcel_free(struct weir__parcel *parcel)
{
    if (parcel == NULL)
        return;
    weir__close(&parcel->fds[0]);
    weir__close(&parcel->fds[1]);
    free(parcel);
}

void weir__connection_add_parcel(struct weir__connection *connection, struct weir__parcel *parcel)
{
    struct weir__parcel **last = &connection->parcels;

    while (*last != NULL)
        last = &(*last)->next;
    *last = parcel;
}

void weir__connection_drop_parcels(struct weir__connection *connection)
{
    struct weir__parcel *parcel;

    while ((parcel = connection->parcels) != NULL) {
        connection->parcels = parcel->next;
        weir__parcel_free(parcel);
    }
}

static ssize_t write_with_fds(const struct weir__connection *connection, const char *bytes,
                              size_t length, const int fds[2])
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
    struct msghdr header = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);

    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(rights), fds, 2 * sizeof(int));
    return sendmsg(connection->out_fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Writes from the start of what is owed: up to the next parcel, or with one, up to the one after
 * it. */
static ssize_t write_next(struct weir__connection *connection)
{
    const char *bytes = connection->sending.bytes + connection->sent;
    struct weir__parcel *first = connection->parcels, *next = first;
    size_t length = weir__connection_owed(connection);
    ssize_t count;

    if (first != NULL && first->at == connection->written)
        next = first->next;
    else
        first = NULL;
    if (next != NULL && next->at - connection->written < length)
        length = (size_t)(next->at - connection->written);
    if (first == NULL)
        return write_some(connection, bytes, length);
    count = write_with_fds(connection, bytes, length, first->fds);
    if (count > 0) {
        connection->parcels = next;
        weir__parcel_free(first);
    }
    return count;
}

void weir__connection_drop(struct weir__connection *connection, const char *why)
{
    struct weir__buffer line = {0};

    if (weir__connection_owed(connection) == 0
        && weir__write_error(&line, weir__slice_of("null"), -33005, why, nothing) == 0)
        (void)!write_some(connection, line.bytes, line.length);
    weir__buffer_clear(&line);
    weir__connection_end(connection);
}

/* Drops sent bytes, even if the client always lags behind a little. */
static void forget_sent(struct weir__connection *connection)
{
    struct weir__buffer *sending = &connection->sending;

    if (weir__connection_owed(connection) == 0) {
        sending->length = connection->sent = 0;
        if (sending->capacity > WEIR__CONNECTION_CHUNK)
            weir__buffer_clear(sending);
    } else if (connection->sent > WEIR__CONNECTION_CHUNK
               && connection->sent >= weir__connection_owed(connection)) {
        memmove(sending->bytes, sending->bytes + connection->sent,
                weir__connection_owed(connection));
        sending->length = weir__connection_owed(connection);
        connection->sent = 0;
        weir__buffer_shrink(sending, WEIR__CONNECTION_CHUNK);
    }
}

/* --- Credit ---------------------------------------------------------------- */

void weir__connection_forget_credit(struct weir__server_call *call)
{
    struct weir__connection *connection = call->connection;

    if (call->due_link == NULL)
        return;
    *call->due_link = call->next_due;
    if (call->next_due != NULL)
        call->next_due->due_link = call->due_link;
    else
        connection->last_due = call->due_link;
    call->due_link = NULL;
}

/* The credit to pass on now: all if it is little, otherwise once it is half a window. */
static int64_t credit_due(const struct weir__server_call *call)
{
    int64_t room = WEIR__OUTPUT_WINDOW - call->under_way;
    int64_t n = call->promised < room ? call->promised : room;

    return call->pool_call != NULL && (n == call->promised || n >= WEIR__OUTPUT_WINDOW / 2) ? n : 0;
}

void weir__connection_owe_credit(struct weir__server_call *call)
{
    struct weir__connection *connection = call->connection;

    if (call->due_link != NULL || credit_due(call) == 0)
        return;
    call->next_due = NULL;
    call->due_link = connection->last_due;
    *connection->last_due = call;
    connection->last_due = &call->next_due;
}

static void pass_credit(struct weir__connection *connection)
{
    struct weir__server_call *call = connection->due;
    int64_t n = credit_due(call);

    weir__connection_forget_credit(call);
    call->promised -= n;
    call->under_way += n;
    if (n > 0)
        weir_call_grant(call->pool_call, (unsigned)n); /* the call may end here */
}

/* --- Bytes ----------------------------------------------------------------- */

/* Nothing more is asked, and all that was asked is answered. */
static int is_answered(const struct weir__connection *connection)
{
    return connection->input_over && connection->calls == NULL && connection->batch == NULL
           && !connection->is_paused && !connection->is_reading;
}

void weir__connection_flush(struct weir__connection *connection)
{
    while (weir__connection_owed(connection) > 0) {
        ssize_t count = write_next(connection);

        if (connection->is_over) /* ended by what its carrier did */
            return;
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            break;
        if (count < 0) {
            weir__connection_end(connection);
            return;
        }
        connection->sent += (size_t)count;
        connection->written += (uint64_t)count;
        connection->has_taken = 1;
    }
    forget_sent(connection);
    if (weir__connection_owed(connection) == 0 && (connection->ending || is_answered(connection))) {
        weir__connection_end(connection);
        return;
    }
    while (connection->due != NULL && weir__connection_owed(connection) < OWED_MAX)
        pass_credit(connection); /* calls may end here */
    if (connection->is_over)
        return;
    set_watch(connection);
    weir__connection_weigh(connection);
}

void weir__connection_sent(struct weir__connection *connection, int status)
{
    if (connection->is_over)
        return;
    if (status < 0) /* out of memory: the client would wait forever */
        weir__connection_end(connection);
    else if (!connection->is_reading)
        weir__connection_flush(connection);
    else
        weir__connection_weigh(connection);
}

struct weir__buffer *weir__connection_begin_answer(struct weir__connection *connection,
                                                   struct weir__batch *batch)
{
    if (connection->is_over)
        return NULL;
    if (batch == NULL)
        return &connection->sending;
    connection->calls_weight -= batch->answers.capacity;
    if (batch->answers.length > 0 || weir__buffer_add(&batch->answers, "[", 1, NULL) == 0)
        return &batch->answers;
    weir__connection_end(connection);
    return NULL;
}

void weir__connection_written(struct weir__connection *connection, struct weir__batch *batch,
                              int status)
{
    if (batch == NULL) {
        weir__connection_sent(connection, status);
        return;
    }
    connection->calls_weight += batch->answers.capacity;
    if (status < 0) {
        weir__connection_sent(connection, status);
        return;
    }
    batch->answers.bytes[batch->answers.length - 1] = ','; /* in place of the end of line */
    weir__connection_weigh(connection);
}

void weir__connection_answer(struct weir__connection *connection, struct weir__batch *batch,
                             struct weir__slice id, const struct weir_reply *reply, int64_t code,
                             const char *message)
{
    struct weir__buffer *to = weir__connection_begin_answer(connection, batch);
    int status;

    if (to == NULL)
        return;
    if (reply != NULL && reply->outcome == WEIR_CALL_RETURNED)
        status = weir__write_result(to, id, (struct weir__slice){reply->result, reply->length});
    else if (reply != NULL && reply->error != NULL)
        status = weir__write_error_object(to, id, weir__slice_of(reply->error));
    else
        status = weir__write_error(to, id, code, message, nothing);
    weir__connection_written(connection, batch, status);
}

/* Moves the answers instead of copying them where possible; they may be large. */
static int send_answers(struct weir__connection *connection, struct weir__buffer *answers)
{
    struct weir__buffer *sending = &connection->sending;

    answers->bytes[answers->length - 1] = ']';
    if (weir__buffer_add(answers, "\n", 1, NULL) < 0)
        return WEIR_ERR_NOMEM;
    if (sending->length > 0)
        return weir__buffer_add(sending, answers->bytes, answers->length, NULL);
    weir__buffer_clear(sending);
    *sending = *answers;
    *answers = (struct weir__buffer){0};
    return 0;
}

void weir__connection_leave_batch(struct weir__connection *connection, struct weir__batch *batch)
{
    int status;

    if (batch == NULL || --batch->open > 0)
        return;
    connection->calls_weight -= batch->answers.capacity;
    if (batch->answers.length > 0 && !connection->is_over) {
        status = send_answers(connection, &batch->answers);
        weir__buffer_clear(&batch->answers);
        weir__connection_sent(connection, status);
    }
    weir__buffer_clear(&batch->answers);
    free(batch);
}
