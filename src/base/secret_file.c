#include "config.h"

#include "base/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/portable.h"

/* A user who can read a key can make what it vouches for, and one who can write it can make what
 * does not hold. */
static int check(const char *what, int fd, const char *path, struct weir_error *error)
{
    struct stat info;

    if (fstat(fd, &info) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot access the %s %.300s", what, path);
    if (!S_ISREG(info.st_mode))
        return weir__fail(error, WEIR_ERR_INVALID, 0, "the %s %.300s is not a regular file", what,
                          path);
    if (info.st_uid != geteuid() && info.st_uid != 0)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the %s %.300s belongs to another user: use a %s of your own", what, path,
                          what);
    if ((info.st_mode & 077) != 0)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the %s %.300s is open to others (mode %04o): chmod 600 it, and "
                          "make a new key if others may have read it",
                          what, path, (unsigned)info.st_mode & 07777);
    return 0;
}

static int read_whole(const char *what, int fd, const char *path, size_t max,
                      struct weir__buffer *bytes, struct weir_error *error)
{
    int status = weir__buffer_reserve(bytes, max + 1, error);

    while (status >= 0 && bytes->length <= max) {
        ssize_t count = read(fd, bytes->bytes + bytes->length, max + 1 - bytes->length);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot read the %s %.300s", what,
                              path);
        if (count == 0)
            return 0;
        bytes->length += (size_t)count;
    }
    return status < 0 ? status
                      : weir__fail(error, WEIR_ERR_INVALID, 0,
                                   "the %s %.300s has more than %zu bytes: is it the right file?",
                                   what, path, max);
}

int weir__secret_file_read(const char *what, const char *path, size_t max,
                           struct weir__buffer *bytes, struct weir_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would wait */
    int status;

    *bytes = (struct weir__buffer){0};
    if (fd < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot read the %s %.300s", what, path);
    status = check(what, fd, path, error);
    if (status == 0)
        status = read_whole(what, fd, path, max, bytes, error);
    weir__close(&fd);
    if (status < 0)
        weir__secret_clear(bytes);
    return status;
}

void weir__secret_clear(struct weir__buffer *bytes)
{
    if (bytes->bytes != NULL)
        weir__wipe(bytes->bytes, bytes->capacity);
    weir__buffer_clear(bytes);
}
