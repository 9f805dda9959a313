/* A map whose records and results are in the host's memory. */
#include "config.h"

#include "map/map_feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "map/each.h"
#include "map/map.h"
#include "rpc/rpc_parse.h"

/* --- The loop's side --------------------------------------------------------- */

static void tell_host(void *data)
{
    struct weir_map *map = data;
    const struct weir_map_options *options = &map->options;
    unsigned news = map->feed.news;

    map->feed.news = 0;
    weir__operation_hold(&map->operation);
    if (news & WEIR__FEED_ITEM && options->on_item != NULL)
        options->on_item(map, map->context);
    if (news & WEIR__FEED_ROOM && options->on_room != NULL && !map->operation.over)
        options->on_room(map, map->context);
    weir__operation_release(&map->operation);
}

/* Later: what the host does in its callback may end the map. */
static void note(struct weir_map *map, unsigned news)
{
    if (news == 0)
        return;
    map->feed.news |= news;
    weir__timer_start(map->feed.teller, 0);
}

int weir__map_feed_init(struct weir_map *map, struct weir_error *error)
{
    map->feed.feed = calloc(1, sizeof *map->feed.feed);
    if (map->feed.feed == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a map");
    weir__feed_init(map->feed.feed, map->operation.weir);
    map->reorder.is_framed = 1;
    return 0;
}

int weir__map_feed_open(struct weir_map *map, struct weir_error *error)
{
    return weir__timer_new(map->operation.weir->loop, tell_host, map, &map->feed.teller, error);
}

void weir__map_feed_close(struct weir_map *map)
{
    weir__timer_close(&map->feed.teller);
}

void weir__map_feed_clear(struct weir_map *map)
{
    if (map->feed.feed == NULL)
        return;
    weir__feed_clear(map->feed.feed);
    free(map->feed.feed);
}

int weir__map_feed_read(struct weir_map *map)
{
    unsigned news = 0;
    int is_over, came = weir__feed_read(map->feed.feed, &map->scratch, &is_over, &news);
    char *to;

    note(map, news);
    map->in.is_wanted = !came && !is_over;
    if (map->in.is_wanted)
        return 0;
    if (weir__record_reader_room(&map->in.reader, map->scratch.length + 1, &to) == 0) {
        weir__map_end(map, 5, WEIR_STOP_NONE, "no memory to read the input");
        return 0;
    }
    if (came)
        memcpy(to, map->scratch.bytes, map->scratch.length);
    weir__record_reader_advance(&map->in.reader, map->scratch.length);
    map->scratch.length = 0;
    return 1;
}

int weir__map_feed_pass(struct weir_map *map, int is_last)
{
    size_t length = map->out.replies.length;
    unsigned news = 0;
    int status = weir__feed_write(map->feed.feed, &map->out.replies, is_last, &news);

    note(map, news);
    if (status < 0) {
        weir__map_end(map, 5, WEIR_STOP_NONE, "no memory for results");
        map->out.replies.length = 0;
    }
    if (status == 1)
        map->out.sent += length;
    return status == 1;
}

/* --- The host's side --------------------------------------------------------- */

static void do_wake(void *data)
{
    struct weir_map *map = data;

    if (!map->operation.over)
        weir__timer_start(map->run.soon, 0);
}

static void act_on(struct weir_map *map, unsigned news)
{
    if (news & WEIR__FEED_WAKE)
        weir__context_do(map->operation.weir, do_wake, map);
}

static int check(const struct weir_map *map, struct weir_error *error)
{
    if (map->feed.feed == NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the map is not fed: set the option input to WEIR_MAP_FED");
    return weir__context_check(map->operation.weir, error);
}

/* Blank records would be skipped, and leave the host's count behind that of the map. */
static int check_record(const struct weir_map *map, const char *record, size_t length,
                        struct weir_error *error)
{
    const struct weir__record_reader *reader = &map->in.reader;
    int is_blank = !reader->is_opaque;

    if (length > 0 && memchr(record, reader->is_nul ? '\0' : '\n', length) != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "a record cannot contain %s",
                          reader->is_nul ? "NUL" : "a newline");
    for (size_t i = 0; i < length && is_blank; i++)
        is_blank = record[i] == ' ' || record[i] == '\t' || record[i] == '\r';
    return is_blank ? weir__fail(error, WEIR_ERR_INVALID, 0, "the record is blank") : 0;
}

int weir_map_try_feed(weir_map_t *map, const char *record, size_t length, struct weir_error *error)
{
    unsigned news = 0;
    int status = check(map, error);

    if (status == 0)
        status = check_record(map, record, length, error);
    if (status < 0)
        return status;
    status = weir__feed_put(map->feed.feed, record, length, map->in.reader.is_nul ? '\0' : '\n',
                            &news, error);
    act_on(map, news);
    return status;
}

int weir_map_feed(weir_map_t *map, const char *record, size_t length, struct weir_error *error)
{
    for (;;) {
        int status = weir_map_try_feed(map, record, length, error);

        if (status != 0 || weir__context_leads(map->operation.weir))
            return status;
        status = weir__context_wait(map->operation.weir, &map->feed.feed->room, error);
        if (status < 0)
            return status;
    }
}

int weir_map_close_input(weir_map_t *map, struct weir_error *error)
{
    unsigned news = 0;
    int status = check(map, error);

    if (status < 0)
        return status;
    weir__feed_close(map->feed.feed, &news);
    act_on(map, news);
    return 0;
}

/* Notes the member "reason" of a letter. */
static int find_reason(struct weir__feed *feed, const char *letter, size_t length,
                       struct weir_error *error)
{
    static const char *const names[] = {"reason"};
    struct weir__slice found;

    weir__object_get((struct weir__slice){letter, length}, names, &found, 1);
    free(feed->reason);
    feed->reason = weir__slice_string(found, NULL);
    return feed->reason != NULL
               ? 0
               : weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for the reason of a dead record");
}

static void fill(const struct weir_map *map, const struct weir__item_head *head, const char *bytes,
                 struct weir_map_item *item)
{
    *item = (struct weir_map_item){.seq = head->seq, .outcome = head->outcome};
    if (head->length > 0) {
        item->bytes = bytes;
        item->length = head->length - 1; /* without the end of the record */
    }
    if (head->has_output) {
        const struct weir_each_options *each = &map->each->options;
        int is_line = each->output == WEIR_EACH_JSON || each->dry_run;

        item->output = bytes + head->length;
        item->output_length = head->output_length - (is_line && head->output_length > 0);
    }
}

/* Returns 1; 0: there are no more; LATER; or a status. */
static int take(struct weir_map *map, struct weir_map_item *item, struct weir_error *error)
{
    struct weir__feed *feed = map->feed.feed;
    struct weir__item_head head;
    struct weir_map_item found;
    const char *bytes;
    unsigned news = 0;
    int status = check(map, error);

    if (status < 0)
        return status;
    status = weir__feed_take(feed, &head, &bytes, &news);
    act_on(map, news);
    if (status != 1)
        return status;
    fill(map, &head, bytes, &found);
    if (found.outcome == WEIR_MAP_DEAD) {
        status = find_reason(feed, found.bytes, found.length, error);
        if (status < 0) {
            weir__feed_untake(feed);
            return status;
        }
        found.reason = feed->reason;
    }
    *item = found;
    return 1;
}

int weir_map_try_next(weir_map_t *map, struct weir_map_item *item, struct weir_error *error)
{
    int status = take(map, item, error);

    return status != WEIR__FEED_LATER
               ? status
               : weir__fail(error, WEIR_ERR_BUSY, 0, "the map has no result yet");
}

int weir_map_next(weir_map_t *map, struct weir_map_item *item, struct weir_error *error)
{
    for (;;) {
        int status = take(map, item, error);

        if (status != WEIR__FEED_LATER)
            return status;
        status = weir__context_wait(map->operation.weir, &map->feed.feed->ready, error);
        if (status < 0)
            return status;
    }
}

void weir__map_feed_drop(struct weir_map *map)
{
    unsigned news = 0;

    if (check(map, NULL) < 0)
        return;
    weir__feed_drop(map->feed.feed, &news);
    act_on(map, news);
}
