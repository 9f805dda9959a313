/* Decoding: the output is UTF-8 whatever comes in, the counts are true, and
 * pieces give what the whole gives.
 *
 * Input: charset, on_error and sizes of pieces in three bytes; then the text. */
#include "config.h"

#include <string.h>
#include <weir/text.h>

#include "base/buffer.h"
#include "fuzz/replay.h"
#include "base/utf8.h"

static const char *const charsets[] = {
    "utf-8",       "auto",           "utf-16", "utf-16be", "utf-32",          "gb18030",
    "gbk",         "shift_jis",      "euc-jp", "big5",     "iso-2022-jp",     "latin1",
    "big5-hkscs",  "shift_jisx0213", "cp1258", "utf-7",    "iso-2022-cn-ext", "euc-kr",
    "iso-2022-kr", "iso-2022-jp-3",  "ibm930", "ascii",    "tscii",           "euc-jisx0213",
};
enum { CHARSET_COUNT = sizeof charsets / sizeof charsets[0] };

struct outcome {
    struct weir__buffer utf8;
    struct weir_decode_counts counts;
    int status;
};

static int gather(const char *utf8, size_t length, void *context)
{
    HOLDS(length > 0 && weir__utf8_valid(utf8, length)); /* whole characters only */
    return weir__buffer_add(context, utf8, length, NULL);
}

/* Decodes in pieces of 1 to most bytes, or with most 0 in one.  Returns false when
 * iconv here does not know the charset. */
static bool decode(const uint8_t *bytes, size_t length, const char *charset,
                   enum weir_on_error on_error, size_t most, struct outcome *outcome)
{
    weir_decoder_t *decoder = weir_decoder_new(charset, on_error, "gbk", NULL);
    size_t turn = 0;

    *outcome = (struct outcome){0};
    if (decoder == NULL)
        return false;
    for (size_t at = 0; at < length && outcome->status == 0;) {
        size_t piece = most > 0 ? 1 + turn++ * 7 % most : length;

        if (piece > length - at)
            piece = length - at;
        outcome->status =
            weir_decoder_feed(decoder, bytes + at, piece, gather, &outcome->utf8, NULL);
        at += piece;
    }
    if (outcome->status == 0)
        outcome->status = weir_decoder_finish(decoder, gather, &outcome->utf8, NULL);
    outcome->counts = *weir_decoder_counts(decoder);
    weir_decoder_free(decoder);
    return true;
}

static void check_whole(const struct outcome *whole, const uint8_t *bytes, size_t length,
                        const char *charset, enum weir_on_error on_error)
{
    bool is_marked = whole->counts.replaced > 0 || whole->status == WEIR_ERR_DECODE;

    HOLDS(whole->status == 0 || (whole->status == WEIR_ERR_DECODE && on_error == WEIR_STRICT));
    HOLDS(is_marked == (whole->counts.invalid_at >= 0));
    HOLDS(whole->counts.invalid_at < (int64_t)length || length == 0);
    if (strcmp(charset, "utf-8") != 0)
        return;
    HOLDS(is_marked != weir__utf8_valid(bytes, length));
    if (is_marked)
        HOLDS((size_t)whole->counts.invalid_at == weir__utf8_scan(bytes, length).valid);
    else
        HOLDS(whole->utf8.length == length
              && (length == 0 || memcmp(whole->utf8.bytes, bytes, length) == 0));
}

/* There, iconv blames another byte for an error when the shift came in a piece
 * before: glibc's UTF-7 goes back to the '+', its ISO-2022-CN-EXT points behind
 * an SO that is out of place, and its TSCII keeps letters back to reorder them.
 * Only valid text must be the same. */
static bool has_shifts(const char *charset)
{
    return strncmp(charset, "iso-2022", 8) == 0 || strcmp(charset, "utf-7") == 0
           || strcmp(charset, "ibm930") == 0 || strcmp(charset, "tscii") == 0;
}

static void check_same(const struct outcome *pieces, const struct outcome *whole)
{
    HOLDS(pieces->status == whole->status);
    HOLDS(pieces->utf8.length == whole->utf8.length);
    HOLDS(whole->utf8.length == 0
          || memcmp(pieces->utf8.bytes, whole->utf8.bytes, whole->utf8.length) == 0);
    HOLDS(pieces->counts.replaced == whole->counts.replaced);
    HOLDS(pieces->counts.invalid_at == whole->counts.invalid_at);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct outcome whole, pieces;
    const char *charset;
    enum weir_on_error on_error;
    size_t most;

    if (length < 3)
        return 0;
    charset = charsets[bytes[0] % CHARSET_COUNT];
    on_error = (enum weir_on_error)(bytes[1] % 3);
    most = 1 + bytes[2] % 64;
    bytes += 3, length -= 3;
    if (!decode(bytes, length, charset, on_error, 0, &whole))
        return 0;
    check_whole(&whole, bytes, length, charset, on_error);
    decode(bytes, length, charset, on_error, most, &pieces);
    if (!has_shifts(charset) || whole.counts.invalid_at < 0)
        check_same(&pieces, &whole);
    weir__buffer_clear(&whole.utf8);
    weir__buffer_clear(&pieces.utf8);
    return 0;
}
