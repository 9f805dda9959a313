/* Words: what is quoted again is split into the same words. */
#include "config.h"

#include <string.h>

#include "base/buffer.h"
#include "fuzz/replay.h"
#include "text/shell_words.h"

static void add(struct weir__buffer *buffer, const char *text)
{
    HOLDS(weir__buffer_add(buffer, text, strlen(text), NULL) == 0);
}

/* Appends word in one of three ways to quote. */
static void quote(struct weir__buffer *line, const char *word, int how)
{
    static const char *const around[] = {"'", "\"", ""};

    add(line, *word == '\0' ? "''" : "");
    add(line, around[how]);
    for (; *word != '\0'; word++) {
        char one[] = {*word, '\0'};

        if (how == 0 && *word == '\'') {
            add(line, "'\\''");
        } else if (how == 2 && *word == '\n') {
            add(line, "'\n'");
        } else {
            if (how == 2 || (how == 1 && strchr("$`\"\\", *word) != NULL))
                add(line, "\\");
            add(line, one);
        }
    }
    add(line, around[how]);
    add(line, " ");
}

static void split_again(char **words, size_t count, int how)
{
    struct weir__buffer line = {0};
    char **again, *text;
    size_t count_again;

    for (size_t i = 0; i < count; i++)
        quote(&line, words[i], how);
    text = weir__buffer_take(&line, NULL);
    HOLDS(weir__words_split(text, &again, &count_again, NULL) == 0);
    HOLDS(count_again == count && again[count] == NULL);
    for (size_t i = 0; i < count; i++)
        HOLDS(strcmp(words[i], again[i]) == 0);
    weir__words_free(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char *line = malloc(length + 1);
    struct weir_error error;
    char **words;
    size_t count;
    int status;

    memcpy(line, bytes, length);
    line[length] = '\0';
    status = weir__words_split(line, &words, &count, &error);
    HOLDS(status == 0 || status == WEIR_ERR_INVALID);
    if (status == 0) {
        HOLDS(count <= length);
        for (int how = 0; how < 3; how++)
            split_again(words, count, how);
        weir__words_free(words);
    }
    free(line);
    return 0;
}
