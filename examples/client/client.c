/* client - calls functions of a running `weir serve`: one call, a stream, and many at once.
 *
 *     client SOCKET
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

enum { CALLS = 100 };

static int fail(const struct weir_error *error)
{
    fprintf(stderr, "client: %s\n", error->text);
    return -1;
}

/* --- 1. One call, waited for ------------------------------------------------ */

static int call_one(weir_client_t *client)
{
    struct weir_call_options options;
    struct weir_reply reply;
    struct weir_error error;
    int status = 0;

    weir_call_options_init(&options);
    options.timeout_ms = 10000; /* the server interrupts the function then */
    if (weir_client_call(client, "add", "[3,4]", &options, &reply, &error) < 0)
        return fail(&error);
    if (reply.outcome == WEIR_CALL_RETURNED) {
        printf("1. add returned %s\n", reply.result);
    } else {
        fprintf(stderr, "client: %s: %s\n", weir_outcome_name(reply.outcome), reply.message);
        status = -1;
    }
    weir_reply_clear(&reply);
    return status;
}

/* --- 2. A stream, value by value -------------------------------------------- */

static int read_stream(weir_client_t *client)
{
    const char *params = "[1,4]", *value;
    struct weir_error error;
    weir_call_t *call =
        weir_client_start(client, "count", params, strlen(params), NULL, NULL, &error);
    size_t length;
    int status;

    if (call == NULL)
        return fail(&error);
    printf("2. count sent");
    while ((status = weir_call_next(call, &value, &length, &error)) == 1)
        printf(" %.*s", (int)length, value);
    printf("\n");
    weir_call_free(call);
    return status < 0 ? fail(&error) : 0;
}

/* --- 3. Many calls at once -------------------------------------------------- */

static int call_many(weir_client_t *client)
{
    weir_call_t *calls[CALLS];
    struct weir_error error;
    struct weir_reply reply;
    int returned = 0, sum = 0;

    for (int i = 0; i < CALLS; i++) {
        char params[40];

        snprintf(params, sizeof params, "[%d,1]", i);
        calls[i] = weir_client_start(client, "add", params, strlen(params), NULL, NULL, &error);
    }
    for (int i = 0; i < CALLS; i++) {
        if (calls[i] == NULL || weir_call_wait(calls[i], &reply, &error) < 0)
            continue;
        if (reply.outcome == WEIR_CALL_RETURNED) {
            returned++;
            sum += atoi(reply.result);
        }
        weir_reply_clear(&reply);
        weir_call_free(calls[i]);
    }
    printf("3. %d calls returned, together %d\n", returned, sum);
    return returned == CALLS ? 0 : -1;
}

static void note_lost(weir_client_t *client, const char *why, void *context)
{
    (void)client;
    (void)context;
    fprintf(stderr, "client: the server %s\n", why);
}

int main(int argc, char **argv)
{
    struct weir_options options;
    struct weir_error error;
    weir_client_t *client;
    weir_t *weir;
    int status = 1;

    weir_options_init(&options);
    options.spawner_on_demand = 1; /* this program starts none itself */
    weir = weir_open(&options, &error);
    if (weir == NULL)
        return fail(&error), 1;
    client = weir_client_connect(weir, argc > 1 ? argv[1] : NULL, 10000, &error);
    if (client == NULL) {
        fail(&error);
    } else {
        weir_client_on_lost(client, note_lost, NULL);
        if (call_one(client) == 0 && read_stream(client) == 0 && call_many(client) == 0)
            status = 0;
    }
    weir_client_close(client);
    weir_close(weir);
    return status;
}
