/* cli/token_file.h - adds entries to the file of keys and bearer tokens (web/tokens.h). */
#ifndef WEIR_CLI_TOKEN_FILE_H
#define WEIR_CLI_TOKEN_FILE_H

#include <jansson.h>

#include <weir/error.h>

#include "web/tokens.h"

enum { TOKEN_RANDOM_MAX = 48 }; /* bytes with NUL of 32 random bytes in base64url, and more */

/* Random bytes, at most 32, in base64url.  Errors: SYSTEM, NOMEM. */
int token_random(size_t bytes, char text[TOKEN_RANDOM_MAX], struct weir_error *error);

/* Reads the file; one that does not exist is empty.  Errors: as in weir__tokens_read(). */
int token_file_read(const char *path, struct weir__tokens *tokens, struct weir_error *error);

/* Appends the entry, which it takes, to the list "tokens" or "keys" of the file, which was read.
 * A new file has mode 0600.  Errors: SYSTEM, NOMEM, INVALID. */
int token_file_add(const char *path, const char *list, json_t *entry, struct weir_error *error);

#endif
