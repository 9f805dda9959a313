/* Masks: whatever a word is, it comes out, and what an option in front says is a secret
 * does not. */
#include "config.h"

#include <string.h>

#include "base/redact.h"
#include "fuzz/replay.h"

static char *redacted(const char *word, const char *before)
{
    struct weir__buffer out = {0};
    char *text;

    HOLDS(weir__redact_add(&out, word, before, NULL) == 0);
    text = weir__buffer_take(&out, NULL);
    HOLDS(text != NULL);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static const char option[] = "--password=";
    char *word = malloc(length + 1), *with_option = malloc(length + sizeof option), *text;

    memcpy(word, bytes, length);
    word[length] = '\0';
    memcpy(with_option, option, sizeof option - 1);
    strcpy(with_option + sizeof option - 1, word);

    free(redacted(word, NULL));
    free(redacted(word, "-u"));
    text = redacted(with_option, NULL);
    HOLDS(strcmp(text, *word != '\0' ? "--password=" WEIR__REDACTED : option) == 0);
    free(text);
    text = redacted(word, "--token");
    HOLDS(strcmp(text, *word != '\0' ? WEIR__REDACTED : "") == 0);
    free(text);
    free(with_option);
    free(word);
    return 0;
}
