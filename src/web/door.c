#include "config.h"

#include "web/door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/portable.h"
#include "proc/context.h"
#include "web/access.h"
#include "web/account.h"
#include "web/client.h"
#include "web/exchange.h"
#include "web/kept.h"
#include "web/live.h"
#include "web/mcp.h"
#include "web/metrics.h"
#include "web/output.h"
#include "web/web.h"

enum {
    BACKLOG = 128,
    RETRY_MS = 200, /* when out of descriptors */
    CLOCK_MS = 10,  /* deadlines are kept to this */
    SEND_BUFFER = 256 * 1024,
    PEER_CONNECTIONS = 32, /* from one address elsewhere */
    PORT_MAX = 65535,
    MS = 1000000,
};

/* --- Its place ---------------------------------------------------------------- */

static int parse_port(const char *text, unsigned *port)
{
    unsigned value = 0;

    if (*text == '\0' || strlen(text) > 5)
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        value = value * 10 + (unsigned)(*text - '0');
    }
    *port = value;
    return value <= PORT_MAX ? 0 : -1;
}

int weir__web_place_parse(const char *text, struct weir__web_place *place, struct weir_error *error)
{
    const char *colon = strrchr(text, ':'), *address = text;
    size_t length = colon != NULL ? (size_t)(colon - text) : 0;
    struct in6_addr six;
    struct in_addr four;

    *place = (struct weir__web_place){.address = "127.0.0.1", .is_loopback = 1};
    if (strncmp(text, "unix:", 5) == 0) {
        place->path = text + 5;
        return 0;
    }
    if (length > 2 && text[0] == '[' && colon[-1] == ']') {
        address++;
        length -= 2;
    }
    if (colon != NULL && length > 0 && length < sizeof place->address
        && !(length == 9 && strncmp(address, "localhost", 9) == 0))
        snprintf(place->address, sizeof place->address, "%.*s", (int)length, address);
    if (parse_port(colon != NULL ? colon + 1 : text, &place->port) < 0
        || (colon != NULL && (length == 0 || length >= sizeof place->address)))
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "invalid place \"%.100s\": use PORT, ADDRESS:PORT or unix:PATH", text);
    if (inet_pton(AF_INET, place->address, &four) == 1)
        place->is_loopback = ntohl(four.s_addr) >> 24 == 127;
    else if (address > text && inet_pton(AF_INET6, place->address, &six) == 1)
        place->is_loopback = IN6_IS_ADDR_LOOPBACK(&six);
    else
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "invalid address in \"%.100s\": use a numeric one, IPv6 in brackets",
                          text);
    return 0;
}

int weir__web_listen(const struct weir__web_place *place, struct weir_error *error)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)place->port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)place->port)};
    int is_six = inet_pton(AF_INET6, place->address, &six.sin6_addr) == 1, on = 1, failed;
    int fd = weir__socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

    inet_pton(AF_INET, place->address, &four.sin_addr);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd >= 0
        && bind(fd, is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four,
                is_six ? sizeof six : sizeof four)
               == 0
        && listen(fd, BACKLOG) == 0)
        return fd;
    failed = errno;
    weir__close(&fd);
    return weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot listen at %s port %u", place->address,
                      place->port);
}

/* --- Connections ------------------------------------------------------------------ */

static size_t count_peer(const struct weir__web_door *door, const struct weir__web_peer *peer)
{
    size_t count = 0;

    for (const struct weir__web_client *client = door->clients; client != NULL;
         client = client->next)
        count += memcmp(client->peer.address, peer->address, sizeof peer->address) == 0;
    return count;
}

static void read_peer(const struct sockaddr_storage *address, struct weir__web_peer *peer)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
    const struct sockaddr_in *four = (const struct sockaddr_in *)address;

    *peer = (struct weir__web_peer){.is_local = 1};
    if (address->ss_family == AF_INET) {
        memcpy(peer->address, &four->sin_addr, sizeof four->sin_addr);
        peer->port = ntohs(four->sin_port);
        peer->is_local = peer->address[0] == 127;
    } else if (address->ss_family == AF_INET6) {
        memcpy(peer->address, &six->sin6_addr, sizeof six->sin6_addr);
        peer->port = ntohs(six->sin6_port);
        peer->is_six = 1;
        peer->is_local = IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    }
}

