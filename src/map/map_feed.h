/* map/map_feed.h - a map whose records and results are in the host's memory, on the loop's side. */
#ifndef WEIR_MAP_MAP_FEED_H
#define WEIR_MAP_MAP_FEED_H

#include "map/feed.h"
#include "loop/loop.h"

struct weir_map;

/* feed NULL: the map has descriptors. */
struct weir__map_feed {
    struct weir__feed *feed;
    weir__timer *teller; /* calls the host back, where it may do anything */
    unsigned news;       /* for it */
};

/* Errors: NOMEM. */
int weir__map_feed_init(struct weir_map *map, struct weir_error *error);
int weir__map_feed_open(struct weir_map *map, struct weir_error *error);
void weir__map_feed_close(struct weir_map *map);
void weir__map_feed_clear(struct weir_map *map);

/* Reads what was fed. Returns 1 if records or the end came; 0: later. */
int weir__map_feed_read(struct weir_map *map);

/* Passes the replies on. Returns 0 if there is no room now; is_last: there always is. */
int weir__map_feed_pass(struct weir_map *map, int is_last);

/* The host takes no more results. */
void weir__map_feed_drop(struct weir_map *map);

#endif
