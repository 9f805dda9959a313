/* cli/token_cmd.h - what the verbs of weir token share. */
#ifndef WEIR_CLI_TOKEN_CMD_H
#define WEIR_CLI_TOKEN_CMD_H

#include <stddef.h>

#include "base/buffer.h"
#include "cli/cli.h"
#include "cli/opts_token.h"
#include "web/tokens.h"

struct token_cmd {
    struct token_values values;
    struct cli_parsed parsed;
    struct weir__tokens tokens;
    const char *const *words; /* behind the verb */
    size_t word_count;
};

/* Each says what is wrong, and returns the exit status. */
int token_report(const struct weir_error *error);
int token_no_memory(void);
int token_refuse(const char *text);

/* The body that calls the words' first with the others.  Returns 0, or the exit status. */
int token_body(char *const *words, size_t count, struct weir__buffer *body);

#endif
