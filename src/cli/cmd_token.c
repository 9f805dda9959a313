/* weir token - keys, bearer tokens and one-time tokens of the web door: its command line. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file_set.h"
#include "cli/output.h"
#include "cli/token_cmd.h"
#include "cli/token_file.h"
#include "cli/token_verbs.h"

struct verb {
    const char *name;
    int (*run)(struct token_cmd *cmd);
    unsigned options; /* bits 1 << enum token_option */
    size_t words;     /* at least */
    const char *missing;
    int makes_file; /* the file of keys need not exist */
};

#define BIT(option) (1U << (option))

static const struct verb verbs[] = {
    {"new-key", token_new_key, BIT(TOKEN_KID) | BIT(TOKEN_METHODS), 0, NULL, 1},
    {"bearer", token_bearer, BIT(TOKEN_METHODS) | BIT(TOKEN_RATE) | BIT(TOKEN_OPERATOR), 1,
     "no NAME given: who is the token for", 1},
    {"call", token_call,
     BIT(TOKEN_KID) | BIT(TOKEN_EXPIRES) | BIT(TOKEN_SUBJECT) | BIT(TOKEN_URL) | BIT(TOKEN_QR)
         | BIT(TOKEN_SVG) | BIT(TOKEN_PNG),
     1, "no METHOD given", 0},
    {"check", token_check, 0, 1, "no token given", 0},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

/* Returns 0, or the exit status. */
static int check_options(const struct token_cmd *cmd, const struct verb *verb)
{
    for (int i = 0; i < TOKEN_OPTION_COUNT; i++)
        if (cli_given(&cmd->parsed, (size_t)i) && i != TOKEN_KEYS && (verb->options & BIT(i)) == 0)
            return cli_bad_usage(&cli_token, "--%s cannot be used with %s", token_options[i].name,
                                 verb->name);
    if (cmd->values.keys == NULL)
        return cli_bad_usage(&cli_token, "no file of keys given: use --keys FILE");
    if (cmd->word_count < verb->words)
        return cli_bad_usage(&cli_token, "%s", verb->missing);
    if (verb->run != token_call && verb->run != token_check && cmd->word_count > verb->words)
        return cli_bad_usage(&cli_token, "unexpected argument %.80s", cmd->words[verb->words]);
    return 0;
}

/* Returns 0, or the exit status. */
static int check_files(const struct token_cmd *cmd, const struct verb *verb)
{
    struct weir__file_set files = {0};
    struct weir_error error;

    weir__file_set_fd(&files, WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD, NULL, STDERR_FILENO);
    weir__file_set_fd(&files, WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD, NULL, STDOUT_FILENO);
    weir__file_set_path(&files, verb->makes_file ? WEIR__FILE_WRITTEN : WEIR__FILE_READ, "--keys",
                        cmd->values.keys);
    weir__file_set_path(&files, WEIR__FILE_WRITTEN, "--svg", cmd->values.svg);
    weir__file_set_path(&files, WEIR__FILE_WRITTEN, "--png", cmd->values.png);
    return weir__file_set_end(&files, &error) < 0 ? token_report(&error) : 0;
}

static int execute(struct token_cmd *cmd)
{
    const struct cli_list *words = &cmd->parsed.words;
    const struct verb *verb = words->count > 0 ? find_verb(words->items[0]) : NULL;
    struct weir_error error;
    int status;

    if (verb == NULL)
        return cli_bad_usage(&cli_token,
                             words->count == 0
                                 ? "no verb given%.0s: use new-key, bearer, call or check"
                                 : "unknown verb %.40s: use new-key, bearer, call or check",
                             words->count > 0 ? words->items[0] : "");
    cmd->words = words->items + 1;
    cmd->word_count = words->count - 1;
    status = check_options(cmd, verb);
    if (status == 0)
        status = cli_check_stdout(&cli_token, CLI_FAILED);
    if (status == 0)
        status = check_files(cmd, verb);
    if (status != 0)
        return status;
    status = verb->makes_file ? token_file_read(cmd->values.keys, &cmd->tokens, &error)
                              : weir__tokens_read(&cmd->tokens, cmd->values.keys, &error);
    if (status < 0) {
        cli_say(&cli_token, "%s", error.text);
        return error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE;
    }
    return verb->run(cmd);
}

int cmd_token(int argc, char **argv)
{
    struct token_cmd cmd = {.values = {.expires_ms = (int64_t)15 * 60 * 1000}};
    int status = cli_parse(&cli_token, argc, argv, &cmd.values, &cmd.parsed);

    if (status == CLI_GO_ON) {
        status = execute(&cmd);
        weir__tokens_clear(&cmd.tokens);
        cli_parsed_clear(&cmd.parsed);
    }
    free(cmd.values.methods.items);
    return status;
}
