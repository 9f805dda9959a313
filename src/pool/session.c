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
#include "rpc/credit.h"
#include "rpc/write.h"
#include "text/syntax.h"

enum {
    /* A client that does not read what it asked for is not read from either, nor is
     * its credit passed on. */
    OWED_MAX = 1 << 20,
    OUTPUT_WINDOW = 64, /* values of one call under way, whatever the client's credit */
    READ_SIZE = 64 * 1024,
    LONGEST_METHOD = 128,
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

/* How much credit to pass on now: all of little, half a window of much. */
static int64_t credit_due(const struct weir__errand *errand)
{
    int64_t room = OUTPUT_WINDOW - errand->under_way;
    int64_t n = errand->promised < room ? errand->promised : room;

    return errand->call != NULL && (n == errand->promised || n >= OUTPUT_WINDOW / 2) ? n : 0;
}

static void pass_output_credit(struct weir__session *session)
{
    struct weir__errand *errand = session->outputs > 0 ? session->errands : NULL;

    while (errand != NULL && session->sending.length - session->sent < OWED_MAX) {
        int64_t n = credit_due(errand);

        if (n == 0) {
            errand = errand->next;
            continue;
        }
        errand->promised -= n;
        errand->under_way += n;
        weir_call_grant(errand->call, (unsigned)n); /* it, and others, may come to an end here */
        errand = session->errands;
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
static void sent(struct weir__session *session, int status)
{
    if (session->is_over)
        return;
    if (status < 0) /* no memory: it would wait for ever */
        be_over(session);
    else if (!session->hearing)
        flush(session);
}

/* Answers a request: to the client, or into its batch. */
static void answer(struct weir__session *session, struct weir__batch *batch, struct weir__slice id,
                   const struct weir_reply *reply, int64_t code, const char *message)
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
        sent(session, status);
}

static void answer_result(struct weir__session *session, struct weir__batch *batch,
                          struct weir__slice id, char *result)
{
    struct weir_reply reply = {.outcome = WEIR_CALL_RETURNED, .result = result};

    if (result == NULL) {
        answer(session, batch, id, NULL, -32603, "no memory");
        return;
    }
    reply.length = strlen(result);
    answer(session, batch, id, &reply, 0, NULL);
    free(result);
}

/* One call of a batch is answered; with the last one the batch is. */
static void leave_batch(struct weir__session *session, struct weir__batch *batch)
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
        sent(session, status);
    }
    weir__buffer_clear(&batch->answers);
    free(batch);
}

/* --- A call ---------------------------------------------------------------- */

static void free_errand(struct weir__errand *errand)
{
    *errand->link = errand->next;
    if (errand->next != NULL)
        errand->next->link = errand->link;
    errand->session->outputs -= (size_t)errand->output;
    weir_call_free(errand->call);
    free((char *)errand->id.bytes);
    free(errand);
}

static void on_value(weir_call_t *call, const char *bytes, size_t length, void *context)
{
    struct weir__errand *errand = context;

    (void)call;
    errand->under_way--;
    sent(errand->session, weir__write_chunk(&errand->session->sending, errand->id,
                                            (struct weir__slice){bytes, length}));
}

static void promise(struct weir__errand *errand, int64_t n)
{
    errand->session->outputs += !errand->output;
    errand->output = 1;
    errand->promised += n;
    if (errand->promised > WEIR__CREDIT_MAX)
        errand->promised = WEIR__CREDIT_MAX;
}

/* Passes on what the worker has granted. */
static void pass_credit(struct weir__errand *errand)
{
    uint64_t credit = errand->call != NULL ? weir_call_credit(errand->call) : 0;
    uint64_t n = credit > errand->granted ? credit - errand->granted : 0;

    if (n == 0 || !errand->input)
        return;
    errand->granted += n;
    sent(errand->session, weir__write_credit(&errand->session->sending, errand->id, n));
}

static void on_credit(weir_call_t *call, void *context)
{
    (void)call;
    pass_credit(context);
}

