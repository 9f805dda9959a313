#include "config.h"

#include "pool/server.h"

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/facility.h"
#include "base/fd.h"
#include "base/portable.h"
#include "base/printable.h"
#include "base/socket_address.h"
#include "base/process_tree.h"
#include "pool/connection.h"
#include "proc/context.h"
#include "rpc/rpc_write.h"

enum {
    BACKLOG = 128,
    RETRY_MS = 200, /* when out of descriptors */
    LOCK_MS = 5000,
    UNLOCK_MS = 500, /* the lock only prevents a race at the end */
    LOCK_RETRY_MS = 20,
    NAME_TRIES = 100, /* for an unused name next to the socket's */
    NAME_DIGITS = 16,
};

/* --- The socket's place ---------------------------------------------------- */

/* Whether path is free, or a socket of this user that no process listens on. */
static int check_place(const char *path, struct weir_error *error)
{
    struct sockaddr_un address;
    struct stat there;
    int fd, refused;

    if (lstat(path, &there) < 0)
        return errno == ENOENT
                   ? 0
                   : weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot stat %.200s", path);
    if (!S_ISSOCK(there.st_mode))
        return weir__fail(error, WEIR_ERR_SYSTEM, EEXIST,
                          "%.200s exists and is not a socket: choose another path", path);
    if (there.st_uid != geteuid())
        return weir__fail(error, WEIR_ERR_SYSTEM, EPERM,
                          "%.200s belongs to another user (%lu): choose another path", path,
                          (unsigned long)there.st_uid);
    if (weir__socket_address(&address, path, error) < 0)
        return WEIR_ERR_INVALID;
    fd = weir__socket(AF_UNIX, SOCK_STREAM, 1);
    if (fd < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot make a socket");
    refused = connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EAGAIN;
    weir__close(&fd);
    if (refused)
        return 0;
    return weir__fail(error, WEIR_ERR_BUSY, 0,
                      "another server listens at %.200s: stop it first, or choose another --socket",
                      path);
}

/* Writes a random name in path's directory that fits into an address. If path's own name is
 * short and its directory long, there is room for few digits only. */
static void make_name_beside(char beside[WEIR__SOCKET_PATH_MAX + 1], const char *path)
{
    static const char prefix[] = ".weir-";
    const char *slash = strrchr(path, '/');
    int directory = slash != NULL ? (int)(slash + 1 - path) : 0;
    int room = WEIR__SOCKET_PATH_MAX - directory;
    int digits = room < NAME_DIGITS ? room : NAME_DIGITS;
    char tag[WEIR__JOB_TAG_SIZE];

    weir__job_tag_make(tag);
    snprintf(beside, WEIR__SOCKET_PATH_MAX + 1, "%.*s%s%.*s", directory, path,
             room >= digits + (int)strlen(prefix) ? prefix : "", digits, tag);
}

/* Makes the socket private without naming it: others with write access to the directory could
 * replace it by a link. On Linux a socket file gets the mode that the descriptor has before
 * bind(). */
static int make_private(const char *beside)
{
    struct stat made;

    if (lstat(beside, &made) == 0 && S_ISSOCK(made.st_mode) && (made.st_mode & 0777) == 0600)
        return 0;
    return chmod(beside, 0600);
}

/* Binds the socket next to its place and renames it, so that it never appears with another mode,
 * and the place is never empty. */
static int bind_beside(int fd, const char *path, struct weir_error *error)
{
    char beside[WEIR__SOCKET_PATH_MAX + 1];
    struct sockaddr_un address;
    int failed = EADDRINUSE;

    fchmod(fd, 0600);
    for (int tries = 0; failed == EADDRINUSE && tries < NAME_TRIES; tries++) {
        make_name_beside(beside, path);
        if (weir__socket_address(&address, beside, error) < 0)
            return WEIR_ERR_INVALID;
        failed = bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
    }
    if (failed != 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot make a socket at %.200s", path);
    if (make_private(beside) < 0 || listen(fd, BACKLOG) < 0 || rename(beside, path) < 0) {
        failed = errno;
        unlink(beside);
        return weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot listen at %.200s", path);
    }
    return 0;
}

/* Waits for a lock. Any process that may read the directory can hold it, even forever. */
static int take_lock(int fd, int wake_fd, int64_t patience_ms, const char *path,
                     struct weir_error *error)
{
    int64_t until_ns = weir__clock_ns() + patience_ms * 1000000;

    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        struct pollfd wake = {.fd = wake_fd, .events = POLLIN};

        if (errno != EWOULDBLOCK && errno != EINTR)
            return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot lock the directory of %.200s",
                              path);
        if (weir__clock_ns() > until_ns)
            return weir__fail(error, WEIR_ERR_TIMEOUT, 0,
                              "another process has held a lock on the directory of %.200s for %g "
                              "s: find it with lslocks or fuser, or choose another --socket",
                              path, (double)patience_ms / 1000);
        if (poll(&wake, 1, LOCK_RETRY_MS) > 0)
            return weir__fail(error, WEIR_ERR_TIMEOUT, 0,
                              "interrupted while waiting for a lock on the directory of %.200s",
                              path);
    }
    return 0;
}

