#include "config.h"

#include "base/redact.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* --- Names ------------------------------------------------------------------ */

enum place { ANYWHERE, WHOLE, END };

/* Parts of names that speak of secrets.  "-", "_" and "." in a name do not count
 * where the part may be ANYWHERE; a WHOLE one stands between them. */
static const struct {
    const char *part;
    enum place place;
} secret_parts[] = {
    {"password", ANYWHERE},   {"passwd", ANYWHERE},
    {"passphrase", ANYWHERE}, {"passwort", ANYWHERE},
    {"secret", ANYWHERE},     {"token", ANYWHERE},
    {"apikey", ANYWHERE},     {"accesskey", ANYWHERE},
    {"privatekey", ANYWHERE}, {"accountkey", ANYWHERE},
    {"credential", ANYWHERE}, {"authorization", ANYWHERE},
    {"cookie", WHOLE},        {"pass", WHOLE},
    {"pwd", WHOLE},           {"auth", WHOLE},
    {"sig", WHOLE},           {"signature", WHOLE},
    {"bearer", WHOLE},        {"key", END},
};

/* Names that have such a part and speak of none, and ends that make a name one
 * of a file or a count.  Lower case, separators as "-". */
static const char *const innocent_names[] = {"pwd",        "oldpwd",     "env-pass", "key",
                                             "cookie-jar", "max-tokens", "tokenizer"};
static const char *const innocent_ends[] = {"file", "path", "dir", "ttl", "url", "type"};

static int is_name_byte(char byte)
{
    return isalnum((unsigned char)byte) || byte == '-' || byte == '_' || byte == '.';
}

static int is_separator(char byte)
{
    return byte == '-' || byte == '_' || byte == '.';
}

/* Whether name, from at on, has part; returns its length there, separators and
 * all, or 0. */
static size_t matches(const char *name, size_t length, size_t at, const char *part)
{
    size_t i = at;

    for (; *part != '\0'; part++) {
        while (i > at && i < length && is_separator(name[i]))
            i++;
        if (i >= length || tolower((unsigned char)name[i]) != *part)
            return 0;
        i++;
    }
    return i - at;
}

static int is_same(const char *name, size_t length, const char *other)
{
    if (strlen(other) != length)
        return 0;
    for (size_t i = 0; i < length; i++)
        if ((is_separator(name[i]) ? '-' : tolower((unsigned char)name[i])) != other[i])
            return 0;
    return 1;
}

static int is_innocent(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof innocent_names / sizeof innocent_names[0]; i++)
        if (is_same(name, length, innocent_names[i]))
            return 1;
    for (size_t i = 0; i < sizeof innocent_ends / sizeof innocent_ends[0]; i++) {
        size_t end = strlen(innocent_ends[i]);

        if (length > end && is_same(name + length - end, end, innocent_ends[i]))
            return 1;
    }
    return 0;
}

/* Whether a name speaks of a secret: "--client-secret", "PGPASSWORD". */
static int is_secret_name(const char *name, size_t length)
{
    while (length > 0 && is_separator(*name)) {
        name++;
        length--;
    }
    if (is_innocent(name, length))
        return 0;
    for (size_t i = 0; i < sizeof secret_parts / sizeof secret_parts[0]; i++)
        for (size_t at = 0; at < length; at++) {
            enum place place = secret_parts[i].place;
            size_t used = matches(name, length, at, secret_parts[i].part);
            int begins = at == 0 || is_separator(name[at - 1]);
            int ends = at + used == length || is_separator(name[at + used]);

            if (used == 0 || (place == WHOLE && !(begins && ends)))
                continue;
            /* "key" alone is a file or a column; "encryption-key" is none. */
            if (place == END && (!begins || at == 0 || at + used != length))
                continue;
            return 1;
        }
    return 0;
}

/* --- A scan over one word --------------------------------------------------- */

struct scan {
    const char *word;
    size_t length;
    size_t at;     /* where we are */
    size_t copied; /* what is before stands in out */
    int is_line;   /* the word has blanks in it: it may be a command line */
    size_t quoted; /* up to there, quote is the one that is open; '\0': none */
    char quote;
    struct weir__buffer *out;
    struct weir_error *error;
    int status;
};

static void put(struct scan *scan, const char *bytes, size_t length)
{
    if (scan->status == 0)
        scan->status = weir__buffer_add(scan->out, bytes, length, scan->error);
}

