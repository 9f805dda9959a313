/* weir_client_over(): calls over two descriptors, whose other end is a worker's here. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "support/calling.h"
#include "support/harness.h"
#include "support/running.h"

static weir_t *weir;
static weir_run_t *server;

/* Starts the worker that serves as a server; returns our end of the socket. */
static int start_server(const char *const *options)
{
    const char *argv[12] = {child_path("rpc_worker"), "--concurrency", "64"};
    struct weir_run_options run_it = run_options();
    struct weir_command command;
    int ends[2], count = 3;

    for (; options != NULL && *options != NULL; options++)
        argv[count++] = *options;
    argv[count] = NULL;
    command = command_of(argv);
    weir = open_weir();
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    run_it.input = WEIR_INPUT_FD;
    run_it.out = WEIR_REDIRECT_FD;
    run_it.input_fd = run_it.out_fd = ends[1];
    server = weir_run_start(weir, &command, &run_it, NULL, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(server);
    close(ends[1]);
    return ends[0];
}

static weir_client_t *open_client(const char *const *options)
{
    struct weir_error error = {0};
    int fd = start_server(options);
    weir_client_t *client = weir_client_over(weir, fd, fd, PATIENCE_MS, &error);

    if (client == NULL)
        printf("# %s\n", error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(client);
    return client;
}

static void close_all(weir_client_t *client)
{
    weir_client_close(client);
    weir_run_free(server);
    weir_close(weir);
}

static struct weir_reply call_client(weir_client_t *client, const char *method, const char *params,
                                     const struct weir_call_options *options)
{
    struct weir_reply reply = {0};
    struct weir_error error = {0};

    if (weir_client_call(client, method, params, options, &reply, &error) < 0) {
        printf("# %s\n", error.text);
        CU_FAIL("weir_client_call()");
    }
    return reply;
}

static void a_call_returns_its_result(void)
{
    weir_client_t *client = open_client(NULL);
    struct weir_reply reply = call_client(client, "echo", "[7]", NULL);

    CU_ASSERT_PTR_NOT_NULL(strstr(weir_client_methods(client), "\"echo\""));
    CU_ASSERT_EQUAL(reply.outcome, WEIR_CALL_RETURNED);
    CU_ASSERT_STRING_EQUAL(reply.result, "[7]");
    weir_reply_clear(&reply);
    reply = call_client(client, "nobody", "[]", NULL); /* the server says so, not the client */
    CU_ASSERT_EQUAL(reply.outcome, WEIR_CALL_FAILED);
    CU_ASSERT_EQUAL(reply.code, -32601);
    CU_ASSERT_STRING_EQUAL(reply.message, "Method not found");
    weir_reply_clear(&reply);
    close_all(client);
}

static void two_descriptors_do_as_well(void)
{
    int fd = start_server(NULL), copy = dup(fd);
    weir_client_t *client = weir_client_over(weir, copy, fd, PATIENCE_MS, NULL);
    struct weir_reply reply;

    CU_ASSERT_PTR_NOT_NULL_FATAL(client);
    reply = call_client(client, "echo", "[1]", NULL);
    CU_ASSERT_EQUAL(reply.outcome, WEIR_CALL_RETURNED);
    weir_reply_clear(&reply);
    close_all(client);
}

static void streams_have_credit(void)
{
    weir_client_t *client = open_client(NULL);
    struct weir_call_options options;
    weir_call_t *started;
    struct weir_reply reply;
    const char *bytes;
    size_t length;
    int count = 0;

    weir_call_options_init(&options);
    options.credit = 4;
    started = weir_client_start(client, "count", "[0,50]", 6, &options, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(started);
    while (weir_call_next(started, &bytes, &length, NULL) == 1)
        CU_ASSERT_EQUAL(atoi(bytes), count++);
    CU_ASSERT_EQUAL(count, 50);
    CU_ASSERT_EQUAL(weir_call_wait(started, &reply, NULL), 0);
    CU_ASSERT_EQUAL(reply.outcome, WEIR_CALL_RETURNED);
    weir_reply_clear(&reply);
    weir_call_free(started);

    options.input = 1;
    started = weir_client_start(client, "sum", "[]", 2, &options, NULL, NULL);
    for (int i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(weir_call_send(started, "2", 1, NULL), 1);
    weir_call_end(started, NULL);
    CU_ASSERT_EQUAL(weir_call_wait(started, &reply, NULL), 0);
    CU_ASSERT_STRING_EQUAL(reply.result, "200");
    weir_reply_clear(&reply);
    weir_call_free(started);
    close_all(client);
}

static void a_call_is_cancelled_or_out_of_time(void)
{
    weir_client_t *client = open_client(NULL);
    weir_call_t *started = weir_client_start(client, "sleep", "[100000]", 8, NULL, NULL, NULL);
    struct weir_call_options options;
    struct weir_reply reply;

    CU_ASSERT_PTR_NOT_NULL_FATAL(started);
    weir_call_cancel(started);
    CU_ASSERT_EQUAL(weir_call_wait(started, &reply, NULL), 0);
    CU_ASSERT_EQUAL(reply.outcome, WEIR_CALL_CANCELLED);
    weir_reply_clear(&reply);
    weir_call_free(started);
    weir_call_options_init(&options);
    options.timeout_ms = 50;
    reply = call_client(client, "sleep", "[100000]", &options);
    CU_ASSERT_EQUAL(reply.outcome, WEIR_CALL_DEADLINE);
    weir_reply_clear(&reply);
    reply = call_client(client, "echo", "[3]", NULL); /* the connection goes on */
    CU_ASSERT_EQUAL(reply.outcome, WEIR_CALL_RETURNED);
    weir_reply_clear(&reply);
    close_all(client);
}

static char lost_why[300];
static int lost_count;

static void note_lost(weir_client_t *client, const char *why, void *context)
{
    (void)context;
    lost_count++;
    snprintf(lost_why, sizeof lost_why, "%s", why);
    weir_client_close(client);
}

static void a_lost_server_is_reported(void)
{
    weir_client_t *client = open_client(NULL);
    weir_call_t *started = weir_client_start(client, "sleep", "[100000]", 8, NULL, NULL, NULL);
    struct weir_reply reply;
    struct weir_result result;

    CU_ASSERT_PTR_NOT_NULL_FATAL(started);
    weir_run_signal(server, SIGKILL);
    CU_ASSERT_EQUAL(weir_call_wait(started, &reply, NULL), 0);
    CU_ASSERT_EQUAL(reply.outcome, WEIR_CALL_UNKNOWN);
    CU_ASSERT_STRING_EQUAL(reply.message,
                           "the server closed the connection: the outcome of the call is unknown");
    weir_reply_clear(&reply);
    weir_call_free(started);
    reply = call_client(client, "echo", "[3]", NULL);
    CU_ASSERT_EQUAL(reply.outcome, WEIR_CALL_NO_WORKER);
    CU_ASSERT_STRING_EQUAL(reply.message, "the server closed the connection");
    weir_reply_clear(&reply);
    lost_count = 0;
    weir_client_on_lost(client, note_lost, NULL); /* which closes it */
    CU_ASSERT_EQUAL(lost_count, 1);
    CU_ASSERT_STRING_EQUAL(lost_why, "closed the connection");
    CU_ASSERT_EQUAL(weir_run_wait(server, &result, NULL), 0);
    weir_result_clear(&result);
    weir_run_free(server);
    weir_close(weir);
}

static void what_a_server_may_not_be(void)
{
    static const struct {
        const char *options[3];
        int timeout_ms;
        const char *said;
    } cases[] = {
        {{"--silent"}, 100, "waited for its greeting"},
        {{"--hello", "{\"version\":2}"}, PATIENCE_MS, "unsupported version"},
        {{"--plain"}, PATIENCE_MS, "the server refused: Method not found"},
        {{"--exit", "3"}, PATIENCE_MS, "the server closed the connection"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir_error error = {0};
        int fd = start_server(cases[i].options);

        CU_ASSERT_PTR_NULL(weir_client_over(weir, fd, fd, cases[i].timeout_ms, &error));
        if (strstr(error.text, cases[i].said) == NULL)
            printf("# %s\n", error.text);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, cases[i].said));
        weir_run_free(server);
        weir_close(weir);
    }
}

static void there_is_no_server(void)
{
    struct weir_error error = {0};
    struct weir_options options;

    weir_options_init(&options);
    options.spawner_on_demand = 1;
    options.spawner = "/no/such/spawner"; /* it is not needed */
    weir = weir_open(&options, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(weir);
    CU_ASSERT_PTR_NULL(weir_client_connect(weir, "/no/such/socket", 1000, &error));
    CU_ASSERT_EQUAL(error.status, WEIR_ERR_SYSTEM);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "is weir serve running there?"));
    {
        struct weir_command command = command_of(ARGV("true"));
        struct weir_result result;

        CU_ASSERT_EQUAL(weir_run(weir, &command, NULL, &result, &error), WEIR_ERR_SPAWNER);
    }
    weir_close(weir);
    options.spawner = NULL;
    weir = weir_open(&options, &error);
    {
        struct weir_result result = run(weir, ARGV("true"), NULL);

        CU_ASSERT(exited_with(&result, 0));
        weir_result_clear(&result);
    }
    weir_close(weir);
}

/* Makes a socket that another user listens on. Returns it, or -1 where that cannot be. */
static int listen_as_other(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), failed;

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    CU_ASSERT_FATAL(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    failed = geteuid() != 0 || seteuid(65534) < 0 || listen(fd, 8) < 0;
    CU_ASSERT_EQUAL_FATAL(geteuid() == 65534 ? seteuid(0) : 0, 0);
    if (!failed)
        return fd;
    close(fd);
    return -1;
}

static void a_server_of_another_user_must_be_wanted(void)
{
    char directory[] = "/tmp/weir-test-client-XXXXXX", path[64];
    struct weir_client_options options;
    struct weir_error error = {0};
    int fd;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/socket", directory);
    fd = listen_as_other(path);
    weir = open_weir();
    weir_client_options_init(&options);
    options.timeout_ms = 100;
    for (int any_server = 0; any_server <= 1 && fd >= 0; any_server++) {
        options.any_server = any_server;
        CU_ASSERT_PTR_NULL(weir_client_connect_with(weir, path, &options, &error));
        CU_ASSERT_EQUAL(error.status, any_server ? WEIR_ERR_TIMEOUT : WEIR_ERR_SYSTEM);
        CU_ASSERT_PTR_NOT_NULL(
            strstr(error.text, any_server ? "waited for its greeting" : "is served by user 65534"));
    }
    weir_close(weir);
    unlink(path);
    rmdir(directory);
    if (fd < 0)
        printf("# needs root, to be another user\n");
    else
        close(fd);
}

static void closing_ends_the_calls(void)
{
    weir_client_t *client = open_client(NULL);
    weir_call_t *started = weir_client_start(client, "sleep", "[100000]", 8, NULL, NULL, NULL);
    struct weir_reply reply;

    weir_client_close(client);
    CU_ASSERT_EQUAL(weir_call_wait(started, &reply, NULL), 0);
    CU_ASSERT_EQUAL(reply.outcome, WEIR_CALL_CANCELLED);
    weir_reply_clear(&reply);
    weir_call_free(started);
    weir_run_free(server);
    weir_close(weir);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"a call returns its result", a_call_returns_its_result},
        {"two descriptors do as well", two_descriptors_do_as_well},
        {"streams have credit", streams_have_credit},
        {"a call is cancelled or out of time", a_call_is_cancelled_or_out_of_time},
        {"a lost server is reported", a_lost_server_is_reported},
        {"what a server may not be", what_a_server_may_not_be},
        {"there is no server", there_is_no_server},
        {"a server of another user must be wanted", a_server_of_another_user_must_be_wanted},
        {"closing ends the calls", closing_ends_the_calls},
        CU_TEST_INFO_NULL,
    };

    return run_suite("client", tests);
}
