/* The options, help and manual page of weir token. */
#include "config.h"

#include "cli/opts_token.h"

#define AT(member) offsetof(struct token_values, member)

static const char file[] = "The file of keys";
static const char entry[] = "Options of new-key and bearer";
static const char call[] = "Options of call";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option token_options[TOKEN_OPTION_COUNT] = {
    [TOKEN_KEYS] = {
        .name = "keys", .kind = CLI_FILE, .offset = AT(keys), .metavar = "FILE",
        .group = file,
        .help = "the file that weir serve --http-tokens reads (required)",
        .more = "Only its owner may be able to read and write it. `new-key` and `bearer` create "
                "it with mode 0600 if it does not exist. A running server reads it again on "
                "SIGHUP.",
    },
    [TOKEN_KID] = {
        .name = "kid", .kind = CLI_TEXT, .offset = AT(kid), .metavar = "ID",
        .group = file,
        .help = "`new-key`: the name of the key (random); `call`: the key to sign with (the "
                "first)",
    },
    [TOKEN_METHODS] = {
        .name = "methods", .kind = CLI_TEXTS, .offset = AT(methods), .metavar = "GLOB",
        .group = entry,
        .help = "allow only functions that match this pattern; repeatable (all)",
    },
    [TOKEN_RATE] = {
        .name = "rate", .kind = CLI_COUNT, .offset = AT(rate), .metavar = "N",
        .group = entry,
        .help = "`bearer`: allow this many calls a second (any number)",
    },
    [TOKEN_OPERATOR] = {
        .name = "operator", .kind = CLI_FLAG, .offset = AT(is_operator),
        .group = entry,
        .help = "`bearer`: also allow the statistics and the list of running calls",
    },
    [TOKEN_EXPIRES] = {
        .name = "expires", .kind = CLI_DURATION, .offset = AT(expires_ms), .metavar = "D",
        .group = call,
        .help = "how long the token is valid, at most 24h (15m)",
    },
    [TOKEN_SUBJECT] = {
        .name = "subject", .kind = CLI_TEXT, .offset = AT(subject), .metavar = "TEXT",
        .group = call,
        .help = "who or what the token is for, at most 128 bytes; weir only passes it on",
    },
    [TOKEN_URL] = {
        .name = "url", .kind = CLI_TEXT, .offset = AT(url), .metavar = "URL",
        .group = call,
        .help = "print a link to this server instead of the token: https://host:8080",
        .more = "The link opens the page `/run` of the server. It shows the function, its "
                "arguments and the time left, and calls the function when its button is pressed. "
                "Browsers do not send the part of a link that follows `#`, so no log has the "
                "token.",
    },
    [TOKEN_QR] = {
        .name = "qr", .kind = CLI_FLAG, .offset = AT(qr),
        .group = call,
        .help = "print the link as a QR code too (requires --url)",
        .more = "On a terminal the code is black on white. Elsewhere, and with NO_COLOR, dark "
                "modules are blocks and light ones are spaces.",
    },
    [TOKEN_SVG] = {
        .name = "svg", .kind = CLI_FILE, .offset = AT(svg), .metavar = "FILE",
        .group = call,
        .help = "write the QR code to this file as SVG (requires --url)",
    },
    [TOKEN_PNG] = {
        .name = "png", .kind = CLI_FILE, .offset = AT(png), .metavar = "FILE",
        .group = call,
        .help = "write the QR code to this file as PNG (requires --url)",
    },
};
/* clang-format on */

static const char *const synopsis[] = {
    "new-key --keys FILE [--kid ID] [--methods GLOB]...",
    "bearer --keys FILE [OPTION...] NAME",
    "call --keys FILE [OPTION...] METHOD [ARGUMENT...]",
    "check --keys FILE TOKEN|LINK [METHOD [ARGUMENT...]]",
    NULL,
};

static const char *const description[] = {
    "Makes the tokens that `weir serve --http` accepts with `--http-tokens`, without a server.",
    "`new-key` adds a random key for one-time tokens to the file and prints its name. `bearer` "
    "adds a random bearer token under NAME and prints it; the file keeps only its SHA-256, so it "
    "cannot be printed again.",
    "`call` prints a one-time token: a JSON Web Token that allows one call of METHOD with exactly "
    "these arguments, once, until it expires. Arguments are given as for `weir call`. With "
    "`--url` it prints a link instead, which a person can open, and with `--qr`, `--svg` or "
    "`--png` a QR code of the link. Anyone with the token, the link or the code can make the call.",
    "`check` says whether a token is valid now, and if METHOD is given or it is a link, whether "
    "it is for that call. It does not know whether the token was used.",
    "QR codes need the library libqrencode. docs/http.md describes the tokens.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir token new-key --keys tokens.json --kid phone --methods 'open-*'",
     "make a key that signs calls of functions whose names begin with open-"},
    {"weir token call --keys tokens.json open-gate 3", "allow one call of open-gate(3)"},
    {"weir token call --keys tokens.json --url https://example.org --qr open-gate",
     "the same without arguments, as a code to scan"},
    {"weir token bearer --keys tokens.json --rate 10 ci", "make a token for any number of calls"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0", "success; `check`: the token is valid"},
    {"1", "`check`: a server refuses the token"},
    {"2", "invalid command line, or a file that is not valid or open to others"},
    {"125", "`weir` failed, or libqrencode is missing"},
    {NULL, NULL},
};

const struct cli_command cli_token = {
    .name = "token",
    .summary = "make tokens, links and QR codes that allow calls over HTTP",
    .synopsis = synopsis,
    .description = description,
    .options = token_options,
    .option_count = TOKEN_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_MIX,
    .verbs = (const char *const[]){"new-key", "bearer", "call", "check", NULL},
    .usage_status = CLI_USAGE,
    .run = cmd_token,
};
