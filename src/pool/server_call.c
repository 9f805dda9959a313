#include "config.h"

#include "pool/server_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "pool/call.h"
#include "pool/call_api.h"
#include "pool/worker_group.h"
#include "rpc/credit.h"
#include "rpc/rpc_write.h"

enum {
    LONGEST_METHOD = 128,
    CALL_WEIGHT = 1024, /* of a call, besides its texts */
    FIRST_PLACES = 8,
};

/* --- All of a connection's --------------------------------------------------- */

/* FNV-1a. */
static size_t hash_of(struct weir__slice key)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < key.length; i++)
        hash = (hash ^ (unsigned char)key.bytes[i]) * UINT64_C(1099511628211);
    return (size_t)(hash ^ hash >> 32);
}

static struct weir__errand *find_key(const struct weir__session *session, struct weir__slice key)
{
    size_t hash = hash_of(key);
    struct weir__errand *errand =
        session->table_size > 0 ? session->table[hash & (session->table_size - 1)] : NULL;

    while (errand != NULL
           && (errand->hash != hash || errand->key.length != key.length
               || memcmp(errand->key.bytes, key.bytes, key.length) != 0))
        errand = errand->next_same;
    return errand;
}

static void put_in_table(struct weir__errand **table, size_t size, struct weir__errand *errand)
{
    struct weir__errand **at = &table[errand->hash & (size - 1)];

    errand->next_same = *at;
    errand->same_link = at;
    if (*at != NULL)
        (*at)->same_link = &errand->next_same;
    *at = errand;
}

static int grow_table(struct weir__session *session)
{
    size_t size = session->table_size > 0 ? session->table_size * 2 : FIRST_PLACES;
    struct weir__errand **table = calloc(size, sizeof(struct weir__errand *));

    if (table == NULL)
        return WEIR_ERR_NOMEM;
    for (struct weir__errand *errand = session->errands; errand != NULL; errand = errand->next)
        put_in_table(table, size, errand);
    free(session->table);
    session->table = table;
    session->table_size = size;
    return 0;
}

/* Nothing finds it any more. */
static void unlink_all(struct weir__errand *errand)
{
    struct weir__session *session = errand->session;

    *errand->link = errand->next;
    if (errand->next != NULL)
        errand->next->link = errand->link;
    *errand->same_link = errand->next_same;
    if (errand->next_same != NULL)
        errand->next_same->same_link = errand->same_link;
    weir__session_forget_credit(errand);
    session->errand_count--;
    session->server->calls--;
    session->calls_weight -= errand->weight + errand->unsent;
}

static void free_errand(struct weir__errand *errand)
{
    weir_call_free(errand->call);
    free(errand->owned_key);
    free(errand);
}

/* --- Its end ----------------------------------------------------------------- */

/* Whatever ends a call comes through here, so that its batch is never a call short.
 * reply: what came of it; NULL: code and message, and the call is cancelled. */
static void end(struct weir__errand *errand, const struct weir_reply *reply, int64_t code,
                const char *message)
{
    struct weir__session *session = errand->session;
    struct weir__batch *batch = errand->batch;

    /* Answering may end other calls, and must not find this one. */
    unlink_all(errand);
    if (reply == NULL) {
        weir_call_free(errand->call);
        errand->call = NULL;
    }
    weir__session_answer(session, batch, errand->id, reply, code, message);
    free_errand(errand);
    weir__session_leave_batch(session, batch);
}

void weir__errand_drop(struct weir__errand *errand)
{
    end(errand, NULL, -32800, "cancelled"); /* said to nobody: the connection is over */
}

/* --- What its call has to say ----------------------------------------------- */

static void promise(struct weir__errand *errand, int64_t n)
{
    errand->promised += n;
    if (errand->promised > WEIR__CREDIT_MAX)
        errand->promised = WEIR__CREDIT_MAX;
    weir__session_owe_credit(errand);
}

static void on_value(weir_call_t *call, const char *bytes, size_t length, void *context)
{
    struct weir__errand *errand = context;

    (void)call;
    errand->under_way--;
    weir__session_owe_credit(errand);
    weir__session_sent(errand->session, weir__write_chunk(&errand->session->sending, errand->id,
                                                          (struct weir__slice){bytes, length}));
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
    (void)call;
    end(context, reply, -32603, "no memory for the outcome of the call");
}

/* What the worker has not read of the input stream is held for it, here. */
static void count_unsent(struct weir__errand *errand)
{
    size_t all = errand->call != NULL ? weir__call_unsent(errand->call) : 0;

    if (errand->unsent > all) {
        errand->session->calls_weight -= errand->unsent - all;
        errand->unsent = all;
    }
}

void weir__errand_weigh(struct weir__session *session)
{
    for (struct weir__errand *errand = session->errands; errand != NULL; errand = errand->next)
        count_unsent(errand);
}

/* --- Its start --------------------------------------------------------------- */

/* A text of W3C Trace Context.  Returns 0; -1: it is not one.  The caller frees *text. */
static int read_trace(struct weir__slice value, char **text)
{
    size_t length;

    *text = NULL;
    if (value.bytes == NULL)
        return 0;
    *text = weir__slice_string(value, &length);
    if (*text == NULL)
        return -1;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)(*text)[i] < ' ' || (unsigned char)(*text)[i] > '~')
            return -1;
    return 0;
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
    int good;

    weir__object_get(weir, names, values, 5);
    good = read_trace(values[3], traceparent) == 0;
    good &= read_trace(values[4], tracestate) == 0;
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
    return good && (values[2].bytes == NULL || options->input) ? 0 : -1;
}

