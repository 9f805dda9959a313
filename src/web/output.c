#include "config.h"

#include "web/output.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "web/account.h"
#include "web/input.h"

enum {
    IDLE_MS = 30000,
    BODY_MS = 10000,      /* then its least rate counts */
    BODY_RATE = 1024,     /* bytes a second */
    NOT_TAKEN_MS = 30000, /* without a byte taken */
    LEAVING_MS = 2000,
    SILENCE_MS = 15000, /* then a comment, so that nothing between takes it for dead */
    MS = 1000000,
};

size_t weir__web_owed(const struct weir__web_client *client)
{
    return client->out.length - client->sent;
}

void weir__web_end(struct weir__web_client *client)
{
    client->is_over = 1;
    weir__timer_start(client->door->sweep, 0);
}

void weir__web_flush(struct weir__web_client *client)
{
    if (weir__web_account_holds(client)) {
        client->took_ns = client->took_ns != 0 ? client->took_ns : weir__clock_ns();
        return;
    }
    while (weir__web_owed(client) > 0 && !client->is_over) {
        ssize_t count = send(client->fd, client->out.bytes + client->sent, weir__web_owed(client),
                             MSG_DONTWAIT | MSG_NOSIGNAL);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            break;
        if (count < 0) {
            weir__web_end(client);
            return;
        }
        client->sent += (size_t)count;
        client->took_ns = 0;
    }
    if (weir__web_owed(client) == 0) {
        client->out.length = client->sent = 0;
        if (client->out.capacity > WEIR__WEB_KEEP)
            weir__buffer_clear(&client->out);
    } else if (client->sent > WEIR__WEB_OWED_MAX) {
        memmove(client->out.bytes, client->out.bytes + client->sent, weir__web_owed(client));
        client->out.length -= client->sent;
        client->sent = 0;
    }
    if (weir__web_owed(client) > 0 && client->took_ns == 0)
        client->took_ns = weir__clock_ns();
}

/* --- Deadlines ----------------------------------------------------------------- */

static int64_t state_due_ns(const struct weir__web_client *client)
{
    const struct weir__web_exchange *exchange = client->exchange;

    switch (client->state) {
    case WEIR__WEB_HEAD:
        return client->since_ns
               + (client->in.length > 0 ? client->door->options.head_timeout_ms : IDLE_MS) * MS;
    case WEIR__WEB_BODY:
        return client->since_ns + (int64_t)BODY_MS * MS
               + (int64_t)(client->body_bytes * 1000 / BODY_RATE) * MS;
    case WEIR__WEB_LEAVING:
        return client->since_ns + (int64_t)LEAVING_MS * MS;
    case WEIR__WEB_CALLING:
        if (client->has_events)
            return client->silent_ns + (int64_t)SILENCE_MS * MS;
        if (exchange != NULL && exchange->is_head_sent && exchange->form == WEIR__WEB_EVENTS)
            return client->silent_ns + (int64_t)SILENCE_MS * MS;
        break;
    }
    return INT64_MAX;
}

int64_t weir__web_due_ns(const struct weir__web_client *client)
{
    if (client->held_for != 0) /* it waits for its record, not for the client */
        return INT64_MAX;
    if (weir__web_owed(client) == 0)
        return state_due_ns(client);
    /* While it is owed something, only that counts. */
    return client->took_ns + (int64_t)NOT_TAKEN_MS * MS;
}

/* --- The watch ----------------------------------------------------------------- */

static int is_read(const struct weir__web_client *client)
{
    switch (client->state) {
    case WEIR__WEB_HEAD:
        return weir__web_owed(client) == 0; /* the next request waits for the response */
    case WEIR__WEB_BODY:
    case WEIR__WEB_LEAVING:
        return 1;
    case WEIR__WEB_CALLING:
        break;
    }
    if (!client->is_body_over)
        return weir__web_input_is_read(client);
    /* Until it sends something, this is as good as watching for its end, and costs nothing. */
    return !client->is_read_ahead;
}

void weir__web_watch(struct weir__web_client *client)
{
    int reads = is_read(client);
    int owes = weir__web_owed(client) > 0 && !weir__web_account_holds(client);

    if (client->is_over)
        return;
    weir__watch_set(client->watch,
                    (reads ? WEIR__READABLE : WEIR__GONE) | (owes ? WEIR__WRITABLE : 0));
    client->checked_ns = weir__web_due_ns(client);
    if (client->checked_ns < client->door->clock_ns) {
        int64_t left_ms = (client->checked_ns - weir__clock_ns()) / MS + 1;

        client->door->clock_ns = client->checked_ns;
        weir__timer_start(client->door->clock, left_ms > 0 ? left_ms : 0);
    }
}
