#include "config.h"

#include "cli/plain.h"

void plain_print(const char *text, size_t length, FILE *out)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        int is_c1 = byte == 0xC2 && i + 1 < length && ((unsigned char)text[i + 1] & 0xE0) == 0x80;

        if (byte < ' ' || byte == 127 || is_c1)
            fprintf(out, "\\x%02x", is_c1 ? (unsigned char)text[++i] : byte);
        else
            fputc(byte, out);
    }
}
