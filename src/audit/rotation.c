#include "config.h"

#include "audit/rotation.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

enum { DIGITS = 6, MOST_DIGITS = 18 };

/* The number in "BASE.000012", or 0. */
static uint64_t number_of(const char *name, const char *base)
{
    size_t length = strlen(base), digits;

    if (strncmp(name, base, length) != 0 || name[length] != '.')
        return 0;
    name += length + 1;
    digits = strspn(name, "0123456789");
    if (digits < DIGITS || digits > MOST_DIGITS || name[digits] != '\0'
        || (digits > DIGITS && name[0] == '0')) /* one number, one name */
        return 0;
    return strtoull(name, NULL, 10);
}

static int compare(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;

    return first < second ? -1 : first > second;
}

int weir__audit_rotated(const char *path, uint64_t **numbers, size_t *count,
                        struct weir_error *error)
{
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
    char *directory = slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    DIR *dir = directory != NULL ? opendir(directory) : NULL;
    struct weir__buffer found = {0};
    struct dirent *entry;
    int status = 0;

    if (dir == NULL) {
        status = weir__fail(error, directory != NULL ? WEIR_ERR_SYSTEM : WEIR_ERR_NOMEM,
                            directory != NULL ? errno : 0, "cannot look for older files of %.300s",
                            path);
        free(directory);
        return status;
    }
    while (status == 0 && (entry = readdir(dir)) != NULL) {
        uint64_t number = number_of(entry->d_name, base);

        if (number > 0)
            status = weir__buffer_add(&found, &number, sizeof number, error);
    }
    closedir(dir);
    free(directory);
    if (status < 0) {
        weir__buffer_clear(&found);
        return status;
    }
    *count = found.length / sizeof **numbers;
    if (*count > 0)
        qsort(found.bytes, *count, sizeof **numbers, compare);
    *numbers = (uint64_t *)(void *)found.bytes;
    return 0;
}

char *weir__audit_rotated_name(const char *path, uint64_t number)
{
    size_t size = strlen(path) + 32;
    char *name = malloc(size);

    if (name != NULL)
        snprintf(name, size, "%s.%0*" PRIu64, path, DIGITS, number);
    return name;
}
