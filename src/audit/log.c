#include "config.h"

#include "audit/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/chain.h"
#include "audit/key.h"
#include "audit/lines.h"
#include "audit/lock.h"
#include "audit/rotation.h"
#include "audit/syslog.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/atomic_file.h"
#include "base/portable.h"

/* How often the file may be another one each time the lock was got. */
enum { TRIES = 1000 };

struct weir__audit_log {
    char *path;
    struct weir__audit_key key;
    struct weir__audit_syslog *syslog; /* NULL: none */
    uint64_t max_size;
    int no_sync, syncs_late;
    struct weir__buffer last, line; /* the last record that is there, and the new one */
};

struct weir__audit_log *weir__audit_open(const struct weir__audit_options *options,
                                         struct weir_error *error)
{
    struct weir__audit_log *log = calloc(1, sizeof *log);
    int status = 0;

    if (log == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for an audit log");
        return NULL;
    }
    log->max_size = options->max_size;
    log->no_sync = options->no_sync;
    log->syncs_late = options->syncs_late;
    /* A link's target is rotated, not the link. */
    log->path = realpath(options->path, NULL);
    if (log->path == NULL)
        log->path = strdup(options->path);
    if (log->path == NULL)
        status = weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for an audit log");
    if (status == 0)
        status = weir__audit_key_open(&log->key, options->key_file, error);
    if (status == 0 && options->syslog != NULL) {
        log->syslog = weir__audit_syslog_open(options->syslog, error);
        status = log->syslog != NULL ? 0 : -1;
    }
    if (status == 0)
        return log;
    weir__audit_close(log);
    return NULL;
}

void weir__audit_close(struct weir__audit_log *log)
{
    if (log == NULL)
        return;
    weir__audit_key_clear(&log->key);
    weir__audit_syslog_close(log->syslog);
    weir__buffer_clear(&log->last);
    weir__buffer_clear(&log->line);
    free(log->path);
    free(log);
}

/* --- The file ----------------------------------------------------------------- */

static int open_file(const struct weir__audit_log *log, struct weir_error *error)
{
    int fd = open(log->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    struct stat info;

    if (fd < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot write the audit log %.300s",
                          log->path);
    if (weir__fd_above_stdio(&fd, error) < 0)
        return WEIR_ERR_SYSTEM;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
        return fd;
    close(fd);
    return weir__fail(error, WEIR_ERR_INVALID, 0, "the audit log %.300s is not a regular file",
                      log->path);
}

/* Whether the log's name still leads to the file: another process may have rotated
 * it out while we waited.  Fills info. */
static int is_current(const struct weir__audit_log *log, int fd, struct stat *info)
{
    struct stat named;

    return fstat(fd, info) == 0 && stat(log->path, &named) == 0 && named.st_dev == info->st_dev
           && named.st_ino == info->st_ino;
}

/* Opens the file and locks it.  Returns its descriptor. */
static int open_locked(const struct weir__audit_log *log, struct stat *info,
                       struct weir_error *error)
{
    for (int tries = 0; tries < TRIES; tries++) {
        int fd = open_file(log, error), status;

        if (fd < 0)
            return fd;
        status = weir__audit_lock_take(fd, WEIR__AUDIT_LOCK_OWN, log->path, error);
        if (status == 0 && is_current(log, fd, info))
            return fd;
        close(fd);
        if (status < 0)
            return status;
    }
    return weir__fail(error, WEIR_ERR_SYSTEM, 0, "another process keeps replacing %.300s",
                      log->path);
}

/* --- What is there ------------------------------------------------------------ */

/* Reads the link that the last line of a file makes.  Returns 1, or 0 when the file
 * is empty. */
static int read_link(struct weir__audit_log *log, int fd, off_t size, const char *name,
                     struct weir__audit_link *link, struct weir_error *error)
{
    struct weir__audit_entry entry;
    enum weir__audit_line found;
    int status = weir__audit_last_line(fd, size, &log->last, name, error);

    if (status <= 0)
        return status;
    found = weir__audit_entry_read(&entry, log->last.bytes, log->last.length, &log->key);
    if (found == WEIR__AUDIT_LINE_GOOD) {
        link->seq = entry.seq;
        memcpy(link->hash, entry.hash, sizeof link->hash);
    } else if (found == WEIR__AUDIT_LINE_NOMEM) {
        status = weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a record");
    } else if (found == WEIR__AUDIT_LINE_OTHER) {
        status = weir__fail(error, WEIR_ERR_INVALID, 0,
                            "the last record of %.200s does not belong to this chain: %.200s", name,
                            entry.why);
    } else {
        status = weir__fail(error, WEIR_ERR_INVALID, 0,
                            "the last record of %.200s was changed: %.120s: check "
                            "it with weir audit verify",
                            name, entry.why);
    }
    weir__audit_entry_clear(&entry);
    return status;
}

/* The newest file that was rotated out has what an empty one goes on from. */
static int read_rotated(struct weir__audit_log *log, struct weir__audit_link *link,
                        struct weir_error *error)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    int status = weir__audit_rotated(log->path, &numbers, &count, error);
    char *name = count > 0 ? weir__audit_rotated_name(log->path, numbers[count - 1]) : NULL;
    struct stat info;
    int fd = -1;

    free(numbers);
    if (status == 0 && count > 0 && name == NULL)
        status = weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a file name");
    if (status == 0 && name != NULL) {
        fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &info) < 0)
            status = weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot read %.300s", name);
        else
            status = read_link(log, fd, info.st_size, name, link, error);
        weir__close(&fd);
    }
    free(name);
    return status < 0 ? status : 0;
}

