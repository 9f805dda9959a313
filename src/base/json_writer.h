/* base/json_writer.h - writes a JSON document as text.
 *
 * The first failure sticks: after it every call does nothing, and
 * weir__json_take() returns NULL.  So no call needs a check of its own, and a
 * document with a part left out cannot come into being.
 *
 *     struct weir__json_writer json = {0};
 *
 *     weir__json_open(&json, NULL, '{');
 *     weir__json_string(&json, "op", "start");
 *     weir__json_open(&json, "argv", '[');
 *     weir__json_bytes(&json, NULL, argv[0]);
 *     weir__json_close(&json, ']');
 *     weir__json_close(&json, '}');
 *     text = weir__json_take(&json, &length);
 *
 * A key is NULL inside an array and for the outermost value.
 */
#ifndef WEIR_BASE_JSON_WRITER_H
#define WEIR_BASE_JSON_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* All zero is an empty document. */
struct weir__json_writer {
    struct weir__buffer text;
    int failed;
    int follows; /* a value stands before: a comma is due */
};

/* Opens an object ('{') or an array ('['), and closes it ('}', ']'). */
void weir__json_open(struct weir__json_writer *json, const char *key, char bracket);
void weir__json_close(struct weir__json_writer *json, char bracket);

void weir__json_integer(struct weir__json_writer *json, const char *key, int64_t value);
void weir__json_boolean(struct weir__json_writer *json, const char *key, int value);
void weir__json_null(struct weir__json_writer *json, const char *key);

/* A fixed-point number with up to three decimals: 1500 is 1.5, 2000 is 2.0. */
void weir__json_thousandths(struct weir__json_writer *json, const char *key, int64_t value);

/* Strings of the digits of a number: decimal, and 16 hexadecimal ones of each word. */
void weir__json_integer_text(struct weir__json_writer *json, const char *key, int64_t value);
void weir__json_hex(struct weir__json_writer *json, const char *key, const uint64_t *words,
                    size_t count);

/* A string.  text that is NULL or not UTF-8 is a failure. */
void weir__json_string(struct weir__json_writer *json, const char *key, const char *text);
void weir__json_stringn(struct weir__json_writer *json, const char *key, const char *text,
                        size_t length);

/* A string of the system's bytes (a file name, an argument): what is not UTF-8 is
 * {"base64": "..."}. */
void weir__json_bytes(struct weir__json_writer *json, const char *key, const char *bytes);

/* A JSON text as it is. */
void weir__json_raw(struct weir__json_writer *json, const char *key, const char *text,
                    size_t length);

/* Makes the document fail: a part of it could not be had. */
void weir__json_fail(struct weir__json_writer *json);

/* Hands the text over with a NUL byte behind it, and leaves the writer empty.  The
 * caller owns it.  Returns NULL when anything failed. */
char *weir__json_take(struct weir__json_writer *json, size_t *length);

/* Drops a document. */
void weir__json_discard(struct weir__json_writer *json);

#endif
