/* weir/text.h - turn bytes in any character set into UTF-8 text.
 *
 * Bytes are primary and text is derived from them: decoding never loses output, it only marks
 * invalid bytes.  There are three ways to treat these:
 *
 *     bytes                 WEIR_REPLACE    WEIR_BACKSLASHREPLACE  WEIR_STRICT
 *     "caf" E9 " au lait"   caf? au lait    caf\xe9 au lait        error, offset 3
 *
 * (? stands for U+FFFD.)  For UTF-8 and UTF-16 the results are those of Python's
 * bytes.decode() with errors= of the same name, byte for byte: one U+FFFD for
 * each maximal subpart of an ill-formed sequence (Unicode, chapter 3.9), which is
 * also what the WHATWG decoder does.  In other character sets the first byte of
 * an invalid sequence is marked, and decoding continues at the next one.
 *
 * Character sets, by name, in any case:
 *
 *   utf-8    (also utf8, and NULL).  A byte-order mark is kept, as U+FEFF.
 *   utf-16, utf-32   A byte-order mark determines the order and is removed.
 *            Without one the text is little endian, on every machine.
 *   auto     The first of these that holds:
 *            1. a byte-order mark (UTF-8, UTF-16, UTF-32 or GB18030) determines
 *               the set, and is removed;
 *            2. the bytes are valid UTF-8.  One character cut short at the very
 *               end does not count against that if a whole one that is not ASCII
 *               came before: a captured text may end anywhere;
 *            3. the character set of the environment's locale (LC_ALL, LC_CTYPE,
 *               LANG), unless that is UTF-8 or ASCII;
 *            4. the fallback given;
 *            5. latin1, in which every byte is a character.
 *   any other name that iconv -l lists, such as gb18030, shift_jis or latin1.
 *
 * "binary" means not to decode; it is not a character set and is an error here.
 *
 * Threads: one weir_decoder_t belongs to one thread at a time.  Nothing here
 * changes the locale of the process.
 */
#ifndef WEIR_TEXT_H
#define WEIR_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How to handle bytes that are invalid in their character set. */
enum weir_on_error {
    WEIR_REPLACE,          /* replaced with U+FFFD */
    WEIR_BACKSLASHREPLACE, /* each byte becomes \xhh */
    WEIR_STRICT,           /* decoding stops with WEIR_ERR_DECODE */
};

enum { WEIR_CHARSET_SIZE = 32 }; /* bytes of the longest name and its NUL */

/* --- A whole text at once ------------------------------------------------- */

/* This struct never changes. */
struct weir_text {
    char *bytes;                     /* UTF-8; a NUL byte follows the last one */
    size_t length;                   /* in bytes, without that NUL */
    uint64_t replaced;               /* number of U+FFFD or \xhh inserted */
    int64_t invalid_at;              /* offset in the input of the first bad byte; -1: none */
    char charset[WEIR_CHARSET_SIZE]; /* the set used, in lower case: "utf-8" */
};

/* Decodes length bytes.  charset may be NULL (utf-8); fallback may be NULL and
 * is only used by "auto".  The caller owns *text: release it with
 * weir_text_clear().
 * Errors: CHARSET, INVALID, NOMEM, and DECODE in WEIR_STRICT, where *text is set
 * too: no bytes, but invalid_at and charset. */
int weir_decode(const void *bytes, size_t length, const char *charset, enum weir_on_error on_error,
                const char *fallback, struct weir_text *text, struct weir_error *error);

/* Frees the bytes and leaves an empty text.  Accepts a text that is all zero. */
void weir_text_clear(struct weir_text *text);

/* --- A text that arrives in pieces ---------------------------------------- */

typedef struct weir_decoder weir_decoder_t;

/* Takes a piece of decoded text: whole characters, not NUL-terminated.  Borrows
 * it for the call; it is often the caller's own input, not copied.  Returns 0 to
 * continue; a negative value ends the decoding and becomes its result. */
typedef int (*weir_text_sink)(const char *utf8, size_t length, void *context);

/* Grows at its end. */
struct weir_decode_counts {
    uint64_t bytes;                  /* fed so far */
    uint64_t replaced;               /* number of U+FFFD or \xhh so far */
    int64_t invalid_at;              /* offset of the first bad byte; -1: none yet */
    char charset[WEIR_CHARSET_SIZE]; /* the set used; "auto" while it is undetermined */
};

/* Creates a decoder for one text.  charset and fallback are as above; copies them.
 * Returns NULL on failure; otherwise the caller owns it: release it with
 * weir_decoder_free().
 * Errors: CHARSET, INVALID (on_error), NOMEM. */
weir_decoder_t *weir_decoder_new(const char *charset, enum weir_on_error on_error,
                                 const char *fallback, struct weir_error *error);

/* Accepts NULL. */
void weir_decoder_free(weir_decoder_t *decoder);

/* Decodes the next length bytes and passes what is certain to sink.  A character may
 * be split between two calls, anywhere: the result is the same.  (Except for which
 * byte is marked as bad in a charset with shift states, as ISO-2022 and UTF-7:
 * there iconv may blame another one when it saw the shift in an earlier call.)
 *
 * What is held back is a few bytes, except under "auto": there, bytes from the
 * first one that is not ASCII on are held in memory for as long as they are
 * valid UTF-8 - up to the end of the text, if it is UTF-8 - since a later byte
 * may still show that they were something else.
 *
 * Errors: DECODE (only WEIR_STRICT; what precedes the bad byte was passed to sink,
 * and invalid_at is its offset), NOMEM, SYSTEM, what sink returned, INVALID
 * (the text has ended).  After any of them only the counts of the decoder are valid. */
int weir_decoder_feed(weir_decoder_t *decoder, const void *bytes, size_t length,
                      weir_text_sink sink, void *context, struct weir_error *error);

/* Ends the text: passes the rest to sink.  An incomplete character is treated as
 * invalid bytes.  Errors: as weir_decoder_feed(). */
int weir_decoder_finish(weir_decoder_t *decoder, weir_text_sink sink, void *context,
                        struct weir_error *error);

/* Borrowed from the decoder, which keeps it up to date. */
const struct weir_decode_counts *weir_decoder_counts(const weir_decoder_t *decoder);

/* --- A place in a JSON text ------------------------------------------------- */

/* Finds the position in a JSON text of the value that a JSON pointer (RFC 6901) names; "" is the
 * whole text.  *line and *column count from 1, in lines and characters, for messages about a
 * document that people write.  If a member occurs twice, the last one counts.  The text should be
 * JSON; other text is harmless.
 * Errors: INVALID (there is no such value), NOMEM. */
int weir_json_place(const char *text, size_t length, const char *pointer, size_t *line,
                    size_t *column, struct weir_error *error);

#ifdef __cplusplus
}
#endif
#endif
