/* A worker that answers each line with a line, in order. */
#include "config.h"

#include "flow/map.h"
#include "text/syntax.h"

enum {
    PATIENCE_MS = 50,      /* nothing moves: the worker may be buffering its output */
    CLOSE_MS = 300,        /* the same before its input is closed */
    START_CLOSE_MS = 2000, /* the same before the first reply */
    BYTES_A_MS = 8192,     /* for so much more it has a millisecond more */
    STEADY_MS = 25,        /* how often it is looked at once its pace is known */
};

static int is_good_reply(const struct weir_map *map, const char *bytes, size_t length)
{
    if (map->options.encoding == WEIR_MAP_RAW)
        return weir__json_syntax(bytes, length, NULL);
    return weir__json_syntax_utf8(bytes, length, NULL);
}

static int hear(struct weir__lane *lane, const char *bytes, size_t length, int64_t now_ns)
{
    struct weir_map *map = lane->map;
    struct weir__record *record = lane->flight.first;
    enum weir__outcome outcome = WEIR__ANSWERED;

    if (!is_good_reply(map, bytes, length - 1)) {
        weir__lane_desync(lane);
        return 0;
    }
    if (record == NULL) {
        weir__map_end(map, 3, WEIR_WHY_NONE,
                      "a worker gave more replies than it had records: none of them can be "
                      "trusted: make it print one line for each");
        weir__lane_desync(lane);
        return 0;
    }
    weir__queue_pop(&lane->flight);
    weir__lane_note_reply(lane, length, now_ns - lane->turn_since_ns);
    if (map->options.drop_null && weir__json_is_null(bytes, length - 1))
        outcome = WEIR__DROPPED;
    weir__map_settle(map, record, outcome, bytes, outcome == WEIR__ANSWERED ? length : 0);
    return 1;
}

/* --- One that keeps its replies back ----------------------------------------- */

/* How long nothing may move before the lane gets more, or its end.  A worker's
 * first window grows fast: what it keeps back at a time is not known yet, and one
 * that is slow has more unread before it has much.  One that reads ahead all it can
 * get, as ssh does, has the time to start. */
static int64_t patience_ms(const struct weir__lane *lane, int must_end, int has_enough)
{
    if (lane->answered > 0)
        return has_enough ? CLOSE_MS : PATIENCE_MS;
    if (must_end)
        return has_enough && !lane->map->lanes.answers_at_end ? START_CLOSE_MS : CLOSE_MS;
    return 1 + (int64_t)(lane->flight.bytes / BYTES_A_MS);
}

/* Many programs keep their output back until they have a buffer full, or their
 * input ends: where nothing moves they are given more, or the end.  One that has
 * not yet read what it was given is at work, or still starting, and waits for
 * nothing. */
static int64_t nudge(struct weir__lane *lane, int64_t now_ns)
{
    const struct weir_map *map = lane->map;
    int has_enough =
        weir__lane_is_full(lane) || weir__order_is_full(&map->order, map->options.reorder_bytes);
    int must_end = map->lanes.suspects.count > 0 || lane->flight.first->attempts > 0 || has_enough;
    int64_t patience_ns = patience_ms(lane, must_end, has_enough) * 1000000;
    int64_t age_ns = now_ns - lane->turn_since_ns;

    if (weir__worker_unread(&lane->worker) > 0
        || weir__worker_has_output(&lane->worker)) { /* it is we who were late */
        lane->moved_ns = now_ns;
    } else if (now_ns - lane->moved_ns >= patience_ns && age_ns >= patience_ns) {
        if (must_end)
            weir__worker_close_input(&lane->worker);
        else if (lane->flight.count >= lane->pace.window)
            lane->pace.window *= 2;
        lane->moved_ns = now_ns;
    }
    if (lane->answered > 0 || must_end || age_ns >= (int64_t)8 * STEADY_MS * 1000000)
        return STEADY_MS;
    return 1 + age_ns / 8000000;
}

const struct weir__speech weir__speech_lines = {
    .around = 1, /* its LF */
    .hear = hear,
    .nudge = nudge,
};
