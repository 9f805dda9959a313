/* text/shell_quote.h - quote words for a POSIX shell. */
#ifndef WEIR_TEXT_SHELL_QUOTE_H
#define WEIR_TEXT_SHELL_QUOTE_H

#include <stddef.h>

#include "base/buffer.h"

/* Appends the bytes in single quotes: the shell takes them as they are. Errors: NOMEM. */
int weir__shell_quote(struct weir__buffer *text, const char *bytes, size_t length);

/* The same, without quotes if no character needs them. */
int weir__shell_quote_if_needed(struct weir__buffer *text, const char *bytes, size_t length);

#endif
