#include "config.h"

#include <weir/text.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "text/charset.h"
#include "base/utf8.h"

/*
 *            no mark possible, and "auto"
 *   SNIFFING ------------------------------> GUESSING
 *      |                                        | end, or not UTF-8
 *      | the mark is found, or ruled out        v
 *      +-------------------------------------> DECODING ---> OVER
 *
 * "utf-16" and "utf-32" start in SNIFFING as "auto" does; all others in DECODING.
 */
enum stage {
    SNIFFING, /* held may be a byte-order mark */
    GUESSING, /* guess is valid UTF-8 so far, and perhaps a character more */
    DECODING, /* the charset is known; held is the beginning of a character */
    OVER,     /* the text has ended, or could not be decoded */
};

/* Longer than any character and any escape sequence. */
enum { HELD_SIZE = 32 };

/* Output is gathered up to this size; valid text longer than SHORT_RUN is given
 * to the sink where it stands. */
enum { OUT_SIZE = 8192, SHORT_RUN = 64 };

struct weir_decoder {
    enum stage stage;
    enum weir_on_error on_error;
    bool is_auto;
    const char *bom_family;       /* which byte-order marks count */
    struct weir__charset charset; /* under "auto": used when the text is not UTF-8 */
    struct weir_decode_counts counts;
    uint64_t position; /* in the input, of the first byte not decoded */
    char held[HELD_SIZE];
    size_t held_length;
    struct weir__buffer guess;
    size_t guess_valid; /* leading bytes of guess that are whole characters */
    size_t out_length;
    weir_text_sink sink; /* of the call being served */
    void *context;
    struct weir_error *error;
    char out[OUT_SIZE]; /* last: it is not cleared */
};

struct span {
    const char *bytes;
    size_t length;
};

static void skip(struct span *span, size_t count)
{
    span->bytes += count;
    span->length -= count;
}

static void name_charset(weir_decoder_t *decoder, const char *name)
{
    snprintf(decoder->counts.charset, sizeof decoder->counts.charset, "%s", name);
}

/* --- Output --------------------------------------------------------------- */

static int flush(weir_decoder_t *decoder)
{
    size_t length = decoder->out_length;

    decoder->out_length = 0;
    return length == 0 ? 0 : decoder->sink(decoder->out, length, decoder->context);
}

/* Adds valid text to the output. */
static int put(weir_decoder_t *decoder, const char *utf8, size_t length)
{
    int status;

    if (length <= SHORT_RUN && length <= OUT_SIZE - decoder->out_length) {
        memcpy(decoder->out + decoder->out_length, utf8, length);
        decoder->out_length += length;
        return 0;
    }
    status = flush(decoder);
    return status != 0 ? status : decoder->sink(utf8, length, decoder->context);
}

static int refuse(weir_decoder_t *decoder, unsigned char byte, bool is_cut)
{
    unsigned long long at = decoder->position;
    int status = flush(decoder);

    if (status != 0)
        return status;
    if (is_cut)
        return weir__fail(decoder->error, WEIR_ERR_DECODE, 0,
                          "the text ends inside the character that begins at byte offset %llu "
                          "(0x%02X in %s)",
                          at, byte, decoder->counts.charset);
    return weir__fail(decoder->error, WEIR_ERR_DECODE, 0,
                      "byte 0x%02X at offset %llu does not fit %s: give another charset, or "
                      "replace what does not fit",
                      byte, at, decoder->counts.charset);
}

/* Marks count bytes at decoder->position that make no character. */
static int mark(weir_decoder_t *decoder, const char *bytes, size_t count, bool is_cut)
{
    int status = 0;

    if (decoder->counts.invalid_at < 0)
        decoder->counts.invalid_at = (int64_t)decoder->position;
    switch (decoder->on_error) {
    case WEIR_STRICT:
        return refuse(decoder, (unsigned char)bytes[0], is_cut);
    case WEIR_REPLACE:
        decoder->counts.replaced++;
        status = put(decoder, "\xEF\xBF\xBD", 3);
        break;
    case WEIR_BACKSLASHREPLACE:
        for (size_t i = 0; i < count && status == 0; i++) {
            char escape[sizeof "\\xhh"];

            snprintf(escape, sizeof escape, "\\x%02x", (unsigned)(unsigned char)bytes[i]);
            decoder->counts.replaced++;
            status = put(decoder, escape, sizeof escape - 1);
        }
        break;
    }
    decoder->position += count;
    return status;
}

/* --- UTF-8 ---------------------------------------------------------------- */

static int pass(weir_decoder_t *decoder, const char *utf8, size_t length)
{
    decoder->position += length;
    return length == 0 ? 0 : put(decoder, utf8, length);
}

/* Goes on with the character that held begins, byte by byte.  When it does not
 * go on as begun, all of held is one maximal subpart, and the byte begins anew. */
