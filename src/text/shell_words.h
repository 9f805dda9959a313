/* text/shell_words.h - split a line into words as a shell does, with nothing expanded. */
#ifndef WEIR_TEXT_SHELL_WORDS_H
#define WEIR_TEXT_SHELL_WORDS_H

#include <stddef.h>

#include <weir/error.h>

/* Splits line into words at spaces, tabs and newlines, with the quoting of POSIX
 * sh (2.2): 'all as it is', "all but a backslash before $ ` \" \ or a newline",
 * and a backslash before any one character.  '' is an empty word; a backslash
 * before a newline takes both away.  $, *, ~, |, # and their like mean nothing.
 *
 * The caller owns *words, which ends with NULL (as argv does), and releases it
 * with weir__words_free().  A blank line has no words: *count is 0.
 * Errors: INVALID for a quote that is not closed or a backslash before nothing,
 * naming the character; NOMEM. */
int weir__words_split(const char *line, char ***words, size_t *count, struct weir_error *error);

/* Accepts NULL. */
void weir__words_free(char **words);

#endif
