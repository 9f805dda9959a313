#include "config.h"

#include "spawner/response.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/datagram.h"

struct waiting {
    struct waiting *next;
    size_t length;
    char text[];
};

static const struct weir__link *host;
static struct waiting *first, **last = &first;

void response_use(const struct weir__link *link)
{
    host = link;
}

static int send_now(const char *text, size_t length)
{
    return weir__datagram_send(host, text, length, NULL, 0, MSG_DONTWAIT);
}

void response_send(const char *format, ...)
{
    char text[1024], *bytes = text;
    struct waiting *item;
    va_list args;
    int length;

    if (host == NULL)
        return;
    va_start(args, format);
    length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if ((size_t)length >= sizeof text) {
        bytes = malloc((size_t)length + 1);
        if (bytes == NULL)
            _exit(1); /* the host reads our end as status_lost: honest */
        va_start(args, format);
        vsnprintf(bytes, (size_t)length + 1, format, args);
        va_end(args);
    }
    if (first != NULL || send_now(bytes, (size_t)length) == EAGAIN) {
        item = malloc(sizeof *item + (size_t)length);
        if (item == NULL)
            _exit(1);
        item->next = NULL;
        item->length = (size_t)length;
        memcpy(item->text, bytes, (size_t)length);
        *last = item;
        last = &item->next;
    }
    if (bytes != text)
        free(bytes);
}

int response_flush(void)
{
    while (first != NULL) {
        struct waiting *item = first;

        if (host != NULL && send_now(item->text, item->length) == EAGAIN)
            return 1;
        first = item->next;
        if (first == NULL)
            last = &first;
        free(item);
    }
    return host != NULL && weir__link_flush(host) == EAGAIN;
}

void response_escape(const char *text, char *escaped, int size)
{
    int used = 0;

    for (; *text != '\0' && used + 7 < size; text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x7f)
            used += snprintf(escaped + used, (size_t)(size - used), "\\u%04x", byte);
        else
            escaped[used++] = (char)byte;
    }
    escaped[used] = '\0';
}
