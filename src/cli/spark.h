/* cli/spark.h - the last values of a rate as a line of small bars, for a terminal. */
#ifndef WEIR_CLI_SPARK_H
#define WEIR_CLI_SPARK_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { SPARK_VALUES = 30, SPARK_MS = 500 };

/* All zero is an empty one. */
struct spark {
    double values[SPARK_VALUES]; /* a ring */
    size_t count;                /* of values ever added */
    uint64_t total;              /* at since_ns */
    int64_t since_ns;            /* 0: nothing was counted yet */
};

/* Adds a value. */
void spark_put(struct spark *spark, double value);

/* Takes a count that only grows: every SPARK_MS its growth becomes a value. */
void spark_count(struct spark *spark, uint64_t total, int64_t now_ns);

/* The last value; 0: there is none. */
double spark_last(const struct spark *spark);

/* Draws the last width values, the highest as a full bar; fewer from the left. In ASCII unless the
 * locale is UTF-8. */
void spark_draw(const struct spark *spark, size_t width, struct weir__buffer *text);

#endif
