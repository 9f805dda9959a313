#include "config.h"

#include "support/harness.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/process_tree.h"
#include "support/scratch.h"

/* What a process looks like to others: what a test may not change. */
static struct {
    int fds;
    struct sigaction actions[NSIG];
    sigset_t blocked;
} before;

static char marker[WEIR__JOB_TAG_SIZE];
static char complaints[] = "/tmp/weir-sanitizer-XXXXXX"; /* directory of the sanitizers' logs */
static int case_count;
static const char *missing; /* what the running test would need */

int count_open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    if (dir == NULL)
        dir = opendir("/dev/fd");
    if (dir == NULL)
        return -1;
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

/* --- Processes ------------------------------------------------------------ */

const char *test_marker(void)
{
    return marker;
}

/* Whether a file of /proc/PID holds text. */
static int proc_file_has(pid_t pid, const char *name, const char *text)
{
    struct weir__buffer bytes = {0};
    char path[64];
    ssize_t count;
    int fd, has;

    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    while (weir__buffer_reserve(&bytes, 4096, NULL) == 0
           && (count = read(fd, bytes.bytes + bytes.length, bytes.capacity - bytes.length)) > 0)
        bytes.length += (size_t)count;
    close(fd);
    has = bytes.length > 0 && memmem(bytes.bytes, bytes.length, text, strlen(text)) != NULL;
    weir__buffer_clear(&bytes);
    return has;
}

static int is_marked(pid_t pid, const char *text)
{
    return pid != getpid()
           && (proc_file_has(pid, "environ", text) || proc_file_has(pid, "cmdline", text));
}

/* The first living process above pid after that has the text; 0 when none. */
static pid_t next_marked(const char *text, pid_t after)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;

    if (dir == NULL)
        return 0;
    while ((entry = readdir(dir)) != NULL) {
        pid_t pid = (pid_t)atol(entry->d_name);

        if (isdigit((unsigned char)entry->d_name[0]) && pid > after && (found == 0 || pid < found)
            && is_marked(pid, text))
            found = pid;
    }
    closedir(dir);
    return found;
}

int count_marked(const char *text)
{
    int count = 0;

    for (pid_t pid = 0; (pid = next_marked(text, pid)) != 0;)
        count++;
    return count;
}

pid_t find_marked(const char *text, const char *program)
{
    char path[64], file[4096];

    for (pid_t pid = 0; (pid = next_marked(text, pid)) != 0;) {
        const char *name;
        ssize_t length;

        snprintf(path, sizeof path, "/proc/%ld/exe", (long)pid);
        length = readlink(path, file, sizeof file - 1);
        file[length > 0 ? length : 0] = '\0';
        name = strrchr(file, '/');
        if (name != NULL && strcmp(name + 1, program) == 0)
            return pid;
    }
    return 0;
}

pid_t kill_spawner(void)
{
    pid_t spawner = find_marked(marker, "weir-spawner");

    CU_ASSERT_FATAL(spawner > 0); /* 0 would be our own group */
    kill(spawner, SIGKILL);
    return spawner;
}

char process_state(pid_t pid)
{
    char path[64], text[512];
    const char *after_name = NULL;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    file = fopen(path, "re");
    if (file != NULL && fgets(text, sizeof text, file) != NULL)
        after_name = strrchr(text, ')');
    if (file != NULL)
        fclose(file);
    return after_name != NULL ? after_name[2] : '\0';
}

int is_gone(pid_t pid)
{
    return kill(pid, 0) < 0 && errno == ESRCH;
}

int await_readable(int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    int count;

    do
        count = poll(&readable, 1, PATIENCE_MS);
    while (count < 0 && errno == EINTR);
    return count == 1;
}

int await_news(weir_t *weir, int wait_ms)
{
    struct pollfd news = {.fd = weir_fd(weir), .events = POLLIN};
#ifdef HAVE_SYS_TIMERFD_H
    const int due_ms = -1; /* then the descriptor tells of it */
#else
    const int due_ms = weir_timeout_ms(weir);
#endif
    int count;

    if (due_ms >= 0 && due_ms < wait_ms)
        wait_ms = due_ms;
    do
        count = poll(&news, 1, wait_ms);
    while (count < 0 && errno == EINTR);
    return count == 1 || wait_ms == due_ms;
}

