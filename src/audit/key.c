#include "config.h"

#include "audit/key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

/* A user who can read the key can make records, and one who can write it can make
 * records that do not hold. */
static int check(int fd, const char *path, struct weir_error *error)
{
    struct stat info;

    if (fstat(fd, &info) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot access the key file %.300s", path);
    if (!S_ISREG(info.st_mode))
        return weir__fail(error, WEIR_ERR_INVALID, 0, "the key file %.300s is not a regular file",
                          path);
    if (info.st_uid != geteuid() && info.st_uid != 0)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the key file %.300s belongs to another user: use a key file of your own",
                          path);
    if ((info.st_mode & 077) != 0)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the key file %.300s is open to others (mode %04o): chmod 600 it, and "
                          "make a new key if others may have read it",
                          path, (unsigned)info.st_mode & 07777);
    return 0;
}

/* Reads up to size bytes.  Returns how many, or -1. */
static ssize_t read_whole(int fd, char *bytes, size_t size)
{
    size_t used = 0;

    while (used < size) {
        ssize_t count = read(fd, bytes + used, size - used);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        if (count == 0)
            break;
        used += (size_t)count;
    }
    return (ssize_t)used;
}

static int take(struct weir__audit_key *key, const char *bytes, size_t length,
                struct weir_error *error)
{
    static const char label[] = "weir audit key";
    char hex[WEIR__DIGEST_SIZE];

    key->digest = weir__digest_new(bytes, length);
    if (key->digest == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a key");
    weir__digest_add(key->digest, label, sizeof label - 1);
    weir__digest_take(key->digest, hex);
    memcpy(key->id, hex, sizeof key->id - 1);
    key->id[sizeof key->id - 1] = '\0';
    return 0;
}

static int read_key(struct weir__audit_key *key, int fd, const char *path, struct weir_error *error)
{
    char bytes[WEIR__AUDIT_KEY_MOST + 2];
    ssize_t length = read_whole(fd, bytes, sizeof bytes);
    int status;

    if (length < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot read the key file %.300s", path);
    if (length > 0 && bytes[length - 1] == '\n')
        length--;
    if (length < WEIR__AUDIT_KEY_LEAST)
        status = weir__fail(error, WEIR_ERR_INVALID, 0,
                            "the key file %.300s has fewer than %d bytes: make one with "
                            "openssl rand -hex 32",
                            path, WEIR__AUDIT_KEY_LEAST);
    else if (length > WEIR__AUDIT_KEY_MOST)
        status = weir__fail(error, WEIR_ERR_INVALID, 0,
                            "the key file %.300s has more than %d bytes: is it the right file?",
                            path, WEIR__AUDIT_KEY_MOST);
    else
        status = take(key, bytes, (size_t)length, error);
    explicit_bzero(bytes, sizeof bytes);
    return status;
}

int weir__audit_key_open(struct weir__audit_key *key, const char *path, struct weir_error *error)
{
    int fd, status;

    *key = (struct weir__audit_key){0};
    if (path == NULL || *path == '\0') {
        key->digest = weir__digest_new(NULL, 0);
        return key->digest != NULL ? 0 : weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would wait */
    if (fd < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot read the key file %.300s", path);
    status = check(fd, path, error);
    if (status == 0)
        status = read_key(key, fd, path, error);
    weir__close(&fd);
    return status;
}

void weir__audit_key_clear(struct weir__audit_key *key)
{
    weir__digest_free(key->digest);
    *key = (struct weir__audit_key){0};
}

const char *weir__audit_key_algorithm(const struct weir__audit_key *key)
{
    return key->id[0] != '\0' ? "hmac-sha256" : "sha256";
}
