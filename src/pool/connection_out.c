#include "config.h"

#include "pool/connection_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/fd.h"
#include "rpc/credit.h"
#include "rpc/rpc_write.h"
#include "text/lines.h"

enum {
    /* A client that does not read its answers is not read from, nor is its credit passed on. */
    OWED_MAX = 1 << 20,
    BASE_WEIGHT = 1024, /* of a connection: itself, and its watch */
};

static const struct weir__slice nothing = {NULL, 0};

/* --- Its state -------------------------------------------------------------- */

size_t weir__session_owed(const struct weir__session *session)
{
    return session->sending.length - session->sent;
}

int weir__session_has_room(const struct weir__session *session)
{
    return weir__session_owed(session) < OWED_MAX;
}

int weir__session_owes(const struct weir__session *session)
{
    return weir__session_owed(session) > 0 || session->is_paused || session->errands != NULL;
}

size_t weir__session_weight(const struct weir__session *session)
{
    if (session->is_over)
        return 0;
    return BASE_WEIGHT + weir__lines_held(session->lines) + session->sending.capacity
           + session->table_size * sizeof(struct weir__errand *) + session->calls_weight;
}

void weir__session_weigh(struct weir__session *session)
{
    session->server->on_weight(session->server, session);
}

int weir__session_is_read(const struct weir__session *session)
{
    return weir__session_owed(session) < OWED_MAX && !session->ending && !session->is_paused && !session->is_held;
}

static void set_watch(struct weir__session *session)
{
    /* What is paused goes on in the next turn in which the client could be written to. */
    int bits = weir__session_owed(session) > 0 || session->is_paused ? WEIR__WRITABLE : 0;

    if (weir__session_is_read(session))
        bits |= WEIR__READABLE;
    else if (!session->ending) /* only whether the client has gone */
        bits |= WEIR__GONE;
    if (session->watch != NULL && !session->is_over)
        weir__watch_set(session->watch, bits);
}

void weir__session_hold(struct weir__session *session, int hold)
{
    session->is_held = hold;
    set_watch(session);
}

/* The loop sees a descriptor that was shut down as readable. */
void weir__session_end(struct weir__session *session)
{
    session->is_over = 1;
    weir__buffer_clear(&session->sending);
    session->sent = 0;
    shutdown(session->fd, SHUT_RDWR);
    if (session->watch != NULL)
        weir__watch_set(session->watch, WEIR__READABLE);
    weir__session_weigh(session);
}

void weir__session_drop(struct weir__session *session, const char *why)
{
    struct weir__buffer line = {0};

    if (weir__session_owed(session) == 0
        && weir__write_error(&line, weir__slice_of("null"), -33005, why, nothing) == 0)
        (void)!weir__write_no_sigpipe(session->fd, line.bytes, line.length);
    weir__buffer_clear(&line);
    weir__session_end(session);
}

/* Even for a client that is always a little behind, bytes that were sent are dropped. */
static void forget_sent(struct weir__session *session)
{
    struct weir__buffer *sending = &session->sending;

    if (weir__session_owed(session) == 0) {
        sending->length = session->sent = 0;
        if (sending->capacity > WEIR__CONNECTION_CHUNK)
            weir__buffer_clear(sending);
    } else if (session->sent > WEIR__CONNECTION_CHUNK && session->sent >= weir__session_owed(session)) {
        memmove(sending->bytes, sending->bytes + session->sent, weir__session_owed(session));
        sending->length = weir__session_owed(session);
        session->sent = 0;
        weir__buffer_shrink(sending, WEIR__CONNECTION_CHUNK);
    }
}

/* --- Credit ---------------------------------------------------------------- */

void weir__session_forget_credit(struct weir__errand *errand)
{
    struct weir__session *session = errand->session;

    if (errand->due_link == NULL)
        return;
    *errand->due_link = errand->next_due;
    if (errand->next_due != NULL)
        errand->next_due->due_link = errand->due_link;
    else
        session->last_due = errand->due_link;
    errand->due_link = NULL;
}

/* How much credit to pass on now: all of little, half a window of much. */
static int64_t credit_due(const struct weir__errand *errand)
{
    int64_t room = WEIR__OUTPUT_WINDOW - errand->under_way;
    int64_t n = errand->promised < room ? errand->promised : room;

    return errand->call != NULL && (n == errand->promised || n >= WEIR__OUTPUT_WINDOW / 2) ? n : 0;
}

void weir__session_owe_credit(struct weir__errand *errand)
{
    struct weir__session *session = errand->session;

    if (errand->due_link != NULL || credit_due(errand) == 0)
        return;
    errand->next_due = NULL;
    errand->due_link = session->last_due;
    *session->last_due = errand;
    session->last_due = &errand->next_due;
}

static void pass_credit(struct weir__session *session)
{
    struct weir__errand *errand = session->due;
    int64_t n = credit_due(errand);

    weir__session_forget_credit(errand);
    errand->promised -= n;
    errand->under_way += n;
    if (n > 0)
        weir_call_grant(errand->call, (unsigned)n); /* it may end here */
}

/* --- Bytes ----------------------------------------------------------------- */

void weir__session_flush(struct weir__session *session)
{
    while (weir__session_owed(session) > 0) {
        ssize_t count = weir__write_no_sigpipe(session->fd, session->sending.bytes + session->sent,
                                               session->sending.length - session->sent);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            break;
        if (count < 0) {
            weir__session_end(session);
            return;
        }
        session->sent += (size_t)count;
        session->has_taken = 1;
    }
    forget_sent(session);
    if (weir__session_owed(session) == 0 && session->ending) {
        weir__session_end(session);
        return;
    }
    while (session->due != NULL && weir__session_owed(session) < OWED_MAX)
        pass_credit(session); /* calls may end here */
    if (session->is_over)
        return;
    set_watch(session);
    weir__session_weigh(session);
}

void weir__session_sent(struct weir__session *session, int status)
{
    if (session->is_over)
        return;
    if (status < 0) /* no memory: the client would wait for ever */
        weir__session_end(session);
    else if (!session->hearing)
        weir__session_flush(session);
    else
        weir__session_weigh(session);
}

void weir__session_answer(struct weir__session *session, struct weir__batch *batch,
                          struct weir__slice id, const struct weir_reply *reply, int64_t code,
                          const char *message)
{
    struct weir__buffer *to = batch != NULL ? &batch->answers : &session->sending;
    size_t before = to->capacity;
    int status = 0;

    if (session->is_over)
        return;
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
    if (batch != NULL)
        session->calls_weight += to->capacity - before;
    if (batch == NULL || status < 0)
        weir__session_sent(session, status);
    else
        weir__session_weigh(session);
}

/* The answers may be large: they are moved where possible. */
static int send_answers(struct weir__session *session, struct weir__buffer *answers)
{
    struct weir__buffer *sending = &session->sending;

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

void weir__session_leave_batch(struct weir__session *session, struct weir__batch *batch)
{
    int status;

    if (batch == NULL || --batch->open > 0)
        return;
    session->calls_weight -= batch->answers.capacity;
    if (batch->answers.length > 0 && !session->is_over) {
        status = send_answers(session, &batch->answers);
        weir__buffer_clear(&batch->answers);
        weir__session_sent(session, status);
    }
    weir__buffer_clear(&batch->answers);
    free(batch);
}
