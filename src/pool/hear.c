/* What a worker says: lines, and what each of them means to whom. */
#include "config.h"

#include <string.h>
#include <stdlib.h>

#include "pool/pool.h"

enum { LONGEST_NOISE = 200 };

static void tell(struct weir__peer *peer, enum weir_event_kind kind, const char *name,
                 const char *text, size_t length)
{
    weir__context_tell(peer->kind->pool->weir, (struct weir_event){
                                                   .kind = kind,
                                                   .stage = (int)peer->kind->number,
                                                   .name = name,
                                                   .pid = weir__peer_pid(peer),
                                                   .text = text,
                                                   .length = length,
                                               });
}

/* The end of what is said of a line that is no message. */
static void desync(struct weir__peer *peer, const char *line, size_t length, const char *reason)
{
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
    switch (peer->dialect->greet(&peer->greeting, news, &pool->scratch)) {
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

static void log_came(struct weir__peer *peer, const struct weir__news *news)
{
    size_t length, level_length;
    char *text = weir__slice_string(news->value, &length);
    char *level = weir__slice_string(news->level, &level_length);

    if (text != NULL)
        tell(peer, WEIR_EVENT_LOG, level != NULL ? level : "info", text, length);
    free(text);
    free(level);
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
        weir__kind_succeeded(peer->kind);
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

static void hear_line(struct weir__peer *peer, const char *line, size_t length);

/* Each element stands for itself; all of them must be messages. */
static void hear_many(struct weir__peer *peer, struct weir__slice rest)
{
    struct weir__slice whole = rest, element;
    int count = 0;

    while (weir__peer_listens(peer) && weir__message_next(&rest, &element)) {
        count++;
        if (weir__slice_type(element) == 'o')
            hear_line(peer, element.bytes, element.length);
        else
            desync(peer, whole.bytes, whole.length, "an element is no object");
    }
    if (count == 0 && weir__peer_listens(peer))
        desync(peer, whole.bytes, whole.length, "an empty array");
}

static void hear_line(struct weir__peer *peer, const char *line, size_t length)
{
    struct weir__news news;

    peer->dialect->decode(line, length, &news);
    switch (news.kind) {
    case WEIR__NEWS_NOTHING:
        break;
    case WEIR__NEWS_NOISE:
        peer->kind->pool->noise++;
        tell(peer, WEIR_EVENT_NOISE, peer->kind->command.argv[0], line,
             length < LONGEST_NOISE ? length : LONGEST_NOISE);
        break;
    case WEIR__NEWS_BROKEN:
        desync(peer, line, length, news.reason);
        break;
    case WEIR__NEWS_MANY:
        hear_many(peer, news.value);
        break;
    case WEIR__NEWS_LOG:
        log_came(peer, &news);
        break;
    default:
        if (peer->state == WEIR__PEER_STARTING)
            greet(peer, &news);
        else
            call_news(peer, &news);
        break;
    }
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

    while (weir__peer_listens(peer) && (lf = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
        size_t line = (size_t)(lf - bytes);

        if (partial->length + line > max_line + 1) { /* 1: a CR */
            too_long(peer);
        } else if (partial->length == 0) {
            hear_line(peer, bytes, line);
        } else if (weir__buffer_add(partial, bytes, line, NULL) < 0) {
            weir__peer_break(peer, "printed a line, and there is no memory for it");
        } else {
            struct weir__buffer whole = *partial;

            *partial = (struct weir__buffer){0};
            hear_line(peer, whole.bytes, whole.length);
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
