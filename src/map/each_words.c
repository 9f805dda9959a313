#include "config.h"

#include "map/each_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/printable.h"
#include "rpc/rpc_parse.h"
#include "text/pointer.h"
#include "text/shell_quote.h"

enum kind { LITERAL, RECORD, STEM, BASE, BASE_STEM, DIRECTORY, NUMBER, SLOT, MEMBER };

/* Around a value in a shell text. */
enum place { PLAIN, UNQUOTED, IN_SINGLE, IN_DOUBLE };

struct weir__each_part {
    enum kind kind;
    enum place place;
    char *text; /* LITERAL: its bytes; MEMBER: the pointer, with its NUL byte */
    size_t length;
};

static const struct {
    const char *text;
    enum kind kind;
} placeholders[] = {
    {"{}", RECORD},      {"{.}", STEM},   {"{/}", BASE}, {"{/.}", BASE_STEM},
    {"{//}", DIRECTORY}, {"{#}", NUMBER}, {"{%}", SLOT},
};

/* --- Reading -------------------------------------------------------------- */

static int no_memory(struct weir_error *error)
{
    return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a command");
}

static int add_part(struct weir__each_words *words, enum kind kind, enum place place,
                    const char *text, size_t length, struct weir_error *error)
{
    struct weir__each_part *part;

    if (kind == LITERAL && length == 0)
        return 0;
    if (words->part_count == words->part_room) {
        size_t room = words->part_room * 2 + 8;
        struct weir__each_part *parts = realloc(words->parts, room * sizeof *parts);

        if (parts == NULL)
            return no_memory(error);
        words->parts = parts;
        words->part_room = room;
    }
    part = &words->parts[words->part_count];
    *part = (struct weir__each_part){.kind = kind, .place = place, .length = length};
    part->text = malloc(length + 1);
    if (part->text == NULL)
        return no_memory(error);
    if (length > 0)
        memcpy(part->text, text, length);
    part->text[length] = '\0';
    words->part_count++;
    return 0;
}

/* The placeholder at the beginning of text: its length, or 0. */
static size_t match(const char *text, const char *replace, enum kind *kind)
{
    const char *end;

    if (replace != NULL && strncmp(text, replace, strlen(replace)) == 0) {
        *kind = RECORD;
        return strlen(replace);
    }
    for (size_t i = replace != NULL; i < sizeof placeholders / sizeof *placeholders; i++)
        if (strncmp(text, placeholders[i].text, strlen(placeholders[i].text)) == 0) {
            *kind = placeholders[i].kind;
            return strlen(placeholders[i].text);
        }
    end = strncmp(text, "{@", 2) == 0 ? strchr(text, '}') : NULL;
    *kind = MEMBER;
    return end != NULL ? (size_t)(end + 1 - text) : 0;
}

/* Where a shell is while it reads a text: enough of its grammar to quote a value, or to know
 * that it cannot be done. */
struct shell_state {
    enum place place;
    const struct unsafe *in; /* a value cannot be quoted here; NULL: it can be */
    int is_endless;          /* weir cannot tell where that ends */
    int is_word;             /* a word has begun */
    char before;             /* the character before; 0: none that matters */
};

enum {
    BARE = 1,
    QUOTED = 2,
    WORD = 4
}; /* where it begins: between double quotes, or not, or only
    * as a word */

/* What begins a place where a quoted value could be executed or would not be the value. */
static const struct unsafe {
    const char *begin;
    int where;
    size_t taken;       /* of its beginning, at once */
    const char *name;   /* of the place */
    char end;           /* 0: what follows is not safe either */
    const char *spoils; /* with one of these in it, its end is not sought */
} unsafe[] = {
    {"$((", BARE, 3, "in $((...))", ')', "'\"`\\({#)"},
    {"$(", QUOTED, 1, "after \"$(", 0, ""},
    {"${", BARE | QUOTED, 1, "in or after ${...}", '}', "'\"`$\\ \t\n|"},
    {"$[", BARE | QUOTED, 1, "after $[", 0, ""},
    {"$'", BARE, 1, "after $'", 0, ""},
    {"$\"", BARE, 1, "after $\"", 0, ""},
    {"`", BARE, 1, "in or after backquotes", '`', "'\"\\"},
    {"`", QUOTED, 1, "in or after backquotes", 0, ""},
    {"<<", BARE, 1, "after <<", 0, ""},
    {"((", BARE, 1, "after ((", 0, ""},
    {"[[", BARE | WORD, 1, "after [[", 0, ""},
    {"#", BARE | WORD, 1, "in a comment", '\n', ""},
};

