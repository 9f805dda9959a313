/* weir token - keys, bearer tokens and one-time tokens of the web door. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_set.h"
#include "base/json_tree.h"
#include "base/portable.h"
#include "base/utf8.h"
#include "cli/arguments.h"
#include "cli/opts_token.h"
#include "cli/output.h"
#include "cli/qr_code.h"
#include "cli/token_file.h"
#include "http/target.h"

enum {
    LINK_MAX = 1200, /* bytes of a link in a QR code */
    SECRET = 32,     /* random bytes of a key or bearer token */
    AHEAD_S = 5,     /* the clock of a server may be late */
};

struct token_cmd {
    struct token_values values;
    struct cli_parsed parsed;
    struct weir__tokens tokens;
    const char *const *words; /* behind the verb */
    size_t word_count;
};

struct verb {
    const char *name;
    int (*run)(struct token_cmd *cmd);
    unsigned options; /* bits 1 << enum token_option */
    size_t words;     /* at least */
    const char *missing;
    int makes_file; /* the file of keys need not exist */
};

static int report_error(const struct weir_error *error)
{
    cli_say(&cli_token, "%s", error->text);
    return error->status == WEIR_ERR_INVALID || error->status == WEIR_ERR_TOO_LONG ? CLI_USAGE
                                                                                   : CLI_FAILED;
}

static int report_no_memory(void)
{
    cli_say(&cli_token, "no memory");
    return CLI_FAILED;
}

static int refuse(const char *text)
{
    cli_say(&cli_token, "%s", text);
    return CLI_USAGE;
}

/* --- new-key, bearer ----------------------------------------------------------------- */

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

static int run_new_key(struct token_cmd *cmd)
{
    char secret[TOKEN_RANDOM_MAX], random[TOKEN_RANDOM_MAX], hex[WEIR__DIGEST_SIZE];
    const char *kid = cmd->values.kid;
    struct weir_error error;
    int status;

    if (token_random(SECRET, secret, &error) < 0 || token_random(16, random, &error) < 0)
        return report_error(&error);
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
        status = report_error(&error);
    weir__wipe(secret, sizeof secret);
    if (status == 0)
        cli_put(stdout, "%s\n", kid);
    return status;
}

static int run_bearer(struct token_cmd *cmd)
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
        status = report_error(&error);
    if (status != 0)
        return status;
    weir__sha256(token, strlen(token), hex);
    entry = make_entry(cmd, "name", name, "sha256", hex);
    if (cmd->values.rate > 0)
        weir__tree_set(&entry, "rate", json_integer((json_int_t)cmd->values.rate));
    if (cmd->values.is_operator)
        weir__tree_set(&entry, "operator", json_true());
    if (token_file_add(cmd->values.keys, "tokens", entry, &error) < 0)
        status = report_error(&error);
    else
        cli_put(stdout, "%s\n", token);
    weir__wipe(token, sizeof token);
    return status;
}

/* --- call ------------------------------------------------------------------------------ */

/* The body that calls the words' first with the others.  Returns 0, or the exit status. */
static int make_body(char *const *words, size_t count, struct weir__buffer *body)
{
    struct weir_error error;

    if (*words[0] == '\0' || !weir__utf8_valid(words[0], strlen(words[0])))
        return refuse("the name of a function is not empty, and is UTF-8");
    if (count < 2) /* none: no body */
        return 0;
    return arguments_params(words + 1, count - 1, body, &error) < 0 ? report_error(&error) : 0;
}

/* Returns NULL after a message. */
static const struct weir__token_key *choose_key(const struct token_cmd *cmd, const char *name)
{
    const char *path = cmd->values.keys, *kid = cmd->values.kid;
    const struct weir__token_key *key = NULL;

    if (kid != NULL)
        key = weir__tokens_key(&cmd->tokens, kid);
    else if (cmd->tokens.key_count > 0)
        key = &cmd->tokens.keys[0];
    if (key == NULL && kid != NULL)
        cli_say(&cli_token, "%s has no key %s", path, kid);
    else if (key == NULL)
        cli_say(&cli_token, "%s has no key: make one with weir token new-key --keys %s", path,
                path);
    else if (!weir__tokens_allow(key->methods, name)) {
        cli_say(&cli_token, "%s: the key %s may not sign calls of %s: its methods do not match",
                path, key->kid, name);
        return NULL;
    }
    return key;
}

