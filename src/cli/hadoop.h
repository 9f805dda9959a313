/* cli/hadoop.h - Hadoop's counters: lines on standard error that its streaming adds up. */
#ifndef WEIR_CLI_HADOOP_H
#define WEIR_CLI_HADOOP_H

#include <stdint.h>

#include <weir/weir.h>

struct hadoop {
    weir_map_t *map;        /* the map */
    uint64_t records, dead; /* reported so far */
    int64_t next_ns;
};

/* Reports counters when due; a watch's on_tick. Returns milliseconds until the next time. */
int hadoop_tick(void *hadoop);

/* Reports the rest, and the counters that are reported once. */
void hadoop_end(struct hadoop *hadoop, const struct weir_map_report *report);

#endif