static void on_done(weir_call_t *call, const struct weir_reply *reply, void *context)
{
    struct weir__errand *errand = context;
    struct weir__session *session = errand->session;
    struct weir__batch *batch = errand->batch;

    (void)call;
    answer(session, batch, errand->id, reply, -32603, "the call came to nothing");
    free_errand(errand);
    leave_batch(session, batch);
}

/* --- Requests -------------------------------------------------------------- */

static struct weir__errand *find(struct weir__session *session, struct weir__slice id)
{
    struct weir__errand *errand = session->errands;

    while (
        errand != NULL
        && (id.length != errand->id.length || memcmp(id.bytes, errand->id.bytes, id.length) != 0))
        errand = errand->next;
    return errand;
}

static char *copy(struct weir__slice slice)
{
    char *text = malloc(slice.length + 1);

    if (text != NULL) {
        memcpy(text, slice.bytes, slice.length);
        text[slice.length] = '\0';
    }
    return text;
}

/* The terms of the request's "weir" member, or -1 where they mean nothing.  The
 * caller frees both texts. */
static int read_terms(struct weir__slice weir, struct weir_call_options *options,
                      char **traceparent, char **tracestate)
{
    static const char *const names[] = {"deadline_ms", "credit", "stream", "traceparent",
                                        "tracestate"};
    struct weir__slice values[5];
    int64_t number;

    weir__object_get(weir, names, values, 5);
    *traceparent = weir__slice_string(values[3], NULL);
    *tracestate = weir__slice_string(values[4], NULL);
    options->traceparent = *traceparent;
    options->tracestate = *tracestate;
    number = weir__slice_number(values[0]);
    if (number >= 0)
        options->timeout_ms = number;
    else if (values[0].bytes != NULL)
        return -1;
    number = weir__slice_number(values[1]);
    if (number < 0 && values[1].bytes != NULL)
        return -1;
    options->credit = number > 0 ? (unsigned)(number < INT32_MAX ? number : INT32_MAX) : 0;
    options->input = weir__slice_is(values[2], "in");
    return values[2].bytes != NULL && !options->input ? -1 : 0;
}

/* Returns 0, or what went wrong as an error code with its sentence. */
static int64_t start(struct weir__errand *errand, const struct weir__message *message,
                     struct weir_error *error)
{
    struct weir_call_sink sink = {on_value, on_credit, on_done, errand};
    struct weir_call_options options;
    char *method = weir__slice_string(message->method, NULL), *traceparent, *tracestate;
    int64_t code = 0;

    weir_call_options_init(&options);
    if (read_terms(message->weir, &options, &traceparent, &tracestate) < 0) {
        weir__fail(error, WEIR_ERR_INVALID, 0, "the member \"weir\" cannot be meant");
        code = -32600;
    } else if (method == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
        code = -32603;
    } else if (*method == '\0' || strlen(method) > LONGEST_METHOD) {
        weir__fail(error, WEIR_ERR_INVALID, 0, "no function has such a name");
        code = -32601;
    } else if (errand->batch != NULL && (options.input || options.credit > 0)) {
        weir__fail(error, WEIR_ERR_INVALID, 0, "a call of a batch has no streams");
        code = -33004;
    } else {
        if (options.credit > 0)
            promise(errand, options.credit);
        options.credit = options.credit < OUTPUT_WINDOW ? options.credit : OUTPUT_WINDOW;
        errand->promised -= options.credit;
        errand->under_way = options.credit;
        errand->call = weir_call_start(errand->session->server->pool, method, message->params.bytes,
                                       message->params.length, &options, &sink, error);
        if (errand->call == NULL)
            code = error->status == WEIR_ERR_INVALID ? -32602 : -32603;
    }
    errand->input = options.input;
    free(method);
    free(traceparent);
    free(tracestate);
    return code;
}

