/* cli/opts_token.h - what the options of weir token set. */
#ifndef WEIR_CLI_OPTS_TOKEN_H
#define WEIR_CLI_OPTS_TOKEN_H

#include "cli/options.h"

struct token_values {
    const char *keys, *kid, *subject, *url, *svg, *png;
    struct cli_list methods;
    int is_operator, qr;
    uint64_t rate;
    int64_t expires_ms;
};

/* Positions in cli_token's options, for cli_given(). */
enum token_option {
    TOKEN_KEYS,
    TOKEN_KID,
    TOKEN_METHODS,
    TOKEN_RATE,
    TOKEN_OPERATOR,
    TOKEN_EXPIRES,
    TOKEN_SUBJECT,
    TOKEN_URL,
    TOKEN_QR,
    TOKEN_SVG,
    TOKEN_PNG,
    TOKEN_OPTION_COUNT
};

extern const struct cli_option token_options[TOKEN_OPTION_COUNT];

/* cmd_token.c: does what they ask for. */
int cmd_token(int argc, char **argv);

#endif
