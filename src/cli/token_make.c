/* weir token new-key, weir token bearer - what the file of keys gets. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/json_tree.h"
#include "base/portable.h"
#include "base/utf8.h"
#include "cli/output.h"
#include "cli/token_cmd.h"
#include "cli/token_file.h"
#include "cli/token_verbs.h"

enum { SECRET = 32 }; /* random bytes of a key or bearer token */

static json_t *make_entry(const struct token_cmd *cmd, const char *name, const char *text,
                          const char *secret, const char *value)
{
    json_t *entry = json_pack("{s:s,s:s}", name, text, secret, value), *methods;

    if (cmd->values.methods.count == 0)
        return entry;
    methods = json_array();
    for (size_t i = 0; i < cmd->values.methods.count; i++)
        weir__tree_append(&methods, json_string(cmd->values.methods.items[i]));
    weir__tree_set(&entry, "methods", methods);
    return entry;
}

/* Returns 0, or refuses a name that the file cannot have. */
static int check_name(const char *what, const char *name)
{
    if (*name != '\0' && strlen(name) < WEIR__TOKEN_KID && weir__utf8_valid(name, strlen(name)))
        return 0;
    cli_say(&cli_token, "the name of a %s has 1 to %d bytes of UTF-8", what, WEIR__TOKEN_KID - 1);
    return CLI_USAGE;
}

int token_new_key(struct token_cmd *cmd)
{
    char secret[TOKEN_RANDOM_MAX], random[TOKEN_RANDOM_MAX], hex[WEIR__DIGEST_SIZE];
    const char *kid = cmd->values.kid;
    struct weir_error error;
    int status;

    if (token_random(SECRET, secret, &error) < 0 || token_random(16, random, &error) < 0)
        return token_report(&error);
    if (kid == NULL) { /* no dash at its begin: it is the value of an option */
        weir__sha256(random, strlen(random), hex);
        hex[8] = '\0';
        kid = hex;
    }
    status = check_name("key", kid);
    if (status == 0 && weir__tokens_key(&cmd->tokens, kid) != NULL) {
        cli_say(&cli_token, "%s has a key %s already", cmd->values.keys, kid);
        status = CLI_USAGE;
    }
    if (status == 0
        && token_file_add(cmd->values.keys, "keys", make_entry(cmd, "kid", kid, "hs256", secret),
                          &error)
               < 0)
        status = token_report(&error);
    weir__wipe(secret, sizeof secret);
    if (status == 0)
        cli_put(stdout, "%s\n", kid);
    return status;
}

int token_bearer(struct token_cmd *cmd)
{
    const char *name = cmd->words[0];
    char token[TOKEN_RANDOM_MAX], hex[WEIR__DIGEST_SIZE];
    struct weir_error error;
    int status = check_name("token", name);
    json_t *entry;

    for (size_t i = 0; i < cmd->tokens.bearer_count && status == 0; i++)
        if (strcmp(cmd->tokens.bearers[i].name, name) == 0) {
            cli_say(&cli_token, "%s has a token %s already: remove it first", cmd->values.keys,
                    name);
            status = CLI_USAGE;
        }
    if (status == 0 && token_random(SECRET, token, &error) < 0)
        status = token_report(&error);
    if (status != 0)
        return status;
    weir__sha256(token, strlen(token), hex);
    entry = make_entry(cmd, "name", name, "sha256", hex);
    if (cmd->values.rate > 0)
        weir__tree_set(&entry, "rate", json_integer((json_int_t)cmd->values.rate));
    if (cmd->values.is_operator)
        weir__tree_set(&entry, "operator", json_true());
    if (token_file_add(cmd->values.keys, "tokens", entry, &error) < 0)
        status = token_report(&error);
    else
        cli_put(stdout, "%s\n", token);
    weir__wipe(token, sizeof token);
    return status;
}
