/* What a worker says to its pool: every call ends once, with JSON or a reason, and the
 * pool can be closed.
 *
 * Input: a byte of choices, the size of pieces, then what the worker says. */
#include "config.h"

#include <jansson.h>
#include <string.h>
#include <weir/pool.h>

#include "fuzz/pretend.h"
#include "fuzz/replay.h"
#include "text/json_validate.h"

enum { DIALECT = 3, SAYS_HELLO = 4, CANCELS = 8, CALLS = 5 };

static const char hello[] =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"version\":1,\"methods\":{\"add\":{},\"count\":"
    "{\"stream\":\"out\"},\"sum\":{\"stream\":\"in\"},\"both\":{\"stream\":\"both\"},\"again\":"
    "{\"idempotent\":true}},\"concurrency\":8}}\n";

struct outcomes {
    unsigned ended;
    int cancels;
};

static void check_json(const char *bytes, size_t length)
{
    HOLDS(weir__json_syntax_utf8(bytes, length, NULL));
    HOLDS(memchr(bytes, '\n', length) == NULL);
}

static void on_value(weir_call_t *call, const char *bytes, size_t length, void *context)
{
    const struct outcomes *outcomes = context;

    check_json(bytes, length);
    if (outcomes->cancels)
        weir_call_cancel(call);
    else
        weir_call_grant(call, 1);
}

static void on_credit(weir_call_t *call, void *context)
{
    (void)context;
    if (weir_call_credit(call) > 2)
        weir_call_end(call, NULL);
    else if (weir_call_credit(call) > 0)
        HOLDS(weir_call_send(call, "41", 2, NULL) >= 0);
}

static void on_done(weir_call_t *call, const struct weir_reply *reply, void *context)
{
    struct outcomes *outcomes = context;
    json_t *error;

    outcomes->ended++;
    if (reply->outcome == WEIR_CALL_RETURNED) {
        check_json(reply->result, reply->length);
    } else {
        HOLDS(reply->message != NULL);
        error = json_loads(reply->error, JSON_ALLOW_NUL, NULL);
        HOLDS(error == NULL || json_is_object(error)); /* NULL: numbers that jansson has not */
        json_decref(error);
    }
    (void)call;
}

static void check_document(char *text)
{
    json_t *document = json_loads(text, JSON_ALLOW_NUL, NULL);

    HOLDS(document != NULL);
    json_decref(document);
    free(text);
}

static weir_pool_t *open_pool(weir_t *weir, unsigned choices)
{
    static const char *const argv[] = {"worker", NULL};
    struct weir_command command;
    struct weir_pool_options options;
    weir_pool_t *pool;

    weir_command_init(&command);
    command.argv = argv;
    weir_pool_options_init(&options);
    options.commands = (const struct weir_command *[]){&command};
    options.command_count = 1;
    options.dialect = (enum weir_dialect)((choices & DIALECT) % 3);
    options.workers = 1;
    options.window = 8;
    options.max_line = 4096;
    options.cancel_grace_ms = options.interrupt_grace_ms = options.grace_ms = 1;
    options.start_attempts = 1;
    options.stderr_fd = -1;
    pool = weir_pool_open(weir, &options, NULL);
    HOLDS(pool != NULL);
    return pool;
}

static void start_calls(weir_pool_t *pool, struct outcomes *outcomes, weir_call_t *calls[CALLS])
{
    static const struct {
        const char *method, *params;
        int input;
    } asked[CALLS] = {
        {"add", "[1,2]", 0}, {"count", "[3]", 0}, {"sum", "[]", 1},
        {"both", NULL, 1},   {"again", "{}", 0},
    };
    struct weir_call_sink sink = {.size = sizeof sink,
                                  .on_value = on_value,
                                  .on_credit = on_credit,
                                  .on_done = on_done,
                                  .context = outcomes};
    struct weir_call_options options;

    for (int i = 0; i < CALLS; i++) {
        const char *params = asked[i].params;

        weir_call_options_init(&options);
        options.input = asked[i].input;
        options.credit = 2;
        calls[i] = weir_call_start(pool, asked[i].method, params,
                                   params != NULL ? strlen(params) : 0, &options, &sink, NULL);
        HOLDS(calls[i] != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct outcomes outcomes = {0};
    struct pretend pretend = {0};
    weir_call_t *calls[CALLS];
    weir_pool_t *pool;

    if (length < 2)
        return 0;
    outcomes.cancels = (bytes[0] & CANCELS) != 0;
    pretend_open(&pretend);
    pool = open_pool(pretend.weir, bytes[0]);
    start_calls(pool, &outcomes, calls);
    pretend_turn(&pretend);
    if ((bytes[0] & SAYS_HELLO) && pretend.jobs != NULL)
        pretend_say(pretend.jobs, hello, sizeof hello - 1);
    pretend_say_in_pieces(&pretend, bytes + 2, length - 2, 1 + bytes[1] * 4);
    check_document(weir_pool_stats(pool));
    check_document(weir_pool_methods(pool));
    while (pretend.jobs != NULL)
        pretend_end(pretend.jobs, 3, 0);
    weir_pool_close(pool, 0);
    HOLDS(outcomes.ended == CALLS);
    for (int i = 0; i < CALLS; i++)
        weir_call_free(calls[i]);
    pretend_close(&pretend);
    return 0;
}
