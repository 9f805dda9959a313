/* The ways that systems without close_range(2), memfd_create(2) and RWF_NOSIGNAL take,
 * beside the usual ones. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process_tree.h"
#include "support/harness.h"

/* Runs check in a child process; passes when it returns 0. */
static void check_in_child(int (*check)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(check());
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

static int is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* Opens holes and heights, closes from 100 on, looks. */
static int close_from_100(void (*close_from)(int))
{
    static const int fds[] = {50, 98, 99, 100, 101, 130, 777, 1000};

    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (dup2(STDOUT_FILENO, fds[i]) != fds[i])
            return 1;
    close_from(100);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (is_open(fds[i]) != (fds[i] < 100))
            return 2;
    return is_open(STDOUT_FILENO) ? 0 : 3;
}

static int closes_portably(void)
{
    return close_from_100(weir__close_from_portable);
}

static int closes(void)
{
    return close_from_100(weir__close_from);
}

static int closes_portably_when_there_is_no_descriptor_to_spare(void)
{
    int fd, last = -1;

    while ((fd = dup(STDOUT_FILENO)) >= 0) /* opendir() has no descriptor left */
        last = fd;
    if (errno != EMFILE)
        return 1;
    weir__close_from_portable(3);
    return is_open(last) || is_open(3) ? 2 : 0;
}

static void all_from_a_number_on_are_closed(void)
{
    check_in_child(closes);
    check_in_child(closes_portably);
}

static void all_are_closed_with_no_descriptor_to_spare(void)
{
    check_in_child(closes_portably_when_there_is_no_descriptor_to_spare);
}

static void check_file(int fd, const char *bytes, size_t length)
{
    char *back = malloc(length + 1);
    struct stat file;

    CU_ASSERT_FATAL(fd > STDERR_FILENO);
    CU_ASSERT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CU_ASSERT_EQUAL(fstat(fd, &file), 0);
    CU_ASSERT_EQUAL(file.st_size, (off_t)length);
    CU_ASSERT_EQUAL(file.st_nlink, 0); /* no name that could stay behind */
    CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_CUR), 0);
    CU_ASSERT_EQUAL(read(fd, back, length + 1), (ssize_t)length);
    CU_ASSERT_EQUAL(memcmp(back, bytes, length), 0);
    free(back);
    close(fd);
}

static void a_file_holds_the_bytes(void)
{
    size_t length = 3000000;
    char *bytes = malloc(length);

    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    check_file(weir__fd_of_bytes(bytes, length, NULL), bytes, length);
    check_file(weir__fd_of_bytes_portable(bytes, length, NULL), bytes, length);
    check_file(weir__fd_of_bytes("", 0, NULL), "", 0);
    check_file(weir__fd_of_bytes_portable("", 0, NULL), "", 0);
    free(bytes);
}

static void a_missing_directory_for_it_is_an_error(void)
{
    char *before = getenv("TMPDIR") != NULL ? strdup(getenv("TMPDIR")) : NULL;
    struct weir_error error = {0};

    setenv("TMPDIR", "/no/such/directory", 1);
    CU_ASSERT(weir__fd_of_bytes_portable("x", 1, &error) < 0);
    CU_ASSERT_EQUAL(error.sys_errno, ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "/no/such/directory"));
    if (before != NULL)
        setenv("TMPDIR", before, 1);
    else
        unsetenv("TMPDIR");
    free(before);
}

/* --- Writing to who is gone -------------------------------------------------- */

typedef ssize_t (*write_function)(int fd, const void *bytes, size_t length);

/* With SIGPIPE at its default; returns 0 when all is as it should be. */
static int write_in_vain(write_function write_bytes, int is_blocked)
{
    sigset_t sigpipe, before, after, waiting;
    int fds[2];

    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(is_blocked ? SIG_BLOCK : SIG_UNBLOCK, &sigpipe, NULL);
    sigprocmask(SIG_BLOCK, NULL, &before);
    if (pipe(fds) < 0 || write_bytes(fds[1], "x", 1) != 1)
        return 1;
    close(fds[0]);
    if (write_bytes(fds[1], "x", 1) != -1 || errno != EPIPE)
        return 2;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 || write_bytes(fds[1], "x", 1) != 1)
        return 3;
    close(fds[0]);
    if (write_bytes(fds[1], "x", 1) != -1 || errno != EPIPE)
        return 4;
    if (write_bytes(open("/dev/full", O_WRONLY), "x", 1) != -1 || errno != ENOSPC)
        return 5;
    if (write_bytes(-1, "x", 1) != -1 || errno != EBADF)
        return 6;
    sigpending(&waiting);
    sigprocmask(SIG_BLOCK, NULL, &after);
    return sigismember(&waiting, SIGPIPE) || sigismember(&after, SIGPIPE) != is_blocked ? 7 : 0;
}

