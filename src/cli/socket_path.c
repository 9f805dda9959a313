#include "config.h"

#include "cli/socket_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/socket_address.h"

char *socket_path(const char *given, struct weir_error *error)
{
    static const char name[] = "/weir.sock";
    struct sockaddr_un address; /* only asked whether it would hold the path */
    const char *directory = given != NULL ? given : getenv("XDG_RUNTIME_DIR");
    size_t length;
    char *path;

    if (given == NULL && (directory == NULL || *directory == '\0')) {
        weir__fail(error, WEIR_ERR_INVALID, 0,
                   "no --socket was given, and its usual place is in XDG_RUNTIME_DIR, which is not "
                   "set: give one");
        return NULL;
    }
    length = strlen(directory) + sizeof name;
    path = malloc(length);
    if (path == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
        return NULL;
    }
    snprintf(path, length, "%s%s", directory, given != NULL ? "" : name);
    if (weir__socket_address(&address, path, error) == 0)
        return path;
    free(path);
    return NULL;
}