static const struct unsafe divided = {.name = "after a line that ends in $\\, (\\, <\\ or [\\"};
static const struct unsafe after_dollar = {.name = "after $"};

static size_t read_unsafe(struct shell_state *state, char now, char next)
{
    if (state->is_endless)
        return 1;
    if (now == state->in->end && (now != ')' || next == ')'))
        state->in = NULL;
    else if (strchr(state->in->spoils, now) != NULL)
        state->is_endless = 1;
    return 1;
}

/* Takes one character; what follows is looked at. Returns how many were taken. */
static size_t read_shell(struct shell_state *state, const char *at)
{
    char now = at[0], next = at[1], before = state->before;
    int had_word = state->is_word;
    int where = state->place == IN_DOUBLE ? QUOTED : BARE;

    if (state->in == NULL && state->place != IN_SINGLE && now == '\\' && next == '\n')
        return 2; /* the shell sees neither */
    state->is_word = strchr(" \t\n;&|()<>", now) == NULL;
    state->before = now;
    if (state->in != NULL)
        return read_unsafe(state, now, next);
    if (state->place == IN_SINGLE) {
        state->place = now == '\'' ? UNQUOTED : IN_SINGLE;
        return 1;
    }
    if (now == '\\')
        return next != '\0' ? 2 : 1;
    if (now == '$' && next == '$')
        return 2;
    if (next == '\\' && at[2] == '\n' && strchr("$(<[", now) != NULL) {
        state->in = &divided;
        state->is_endless = 1;
        return 1;
    }
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
        if ((unsafe[i].where & where) && !(had_word && (unsafe[i].where & WORD))
            && strncmp(at, unsafe[i].begin, strlen(unsafe[i].begin)) == 0) {
            state->in = &unsafe[i];
            /* A # after ) begins a comment or not: that depends on what ) ends. */
            state->is_endless = unsafe[i].end == 0 || (now == '#' && before == ')');
            return unsafe[i].taken;
        }
    if (now == '"')
        state->place = state->place == IN_DOUBLE ? UNQUOTED : IN_DOUBLE;
    else if (state->place == UNQUOTED && now == '\'')
        state->place = IN_SINGLE;
    return 1;
}

static int refuse_place(const struct shell_state *state, const char *at, size_t length,
                        struct weir_error *error)
{
    return weir__fail(error, WEIR_ERR_INVALID, 0,
                      "the placeholder %.*s stands %s, where it cannot be quoted safely: "
                      "set a variable first, as in x=%.*s, and use \"$x\"",
                      (int)(length < 100 ? length : 100), at, state->in->name,
                      (int)(length < 100 ? length : 100), at);
}

/* The record is added at the end of the text. */
static int check_end(const struct shell_state *state, struct weir_error *error)
{
    if (state->in == NULL && state->place == UNQUOTED)
        return 0;
    return weir__fail(error, WEIR_ERR_INVALID, 0,
                      "the text ends %s, where the record cannot be quoted safely: "
                      "set a variable first, as in x={}, and use \"$x\"",
                      state->in != NULL ? state->in->name : "between quotes");
}

static int add_member(struct weir__each_words *words, enum place place, const char *text,
                      size_t length, struct weir_error *error)
{
    char *pointer = strndup(text + 2, length - 3);
    const char *fault = pointer != NULL ? weir__pointer_fault(pointer) : NULL;
    int status = 0;

    if (pointer == NULL)
        status = no_memory(error);
    else if (fault != NULL)
        status = weir__fail(error, WEIR_ERR_INVALID, 0,
                            "the placeholder %.*s %s: give a JSON Pointer, such as {@/id}",
                            (int)(length < 100 ? length : 100), text, fault);
    else
        status = add_part(words, MEMBER, place, pointer, length - 3, error);
    free(pointer);
    return status;
}