static int go_on_with_held(weir_decoder_t *decoder, struct span *input)
{
    int status = 0;

    while (status == 0 && decoder->held_length > 0 && input->length > 0) {
        struct weir__utf8_scan scan;

        decoder->held[decoder->held_length] = input->bytes[0];
        scan = weir__utf8_scan(decoder->held, decoder->held_length + 1);
        if (scan.stop == WEIR__UTF8_BAD) {
            status = mark(decoder, decoder->held, decoder->held_length, false);
            decoder->held_length = 0;
            continue;
        }
        skip(input, 1);
        decoder->held_length++;
        if (scan.stop == WEIR__UTF8_END) {
            status = pass(decoder, decoder->held, decoder->held_length);
            decoder->held_length = 0;
        }
    }
    return status;
}

static int decode_utf8(weir_decoder_t *decoder, struct span input, bool is_last)
{
    int status = go_on_with_held(decoder, &input);

    while (status == 0 && input.length > 0) {
        struct weir__utf8_scan scan = weir__utf8_scan(input.bytes, input.length);

        status = pass(decoder, input.bytes, scan.valid);
        skip(&input, scan.valid);
        if (status == 0 && scan.stop == WEIR__UTF8_BAD) {
            status = mark(decoder, input.bytes, scan.rest, false);
        } else if (scan.stop == WEIR__UTF8_CUT) {
            memcpy(decoder->held, input.bytes, scan.rest);
            decoder->held_length = scan.rest;
        }
        skip(&input, scan.rest);
    }
    if (status == 0 && is_last && decoder->held_length > 0) {
        status = mark(decoder, decoder->held, decoder->held_length, true);
        decoder->held_length = 0;
    }
    return status;
}

/* --- Other charsets: iconv ------------------------------------------------ */

/* iconv keeps back a character that a combining one may follow (BIG5-HKSCS,
 * CP1258, EUC-JISX0213...): has it written.  Resets the shift state, too. */
static int flush_iconv(weir_decoder_t *decoder)
{
    int status = OUT_SIZE - decoder->out_length < SHORT_RUN ? flush(decoder) : 0;
    char *out = decoder->out + decoder->out_length;
    size_t left = OUT_SIZE - decoder->out_length;

    iconv(decoder->charset.iconv, NULL, NULL, &out, &left);
    decoder->out_length = OUT_SIZE - left;
    return status;
}

/* Marks what iconv stopped at.  Of an unknown sequence that is one unit: what
 * follows may be a character again. */
static int mark_unit(weir_decoder_t *decoder, struct span *input, bool is_cut)
{
    size_t count = decoder->charset.unit;
    int status = 0;

    /* glibc's ISO-2022-CN-EXT steps over an SO out of place before it refuses it:
     * there may be nothing left but that. */
    if (input->length == 0) {
        input->bytes--;
        input->length = 1;
        decoder->position--;
    }
    if (count > input->length || (is_cut && count > 1))
        count = input->length;
    if (!decoder->charset.has_shifts)
        status = flush_iconv(decoder);
    if (status == 0)
        status = mark(decoder, input->bytes, count, is_cut);
    skip(input, count);
    return status;
}

/* Decodes all of input but the beginning of a character at its end, which it
 * leaves in input. */
static int convert(weir_decoder_t *decoder, struct span *input, bool is_last)
{
    int status = 0;

    while (status == 0 && input->length > 0) {
        char *in = (char *)input->bytes, *out = decoder->out + decoder->out_length;
        size_t in_left = input->length, out_left = OUT_SIZE - decoder->out_length;
        size_t result = iconv(decoder->charset.iconv, &in, &in_left, &out, &out_left);
        int why = result == (size_t)-1 ? errno : 0;

        decoder->position += input->length - in_left;
        decoder->out_length = OUT_SIZE - out_left;
        skip(input, input->length - in_left);
        if (why == E2BIG)
            status = flush(decoder);
        else if (why == EILSEQ)
            status = mark_unit(decoder, input, false);
        else if (why == EINVAL && !is_last)
            return 0;
        else if (why == EINVAL)
            status = mark_unit(decoder, input, true);
        else if (why != 0)
            return weir__fail(decoder->error, WEIR_ERR_SYSTEM, why, "cannot decode %s",
                              decoder->counts.charset);
    }
    return status;
}

/* Decodes held together with bytes of input until held is used up, or input is. */
static int join_held(weir_decoder_t *decoder, struct span *input)
{
    while (decoder->held_length > 0 && input->length > 0) {
        size_t before = decoder->held_length, used;
        size_t taken = HELD_SIZE - before < input->length ? HELD_SIZE - before : input->length;
        struct span joined = {decoder->held, before + taken};
        int status;

        memcpy(decoder->held + before, input->bytes, taken);
        status = convert(decoder, &joined, false);
        if (status == 0 && joined.length == HELD_SIZE) /* nothing is that long */
            status = mark_unit(decoder, &joined, false);
        if (status != 0)
            return status;
        used = before + taken - joined.length;
        if (used >= before) {
            skip(input, used - before);
            decoder->held_length = 0;
        } else {
            memmove(decoder->held, joined.bytes, joined.length);
            decoder->held_length = joined.length;
            skip(input, taken);
        }
    }
    return 0;
}

