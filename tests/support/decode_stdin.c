/* Decodes framed cases from stdin for tests/cli/decode_like_python.py.
 *
 *     case:   u8 n, n bytes of charset; u8 on_error; u16 m, m x u32: where the
 *             bytes are split; u32 length, bytes
 *     result: i32 status; i64 invalid_at; u64 replaced; u32 length, UTF-8
 *
 * All numbers are little endian.  In a strict failure the UTF-8 is what the sink
 * had got until then.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/text.h>

#include "base/buffer.h"

static void die(const char *why)
{
    fprintf(stderr, "decode_stdin: %s\n", why);
    exit(1);
}

static void read_bytes(void *bytes, size_t length)
{
    if (fread(bytes, 1, length, stdin) != length)
        die("the input ends inside a case");
}

static uint64_t read_number(size_t size)
{
    unsigned char bytes[8];
    uint64_t number = 0;

    read_bytes(bytes, size);
    while (size-- > 0)
        number = number << 8 | bytes[size];
    return number;
}

static void write_number(uint64_t number, size_t size)
{
    for (; size > 0; size--, number >>= 8)
        putchar((int)(number & 0xff));
}

static int gather(const char *utf8, size_t length, void *context)
{
    return weir__buffer_add(context, utf8, length, NULL);
}

/* Feeds the bytes cut at the split points, from copies of their exact size: a
 * sanitizer then sees any look past the end of a piece. */
static int feed(weir_decoder_t *decoder, const char *bytes, size_t length, const uint32_t *splits,
                size_t split_count, struct weir__buffer *utf8)
{
    size_t at = 0;

    for (size_t i = 0; i <= split_count; i++) {
        size_t end = i < split_count ? splits[i] : length;
        char *piece = malloc(end - at + 1);
        int status;

        if (end < at || end > length || piece == NULL)
            die("split points must ascend within the bytes");
        piece = realloc(piece, end - at > 0 ? end - at : 1);
        memcpy(piece, bytes + at, end - at);
        status = weir_decoder_feed(decoder, piece, end - at, gather, utf8, NULL);
        free(piece);
        if (status != 0)
            return status;
        at = end;
    }
    return weir_decoder_finish(decoder, gather, utf8, NULL);
}

static void answer_case(size_t name_length)
{
    char charset[256] = "";
    uint32_t splits[64];
    enum weir_on_error on_error;
    size_t split_count, length;
    char *bytes;
    struct weir__buffer utf8 = {0};
    weir_decoder_t *decoder;
    int status;

    read_bytes(charset, name_length);
    on_error = (enum weir_on_error)read_number(1);
    split_count = read_number(2);
    if (split_count > sizeof splits / sizeof splits[0])
        die("too many split points");
    for (size_t i = 0; i < split_count; i++)
        splits[i] = (uint32_t)read_number(4);
    length = read_number(4);
    bytes = malloc(length + 1);
    decoder = weir_decoder_new(charset, on_error, NULL, NULL);
    if (bytes == NULL || decoder == NULL)
        die("cannot make a decoder");
    read_bytes(bytes, length);
    status = feed(decoder, bytes, length, splits, split_count, &utf8);
    write_number((uint64_t)(int64_t)status, 4);
    write_number((uint64_t)weir_decoder_counts(decoder)->invalid_at, 8);
    write_number(weir_decoder_counts(decoder)->replaced, 8);
    write_number(utf8.length, 4);
    if (utf8.length > 0)
        fwrite(utf8.bytes, 1, utf8.length, stdout);
    weir__buffer_clear(&utf8);
    weir_decoder_free(decoder);
    free(bytes);
}

int main(void)
{
    int name_length;

    while ((name_length = getchar()) != EOF)
        answer_case((size_t)name_length);
    return fflush(stdout) == 0 ? 0 : 1;
}