/* Returns a descriptor, or a negative status. */
static int open_directory(const char *path, struct weir_error *error)
{
    char *copy = strdup(path);
    int fd;

    if (copy == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        weir__fail(error, WEIR_ERR_SYSTEM, errno,
                   "cannot open the directory of the socket %.200s: create it, or choose another "
                   "--socket",
                   path);
    free(copy);
    return fd < 0 ? WEIR_ERR_SYSTEM : fd;
}

int weir__socket_check(const char *path, struct weir_error *error)
{
    struct sockaddr_un address;
    int status = weir__socket_address(&address, path, error), directory;

    if (status < 0)
        return status;
    directory = open_directory(path, error);
    if (directory < 0)
        return directory;
    if (faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) < 0)
        status = weir__fail(error, WEIR_ERR_SYSTEM, errno,
                            "cannot write to the directory of the socket %.200s: choose another "
                            "--socket",
                            path);
    weir__close(&directory);
    return status < 0 ? status : check_place(path, error);
}

/* Locks the directory against others that want the same place. Returns a descriptor, or a
 * negative status. */
static int lock_directory(const char *path, int wake_fd, int64_t patience_ms,
                          struct weir_error *error)
{
    int fd = open_directory(path, error), status;

    if (fd < 0)
        return fd;
    status = take_lock(fd, wake_fd, patience_ms, path, error);
    if (status == 0)
        return fd;
    weir__close(&fd);
    return status;
}

int weir__socket_bind(const char *path, int wake_fd, struct weir_error *error)
{
    struct sockaddr_un address;
    int status = weir__socket_address(&address, path, error), fd = -1, directory;

    if (status < 0)
        return status;
    directory = lock_directory(path, wake_fd, LOCK_MS, error);
    if (directory < 0)
        return directory;
    status = check_place(path, error);
    if (status >= 0) {
        fd = weir__socket(AF_UNIX, SOCK_STREAM, 0);
        status = fd < 0 ? weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot make a socket")
                        : bind_beside(fd, path, error);
    }
    weir__close(&directory);
    if (status >= 0)
        return fd;
    weir__close(&fd);
    return status;
}

void weir__socket_unbind(const char *path, int fd)
{
    struct sockaddr_un address, there;
    socklen_t length = sizeof address;
    struct stat now;
    int directory = lock_directory(path, -1, UNLOCK_MS, NULL);

    /* A socket and its file have different inode numbers. The file is still ours if nothing
     * answers there once we no longer listen. */
    if (getsockname(fd, (struct sockaddr *)&address, &length) == 0 && shutdown(fd, SHUT_RDWR) == 0
        && lstat(path, &now) == 0 && S_ISSOCK(now.st_mode)
        && weir__socket_address(&there, path, NULL) == 0 && check_place(path, NULL) == 0)
        unlink(path);
    if (directory >= 0)
        weir__close(&directory);
}

/* --- Connections ----------------------------------------------------------- */

/* Only this user and root are served. */
static int is_allowed(int fd)
{
    uid_t user;

    return weir__socket_peer(fd, &user) == 0 && (user == geteuid() || user == 0);
}

/* Tells a client why it is not served, if it can be written at once; takes fd. */
static void __attribute__((format(printf, 2, 3))) refuse_client(int fd, const char *format, ...)
{
    struct weir__buffer line = {0};
    char sentence[200];
    va_list args;

    va_start(args, format);
    weir__sentence_list(sentence, sizeof sentence, format, args);
    va_end(args);
    if (weir__write_error(&line, weir__slice_of("null"), -33005, sentence,
                          (struct weir__slice){NULL, 0})
        == 0)
        (void)!weir__write_no_sigpipe(fd, line.bytes, line.length);
    weir__buffer_clear(&line);
    weir__close(&fd);
}

static void admit(struct weir__server *server, int fd)
{
    if (!is_allowed(fd)) {
        server->refused_users++;
        refuse_client(fd, "only user %lu and root are served here", (unsigned long)geteuid());
    } else if (server->connection_count >= server->limits.max_connections) {
        server->refused_connections++;
        refuse_client(fd,
                      "the server has %zu connections, the limit (--max-connections): try later",
                      server->connection_count);
    } else {
        weir__connection_open(server, fd, fd, NULL);
    }
}

