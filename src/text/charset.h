/* text/charset.h - character sets by name: which there are, and how each behaves. */
#ifndef WEIR_TEXT_CHARSET_H
#define WEIR_TEXT_CHARSET_H

#include <iconv.h>
#include <stdbool.h>
#include <stddef.h>

#include <weir/error.h>
#include <weir/text.h>

struct weir__charset {
    char name[WEIR_CHARSET_SIZE]; /* in lower case */
    iconv_t iconv;                /* to UTF-8; (iconv_t)-1 for UTF-8 itself */
    size_t unit;                  /* bytes come in units of 1, 2 or 4 */
    bool has_shifts;              /* some bytes change what the next ones mean */
    bool keeps_ascii;             /* ASCII means itself, at the start of a text */
};

/* Opens a charset by name.  "utf-16" and "utf-32" are opened as little endian.
 * Release it with weir__charset_close().
 * Errors: CHARSET, also for "auto" and "binary"; SYSTEM. */
int weir__charset_open(struct weir__charset *charset, const char *name, struct weir_error *error);

/* Accepts a charset that is all zero. */
void weir__charset_close(struct weir__charset *charset);

/* Says whether name is known, in any case, and with or without '-' and '_'. */
bool weir__charset_is(const char *name, const char *known);

/* Writes the charset of the environment's locale.  Returns false when there is
 * none, or it is UTF-8 or ASCII. */
bool weir__charset_of_locale(char name[WEIR_CHARSET_SIZE]);

/* A byte-order mark and its charset. */
struct weir__bom {
    const char *charset;
    const char *bytes;
    size_t length;
};

/* Finds the byte-order mark that bytes begin with, among those of the charsets
 * whose name begins with family ("" for all): NULL when there is none.  Sets
 * *undecided when more bytes may change the answer. */
const struct weir__bom *weir__bom_find(const char *family, const char *bytes, size_t length,
                                       bool *undecided);

#endif
