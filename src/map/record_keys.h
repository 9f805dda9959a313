/* map/record_keys.h - the records in flight to a worker, indexed by the value at --key. */
#ifndef WEIR_MAP_RECORD_KEYS_H
#define WEIR_MAP_RECORD_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "map/record_reader.h"
#include "rpc/rpc_parse.h"

/* Of records with the same key the oldest is found first. Initially all zero. */
struct weir__keys {
    struct weir__key_bucket *buckets;
    size_t room, count;
};

/* The records that a worker has. */
struct weir__map_worker_keys {
    struct weir__keys table;
    uint64_t sent;  /* records */
    uint64_t front; /* the last of them that was answered: earlier ones may be left out */
};

/* Errors: NOMEM. */
int weir__keys_add(struct weir__keys *keys, struct weir__record *record);

/* Whether another record has the same key. */
int weir__keys_have(const struct weir__keys *keys, const struct weir__record *record);

/* Removes the oldest record with this key. NULL: none. */
struct weir__record *weir__keys_take(struct weir__keys *keys, struct weir__slice value);

/* The record's key value. */
struct weir__slice weir__key_of(const struct weir__record *record);

/* Forgets all records; the queue owns them. */
void weir__keys_clear(struct weir__keys *keys);

#endif
