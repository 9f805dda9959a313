/* weir token check - whether a token is valid now, and for which call. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/portable.h"
#include "cli/output.h"
#include "cli/token_cmd.h"
#include "cli/token_verbs.h"
#include "http/target.h"

enum { AHEAD_S = 5 }; /* the clock of a server may be late */

/* A token, and the call that it is for, if that is known. */
struct given {
    struct weir__http_text token;
    struct weir__buffer name, body;
    int has_call;
};

/* Takes the parts of a link.  Returns 0, or -1: it is none. */
static int read_link(const char *link, struct given *given)
{
    const char *part = strchr(link, '#');
    int is_good = 1;

    while (part != NULL && is_good) {
        const char *text = part + 3, *end;

        if (strncmp(part + 1, "m=", 2) != 0 && strncmp(part + 1, "p=", 2) != 0
            && strncmp(part + 1, "t=", 2) != 0)
            return -1;
        end = strchr(text, '&');
        struct weir__http_text value = {text, end != NULL ? (size_t)(end - text) : strlen(text)};

        if (part[1] == 't')
            given->token = value;
        else if (part[1] == 'm')
            is_good = weir__http_target_decode(value, &given->name) == 0;
        else
            is_good = weir__base64url_decode(value.bytes, value.length, &given->body) == 0;
        part = end;
    }
    given->has_call = given->name.length > 0;
    return is_good && given->has_call && given->token.length > 0 ? 0 : -1;
}

/* Reads the words of check.  Returns 0, or the exit status. */
static int read_given(const struct token_cmd *cmd, struct given *given)
{
    char *const *words = (char *const *)cmd->words;

    if (strchr(words[0], '#') == NULL)
        given->token = (struct weir__http_text){words[0], strlen(words[0])};
    else if (read_link(words[0], given) < 0)
        return token_refuse("the link is not one of weir token call --url");
    if (cmd->word_count < 2)
        return 0;
    given->name.length = given->body.length = 0;
    given->has_call = 1;
    if (weir__buffer_add(&given->name, words[1], strlen(words[1]), NULL) < 0)
        return token_no_memory();
    return token_body(words + 1, cmd->word_count - 1, &given->body);
}

/* In the order of the server.  Returns NULL: it is valid; or the type of the refusal. */
static const char *judge(const struct token_cmd *cmd, struct given *given,
                         struct weir__token *token)
{
    const struct weir__token_key *key;
    int64_t now_s = weir__clock_wall_ns() / 1000000000;
    const char *name = weir__buffer_text(&given->name);
    char hash[WEIR__DIGEST_SIZE];

    if (weir__token_read(given->token, token) < 0)
        return "token-malformed";
    key = weir__tokens_key(&cmd->tokens, token->kid);
    if (key == NULL || !weir__token_is_signed(given->token, key->secret.bytes, key->secret.length))
        return "token-signature";
    if (token->iat > now_s + AHEAD_S || token->exp <= now_s)
        return "token-expired";
    if (given->has_call
        && (name == NULL || weir__token_hash(name, given->body.bytes, given->body.length, hash) < 0
            || strcmp(hash, token->hash) != 0 || !weir__tokens_allow(key->methods, name)))
        return "token-other-call";
    return NULL;
}

static void print_time(const char *what, int64_t seconds)
{
    char text[WEIR__TIME_SIZE];

    weir__clock_format(seconds * 1000000000, text);
    cli_put(stdout, "%s: %.19sZ\n", what, text);
}

int token_check(struct token_cmd *cmd)
{
    struct given given = {.has_call = 0};
    struct weir__token token = {.iat = 0};
    const char *refusal;
    int status = read_given(cmd, &given);

    if (status == 0) {
        refusal = judge(cmd, &given, &token);
        puts(refusal != NULL ? refusal : "valid");
        if (token.exp > 0) { /* it could be read */
            cli_put(stdout, "key: %s\n", token.kid);
            print_time("issued", token.iat);
            print_time("expires", token.exp);
            if (*token.sub != '\0')
                cli_put(stdout, "subject: %s\n", token.sub);
        }
        if (given.has_call)
            cli_put(stdout, "call: %s %.*s\n", weir__buffer_text(&given.name),
                    (int)given.body.length, given.body.length > 0 ? given.body.bytes : "");
        status = refusal != NULL;
    }
    weir__buffer_clear(&given.name);
    weir__buffer_clear(&given.body);
    return status;
}
