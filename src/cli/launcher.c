#include "config.h"

#include "cli/launcher.h"

#include <stdlib.h>
#include <string.h>

#include "text/shell_words.h"

int launchers_split(const struct cli_command *command, const char *option,
                    const struct cli_list *texts, size_t count, char ****words)
{
    int status = 0;

    if (texts->count == 0)
        return 0;
    if (texts->count > 1 && texts->count != count) {
        cli_say(command,
                "%s was given %zu times, and there are %zu workers: give one for all, or "
                "one for each in the same order",
                option, texts->count, count);
        return command->usage_status;
    }
    *words = calloc(count, sizeof **words);
    if (*words == NULL) {
        cli_say(command, "no memory");
        return CLI_FAILED;
    }
    for (size_t i = 0; i < count && status == 0; i++) {
        const char *text = texts->items[texts->count > 1 ? i : 0];

        if (*text != '\0' || texts->count == 1)
            status = cli_split_words(command, option, text, &(*words)[i]);
    }
    return status;
}

void launchers_free(char ***words, size_t count)
{
    for (size_t i = 0; words != NULL && i < count; i++)
        weir__words_free(words[i]);
    free(words);
}

const char *launcher_warning(const char *const *words, int is_shell)
{
    const char *slash = words != NULL ? strrchr(words[0], '/') : NULL;
    const char *name = words == NULL ? "" : slash != NULL ? slash + 1 : words[0];

    if (is_shell || strcmp(name, "ssh") != 0)
        return NULL;
    return "warning: ssh hands the worker's words to a shell, which splits them again: add "
           "--launcher-shell";
}