/* Reads one word. found: set if it has a placeholder. */
static int read_word(struct weir__each_words *words, const char *word, const char *replace,
                     int is_shell, int *found, struct shell_state *ended, struct weir_error *error)
{
    struct shell_state state = {.place = UNQUOTED};
    const char *from = word, *at = word;
    int status = 0;

    while (*at != '\0' && status == 0) {
        enum kind kind;
        size_t length = match(at, replace, &kind);
        enum place place = is_shell ? state.place : PLAIN;

        if (length == 0) {
            at += is_shell ? read_shell(&state, at) : 1;
            continue;
        }
        if (is_shell && state.in == NULL && state.place == UNQUOTED && state.before == '$')
            state.in = &after_dollar;
        if (is_shell && state.in != NULL)
            return refuse_place(&state, at, length, error);
        *found = 1;
        status = add_part(words, LITERAL, PLAIN, from, (size_t)(at - from), error);
        if (status == 0)
            status = kind == MEMBER ? add_member(words, place, at, length, error)
                                    : add_part(words, kind, place, NULL, 0, error);
        state.is_word = 1;
        state.before = 0;
        at += length;
        from = at;
    }
    *ended = state;
    return status == 0 ? add_part(words, LITERAL, PLAIN, from, (size_t)(at - from), error) : status;
}

static size_t count_words(const char *const *argv)
{
    size_t count = 0;

    while (argv[count] != NULL)
        count++;
    return count;
}

int weir__each_words_read(struct weir__each_words *words, const char *const *argv,
                          const struct weir__each_syntax *syntax, struct weir_error *error)
{
    size_t count = count_words(argv);
    int found = 0, status = 0, is_shell = syntax->style == WEIR__EACH_SHELL;

    if (syntax->replace != NULL && *syntax->replace == '\0')
        return weir__fail(error, WEIR_ERR_INVALID, 0, "the text in place of {} is empty");
    if (*argv[0] == '\0')
        return weir__fail(error, WEIR_ERR_INVALID, 0, "the program has an empty name");
    if (is_shell && argv[count - 1][strspn(argv[count - 1], " \t\n")] == '\0')
        return weir__fail(error, WEIR_ERR_INVALID, 0, "the text for the shell is empty");
    words->ends = calloc(count + 1, sizeof *words->ends);
    words->starts = calloc(count + 1, sizeof *words->starts);
    words->argv = calloc(count + 2, sizeof *words->argv);
    if (words->ends == NULL || words->starts == NULL || words->argv == NULL)
        return no_memory(error);
    for (size_t i = 0; i < count && status == 0; i++) {
        int is_last = i + 1 == count;
        struct shell_state ended = {.place = UNQUOTED};

        if (is_shell && !is_last)
            status = add_part(words, LITERAL, PLAIN, argv[i], strlen(argv[i]), error);
        else
            status = read_word(words, argv[i], syntax->replace, is_shell, &found, &ended, error);
        if (status == 0 && is_last && is_shell && !found && syntax->appends) {
            status = check_end(&ended, error);
            if (status == 0)
                status = add_part(words, LITERAL, PLAIN, " ", 1, error);
            if (status == 0)
                status = add_part(words, RECORD, UNQUOTED, NULL, 0, error);
        }
        words->ends[words->count++] = words->part_count;
    }
    if (status == 0 && !found && !is_shell && syntax->appends) {
        status = add_part(words, RECORD, PLAIN, NULL, 0, error);
        words->ends[words->count++] = words->part_count;
    }
    return status;
}

void weir__each_words_clear(struct weir__each_words *words)
{
    for (size_t i = 0; i < words->part_count; i++)
        free(words->parts[i].text);
    free(words->parts);
    free(words->ends);
    free(words->starts);
    free(words->argv);
    weir__buffer_clear(&words->bytes);
    *words = (struct weir__each_words){0};
}

/* --- Filling -------------------------------------------------------------- */

/* A part of the record's bytes. */
struct range {
    const char *bytes;
    size_t length;
};

static size_t last_slash(struct range path) /* its position plus one; 0: none */
{
    size_t at = path.length;

    while (at > 0 && path.bytes[at - 1] != '/')
        at--;
    return at;
}

/* As basename(1) and dirname(1) do, slashes at the end do not count. */
static struct range without_last_slashes(struct range path)
{
    while (path.length > 1 && path.bytes[path.length - 1] == '/')
        path.length--;
    return path;
}

static struct range base_of(struct range path)
{
    struct range plain = without_last_slashes(path);
    size_t at = last_slash(plain);

    if (at == plain.length) /* "/" */
        return plain;
    return (struct range){plain.bytes + at, plain.length - at};
}

static struct range directory_of(struct range path)
{
    struct range plain = without_last_slashes(path);
    size_t at = last_slash(plain);

    if (at == 0)
        return (struct range){".", 1};
    plain.length = at;
    return without_last_slashes(plain);
}

