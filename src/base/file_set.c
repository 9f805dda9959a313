#include "config.h"

#include "base/file_set.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

enum kind { NO_FILE, FILE_THERE, BLOCK_DEVICE, FILE_TO_COME };

struct weir__file {
    int use;
    enum kind kind;
    dev_t dev; /* the device; of a file to come, of its directory */
    ino_t ino;
    char base[NAME_MAX + 1]; /* the name of a file to come */
    char name[96];
    char *path; /* NULL: a descriptor */
};

static void take_stat(struct weir__file *file, const struct stat *info)
{
    file->dev = info->st_dev;
    file->ino = info->st_ino;
    if (S_ISREG(info->st_mode)) {
        file->kind = FILE_THERE;
    } else if (S_ISBLK(info->st_mode)) {
        file->kind = BLOCK_DEVICE;
        file->dev = info->st_rdev;
        file->ino = 0;
    }
}

/* Replaces a path that is a link by where it leads.  Returns 0 where it is none. */
static int follow(char path[PATH_MAX])
{
    char target[PATH_MAX], *slash = strrchr(path, '/');
    ssize_t length = readlink(path, target, sizeof target - 1);
    size_t kept = slash != NULL ? (size_t)(slash - path) + 1 : 0;

    if (length < 0)
        return 0;
    target[length] = '\0';
    if (target[0] == '/')
        kept = 0;
    if (kept + (size_t)length >= PATH_MAX)
        return 0;
    memcpy(path + kept, target, (size_t)length + 1);
    return 1;
}

/* 0, 1 or 2 for a path that names standard input, output or error, else -1. */
static int standard_of(const char *path)
{
    static const char *const names[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
    static const char *const places[] = {"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/"};

    for (int i = 0; i <= STDERR_FILENO; i++)
        if (strcmp(path, names[i]) == 0)
            return i;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        size_t length = strlen(places[i]);

        if (strncmp(path, places[i], length) == 0 && path[length] >= '0' && path[length] <= '2'
            && path[length + 1] == '\0')
            return path[length] - '0';
    }
    return -1;
}

/* Of a closed standard descriptor the number is taken by /dev/null, opened the wrong way round;
 * opening it by its path would make a working /dev/null of it, and lose what is written. */
static int is_closed(struct weir__file_set *set, int use, const char *name, const char *given)
{
    static const char *const standard[] = {"input", "output", "error"};
    int written = use & WEIR__FILE_WRITTEN, links = 40, fd = -1;
    char path[PATH_MAX];

    if (strlen(given) >= sizeof path)
        return 0;
    strcpy(path, given);
    do {
        fd = standard_of(path);
    } while (fd < 0 && follow(path) && --links > 0);
    if (fd < 0 || weir__fd_may(fd, written ? O_WRONLY : O_RDONLY))
        return 0;
    if (set->error.status == 0)
        weir__fail(&set->error, WEIR_ERR_SYSTEM, 0,
                   "cannot %s %s %.200s: standard %s is closed, or not open for %s",
                   written ? "write to" : "read", name, given, standard[fd],
                   written ? "writing" : "reading");
    return 1;
}

/* What opening it would create: also through a link that leads to nothing yet. */
static void take_place(struct weir__file *file, const char *given)
{
    char path[PATH_MAX], *slash;
    struct stat info;
    int links = 40;

    if (strlen(given) >= sizeof path)
        return;
    strcpy(path, given);
    while (follow(path) && --links > 0)
        continue;
    slash = strrchr(path, '/');
    if (strlen(slash != NULL ? slash + 1 : path) > NAME_MAX)
        return;
    strcpy(file->base, slash != NULL ? slash + 1 : path);
    if (slash != NULL)
        slash[slash == path] = '\0';
    if (stat(slash != NULL ? path : ".", &info) < 0)
        return;
    file->kind = FILE_TO_COME;
    file->dev = info.st_dev;
    file->ino = info.st_ino;
}

static int is_same(const struct weir__file *a, const struct weir__file *b)
{
    return a->kind != NO_FILE && a->kind == b->kind && a->dev == b->dev && a->ino == b->ino
           && strcmp(a->base, b->base) == 0;
}

static int may_be_same(const struct weir__file *a, const struct weir__file *b)
{
    return ((a->use | b->use) & WEIR__FILE_WRITTEN) == 0
           || (a->use & b->use & WEIR__FILE_STANDARD) != 0;
}

static void add_file(struct weir__file_set *set, const struct weir__file *file)
{
    struct weir__file *files;

    if (file->kind == NO_FILE || set->error.status != 0)
        return;
    for (size_t i = 0; i < set->count; i++) {
        const struct weir__file *other = &set->files[i];
        const char *path = file->path != NULL ? file->path : other->path;

        if (!is_same(other, file) || may_be_same(other, file))
            continue;
        weir__fail(&set->error, WEIR_ERR_INVALID, 0,
                   "%s and %s are the same file%s%.200s: give each a file of its own", other->name,
                   file->name, path != NULL ? ", " : "", path != NULL ? path : "");
        return;
    }
    files = realloc(set->files, (set->count + 1) * sizeof *files);
    if (files != NULL) {
        set->files = files;
        files[set->count] = *file;
        files[set->count].path = file->path != NULL ? strdup(file->path) : NULL;
        set->count++;
    }
    if (files == NULL || (file->path != NULL && files[set->count - 1].path == NULL))
        weir__fail(&set->error, WEIR_ERR_NOMEM, 0, "no memory for file names");
}

void weir__file_set_path(struct weir__file_set *set, int use, const char *name, const char *path)
{
    struct weir__file file = {.use = use, .path = (char *)path};
    struct stat info;

    if (path == NULL || is_closed(set, use, name, path))
        return;
    snprintf(file.name, sizeof file.name, "%s", name);
    if (stat(path, &info) == 0)
        take_stat(&file, &info);
    else if (errno == ENOENT)
        take_place(&file, path);
    add_file(set, &file);
}

void weir__file_set_fd(struct weir__file_set *set, int use, const char *name, int fd)
{
    static const char *const standard[] = {"standard input", "standard output", "standard error"};
    struct weir__file file = {.use = use};
    struct stat info;

    if (fd < 0 || fstat(fd, &info) < 0)
        return;
    if (name == NULL && fd <= STDERR_FILENO)
        name = standard[fd];
    if (name != NULL)
        snprintf(file.name, sizeof file.name, "%s", name);
    else
        snprintf(file.name, sizeof file.name, "descriptor %d", fd);
    take_stat(&file, &info);
    add_file(set, &file);
}

int weir__file_set_end(struct weir__file_set *set, struct weir_error *error)
{
    int status = set->error.status;

    for (size_t i = 0; i < set->count; i++)
        free(set->files[i].path);
    free(set->files);
    if (status != 0 && error != NULL)
        *error = set->error;
    *set = (struct weir__file_set){0};
    return status;
}
