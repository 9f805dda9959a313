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

static int begin(struct weir__map_worker *worker)
{
    worker->keys = calloc(1, sizeof *worker->keys);
    return worker->keys != NULL ? 0 : WEIR_ERR_NOMEM;
}

static int send(struct weir__map_worker *worker, struct weir__record *record)
{
    record->key.number = ++worker->keys->sent;
    if (weir__keys_add(&worker->keys->table, record) < 0)
        return WEIR_ERR_NOMEM;
    return weir__worker_send(&worker->process, record->bytes, record->length);
}

/* Returns 0: the worker is no longer usable. */
static int mismatch(struct weir__map_worker *worker, struct weir__slice value)
{
    const char *key = worker->map->options.key;

    if (value.bytes == NULL)
        weir__map_end(worker->map, 3, WEIR_STOP_NONE,
                      "desync: a reply has nothing at %.100s: with --key each reply must have the "
                      "same value there as its record",
                      key);
    else
        weir__map_end(worker->map, 3, WEIR_STOP_NONE,
                      "desync: a reply has %.*s%s at %.100s, and the worker has no record with "
                      "that to answer: with --key each reply must have the same value there as "
                      "its record, once",
                      (int)(value.length < SHOWN ? value.length : SHOWN), value.bytes,
                      value.length > SHOWN ? "..." : "", key);
    worker->map->report.desyncs++;
    weir__map_worker_retire(worker);
    return 0;
}

static int take_line(struct weir__map_worker *worker, const char *bytes, size_t length,
                     int64_t now_ns)
{
    struct weir_map *map = worker->map;
    struct weir__slice value = {NULL, 0};
    struct weir__record *record;
    uint64_t done = worker->done;
    size_t at, size;

    if (!weir__lines_is_good(map, bytes, length - 1)) {
        weir__map_worker_desync(worker);
        return 0;
    }
    if (weir__pointer_find(map->options.key, bytes, length - 1, &at, &size))
        value = (struct weir__slice){bytes + at, size};
    record = value.bytes != NULL ? weir__keys_take(&worker->keys->table, value) : NULL;
    if (record == NULL && value.bytes != NULL && worker->ghosts > 0) {
        worker->ghosts--;
        return 1;
    }
    if (record == NULL)
        return mismatch(worker, value);
    if (record->key.number > worker->keys->front)
        worker->keys->front = record->key.number;
    weir__record_queue_take_linked(&worker->inflight, record);
    weir__map_worker_note_reply(worker, record, length, now_ns - worker->turn_since_ns, now_ns);
    worker->done = worker->keys->front > done ? worker->keys->front : done;
    weir__map_settle(map, record, WEIR__ANSWERED, bytes, length);
    return 1;
}

static size_t ahead(const struct weir__map_worker *worker)
{
    return (size_t)(worker->keys->sent - worker->keys->front);
}

/* A worker that failed at its end may not have reached all of them: each is sent again. */
static void left_out(struct weir__map_worker *worker)
{
    struct weir_map *map = worker->map;

    if (!weir__map_worker_ended_well(worker)) {
        weir__map_worker_died(worker);
        return;
    }
    weir__map_worker_mark_healthy(worker);
    if (map->workers.start_window < START_WINDOW)
        map->workers.start_window = START_WINDOW; /* one that drops everything has no replies to
                                                   * grow by */
    while (worker->inflight.count > 0 && (map->end.status == 0 || map->end.drains)) {
        struct weir__record *record = weir__record_queue_pop(&worker->inflight);

        record->fault = "missing";
        map->report.missing++;
        if (map->options.drop_missing) {
            weir__map_settle(map, record, WEIR__DROPPED, NULL, 0);
            continue;
        }
        weir__map_worker_note_dead(worker, record, "missing", worker->turn_since_ns);
        weir__map_dead_letter(map, record, "missing", &worker->process, NULL);
    }
}

static void forget(struct weir__map_worker *worker)
{
    weir__keys_clear(&worker->keys->table);
    worker->keys->front = worker->keys->sent;
}

static void free_keys(struct weir__map_worker *worker)
{
    if (worker->keys != NULL)
        weir__keys_clear(&worker->keys->table);
    free(worker->keys);
    worker->keys = NULL;
}

const struct weir__protocol weir__protocol_keyed = {
    .around = 1, /* its newline */
    .begin = begin,
    .send = send,
    .take_line = take_line,
    .ahead = ahead,
    .left_out = left_out,
    .unstick = weir__lines_unstick,
    .forget = forget,
    .free = free_keys,
};
