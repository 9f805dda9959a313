/* cli/plain.h - text of others, for a terminal: it moves no cursor and changes no colour. */
#ifndef WEIR_CLI_PLAIN_H
#define WEIR_CLI_PLAIN_H

#include <stddef.h>
#include <stdio.h>

/* Control characters, those of ISO 6429 beyond ASCII too, come out as \x1b. */
void plain_print(const char *text, size_t length, FILE *out);

#endif
