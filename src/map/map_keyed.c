/* A worker whose replies identify their records: each has the same value at --key as its record.
 * It may answer in any order and leave records out; which ones is known when it has ended. */
#include "config.h"

#include <stdlib.h>

#include "base/error.h"
#include "map/record_keys.h"
#include "map/map.h"
#include "text/pointer.h"
#include "text/json_validate.h"

enum {
    SHOWN = 60, /* of a value, in a message */
    START_WINDOW = 64,
};

static int begin(struct weir__lane *lane)
{
    lane->keys = calloc(1, sizeof *lane->keys);
    return lane->keys != NULL ? 0 : WEIR_ERR_NOMEM;
}

static int send(struct weir__lane *lane, struct weir__record *record)
{
    record->key.number = ++lane->keys->sent;
    if (weir__keys_add(&lane->keys->table, record) < 0)
        return WEIR_ERR_NOMEM;
    return weir__worker_send(&lane->worker, record->bytes, record->length);
}

/* Returns 0: the worker is no longer usable. */
static int mismatch(struct weir__lane *lane, struct weir__slice value)
{
    const char *key = lane->map->options.key;

    if (value.bytes == NULL)
        weir__map_end(lane->map, 3, WEIR_STOP_NONE,
                      "desync: a reply has nothing at %.100s: with --key each reply must have the "
                      "same value there as its record",
                      key);
    else
        weir__map_end(lane->map, 3, WEIR_STOP_NONE,
                      "desync: a reply has %.*s%s at %.100s, and the worker has no record with "
                      "that to answer: with --key each reply must have the same value there as "
                      "its record, once",
                      (int)(value.length < SHOWN ? value.length : SHOWN), value.bytes,
                      value.length > SHOWN ? "..." : "", key);
    lane->map->report.desyncs++;
    weir__lane_retire(lane);
    return 0;
}

static int take_line(struct weir__lane *lane, const char *bytes, size_t length, int64_t now_ns)
{
    struct weir_map *map = lane->map;
    struct weir__slice value = {NULL, 0};
    struct weir__record *record;
    uint64_t done = lane->done;
    size_t at, size;

    if (!weir__lines_is_good(map, bytes, length - 1)) {
        weir__lane_desync(lane);
        return 0;
    }
    if (weir__pointer_find(map->options.key, bytes, length - 1, &at, &size))
        value = (struct weir__slice){bytes + at, size};
    record = value.bytes != NULL ? weir__keys_take(&lane->keys->table, value) : NULL;
    if (record == NULL && value.bytes != NULL && lane->ghosts > 0) {
        lane->ghosts--;
        return 1;
    }
    if (record == NULL)
        return mismatch(lane, value);
    if (record->key.number > lane->keys->front)
        lane->keys->front = record->key.number;
    weir__queue_take_linked(&lane->flight, record);
    weir__lane_note_reply(lane, length, now_ns - lane->turn_since_ns);
    lane->done = lane->keys->front > done ? lane->keys->front : done;
    weir__map_settle(map, record, WEIR__ANSWERED, bytes, length);
    return 1;
}

static size_t ahead(const struct weir__lane *lane)
{
    return (size_t)(lane->keys->sent - lane->keys->front);
}

/* A worker that failed at its end may not have reached all of them: each is sent again. */
static void left_out(struct weir__lane *lane)
{
    struct weir_map *map = lane->map;

    if (!weir__lane_ended_well(lane)) {
        weir__lane_died(lane);
        return;
    }
    weir__lane_vouch(lane);
    if (map->lanes.start_window < START_WINDOW)
        map->lanes.start_window = START_WINDOW; /* one that drops everything has no replies to
                                                 * grow by */
    while (lane->flight.count > 0 && (map->end.status == 0 || map->end.drains)) {
        struct weir__record *record = weir__queue_pop(&lane->flight);

        record->fault = "missing";
        map->report.missing++;
        if (map->options.drop_missing)
            weir__map_settle(map, record, WEIR__DROPPED, NULL, 0);
        else
            weir__map_bury(map, record, "missing", &lane->worker, NULL);
    }
}

static void forget(struct weir__lane *lane)
{
    weir__keys_clear(&lane->keys->table);
    lane->keys->front = lane->keys->sent;
}

static void free_keys(struct weir__lane *lane)
{
    if (lane->keys != NULL)
        weir__keys_clear(&lane->keys->table);
    free(lane->keys);
    lane->keys = NULL;
}

const struct weir__protocol weir__protocol_keyed = {
    .around = 1, /* its newline */
    .begin = begin,
    .send = send,
    .take_line = take_line,
    .ahead = ahead,
    .left_out = left_out,
    .nudge = weir__lines_nudge,
    .forget = forget,
    .free = free_keys,
};
