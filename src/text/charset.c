#include "config.h"

#include "text/charset.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_XLOCALE_H
#include <xlocale.h>
#endif

#include "base/error.h"
#include "base/printable.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool weir__charset_is(const char *name, const char *known)
{
    for (;;) {
        while (*name == '-' || *name == '_')
            name++;
        while (*known == '-' || *known == '_')
            known++;
        if (lower(*name) != *known)
            return false;
        if (*known == '\0')
            return true;
        name++, known++;
    }
}

/* Writes name in lower case, without the "//" that iconv -l ends names with and
 * without what could not be shown.  Returns false when that is no charset's name:
 * "" would be the locale's, and "NAME//IGNORE" would drop bytes in silence. */
static bool tidy(char tidied[WEIR_CHARSET_SIZE], const char *name)
{
    size_t length = strlen(name);
    bool good = true;

    if (length > 2 && strcmp(name + length - 2, "//") == 0)
        length -= 2;
    if (length == 0 || length >= WEIR_CHARSET_SIZE)
        good = false;
    if (length >= WEIR_CHARSET_SIZE)
        length = WEIR_CHARSET_SIZE - 1;
    for (size_t i = 0; i < length; i++) {
        bool shown = name[i] > ' ' && name[i] <= '~' && name[i] != '"';

        tidied[i] = shown ? lower(name[i]) : '?';
        good = good && shown;
    }
    tidied[length] = '\0';
    return good && strstr(tidied, "//") == NULL;
}

static int no_such(const char *name, struct weir_error *error)
{
    char shown[4 * WEIR_CHARSET_SIZE];

    weir__printable(shown, sizeof shown, name, strlen(name), WEIR__ONE_LINE);
    return weir__fail(error, WEIR_ERR_CHARSET, 0,
                      "no character set named \"%s\": give utf-8, auto, binary or a name that "
                      "iconv -l lists",
                      shown);
}

/* Decodes a short text from the initial state on.  Returns how many bytes of
 * UTF-8 it makes, or -1 when it does not fit. */
static ptrdiff_t try_decoding(iconv_t cd, const char *bytes, size_t length, char *utf8, size_t size)
{
    char *in = (char *)bytes, *out = utf8;
    size_t left = size;
    bool fits;

    iconv(cd, NULL, NULL, NULL, NULL);
    fits = iconv(cd, &in, &length, &out, &left) != (size_t)-1
           && iconv(cd, NULL, NULL, &out, &left) != (size_t)-1;
    iconv(cd, NULL, NULL, NULL, NULL);
    return fits ? out - utf8 : -1;
}

static bool keeps_ascii(iconv_t cd)
{
    char ascii[128], utf8[4 * sizeof ascii];

    for (size_t i = 0; i < sizeof ascii; i++)
        ascii[i] = (char)i;
    return try_decoding(cd, ascii, sizeof ascii, utf8, sizeof utf8) == sizeof ascii
           && memcmp(ascii, utf8, sizeof ascii) == 0;
}

/* The bytes that change the meaning of others where any does: SO and SI (EBCDIC,
 * ISO-2022-KR), ESC (ISO-2022), '~' (HZ), '+' and '&' (UTF-7 and its kin).  Alone
 * they make no character there, and one everywhere else. */
static bool has_shifts(iconv_t cd)
{
    static const char shifts[] = "\x0E\x0F\x1B~+&";

    for (const char *shift = shifts; *shift != '\0'; shift++) {
        char utf8[16];

        if (try_decoding(cd, shift, 1, utf8, sizeof utf8) <= 0)
            return true;
    }
    return false;
}

/* Bytes that one more 'A' takes: 2 in UTF-16, 4 in UTF-32, 1 in nearly all. */
static size_t unit_of(const char *name)
{
    iconv_t cd = iconv_open(name, "UTF-8");
    char text[] = "AAA", bytes[32], *in = text, *out = bytes;
    size_t length = 1, left = sizeof bytes, one;

    if (cd == (iconv_t)-1)
        return 1;
    iconv(cd, &in, &length, &out, &left);
    one = left;
    length = 1;
    iconv(cd, &in, &length, &out, &left);
    iconv_close(cd);
    return one - left == 2 || one - left == 4 ? one - left : 1;
}

