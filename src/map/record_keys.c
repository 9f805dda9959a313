#include "config.h"

#include "map/record_keys.h"

#include <stdlib.h>

#include "text/pointer.h"

enum { FIRST_ROOM = 64 };

struct weir__key_bucket {
    struct weir__record *first, *last;
};

static struct weir__key_bucket *bucket_of(const struct weir__keys *keys, uint64_t hash)
{
    return &keys->buckets[hash & (keys->room - 1)];
}

static void append(struct weir__keys *keys, struct weir__record *record)
{
    struct weir__key_bucket *bucket = bucket_of(keys, record->key.hash);

    record->key.alike = NULL;
    if (bucket->last != NULL)
        bucket->last->key.alike = record;
    else
        bucket->first = record;
    bucket->last = record;
}

static int grow(struct weir__keys *keys)
{
    struct weir__keys old = *keys;

    keys->room = old.room > 0 ? old.room * 2 : FIRST_ROOM;
    keys->buckets = calloc(keys->room, sizeof *keys->buckets);
    if (keys->buckets == NULL) {
        *keys = old;
        return WEIR_ERR_NOMEM;
    }
    for (size_t i = 0; i < old.room; i++) {
        struct weir__record *record = old.buckets[i].first;

        while (record != NULL) {
            struct weir__record *alike = record->key.alike;

            append(keys, record);
            record = alike;
        }
    }
    free(old.buckets);
    return 0;
}

int weir__keys_add(struct weir__keys *keys, struct weir__record *record)
{
    if (keys->count >= keys->room && grow(keys) < 0)
        return WEIR_ERR_NOMEM;
    append(keys, record);
    keys->count++;
    return 0;
}

struct weir__slice weir__key_of(const struct weir__record *record)
{
    return (struct weir__slice){record->bytes + record->key.at, record->key.length};
}

/* Returns the link to the oldest record with this key, or to NULL. before: the previous one in
 * its bucket. */
static struct weir__record **find(const struct weir__keys *keys, struct weir__slice value,
                                  uint64_t hash, struct weir__record **before)
{
    struct weir__record **at = &bucket_of(keys, hash)->first;

    for (*before = NULL; *at != NULL; *before = *at, at = &(*at)->key.alike) {
        struct weir__slice key = weir__key_of(*at);

        if ((*at)->key.hash == hash
            && weir__json_same(key.bytes, key.length, value.bytes, value.length))
            break;
    }
    return at;
}

int weir__keys_have(const struct weir__keys *keys, const struct weir__record *record)
{
    struct weir__record *before;

    return keys->count > 0 && *find(keys, weir__key_of(record), record->key.hash, &before) != NULL;
}

struct weir__record *weir__keys_take(struct weir__keys *keys, struct weir__slice value)
{
    uint64_t hash = weir__json_hash(value.bytes, value.length, 0);
    struct weir__record *before, *record, **at;

    if (keys->count == 0)
        return NULL;
    at = find(keys, value, hash, &before);
    record = *at;
    if (record == NULL)
        return NULL;
    *at = record->key.alike;
    if (*at == NULL)
        bucket_of(keys, hash)->last = before;
    keys->count--;
    return record;
}

void weir__keys_clear(struct weir__keys *keys)
{
    free(keys->buckets);
    *keys = (struct weir__keys){0};
}