static int decode_iconv(weir_decoder_t *decoder, struct span input, bool is_last)
{
    struct span held;
    int status = join_held(decoder, &input);

    if (status == 0)
        status = convert(decoder, &input, false);
    while (status == 0 && input.length >= HELD_SIZE) { /* nothing is that long */
        status = mark_unit(decoder, &input, false);
        if (status == 0)
            status = convert(decoder, &input, false);
    }
    if (status != 0)
        return status;
    if (input.length > 0) {
        memcpy(decoder->held, input.bytes, input.length);
        decoder->held_length = input.length;
    }
    if (!is_last)
        return 0;
    held = (struct span){decoder->held, decoder->held_length};
    status = convert(decoder, &held, true);
    return status != 0 ? status : flush_iconv(decoder);
}

/* --- Which charset? ------------------------------------------------------- */

static int decode(weir_decoder_t *decoder, struct span input, bool is_last)
{
    if (decoder->charset.iconv == (iconv_t)-1)
        return decode_utf8(decoder, input, is_last);
    return decode_iconv(decoder, input, is_last);
}

/* The text is in this charset and in no other. */
static int decide(weir_decoder_t *decoder, const char *name)
{
    if (strcmp(decoder->charset.name, name) != 0) {
        struct weir__charset charset;
        int status = weir__charset_open(&charset, name, decoder->error);

        if (status < 0)
            return status;
        weir__charset_close(&decoder->charset);
        decoder->charset = charset;
    }
    name_charset(decoder, name);
    decoder->stage = DECODING;
    return 0;
}

/* Decodes what was gathered while guessing. */
static int decode_guess(weir_decoder_t *decoder, const char *name, bool is_last)
{
    int status = decide(decoder, name);

    if (status == 0)
        status =
            decode(decoder, (struct span){decoder->guess.bytes, decoder->guess.length}, is_last);
    if (status == 0)
        status = flush(decoder);
    weir__buffer_clear(&decoder->guess);
    return status;
}

static int guess_at_end(weir_decoder_t *decoder)
{
    size_t valid = decoder->guess_valid;
    bool has_wide = weir__utf8_ascii(decoder->guess.bytes, valid) < valid;
    bool is_utf8 = valid == decoder->guess.length || has_wide;

    return decode_guess(decoder, is_utf8 ? "utf-8" : decoder->charset.name, true);
}

static int guess(weir_decoder_t *decoder, struct span input, bool is_last)
{
    struct weir__buffer *gathered = &decoder->guess;
    struct weir__utf8_scan scan;
    int status = 0;

    /* ASCII is the same whatever the answer will be. */
    if (gathered->length == 0 && decoder->charset.keeps_ascii) {
        size_t ascii = weir__utf8_ascii(input.bytes, input.length);

        status = pass(decoder, input.bytes, ascii);
        skip(&input, ascii);
    }
    if (status == 0 && input.length > 0)
        status = weir__buffer_add(gathered, input.bytes, input.length, decoder->error);
    if (status != 0)
        return status;
    if (gathered->length > 0) {
        scan = weir__utf8_scan(gathered->bytes + decoder->guess_valid,
                               gathered->length - decoder->guess_valid);
        decoder->guess_valid += scan.valid;
        if (scan.stop == WEIR__UTF8_BAD)
            return decode_guess(decoder, decoder->charset.name, is_last);
    }
    return is_last ? guess_at_end(decoder) : 0;
}

static int advance(weir_decoder_t *decoder, struct span input, bool is_last);

/* Looks for a byte-order mark in held, which gets its bytes from input. */
static int sniff(weir_decoder_t *decoder, struct span input, bool is_last)
{
    const struct weir__bom *bom;
    struct span held = {decoder->held, 0};
    bool undecided;
    int status;

    do {
        bom = weir__bom_find(decoder->bom_family, decoder->held, decoder->held_length, &undecided);
        if (!undecided || input.length == 0)
            break;
        decoder->held[decoder->held_length++] = input.bytes[0];
        skip(&input, 1);
    } while (true);
    if (undecided && !is_last)
        return 0;
    held.length = decoder->held_length;
    decoder->held_length = 0;
    decoder->stage = decoder->is_auto ? GUESSING : DECODING;
    if (bom != NULL) {
        char asked_for[WEIR_CHARSET_SIZE];

        memcpy(asked_for, decoder->counts.charset, sizeof asked_for);
        status = decide(decoder, bom->charset);
        if (status < 0)
            return status;
        if (!decoder->is_auto)
            name_charset(decoder, asked_for);
        decoder->position += bom->length;
        skip(&held, bom->length);
    }
    if (held.length > 0) {
        char copy[HELD_SIZE]; /* what comes next may hold bytes itself */

        memcpy(copy, held.bytes, held.length);
        held.bytes = copy;
        status = advance(decoder, held, false);
        if (status != 0)
            return status;
    }
    return advance(decoder, input, is_last);
}

