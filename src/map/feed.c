#include "config.h"

#include "map/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void weir__feed_init(struct weir__feed *feed, weir_t *weir)
{
    feed->weir = weir;
    feed->host_wants_item = 1;
    pthread_mutex_init(&feed->mutex, NULL);
}

void weir__feed_clear(struct weir__feed *feed)
{
    pthread_mutex_destroy(&feed->mutex);
    weir__buffer_clear(&feed->records);
    weir__buffer_clear(&feed->items);
    weir__buffer_clear(&feed->taken);
    free(feed->reason);
}

/* Whether a side that waited is to be told, once. */
static unsigned take_wish(int *wish, unsigned news)
{
    unsigned told = *wish ? news : 0;

    *wish = 0;
    return told;
}

static void swap(struct weir__buffer *one, struct weir__buffer *other)
{
    struct weir__buffer kept = *one;

    *one = *other;
    *other = kept;
}

/* --- The host's side --------------------------------------------------------- */

static int put(struct weir__feed *feed, const char *record, size_t length, char end,
               struct weir_error *error)
{
    int status;

    if (feed->is_ended)
        return weir__fail(error, WEIR_ERR_SYSTEM, EPIPE,
                          "the map takes no more records: its report says why");
    if (feed->is_closed)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "the input of the map is closed");
    if (feed->records.length > 0 && feed->records.length + length >= WEIR__FEED_FULL) {
        feed->host_wants_room = 1;
        feed->room = 0;
        return 0;
    }
    status = weir__buffer_reserve(&feed->records, length + 1, error);
    if (status < 0)
        return status;
    if (length > 0)
        weir__buffer_add(&feed->records, record, length, NULL);
    weir__buffer_add(&feed->records, &end, 1, NULL);
    return 1;
}

int weir__feed_put(struct weir__feed *feed, const char *record, size_t length, char end,
                   unsigned *news, struct weir_error *error)
{
    int status;

    pthread_mutex_lock(&feed->mutex);
    status = put(feed, record, length, end, error);
    if (status == 1)
        *news |= take_wish(&feed->wants_records, WEIR__FEED_WAKE);
    pthread_mutex_unlock(&feed->mutex);
    return status;
}

void weir__feed_close(struct weir__feed *feed, unsigned *news)
{
    pthread_mutex_lock(&feed->mutex);
    feed->is_closed = 1;
    *news |= take_wish(&feed->wants_records, WEIR__FEED_WAKE);
    pthread_mutex_unlock(&feed->mutex);
}

/* With the mutex held: takes the whole queue. */
static int take_all(struct weir__feed *feed, unsigned *news)
{
    feed->next = feed->taken.length = 0;
    if (feed->items.length > 0) {
        swap(&feed->taken, &feed->items);
        *news |= take_wish(&feed->wants_room, WEIR__FEED_WAKE);
        return 1;
    }
    if (feed->is_over)
        return 0;
    feed->host_wants_item = 1;
    feed->ready = 0;
    return WEIR__FEED_LATER;
}

int weir__feed_take(struct weir__feed *feed, struct weir__item_head *head, const char **bytes,
                    unsigned *news)
{
    int status = 1;

    if (feed->next == feed->taken.length) {
        pthread_mutex_lock(&feed->mutex);
        status = take_all(feed, news);
        pthread_mutex_unlock(&feed->mutex);
    }
    if (status != 1)
        return status;
    feed->at = feed->next;
    memcpy(head, feed->taken.bytes + feed->at, sizeof *head);
    *bytes = feed->taken.bytes + feed->at + sizeof *head;
    feed->next = feed->at + sizeof *head + head->length + head->output_length;
    return 1;
}

void weir__feed_untake(struct weir__feed *feed)
{
    feed->next = feed->at;
}

void weir__feed_drop(struct weir__feed *feed, unsigned *news)
{
    pthread_mutex_lock(&feed->mutex);
    feed->drops = 1;
    feed->items.length = 0;
    *news |= take_wish(&feed->wants_room, WEIR__FEED_WAKE);
    pthread_mutex_unlock(&feed->mutex);
    feed->next = feed->taken.length;
}

/* --- The loop's side --------------------------------------------------------- */

int weir__feed_read(struct weir__feed *feed, struct weir__buffer *to, int *is_over, unsigned *news)
{
    int came;

    to->length = 0;
    pthread_mutex_lock(&feed->mutex);
    came = feed->records.length > 0;
    *is_over = !came && feed->is_closed;
    feed->wants_records = !came && !feed->is_closed;
    if (came) {
        swap(to, &feed->records);
        *news |= take_wish(&feed->host_wants_room, WEIR__FEED_ROOM);
        weir__context_done(feed->weir, &feed->room);
    }
    pthread_mutex_unlock(&feed->mutex);
    return came;
}

int weir__feed_write(struct weir__feed *feed, struct weir__buffer *items, int is_last,
                     unsigned *news)
{
    int done = 1;

    if (items->length == 0)
        return 1;
    pthread_mutex_lock(&feed->mutex);
    if (feed->drops) {
        items->length = 0;
    } else if (feed->items.length == 0) {
        swap(items, &feed->items);
        items->length = 0;
    } else if (feed->items.length + items->length > WEIR__FEED_FULL && !is_last) {
        done = 0;
    } else if (weir__buffer_add(&feed->items, items->bytes, items->length, NULL) < 0) {
        done = -1;
    } else {
        items->length = 0;
    }
    feed->wants_room = done == 0;
    if (feed->items.length > 0) {
        *news |= take_wish(&feed->host_wants_item, WEIR__FEED_ITEM);
        weir__context_done(feed->weir, &feed->ready);
    }
    pthread_mutex_unlock(&feed->mutex);
    return done;
}

void weir__feed_end(struct weir__feed *feed)
{
    pthread_mutex_lock(&feed->mutex);
    feed->is_ended = 1;
    weir__context_done(feed->weir, &feed->room);
    pthread_mutex_unlock(&feed->mutex);
}

void weir__feed_finish(struct weir__feed *feed)
{
    pthread_mutex_lock(&feed->mutex);
    feed->is_ended = feed->is_over = 1;
    weir__context_done(feed->weir, &feed->room);
    weir__context_done(feed->weir, &feed->ready);
    pthread_mutex_unlock(&feed->mutex);
}
