#include "config.h"

#include "proc/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

enum {
    CHUNK = 64 * 1024,
    SPLICE_AT_MOST = 1024 * 1024,
    /* POLLOUT on a pipe or terminal that is not ours promises this much
     * without waiting (POSIX.1-2008, poll: PIPE_BUF is at least 512). */
    GENTLE = 4096,
    MOVES_A_TURN = 16,
};

static void close_all(struct weir__relay *relay)
{
    weir__watch_close(&relay->can_read);
    weir__watch_close(&relay->can_write);
    weir__close(&relay->from);
    weir__close(&relay->to);
    weir_decoder_free(relay->decoder);
    relay->decoder = NULL;
    weir__buffer_clear(&relay->waiting);
    relay->ended = 1;
}

static void finish(struct weir__relay *relay, int failed)
{
    close_all(relay);
    relay->on_end(relay->owner, failed);
}

static int keep(const char *bytes, size_t length, void *data)
{
    return weir__buffer_add(data, bytes, length, NULL);
}

/* 1: ready, 0: not now. */
static int is_ready(int fd, short events)
{
    struct pollfd one = {.fd = fd, .events = events};

    return poll(&one, 1, 0) > 0;
}

enum move { MOVED, WAIT_READ, WAIT_WRITE, AT_END, FAILED };

static enum move splice_some(struct weir__relay *relay)
{
    ssize_t count = weir__splice_no_sigpipe(relay->from, relay->to, SPLICE_AT_MOST);

    if (count > 0) {
        relay->total += (uint64_t)count;
        relay->moved += (uint64_t)count;
        relay->on_bytes(relay->owner, (size_t)count);
        return MOVED;
    }
    if (count == 0)
        return AT_END;
    if (errno == EAGAIN)
        return is_ready(relay->from, POLLIN) ? WAIT_WRITE : WAIT_READ;
    if (errno == EPIPE)
        return FAILED;
    if (errno != EINTR)
        relay->can_splice = 0;
    return MOVED;
}

static enum move read_some(struct weir__relay *relay)
{
    char chunk[CHUNK];
    ssize_t count = read(relay->from, chunk, sizeof chunk);
    int status;

    if (count < 0 && errno == EIO)
        count = 0; /* a terminal that nobody has open any more */
    if (count < 0)
        return errno == EAGAIN ? WAIT_READ : errno == EINTR ? MOVED : FAILED;
    if (count > 0) {
        relay->total += (uint64_t)count;
        relay->on_bytes(relay->owner, (size_t)count);
    }
    if (relay->decoder == NULL)
        status = weir__buffer_add(&relay->waiting, chunk, (size_t)count, NULL);
    else if (count > 0)
        status =
            weir_decoder_feed(relay->decoder, chunk, (size_t)count, keep, &relay->waiting, NULL);
    else
        status = weir_decoder_finish(relay->decoder, keep, &relay->waiting, NULL);
    if (status < 0) {
        errno = status == WEIR_ERR_NOMEM ? ENOMEM : EILSEQ;
        return FAILED;
    }
    if (count == 0) {
        relay->ended = 1;
        return relay->waiting.length > 0 ? MOVED : AT_END;
    }
    return MOVED;
}

static enum move write_some(struct weir__relay *relay)
{
    size_t length = relay->waiting.length - relay->written;
    ssize_t count;

    if (relay->to_is_shared && relay->can_write != NULL) {
        if (!is_ready(relay->to, POLLOUT))
            return WAIT_WRITE;
        if (length > GENTLE)
            length = GENTLE;
    }
    count = weir__write_no_sigpipe(relay->to, relay->waiting.bytes + relay->written, length);
    if (count < 0)
        return errno == EAGAIN ? WAIT_WRITE : errno == EINTR ? MOVED : FAILED;
    relay->written += (size_t)count;
    relay->moved += (size_t)count;
    if (relay->written == relay->waiting.length) {
        relay->written = relay->waiting.length = 0;
        if (relay->ended)
            return AT_END;
    }
    return MOVED;
}

static void move(void *data, int bits)
{
    struct weir__relay *relay = data;
    enum move outcome = MOVED;

    (void)bits;
    for (int turn = 0; turn < MOVES_A_TURN && outcome == MOVED; turn++) {
        if (relay->waiting.length > 0)
            outcome = write_some(relay);
        else if (relay->can_splice)
            outcome = splice_some(relay);
        else
            outcome = read_some(relay);
    }
    switch (outcome) {
    case AT_END:
        finish(relay, 0);
        return;
    case FAILED:
        finish(relay, errno);
        return;
    case MOVED: /* others have their turn; whatever is ready calls again */
        outcome = relay->waiting.length > 0 && relay->can_write != NULL ? WAIT_WRITE : WAIT_READ;
        break;
    default:
        break;
    }
    weir__watch_set(relay->can_read, outcome == WAIT_READ ? WEIR__READABLE : 0);
    if (relay->can_write != NULL)
        weir__watch_set(relay->can_write, outcome == WAIT_WRITE ? WEIR__WRITABLE : 0);
}

int weir__relay_start(struct weir__relay *relay, weir__loop *loop, int from, int to, int to_is_ours,
                      weir_decoder_t *decoder, struct weir_error *error)
{
    struct stat reader, writer;
    int status;

    relay->from = from;
    /* A descriptor of our own: another watch may be on theirs. */
    relay->to = to_is_ours ? to : fcntl(to, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    relay->to_is_shared = !to_is_ours;
    relay->decoder = decoder;
    relay->can_splice = decoder == NULL && to_is_ours && fstat(from, &reader) == 0
                        && fstat(to, &writer) == 0 && S_ISFIFO(reader.st_mode)
                        && S_ISFIFO(writer.st_mode);
    if (relay->to < 0) {
        status =
            weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot pass output on to descriptor %d", to);
        close_all(relay);
        return status;
    }
    status = weir__watch_new(loop, from, WEIR__READABLE, move, relay, &relay->can_read, error);
    if (status == 0
        && weir__watch_new(loop, relay->to, 0, move, relay, &relay->can_write, NULL) < 0)
        relay->can_write = NULL; /* a regular file takes all at once */
    if (status < 0)
        close_all(relay);
    return status;
}

int weir__relay_is_open(const struct weir__relay *relay)
{
    return relay->can_read != NULL;
}

int weir__relay_is_starved(const struct weir__relay *relay)
{
    return relay->waiting.length == 0 && !is_ready(relay->from, POLLIN);
}

void weir__relay_abandon(struct weir__relay *relay)
{
    if (relay->can_read == NULL)
        return;
    relay->abandoned = 1;
    close_all(relay);
}
