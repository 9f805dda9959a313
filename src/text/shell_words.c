/* Why not libpipeline's pipecmd_argstr: in 1.5.7 it loses every word after '' and
 * after a quote that is not closed, in silence, and drops a leading exec. */
#include "config.h"

#include "text/shell_words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

struct splitter {
    const char *line, *next;
    struct weir__buffer word;  /* the one being read */
    struct weir__buffer words; /* char *: the ones before it */
    struct weir_error *error;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* The place of at as people count: characters, from 1. */
static size_t character_number(const struct splitter *splitter, const char *at)
{
    size_t number = 1;

    for (const char *c = splitter->line; c < at; c++)
        number += ((unsigned char)*c & 0xC0) != 0x80;
    return number;
}

static int not_closed(struct splitter *splitter, const char *quote)
{
    return weir__fail(splitter->error, WEIR_ERR_INVALID, 0,
                      "the %c at character %zu is not closed: add another %c, or put a "
                      "backslash before it",
                      *quote, character_number(splitter, quote), *quote);
}

static int ends_in_backslash(struct splitter *splitter)
{
    return weir__fail(splitter->error, WEIR_ERR_INVALID, 0,
                      "the backslash at character %zu has nothing after it: double it, or take "
                      "it out",
                      character_number(splitter, splitter->next));
}

static int add_bytes(struct splitter *splitter, const char *bytes, size_t length)
{
    return weir__buffer_add(&splitter->word, bytes, length, splitter->error);
}

/* next is at the opening quote. */
static int read_single_quotes(struct splitter *splitter)
{
    const char *open = splitter->next;
    const char *close = strchr(open + 1, '\'');

    if (close == NULL)
        return not_closed(splitter, open);
    splitter->next = close + 1;
    return add_bytes(splitter, open + 1, (size_t)(close - open - 1));
}

/* next is at the opening quote. */
static int read_double_quotes(struct splitter *splitter)
{
    const char *open = splitter->next++;
    int status = 0;

    while (status == 0 && *splitter->next != '"') {
        const char *from = splitter->next;
        size_t plain = strcspn(from, "\\\"");

        splitter->next += plain;
        status = add_bytes(splitter, from, plain);
        if (*splitter->next == '\0')
            return not_closed(splitter, open);
        if (*splitter->next != '\\' || status < 0)
            continue;
        if (splitter->next[1] == '\0')
            return not_closed(splitter, open);
        if (strchr("$`\"\\", splitter->next[1]) != NULL)
            status = add_bytes(splitter, splitter->next + 1, 1);
        else if (splitter->next[1] != '\n')
            status = add_bytes(splitter, splitter->next, 2);
        splitter->next += 2;
    }
    splitter->next++;
    return status;
}

/* next is at the backslash. */
static int read_backslash(struct splitter *splitter)
{
    const char *escaped = splitter->next + 1;

    if (*escaped == '\0')
        return ends_in_backslash(splitter);
    splitter->next += 2;
    return add_bytes(splitter, escaped, 1);
}

static void skip_blanks(struct splitter *splitter)
{
    for (;;) {
        if (is_blank(*splitter->next))
            splitter->next++;
        else if (splitter->next[0] == '\\' && splitter->next[1] == '\n')
            splitter->next += 2;
        else
            return;
    }
}

/* Reads one word into splitter->word.  next is at its first character. */
static int read_word(struct splitter *splitter)
{
    int status = 0;

    while (status == 0 && *splitter->next != '\0' && !is_blank(*splitter->next)) {
        const char *from = splitter->next;

        if (*from == '\'') {
            status = read_single_quotes(splitter);
        } else if (*from == '"') {
            status = read_double_quotes(splitter);
        } else if (from[0] == '\\' && from[1] == '\n') {
            splitter->next += 2;
        } else if (*from == '\\') {
            status = read_backslash(splitter);
        } else {
            splitter->next += strcspn(from, " \t\n'\"\\");
            status = add_bytes(splitter, from, (size_t)(splitter->next - from));
        }
    }
    return status;
}

/* Puts the word read at the end of the list, or NULL to end it. */
static int add_to_list(struct splitter *splitter, bool end)
{
    /* One byte more, so that taking the list over cannot fail. */
    int status = weir__buffer_reserve(&splitter->words, sizeof(char *) + 1, splitter->error);
    char *word = NULL;

    if (status < 0)
        return status;
    if (!end) {
        word = weir__buffer_take(&splitter->word, NULL);
        if (word == NULL)
            return weir__fail(splitter->error, WEIR_ERR_NOMEM, 0, "no memory for a word");
    }
    return weir__buffer_add(&splitter->words, &word, sizeof word, splitter->error);
}

int weir__words_split(const char *line, char ***words, size_t *count, struct weir_error *error)
{
    struct splitter splitter = {.line = line, .next = line, .error = error};
    size_t found = 0;
    int status = 0;

    skip_blanks(&splitter);
    while (status == 0 && *splitter.next != '\0') {
        status = read_word(&splitter);
        if (status == 0)
            status = add_to_list(&splitter, false);
        found++;
        skip_blanks(&splitter);
    }
    if (status == 0)
        status = add_to_list(&splitter, true);
    weir__buffer_clear(&splitter.word);
    if (status == 0) {
        *words = (char **)(void *)weir__buffer_take(&splitter.words, NULL);
        *count = found;
        return 0;
    }
    for (size_t i = 0; i < splitter.words.length / sizeof(char *); i++)
        free(((char **)(void *)splitter.words.bytes)[i]);
    weir__buffer_clear(&splitter.words);
    return status;
}

void weir__words_free(char **words)
{
    if (words == NULL)
        return;
    for (char **word = words; *word != NULL; word++)
        free(*word);
    free(words);
}
