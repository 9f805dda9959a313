/* cli/hadoop.h - Hadoop's counters: lines on standard error that its streaming adds up. */
#ifndef WEIR_CLI_HADOOP_H
#define WEIR_CLI_HADOOP_H

#include <stdint.h>

#include <weir/weir.h>

struct hadoop {
    weir_map_t *map;        /* what is counted */
    uint64_t records, dead; /* told so far */
    int64_t next_ns;
};

/* Tells what is due; a watch's on_tick.  Returns milliseconds until the next time. */
int hadoop_tick(void *hadoop);

/* Tells what is left, and the counters that are told once. */
void hadoop_end(struct hadoop *hadoop, const struct weir_map_report *report);

#endif