/* A dot at the beginning of a name begins no extension. */
static struct range stem_of(struct range path)
{
    size_t base = last_slash(path), at = path.length;

    while (at > base + 1 && path.bytes[at - 1] != '.')
        at--;
    if (at > base + 1 && path.bytes[at - 1] == '.')
        path.length = at - 1;
    return path;
}

/* Appends a value as its place wants it. In a shell text it always has quotes: without them, 2 in
 * 2>file would be a descriptor, and a=b an assignment. */
static int add_value(struct weir__buffer *bytes, enum place place, struct range value)
{
    const char *around = place == IN_SINGLE ? "'" : place == IN_DOUBLE ? "\"" : "";
    int status;

    if (place == PLAIN)
        return value.length > 0 ? weir__buffer_add(bytes, value.bytes, value.length, NULL) : 0;
    status = *around != '\0' ? weir__buffer_add(bytes, around, 1, NULL) : 0;
    if (status == 0)
        status = weir__shell_quote(bytes, value.bytes, value.length);
    return status == 0 && *around != '\0' ? weir__buffer_add(bytes, around, 1, NULL) : status;
}

/* Returns 1 if the record has no such member. */
static int add_member_value(struct weir__buffer *bytes, const struct weir__each_part *part,
                            const struct weir__each_values *values, char *fault, size_t size)
{
    struct range value;
    size_t at, length;
    char *text = NULL;
    int status;

    if (!weir__pointer_find(part->text, values->record, values->length, &at, &length)) {
        weir__sentence(fault, size, "member: there is no %.200s", part->text);
        return 1;
    }
    value = (struct range){values->record + at, length};
    if (values->record[at] == '"') {
        text = weir__slice_string((struct weir__slice){value.bytes, value.length}, &value.length);
        value.bytes = text;
        if (text == NULL)
            return WEIR_ERR_NOMEM;
        if (memchr(text, '\0', value.length) != NULL) {
            free(text);
            weir__sentence(fault, size,
                           "invalid: %.200s has a NUL character, which no argument "
                           "can have",
                           part->text);
            return 1;
        }
    }
    status = add_value(bytes, part->place, value);
    free(text);
    return status;
}

/* Returns 1, with the reason in fault, if the record cannot have it. */
static int add(struct weir__buffer *bytes, const struct weir__each_part *part,
               const struct weir__each_values *values, char *fault, size_t size)
{
    struct range record = {values->record, values->length}, value = record;
    char number[24];

    switch (part->kind) {
    case LITERAL:
        return add_value(bytes, PLAIN, (struct range){part->text, part->length});
    case NUMBER:
    case SLOT:
        value.length = (size_t)snprintf(number, sizeof number, "%" PRIu64,
                                        part->kind == NUMBER ? values->number : values->slot);
        value.bytes = number;
        return add_value(bytes, part->place, value);
    case MEMBER:
        return add_member_value(bytes, part, values, fault, size);
    case STEM:
        value = stem_of(record);
        break;
    case BASE:
        value = base_of(record);
        break;
    case BASE_STEM:
        value = stem_of(base_of(record));
        break;
    case DIRECTORY:
        value = directory_of(record);
        break;
    case RECORD:
        break;
    }
    if (memchr(record.bytes, '\0', record.length) != NULL) {
        snprintf(fault, size, "invalid: it has a NUL byte, which no argument can have");
        return 1;
    }
    return add_value(bytes, part->place, value);
}

int weir__each_words_fill(struct weir__each_words *words, const struct weir__each_values *values,
                          char *fault, size_t size)
{
    size_t next = 0;
    int status = 0;

    words->bytes.length = 0;
    for (size_t i = 0; i < words->count; i++) {
        words->starts[i] = words->bytes.length;
        for (; next < words->ends[i] && status == 0; next++)
            status = add(&words->bytes, &words->parts[next], values, fault, size);
        if (status == 0)
            status = weir__buffer_add(&words->bytes, "", 1, NULL);
        if (status != 0)
            return status;
    }
    for (size_t i = 0; i < words->count; i++)
        words->argv[i] = words->bytes.bytes + words->starts[i];
    words->argv[words->count] = NULL;
    return 0;
}

int weir__each_words_have_member(const struct weir__each_words *words)
{
    for (size_t i = 0; i < words->part_count; i++)
        if (words->parts[i].kind == MEMBER)
            return 1;
    return 0;
}