/* A SIGPIPE that the host has blocked, and has waiting, is the host's. */
static int keeps_what_waits(write_function write_bytes)
{
    sigset_t sigpipe, waiting;

    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    sigprocmask(SIG_BLOCK, &sigpipe, NULL);
    raise(SIGPIPE);
    if (write_in_vain(write_bytes, 1) != 7)
        return 1;
    sigpending(&waiting);
    return sigismember(&waiting, SIGPIPE) ? 0 : 2;
}

static int writes_portably(void)
{
    return write_in_vain(weir__write_no_sigpipe_portable, 0) * 10
           + write_in_vain(weir__write_no_sigpipe_portable, 1);
}

static int writes(void)
{
    return write_in_vain(weir__write_no_sigpipe, 0) * 10 + write_in_vain(weir__write_no_sigpipe, 1);
}

static int keeps(void)
{
    return keeps_what_waits(weir__write_no_sigpipe);
}

static int keeps_portably(void)
{
    return keeps_what_waits(weir__write_no_sigpipe_portable);
}

static void writing_to_who_is_gone_is_an_error_and_no_signal(void)
{
    check_in_child(writes);
    check_in_child(writes_portably);
}

static void a_sigpipe_that_waits_for_the_host_is_left_to_it(void)
{
    check_in_child(keeps);
    check_in_child(keeps_portably);
}

/* --- Strays: what a spawner that is no subreaper goes by ------------------- */

static pid_t start_stray(const char *tag, int own_group)
{
    int ready[2];
    char byte;
    pid_t pid;

    if (pipe(ready) < 0)
        return -1;
    pid = fork();
    if (pid == 0) {
        char tags[200];

        if (own_group)
            setpgid(0, 0);
        snprintf(tags, sizeof tags, "%s.%s", test_marker(), tag);
        setenv(WEIR__JOB_TAG_NAME, tags, 1);
        fcntl(ready[0], F_SETFD, FD_CLOEXEC);
        dup2(ready[1], STDOUT_FILENO);
        close(ready[1]);
        execl(child_path("says_and_stays"), "says_and_stays", "r", (char *)NULL);
        _exit(127);
    }
    close(ready[1]);
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void check_died_of(pid_t pid, int signal)
{
    int status;

    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == signal);
}

static void stray_processes_are_found_by_their_job_tag(void)
{
    if (is_without("/proc"))
        return;
    char tag[WEIR__JOB_TAG_SIZE], other[WEIR__JOB_TAG_SIZE];
    pid_t ours[2], stranger;

    weir__job_tag_make(tag);
    weir__job_tag_make(other);
    ours[0] = start_stray(tag, 0);
    ours[1] = start_stray(tag, 1);
    stranger = start_stray(other, 1);
    CU_ASSERT_EQUAL(weir__process_tree_signal(tag, 0, 0), 2);
    CU_ASSERT_EQUAL(weir__process_tree_signal(tag, 0, SIGTERM), 2);
    check_died_of(ours[0], SIGTERM);
    check_died_of(ours[1], SIGTERM);
    CU_ASSERT_EQUAL(weir__process_tree_signal(tag, 0, 0), 0);
    CU_ASSERT_EQUAL(kill(stranger, 0), 0);
    CU_ASSERT_EQUAL(weir__process_tree_signal(other, 0, SIGKILL), 1);
    check_died_of(stranger, SIGKILL);
}