static void accept_some(void *data, int bits)
{
    struct weir__server *server = data;
    int fd = -1;

    (void)bits;
    for (int i = 0; i < BACKLOG; i++) {
        fd = weir__socket_accept(server->fd, NULL, NULL, 1);
        if (fd < 0)
            break;
        admit(server, fd);
    }
    if (fd >= 0 || errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
        return; /* those left wake us again */
    /* EMFILE, ENFILE, ENOMEM: the connection stays pending and would wake us again at once. */
    weir__watch_set(server->watch, 0);
    weir__timer_start(server->retry, RETRY_MS);
}

static void accept_again(void *data)
{
    struct weir__server *server = data;

    if (server->watch != NULL)
        weir__watch_set(server->watch, WEIR__READABLE);
}

/* --- Life ------------------------------------------------------------------ */

struct opening {
    struct weir__server *server;
    struct weir_error *error;
    int status;
};

static void open_here(void *data)
{
    struct opening *opening = data;
    struct weir__server *server = opening->server;
    weir__loop *loop = server->weir->loop;

    if (server->fd >= 0)
        opening->status = weir__watch_new(loop, server->fd, WEIR__READABLE, accept_some, server,
                                          &server->watch, opening->error);
    if (opening->status >= 0)
        opening->status =
            weir__timer_new(loop, accept_again, server, &server->retry, opening->error);
    if (opening->status >= 0)
        opening->status = weir__server_begin(server, opening->error);
}

int weir__server_open(struct weir__server *server, weir_t *weir, weir_pool_t *pool, int fd,
                      struct weir_error *error)
{
    struct opening opening = {.server = server, .error = error};

    server->weir = weir;
    server->pool = pool;
    server->fd = fd;
    if (fd >= 0)
        weir__fd_set_nonblocking(fd);
    weir__context_do(weir, open_here, &opening);
    if (opening.status < 0)
        weir__server_close(server, 0, -1);
    return opening.status < 0 ? opening.status : 0;
}

struct pairing {
    struct weir__server *server;
    int in, out, status;
    struct weir_error *error;
};

static void pair_here(void *data)
{
    struct pairing *pairing = data;
    struct weir__server *server = pairing->server;

    pairing->status = weir__server_begin(server, pairing->error);
    if (pairing->status < 0) {
        if (pairing->out != pairing->in)
            weir__close(&pairing->out);
        weir__close(&pairing->in);
        return;
    }
    pairing->status = weir__connection_open(server, pairing->in, pairing->out, pairing->error);
}

int weir__server_open_pair(struct weir__server *server, weir_t *weir, weir_pool_t *pool, int in,
                           int out, struct weir_error *error)
{
    struct pairing pairing = {.server = server, .in = in, .out = out, .error = error};

    server->weir = weir;
    server->pool = pool;
    server->fd = -1;
    server->is_private = in == out;
    weir__context_do(weir, pair_here, &pairing);
    if (pairing.status < 0)
        weir__server_close(server, 0, -1);
    return pairing.status < 0 ? pairing.status : 0;
}

static void stop_here(void *data)
{
    struct weir__server *server = data;

    weir__watch_close(&server->watch);
    weir__timer_close(&server->retry);
    weir__close(&server->fd);
}

void weir__server_stop(struct weir__server *server)
{
    weir__context_do(server->weir, stop_here, server);
}

static int is_anyone_owed(const struct weir__server *server)
{
    for (const struct weir__connection *connection = server->connections; connection != NULL;
         connection = connection->next)
        if (weir__connection_owes(connection))
            return 1;
    return 0;
}

static void close_here(void *data)
{
    struct weir__server *server = data;

    stop_here(server);
    while (server->connections != NULL)
        weir__connection_close(server->connections);
    weir__server_end(server);
}

void weir__server_close(struct weir__server *server, int64_t flush_ms, int wake_fd)
{
    int64_t until_ns = weir__clock_ns() + flush_ms * 1000000, left_ms;

    if (server->weir == NULL)
        return;
    while (is_anyone_owed(server) && (left_ms = (until_ns - weir__clock_ns()) / 1000000) > 0) {
        struct pollfd fds[] = {{.fd = weir_fd(server->weir), .events = POLLIN},
                               {.fd = wake_fd, .events = POLLIN}};
        int next_ms = weir_timeout_ms(server->weir);

        if (left_ms > 100)
            left_ms = 100;
        poll(fds, 2, next_ms >= 0 && next_ms < left_ms ? next_ms : (int)left_ms);
        if (fds[1].revents != 0)
            break;
        weir_dispatch(server->weir, NULL);
    }
    weir__context_do(server->weir, close_here, server);
    server->weir = NULL;
}
