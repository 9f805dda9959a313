#include "config.h"

#include "http/fields.h"

#include <string.h>

enum { TRACESTATE_MAX = 512, SECONDS_DIGITS = 9, DECIMALS = 3, WHOLE = 1000 };

/* --- Media types ------------------------------------------------------------- */

static struct weir__http_text trim(struct weir__http_text text)
{
    while (text.length > 0 && (text.bytes[0] == ' ' || text.bytes[0] == '\t')) {
        text.bytes++;
        text.length--;
    }
    while (text.length > 0
           && (text.bytes[text.length - 1] == ' ' || text.bytes[text.length - 1] == '\t'))
        text.length--;
    return text;
}

/* Cuts text at the first separator; *rest is what stands behind it. */
static struct weir__http_text cut(struct weir__http_text text, char separator,
                                  struct weir__http_text *rest)
{
    const char *at = text.length > 0 ? memchr(text.bytes, separator, text.length) : NULL;
    struct weir__http_text first = text;

    *rest = (struct weir__http_text){NULL, 0};
    if (at != NULL) {
        first.length = (size_t)(at - text.bytes);
        *rest = (struct weir__http_text){at + 1, text.length - first.length - 1};
    }
    return trim(first);
}

bool weir__http_media_is(struct weir__http_text type, const char *media)
{
    struct weir__http_text parameters;

    return type.bytes != NULL && weir__http_is_nocase(cut(type, ';', &parameters), media);
}

bool weir__http_has_item(struct weir__http_text list, const char *item)
{
    while (list.bytes != NULL) {
        struct weir__http_text first = cut(list, ',', &list), parameters;

        if (weir__http_is_nocase(cut(first, ';', &parameters), item))
            return true;
    }
    return false;
}

/* "0.5" is 500; malformed weights are 0. */
static int read_weight(struct weir__http_text text)
{
    int weight = 0, unit = WHOLE;

    if (text.length < 1 || text.length > 5 || (text.length > 1 && text.bytes[1] != '.'))
        return 0;
    for (size_t i = 0; i < text.length; i++) {
        if (i == 1)
            continue;
        if (text.bytes[i] < '0' || text.bytes[i] > '9')
            return 0;
        weight += (text.bytes[i] - '0') * unit;
        unit /= 10;
    }
    return weight <= WHOLE ? weight : 0;
}

struct wanting {
    const char *media;
    int rank, weight; /* rank: how specific the range was */
};

static int look_at_range(struct weir__http_text element, void *context)
{
    struct wanting *wanting = context;
    size_t type = strcspn(wanting->media, "/") + 1;
    struct weir__http_text rest, parameter, range = cut(element, ';', &rest);
    int rank = 0, weight = WHOLE;

    if (weir__http_is_nocase(range, wanting->media))
        rank = 3;
    else if (range.length == type + 1 && range.bytes[type] == '*'
             && strncmp(range.bytes, wanting->media, type) == 0)
        rank = 2;
    else if (weir__http_is(range, "*/*"))
        rank = 1;
    while (rest.bytes != NULL) {
        parameter = cut(rest, ';', &rest);
        if (parameter.length > 2 && (parameter.bytes[0] == 'q' || parameter.bytes[0] == 'Q')
            && parameter.bytes[1] == '=')
            weight =
                read_weight((struct weir__http_text){parameter.bytes + 2, parameter.length - 2});
    }
    if (rank > wanting->rank) {
        wanting->rank = rank;
        wanting->weight = weight;
    }
    return 0;
}

int weir__http_accepts(const struct weir__http_request *request, const char *head,
                       const char *media)
{
    struct wanting wanting = {media, 0, 0};

    if (weir__http_request_field(request, head, "accept").bytes == NULL)
        return WHOLE;
    weir__http_request_list(request, head, "accept", look_at_range, &wanting);
    return wanting.weight;
}

/* --- Others ------------------------------------------------------------------- */

int weir__http_seconds(struct weir__http_text text, int64_t *ms)
{
    struct weir__http_text decimals, whole;
    int64_t value = 0;
    int unit = WHOLE;

    if (text.bytes == NULL || text.length == 0)
        return 400;
    whole = cut(text, '.', &decimals);
    if (whole.length < 1 || whole.length > SECONDS_DIGITS
        || (decimals.bytes != NULL && (decimals.length < 1 || decimals.length > DECIMALS)))
        return 400;
    for (size_t i = 0; i < whole.length; i++) {
        if (whole.bytes[i] < '0' || whole.bytes[i] > '9')
            return 400;
        value = value * 10 + (whole.bytes[i] - '0');
    }
    value *= WHOLE;
    for (size_t i = 0; i < decimals.length; i++) {
        if (decimals.bytes[i] < '0' || decimals.bytes[i] > '9')
            return 400;
        unit /= 10;
        value += (decimals.bytes[i] - '0') * unit;
    }
    *ms = value;
    return 0;
}

/* Hex digits in small letters, not all of them 0. */
static bool is_id(const char *bytes, size_t length)
{
    bool is_zero = true;

    for (size_t i = 0; i < length; i++) {
        if ((bytes[i] < '0' || bytes[i] > '9') && (bytes[i] < 'a' || bytes[i] > 'f'))
            return false;
        is_zero &= bytes[i] == '0';
    }
    return !is_zero;
}

bool weir__http_is_traceparent(struct weir__http_text text)
{
    /* 00-<32>-<16>-<2> */
    return text.bytes != NULL && text.length == 55 && memcmp(text.bytes, "00-", 3) == 0
           && is_id(text.bytes + 3, 32) && text.bytes[35] == '-' && is_id(text.bytes + 36, 16)
           && text.bytes[52] == '-'
           && (is_id(text.bytes + 53, 2) || memcmp(text.bytes + 53, "00", 2) == 0);
}

bool weir__http_is_tracestate(struct weir__http_text text)
{
    if (text.bytes == NULL || text.length == 0 || text.length > TRACESTATE_MAX)
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (text.bytes[i] < ' ' || text.bytes[i] > '~')
            return false;
    return true;
}
