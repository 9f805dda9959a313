/* A call of a client's: from its request to its answer. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "pool/session.h"
#include "rpc/credit.h"
#include "rpc/write.h"

enum {
    OUTPUT_WINDOW = 64, /* values of one call under way, whatever the client's credit */
    LONGEST_METHOD = 128,
};

void weir__errand_free(struct weir__errand *errand)
{
    *errand->link = errand->next;
    if (errand->next != NULL)
        errand->next->link = errand->link;
    errand->session->outputs -= (size_t)errand->output;
    weir_call_free(errand->call);
    free((char *)errand->id.bytes);
    free(errand);
}

/* --- What its call has to say ----------------------------------------------- */

static void on_value(weir_call_t *call, const char *bytes, size_t length, void *context)
{
    struct weir__errand *errand = context;

    (void)call;
    errand->under_way--;
    weir__session_sent(errand->session, weir__write_chunk(&errand->session->sending, errand->id,
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

/* How much credit to pass on now: all of little, half a window of much. */
static int64_t credit_due(const struct weir__errand *errand)
{
    int64_t room = OUTPUT_WINDOW - errand->under_way;
    int64_t n = errand->promised < room ? errand->promised : room;

    return errand->call != NULL && (n == errand->promised || n >= OUTPUT_WINDOW / 2) ? n : 0;
}

int weir__errand_grant(struct weir__errand *errand)
{
    int64_t n = credit_due(errand);

    if (n == 0)
        return 0;
    errand->promised -= n;
    errand->under_way += n;
    weir_call_grant(errand->call, (unsigned)n);
    return 1;
}

/* Passes on what the worker has granted. */
static void pass_credit(struct weir__errand *errand)
{
    uint64_t credit = errand->call != NULL ? weir_call_credit(errand->call) : 0;
    uint64_t n = credit > errand->granted ? credit - errand->granted : 0;

    if (n == 0 || !errand->input)
        return;
    errand->granted += n;
    weir__session_sent(errand->session,
                       weir__write_credit(&errand->session->sending, errand->id, n));
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
    weir__session_answer(session, batch, errand->id, reply, -32603, "the call came to nothing");
    weir__errand_free(errand);
    weir__session_leave_batch(session, batch);
}

/* --- Its start --------------------------------------------------------------- */

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

void weir__errand_start(struct weir__session *session, struct weir__batch *batch,
                        const struct weir__message *message)
{
    struct weir__errand *errand;
    struct weir_error error;
    int64_t code;

    if (find(session, message->id) != NULL) {
        weir__session_answer(session, batch, message->id, NULL, -32600, "this id is in use");
        return;
    }
    errand = calloc(1, sizeof *errand);
    if (errand == NULL || (errand->id.bytes = copy(message->id)) == NULL) {
        free(errand);
        weir__session_answer(session, batch, message->id, NULL, -32603, "no memory");
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
    weir__session_answer(session, batch, errand->id, NULL, code, error.text);
    weir__errand_free(errand);
    weir__session_leave_batch(session, batch);
}

/* --- What the client says of it ---------------------------------------------- */

/* The client broke a rule of streams: its call ends, the connection lives. */
static void break_stream(struct weir__errand *errand, const char *rule)
{
    struct weir__session *session = errand->session;

    weir__session_answer(session, NULL, errand->id, NULL, -33004, rule);
    weir__errand_free(errand); /* cancels it */
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

void weir__errand_notice(struct weir__session *session, const struct weir__message *message)
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
