#include "config.h"

#include "cli/audit_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/rotation.h"
#include "base/error.h"

/* Opens a file and adds it. Returns 1, or 0 if is_optional and it does not exist. */
static int add_file(struct audit_files *log, const char *name, int is_optional,
                    struct weir_error *error)
{
    struct weir__audit_file *files = realloc(log->files, (log->count + 1) * sizeof *files);
    char *copy = strdup(name);
    struct stat info;
    int fd;

    if (files != NULL)
        log->files = files;
    if (files == NULL || copy == NULL) {
        free(copy);
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for file names");
    }
    fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
        log->files[log->count++] = (struct weir__audit_file){.fd = fd, .name = copy};
        return 1;
    }
    free(copy);
    if (fd < 0 && errno == ENOENT && is_optional)
        return 0;
    if (fd < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot read %.300s", name);
    close(fd);
    return weir__fail(error, WEIR_ERR_INVALID, 0, "%.300s is not a regular file", name);
}

static int is_same_file(int a, int b)
{
    struct stat first, second;

    return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev
           && first.st_ino == second.st_ino;
}

/* Rotated files are added after the current file, and moved before it at the end: it is opened
 * first, so that a file rotated meanwhile is seen exactly once. */
static int add_rotated(struct audit_files *log, const char *path, struct weir_error *error)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    int status = weir__audit_rotated(path, &numbers, &count, error);

    for (size_t i = 0; i < count && status >= 0; i++) {
        char *name = weir__audit_rotated_name(path, numbers[i]);

        if (name == NULL)
            status = weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for file names");
        else
            status = add_file(log, name, 1, error);
        free(name);
        if (status > 0 && log->count > 1
            && is_same_file(log->files[0].fd, log->files[log->count - 1].fd)) {
            log->count--;
            close(log->files[log->count].fd);
            free((char *)log->files[log->count].name);
            break;
        }
    }
    free(numbers);
    return status < 0 ? status : 0;
}

static int open_whole(struct audit_files *log, const char *path, struct weir_error *error)
{
    int there = add_file(log, path, 1, error), status;

    if (there < 0)
        return there;
    status = add_rotated(log, path, error);
    if (status == 0 && log->count == 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, ENOENT, "cannot read %.300s", path);
    if (status == 0 && there && log->count > 1) {
        struct weir__audit_file newest = log->files[0];

        memmove(log->files, log->files + 1, (log->count - 1) * sizeof newest);
        log->files[log->count - 1] = newest;
    }
    return status;
}

int audit_files_open(struct audit_files *log, const char *const *names, size_t count,
                     struct weir_error *error)
{
    int status = 0;

    *log = (struct audit_files){0};
    if (count == 1)
        return open_whole(log, names[0], error);
    for (size_t i = 0; i < count && status >= 0; i++)
        status = add_file(log, names[i], 0, error);
    return status < 0 ? status : 0;
}

void audit_files_close(struct audit_files *log)
{
    for (size_t i = 0; i < log->count; i++) {
        close(log->files[i].fd);
        free((char *)log->files[i].name);
    }
    free(log->files);
    *log = (struct audit_files){0};
}
