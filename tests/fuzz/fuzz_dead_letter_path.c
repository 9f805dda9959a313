/* A dead-letter file's name: only its own slashes lead to another directory, whatever the
 * task's number is.
 *
 * Input: a line with the task's number, then the name. */
#include "config.h"

#include <string.h>

#include "base/buffer.h"
#include "map/dead_letter_file.h"
#include "fuzz/replay.h"

static char *text_of(const uint8_t *bytes, size_t length)
{
    char *text = malloc(length + 1);

    HOLDS(text != NULL);
    memcpy(text, bytes, length);
    text[length] = '\0';
    return text;
}

static size_t count(const char *text, char byte)
{
    size_t found = 0;

    for (; *text != '\0'; text++)
        found += *text == byte;
    return found;
}

/* How many signs a name ends up with, or -1 where one stands for nothing. */
static long count_percents(const char *pattern)
{
    long found = 0;

    while ((pattern = strchr(pattern, '%')) != NULL) {
        if (pattern[1] == '\0' || strchr("phn%", pattern[1]) == NULL)
            return -1;
        found += pattern[1] == '%';
        pattern += 2;
    }
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const uint8_t *lf = length > 0 ? memchr(bytes, '\n', length) : NULL;
    char *task, *pattern, *path = NULL;
    struct weir_error error;
    long percents;
    int status;

    if (lf == NULL)
        return 0;
    task = text_of(bytes, (size_t)(lf - bytes));
    pattern = text_of(lf + 1, length - (size_t)(lf + 1 - bytes));
    setenv("SLURM_ARRAY_TASK_ID", task, 1);
    percents = count_percents(pattern);
    status = weir__dead_letter_path(pattern, &path, &error);
    if (*pattern != '\0') {
        HOLDS(status == (percents < 0 ? WEIR_ERR_INVALID : 0));
        HOLDS((path != NULL) == (status == 0));
    }
    if (path != NULL) {
        HOLDS(count(path, '/') == count(pattern, '/'));
        HOLDS(count(path, '%') >= (size_t)percents);
        if (percents == 0 && strchr(pattern, '%') == NULL)
            HOLDS(strcmp(path, pattern) == 0);
    }
    free(path);
    free(pattern);
    free(task);
    return 0;
}
