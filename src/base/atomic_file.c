#include "config.h"

#include "base/atomic_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/xattr.h>
#endif

#include "base/error.h"
#include "base/fd.h"
#include "base/process_tree.h"

enum {
    RANDOM_DIGITS = WEIR__JOB_TAG_SIZE - 1,
    TRIES = 100,
    AROUND = sizeof ".." - 1 + RANDOM_DIGITS + sizeof ".part" - 1, /* .NAME.RANDOM.part */
};

static void release(struct weir__atomic_file *file)
{
    weir__close(&file->fd);
    weir__close(&file->dir);
    free(file->name);
    free(file->temporary);
    free(file->shown);
    *file = (struct weir__atomic_file){.fd = -1, .dir = -1};
}

/* How much of a name goes into that of the file beside it. */
static int kept_of(const char *name)
{
    size_t length = strlen(name);

    return (int)(length + AROUND > NAME_MAX ? NAME_MAX - AROUND : length);
}

/* Returns 0 or an errno. */
static int open_directory(struct weir__atomic_file *file, const char *place)
{
    const char *slash = strrchr(place, '/');
    char *path = slash == NULL    ? strdup(".")
                 : slash == place ? strdup("/")
                                  : strndup(place, (size_t)(slash - place));

    file->name = strdup(slash != NULL ? slash + 1 : place);
    file->temporary = malloc(NAME_MAX + 1);
    if (path == NULL || file->name == NULL || file->temporary == NULL) {
        free(path);
        return ENOMEM;
    }
    file->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file->dir < 0 && errno == EACCES) /* one that may be entered and not read */
        file->dir = weir__fd_of_directory(path);
    free(path);
    return file->dir < 0 || weir__fd_above_stdio(&file->dir, NULL) < 0 ? errno : 0;
}

/* What members of the group may do, where the group has changed. */
static mode_t without_group(mode_t mode)
{
    return (mode & 0707) | (mode & 070 & (mode & 07) << 3);
}

/* Opens a new file in the place's directory.  old: the file it will replace; NULL: none.  Not
 * mkstemp(3): that takes a path.  Returns 0 or an errno. */
static int open_beside(struct weir__atomic_file *file, const struct stat *old)
{
    /* Until it is known to be as the old one it is not more open than that. */
    mode_t mode = old == NULL                ? 0666
                  : old->st_uid == geteuid() ? 0600
                                             : without_group(old->st_mode & 0666);

    for (int tries = 0; tries < TRIES; tries++) {
        char random[WEIR__JOB_TAG_SIZE];

        weir__job_tag_make(random);
        snprintf(file->temporary, NAME_MAX + 1, ".%.*s.%s.part", kept_of(file->name), file->name,
                 random);
        file->fd = openat(file->dir, file->temporary,
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (file->fd >= 0 || errno != EEXIST)
            break;
    }
    return file->fd >= 0 ? 0 : errno;
}

/* Gives the file the access control list of the old one: what a directory gives to new files is
 * none of its own.  The group bits of a file with a list are the list's mask, not the group's
 * rights.  Returns whether fd has just what the old file had, list or none. */
static int copy_list(int fd, const char *path)
{
#ifdef __linux__
    static const char name[] = "system.posix_acl_access";
    char list[4096];
    ssize_t length = getxattr(path, name, list, sizeof list);

    if (length > 0)
        return fsetxattr(fd, name, list, (size_t)length, 0) == 0;
    if (length < 0 && errno != ENODATA && errno != ENOTSUP)
        return 0;
    return fremovexattr(fd, name) == 0 || errno == ENODATA || errno == ENOTSUP;
#else
    (void)fd;
    (void)path;
    return 1;
#endif
}

/* The rights of the old file, as far as the new one may have them. */
static void copy_mode(int fd, const struct stat *old, const char *path)
{
    mode_t mode = old->st_mode & 0777;
    struct stat made;

    if (old->st_uid != geteuid() || fstat(fd, &made) < 0)
        return; /* it has the umask's */
    if (made.st_gid != old->st_gid && fchown(fd, (uid_t)-1, old->st_gid) < 0)
        mode = without_group(mode);
    else if (!copy_list(fd, path))
        mode &= 0707;
    fchmod(fd, mode);
}

int weir__atomic_file_open(struct weir__atomic_file *file, const char *path,
                           const struct weir__patience *patience, struct weir_error *error)
{
    struct stat old;
    char place[PATH_MAX];
    int exists = stat(path, &old) == 0, failed;

    *file = (struct weir__atomic_file){.fd = -1, .dir = -1, .shown = strdup(path)};
    if (file->shown == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a file name");
    if (exists && !S_ISREG(old.st_mode)) {
        file->fd = weir__peer_open(path, O_WRONLY, patience);
        failed = file->fd >= 0 ? 0 : errno;
    } else {
        /* A link's target is replaced, not the link. */
        failed = open_directory(file, exists && realpath(path, place) != NULL ? place : path);
        if (failed == 0)
            failed = open_beside(file, exists ? &old : NULL);
        if (failed == 0 && exists)
            copy_mode(file->fd, &old, path);
    }
    if (failed == 0 && weir__fd_above_stdio(&file->fd, NULL) < 0)
        failed = errno;
    if (failed != 0) {
        weir__atomic_file_discard(file);
        return weir__peer_fail(error, failed, "write", path);
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

/* Whether open_beside() names files so, for a place with this name in its directory; or an
 * earlier weir did, with digits and dots in the middle. */
static int is_beside(const char *name, const char *place)
{
    size_t length = (size_t)kept_of(place), all = strlen(name), end = sizeof ".part" - 1;

    if (all < length + end + 2 || name[0] != '.' || memcmp(name + 1, place, length) != 0
        || name[length + 1] != '.' || strcmp(name + all - end, ".part") != 0)
        return 0;
    name += length + 2;
    all -= length + 2 + end;
    return (all == RANDOM_DIGITS && strspn(name, "0123456789abcdef") == all)
           || strspn(name, ".0123456789") >= all;
}

/* Nobody else's, and nothing but a file. */
static int is_ours(int dir, const char *name)
{
    struct stat file;

    return fstatat(dir, name, &file, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(file.st_mode)
           && file.st_uid == geteuid();
}

void weir__atomic_file_sweep(const char *path)
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
        if (is_beside(entry->d_name, slash + 1) && is_ours(dirfd(dir), entry->d_name))
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
}

int weir__atomic_file_commit(struct weir__atomic_file *file, struct weir_error *error)
{
    int status = 0;

    if (file->dir < 0) {
        if (close(file->fd) < 0)
            status = weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot write %s", file->shown);
        file->fd = -1;
    } else if (fsync(file->fd) < 0
               || renameat(file->dir, file->temporary, file->dir, file->name) < 0) {
        status = weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot write %s", file->shown);
        unlinkat(file->dir, file->temporary, 0);
    } else {
        fsync(file->dir);
    }
    release(file);
    return status;
}

void weir__atomic_file_discard(struct weir__atomic_file *file)
{
    if (file->fd >= 0 && file->dir >= 0)
        unlinkat(file->dir, file->temporary, 0);
    release(file);
}
