#include "config.h"

#include "pool/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/options.h"
#include "base/portable.h"
#include "base/socket_address.h"
#include "pool/pool.h"

enum {
    RETRY_MS = 20,      /* between two tries to connect */
    CANCEL_MS = 8000,   /* for the outcome of a cancelled call, which may take the server 6 s */
    FORWARD = 4096 + 1, /* calls sent at a time: the server has the queue, and refuses more */
};

struct weir_client {
    weir_pool_t *pool;
    struct weir__pool_pair pair;
    char *methods;
    weir_client_lost lost;
    void *context;
    int is_lost, was_told;
    char why[300];
};

/* --- The socket ------------------------------------------------------------ */

char *weir__client_path(const char *given, struct weir_error *error)
{
    static const char name[] = "/weir.sock";
    struct sockaddr_un address; /* only used to check that the path fits */
    const char *directory = given != NULL ? given : getenv("XDG_RUNTIME_DIR");
    size_t length;
    char *path;

    if (given == NULL && (directory == NULL || *directory == '\0')) {
        weir__fail(error, WEIR_ERR_INVALID, 0,
                   "no --socket given, and XDG_RUNTIME_DIR, which holds the default one, is not "
                   "set: use --socket PATH");
        return NULL;
    }
    length = strlen(directory) + sizeof name;
    path = malloc(length);
    if (path == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
        return NULL;
    }
    snprintf(path, length, "%s%s", directory, given != NULL ? "" : name);
    if (weir__socket_address(&address, path, error) == 0)
        return path;
    free(path);
    return NULL;
}

int weir__client_socket(const char *path, struct weir_error *error)
{
    struct sockaddr_un address;
    int fd, status = weir__socket_address(&address, path, error);

    if (status < 0)
        return status;
    fd = weir__socket(AF_UNIX, SOCK_STREAM, 1);
    if (fd < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot make a socket");
    return weir__fd_above_stdio(&fd, error) < 0 ? WEIR_ERR_SYSTEM : fd;
}

/* The arguments of a call are for a server of this user or root, not for any user who bound a
 * guessed path first. */
static int check_peer(int fd, const char *path, struct weir_error *error)
{
    uid_t user;

    if (weir__socket_peer(fd, &user) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno,
                          "cannot determine the user of the server at %.200s (nothing was sent; "
                          "--any-server skips this check)",
                          path);
    if (user == geteuid() || user == 0)
        return 1;
    return weir__fail(error, WEIR_ERR_SYSTEM, 0,
                      "%.200s is served by user %lu, not by you (%lu) or root: nothing was sent: "
                      "use another --socket, or --any-server if you trust that user",
                      path, (unsigned long)user, (unsigned long)geteuid());
}

int weir__client_try(int fd, const char *path, int any_server, struct weir_error *error)
{
    struct sockaddr_un address;
    int status = weir__socket_address(&address, path, error);

    if (status < 0)
        return status;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        if (errno == EAGAIN || errno == EINTR)
            return 0;
        return weir__fail(error, WEIR_ERR_SYSTEM, errno,
                          "cannot connect to %.200s: is weir serve running there?", path);
    }
    return any_server ? 1 : check_peer(fd, path, error);
}

/* --- The connection -------------------------------------------------------- */

weir_pool_t *weir__client_pool(weir_client_t *client)
{
    return client->pool;
}

static void tell_lost(weir_client_t *client)
{
    if (client->lost == NULL || !client->is_lost || client->was_told)
        return;
    client->was_told = 1;
    client->lost(client, client->why, client->context);
}

static void on_lost(void *context, const char *why)
{
    weir_client_t *client = context;

    client->is_lost = 1;
    snprintf(client->why, sizeof client->why, "%s", why);
    tell_lost(client);
}

