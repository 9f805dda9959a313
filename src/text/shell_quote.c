#include "config.h"

#include "text/shell_quote.h"

#include <string.h>

static const char quoted_quote[] = "'\\''"; /* ends the quotes, an escaped one, begins them again */

int weir__shell_quote(struct weir__buffer *text, const char *bytes, size_t length)
{
    int status = weir__buffer_add(text, "'", 1, NULL);

    while (status == 0 && length > 0) {
        const char *quote = memchr(bytes, '\'', length);
        size_t plain = quote != NULL ? (size_t)(quote - bytes) : length;

        if (plain > 0)
            status = weir__buffer_add(text, bytes, plain, NULL);
        if (status == 0 && quote != NULL)
            status = weir__buffer_add(text, quoted_quote, sizeof quoted_quote - 1, NULL);
        bytes += plain + (quote != NULL);
        length -= plain + (quote != NULL);
    }
    return status == 0 ? weir__buffer_add(text, "'", 1, NULL) : status;
}

/* Letters and digits by their ASCII codes, whatever the locale. */
static int is_plain(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')
           || (byte >= '0' && byte <= '9') || (byte != '\0' && strchr("_-./:=,+@%", byte) != NULL);
}

int weir__shell_quote_if_needed(struct weir__buffer *text, const char *bytes, size_t length)
{
    size_t plain = 0;

    while (plain < length && is_plain(bytes[plain]))
        plain++;
    if (length > 0 && plain == length)
        return weir__buffer_add(text, bytes, length, NULL);
    return weir__shell_quote(text, bytes, length);
}