/* A name as docs/protocol.md, section 4 has it. */
static int is_name(const char *method, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)method[i] < ' ') /* NUL, too: it would cut the name */
            return 0;
    return length > 0 && length <= LONGEST_METHOD;
}

/* Returns 0, or what went wrong as an error code with its sentence. */
static int64_t start(struct weir__errand *errand, const struct weir__message *message,
                     struct weir_error *error)
{
    struct weir_call_sink sink = {on_value, on_credit, on_done, errand};
    struct weir_call_options options;
    weir_pool_t *pool = errand->session->server->pool;
    size_t length = 0;
    char *method = weir__slice_string(message->method, &length), *traceparent, *tracestate;
    int64_t code = 0;

    weir_call_options_init(&options);
    if (read_terms(message->weir, &options, &traceparent, &tracestate) < 0) {
        weir__fail(error, WEIR_ERR_INVALID, 0, "invalid \"weir\" member");
        code = -32600;
    } else if (method == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
        code = -32603;
    } else if (!is_name(method, length)) {
        weir__fail(error, WEIR_ERR_INVALID, 0, "no function has such a name");
        code = -32601;
    } else if (errand->batch != NULL
               && (options.input || options.credit > 0 || weir__pool_streams(pool, method))) {
        weir__fail(error, WEIR_ERR_INVALID, 0, "a call in a batch cannot have streams");
        code = -33004;
    } else {
        errand->input = options.input;
        if (options.credit > WEIR__OUTPUT_WINDOW) {
            errand->promised = options.credit - WEIR__OUTPUT_WINDOW;
            options.credit = WEIR__OUTPUT_WINDOW;
        }
        errand->under_way = options.credit;
        errand->call = weir__call_start(pool, errand->session->flow, method, message->params,
                                        &options, &sink, error);
        if (errand->call == NULL)
            code = error->status == WEIR_ERR_INVALID ? -32602 : -32603;
    }
    free(method);
    free(traceparent);
    free(tracestate);
    return code;
}

/* Makes it, and puts it where it is found.  Returns NULL where memory is short. */
static struct weir__errand *make(struct weir__session *session, struct weir__batch *batch,
                                 const struct weir__message *message, struct weir__slice key,
                                 char **owned_key)
{
    struct weir__errand *errand = calloc(1, sizeof *errand + message->id.length);
    char *id = (char *)(errand + 1);

    if (errand == NULL
        || (session->errand_count >= session->table_size && grow_table(session) < 0)) {
        free(errand);
        return NULL;
    }
    memcpy(id, message->id.bytes, message->id.length);
    errand->id = (struct weir__slice){id, message->id.length};
    errand->owned_key = *owned_key;
    /* A key of static memory stays; one that is the id itself becomes our copy of it. */
    errand->key = key.bytes == message->id.bytes ? errand->id : key;
    *owned_key = NULL;
    errand->hash = hash_of(key);
    errand->session = session;
    errand->batch = batch;
    errand->weight = CALL_WEIGHT + 2 * message->id.length + message->params.length;
    errand->next = session->errands;
    errand->link = &session->errands;
    if (errand->next != NULL)
        errand->next->link = &errand->next;
    session->errands = errand;
    put_in_table(session->table, session->table_size, errand);
    session->errand_count++;
    session->server->calls++;
    session->calls_weight += errand->weight;
    if (batch != NULL)
        batch->open++;
    return errand;
}

static void refuse_one_more(struct weir__session *session, struct weir__batch *batch,
                            const struct weir__message *message)
{
    char sentence[160];

    session->server->refused_calls++;
    snprintf(sentence, sizeof sentence,
             "this connection has %zu calls open, the limit (--max-calls): wait for answers",
             session->errand_count);
    weir__session_answer(session, batch, message->id, NULL, -33005, sentence);
}

void weir__errand_start(struct weir__session *session, struct weir__batch *batch,
                        const struct weir__message *message)
{
    struct weir__errand *errand = NULL;
    struct weir_error error;
    char *owned;
    struct weir__slice key = weir__id_key(message->id, &owned);
    int64_t code;

    if (key.bytes != NULL && find_key(session, key) != NULL)
        /* Not with its id: the client would take it for the answer to the call that has it. */
        weir__session_answer(session, batch, weir__slice_of("null"), NULL, -32600,
                             "this id is in use");
    else if (session->errand_count >= session->server->limits.max_calls)
        refuse_one_more(session, batch, message);
    else if (key.bytes == NULL || (errand = make(session, batch, message, key, &owned)) == NULL)
        weir__session_answer(session, batch, message->id, NULL, -32603, "no memory");
    free(owned);
    if (errand == NULL)
        return;
    code = start(errand, message, &error);
    if (code != 0) {
        end(errand, NULL, code, error.text);
        return;
    }
    weir__session_owe_credit(errand);
    pass_credit(errand);
}

/* --- What the client says of it ---------------------------------------------- */

/* The client broke a rule of streams: its call ends, the connection lives. */
static void break_stream(struct weir__errand *errand, const char *rule)
{
    end(errand, NULL, -33004, rule);
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
    count_unsent(errand);
    errand->unsent += value.length;
    errand->session->calls_weight += value.length;
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
    struct weir__errand *errand = NULL;
    struct weir__slice key;
    char *owned = NULL;
    int64_t n;

    weir__object_get(message->params, names, values, 4);
    if (values[0].bytes != NULL) {
        key = weir__id_key(values[0], &owned);
        errand = key.bytes != NULL ? find_key(session, key) : NULL;
        free(owned);
    }
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
