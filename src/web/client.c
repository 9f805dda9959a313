#include "config.h"

#include "web/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "proc/context.h"
#include "web/account.h"
#include "web/answer.h"
#include "web/exchange.h"
#include "web/input.h"
#include "web/live.h"
#include "web/mcp.h"
#include "web/metrics.h"
#include "web/output.h"
#include "web/route.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

enum { CHUNK = 64 * 1024, REFUSED_MAX = 32 };

/* --- Requests --------------------------------------------------------------------- */

/* The head cannot be read: where the next one begins is not known. */
static void refuse_framing(struct weir__web_client *client, int status, const char *reason)
{
    client->is_closing = 1;
    weir__web_refuse(client, status, NULL, reason);
}

/* Returns 1 when there is more to do with what came. */
static int read_head(struct weir__web_client *client)
{
    int status;

    if (client->in.length == 0 || weir__web_owed(client) > 0)
        return 0; /* the next request waits until the response is sent */
    status = weir__http_request_read(&client->request, client->in.bytes, client->in.length);
    if (status == 0)
        return 0;
    if (status != WEIR__HTTP_DONE) {
        const char *reason = client->request.reason;

        weir__http_request_begin(&client->request); /* nothing of it counts */
        refuse_framing(client, status, reason);
        return 0;
    }
    client->unread = client->body_end = client->line = client->request.length;
    weir__http_body_begin(&client->body, &client->request);
    client->is_body_over =
        client->request.framing == WEIR__HTTP_NO_BODY
        || (client->request.framing == WEIR__HTTP_LENGTH && client->request.content_length == 0);
    weir__web_route_head(client);
    return 1;
}

/* Drops the framing between what was read of the body and what was not looked at. */
static void forget_framing(struct weir__web_client *client)
{
    size_t gone = client->unread - client->body_end;

    if (gone == 0)
        return;
    memmove(client->in.bytes + client->body_end, client->in.bytes + client->unread,
            client->in.length - client->unread);
    client->in.length -= gone;
    client->unread = client->body_end;
}

/* Moves what came of the body behind what is there of it.  Returns 0, or 400. */
static int take_body(struct weir__web_client *client)
{
    int status = 0;

    while (status == 0 && client->unread < client->in.length) {
        struct weir__http_text data;
        size_t used;

        status = weir__http_body_read(&client->body, client->in.bytes + client->unread,
                                      client->in.length - client->unread, &data, &used);
        if (data.length > 0 && data.bytes != client->in.bytes + client->body_end)
            memmove(client->in.bytes + client->body_end, data.bytes, data.length);
        client->body_end += data.length;
        client->body_bytes += data.length;
        client->unread += used;
    }
    forget_framing(client);
    client->is_body_over = status == WEIR__HTTP_DONE;
    return status > WEIR__HTTP_DONE ? status : 0;
}

static int read_body(struct weir__web_client *client)
{
    int status = take_body(client);

    if (status != 0)
        refuse_framing(client, status, client->body.reason);
    else if (client->body_bytes > client->door->options.max_body)
        refuse_framing(client, 413, "the body is longer than --http-max-body");
    else if (!client->is_body_over)
        return 0;
    else
        weir__web_route_body(client);
    return 1;
}

static int read_input(struct weir__web_client *client)
{
    struct weir__web_exchange *exchange = client->exchange;

    if (exchange == NULL || client->is_body_over)
        return 0;
    if (take_body(client) != 0) {
        exchange->is_input_open = 0;
        client->is_closing = 1;
        weir__web_fail_call(exchange, 400, client->body.reason);
        return 0;
    }
    weir__web_input_send(client);
    return 0;
}

static void read_all(struct weir__web_client *client)
{
    int goes_on = 1;

    client->is_busy = 1;
    while (goes_on && !client->is_over)
        switch (client->state) {
        case WEIR__WEB_HEAD:
            goes_on = read_head(client);
            break;
        case WEIR__WEB_BODY:
            goes_on = read_body(client);
            break;
        case WEIR__WEB_CALLING:
            goes_on = read_input(client);
            break;
        case WEIR__WEB_LEAVING:
            client->in.length = 0;
            goes_on = 0;
            break;
        }
    client->is_busy = 0;
}

/* --- Its socket --------------------------------------------------------------------- */

static void settle(struct weir__web_client *client)
{
    size_t owed;

    do {
        weir__web_flush(client);
        owed = weir__web_owed(client);
        if (owed == 0 && client->state == WEIR__WEB_HEAD && client->in.length > 0)
            read_all(client); /* what it pipelined */
    } while (!client->is_over && weir__web_owed(client) > owed);
    /* The rest of the response is lost if the socket is closed before what still comes is read. */
    if (client->state == WEIR__WEB_LEAVING && owed == 0 && !client->is_over
        && shutdown(client->fd, SHUT_WR) < 0)
        weir__web_end(client);
    weir__web_watch(client);
}

void weir__web_client_go_on(struct weir__web_client *client)
{
    if (!client->is_busy && !client->is_over)
        settle(client);
}

