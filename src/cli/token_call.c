/* weir token call - a one-time token, as text, a link or a QR code. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/portable.h"
#include "base/utf8.h"
#include "cli/arguments.h"
#include "cli/output.h"
#include "cli/qr_code.h"
#include "cli/token_cmd.h"
#include "cli/token_file.h"
#include "cli/token_verbs.h"
#include "http/target.h"

enum { LINK_MAX = 1200 }; /* bytes of a link in a QR code */

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
        return token_refuse("--subject: expected 1 to 128 bytes");
    token.exp = token.iat + (cmd->values.expires_ms + 999) / 1000;
    if (token.exp - token.iat > WEIR__TOKEN_LONGEST_S)
        return token_refuse("--expires: a token is valid for at most 24h");
    if (token_random(16, jti, &error) < 0)
        return token_report(&error);
    memcpy(token.kid, key->kid, sizeof token.kid);
    memcpy(token.jti, jti, strlen(jti) + 1);
    if (subject != NULL)
        memcpy(token.sub, subject, strlen(subject) + 1);
    if (weir__token_hash(name, body->bytes, body->length, token.hash) < 0)
        return token_no_memory();
    switch (weir__token_write(&token, key->secret.bytes, key->secret.length, to)) {
    case 0:
        return 0;
    case WEIR_ERR_INVALID:
        return token_refuse("--subject: expected UTF-8");
    default:
        return token_no_memory();
    }
}

/* Refuses a URL that cannot be the beginning of a link.  Returns 0, or the exit status. */
static int check_url(const char *url)
{
    size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;

    if (scheme > 0 && url[scheme] != '\0' && url[scheme] != '/')
        for (url += scheme; *url > ' ' && *url < 0x7f && strchr("#?\"<>\\^`{|}", *url) == NULL;)
            url++;
    return scheme > 0 && *url == '\0'
               ? 0
               : token_refuse("--url: expected http://HOST[:PORT] or https://...");
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
        return token_report(&error);
    failed = output_write(file.fd, text->bytes, text->length);
    if (failed != 0) {
        weir__atomic_file_discard(&file);
        cli_say(&cli_token, "cannot write %s: %s", path, output_error(failed));
        return output_status(failed, CLI_FAILED);
    }
    return weir__atomic_file_commit(&file, &error) < 0 ? token_report(&error) : 0;
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
        return token_no_memory();
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
        status = draw(code, &text) < 0 ? token_no_memory() : write_file(path, &text);
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
        return token_no_memory();
    if (link->length > LINK_MAX) {
        cli_say(&cli_token,
                "the link has %zu bytes, a QR code takes at most %d: use shorter arguments, for "
                "example the name of a file or record",
                link->length, LINK_MAX);
        return CLI_USAGE;
    }
    if (qr_code_make(&code, text, &error) < 0)
        return token_report(&error);
    status = draw_file(&code, values->svg, qr_code_svg);
    if (status == 0)
        status = draw_file(&code, values->png, qr_code_png);
    if (status == 0 && values->qr)
        status = print_code(&code);
    qr_code_clear(&code);
    return status;
}

int token_call(struct token_cmd *cmd)
{
    const struct token_values *values = &cmd->values;
    struct weir__buffer body = {0}, token = {0}, link = {0};
    int has_code = values->qr || values->svg != NULL || values->png != NULL, status = 0;

    if (values->url != NULL)
        status = check_url(values->url);
    else if (has_code)
        status = token_refuse("--qr, --svg and --png draw a link: give --url too");
    if (status == 0)
        status = token_body((char *const *)cmd->words, cmd->word_count, &body);
    if (status == 0)
        status = sign_call(cmd, cmd->words[0], &body, &token);
    if (status == 0 && values->url != NULL
        && make_link(values->url, cmd->words[0], &body, &token, &link) < 0)
        status = token_no_memory();
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