/* Leaves out what is from begin to end, and goes on behind it. */
static void hide(struct scan *scan, size_t begin, size_t end)
{
    if (end > begin) {
        put(scan, scan->word + scan->copied, begin - scan->copied);
        put(scan, WEIR__REDACTED, strlen(WEIR__REDACTED));
        scan->copied = end;
    }
    scan->at = end;
}

static char byte_at(const struct scan *scan, size_t at)
{
    return at < scan->length ? scan->word[at] : '\0';
}

static size_t span(const struct scan *scan, size_t from, const char *not_these)
{
    size_t at = from;

    while (at < scan->length && strchr(not_these, scan->word[at]) == NULL)
        at++;
    return at;
}

static size_t skip_blanks(const struct scan *scan, size_t at)
{
    while (byte_at(scan, at) == ' ' || byte_at(scan, at) == '\t')
        at++;
    return at;
}

/* The quote that is open at until; '\0': none.  until never goes back. */
static char open_quote(struct scan *scan, size_t until)
{
    for (; scan->quoted < until; scan->quoted++) {
        char byte = scan->word[scan->quoted];

        if (scan->quote == '\0' && (byte == '"' || byte == '\''))
            scan->quote = byte;
        else if (byte == scan->quote)
            scan->quote = '\0';
    }
    return scan->quote;
}

/* Where a value that begins at from ends.  One that is the rest of an argument
 * of its own ends with it, blanks and all. */
static size_t value_end(const struct scan *scan, size_t from, int alone)
{
    char quote[2] = {byte_at(scan, from), '\0'};
    size_t end;

    if (alone)
        return scan->length;
    if (quote[0] == '"' || quote[0] == '\'') {
        end = span(scan, from + 1, quote);
        return end < scan->length ? end + 1 : end;
    }
    return span(scan, from, " \t\n\"'&;|)");
}

/* A header's value goes on to the end of its line, or of the quotes around it. */
static size_t header_end(struct scan *scan, size_t from)
{
    char quote = open_quote(scan, from);
    char ends[] = {'\n', '\r', quote, '\0'};

    return span(scan, from, ends);
}

static int is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n';
}

/* name=value, --name=value, --name value and Name: value. */
static int hide_named(struct scan *scan, size_t begin, size_t end)
{
    char after = byte_at(scan, end);
    size_t value = end + 1;

    if (!is_secret_name(scan->word + begin, end - begin))
        return 0;
    if (after == '=') {
        /* An option's or a variable's own word: all of it. */
        hide(scan, value, value_end(scan, value, begin == 0));
    } else if (after == ':' && byte_at(scan, value) != '/') {
        hide(scan, skip_blanks(scan, value), header_end(scan, value));
    } else if ((after == '"' || after == '\'') && byte_at(scan, value) == ':') {
        value = skip_blanks(scan, value + 1); /* "name": in a JSON text */
        hide(scan, value, value_end(scan, value, 0));
    } else if (is_blank(after) && scan->word[begin] == '-' && scan->is_line) {
        value = skip_blanks(scan, value);
        hide(scan, value, value_end(scan, value, 0));
    } else {
        return 0;
    }
    return 1;
}

/* Bearer x, Basic x. */
static int hide_scheme(struct scan *scan, size_t begin, size_t end)
{
    static const char *const schemes[] = {"bearer", "basic", "digest", "negotiate"};

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0] && byte_at(scan, end) == ' '; i++)
        if (is_same(scan->word + begin, end - begin, schemes[i])) {
            size_t value = skip_blanks(scan, end), last = span(scan, value, " \t\n\"'&;|)");

            /* Words of prose are short. */
            if (last - value < 8)
                return 0;
            hide(scan, value, last);
            return 1;
        }
    return 0;
}

/* Tokens that are known by their prefix. */
static const struct {
    const char *prefix;
    size_t least; /* bytes, the prefix too */
} tokens[] = {
    {"ghp_", 20},     {"gho_", 20},        {"ghu_", 20},  {"ghs_", 20},  {"ghr_", 20},
    {"glpat-", 20},   {"github_pat_", 30}, {"xoxb-", 20}, {"xoxp-", 20}, {"xoxa-", 20},
    {"AKIA", 20},     {"ASIA", 20},        {"AIza", 35},  {"sk-", 24},   {"sk_live_", 20},
    {"rk_live_", 20}, {"npm_", 30},        {"pypi-", 40}, {"hvs.", 20},  {"dop_v1_", 30},
};

