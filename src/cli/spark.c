#include "config.h"

#include "cli/spark.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* From nothing to full. */
static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const signs[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
enum { LEVELS = sizeof blocks / sizeof blocks[0] };

void spark_put(struct spark *spark, double value)
{
    spark->values[spark->count++ % SPARK_VALUES] = value;
}

double spark_last(const struct spark *spark)
{
    return spark->count > 0 ? spark->values[(spark->count - 1) % SPARK_VALUES] : 0;
}

void spark_count(struct spark *spark, uint64_t total, int64_t now_ns)
{
    int64_t passed_ns = now_ns - spark->since_ns;

    if (spark->since_ns != 0 && passed_ns < (int64_t)SPARK_MS * 1000000)
        return;
    if (spark->since_ns != 0)
        spark_put(spark, total > spark->total
                             ? (double)(total - spark->total) * 1e9 / (double)passed_ns
                             : 0);
    spark->total = total;
    spark->since_ns = now_ns;
}

static int is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]), *charset;

        if (value == NULL || *value == '\0')
            continue;
        charset = strchr(value, '.');
        return charset != NULL
               && (strncasecmp(charset, ".utf-8", 6) == 0 || strncasecmp(charset, ".utf8", 5) == 0);
    }
    return 0;
}

void spark_draw(const struct spark *spark, size_t width, struct weir__buffer *text)
{
    const char *const *levels = is_utf8() ? blocks : signs;
    size_t kept = spark->count < SPARK_VALUES ? spark->count : SPARK_VALUES;
    size_t drawn = kept < width ? kept : width;
    double most = 0;

    for (size_t i = spark->count - drawn; i < spark->count; i++)
        if (spark->values[i % SPARK_VALUES] > most)
            most = spark->values[i % SPARK_VALUES];
    for (size_t i = spark->count - drawn; i < spark->count; i++) {
        double part = most > 0 ? spark->values[i % SPARK_VALUES] / most : 0;
        const char *level = levels[(int)(part * (LEVELS - 1) + 0.5)];

        weir__buffer_add(text, level, strlen(level), NULL);
    }
}
