#include "config.h"

#include "cli/socket_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

char *socket_path(const char *given, struct weir_error *error)
{
    static const char name[] = "/weir.sock";
    const char *directory = given != NULL ? given : getenv("XDG_RUNTIME_DIR");
    size_t length;
    char *path;

    if (directory == NULL || *directory == '\0') {
        weir__fail(error, WEIR_ERR_INVALID, 0,
                   "no --socket was given, and its usual place is in XDG_RUNTIME_DIR, which is not "
                   "set: give one");
        return NULL;
    }
    length = strlen(directory) + sizeof name;
    path = malloc(length);
    if (path == NULL)
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
    else
        snprintf(path, length, "%s%s", directory, given != NULL ? "" : name);
    return path;
}
