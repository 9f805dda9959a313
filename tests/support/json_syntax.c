/* Says of each file named whether it is one JSON text, for tests/cli/json_suite.sh:
 *
 *     NAME<TAB>good                               (NAME is without its directories)
 *     NAME<TAB>fault at OFFSET of LENGTH: REASON
 *
 * Strings must be UTF-8; with -r, any bytes pass in them. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "text/json_validate.h"

/* The bytes are of just that size, for the sanitizer. */
static char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    struct stat info;

    if (file != NULL && fstat(fileno(file), &info) == 0) {
        *length = (size_t)info.st_size;
        bytes = malloc(*length > 0 ? *length : 1);
    }
    if (bytes == NULL || fread(bytes, 1, *length, file) != *length) {
        perror(path);
        exit(2);
    }
    fclose(file);
    return bytes;
}

int main(int argc, char **argv)
{
    bool raw = argc > 1 && strcmp(argv[1], "-r") == 0;

    for (int i = 1 + raw; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/');
        struct weir__syntax_fault fault;
        size_t length;
        char *bytes = read_file(argv[i], &length);

        printf("%s\t", slash != NULL ? slash + 1 : argv[i]);
        if ((raw ? weir__json_syntax : weir__json_syntax_utf8)(bytes, length, &fault))
            puts("good");
        else
            printf("fault at %zu of %zu: %s\n", fault.offset, length, fault.reason);
        free(bytes);
    }
    return fflush(stdout) == 0 ? 0 : 2;
}
