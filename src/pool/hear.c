/* What a worker says: its bytes cut into lines, and to whom their news goes. */
#include "config.h"

#include <string.h>

#include "pool/pool.h"

/* The end of what is said of a line that is no message. */
static void desync(void *owner, const char *line, size_t length, const char *reason)
{
    struct weir__peer *peer = owner;

    weir__peer_break(peer, "printed a line that is no message (%s): %.*s", reason,
                     (int)(length < 80 ? length : 80), line);
}

static void greet(struct weir__peer *peer, const struct weir__news *news)
{
    struct weir_pool *pool = peer->kind->pool;

    if (news->id < 1 || news->id > peer->greeting.last_id) {
        pool->late++;
        return;
    }
    switch (peer->ear.dialect->greet(&peer->greeting, news, &pool->scratch)) {
    case WEIR__GREETED_READY:
        weir__peer_ready(peer);
        break;
    case WEIR__GREETED_MORE:
        weir__peer_give(peer);
        break;
    case WEIR__GREETED_FAILED:
        weir__peer_break(peer, "has not started: %s", peer->greeting.reason);
        break;
    }
}

static void call_news(struct weir__peer *peer, const struct weir__news *news)
{
    struct weir_pool *pool = peer->kind->pool;
    struct weir_call *call = weir__peer_find(peer, news->id);

    switch (news->kind) {
    case WEIR__NEWS_RESULT:
    case WEIR__NEWS_ERROR:
        if (call == NULL) {
            pool->late++;
            return;
        }
        weir__kind_succeeded(peer);
        weir__call_answer(call, news);
        weir__peer_answered(peer);
        break;
    case WEIR__NEWS_CHUNK:
        if (call != NULL)
            weir__call_value(call, news->value);
        break;
    case WEIR__NEWS_CREDIT:
        if (call != NULL)
            weir__call_credit(call, news->n);
        break;
    default:
        break;
    }
}

static int news_came(void *owner, const struct weir__news *news)
{
    struct weir__peer *peer = owner;

    if (peer->state == WEIR__PEER_STARTING)
        greet(peer, news);
    else
        call_news(peer, news);
    return weir__peer_listens(peer);
}

void weir__peer_listen(struct weir__peer *peer)
{
    struct weir__kind *kind = peer->kind;

    peer->ear = (struct weir__ear){
        .weir = kind->pool->weir,
        .dialect = peer->greeting.dialect,
        .stage = (int)kind->number,
        .name = kind->command.argv[0],
        .noise = &kind->pool->noise,
        .owner = peer,
        .on_news = news_came,
        .on_broken = desync,
    };
}

static void too_long(struct weir__peer *peer)
{
    weir__peer_break(peer, "printed a line of more than %zu bytes",
                     peer->kind->pool->options.max_line);
}

void weir__peer_hear(struct weir__peer *peer, const char *bytes, size_t length)
{
    const char *end = bytes + length, *lf;
    struct weir__buffer *partial = &peer->partial;
    size_t max_line = peer->kind->pool->options.max_line;

    peer->ear.pid = weir__peer_pid(peer);
    while (weir__peer_listens(peer) && (lf = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
        size_t line = (size_t)(lf - bytes);

        if (partial->length + line > max_line + 1) { /* 1: a CR */
            too_long(peer);
        } else if (partial->length == 0) {
            weir__ear_hear(&peer->ear, bytes, line);
        } else if (weir__buffer_add(partial, bytes, line, NULL) < 0) {
            weir__peer_break(peer, "printed a line, and there is no memory for it");
        } else {
            struct weir__buffer whole = *partial;

            *partial = (struct weir__buffer){0};
            weir__ear_hear(&peer->ear, whole.bytes, whole.length);
            weir__buffer_clear(&whole);
        }
        bytes = lf + 1;
    }
    if (bytes == end || !weir__peer_listens(peer))
        return;
    if (weir__buffer_add(partial, bytes, (size_t)(end - bytes), NULL) < 0)
        weir__peer_break(peer, "printed a line, and there is no memory for it");
    else if (partial->length > max_line + 1)
        too_long(peer);
}
