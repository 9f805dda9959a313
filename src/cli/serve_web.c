#include "config.h"

#include "cli/serve_web.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cli/output.h"
#include "pool/server.h"

enum { LOOK_MS = 50, MS = 1000000 };

/* Returns 0, or the exit status after a message. */
static int check_list(const char *option, const struct cli_list *list, const char *scheme)
{
    for (size_t i = 0; i < list->count; i++) {
        if (*list->items[i] == '\0')
            return cli_bad_usage(&cli_serve, "%s: the value is empty", option);
        if (scheme != NULL && strncmp(list->items[i], scheme, strlen(scheme)) != 0)
            return cli_bad_usage(&cli_serve,
                                 "%s: \"%.100s\" is not an origin: https://app.example.org is one",
                                 option, list->items[i]);
    }
    return 0;
}

int serve_web_read(struct serve_web *web, const struct serve_values *values)
{
    struct weir_error error;
    int status = check_list("--expose", &values->exposed, NULL);

    if (status == 0)
        status = check_list("--http-host", &values->http_hosts, NULL);
    if (status == 0)
        status = check_list("--http-origin", &values->http_origins, "http");
    if (status != 0 || values->http == NULL)
        return status;
    if (weir__web_place_parse(values->http, &web->place, &error) < 0)
        return cli_bad_usage(&cli_serve, "--http: %s", error.text);
    if (web->place.path == NULL && !web->place.is_loopback && values->http_tokens == NULL)
        return cli_bad_usage(
            &cli_serve,
            "--http %s: anyone who can reach an address that is not loopback could "
            "call: use --http-tokens",
            values->http);
    return 0;
}

/* --http-log */
static void on_request(const struct weir__web_request *request)
{
    const char *token = request->caller.token;
    char status[16] = "gone";

    if (request->status > 0)
        snprintf(status, sizeof status, "%d", request->status);
    cli_note(&cli_serve, "%s %s %.*s %.*s %s %.1f ms", request->caller.peer,
             token != NULL ? token : "-",
             (int)(request->method.bytes != NULL ? request->method.length : 1),
             request->method.bytes != NULL ? request->method.bytes : "-",
             (int)(request->path.bytes != NULL ? request->path.length : 1),
             request->path.bytes != NULL ? request->path.bytes : "-", status,
             (double)request->wall_ns / MS);
}

int serve_web_open(struct serve_web *web, const struct serve_values *values,
                   struct serve_audit *calls, struct weir__server *server, struct weir_error *error)
{
    struct weir__web_options options = {
        .hosts = values->http_hosts.items,
        .origins = values->http_origins.items,
        .exposed = values->exposed.items,
        .tokens = values->http_tokens,
        .state = values->http_state,
        .server = server,
        .timeout_ms = values->http_timeout_ms,
        .head_timeout_ms = values->http_head_timeout_ms,
        .max_body = values->http_max_body,
        .max_connections = (size_t)values->http_connections,
        .has_no_page = values->no_http_page,
        .has_tracebacks = values->http_tracebacks,
        .min_ready = (unsigned)(values->min_ready > 0 ? values->min_ready : values->count),
        .max_queue = (size_t)values->max_queue,
        .on_request = values->http_log ? on_request : NULL,
        .written_fd = -1,
    };
    char url[96];
    int fd;

    serve_audit_web(calls, &options);
    if (web->fd < 0)
        web->fd = weir__web_listen(&web->place, error);
    else if (!web->is_bound)
        web->place.path = NULL; /* it was passed, and is not ours to remove */
    if (web->fd < 0)
        return web->fd;
    fd = web->fd;
    if (web->place.path != NULL)
        web->socket_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    web->fd = -1;
    web->door = weir__web_open(server->weir, server->pool, &options, fd, error);
    if (web->door == NULL)
        return (int)error->status;
    weir__web_url(web->door, url);
    strcat(url, url[0] != '\0' ? "\n" : "");
    output_say(url, strlen(url));
    if (weir__web_is_remote(web->door))
        cli_say(&cli_serve, "tokens can be read by others on the way: put a proxy with TLS before "
                            "this server");
    return 0;
}

void serve_web_reload(struct serve_web *web)
{
    struct weir_error error;

    if (web->door != NULL && weir__web_reload(web->door, &error) < 0)
        cli_say(&cli_serve, "%s; the old tokens stay", error.text);
}

void serve_web_leave(struct serve_web *web)
{
    if (web->door != NULL)
        weir__web_leave(web->door);
}

void serve_web_stop(struct serve_web *web)
{
    if (web->place.path != NULL && web->socket_fd >= 0)
        weir__socket_unbind(web->place.path, web->socket_fd);
    weir__close(&web->socket_fd);
    if (web->door != NULL)
        weir__web_stop(web->door);
}

void serve_web_close(struct serve_web *web, weir_t *weir, int64_t flush_ms, int wake_fd)
{
    int64_t until_ns = weir__clock_ns() + flush_ms * MS;

    serve_web_stop(web);
    while (web->door != NULL && weir__web_owes(web->door) && weir__clock_ns() < until_ns) {
        struct pollfd fds[] = {{.fd = weir_fd(weir), .events = POLLIN},
                               {.fd = wake_fd, .events = POLLIN}};

        poll(fds, 2, LOOK_MS);
        if (fds[1].revents != 0)
            break;
        weir_dispatch(weir, NULL);
    }
    weir__web_close(web->door);
    web->door = NULL;
    weir__close(&web->fd);
}
