#include "config.h"

#include "pool/server_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "pool/call.h"
#include "pool/call_api.h"
#include "pool/fallback.h"
#include "pool/front.h"
#include "pool/worker_group.h"
#include "rpc/credit.h"
#include "rpc/mcp.h"
#include "rpc/rpc_write.h"

enum {
    LONGEST_METHOD = 128,
    CALL_WEIGHT = 1024, /* of a call, besides its strings */
    FIRST_PLACES = 8,
};

/* --- All of a connection's --------------------------------------------------- */

/* FNV-1a. */
static const struct weir__slice nothing = {NULL, 0};

static size_t hash_of(struct weir__slice key)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < key.length; i++)
        hash = (hash ^ (unsigned char)key.bytes[i]) * UINT64_C(1099511628211);
    return (size_t)(hash ^ hash >> 32);
}

static struct weir__server_call *find_key(const struct weir__connection *connection,
                                          struct weir__slice key)
{
    size_t hash = hash_of(key);
    struct weir__server_call *call =
        connection->table_size > 0 ? connection->table[hash & (connection->table_size - 1)] : NULL;

    while (call != NULL
           && (call->hash != hash || call->key.length != key.length
               || memcmp(call->key.bytes, key.bytes, key.length) != 0))
        call = call->next_same;
    return call;
}

static void put_in_table(struct weir__server_call **table, size_t size,
                         struct weir__server_call *call)
{
    struct weir__server_call **at = &table[call->hash & (size - 1)];

    call->next_same = *at;
    call->same_link = at;
    if (*at != NULL)
        (*at)->same_link = &call->next_same;
    *at = call;
}

static int grow_table(struct weir__connection *connection)
{
    size_t size = connection->table_size > 0 ? connection->table_size * 2 : FIRST_PLACES;
    struct weir__server_call **table = calloc(size, sizeof(struct weir__server_call *));

    if (table == NULL)
        return WEIR_ERR_NOMEM;
    for (struct weir__server_call *call = connection->calls; call != NULL; call = call->next)
        put_in_table(table, size, call);
    free(connection->table);
    connection->table = table;
    connection->table_size = size;
    return 0;
}

void weir__served_call_read(struct weir__served_call *told, const struct weir_call *made)
{
    told->label = made->group != NULL ? made->group->kind.label : NULL;
    told->method = made->method;
    told->traceparent = made->traceparent;
    told->params = made->params;
    told->outcome = WEIR_CALL_CANCELLED;
    told->wall_ns = weir__clock_ns() - made->started_ns;
    told->pid = made->reply.pid;
    if (!made->operation.over)
        return;
    told->outcome = made->reply.outcome;
    if (made->reply.result != NULL)
        told->result = (struct weir__slice){made->reply.result, made->reply.length};
}

/* Tells the server's owner of a call that is over. answer: see struct weir__carrier. */
static void tell(const struct weir__server_call *call, const struct weir__slice *answer)
{
    const struct weir__connection *connection = call->connection;
    const struct weir__server *server = connection->server;
    const struct weir_call *made = call->pool_call;
    static const char *const names[] = {"arguments"};
    struct weir__served_call told = {.connection = connection->number,
                                     .client = connection->client};
    char *tool;

    if (server->on_call == NULL || made == NULL)
        return;
    told.door = connection->front == &weir__front_mcp ? "mcp" : "worker";
    weir__served_call_read(&told, made);
    tool = weir__mcp_tool(made->method, made->params);
    if (tool != NULL) {
        told.method = tool;
        weir__object_get(made->params, names, &told.params,
                         1); /* not what a client adds for itself */
    }
    if (made->operation.over && made->whole && told.outcome == WEIR_CALL_RETURNED
        && weir__mcp_is_error(told.result))
        told.outcome = WEIR_CALL_FAILED;
    if (connection->carrier != NULL)
        connection->carrier->called(&told, answer, connection->carrier_context);
    else
        server->on_call(&told, server->on_call_context);
    free(tool);
}

/* Removes the call from all lists. */
static void unlink_all(struct weir__server_call *call)
{
    struct weir__connection *connection = call->connection;

    *call->link = call->next;
    if (call->next != NULL)
        call->next->link = call->link;
    *call->same_link = call->next_same;
    if (call->next_same != NULL)
        call->next_same->same_link = call->same_link;
    weir__connection_forget_credit(call);
    connection->call_count--;
    connection->server->calls--;
    connection->calls_weight -= call->weight + call->unsent;
}

