/* Drawings of QR codes: text, SVG (1.1) and PNG (ISO/IEC 15948). */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/qr_code.h"

enum {
    BORDER = 4, /* light modules around a code */
    SCALE = 4,  /* pixels of a module in a PNG */
    STORED_MAX = 65535,
};

int qr_code_side(const struct qr_code *code)
{
    return code->width + 2 * BORDER;
}

/* x and y begin at the border. */
static int is_dark(const struct qr_code *code, int x, int y)
{
    x -= BORDER;
    y -= BORDER;
    return x >= 0 && y >= 0 && x < code->width && y < code->width
           && code->modules[y * code->width + x];
}

static int add(struct weir__buffer *to, const char *text)
{
    return weir__buffer_add(to, text, strlen(text), NULL);
}

/* --- Text -------------------------------------------------------------------------- */

int qr_code_text(const struct qr_code *code, int has_colours, struct weir__buffer *to)
{
    static const char *const blocks[] = {" ", "▀", "▄", "█"};
    int side = qr_code_side(code), status = 0;

    for (int y = 0; y < side && status >= 0; y += 2) {
        if (has_colours)
            status = add(to, "\033[30;107m");
        for (int x = 0; x < side && status >= 0; x++)
            status = add(to, blocks[is_dark(code, x, y) + 2 * is_dark(code, x, y + 1)]);
        if (status >= 0)
            status = add(to, has_colours ? "\033[0m\n" : "\n");
    }
    return status < 0 ? status : 0;
}

/* --- SVG ----------------------------------------------------------------------------- */

int qr_code_svg(const struct qr_code *code, struct weir__buffer *to)
{
    int side = qr_code_side(code), status;
    char text[256];

    snprintf(text, sizeof text,
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
             "height=\"%d\" shape-rendering=\"crispEdges\">"
             "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path d=\"",
             side, side, side * SCALE, side * SCALE, side, side);
    status = add(to, text);
    for (int y = 0; y < side; y++)
        for (int x = 0, end; x < side && status >= 0; x = end + 1) {
            for (end = x; is_dark(code, end, y);)
                end++;
            snprintf(text, sizeof text, "M%d %dh%dv1h-%dz", x, y, end - x, end - x);
            if (end > x)
                status = add(to, text);
        }
    if (status >= 0)
        status = add(to, "\"/></svg>\n");
    return status < 0 ? status : 0;
}

/* --- PNG ----------------------------------------------------------------------------- */

static int add_number(struct weir__buffer *to, uint32_t number)
{
    unsigned char bytes[] = {(unsigned char)(number >> 24), (unsigned char)(number >> 16),
                             (unsigned char)(number >> 8), (unsigned char)number};

    return weir__buffer_add(to, bytes, sizeof bytes, NULL);
}

static uint32_t crc32(const char *bytes, size_t length)
{
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < length; i++) {
        crc ^= (unsigned char)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static int add_chunk(struct weir__buffer *to, const char *type, const char *bytes, size_t length)
{
    int status = add_number(to, (uint32_t)length);
    size_t begin = to->length;

    if (status >= 0)
        status = weir__buffer_add(to, type, 4, NULL);
    if (status >= 0)
        status = weir__buffer_add(to, bytes, length, NULL);
    return status < 0 ? status : add_number(to, crc32(to->bytes + begin, to->length - begin));
}

/* A zlib stream (RFC 1950) of blocks that are stored. */
static int add_stored(struct weir__buffer *to, const unsigned char *bytes, size_t length)
{
    uint32_t low = 1, high = 0;
    int status = weir__buffer_add(to, "\x78\x01", 2, NULL);

    for (size_t at = 0, size; at < length && status >= 0; at += size) {
        size = length - at < STORED_MAX ? length - at : STORED_MAX;
        unsigned char head[] = {at + size == length, (unsigned char)size,
                                (unsigned char)(size >> 8), (unsigned char)~size,
                                (unsigned char)(~size >> 8)};

        status = weir__buffer_add(to, head, sizeof head, NULL);
        if (status >= 0)
            status = weir__buffer_add(to, bytes + at, size, NULL);
    }
    for (size_t i = 0; i < length; i++) {
        low = (low + bytes[i]) % 65521;
        high = (high + low) % 65521;
    }
    return status < 0 ? status : add_number(to, high << 16 | low);
}

/* Lines of a filter byte and a bit for each pixel; 1 is white.  Returns NULL: no memory. */
static unsigned char *make_lines(const struct qr_code *code, size_t pixels, size_t line)
{
    unsigned char *lines = calloc(pixels, line);

    for (size_t y = 0; lines != NULL && y < pixels; y++)
        for (size_t x = 0; x < pixels; x++)
            if (!is_dark(code, (int)x / SCALE, (int)y / SCALE))
                lines[y * line + 1 + x / 8] |= (unsigned char)(0x80 >> x % 8);
    return lines;
}

int qr_code_png(const struct qr_code *code, struct weir__buffer *to)
{
    size_t pixels = (size_t)qr_code_side(code) * SCALE, line = 1 + (pixels + 7) / 8;
    unsigned char *lines = make_lines(code, pixels, line);
    struct weir__buffer head = {0}, data = {0};
    int status = lines != NULL ? 0 : WEIR_ERR_NOMEM;

    if (status >= 0)
        status = add_number(&head, (uint32_t)pixels);
    if (status >= 0)
        status = add_number(&head, (uint32_t)pixels);
    if (status >= 0) /* 1 bit of grey; no interlace */
        status = weir__buffer_add(&head, "\1\0\0\0\0", 5, NULL);
    if (status >= 0)
        status = add_stored(&data, lines, pixels * line);
    if (status >= 0)
        status = weir__buffer_add(to, "\x89PNG\r\n\x1a\n", 8, NULL);
    if (status >= 0)
        status = add_chunk(to, "IHDR", head.bytes, head.length);
    if (status >= 0)
        status = add_chunk(to, "IDAT", data.bytes, data.length);
    if (status >= 0)
        status = add_chunk(to, "IEND", "", 0);
    free(lines);
    weir__buffer_clear(&head);
    weir__buffer_clear(&data);
    return status < 0 ? status : 0;
}
