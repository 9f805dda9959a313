/* cli/top_view.h - what weir top shows of a server: its answers to weir/stats, as lines. */
#ifndef WEIR_CLI_TOP_VIEW_H
#define WEIR_CLI_TOP_VIEW_H

#include <jansson.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cli/opts_top.h"
#include "cli/spark.h"

/* A worker as the last answer has it. */
struct top_worker {
    int64_t pid;
    uint64_t calls, rss_kb;
    double rate;              /* calls a second since the answer before; 0 with the first */
    const char *state, *node; /* of the answer; node may be NULL */
};

struct top_view {
    json_t *stats; /* the last answer; NULL: none yet */
    int64_t at_ns;
    double rate; /* calls a second; -1: unknown */
    struct spark rates;
    struct top_worker *workers; /* in the order that is shown */
    size_t worker_count;
    enum top_sort sort;
    size_t chosen;
    char message[200]; /* shown until the next key */
};

/* Takes an answer that came at this time, and owns it. Returns 0, or -1: it is not the result of
 * weir/stats, or memory is short. */
int top_view_take(struct top_view *view, json_t *stats, int64_t at_ns);

/* Sorts the workers again; the chosen one stays chosen. */
void top_view_sort(struct top_view *view, enum top_sort sort);

/* Appends the lines: all, or at most rows lines of at most columns, with the chosen worker marked
 * and the keys named. */
void top_view_print(const struct top_view *view, struct weir__buffer *text);
void top_view_draw(const struct top_view *view, struct weir__buffer *text, int columns, int rows);

void top_view_clear(struct top_view *view);

#endif