static int is_jwt(const char *text, size_t length)
{
    size_t dots = 0;

    for (size_t i = 0; i < length; i++)
        dots += text[i] == '.';
    return length > 30 && dots == 2 && strncmp(text, "eyJ", 3) == 0;
}

static int hide_token(struct scan *scan, size_t begin, size_t end)
{
    const char *text = scan->word + begin;
    size_t length = end - begin;
    int is_token = is_jwt(text, length);

    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0] && !is_token; i++)
        is_token = length >= tokens[i].least
                   && strncmp(text, tokens[i].prefix, strlen(tokens[i].prefix)) == 0;
    if (is_token)
        hide(scan, begin, end);
    return is_token;
}

/* ://who@ of a URL; the scan stands on the colon. */
static int hide_userinfo(struct scan *scan)
{
    size_t begin = scan->at + 3, end, last = begin;

    if (strncmp(scan->word + scan->at, "://", 3) != 0)
        return 0;
    end = span(scan, begin, "/?# \t\n\"'");
    for (size_t i = begin; i < end; i++)
        if (scan->word[i] == '@')
            last = i;
    if (last == begin) {
        scan->at = begin;
        return 1;
    }
    hide(scan, begin, last);
    return 1;
}

static int hide_pem(struct scan *scan)
{
    static const char begin[] = "-----BEGIN ", key[] = "PRIVATE KEY-----", end[] = "-----END ";
    const char *text = scan->word + scan->at, *last, *last_end;

    if (strncmp(text, begin, sizeof begin - 1) != 0 || strstr(text, key) == NULL)
        return 0;
    last = strstr(text, end);
    last_end = last != NULL ? strstr(last, key) : NULL;
    hide(scan, scan->at,
         last_end != NULL ? (size_t)(last_end - scan->word) + sizeof key - 1 : scan->length);
    return 1;
}

/* Whether an option takes who:password.  docker's -u takes who:group, which are
 * mostly numbers. */
static int takes_user(const char *name, size_t length)
{
    static const char *const names[] = {"-u", "--user", "--proxy-user", "-U"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == length && strncmp(name, names[i], length) == 0)
            return 1;
    return 0;
}

/* who:password from begin on. */
static int hide_password_of_user(struct scan *scan, size_t begin, int alone)
{
    size_t end, colon;

    if (byte_at(scan, begin) == '"' || byte_at(scan, begin) == '\'')
        begin++;
    end = value_end(scan, begin, alone);
    colon = span(scan, begin, ":");
    if (colon >= end)
        return 0;
    if (strspn(scan->word + begin, "0123456789:") >= end - begin)
        return 0;
    hide(scan, colon + 1, end);
    return 1;
}

static void look_at_name(struct scan *scan)
{
    size_t begin = scan->at, end = begin;

    while (end < scan->length && is_name_byte(scan->word[end]))
        end++;
    if (hide_named(scan, begin, end) || hide_scheme(scan, begin, end)
        || hide_token(scan, begin, end))
        return;
    scan->at = end;
    if (!takes_user(scan->word + begin, end - begin))
        return;
    if (byte_at(scan, end) == '=')
        hide_password_of_user(scan, end + 1, begin == 0);
    else if (is_blank(byte_at(scan, end)))
        hide_password_of_user(scan, skip_blanks(scan, end), 0);
}

/* Whether the argument before says that this one is a secret. */
static int is_announced(const char *before)
{
    size_t length = before != NULL ? strlen(before) : 0;

    return length > 1 && before[0] == '-' && strcspn(before, "= \t\n:") == length
           && is_secret_name(before, length);
}

int weir__redact_add(struct weir__buffer *out, const char *word, const char *before,
                     struct weir_error *error)
{
    struct scan scan = {.word = word, .length = strlen(word), .out = out, .error = error};

    scan.is_line = strpbrk(word, " \t\n") != NULL;
    if (is_announced(before)) {
        hide(&scan, 0, scan.length);
        return scan.status;
    }
    if (before != NULL && takes_user(before, strlen(before)))
        hide_password_of_user(&scan, 0, 1);
    while (scan.at < scan.length && scan.status == 0) {
        if (scan.word[scan.at] == ':' && hide_userinfo(&scan))
            continue;
        if (scan.word[scan.at] == '-' && hide_pem(&scan))
            continue;
        if (is_name_byte(scan.word[scan.at]))
            look_at_name(&scan);
        else
            scan.at++;
    }
    put(&scan, word + scan.copied, scan.length - scan.copied);
    return scan.status;
}