static int find_link(struct weir__audit_log *log, int fd, off_t size, struct weir__audit_link *link,
                     struct weir_error *error)
{
    int status;

    weir__audit_link_init(link);
    status = read_link(log, fd, size, log->path, link, error);
    return status == 0 ? read_rotated(log, link, error) : status < 0 ? status : 0;
}

/* --- Writing ------------------------------------------------------------------ */

/* write(2) that answers EFBIG where write would raise SIGXFSZ, in the way of
 * weir__write_no_sigpipe(). */
static ssize_t write_no_signal(int fd, const void *bytes, size_t length)
{
    sigset_t limit, before, pending;
    ssize_t count;
    int was_pending, failed;

    sigemptyset(&limit);
    sigaddset(&limit, SIGXFSZ);
    sigpending(&pending);
    was_pending = sigismember(&pending, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &limit, &before);
    count = write(fd, bytes, length);
    failed = errno;
    if (count < 0 && failed == EFBIG && !was_pending)
        weir__signal_take(SIGXFSZ);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return count;
}

/* All of the line, or none of it. */
static int write_line(const struct weir__audit_log *log, int fd, off_t size,
                      struct weir_error *error)
{
    ssize_t count = write_no_signal(fd, log->line.bytes, log->line.length);
    int failed = count < 0 ? errno : ENOSPC; /* a short write: there was no room */

    if (count == (ssize_t)log->line.length)
        return 0;
    if (count > 0 && ftruncate(fd, size) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno,
                          "cannot remove an incomplete record at the end of %.200s", log->path);
    return weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot write the audit log %.300s",
                      log->path);
}

/* Outside of the lock: the next writer need not wait for our disk, and one wait may
 * do for several. */
static int sync_file(const struct weir__audit_log *log, int fd, int is_new,
                     struct weir_error *error)
{
    if (weir__sync(fd) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno,
                          "cannot write the audit log %.300s to disk", log->path);
    if (is_new)
        weir__directory_sync(log->path);
    return 0;
}

/* Gives the full file its number; the lock is held. */
static int rotate(const struct weir__audit_log *log, struct weir_error *error)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    int status = weir__audit_rotated(log->path, &numbers, &count, error);
    char *name;

    if (status < 0)
        return status;
    name = weir__audit_rotated_name(log->path, count > 0 ? numbers[count - 1] + 1 : 1);
    if (name == NULL)
        status = weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a file name");
    else if (rename(log->path, name) < 0)
        status = weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot rotate %.200s to %.200s",
                            log->path, name);
    free(name);
    free(numbers);
    return status;
}

enum { AGAIN = 1 };

/* The record's line, behind what is there.  Returns AGAIN when the file was full and
 * has been rotated out. */
static int append_locked(struct weir__audit_log *log, int fd, const struct stat *info,
                         json_t *record, struct weir_error *error)
{
    struct weir__audit_link link;
    int status = find_link(log, fd, info->st_size, &link, error);

    log->line.length = 0;
    if (status == 0)
        status = weir__audit_seal(record, &link, &log->key, &log->line, error);
    if (status < 0)
        return status;
    if (log->max_size > 0 && info->st_size > 0
        && (uint64_t)info->st_size + log->line.length > log->max_size) {
        if (!log->no_sync || log->syncs_late) /* another process may have left it to later */
            status = sync_file(log, fd, 0, error);
        if (status == 0)
            status = rotate(log, error);
        return status == 0 ? AGAIN : status;
    }
    return write_line(log, fd, info->st_size, error);
}

int weir__audit_append(struct weir__audit_log *log, json_t *record, struct weir_error *error)
{
    int status = AGAIN;

    while (status == AGAIN) {
        struct stat info;
        int fd = open_locked(log, &info, error);

        if (fd < 0)
            return fd;
        status = append_locked(log, fd, &info, record, error);
        weir__audit_lock_drop(fd);
        if (status == 0 && !log->no_sync)
            status = sync_file(log, fd, info.st_size == 0, error);
        close(fd);
    }
    return status;
}

int weir__audit_sync(struct weir__audit_log *log, struct weir_error *error)
{
    int fd = open_file(log, error), status;

    if (fd < 0)
        return fd;
    status = sync_file(log, fd, 1, error);
    close(fd);
    return status;
}

int weir__audit_tell(struct weir__audit_log *log, const json_t *record, struct weir_error *error)
{
    if (log->syslog == NULL)
        return 0;
    return weir__audit_syslog_send(log->syslog, record, log->line.bytes, log->line.length - 1,
                                   error);
}
