/* What came of a call, as its owner holds it. */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/pool.h>

#include "base/error.h"
#include "base/json_parse.h"

const char *weir_outcome_name(enum weir_outcome outcome)
{
    static const char *const names[] = {
        [WEIR_CALL_RETURNED] = "returned",       [WEIR_CALL_FAILED] = "failed",
        [WEIR_CALL_CANCELLED] = "cancelled",     [WEIR_CALL_DEADLINE] = "deadline",
        [WEIR_CALL_UNKNOWN] = "outcome_unknown", [WEIR_CALL_POISON] = "poison",
        [WEIR_CALL_REFUSED] = "refused",         [WEIR_CALL_NO_WORKER] = "no_worker",
    };

    return (size_t)outcome < sizeof names / sizeof names[0] ? names[outcome] : "?";
}

void weir_reply_clear(struct weir_reply *reply)
{
    if (reply == NULL)
        return;
    free(reply->result);
    free(reply->message);
    free(reply->error);
    *reply = (struct weir_reply){0};
}

/* --- The lossless tree ------------------------------------------------------ */

/* The digits of a number without zeros at its ends, and where its point is: two
 * texts of the same value have the same. */
struct decimal {
    char digits[800]; /* no double needs more */
    size_t length;
    long exponent; /* of the last digit */
    int is_negative, is_cut;
};

static void read_decimal(const char *text, size_t length, struct decimal *decimal)
{
    int point = 0;

    *decimal = (struct decimal){0};
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '-') {
            decimal->is_negative = 1;
        } else if (text[i] == '.') {
            point = 1;
        } else if (text[i] == 'e' || text[i] == 'E') {
            decimal->exponent += strtol(text + i + 1, NULL, 10);
            break;
        } else {
            decimal->exponent -= point;
            if (decimal->length == 0 && text[i] == '0')
                continue;
            if (decimal->length < sizeof decimal->digits)
                decimal->digits[decimal->length++] = text[i];
            else
                decimal->is_cut = 1;
        }
    }
    while (decimal->length > 0 && decimal->digits[decimal->length - 1] == '0') {
        decimal->length--;
        decimal->exponent++;
    }
    if (decimal->length == 0)
        decimal->exponent = 0;
}

static int is_same(const char *a, size_t a_length, const char *b)
{
    struct decimal one, other;

    read_decimal(a, a_length, &one);
    read_decimal(b, strlen(b), &other);
    return !one.is_cut && one.length == other.length && one.exponent == other.exponent
           && one.is_negative == other.is_negative
           && memcmp(one.digits, other.digits, one.length) == 0;
}

/* Whether a double, in the fewest digits that name it, is this number. */
static int fits_a_double(const char *number, size_t length)
{
    double value = strtod(number, NULL);
    char text[40];

    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return is_same(number, length, text);
}

static const char *end_of_string(const char *at)
{
    for (at++; *at != '"'; at++)
        at += *at == '\\';
    return at + 1;
}

/* Returns the first number with a fraction or an exponent that a double would change. */
static const char *find_changed(const char *at, size_t *length)
{
    while (*at != '\0') {
        if (*at == '"') {
            at = end_of_string(at);
        } else if (strchr("-0123456789", *at) != NULL) {
            *length = strspn(at, "-+.0123456789eE");
            if (memchr(at, '.', *length) != NULL || memchr(at, 'e', *length) != NULL
                || memchr(at, 'E', *length) != NULL) {
                if (!fits_a_double(at, *length))
                    return at;
            }
            at += *length;
        } else {
            at++;
        }
    }
    return NULL;
}

struct json_t *weir_reply_json(const struct weir_reply *reply, struct weir_error *error)
{
    json_error_t fault;
    const char *changed;
    size_t length;
    json_t *tree;

    if (reply->outcome != WEIR_CALL_RETURNED || reply->result == NULL) {
        weir__fail(error, WEIR_ERR_INVALID, 0, "the call did not return: %s",
                   weir_outcome_name(reply->outcome));
        return NULL;
    }
    tree = weir__json_parse(reply->result, reply->length,
                            JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &fault);
    if (tree == NULL) {
        enum weir_status status =
            json_error_code(&fault) == json_error_out_of_memory ? WEIR_ERR_NOMEM : WEIR_ERR_INVALID;

        weir__fail(error, status, 0, "the result is no tree without a loss: at byte %d: %s",
                   fault.position, fault.text);
        return NULL;
    }
    changed = find_changed(reply->result, &length);
    if (changed != NULL) {
        json_decref(tree);
        weir__fail(error, WEIR_ERR_INVALID, 0,
                   "the result is no tree without a loss: at byte %zu: no double is %.*s",
                   (size_t)(changed - reply->result), (int)(length < 60 ? length : 60), changed);
        return NULL;
    }
    return tree;
}