int weir__charset_open(struct weir__charset *charset, const char *name, struct weir_error *error)
{
    struct weir__charset opened = {.unit = 1, .keeps_ascii = true};
    const char *iconv_name = opened.name;

    if (!tidy(opened.name, name))
        return no_such(name, error);
    if (weir__charset_is(opened.name, "binary"))
        return weir__fail(error, WEIR_ERR_CHARSET, 0,
                          "\"binary\" means not to decode: keep the bytes, or give utf-8, auto or "
                          "a name that iconv -l lists");
    if (weir__charset_is(opened.name, "auto"))
        return weir__fail(error, WEIR_ERR_CHARSET, 0,
                          "\"auto\" cannot be its own fallback: give a name that iconv -l lists");
    if (weir__charset_is(opened.name, "utf-8")) {
        strcpy(opened.name, "utf-8");
        opened.iconv = (iconv_t)-1;
        *charset = opened;
        return 0;
    }
    /* Without a mark, iconv's own UTF-16 is of the machine's order in glibc and
     * big endian in libiconv. */
    if (weir__charset_is(opened.name, "utf-16"))
        iconv_name = "utf-16le";
    else if (weir__charset_is(opened.name, "utf-32"))
        iconv_name = "utf-32le";
    opened.iconv = iconv_open("UTF-8", iconv_name);
    if (opened.iconv == (iconv_t)-1 && errno != EINVAL)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot load the character set \"%s\"",
                          opened.name);
    if (opened.iconv == (iconv_t)-1)
        return no_such(opened.name, error);
    opened.unit = unit_of(iconv_name);
    opened.has_shifts = has_shifts(opened.iconv);
    opened.keeps_ascii = keeps_ascii(opened.iconv);
    *charset = opened;
    return 0;
}

void weir__charset_close(struct weir__charset *charset)
{
    if (charset->name[0] != '\0' && charset->iconv != (iconv_t)-1)
        iconv_close(charset->iconv);
    *charset = (struct weir__charset){0};
}

/* What follows the dot in "zh_CN.GB18030@stroke": for a locale that the
 * environment names and the machine has not installed. */
static void codeset_named(char *name, size_t size)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *dot = NULL;

    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = getenv(variables[i]);

        if (value != NULL && *value != '\0') {
            dot = strchr(value, '.');
            break;
        }
    }
    if (dot != NULL)
        snprintf(name, size, "%.*s", (int)strcspn(dot + 1, "@"), dot + 1);
}

bool weir__charset_of_locale(char name[WEIR_CHARSET_SIZE])
{
    static const char *const unhelpful[] = {"utf-8",     "ascii", "us-ascii", "ansi_x3.4-1968",
                                            "iso646-us", "646",   ""};
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);

    name[0] = '\0';
    if (locale != (locale_t)0) {
        snprintf(name, WEIR_CHARSET_SIZE, "%s", nl_langinfo_l(CODESET, locale));
        freelocale(locale);
    } else {
        codeset_named(name, WEIR_CHARSET_SIZE);
    }
    for (size_t i = 0; i < sizeof unhelpful / sizeof unhelpful[0]; i++)
        if (weir__charset_is(name, unhelpful[i]))
            return false;
    return true;
}

const struct weir__bom *weir__bom_find(const char *family, const char *bytes, size_t length,
                                       bool *undecided)
{
    static const struct weir__bom boms[] = {
        {"utf-8", "\xEF\xBB\xBF", 3},       {"utf-16be", "\xFE\xFF", 2},
        {"utf-16le", "\xFF\xFE", 2},        {"utf-32be", "\0\0\xFE\xFF", 4},
        {"utf-32le", "\xFF\xFE\0\0", 4}, /* after utf-16le, of which it is the longer */
        {"gb18030", "\x84\x31\x95\x33", 4},
    };
    const struct weir__bom *found = NULL;

    *undecided = false;
    for (size_t i = 0; i < sizeof boms / sizeof boms[0]; i++) {
        const struct weir__bom *bom = &boms[i];

        if (strncmp(bom->charset, family, strlen(family)) != 0)
            continue;
        if (length < bom->length && memcmp(bytes, bom->bytes, length) == 0)
            *undecided = true;
        if (length >= bom->length && memcmp(bytes, bom->bytes, bom->length) == 0)
            found = bom;
    }
    return found;
}
