#include "config.h"

#include "text/pointer.h"

#include <string.h>

#include "base/utf8.h"

/* --- Walking over JSON ------------------------------------------------------ */

struct walk {
    const char *at, *end;
};

static void skip_space(struct walk *walk)
{
    while (walk->at < walk->end
           && (*walk->at == ' ' || *walk->at == '\t' || *walk->at == '\n' || *walk->at == '\r'))
        walk->at++;
}

static bool take(struct walk *walk, char byte)
{
    skip_space(walk);
    if (walk->at == walk->end || *walk->at != byte)
        return false;
    walk->at++;
    return true;
}

/* At a quote: goes behind the closing one. */
static bool skip_string(struct walk *walk)
{
    for (walk->at++; walk->at < walk->end; walk->at++) {
        if (*walk->at == '"') {
            walk->at++;
            return true;
        }
        if (*walk->at == '\\' && ++walk->at == walk->end)
            return false;
    }
    return false;
}

static bool skip_scalar(struct walk *walk)
{
    const char *from = walk->at;

    while (walk->at < walk->end && strchr(",]} \t\r\n", *walk->at) == NULL)
        walk->at++;
    return walk->at > from;
}

static bool skip_value(struct walk *walk)
{
    size_t depth = 0;

    skip_space(walk);
    if (walk->at == walk->end)
        return false;
    if (*walk->at == '"')
        return skip_string(walk);
    if (*walk->at != '{' && *walk->at != '[')
        return skip_scalar(walk);
    while (walk->at < walk->end) {
        if (*walk->at == '"') {
            if (!skip_string(walk))
                return false;
            continue;
        }
        if (*walk->at == '{' || *walk->at == '[')
            depth++;
        else if (*walk->at == '}' || *walk->at == ']')
            depth--;
        walk->at++;
        if (depth == 0)
            return true;
    }
    return false;
}

/* --- Strings as their characters -------------------------------------------- */

/* A JSON string's characters, or a pointer's token, a byte of UTF-8 at a time. */
struct chars {
    const char *at, *end;
    unsigned char pending[4];
    unsigned count, taken;
    char escape; /* '\\' in JSON, '~' in a pointer */
};

static struct chars chars_of_string(const char *value, size_t length)
{
    return (struct chars){.at = value + 1, .end = value + length - 1, .escape = '\\'};
}

static int hex4(const char *at, const char *end)
{
    int code = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        unsigned byte = (unsigned char)at[i], low = byte | 0x20;

        if (byte - '0' < 10)
            code = code * 16 + (int)(byte - '0');
        else if (low - 'a' < 6)
            code = code * 16 + (int)(low - 'a') + 10;
        else
            return -1;
    }
    return code;
}

/* A lone surrogate gets three bytes that no other character has. */
static void pend(struct chars *chars, unsigned code)
{
    unsigned char *to = chars->pending;

    chars->taken = 0;
    if (code < 0x80) {
        to[0] = (unsigned char)code;
        chars->count = 1;
    } else if (code < 0x800) {
        to[0] = (unsigned char)(0xC0 | code >> 6);
        to[1] = (unsigned char)(0x80 | (code & 0x3F));
        chars->count = 2;
    } else if (code < 0x10000) {
        to[0] = (unsigned char)(0xE0 | code >> 12);
        to[1] = (unsigned char)(0x80 | (code >> 6 & 0x3F));
        to[2] = (unsigned char)(0x80 | (code & 0x3F));
        chars->count = 3;
    } else {
        to[0] = (unsigned char)(0xF0 | code >> 18);
        to[1] = (unsigned char)(0x80 | (code >> 12 & 0x3F));
        to[2] = (unsigned char)(0x80 | (code >> 6 & 0x3F));
        to[3] = (unsigned char)(0x80 | (code & 0x3F));
        chars->count = 4;
    }
}

static void take_unicode(struct chars *chars)
{
    int code = hex4(chars->at, chars->end), low;

    chars->count = chars->taken = 0;
    if (code < 0)
        return;
    chars->at += 4;
    if (code >= 0xD800 && code < 0xDC00 && chars->end - chars->at >= 6 && chars->at[0] == '\\'
        && chars->at[1] == 'u') {
        low = hex4(chars->at + 2, chars->end);
        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            chars->at += 6;
        }
    }
    pend(chars, (unsigned)code);
}

