#include "config.h"

#include "base/base64.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int weir__base64_encode(const void *bytes, size_t length, char **text, struct weir_error *error)
{
    const unsigned char *from = bytes;
    char *to = length <= SIZE_MAX / 2 ? malloc((length + 2) / 3 * 4 + 1) : NULL;

    if (to == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for the base64 of %zu bytes",
                          length);
    *text = to;
    for (; length >= 3; from += 3, length -= 3) {
        *to++ = digits[from[0] >> 2];
        *to++ = digits[(from[0] << 4 | from[1] >> 4) & 63];
        *to++ = digits[(from[1] << 2 | from[2] >> 6) & 63];
        *to++ = digits[from[2] & 63];
    }
    if (length > 0) {
        unsigned second = length > 1 ? from[1] : 0;

        *to++ = digits[from[0] >> 2];
        *to++ = digits[(from[0] << 4 | second >> 4) & 63];
        *to++ = length > 1 ? digits[second << 2 & 63] : '=';
        *to++ = '=';
    }
    *to = '\0';
    return 0;
}

/* The value of a digit, or -1. */
static int value_of(char digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

int weir__base64_decode(const char *text, size_t length, struct weir__buffer *bytes,
                        struct weir_error *error)
{
    size_t before = bytes->length;
    size_t padding = 0;
    uint32_t bits = 0;
    int status;

    if (length % 4 != 0)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "base64 comes in groups of 4 characters, and %zu is not a multiple of 4",
                          length);
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    status = weir__buffer_reserve(bytes, length / 4 * 3, error);
    if (status < 0)
        return status;
    for (size_t i = 0; i < length; i++) {
        int value = i < length - padding ? value_of(text[i]) : 0;

        if (value < 0) {
            bytes->length = before;
            return weir__fail(error, WEIR_ERR_INVALID, 0,
                              "character %zu of the base64 text is not a base64 digit", i + 1);
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            bytes->bytes[bytes->length++] = (char)(bits >> 16);
            bytes->bytes[bytes->length++] = (char)(bits >> 8);
            bytes->bytes[bytes->length++] = (char)bits;
        }
    }
    if (padding > 0 && (bits & (padding == 1 ? 0xffU : 0xffffU)) != 0) {
        bytes->length = before;
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the last digit of the base64 text has bits that belong to no byte");
    }
    bytes->length -= padding;
    return 0;
}
