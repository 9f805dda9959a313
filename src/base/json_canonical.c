#include "config.h"

#include "base/json_canonical.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int add_text(struct weir__buffer *out, const char *text, struct weir_error *error)
{
    return weir__buffer_add(out, text, strlen(text), error);
}

/* --- Names ------------------------------------------------------------------ */

/* UTF-8 sorts as code points do, and UTF-16 as they do too, but for U+E000 to
 * U+FFFF, which come behind the surrogates of all that is above.  The first byte
 * shows which is which. */
static int rank(unsigned char byte)
{
    return byte >= 0xF0 ? byte - 2 : byte >= 0xEE ? byte + 16 : byte;
}

int weir__canonical_compare(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return rank((unsigned char)*a) - rank((unsigned char)*b);
}

static int by_name(const void *a, const void *b)
{
    return weir__canonical_compare(*(const char *const *)a, *(const char *const *)b);
}

/* --- Scalars ---------------------------------------------------------------- */

static const char *escape(unsigned char byte, char place[8])
{
    static const char letters[] = "btn?fr"; /* 8 to 13; VT has none */

    if (byte == '"' || byte == '\\')
        snprintf(place, 8, "\\%c", byte);
    else if (byte >= 8 && byte <= 13 && byte != 11)
        snprintf(place, 8, "\\%c", letters[byte - 8]);
    else
        snprintf(place, 8, "\\u%04x", byte);
    return place;
}

static int add_string(struct weir__buffer *out, const char *text, size_t length,
                      struct weir_error *error)
{
    size_t done = 0;
    int status = add_text(out, "\"", error);

    for (size_t i = 0; i <= length && status == 0; i++) {
        unsigned char byte = i < length ? (unsigned char)text[i] : 0;
        char place[8];

        if (i < length && byte >= ' ' && byte != '"' && byte != '\\')
            continue;
        status = weir__buffer_add(out, text + done, i - done, error);
        done = i + 1;
        if (status == 0)
            status = add_text(out, i < length ? escape(byte, place) : "\"", error);
    }
    return status;
}

/* The fewest digits that read back as number, and the power of ten of the first. */
static int shortest(double number, char digits[32])
{
    char text[40];
    int precision = 0;
    size_t count = 0;

    do
        snprintf(text, sizeof text, "%.*e", precision, number);
    while (strtod(text, NULL) != number && ++precision < 17);
    for (const char *at = text; *at != '\0' && *at != 'e'; at++)
        if (*at >= '0' && *at <= '9')
            digits[count++] = *at;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    digits[count] = '\0';
    return atoi(strchr(text, 'e') + 1);
}

/* ECMAScript's Number::toString.  JSON has no infinities, so they do not come here. */
static int add_real(struct weir__buffer *out, double number, struct weir_error *error)
{
    char digits[32], text[64];
    int power, count;

    if (number == 0)
        return add_text(out, "0", error);
    if (number < 0 && add_text(out, "-", error) < 0)
        return WEIR_ERR_NOMEM;
    power = shortest(number < 0 ? -number : number, digits);
    count = (int)strlen(digits);
    if (power >= count - 1 && power < 21)
        snprintf(text, sizeof text, "%s%.*s", digits, power - count + 1, "00000000000000000000");
    else if (power >= 0 && power < 21)
        snprintf(text, sizeof text, "%.*s.%s", power + 1, digits, digits + power + 1);
    else if (power < 0 && power >= -6)
        snprintf(text, sizeof text, "0.%.*s%s", -power - 1, "000000", digits);
    else
        snprintf(text, sizeof text, "%c%s%se%+d", digits[0], count > 1 ? "." : "", digits + 1,
                 power);
    return add_text(out, text, error);
}

static int add_integer(struct weir__buffer *out, json_int_t number, struct weir_error *error)
{
    char text[32];

    snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, number);
    return add_text(out, text, error);
}

/* --- The whole -------------------------------------------------------------- */

static int add_value(struct weir__buffer *out, const json_t *value, struct weir_error *error);

static int add_array(struct weir__buffer *out, const json_t *array, struct weir_error *error)
{
    int status = add_text(out, "[", error);

    for (size_t i = 0; i < json_array_size(array) && status == 0; i++) {
        if (i > 0)
            status = add_text(out, ",", error);
        if (status == 0)
            status = add_value(out, json_array_get(array, i), error);
    }
    return status == 0 ? add_text(out, "]", error) : status;
}

static int add_member(struct weir__buffer *out, const json_t *object, const char *name,
                      struct weir_error *error)
{
    int status = add_string(out, name, strlen(name), error);

    if (status == 0)
        status = add_text(out, ":", error);
    return status == 0 ? add_value(out, json_object_get(object, name), error) : status;
}

static int add_object(struct weir__buffer *out, const json_t *object, struct weir_error *error)
{
    size_t count = json_object_size(object), used = 0;
    const char **names = malloc((count + 1) * sizeof *names), *name;
    json_t *value;
    int status;

    if (names == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for %zu names", count);
    json_object_foreach((json_t *)object, name, value) names[used++] = name;
    qsort(names, used, sizeof *names, by_name);
    status = add_text(out, "{", error);
    for (size_t i = 0; i < used && status == 0; i++) {
        if (i > 0)
            status = add_text(out, ",", error);
        if (status == 0)
            status = add_member(out, object, names[i], error);
    }
    free(names);
    return status == 0 ? add_text(out, "}", error) : status;
}

static int add_value(struct weir__buffer *out, const json_t *value, struct weir_error *error)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return add_object(out, value, error);
    case JSON_ARRAY:
        return add_array(out, value, error);
    case JSON_STRING:
        return add_string(out, json_string_value(value), json_string_length(value), error);
    case JSON_INTEGER:
        return add_integer(out, json_integer_value(value), error);
    case JSON_REAL:
        return add_real(out, json_real_value(value), error);
    case JSON_TRUE:
        return add_text(out, "true", error);
    case JSON_FALSE:
        return add_text(out, "false", error);
    case JSON_NULL:
        break;
    }
    return add_text(out, "null", error);
}

int weir__canonical_add(struct weir__buffer *out, const json_t *value, struct weir_error *error)
{
    size_t before = out->length;
    int status = add_value(out, value, error);

    if (status < 0)
        out->length = before;
    return status;
}

char *weir__canonical_text(const json_t *value, size_t *length)
{
    struct weir__buffer out = {0};
    char *text =
        weir__canonical_add(&out, value, NULL) == 0 ? weir__buffer_take(&out, length) : NULL;

    weir__buffer_clear(&out);
    return text;
}