int await_end(pid_t pid)
{
    int64_t until_ns = weir__clock_ns() + (int64_t)PATIENCE_MS * 1000000;
    int pidfd = -1, ended;

#ifdef SYS_pidfd_open
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
#endif
    if (pidfd >= 0) {
        ended = await_readable(pidfd);
        close(pidfd);
        return ended;
    }
    while (strchr("ZX", process_state(pid)) == NULL) {
        if (weir__clock_ns() > until_ns)
            return 0;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return 1;
}

void check_nothing_left(const char *text)
{
    pid_t pid;

    while ((pid = next_marked(text, 0)) != 0) {
        char command[256];

        weir__process_command(pid, command, sizeof command);
        if (await_end(pid))
            continue;
        printf("# left behind: %ld: %s\n", (long)pid, command);
        CU_FAIL("a process is left behind");
        kill(pid, SIGKILL);
        await_end(pid);
    }
}

/* --- Checks around every test --------------------------------------------- */

static void remember(void)
{
    before.fds = count_open_fds();
    for (int number = 1; number < NSIG; number++)
        sigaction(number, NULL, &before.actions[number]);
    pthread_sigmask(SIG_SETMASK, NULL, &before.blocked);
}

static void check_signals(void)
{
    /* Not SA_RESTORER, which the C library adds of its own accord. */
    const int flags = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_RESTART | SA_NODEFER
                      | SA_RESETHAND | SA_ONSTACK;
    struct sigaction action = {0};
    sigset_t blocked;

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (int number = 1; number < NSIG; number++) {
        if (sigaction(number, NULL, &action) < 0)
            continue;
        if (action.sa_handler != before.actions[number].sa_handler
            || ((action.sa_flags ^ before.actions[number].sa_flags) & flags) != 0
            || sigismember(&blocked, number) != sigismember(&before.blocked, number)) {
            printf("# changed: %s\n", strsignal(number));
            CU_FAIL("a signal's handler or mask is not what it was");
        }
    }
}

static void check_complaints(void)
{
    DIR *dir = opendir(complaints);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[1024], line[1024];
        int is_complaint = 0;
        FILE *file;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", complaints, entry->d_name);
        file = fopen(path, "r");
        while (file != NULL && fgets(line, sizeof line, file) != NULL) {
            printf("# %s", line);
            /* One that was killed while its leaks were looked for says so, and no more. */
            is_complaint |= strstr(line, "Unable to get registers from thread") == NULL;
        }
        if (file != NULL)
            fclose(file);
        unlink(path);
        if (is_complaint)
            CU_FAIL("a sanitizer complained of a process of ours");
    }
    if (dir != NULL)
        closedir(dir);
}

static void check_for_leaks(void)
{
    int fds = count_open_fds();

    if (fds != before.fds)
        printf("# %d open descriptors, and before the test %d\n", fds, before.fds);
    CU_ASSERT_EQUAL(fds, before.fds);
    CU_ASSERT(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    check_signals();
    check_nothing_left(marker);
    check_complaints();
}

/* Processes below this one are found by their marker.  What sanitizers have to
 * say of them would end in some pipe: it goes to files. */
static void mark_descendants(void)
{
    static const char *const names[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"};

    weir__job_tag_make(marker);
    setenv(WEIR__JOB_TAG_NAME, marker, 1);
    if (mkdtemp(complaints) == NULL)
        return;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *given = getenv(names[i]);
        char options[1024];

        snprintf(options, sizeof options, "%s%slog_path=%s/%s", given != NULL ? given : "",
                 given != NULL ? ":" : "", complaints, names[i]);
        setenv(names[i], options, 1);
    }
}

/* --- The suite ------------------------------------------------------------ */

static void tell_case(const CU_pTest test, const CU_pSuite suite, const CU_pFailureRecord failure)
{
    (void)suite;
    printf("%sok %d - %s", failure != NULL ? "not " : "", ++case_count, test->pName);
    if (missing != NULL)
        printf(" # SKIP weir is built without %s", missing);
    printf("\n");
    missing = NULL;
    for (CU_pFailureRecord f = failure; f != NULL; f = f->pNext)
        printf("# %s:%u: %s\n", f->strFileName, f->uiLineNumber, f->strCondition);
    fflush(stdout);
}

int is_without(const char *facility)
{
#ifdef WEIR_LINUX
    (void)facility;
    return 0;
#else
    missing = facility;
    return 1;
#endif
}

/* Only the tests whose names contain $WEIR_TEST, when that is set: for work on one of them. */
static void select_tests(CU_TestInfo *tests)
{
    const char *wanted = getenv("WEIR_TEST");
    size_t kept = 0;

    for (size_t i = 0; wanted != NULL && tests[i].pName != NULL; i++)
        if (strstr(tests[i].pName, wanted) != NULL)
            tests[kept++] = tests[i];
    if (wanted != NULL)
        tests[kept] = (CU_TestInfo)CU_TEST_INFO_NULL;
}

int is_under_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");

    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

int run_suite(const char *name, CU_TestInfo *tests)
{
    CU_SuiteInfo suites[] = {
        {name, NULL, NULL, remember, check_for_leaks, tests},
        CU_SUITE_INFO_NULL,
    };
    uv_loop_t loop;
    int planned = 0;
    unsigned failures;

    select_tests(tests);
    while (tests[planned].pName != NULL)
        planned++;
    printf("1..%d\n", planned);
    fflush(stdout); /* or a test's fork() prints it again */
    alarm(SUITE_DEADLINE_S * (is_under_valgrind() ? 10 : 1));
    mark_descendants();
    /* libuv opens descriptors of its own, once a process, at the first loop. */
    uv_loop_init(&loop);
    uv_loop_close(&loop);
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return EXIT_FAILURE;
    CU_set_test_complete_handler(tell_case);
    CU_run_all_tests();
    failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    rmdir(complaints);
    scratch_remove();
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

const char *child_path(const char *name)
{
    static char path[4096 + 256];
    char here[4096];
    const char *builddir = getenv("builddir");

    if (builddir == NULL)
        builddir = getcwd(here, sizeof here);
    snprintf(path, sizeof path, "%s/tests/children/%s", builddir != NULL ? builddir : ".", name);
    return path;
}

pid_t spawner_of_this_test(void)
{
    return find_marked(test_marker(), "weir-spawner");
}