static void free_call(struct weir__server_call *call)
{
    const struct weir__front *front = call->connection->front;

    if (call->front_data != NULL && front->forget_call != NULL)
        front->forget_call(call);
    weir_call_free(call->pool_call);
    free(call->owned_key);
    free(call);
}

/* --- Its end ----------------------------------------------------------------- */

/* Every end of a call passes through here, so that its batch stays complete. reply: the outcome;
 * NULL: code and message, and the call is cancelled. */
static void end(struct weir__server_call *call, const struct weir_reply *reply, int64_t code,
                const char *message)
{
    struct weir__connection *connection = call->connection;
    struct weir__batch *batch = call->batch;

    /* The answer may end other calls, which must not find this one. */
    weir__server_call_leave(call, nothing);
    if (reply == NULL) {
        weir_call_free(call->pool_call);
        call->pool_call = NULL;
    }
    weir__connection_answer(connection, batch, call->id, reply, code, message);
    free_call(call);
    weir__connection_leave_batch(connection, batch);
}

void weir__server_call_drop(struct weir__server_call *call)
{
    end(call, NULL, -32800, "cancelled"); /* not sent: the connection is over */
}

int weir__server_call_fall_back(struct weir__server_call *call, const struct weir_reply *reply)
{
    struct weir_call *failed = call->pool_call;
    struct weir_call *again = weir__fallback_start(call->connection->server->pool, failed, reply);

    if (again == NULL)
        return 0;
    tell(call, NULL); /* each attempt is told of */
    call->pool_call = again;
    weir_call_free(failed);
    return 1;
}

/* --- What its call has to say ----------------------------------------------- */

static void promise(struct weir__server_call *call, int64_t n)
{
    call->promised += n;
    if (call->promised > WEIR__CREDIT_MAX)
        call->promised = WEIR__CREDIT_MAX;
    weir__connection_owe_credit(call);
}

static void on_value(weir_call_t *pool_call, const char *bytes, size_t length, void *context)
{
    struct weir__server_call *call = context;

    (void)pool_call;
    call->under_way--;
    weir__connection_owe_credit(call);
    weir__connection_sent(call->connection, weir__write_chunk(&call->connection->sending, call->id,
                                                              (struct weir__slice){bytes, length}));
}

/* Passes on credit from the worker. */
static void pass_credit(struct weir__server_call *call)
{
    uint64_t credit = call->pool_call != NULL ? weir_call_credit(call->pool_call) : 0;
    uint64_t n = credit > call->granted ? credit - call->granted : 0;

    if (n == 0 || !call->input)
        return;
    call->granted += n;
    weir__connection_sent(call->connection,
                          weir__write_credit(&call->connection->sending, call->id, n));
}

static void on_credit(weir_call_t *pool_call, void *context)
{
    (void)pool_call;
    pass_credit(context);
}

/* A client that does not read is told nothing. */
static void on_progress(weir_call_t *pool_call, const struct weir_progress *progress, void *context)
{
    struct weir__server_call *call = context;
    struct weir__connection *connection = call->connection;

    (void)pool_call;
    if (call->batch != NULL || !weir__connection_has_room(connection))
        return;
    weir__connection_sent(
        connection,
        weir__write_progress(&connection->sending, call->id, progress->progress, progress->total,
                             (struct weir__slice){progress->message, progress->length}));
}

static void on_done(weir_call_t *pool_call, const struct weir_reply *reply, void *context)
{
    struct weir__server_call *call = context;

    (void)pool_call;
    if (!weir__server_call_fall_back(call, reply))
        end(call, reply, -32603, "no memory for the outcome of the call");
}

/* Counts the input that is held here because the worker has not read it. */
static void count_unsent(struct weir__server_call *call)
{
    size_t all = call->pool_call != NULL ? weir__call_unsent(call->pool_call) : 0;

    if (call->unsent > all) {
        call->connection->calls_weight -= call->unsent - all;
        call->unsent = all;
    }
}

void weir__server_call_weigh(struct weir__connection *connection)
{
    for (struct weir__server_call *call = connection->calls; call != NULL; call = call->next)
        count_unsent(call);
}

/* --- Its start --------------------------------------------------------------- */

/* Reads a W3C Trace Context string. Returns 0, or -1 if invalid. The caller frees *text. */
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

/* Reads the options in the request's "weir" member, or returns -1 if they are invalid. The
 * caller frees both strings. */
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

/* A method name as defined in docs/protocol.md section 4. */
static int is_name(const char *method, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)method[i] < ' ') /* including NUL, which would cut the name */
            return 0;
    return length > 0 && length <= LONGEST_METHOD;
}

