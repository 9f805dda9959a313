#include "config.h"

#include "http/target.h"

#include <string.h>

#include "base/utf8.h"

void weir__http_target_split(struct weir__http_text target, struct weir__http_text *path,
                             struct weir__http_text *query)
{
    const char *mark = memchr(target.bytes, '?', target.length);

    *path = target;
    *query = (struct weir__http_text){NULL, 0};
    if (mark == NULL)
        return;
    path->length = (size_t)(mark - target.bytes);
    *query = (struct weir__http_text){mark + 1, target.length - path->length - 1};
}

static int hex_digit(char byte)
{
    return byte >= '0' && byte <= '9'   ? byte - '0'
           : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
           : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                        : -1;
}

int weir__http_target_decode(struct weir__http_text text, struct weir__buffer *to)
{
    size_t before = to->length;
    int status = weir__buffer_reserve(to, text.length + 1, NULL);

    if (status < 0)
        return status;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];

        if (byte == '%') {
            bool is_whole = text.length - i > 2;
            int high = is_whole ? hex_digit(text.bytes[i + 1]) : -1;
            int low = is_whole ? hex_digit(text.bytes[i + 2]) : -1;

            if (high < 0 || low < 0) {
                to->length = before;
                return 400;
            }
            byte = (unsigned char)(high * 16 + low);
            i += 2;
        }
        if (byte < ' ' || byte == 0x7F) {
            to->length = before;
            return 400;
        }
        to->bytes[to->length++] = (char)byte;
    }
    to->bytes[to->length] = '\0';
    if (weir__utf8_valid(to->bytes + before, to->length - before))
        return 0;
    to->length = before;
    return 400;
}

int weir__http_target_encode(const char *text, size_t length, struct weir__buffer *to)
{
    static const char digits[] = "0123456789ABCDEF";
    int status = weir__buffer_reserve(to, length * 3, NULL);

    for (size_t i = 0; i < length && status >= 0; i++) {
        unsigned char byte = (unsigned char)text[i];

        if ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z')
            || (byte >= 'a' && byte <= 'z') || (byte != '\0' && strchr("-._~", byte) != NULL)) {
            to->bytes[to->length++] = (char)byte;
            continue;
        }
        to->bytes[to->length++] = '%';
        to->bytes[to->length++] = digits[byte >> 4];
        to->bytes[to->length++] = digits[byte & 15];
    }
    return status < 0 ? status : 0;
}