static void call(struct weir__session *session, struct weir__batch *batch,
                 const struct weir__message *message)
{
    struct weir__errand *errand;
    struct weir_error error;
    int64_t code;

    if (find(session, message->id) != NULL) {
        answer(session, batch, message->id, NULL, -32600, "this id is in use");
        return;
    }
    errand = calloc(1, sizeof *errand);
    if (errand == NULL || (errand->id.bytes = copy(message->id)) == NULL) {
        free(errand);
        answer(session, batch, message->id, NULL, -32603, "no memory");
        return;
    }
    errand->id.length = message->id.length;
    errand->session = session;
    errand->batch = batch;
    errand->next = session->errands;
    errand->link = &session->errands;
    if (errand->next != NULL)
        errand->next->link = &errand->next;
    session->errands = errand;
    if (batch != NULL)
        batch->open++;
    code = start(errand, message, &error);
    if (code == 0) {
        pass_credit(errand);
        return;
    }
    answer(session, batch, errand->id, NULL, code, error.text);
    free_errand(errand);
    leave_batch(session, batch);
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
        answer(session, batch, message->id, NULL, -32602, "version must be an integer, 1 or more");
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
        call(session, batch, message);
}

/* --- Notifications --------------------------------------------------------- */

/* The client broke a rule of streams: its call ends, the connection lives. */
static void break_stream(struct weir__errand *errand, const char *rule)
{
    struct weir__session *session = errand->session;

    answer(session, NULL, errand->id, NULL, -33004, rule);
    free_errand(errand); /* cancels it */
}

static void hear_chunk(struct weir__errand *errand, struct weir__slice value)
{
    struct weir_error error;
    int status;

    if (!errand->input || errand->granted == 0) {
        break_stream(errand, errand->input ? "a chunk without credit"
                                           : "a chunk, and no input stream is open");
        return;
    }
    errand->granted--;
    if (value.bytes == NULL) {
        break_stream(errand, "a chunk without a value");
        return;
    }
    status = weir_call_send(errand->call, value.bytes, value.length, &error);
    if (status < 0)
        break_stream(errand, error.text);
}

static void hear_end(struct weir__errand *errand, struct weir__slice error)
{
    static const char *const names[] = {"message"};
    struct weir__slice text;
    char *message = NULL;

    if (!errand->input) {
        break_stream(errand, "an end, and no input stream is open");
        return;
    }
    errand->input = 0;
    if (error.bytes != NULL) {
        weir__object_get(error, names, &text, 1);
        message = weir__slice_string(text, NULL);
        weir_call_end(errand->call, message != NULL ? message : "the input is broken");
        free(message);
        return;
    }
    weir_call_end(errand->call, NULL);
}

static void hear_notification(struct weir__session *session, const struct weir__message *message)
{
    static const char *const names[] = {"id", "value", "n", "error"};
    struct weir__slice values[4];
    struct weir__errand *errand;
    int64_t n;

    weir__object_get(message->params, names, values, 4);
    errand = values[0].bytes != NULL ? find(session, values[0]) : NULL;
    if (errand == NULL)
        return; /* it is over, and the client did not know yet */
    if (weir__slice_is(message->method, "weir/cancel")) {
        weir_call_cancel(errand->call);
    } else if (weir__slice_is(message->method, "weir/chunk")) {
        hear_chunk(errand, values[1]);
    } else if (weir__slice_is(message->method, "weir/end")) {
        hear_end(errand, values[3]);
    } else if (weir__slice_is(message->method, "weir/credit")) {
        n = weir__slice_number(values[2]);
        if (n >= 1 && n <= INT32_MAX)
            promise(errand, n); /* passed on when this burst of lines is over */
        else
            break_stream(errand, "a credit that is not from 1 to 2147483647");
    }
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
        hear_notification(session, message);
        break;
    case WEIR__MESSAGE_NOT_JSON:
    case WEIR__MESSAGE_NOISE:
        answer(session, batch, id, NULL, -32700, "the line is not JSON");
        break;
    case WEIR__MESSAGE_BLANK:
        break;
    default:
        answer(session, batch, id, NULL, -32600,
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
        answer(session, NULL, weir__slice_of("null"), NULL, -32600, "a batch of nothing");
    leave_batch(session, batch);
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
        answer(session, NULL, weir__slice_of("null"), NULL, -32700, error.text);
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

        free_errand(session->errands);
        leave_batch(session, batch);
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
