/* base/units.h - sizes and lengths of time, as people write them. */
#ifndef WEIR_BASE_UNITS_H
#define WEIR_BASE_UNITS_H

#include <stdint.h>

/* What is accepted, to end a message with: "... is no size: give " WEIR__SIZE_FORMS. */
#define WEIR__SIZE_FORMS     "bytes, or a number with K, M, G or T (powers of 1024): 4096, 64K, 16M, 1G"
#define WEIR__DURATION_FORMS "seconds, or a number with ms, s, m or h: 30, 1.5s, 250ms, 2m, 1h"

/* The longest duration: about 146 years.  Half of what 64 bits of nanoseconds
 * hold, so that a deadline - now plus a duration - cannot overflow. */
#define WEIR__DURATION_MAX_MS (INT64_MAX / 1000000 / 2)

/* Reads digits with at most one of K, M, G, T after them.  Returns 0, or -1 with
 * *bytes as it was: nothing else is a size, nor is what is over INT64_MAX. */
int weir__size_parse(const char *text, uint64_t *bytes);

/* Reads digits, which may have a decimal point inside, with at most one of ms,
 * s, m, h after them; plain ones are seconds.  To the nearest millisecond, but
 * no positive time becomes 0.  Returns 0, or -1 with *ms as it was. */
int weir__duration_parse(const char *text, int64_t *ms);

/* The same rounding and bounds for a number of seconds.  Returns 0, or -1 when
 * it is negative, not finite or too long. */
int weir__duration_seconds(double seconds, int64_t *ms);

#endif
