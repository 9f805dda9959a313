#include "config.h"

#include "schema/decimal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_canonical.h"

static int compare_integers(json_int_t a, json_int_t b)
{
    return (a > b) - (a < b);
}

/* Converting a 64-bit integer to double would round it. */
static int compare_mixed(json_int_t integer, double real)
{
    const double limit = 9223372036854775808.0; /* 2^63 */
    json_int_t whole;

    if (real >= limit)
        return -1;
    if (real < -limit)
        return 1;
    whole = (json_int_t)real;
    if (integer != whole)
        return compare_integers(integer, whole);
    return ((double)whole > real) - ((double)whole < real);
}

int weir__decimal_compare(const json_t *a, const json_t *b)
{
    double left, right;

    if (json_is_integer(a) && json_is_integer(b))
        return compare_integers(json_integer_value(a), json_integer_value(b));
    if (json_is_integer(a))
        return compare_mixed(json_integer_value(a), json_real_value(b));
    if (json_is_integer(b))
        return -compare_mixed(json_integer_value(b), json_real_value(a));
    left = json_real_value(a);
    right = json_real_value(b);
    return (left > right) - (left < right);
}

/* digits * 10^power, without its sign; digits has no zero at its end. */
struct decimal {
    uint64_t digits;
    int power;
};

/* A double as the shortest decimal that reads back as it. */
static struct decimal decimal_of(const json_t *number)
{
    struct decimal decimal = {0};
    char *text = weir__canonical_text(number, NULL);
    bool fraction = false;

    for (const char *at = text; at != NULL && *at != '\0'; at++) {
        if (*at == 'e') {
            decimal.power += atoi(at + 1);
            break;
        }
        if (*at == '.')
            fraction = true;
        if (*at < '0' || *at > '9')
            continue;
        /* 17 digits of a double, 19 of an integer; zeros after them need no digits. */
        if (decimal.digits > (UINT64_MAX - 9) / 10) {
            decimal.power += !fraction;
            continue;
        }
        decimal.digits = decimal.digits * 10 + (uint64_t)(*at - '0');
        decimal.power -= fraction;
    }
    free(text);
    while (decimal.digits != 0 && decimal.digits % 10 == 0) {
        decimal.digits /= 10;
        decimal.power++;
    }
    return decimal;
}

static uint64_t add_modulo(uint64_t a, uint64_t b, uint64_t modulus)
{
    return a >= modulus - b ? a - (modulus - b) : a + b;
}

bool weir__decimal_is_multiple(const json_t *number, const json_t *divisor)
{
    struct decimal a = decimal_of(number), b = decimal_of(divisor);
    uint64_t rest;

    if (a.digits == 0)
        return true;
    /* If the divisor has more decimal places, or fewer trailing zeros, a is padded with zeros;
     * the other way round it cannot be a multiple. */
    if (b.digits == 0)
        return false;
    if (a.power < b.power)
        return false;
    rest = a.digits % b.digits;
    for (int i = b.power; i < a.power && rest != 0; i++) {
        uint64_t twice = add_modulo(rest, rest, b.digits);
        uint64_t four = add_modulo(twice, twice, b.digits);

        rest = add_modulo(add_modulo(four, four, b.digits), twice, b.digits);
    }
    return rest == 0;
}