static pid_t start_with(char **envp)
{
    int ready[2];
    char byte = 0;
    pid_t pid;

    if (pipe(ready) < 0)
        return -1;
    pid = fork();
    if (pid == 0) {
        char *argv[] = {"says_and_stays", "r", NULL};

        dup2(ready[1], STDOUT_FILENO);
        fcntl(ready[0], F_SETFD, FD_CLOEXEC);
        fcntl(ready[1], F_SETFD, FD_CLOEXEC);
        execve(child_path("says_and_stays"), argv, envp);
        _exit(127);
    }
    close(ready[1]);
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void check_tag(char **envp, int wanted, const char *wanted_tag)
{
    char tags[WEIR__JOB_TAGS_SIZE] = "";
    pid_t pid = start_with(envp);

    CU_ASSERT_EQUAL(weir__process_tags(pid, tags), wanted);
    if (wanted == 1)
        CU_ASSERT_STRING_EQUAL(tags, wanted_tag);
    kill(pid, SIGKILL);
    check_died_of(pid, SIGKILL);
}

static void a_job_tag_is_found_wherever_it_stands_in_an_environment(void)
{
    if (is_without("/proc"))
        return;
    char own[200], *large = malloc(100001), *many[12];
    char *last[] = {large, "A=WEIR_JOB=no", own, NULL};

    snprintf(own, sizeof own, "%s=%s.and.more", WEIR__JOB_TAG_NAME, test_marker());
    memset(large, 'x', 100000);
    memcpy(large, "L=", 2);
    large[100000] = '\0';
    check_tag((char *[]){own, NULL}, 1, own + 9);
    check_tag((char *[]){"WEIR_JO=1", "WEIR_JOBS=2", "XWEIR_JOB=3", own, "B=4", NULL}, 1, own + 9);
    check_tag(last, 1, own + 9);
    check_tag((char *[]){large, "WEIR_JOBS=2", NULL}, 0, NULL);
    /* A name that two pieces share: every place in a piece of 16 KiB is tried. */
    for (int i = 0; i < 12; i++) {
        large[16384 - 12 + i] = '\0';
        check_tag((char *[]){large, own, NULL}, 1, own + 9);
        large[16384 - 12 + i] = 'x';
    }
    for (int i = 0; i < 10; i++)
        many[i] = large;
    many[10] = own;
    many[11] = NULL;
    check_tag(many, 1, own + 9);
    free(large);
}

static void strays_are_found_by_their_group(void)
{
    char tag[WEIR__JOB_TAG_SIZE], other[WEIR__JOB_TAG_SIZE];
    pid_t stray;

    weir__job_tag_make(tag);
    weir__job_tag_make(other);
    stray = start_stray(other, 1);
    CU_ASSERT_EQUAL(weir__process_tree_signal(tag, stray, 0), 1);
    /* A signal to the group is for kill(2). */
    CU_ASSERT_EQUAL(weir__process_tree_signal(tag, stray, SIGUSR1), 1);
    kill(-stray, SIGUSR2);
    check_died_of(stray, SIGUSR2);
    CU_ASSERT_EQUAL(weir__process_tree_signal(tag, stray, 0), 0);
}

static void a_zombie_is_no_stray(void)
{
    if (is_without("/proc"))
        return;
    char tag[WEIR__JOB_TAG_SIZE];
    siginfo_t info;
    pid_t stray;

    weir__job_tag_make(tag);
    stray = start_stray(tag, 1);
    kill(stray, SIGKILL);
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)stray, &info, WEXITED | WNOWAIT), 0);
    CU_ASSERT_EQUAL(weir__process_tree_signal(tag, stray, 0), 0);
    check_died_of(stray, SIGKILL);
}

static void the_searcher_is_not_its_own_stray(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        setpgid(0, 0);
        _exit(weir__process_tree_signal("no such tag", getpid(), SIGKILL) > 0);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void the_holder_of_a_pipe_is_found(void)
{
    if (is_without("/proc"))
        return;
    char command[64];
    struct stat file;
    int ends[2];
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    CU_ASSERT_EQUAL(fstat(ends[FD_READ_END], &file), 0);
    pid = fork();
    if (pid == 0) {
        dup2(ends[FD_WRITE_END], STDOUT_FILENO);
        execl("/bin/sleep", "sleep", "1000", (char *)NULL);
        _exit(127);
    }
    close(ends[FD_WRITE_END]);
    /* Between fork and exec it has our name; either way it is the holder. */
    CU_ASSERT_EQUAL(weir__pipe_holder(file.st_ino, getpid()), pid);
    while (weir__process_command(pid, command, sizeof command), strcmp(command, "sleep 1000") != 0)
        usleep(1000);
    weir__process_command(pid, command, 8);
    CU_ASSERT_STRING_EQUAL(command, "sleep 1"); /* cut to size */
    kill(pid, SIGKILL);
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
    weir__process_command(pid, command, sizeof command);
    CU_ASSERT_STRING_EQUAL(command, "[sleep]"); /* a zombie has a name alone */
    check_died_of(pid, SIGKILL);
    weir__process_command(pid, command, sizeof command);
    CU_ASSERT_STRING_EQUAL(command, "[?]");
    CU_ASSERT_EQUAL(weir__pipe_holder(file.st_ino, getpid()), 0);
    close(ends[FD_READ_END]);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"all from a number on are closed", all_from_a_number_on_are_closed},
        {"all are closed with no descriptor to spare", all_are_closed_with_no_descriptor_to_spare},
        {"a file holds the bytes", a_file_holds_the_bytes},
        {"a missing directory for it is an error", a_missing_directory_for_it_is_an_error},
        {"writing to who is gone is an error and no signal",
         writing_to_who_is_gone_is_an_error_and_no_signal},
        {"a SIGPIPE that waits for the host is left to it",
         a_sigpipe_that_waits_for_the_host_is_left_to_it},
        {"stray processes are found by their job tag", stray_processes_are_found_by_their_job_tag},
        {"a job tag is found wherever it stands in an environment",
         a_job_tag_is_found_wherever_it_stands_in_an_environment},
        {"strays are found by their group", strays_are_found_by_their_group},
        {"a zombie is no stray", a_zombie_is_no_stray},
        {"the searcher is not its own stray", the_searcher_is_not_its_own_stray},
        {"the holder of a pipe is found", the_holder_of_a_pipe_is_found},
        CU_TEST_INFO_NULL,
    };

    return run_suite("portable", tests);
}