/* Appends the token.  Returns 0, or the exit status. */
static int sign_call(struct token_cmd *cmd, const char *name, const struct weir__buffer *body,
                     struct weir__buffer *to)
{
    const struct weir__token_key *key = choose_key(cmd, name);
    const char *subject = cmd->values.subject;
    struct weir__token token = {.iat = weir__clock_wall_ns() / 1000000000};
    char jti[TOKEN_RANDOM_MAX];
    struct weir_error error;

    if (key == NULL)
        return CLI_USAGE;
    if (subject != NULL && (*subject == '\0' || strlen(subject) >= sizeof token.sub))
        return refuse("--subject: expected 1 to 128 bytes");
    token.exp = token.iat + (cmd->values.expires_ms + 999) / 1000;
    if (token.exp - token.iat > WEIR__TOKEN_LONGEST_S)
        return refuse("--expires: a token is valid for at most 24h");
    if (token_random(16, jti, &error) < 0)
        return report_error(&error);
    memcpy(token.kid, key->kid, sizeof token.kid);
    memcpy(token.jti, jti, strlen(jti) + 1);
    if (subject != NULL)
        memcpy(token.sub, subject, strlen(subject) + 1);
    if (weir__token_hash(name, body->bytes, body->length, token.hash) < 0)
        return report_no_memory();
    switch (weir__token_write(&token, key->secret.bytes, key->secret.length, to)) {
    case 0:
        return 0;
    case WEIR_ERR_INVALID:
        return refuse("--subject: expected UTF-8");
    default:
        return report_no_memory();
    }
}

/* Refuses a URL that cannot be the beginning of a link.  Returns 0, or the exit status. */
static int check_url(const char *url)
{
    size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;

    if (scheme > 0 && url[scheme] != '\0' && url[scheme] != '/')
        for (url += scheme; *url > ' ' && *url < 0x7f && strchr("#?\"<>\\^`{|}", *url) == NULL;)
            url++;
    return scheme > 0 && *url == '\0' ? 0
                                      : refuse("--url: expected http://HOST[:PORT] or https://...");
}

/* Appends the link to the page that makes the call.  Errors: NOMEM. */
static int make_link(const char *url, const char *name, const struct weir__buffer *body,
                     const struct weir__buffer *token, struct weir__buffer *to)
{
    size_t length = strlen(url);
    int status;

    while (length > 0 && url[length - 1] == '/')
        length--;
    status = weir__buffer_add(to, url, length, NULL);
    if (status >= 0)
        status = weir__buffer_add(to, "/run#m=", 7, NULL);
    if (status >= 0)
        status = weir__http_target_encode(name, strlen(name), to);
    if (status >= 0 && body->length > 0)
        status = weir__buffer_add(to, "&p=", 3, NULL);
    if (status >= 0 && body->length > 0)
        status = weir__base64url_encode(body->bytes, body->length, to);
    if (status >= 0)
        status = weir__buffer_add(to, "&t=", 3, NULL);
    return status < 0 ? status : weir__buffer_add(to, token->bytes, token->length, NULL);
}

/* Returns 0, or the exit status. */
static int write_file(const char *path, const struct weir__buffer *text)
{
    struct weir__atomic_file file;
    struct weir_error error;
    int failed;

    if (output_open_file(&file, path, &error) < 0)
        return report_error(&error);
    failed = output_write(file.fd, text->bytes, text->length);
    if (failed != 0) {
        weir__atomic_file_discard(&file);
        cli_say(&cli_token, "cannot write %s: %s", path, output_error(failed));
        return output_status(failed, CLI_FAILED);
    }
    return weir__atomic_file_commit(&file, &error) < 0 ? report_error(&error) : 0;
}

/* Prints the code on stdout.  Returns 0, or the exit status. */
static int print_code(const struct qr_code *code)
{
    const char *no_color = getenv("NO_COLOR");
    int is_tty = isatty(STDOUT_FILENO), side = qr_code_side(code);
    struct weir__buffer text = {0};
    struct winsize size;

    if (is_tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0
        && size.ws_col < side) {
        cli_say(&cli_token,
                "the QR code is %d columns wide, the terminal %d: make it wider, or use --svg or "
                "--png",
                side, size.ws_col);
        return CLI_USAGE;
    }
    if (qr_code_text(code, is_tty && (no_color == NULL || *no_color == '\0'), &text) < 0) {
        weir__buffer_clear(&text);
        return report_no_memory();
    }
    fwrite(text.bytes, 1, text.length, stdout);
    weir__buffer_clear(&text);
    return 0;
}

