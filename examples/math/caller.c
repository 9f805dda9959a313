/* The functions of math_worker.py, called from C in the four modes: caller
 * Run it where math_worker.py is, with PYTHONPATH=../../sdk/python. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

static void fail(const char *what, const struct weir_error *error)
{
    fprintf(stderr, "caller: %s: %s\n", what, error->text);
    exit(1);
}

/* A value in, a value out.  Results are JSON texts, as long as their author wrote them. */
static void call(weir_pool_t *pool, const char *method, const char *params, int64_t timeout_ms)
{
    struct weir_call_options options;
    struct weir_reply reply;
    struct weir_error error;

    weir_call_options_init(&options);
    options.timeout_ms = timeout_ms;
    if (weir_call(pool, method, params, &options, &reply, &error) < 0)
        fail(method, &error);
    if (reply.outcome == WEIR_CALL_RETURNED)
        printf("%s%s = %s\n", method, params, reply.result);
    else
        printf("%s%s: %s\n", method, params, weir_outcome_name(reply.outcome));
    weir_reply_clear(&reply);
}

/* Streams: values go in one by one as the function takes them, and come out as it
 * gives them. */
static void stream(weir_pool_t *pool, const char *method, const char *params,
                   const char *const *input)
{
    struct weir_call_options options;
    struct weir_reply reply;
    struct weir_error error;
    weir_call_t *call;
    const char *value;
    size_t length;
    int more;

    weir_call_options_init(&options);
    options.input = input != NULL;
    call = weir_call_start(pool, method, params, strlen(params), &options, NULL, &error);
    if (call == NULL)
        fail(method, &error);
    for (size_t i = 0; input != NULL && input[i] != NULL; i++)
        if (weir_call_send(call, input[i], strlen(input[i]), &error) < 0)
            fail(method, &error);
    if (input != NULL)
        weir_call_end(call, NULL);
    printf("%s:", method);
    while ((more = weir_call_next(call, &value, &length, &error)) == 1)
        printf(" %.*s", (int)length, value);
    if (more < 0 || weir_call_wait(call, &reply, &error) < 0)
        fail(method, &error);
    if (reply.outcome == WEIR_CALL_RETURNED && strcmp(reply.result, "null") != 0)
        printf(" = %s", reply.result);
    printf("\n");
    weir_reply_clear(&reply);
    weir_call_free(call);
}

int main(void)
{
    static const char *const argv[] = {"python3", "math_worker.py", NULL};
    static const char *const numbers[] = {"2", "4", "9", NULL};
    struct weir_pool_options options;
    struct weir_command command;
    struct weir_error error;
    weir_pool_t *pool;
    weir_t *weir = weir_open(NULL, &error);

    if (weir == NULL)
        fail("weir", &error);
    weir_command_init(&command);
    command.argv = argv;
    weir_pool_options_init(&options);
    options.commands = (const struct weir_command *[]){&command};
    options.command_count = 1;
    options.workers = 2;
    pool = weir_pool_open(weir, &options, &error);
    if (pool == NULL || weir_pool_wait_ready(pool, 1, 30000, &error) < 0)
        fail("the worker", &error);

    call(pool, "add", "[3,4]", WEIR_FOREVER);
    call(pool, "add", "{\"a\":123456789012345678901234567890,\"b\":1}", WEIR_FOREVER);
    stream(pool, "count", "[1,3]", NULL);
    stream(pool, "sum_of", "[]", numbers);
    stream(pool, "mean_so_far", "[]", numbers);
    call(pool, "divide", "[1,0]", WEIR_FOREVER);
    call(pool, "sleep", "[60]", 500);

    weir_pool_close(pool, 1000);
    weir_close(weir);
    return 0;
}
