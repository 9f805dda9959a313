#include "config.h"

#include "base/outfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"

static void release(struct weir__outfile *file)
{
    weir__close(&file->fd);
    free(file->place);
    free(file->temporary);
    free(file->shown);
    *file = (struct weir__outfile){.fd = -1};
}

/* Opens a new file in the place's directory.  Not mkstemp(3): its files are
 * private, these have the mode that the umask gives. */
static int open_beside(struct weir__outfile *file, const char *place)
{
    const char *slash = strrchr(place, '/');
    int dir_length = slash != NULL ? (int)(slash - place) + 1 : 0;
    size_t size = strlen(place) + 40;

    file->temporary = malloc(size);
    file->place = strdup(place);
    if (file->temporary == NULL || file->place == NULL)
        return ENOMEM;
    for (int tries = 0; tries < 100; tries++) {
        snprintf(file->temporary, size, "%.*s.%s.%ld.%d.part", dir_length, place,
                 place + dir_length, (long)getpid(), tries);
        file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file->fd >= 0 || errno != EEXIST)
            break;
    }
    return file->fd >= 0 ? 0 : errno;
}

int weir__outfile_open(struct weir__outfile *file, const char *path, struct weir_error *error)
{
    struct stat old;
    char place[PATH_MAX];
    int exists = stat(path, &old) == 0, failed;

    *file = (struct weir__outfile){.fd = -1, .shown = strdup(path)};
    if (file->shown == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a file name");
    if (exists && !S_ISREG(old.st_mode)) {
        file->fd = open(path, O_WRONLY | O_CLOEXEC);
        failed = file->fd >= 0 ? 0 : errno;
    } else {
        /* A link's target is replaced, not the link. */
        failed = open_beside(file, exists && realpath(path, place) != NULL ? place : path);
        if (failed == 0 && exists)
            fchmod(file->fd, old.st_mode & 07777);
    }
    if (failed == 0 && weir__fd_above_stdio(&file->fd, NULL) < 0)
        failed = errno;
    if (failed != 0) {
        if (file->fd >= 0 && file->temporary != NULL)
            unlink(file->temporary);
        release(file);
        return weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot write %s", path);
    }
    return 0;
}

void weir__directory_sync(const char *place)
{
    char dir[PATH_MAX], *slash;
    int fd;

    snprintf(dir, sizeof dir, "%s", place);
    slash = strrchr(dir, '/');
    if (slash == NULL)
        strcpy(dir, ".");
    else
        slash[slash == dir] = '\0';
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

/* Whether open_beside() names files so, for a place with this name in its directory. */
static int is_beside(const char *name, const char *place)
{
    size_t length = strlen(place), all = strlen(name), end = sizeof ".part" - 1;

    if (all < length + end + 2 || name[0] != '.' || memcmp(name + 1, place, length) != 0
        || name[length + 1] != '.' || strcmp(name + all - end, ".part") != 0)
        return 0;
    return strspn(name + length + 1, ".0123456789") == all - end - length - 1 + 1;
}

void weir__outfile_sweep(const char *path)
{
    char place[PATH_MAX], *slash;
    struct dirent *entry;
    DIR *dir;

    if (realpath(path, place) == NULL)
        return;
    slash = strrchr(place, '/');
    *slash = '\0';
    dir = opendir(slash == place ? "/" : place);
    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL)
        if (is_beside(entry->d_name, slash + 1))
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
}

int weir__outfile_commit(struct weir__outfile *file, struct weir_error *error)
{
    int status = 0;

    if (file->place == NULL) {
        if (close(file->fd) < 0)
            status = weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot write %s", file->shown);
        file->fd = -1;
    } else if (fsync(file->fd) < 0 || rename(file->temporary, file->place) < 0) {
        status = weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot write %s", file->shown);
        unlink(file->temporary);
    } else {
        weir__directory_sync(file->place);
    }
    release(file);
    return status;
}

void weir__outfile_discard(struct weir__outfile *file)
{
    if (file->fd >= 0 && file->temporary != NULL)
        unlink(file->temporary);
    release(file);
}
