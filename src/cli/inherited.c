#include "config.h"

#include "cli/inherited.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/procfs.h"
#include "cli/cli.h"

enum { LOOKED_AT_MOST = 65536 }; /* if the system has no list of open descriptors */

struct found {
    struct weir_descriptor *list;
    size_t count, room;
};

static void add_if_inherited(struct found *found, int fd)
{
    int flags = fcntl(fd, F_GETFD);

    if (fd <= STDERR_FILENO || flags < 0 || (flags & FD_CLOEXEC) != 0)
        return;
    if (found->count == found->room) {
        found->room = found->room * 2 + 16;
        found->list = realloc(found->list, found->room * sizeof *found->list);
        if (found->list == NULL) {
            fputs("weir: no memory\n", stderr);
            exit(CLI_FAILED);
        }
    }
    found->list[found->count++] = (struct weir_descriptor){.fd = fd, .number = fd};
}

size_t inherited_list(struct weir_descriptor **list)
{
    DIR *dir = weir__proc_list_of(WEIR__PROC_THIS_THREAD, "fd");
    long limit = sysconf(_SC_OPEN_MAX);
    struct found found = {0};
    struct dirent *entry;

    if (dir != NULL) {
        while ((entry = readdir(dir)) != NULL)
            add_if_inherited(
                &found, atoi(entry->d_name)); /* the directory's own descriptor is close-on-exec */
        closedir(dir);
    } else {
        for (int fd = STDERR_FILENO + 1; fd < limit && fd < LOOKED_AT_MOST; fd++)
            add_if_inherited(&found, fd);
    }
    *list = found.list;
    return found.count;
}