static void admit(struct weir__web_door *door, int fd, const struct sockaddr_storage *address)
{
    struct weir__web_peer peer;
    int size = SEND_BUFFER, on = 1;

    read_peer(address, &peer);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (!door->is_unix)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (door->checks_user && !weir__web_is_own_user(door, fd))
        weir__web_client_refuse(door, fd, &peer, 403,
                                "only processes of the server's user are served");
    else if (door->client_count - door->refused_count >= door->options.max_connections
             || (!peer.is_local && count_peer(door, &peer) >= PEER_CONNECTIONS))
        weir__web_client_refuse(door, fd, &peer, 503, "too many connections: try later");
    else
        weir__web_client_open(door, fd, &peer);
}

static void accept_some(void *data, int bits)
{
    struct weir__web_door *door = data;
    struct sockaddr_storage peer = {0};
    struct weir_error error;
    int fd = -1;

    (void)bits;
    for (int i = 0; i < BACKLOG; i++) {
        socklen_t length = sizeof peer;

        fd = weir__socket_accept(door->fd, (struct sockaddr *)&peer, &length, 1);
        if (fd < 0)
            break;
        if (weir__fd_above_stdio(&fd, &error) < 0)
            break;
        admit(door, fd, &peer);
    }
    if (fd >= 0 || errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
        return; /* those left wake us again */
    /* EMFILE, ENFILE, ENOMEM: the connection stays pending and would wake us again at once. */
    weir__watch_set(door->watch, 0);
    weir__timer_start(door->retry, RETRY_MS);
}

static void accept_again(void *data)
{
    struct weir__web_door *door = data;

    if (door->watch != NULL)
        weir__watch_set(door->watch, WEIR__READABLE);
}

static void sweep(void *data)
{
    struct weir__web_door *door = data;
    struct weir__web_client *client = door->clients, *next;

    for (; client != NULL; client = next) {
        next = client->next;
        if (client->is_over)
            weir__web_client_close(client);
    }
}

static void check_clients(void *data)
{
    struct weir__web_door *door = data;
    int64_t now_ns = weir__clock_ns(), left_ms;

    door->clock_ns = 0; /* set once, below */
    for (struct weir__web_client *client = door->clients; client != NULL; client = client->next)
        weir__web_client_check(client, now_ns);
    door->clock_ns = INT64_MAX;
    for (struct weir__web_client *client = door->clients; client != NULL; client = client->next)
        if (!client->is_over && weir__web_due_ns(client) < door->clock_ns)
            door->clock_ns = weir__web_due_ns(client);
    if (door->clock_ns == INT64_MAX)
        return;
    left_ms = (door->clock_ns - weir__clock_ns()) / MS;
    weir__timer_start(door->clock, left_ms > CLOCK_MS ? left_ms : CLOCK_MS);
}

/* --- Life ---------------------------------------------------------------------------- */

static void stop_here(void *data)
{
    struct weir__web_door *door = data;

    door->is_draining = 1;
    weir__watch_close(&door->watch);
    weir__timer_close(&door->retry);
    weir__close(&door->fd);
    weir__web_live_end(door);
    weir__web_mcp_end_streams(door, 0);
    for (struct weir__web_client *client = door->clients; client != NULL; client = client->next)
        if (client->state == WEIR__WEB_HEAD && client->in.length == 0
            && weir__web_owed(client) == 0)
            weir__web_end(client);
}

static void close_here(void *data)
{
    struct weir__web_door *door = data;

    stop_here(door);
    while (door->clients != NULL)
        weir__web_client_close(door->clients);
    weir__web_exchange_end_all(door);
    weir__web_mcp_clear(door);
    weir__web_kept_clear(door);
    weir__web_live_close(door);
    weir__watch_close(&door->written);
    weir__timer_close(&door->sweep);
    weir__timer_close(&door->clock);
}

struct opening {
    struct weir__web_door *door;
    struct weir_error *error;
    int status;
};

static void open_here(void *data)
{
    struct opening *opening = data;
    struct weir__web_door *door = opening->door;
    weir__loop *loop = door->weir->loop;

    opening->status = weir__timer_new(loop, sweep, door, &door->sweep, opening->error);
    if (opening->status >= 0)
        opening->status = weir__timer_new(loop, check_clients, door, &door->clock, opening->error);
    if (opening->status >= 0)
        opening->status = weir__timer_new(loop, accept_again, door, &door->retry, opening->error);
    if (opening->status >= 0)
        opening->status = weir__web_live_open(door, opening->error);
    if (opening->status >= 0 && door->options.written_fd >= 0)
        opening->status =
            weir__watch_new(loop, door->options.written_fd, WEIR__READABLE,
                            weir__web_account_release, door, &door->written, opening->error);
    if (opening->status >= 0)
        opening->status = weir__watch_new(loop, door->fd, WEIR__READABLE, accept_some, door,
                                          &door->watch, opening->error);
}

struct weir__web_door *weir__web_open(weir_t *weir, weir_pool_t *pool,
                                      const struct weir__web_options *options, int fd,
                                      struct weir_error *error)
{
    struct weir__web_door *door = calloc(1, sizeof *door);
    struct opening opening = {.door = door, .error = error};
    uint64_t tag = 0;

    if (door == NULL) {
        weir__close(&fd);
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
        return NULL;
    }
    door->weir = weir;
    door->pool = pool;
    door->options = *options;
    door->fd = fd;
    door->clock_ns = INT64_MAX;
    door->on_answered = weir__web_client_go_on;
    weir__fd_set_nonblocking(fd);
    (void)!weir__random(&tag, sizeof tag);
    snprintf(door->tag, sizeof door->tag, "%08lx", (unsigned long)(tag & UINT32_MAX));
    door->started_s = weir__clock_wall_ns() / 1000000000;
    door->spent.fd = -1;
    if (options->tokens != NULL)
        opening.status = weir__tokens_read(&door->tokens, options->tokens, error);
    if (opening.status >= 0)
        opening.status = weir__spent_open(&door->spent, options->state, error);
    if (opening.status >= 0)
        opening.status = weir__web_access_begin(door, error);
    if (opening.status >= 0)
        weir__context_do(weir, open_here, &opening);
    if (opening.status >= 0)
        return door;
    weir__web_close(door);
    return NULL;
}

void weir__web_url(const struct weir__web_door *door, char url[96])
{
    url[0] = '\0';
    if (!door->is_unix)
        snprintf(url, 96, "http://%s:%u", door->address, door->port);
}

struct reloading {
    struct weir__web_door *door;
    struct weir__tokens tokens;
};

static void reload_here(void *data)
{
    struct reloading *reloading = data;
    struct weir__tokens old = reloading->door->tokens;

    reloading->door->tokens = reloading->tokens;
    for (struct weir__web_client *client = reloading->door->clients; client != NULL;
         client = client->next)
        client->bearer = NULL;           /* it was looked at */
    weir__web_live_end(reloading->door); /* their tokens may not count any more */
    weir__web_mcp_end_streams(reloading->door, 1);
    weir__tokens_clear(&old);
}

int weir__web_reload(struct weir__web_door *door, struct weir_error *error)
{
    struct reloading reloading = {.door = door};
    int status = 0;

    if (door->options.tokens == NULL)
        return 0;
    status = weir__tokens_read(&reloading.tokens, door->options.tokens, error);
    if (status == 0)
        weir__context_do(door->weir, reload_here, &reloading);
    return status;
}

int weir__web_is_remote(const struct weir__web_door *door)
{
    return door->is_remote;
}

void weir__web_leave(struct weir__web_door *door)
{
    door->is_leaving = 1;
}

void weir__web_stop(struct weir__web_door *door)
{
    weir__context_do(door->weir, stop_here, door);
}

int weir__web_owes(const struct weir__web_door *door)
{
    for (const struct weir__web_client *client = door->clients; client != NULL;
         client = client->next)
        if (!client->is_over
            && (weir__web_owed(client) > 0 || client->exchange != NULL || client->mcp != NULL))
            return 1;
    return 0;
}

void weir__web_close(struct weir__web_door *door)
{
    if (door == NULL)
        return;
    weir__context_do(door->weir, close_here, door);
    weir__spent_close(&door->spent);
    weir__tokens_clear(&door->tokens);
    weir__web_metrics_clear(door);
    free(door);
}
