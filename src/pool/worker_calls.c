#include "config.h"

#include "pool/worker_calls.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/printable.h"

enum {
    FIRST_SLOTS = 8,
    KEPT_ROOM = 4096, /* of the scratch buffer, between uses */
    UNSENT_MAX = 1 << 20,
};

struct weir_call *weir__peer_find(const struct weir__peer *peer, int64_t id)
{
    struct weir_call *call =
        peer->slot_count > 0 && id > 0 ? peer->slots[(size_t)id & (peer->slot_count - 1)] : NULL;

    return call != NULL && call->id == id ? call : NULL;
}

static int grow_slots(struct weir__peer *peer)
{
    size_t count = peer->slot_count > 0 ? peer->slot_count * 2 : FIRST_SLOTS;
    struct weir_call **slots = calloc(count, sizeof(struct weir_call *));

    if (slots == NULL)
        return WEIR_ERR_NOMEM;
    for (size_t i = 0; i < peer->slot_count; i++)
        if (peer->slots[i] != NULL) /* no two collide: they did not in half the room */
            slots[(size_t)peer->slots[i]->id & (count - 1)] = peer->slots[i];
    free(peer->slots);
    peer->slots = slots;
    peer->slot_count = count;
    return 0;
}

/* Skips ids whose slot is taken: a stream may keep its own for days. */
int weir__peer_add(struct weir__peer *peer, struct weir_call *call)
{
    if (peer->flights * 2 >= peer->slot_count && grow_slots(peer) < 0)
        return WEIR_ERR_NOMEM;
    do
        peer->last_id++;
    while (peer->slots[(size_t)peer->last_id & (peer->slot_count - 1)] != NULL);
    call->id = peer->last_id;
    call->peer = peer;
    peer->slots[(size_t)call->id & (peer->slot_count - 1)] = call;
    peer->flights++;
    peer->kind->pool->running++;
    return 0;
}

void weir__peer_remove(struct weir_call *call)
{
    struct weir__peer *peer = call->peer;
    struct weir_pool *pool = call->pool;

    if (peer == NULL)
        return;
    peer->slots[(size_t)call->id & (peer->slot_count - 1)] = NULL;
    peer->flights--;
    pool->running--;
    if (peer->suspect == call)
        peer->suspect = NULL;
    call->peer = NULL;
    weir__alarm_clear(&pool->alarms, &call->ladder);
    if (peer->state == WEIR__PEER_RETIRING && peer->flights == 0)
        pool->stale |= WEIR__STALE_WORKERS;
}

int weir__peer_is_behind(const struct weir__peer *peer)
{
    return weir__worker_unsent(&peer->worker) > UNSENT_MAX;
}

void weir__peer_give(struct weir__peer *peer)
{
    struct weir_pool *pool = peer->kind->pool;
    struct weir__buffer *from = &pool->scratch;
    int status = weir__worker_send(&peer->worker, from->bytes, from->length);

    from->length = 0;
    if (from->capacity > KEPT_ROOM)
        weir__buffer_clear(from);
    if (status < 0) {
        weir__peer_break(peer, "could not be written to: no memory");
    } else if (!peer->is_dirty) {
        peer->is_dirty = 1;
        peer->next_dirty = pool->dirty;
        pool->dirty = peer;
    }
}

void weir__peer_break(struct weir__peer *peer, const char *format, ...)
{
    va_list args;

    if (peer->state == WEIR__PEER_BROKEN || peer->state == WEIR__PEER_ENDING)
        return;
    va_start(args, format);
    weir__sentence_list(peer->reason, sizeof peer->reason, format, args);
    va_end(args);
    peer->was_starting |= peer->state == WEIR__PEER_STARTING;
    peer->state = WEIR__PEER_BROKEN;
    peer->kind->pool->stale |= WEIR__STALE_WORKERS;
}

int weir__peer_listens(const struct weir__peer *peer)
{
    return peer->state != WEIR__PEER_BROKEN && peer->state != WEIR__PEER_ENDING
           && peer->worker.state != WEIR__WORKER_DYING;
}