/* One description for both directions would have one place in the loop. */
static int take_ends(weir_client_t *client, int in, int out, struct weir_error *error)
{
    client->pair.in = in;
    client->pair.out = in == out ? fcntl(in, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : out;
    if (client->pair.out < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot copy the connection");
    weir__fd_set_nonblocking(client->pair.in);
    weir__fd_set_nonblocking(client->pair.out);
    return 0;
}

weir_client_t *weir__client_open(weir_t *weir, int in, int out, int64_t start_timeout_ms,
                                 struct weir_error *error)
{
    static const char *const argv[] = {"the server", NULL};
    weir_client_t *client = calloc(1, sizeof *client);
    struct weir_command command;
    struct weir_pool_options options;

    if (client == NULL) {
        weir__close(&in);
        if (out != in)
            weir__close(&out);
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a client");
        return NULL;
    }
    client->pair.on_lost = on_lost;
    client->pair.context = client;
    weir_command_init(&command);
    command.argv = argv;
    weir_pool_options_init(&options);
    options.commands = (const struct weir_command *[]){&command};
    options.command_count = 1;
    options.workers = 1;
    options.window = FORWARD;
    options.dialect = WEIR_DIALECT_NATIVE;
    options.cancel_grace_ms = CANCEL_MS;
    options.start_timeout_ms = start_timeout_ms;
    options.stderr_fd = -1;
    if (take_ends(client, in, out, error) == 0)
        client->pool = weir__pool_open_pair(weir, &options, &client->pair, error);
    if (client->pool != NULL)
        return client;
    weir__close(&client->pair.in);
    weir__close(&client->pair.out);
    free(client);
    return NULL;
}

static int64_t left_ms(int64_t until_ns)
{
    int64_t left = (until_ns - weir__clock_ns()) / 1000000;

    return until_ns == INT64_MAX ? WEIR_FOREVER : left > 0 ? left : 0;
}

static int64_t until(int64_t timeout_ms)
{
    return timeout_ms == WEIR_FOREVER ? INT64_MAX : weir__clock_in_ms(timeout_ms);
}

static weir_client_t *open_until(weir_t *weir, int in, int out, int64_t until_ns,
                                 struct weir_error *error)
{
    struct weir_error why = {0};
    weir_client_t *client;
    int status;

    /* The wait has the limit: so that is not what the pool gives up for. */
    client = weir__client_open(weir, in, out, WEIR_FOREVER, error);
    if (client == NULL)
        return NULL;
    status = weir_pool_wait_ready(client->pool, 1, left_ms(until_ns), &why);
    if (status == WEIR_ERR_TIMEOUT)
        weir__fail(&why, WEIR_ERR_TIMEOUT, 0,
                   "the server does not respond: waited for its greeting: is it stopped or "
                   "overloaded?");
    if (status == 0) {
        client->methods = weir_pool_methods(client->pool);
        if (client->methods == NULL)
            status = weir__fail(&why, WEIR_ERR_NOMEM, 0, "no memory for the functions");
    }
    if (status == 0)
        return client;
    if (error != NULL)
        *error = why;
    weir_client_close(client);
    return NULL;
}

weir_client_t *weir_client_over(weir_t *weir, int in, int out, int64_t timeout_ms,
                                struct weir_error *error)
{
    return open_until(weir, in, out, until(timeout_ms), error);
}

void weir_client_options_init_sized(struct weir_client_options *options, size_t size)
{
    struct weir_client_options defaults = {.size = sizeof defaults, .timeout_ms = 10000};

    weir__options_init(options, size, &defaults, sizeof defaults);
}

static weir_client_t *connect_to(weir_t *weir, const char *socket, int64_t timeout_ms,
                                 int any_server, struct weir_error *error)
{
    int64_t until_ns = until(timeout_ms);
    char *path = weir__client_path(socket, error);
    int fd = path != NULL ? weir__client_socket(path, error) : -1, status = fd < 0 ? fd : 0;

    while (status == 0 && (status = weir__client_try(fd, path, any_server, error)) == 0) {
        if (left_ms(until_ns) == 0)
            status = weir__fail(error, WEIR_ERR_TIMEOUT, 0,
                                "the server does not respond: waited for a connection: is it "
                                "stopped or overloaded?");
        else
            poll(NULL, 0, RETRY_MS);
    }
    free(path);
    if (status > 0)
        return open_until(weir, fd, fd, until_ns, error);
    if (fd >= 0)
        weir__close(&fd);
    return NULL;
}

weir_client_t *weir_client_connect(weir_t *weir, const char *socket, int64_t timeout_ms,
                                   struct weir_error *error)
{
    return connect_to(weir, socket, timeout_ms, 0, error);
}

weir_client_t *weir_client_connect_with(weir_t *weir, const char *socket,
                                        const struct weir_client_options *given,
                                        struct weir_error *error)
{
    struct weir_client_options options;

    weir_client_options_init(&options);
    if (weir__options_take(&options, sizeof options, given, "weir_client_options", error) < 0)
        return NULL;
    return connect_to(weir, socket, options.timeout_ms, options.any_server, error);
}

const char *weir_client_methods(const weir_client_t *client)
{
    return client->methods;
}

weir_call_t *weir_client_start(weir_client_t *client, const char *method, const char *params,
                               size_t params_length, const struct weir_call_options *options,
                               const struct weir_call_sink *sink, struct weir_error *error)
{
    return weir_call_start(client->pool, method, params, params_length, options, sink, error);
}

int weir_client_call(weir_client_t *client, const char *method, const char *params,
                     const struct weir_call_options *options, struct weir_reply *reply,
                     struct weir_error *error)
{
    return weir_call(client->pool, method, params, options, reply, error);
}

struct listening {
    weir_client_t *client;
    weir_client_lost lost;
    void *context;
};

static void do_listen(void *data)
{
    struct listening *listening = data;

    listening->client->lost = listening->lost;
    listening->client->context = listening->context;
    tell_lost(listening->client);
}

void weir_client_on_lost(weir_client_t *client, weir_client_lost lost, void *context)
{
    struct listening listening = {client, lost, context};

    weir__context_do(client->pool->weir, do_listen, &listening);
}

void weir_client_close(weir_client_t *client)
{
    if (client == NULL || weir__context_check(client->pool->weir, NULL) < 0)
        return;
    weir__pool_disconnect(client->pool);
    free(client->methods);
    free(client);
}