/* Returns 0, or an error code with its message. */
static int64_t start(struct weir__server_call *call, const struct weir__message *message,
                     struct weir_error *error)
{
    struct weir_call_sink sink = {.size = sizeof sink,
                                  .on_value = on_value,
                                  .on_credit = on_credit,
                                  .on_done = on_done,
                                  .on_progress = on_progress,
                                  .context = call};
    struct weir_call_options options;
    weir_pool_t *pool = call->connection->server->pool;
    size_t length = 0;
    char *method = weir__slice_string(message->method, &length), *traceparent, *tracestate;
    const char *streams = method != NULL ? weir__pool_streams(pool, method) : "";
    int64_t code = 0;

    weir_call_options_init(&options);
    if (read_terms(message->weir, &options, &traceparent, &tracestate) < 0) {
        weir__fail(error, WEIR_ERR_INVALID, 0, "invalid \"weir\" member");
        code = -32600;
    } else if (method == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
        code = -32603;
    } else if (!is_name(method, length)) {
        weir__fail(error, WEIR_ERR_INVALID, 0, "not a valid function name");
        code = -32601;
    } else if (call->batch != NULL && (options.input || options.credit > 0 || streams[0] != '\0')) {
        weir__fail(error, WEIR_ERR_INVALID, 0, "a call in a batch cannot have streams");
        code = -33004;
    } else {
        call->input = options.input;
        call->output = strcmp(streams, "out") == 0 || strcmp(streams, "both") == 0;
        if (options.credit > WEIR__OUTPUT_WINDOW) {
            call->promised = options.credit - WEIR__OUTPUT_WINDOW;
            options.credit = WEIR__OUTPUT_WINDOW;
        }
        call->under_way = options.credit;
        call->pool_call = weir__call_start(pool, call->connection->flow, method, message->params,
                                           &options, &sink, 1, error);
        if (call->pool_call == NULL)
            code = error->status == WEIR_ERR_INVALID ? -32602 : -32603;
    }
    free(method);
    free(traceparent);
    free(tracestate);
    return code;
}

/* Creates the call and inserts it into the table. Returns NULL if out of memory. */
static struct weir__server_call *make(struct weir__connection *connection,
                                      struct weir__batch *batch,
                                      const struct weir__message *message, struct weir__slice key,
                                      char **owned_key)
{
    struct weir__server_call *call = calloc(1, sizeof *call + message->id.length);
    char *id = (char *)(call + 1);

    if (call == NULL
        || (connection->call_count >= connection->table_size && grow_table(connection) < 0)) {
        free(call);
        return NULL;
    }
    memcpy(id, message->id.bytes, message->id.length);
    call->id = (struct weir__slice){id, message->id.length};
    call->owned_key = *owned_key;
    /* A key in static memory stays; one that is the id becomes our copy of it. */
    call->key = key.bytes == message->id.bytes ? call->id : key;
    *owned_key = NULL;
    call->hash = hash_of(key);
    call->connection = connection;
    call->batch = batch;
    call->weight = CALL_WEIGHT + 2 * message->id.length + message->params.length;
    call->next = connection->calls;
    call->link = &connection->calls;
    if (call->next != NULL)
        call->next->link = &call->next;
    connection->calls = call;
    put_in_table(connection->table, connection->table_size, call);
    connection->call_count++;
    connection->server->calls++;
    connection->calls_weight += call->weight;
    if (batch != NULL)
        batch->open++;
    return call;
}

static struct weir__call_refusal refuse_one_more(struct weir__connection *connection)
{
    struct weir__call_refusal refusal = {.code = -33005};

    connection->server->refused_calls++;
    snprintf(refusal.text, sizeof refusal.text,
             "this connection has %zu calls open, the limit (--max-calls): wait for answers",
             connection->call_count);
    return refusal;
}

struct weir__server_call *weir__server_call_make(struct weir__connection *connection,
                                                 struct weir__batch *batch,
                                                 const struct weir__message *message,
                                                 struct weir__call_refusal *refusal)
{
    struct weir__server_call *call = NULL;
    char *owned;
    struct weir__slice key = weir__id_key(message->id, &owned);

    if (key.bytes != NULL && find_key(connection, key) != NULL)
        *refusal = (struct weir__call_refusal){-32600, "this id is in use"};
    else if (connection->call_count >= connection->server->limits.max_calls)
        *refusal = refuse_one_more(connection);
    else if (key.bytes == NULL || (call = make(connection, batch, message, key, &owned)) == NULL)
        *refusal = (struct weir__call_refusal){-32603, "no memory"};
    free(owned);
    return call;
}