/* The next byte, or -1 at the end. */
static int next_byte(struct chars *chars)
{
    static const char escapes[] = "bfnrt", meant[] = "\b\f\n\r\t";
    const char *found;
    char byte;

    if (chars->taken < chars->count)
        return chars->pending[chars->taken++];
    if (chars->at >= chars->end)
        return -1;
    byte = *chars->at++;
    if (byte != chars->escape || chars->at == chars->end)
        return (unsigned char)byte;
    byte = *chars->at++;
    if (chars->escape == '~')
        return byte == '0' ? '~' : '/';
    if (byte == 'u') {
        take_unicode(chars);
        return chars->count > 0 ? chars->pending[chars->taken++] : 'u';
    }
    found = byte != '\0' ? strchr(escapes, byte) : NULL;
    return (unsigned char)(found != NULL ? meant[found - escapes] : byte);
}

static bool same_chars(struct chars a, struct chars b)
{
    int byte;

    do {
        byte = next_byte(&a);
        if (byte != next_byte(&b))
            return false;
    } while (byte >= 0);
    return true;
}

static bool has_escapes(const char *value, size_t length)
{
    return memchr(value, '\\', length) != NULL;
}

static bool is_string(const char *value, size_t length)
{
    return length >= 2 && value[0] == '"' && value[length - 1] == '"';
}

bool weir__json_same(const char *a, size_t a_length, const char *b, size_t b_length)
{
    if (is_string(a, a_length) && is_string(b, b_length)
        && (has_escapes(a, a_length) || has_escapes(b, b_length)))
        return same_chars(chars_of_string(a, a_length), chars_of_string(b, b_length));
    return a_length == b_length && memcmp(a, b, a_length) == 0;
}

/* FNV-1a, and its bits mixed: those from the lowest up are used. */
uint64_t weir__json_hash(const char *value, size_t length, uint64_t seed)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;
    bool string = is_string(value, length);

    if (string && has_escapes(value, length)) {
        struct chars chars = chars_of_string(value, length);

        for (int byte; (byte = next_byte(&chars)) >= 0;)
            hash = (hash ^ (unsigned)byte) * UINT64_C(0x100000001b3);
    } else {
        for (size_t i = string; i < length - string; i++)
            hash = (hash ^ (unsigned char)value[i]) * UINT64_C(0x100000001b3);
    }
    hash ^= hash >> 32;
    return hash * UINT64_C(0x9e3779b97f4a7c15);
}

/* --- Pointers --------------------------------------------------------------- */

const char *weir__pointer_fault(const char *pointer)
{
    if (*pointer != '/')
        return "does not begin with a slash";
    for (const char *tilde = strchr(pointer, '~'); tilde != NULL; tilde = strchr(tilde + 1, '~'))
        if (tilde[1] != '0' && tilde[1] != '1')
            return "has a ~ that is not ~0 (for ~) or ~1 (for /)";
    return weir__utf8_valid(pointer, strlen(pointer)) ? NULL : "is not UTF-8";
}

/* At the value of the member, or behind the object. */
static bool find_member(struct walk *walk, struct chars token)
{
    const char *found = NULL;

    walk->at++;
    while (!take(walk, '}')) {
        struct walk name = *walk;

        skip_space(&name);
        if (name.at == name.end || *name.at != '"')
            return false;
        walk->at = name.at;
        if (!skip_string(walk))
            return false;
        name.end = walk->at;
        if (!take(walk, ':'))
            return false;
        if (same_chars(chars_of_string(name.at, (size_t)(name.end - name.at)), token))
            found = walk->at;
        if (!skip_value(walk))
            return false;
        if (!take(walk, ',') && (walk->at == walk->end || *walk->at != '}'))
            return false;
    }
    walk->at = found;
    return found != NULL;
}

static bool find_element(struct walk *walk, const char *token, size_t length)
{
    size_t index = 0;

    if (length == 0 || length > 9 || (token[0] == '0' && length > 1))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (token[i] < '0' || token[i] > '9')
            return false;
        index = index * 10 + (size_t)(token[i] - '0');
    }
    walk->at++;
    while (index-- > 0)
        if (!skip_value(walk) || !take(walk, ','))
            return false;
    skip_space(walk);
    return walk->at < walk->end && *walk->at != ']';
}

bool weir__pointer_find(const char *pointer, const char *bytes, size_t length, size_t *at,
                        size_t *size)
{
    struct walk walk = {bytes, bytes + length};

    while (*pointer == '/') {
        size_t token = strcspn(++pointer, "/");

        skip_space(&walk);
        if (walk.at == walk.end)
            return false;
        if (*walk.at == '{') {
            if (!find_member(&walk,
                             (struct chars){.at = pointer, .end = pointer + token, .escape = '~'}))
                return false;
        } else if (*walk.at != '[' || !find_element(&walk, pointer, token)) {
            return false;
        }
        pointer += token;
    }
    skip_space(&walk);
    *at = (size_t)(walk.at - bytes);
    if (!skip_value(&walk))
        return false;
    *size = (size_t)(walk.at - bytes) - *at;
    return true;
}
