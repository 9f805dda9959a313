#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/command.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/peer.h"
#include "support/harness.h"

enum { SHORT_MS = 30 };

static char directory[64], fifo[96];

static void make_fifo(void)
{
    strcpy(directory, "/tmp/weir-test-peer-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    snprintf(fifo, sizeof fifo, "%s/fifo", directory);
    CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
}

static void remove_fifo(void)
{
    unlink(fifo);
    rmdir(directory);
}

/* Opens the FIFO with SHORT_MS of patience and expects a timeout that is not early. */
static void check_timeout(int flags)
{
    struct weir__patience patience = weir__patience_of(SHORT_MS);
    int64_t begin_ns = weir__clock_ns();

    CU_ASSERT_EQUAL(weir__peer_open(fifo, flags, &patience), -1);
    CU_ASSERT_EQUAL(errno, ETIMEDOUT);
    CU_ASSERT(weir__clock_ns() - begin_ns >= (int64_t)SHORT_MS * 1000000);
}

static void a_fifo_without_a_writer_times_out(void)
{
    make_fifo();
    check_timeout(O_RDONLY);
    remove_fifo();
}

static void a_fifo_without_a_reader_times_out(void)
{
    make_fifo();
    check_timeout(O_WRONLY);
    remove_fifo();
}

static void a_fifo_with_a_peer_opens_at_once(void)
{
    struct weir__patience patience = weir__patience_of(PATIENCE_MS);
    int reader, writer;

    make_fifo();
    reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    writer = weir__peer_open(fifo, O_WRONLY, &patience);
    CU_ASSERT_FATAL(writer > STDERR_FILENO);
    CU_ASSERT_EQUAL(fcntl(writer, F_GETFL) & O_NONBLOCK, 0);
    CU_ASSERT_EQUAL(fcntl(writer, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(reader);
    CU_ASSERT_EQUAL(weir__write_no_sigpipe(writer, "x", 1), -1);
    close(writer);
    remove_fifo();
}

/* A writer that has written nothing yet is seen only where tee(2) works; its first byte is
 * always seen, and stays to be read. */
static void the_first_byte_of_a_writer_is_not_lost(void)
{
    struct weir__patience patience = weir__patience_of(PATIENCE_MS);
    int both, reader;
    char byte = 0;

    make_fifo();
    both = open(fifo, O_RDWR | O_CLOEXEC);
    CU_ASSERT_EQUAL(write(both, "x", 1), 1);
    reader = weir__peer_open(fifo, O_RDONLY, &patience);
    CU_ASSERT_FATAL(reader > STDERR_FILENO);
    CU_ASSERT_EQUAL(fcntl(reader, F_GETFL) & O_NONBLOCK, 0);
    CU_ASSERT_EQUAL(read(reader, &byte, 1), 1);
    CU_ASSERT_EQUAL(byte, 'x');
    close(reader);
    close(both);
    remove_fifo();
}

static void *open_the_other_end(void *flags)
{
    int *fd = flags;

    *fd = open(fifo, *fd | O_CLOEXEC);
    return NULL;
}

static void check_late_peer(int ours, int theirs)
{
    struct weir__patience patience = weir__patience_of(PATIENCE_MS);
    pthread_t thread;
    int fd, other = theirs;

    make_fifo();
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, open_the_other_end, &other), 0);
    fd = weir__peer_open(fifo, ours, &patience);
    CU_ASSERT(fd > STDERR_FILENO);
    pthread_join(thread, NULL);
    CU_ASSERT(other >= 0);
    weir__close(&fd);
    weir__close(&other);
    remove_fifo();
}

static void a_reader_that_comes_late_is_waited_for(void)
{
    check_late_peer(O_WRONLY, O_RDONLY);
}

static void a_writer_that_comes_late_is_waited_for(void)
{
    if (is_without("tee(2)"))
        return;
    check_late_peer(O_RDONLY, O_WRONLY);
}

static void a_cancelled_wait_ends_at_once(void)
{
    int cancel[2];
    struct weir__patience patience = weir__patience_of(WEIR_FOREVER);

    make_fifo();
    CU_ASSERT_EQUAL_FATAL(weir__pipe(cancel, NULL), 0);
    patience.cancel_fd = cancel[FD_READ_END];
    CU_ASSERT_EQUAL(write(cancel[FD_WRITE_END], "x", 1), 1);
    CU_ASSERT_EQUAL(weir__peer_open(fifo, O_RDONLY, &patience), -1);
    CU_ASSERT_EQUAL(errno, ECANCELED);
    CU_ASSERT_EQUAL(weir__peer_open(fifo, O_WRONLY, &patience), -1);
    CU_ASSERT_EQUAL(errno, ECANCELED);
    CU_ASSERT_EQUAL(weir__peer_wait(-1, 0, &patience), ECANCELED);
    weir__close(&cancel[FD_READ_END]);
    weir__close(&cancel[FD_WRITE_END]);
    remove_fifo();
}

static void room_in_a_full_pipe_is_waited_for_with_a_clock(void)
{
    struct weir__patience patience = weir__patience_of(SHORT_MS);
    char block[4096] = "";
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    weir__fd_set_nonblocking(ends[FD_WRITE_END]);
    while (write(ends[FD_WRITE_END], block, sizeof block) > 0)
        continue;
    CU_ASSERT_EQUAL(weir__peer_wait(ends[FD_WRITE_END], POLLOUT, &patience), ETIMEDOUT);
    patience = weir__patience_of(PATIENCE_MS);
    while (read(ends[FD_READ_END], block, sizeof block) == sizeof block
           && poll(&(struct pollfd){.fd = ends[FD_READ_END], .events = POLLIN}, 1, 0) > 0)
        continue;
    CU_ASSERT_EQUAL(weir__peer_wait(ends[FD_WRITE_END], POLLOUT, &patience), 0);
    weir__close(&ends[FD_READ_END]);
    weir__close(&ends[FD_WRITE_END]);
}

/* What is no FIFO does not wait, and keeps open(2)'s own error. */
static void other_files_open_as_ever(void)
{
    struct weir__patience patience = weir__patience_of(WEIR_FOREVER);
    int fd = weir__peer_open("/dev/null", O_RDONLY, &patience);

    CU_ASSERT(fd > STDERR_FILENO);
    weir__close(&fd);
    CU_ASSERT_EQUAL(weir__peer_open("/nonexistent/file", O_RDONLY, &patience), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
}

static void an_error_says_what_was_waited_for(void)
{
    struct weir_error error;

    CU_ASSERT_EQUAL(weir__peer_fail(&error, ETIMEDOUT, "read", "in"), WEIR_ERR_TIMEOUT);
    CU_ASSERT_EQUAL(error.sys_errno, ETIMEDOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "cannot read in: "));
    CU_ASSERT_EQUAL(weir__peer_fail(&error, ECANCELED, "write", "out"), WEIR_ERR_SYSTEM);
    CU_ASSERT_EQUAL(error.sys_errno, ECANCELED);
    CU_ASSERT_EQUAL(weir__peer_fail(&error, EACCES, "open", "x"), WEIR_ERR_SYSTEM);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, strerror(EACCES)));
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"a FIFO without a writer times out", a_fifo_without_a_writer_times_out},
        {"a FIFO without a reader times out", a_fifo_without_a_reader_times_out},
        {"a FIFO with a peer opens at once", a_fifo_with_a_peer_opens_at_once},
        {"the first byte of a writer is not lost", the_first_byte_of_a_writer_is_not_lost},
        {"a reader that comes late is waited for", a_reader_that_comes_late_is_waited_for},
        {"a writer that comes late is waited for", a_writer_that_comes_late_is_waited_for},
        {"a cancelled wait ends at once", a_cancelled_wait_ends_at_once},
        {"room in a full pipe is waited for with a clock",
         room_in_a_full_pipe_is_waited_for_with_a_clock},
        {"other files open as ever", other_files_open_as_ever},
        {"an error says what was waited for", an_error_says_what_was_waited_for},
        CU_TEST_INFO_NULL,
    };

    return run_suite("peer", tests);
}