struct weir__server_call *weir__server_call_find(const struct weir__connection *connection,
                                                 struct weir__slice id)
{
    struct weir__server_call *call;
    char *owned = NULL;
    struct weir__slice key;

    if (id.bytes == NULL)
        return NULL;
    key = weir__id_key(id, &owned);
    call = key.bytes != NULL ? find_key(connection, key) : NULL;
    free(owned);
    return call;
}

void weir__server_call_leave(struct weir__server_call *call, struct weir__slice answer)
{
    tell(call, &answer);
    unlink_all(call);
}

void weir__server_call_free(struct weir__server_call *call)
{
    struct weir__connection *connection = call->connection;
    struct weir__batch *batch = call->batch;

    free_call(call);
    weir__connection_leave_batch(connection, batch);
}

void weir__server_call_start(struct weir__connection *connection, struct weir__batch *batch,
                             const struct weir__message *message)
{
    struct weir__call_refusal refusal;
    struct weir__server_call *call = weir__server_call_make(connection, batch, message, &refusal);
    struct weir_error error;
    int64_t code;

    if (call == NULL) {
        /* Without an id in use: the client would take it for the answer to the call that has it. */
        weir__connection_answer(connection, batch,
                                refusal.code == -32600 ? weir__slice_of("null") : message->id, NULL,
                                refusal.code, refusal.text);
        return;
    }
    code = start(call, message, &error);
    if (code != 0) {
        end(call, NULL, code, error.text);
        return;
    }
    weir__connection_owe_credit(call);
    pass_credit(call);
    if (connection->input_over) /* its line was read late */
        weir__server_call_end_input(connection);
}

void weir__server_call_end_input(struct weir__connection *connection)
{
    struct weir__server_call *call = connection->calls;

    for (; call != NULL; call = call->next)
        if (call->output)
            promise(call, WEIR__CREDIT_MAX);
    for (call = connection->calls; call != NULL;)
        if (call->input) {
            call->input = 0;
            weir_call_end(call->pool_call, "the client's input has ended");
            call = connection->calls; /* calls may have ended */
        } else {
            call = call->next;
        }
}

/* --- What the client says of it ---------------------------------------------- */

/* The client violated a rule of streams: its call ends, the connection continues. */
static void break_stream(struct weir__server_call *call, const char *rule)
{
    end(call, NULL, -33004, rule);
}

static void read_chunk(struct weir__server_call *call, struct weir__slice value)
{
    struct weir_error error;
    int status;

    if (!call->input || call->granted == 0) {
        break_stream(call, call->input ? "a chunk without credit"
                                       : "a chunk without an open input stream");
        return;
    }
    call->granted--;
    if (value.bytes == NULL) {
        break_stream(call, "a chunk without a value");
        return;
    }
    count_unsent(call);
    call->unsent += value.length;
    call->connection->calls_weight += value.length;
    status = weir_call_send(call->pool_call, value.bytes, value.length, &error);
    if (status < 0)
        break_stream(call, error.text);
}

static void read_end(struct weir__server_call *call, struct weir__slice error)
{
    static const char *const names[] = {"message"};
    struct weir__slice text;
    char *message = NULL;

    if (!call->input) {
        break_stream(call, "an end without an open input stream");
        return;
    }
    call->input = 0;
    if (error.bytes != NULL) {
        weir__object_get(error, names, &text, 1);
        message = weir__slice_string(text, NULL);
        weir_call_end(call->pool_call, message != NULL ? message : "the input failed");
        free(message);
        return;
    }
    weir_call_end(call->pool_call, NULL);
}

void weir__server_call_notice(struct weir__connection *connection,
                              const struct weir__message *message)
{
    static const char *const names[] = {"id", "value", "n", "error"};
    struct weir__slice values[4];
    struct weir__server_call *call;
    int64_t n;

    weir__object_get(message->params, names, values, 4);
    call = weir__server_call_find(connection, values[0]);
    if (call == NULL)
        return; /* the call is over, and the client did not know yet */
    if (weir__slice_is(message->method, "weir/cancel")) {
        weir_call_cancel(call->pool_call);
    } else if (weir__slice_is(message->method, "weir/chunk")) {
        read_chunk(call, values[1]);
    } else if (weir__slice_is(message->method, "weir/end")) {
        read_end(call, values[3]);
    } else if (weir__slice_is(message->method, "weir/credit")) {
        n = weir__slice_number(values[2]);
        if (n >= 1 && n <= INT32_MAX)
            promise(call, n); /* passed on after this burst of lines */
        else
            break_stream(call, "a credit that is not from 1 to 2147483647");
    }
}