static int advance(weir_decoder_t *decoder, struct span input, bool is_last)
{
    switch (decoder->stage) {
    case SNIFFING:
        return sniff(decoder, input, is_last);
    case GUESSING:
        return guess(decoder, input, is_last);
    case DECODING:
        return decode(decoder, input, is_last);
    case OVER:
        break;
    }
    return weir__fail(decoder->error, WEIR_ERR_INVALID, 0,
                      "the text has ended: make a new decoder for the next one");
}

/* --- The decoder ---------------------------------------------------------- */

static int run(weir_decoder_t *decoder, struct span input, bool is_last, weir_text_sink sink,
               void *context, struct weir_error *error)
{
    int status;

    decoder->sink = sink;
    decoder->context = context;
    decoder->error = error;
    status = advance(decoder, input, is_last);
    if (status == 0)
        status = flush(decoder);
    if (status != 0 || is_last)
        decoder->stage = OVER;
    return status;
}

int weir_decoder_feed(weir_decoder_t *decoder, const void *bytes, size_t length,
                      weir_text_sink sink, void *context, struct weir_error *error)
{
    if (decoder->stage != OVER)
        decoder->counts.bytes += length;
    return run(decoder, (struct span){bytes, length}, false, sink, context, error);
}

int weir_decoder_finish(weir_decoder_t *decoder, weir_text_sink sink, void *context,
                        struct weir_error *error)
{
    return run(decoder, (struct span){"", 0}, true, sink, context, error);
}

const struct weir_decode_counts *weir_decoder_counts(const weir_decoder_t *decoder)
{
    return &decoder->counts;
}

/* Opens what "auto" uses for a text that is not UTF-8. */
static int open_for_auto(struct weir__charset *charset, const char *fallback,
                         struct weir_error *error)
{
    char of_locale[WEIR_CHARSET_SIZE];
    struct weir__charset given;
    int status = weir__charset_open(&given, fallback != NULL ? fallback : "latin1", error);

    if (status < 0)
        return status;
    if (!weir__charset_of_locale(of_locale) || weir__charset_open(charset, of_locale, NULL) < 0)
        *charset = given;
    else
        weir__charset_close(&given);
    return 0;
}

static int set_up(weir_decoder_t *decoder, const char *charset, const char *fallback,
                  struct weir_error *error)
{
    int status;

    if (charset == NULL)
        charset = "utf-8";
    decoder->counts.invalid_at = -1;
    decoder->is_auto = weir__charset_is(charset, "auto");
    status = decoder->is_auto ? open_for_auto(&decoder->charset, fallback, error)
                              : weir__charset_open(&decoder->charset, charset, error);
    if (status < 0)
        return status;
    decoder->stage = SNIFFING;
    if (decoder->is_auto)
        decoder->bom_family = "";
    else if (weir__charset_is(charset, "utf-16"))
        decoder->bom_family = "utf-16";
    else if (weir__charset_is(charset, "utf-32"))
        decoder->bom_family = "utf-32";
    else
        decoder->stage = DECODING;
    name_charset(decoder, decoder->is_auto ? "auto" : decoder->charset.name);
    return 0;
}

weir_decoder_t *weir_decoder_new(const char *charset, enum weir_on_error on_error,
                                 const char *fallback, struct weir_error *error)
{
    weir_decoder_t *decoder;

    if (on_error != WEIR_REPLACE && on_error != WEIR_BACKSLASHREPLACE && on_error != WEIR_STRICT) {
        weir__fail(error, WEIR_ERR_INVALID, 0,
                   "on_error is %d: give WEIR_REPLACE, WEIR_BACKSLASHREPLACE or WEIR_STRICT",
                   (int)on_error);
        return NULL;
    }
    decoder = malloc(sizeof *decoder);
    if (decoder == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a decoder");
        return NULL;
    }
    memset(decoder, 0, offsetof(struct weir_decoder, out));
    decoder->on_error = on_error;
    if (set_up(decoder, charset, fallback, error) < 0) {
        free(decoder);
        return NULL;
    }
    return decoder;
}

void weir_decoder_free(weir_decoder_t *decoder)
{
    if (decoder == NULL)
        return;
    weir__charset_close(&decoder->charset);
    weir__buffer_clear(&decoder->guess);
    free(decoder);
}
