/* schema/decimal.h - JSON numbers as decimals: compared and divided without rounding. */
#ifndef WEIR_SCHEMA_DECIMAL_H
#define WEIR_SCHEMA_DECIMAL_H

#include <stdbool.h>

#include <jansson.h>

/* Less than, equal to or greater than 0, as a is less, equal or more.  Numbers both. */
int weir__decimal_compare(const json_t *a, const json_t *b);

/* Whether number is divisor times an integer.  divisor is more than 0. */
bool weir__decimal_is_multiple(const json_t *number, const json_t *divisor);

#endif
