/* map/record_keys.h - the records in flight to a worker, by the value of their --key. */
#ifndef WEIR_MAP_RECORD_KEYS_H
#define WEIR_MAP_RECORD_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "map/record_reader.h"
#include "rpc/rpc_parse.h"

/* Of records with the same key the oldest is found first.  All zero at first. */
struct weir__keys {
    struct weir__key_bucket *buckets;
    size_t room, count;
};

/* The records that a worker has. */
struct weir__lane_keys {
    struct weir__keys table;
    uint64_t sent;  /* records */
    uint64_t front; /* the last of them that was answered: earlier ones may be left out */
};

/* Errors: NOMEM. */
int weir__keys_add(struct weir__keys *keys, struct weir__record *record);

/* Whether there is a record with the same key as this one. */
int weir__keys_have(const struct weir__keys *keys, const struct weir__record *record);

/* Takes out the oldest record whose key is this value.  NULL: there is none. */
struct weir__record *weir__keys_take(struct weir__keys *keys, struct weir__slice value);

/* The record's own value. */
struct weir__slice weir__key_of(const struct weir__record *record);

/* Forgets them all; the records are their queue's. */
void weir__keys_clear(struct weir__keys *keys);

#endif