/* A client that closes, even one direction only, wants nothing more. */
static void read_some(struct weir__web_client *client)
{
    char bytes[CHUNK];
    ssize_t count = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        weir__web_end(client);
        return;
    }
    if (client->state == WEIR__WEB_LEAVING)
        return;
    if (client->state == WEIR__WEB_HEAD && client->in.length == 0)
        client->since_ns = weir__clock_ns();
    if (weir__buffer_add(&client->in, bytes, (size_t)count, NULL) < 0)
        weir__web_end(client);
    else
        read_all(client);
}

/* While its call runs nothing is read: has it gone, or sent its next request early? */
static void look_ahead(struct weir__web_client *client)
{
    struct pollfd end = {.fd = client->fd, .events = POLLRDHUP};
    char byte;

    poll(&end, 1, 0);
    if (end.revents != 0 || recv(client->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
        weir__web_end(client);
    else if (client->is_body_over)
        client->is_read_ahead = 1;
}

static void on_socket(void *data, int bits)
{
    struct weir__web_client *client = data;

    if (client->is_over)
        return;
    if (bits & WEIR__WRITABLE && weir__web_owed(client) > 0) {
        weir__web_flush(client);
        if (client->exchange != NULL && !client->is_over)
            weir__web_exchange_grant(client->exchange);
        if (client->mcp != NULL && !client->is_over)
            weir__web_mcp_flush(client);
    }
    if (bits & WEIR__READABLE && !client->is_over) {
        if (client->state == WEIR__WEB_CALLING
            && (client->is_body_over || !weir__web_input_is_read(client)))
            look_ahead(client);
        else
            read_some(client);
    }
    if (!client->is_over)
        settle(client);
}

/* --- Time ------------------------------------------------------------------------------ */

void weir__web_client_check(struct weir__web_client *client, int64_t now_ns)
{
    struct weir__http_writer writer = {&client->out, 0};

    if (client->is_over || weir__web_due_ns(client) > now_ns)
        return;
    if (client->state == WEIR__WEB_CALLING && (client->exchange != NULL || client->mcp != NULL)
        && weir__web_owed(client) == 0) {
        if (client->mcp != NULL)
            weir__web_mcp_begin_events(client);
        weir__http_write_chunk(&writer, ":\n\n", 3); /* a stream of events is silent */
        client->silent_ns = now_ns;
        if (writer.failed)
            weir__web_end(client);
        settle(client);
    } else if (weir__web_owed(client) == 0
               && (client->state == WEIR__WEB_BODY
                   || (client->state == WEIR__WEB_HEAD && client->in.length > 0))) {
        if (client->state == WEIR__WEB_HEAD)
            weir__http_request_begin(&client->request);
        refuse_framing(client, 408, "the request did not arrive in time");
    } else {
        weir__web_end(client);
    }
}

/* --- Life -------------------------------------------------------------------------------- */

static void free_client(struct weir__web_client *client)
{
    weir__watch_close(&client->watch);
    weir__close(&client->fd);
    free(client->bound);
    free(client->ask);
    weir__buffer_clear(&client->in);
    weir__buffer_clear(&client->out);
    free(client);
}

/* Returns NULL where there is no memory for it; takes fd. */
static struct weir__web_client *make(struct weir__web_door *door, int fd,
                                     const struct weir__web_peer *peer)
{
    struct weir__web_client *client = calloc(1, sizeof *client);

    if (client == NULL) {
        weir__close(&fd);
        return NULL;
    }
    client->door = door;
    client->fd = fd;
    client->peer = *peer;
    client->number = ++door->connections;
    client->is_body_over = 1;
    client->since_ns = weir__clock_ns();
    weir__http_request_begin(&client->request);
    if (weir__watch_new(door->weir->loop, fd, WEIR__READABLE, on_socket, client, &client->watch,
                        NULL)
        < 0) {
        free_client(client);
        return NULL;
    }
    client->next = door->clients;
    client->link = &door->clients;
    if (client->next != NULL)
        client->next->link = &client->next;
    door->clients = client;
    door->client_count++;
    return client;
}

void weir__web_client_open(struct weir__web_door *door, int fd, const struct weir__web_peer *peer)
{
    struct weir__web_client *client = make(door, fd, peer);

    if (client == NULL)
        return;
    weir__web_watch(client);
}

/* It is kept for a moment, so that it can read the answer; of many only some. */
void weir__web_client_refuse(struct weir__web_door *door, int fd, const struct weir__web_peer *peer,
                             int status, const char *detail)
{
    struct weir__web_client *client;

    if (door->refused_count >= REFUSED_MAX) {
        weir__close(&fd);
        return;
    }
    client = make(door, fd, peer);
    if (client == NULL)
        return;
    client->is_refused = client->is_closing = 1;
    door->refused_count++;
    weir__web_refuse(client, status, NULL, detail);
}

void weir__web_client_close(struct weir__web_client *client)
{
    client->is_over = 1;
    weir__web_account_request(client, 0);
    weir__web_metrics_drop(client);
    weir__web_live_drop(client);
    weir__web_mcp_drop(client);
    if (client->exchange != NULL)
        weir__web_exchange_drop(client->exchange);
    *client->link = client->next;
    if (client->next != NULL)
        client->next->link = client->link;
    client->door->client_count--;
    client->door->refused_count -= (size_t)client->is_refused;
    free_client(client);
}