static int draw_file(const struct qr_code *code, const char *path,
                     int (*draw)(const struct qr_code *, struct weir__buffer *))
{
    struct weir__buffer text = {0};
    int status = 0;

    if (path != NULL)
        status = draw(code, &text) < 0 ? report_no_memory() : write_file(path, &text);
    weir__buffer_clear(&text);
    return status;
}

static int draw_link(const struct token_values *values, struct weir__buffer *link)
{
    struct qr_code code;
    struct weir_error error;
    const char *text = weir__buffer_text(link);
    int status;

    if (text == NULL)
        return report_no_memory();
    if (link->length > LINK_MAX) {
        cli_say(&cli_token,
                "the link has %zu bytes, a QR code takes at most %d: use shorter arguments, for "
                "example the name of a file or record",
                link->length, LINK_MAX);
        return CLI_USAGE;
    }
    if (qr_code_make(&code, text, &error) < 0)
        return report_error(&error);
    status = draw_file(&code, values->svg, qr_code_svg);
    if (status == 0)
        status = draw_file(&code, values->png, qr_code_png);
    if (status == 0 && values->qr)
        status = print_code(&code);
    qr_code_clear(&code);
    return status;
}

static int run_call(struct token_cmd *cmd)
{
    const struct token_values *values = &cmd->values;
    struct weir__buffer body = {0}, token = {0}, link = {0};
    int has_code = values->qr || values->svg != NULL || values->png != NULL, status = 0;

    if (values->url != NULL)
        status = check_url(values->url);
    else if (has_code)
        status = refuse("--qr, --svg and --png draw a link: give --url too");
    if (status == 0)
        status = make_body((char *const *)cmd->words, cmd->word_count, &body);
    if (status == 0)
        status = sign_call(cmd, cmd->words[0], &body, &token);
    if (status == 0 && values->url != NULL
        && make_link(values->url, cmd->words[0], &body, &token, &link) < 0)
        status = report_no_memory();
    if (status == 0 && has_code)
        status = draw_link(values, &link);
    if (status == 0) {
        const struct weir__buffer *text = values->url != NULL ? &link : &token;

        fwrite(text->bytes, 1, text->length, stdout);
        putchar('\n');
    }
    weir__buffer_clear(&body);
    weir__buffer_clear(&token);
    weir__buffer_clear(&link);
    return status;
}

/* --- check ------------------------------------------------------------------------------- */

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
        return refuse("the link is not one of weir token call --url");
    if (cmd->word_count < 2)
        return 0;
    given->name.length = given->body.length = 0;
    given->has_call = 1;
    if (weir__buffer_add(&given->name, words[1], strlen(words[1]), NULL) < 0)
        return report_no_memory();
    return make_body(words + 1, cmd->word_count - 1, &given->body);
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

static int run_check(struct token_cmd *cmd)
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

/* --- The command line ---------------------------------------------------------------------- */

#define BIT(option) (1U << (option))

static const struct verb verbs[] = {
    {"new-key", run_new_key, BIT(TOKEN_KID) | BIT(TOKEN_METHODS), 0, NULL, 1},
    {"bearer", run_bearer, BIT(TOKEN_METHODS) | BIT(TOKEN_RATE) | BIT(TOKEN_OPERATOR), 1,
     "no NAME given: who is the token for", 1},
    {"call", run_call,
     BIT(TOKEN_KID) | BIT(TOKEN_EXPIRES) | BIT(TOKEN_SUBJECT) | BIT(TOKEN_URL) | BIT(TOKEN_QR)
         | BIT(TOKEN_SVG) | BIT(TOKEN_PNG),
     1, "no METHOD given", 0},
    {"check", run_check, 0, 1, "no token given", 0},
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
    if (verb->run != run_call && verb->run != run_check && cmd->word_count > verb->words)
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
    return weir__file_set_end(&files, &error) < 0 ? report_error(&error) : 0;
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
