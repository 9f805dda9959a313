/* base/printable.h - text of others inside a sentence of ours.
 *
 * A program's name, an error message or a log line may hold anything.  Where a sentence
 * shows it, it must not move a cursor, change a colour, look like another line of weir's or
 * reorder what stands beside it.  So every sentence is escaped as a whole, after formatting:
 * ours hold nothing that would change.  Escaped are control characters (C0, DEL, C1), bytes
 * that are not UTF-8, separators of lines, invisible and bidirectional formatting, and
 * noncharacters: \n \r \t \x1b \u202e \U000e0001.  All else stays as it is.  The zero-width
 * joiners stay, too: Persian, Indic scripts and emoji need them.  What is escaped once is not
 * escaped again.
 */
#ifndef WEIR_BASE_PRINTABLE_H
#define WEIR_BASE_PRINTABLE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

enum weir__breaks {
    WEIR__ONE_LINE,   /* line feeds are escaped too */
    WEIR__KEEP_LINES, /* for a traceback */
};

/* Writes text, escaped, and a NUL into to, which has room for size > 0 bytes; cut between
 * two characters where the room is short.  Returns how many bytes stand before the NUL. */
size_t weir__printable(char *to, size_t size, const char *text, size_t length,
                       enum weir__breaks breaks);

/* The same to a stream, whole. */
void weir__printable_put(FILE *out, const char *text, size_t length, enum weir__breaks breaks);

/* Formats one line of a sentence, escaped.  Formatted text is cut at 4,095 bytes.  Returns as
 * weir__printable(). */
size_t weir__sentence(char *to, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
size_t weir__sentence_list(char *to, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

#endif
