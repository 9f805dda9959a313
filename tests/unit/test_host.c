/* The program around weir: its descriptors, children, size and growth. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/harness.h"
#include "support/own_host.h"
#include "support/running.h"

/* --- 11: descriptors ------------------------------------------------------- */

static int with_five_thousand_descriptors(void)
{
    struct weir_command command = command_of(ARGV(child_path("shows_itself")));
    struct weir_result result;
    weir_t *weir;
    int last = -1, before;

    set_fd_limit(6000);
    for (int i = 0; i < 5000; i++)
        last = open("/dev/null", O_RDONLY); /* not close-on-exec */
    CHECK(last > 4096);
    weir = weir_open(NULL, NULL);
    CHECK(weir != NULL);
    for (int i = 0; i < 1000; i++)
        last = open("/dev/null", O_RDONLY); /* as far as they go */
    for (int fd = last > 0 ? last : 5999; fd > 5900; fd--)
        close(fd);
    before = count_open_fds();
    CHECK(weir_run(weir, &command, NULL, &result, NULL) == 0);
    CHECK(result.end == WEIR_EXITED);
    CHECK(strstr(result.out.text, "fds: 0 1 2\n") != NULL);
    weir_result_clear(&result);
    CHECK(count_open_fds() == before);
    weir_close(weir);
    return 0;
}

static void five_thousand_descriptors_do_not_reach_the_child(void)
{
    check_host(with_five_thousand_descriptors);
}

/* The quickest of so many runs, each in a context of its own, so that the start
 * of the spawner counts; 0 when one failed. */
static int64_t quickest_of_runs(int runs)
{
    int64_t quickest_ns = INT64_MAX;

    for (int i = 0; i < runs; i++) {
        int64_t ns = weir__clock_ns();
        weir_t *weir = weir_open(NULL, NULL);
        int good = weir != NULL && prints(weir, ARGV("true"), "");

        weir_close(weir);
        ns = weir__clock_ns() - ns;
        if (!good)
            return 0;
        if (ns < quickest_ns)
            quickest_ns = ns;
    }
    return quickest_ns;
}

static int with_a_limit_of_a_million(void)
{
    int64_t before_ns, after_ns;

    set_fd_limit(1024);
    before_ns = quickest_of_runs(30);
    set_fd_limit(1000000);
    after_ns = quickest_of_runs(30);
    CHECK(before_ns > 0 && after_ns > 0);
    /* A million calls of close(2) take tens of milliseconds. */
    CHECK(after_ns < 2 * before_ns + 5000000);
    return 0;
}

static void a_limit_of_a_million_descriptors_costs_nothing(void)
{
    check_host(with_a_limit_of_a_million);
}

/* --- 12: none to spare ----------------------------------------------------- */

static int closed; /* bits of stdin, stdout, stderr */

static int without_stdio(void)
{
    struct weir_command command = command_of(ARGV("sh", "-c", "cat; echo to stderr >&2"));
    struct weir_run_options options = run_options();
    struct weir_result result;
    int lowest = 0;
    weir_t *weir;

    for (int fd = 0; fd < 3; fd++)
        if (closed & 1 << fd)
            close(fd);
    while (!(closed & 1 << lowest))
        lowest++;
    weir = weir_open(NULL, NULL);
    CHECK(weir != NULL);
    options.input = WEIR_INPUT_BYTES;
    options.input_bytes = "input";
    options.input_length = 5;
    CHECK(weir_run(weir, &command, &options, &result, NULL) == 0);
    CHECK(result.end == WEIR_EXITED && result.code == 0);
    CHECK(strcmp(result.out.text, "input") == 0);
    CHECK(strcmp(result.err.text, "to stderr\n") == 0);
    weir_result_clear(&result);
    CHECK(open("/dev/null", O_RDONLY) == lowest); /* nothing of ours sits there */
    close(lowest);
    command.argv = ARGV(child_path("shows_itself"));
    CHECK(weir_run(weir, &command, NULL, &result, NULL) == 0);
    CHECK(strstr(result.out.text, "fds: 0 1 2\n") != NULL);
    weir_result_clear(&result);
    weir_close(weir);
    return 0;
}

static void any_of_stdin_stdout_and_stderr_may_be_closed(void)
{
    for (closed = 1; closed < 8; closed++)
        check_host(without_stdio);
}

/* --- 13: children of the host's own ----------------------------------------- */

static int ignoring_sigchld(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, after;
    weir_t *weir;

    sigaction(SIGCHLD, &ignore, NULL);
    weir = weir_open(NULL, NULL);
    CHECK(weir != NULL);
    for (int i = 0; i < 100; i++)
        CHECK(prints(weir, ARGV("echo", "x"), "x\n"));
    weir_close(weir);
    sigaction(SIGCHLD, NULL, &after);
    CHECK(after.sa_handler == SIG_IGN);
    return 0;
}

static void the_host_may_ignore_sigchld(void)
{
    check_host(ignoring_sigchld);
}

static pthread_mutex_t own_mutex = PTHREAD_MUTEX_INITIALIZER;
static int own_left; /* children of the host that were started and not reaped */
static int reaper_ends;

/* Takes every child there is, as a shell or an init would. */
static void *reap_all(void *data)
{
    int *strangers = data, status;

    for (;;) {
        pid_t pid = waitpid(-1, &status, 0);

        pthread_mutex_lock(&own_mutex);
        if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 42)
            own_left--;
        else if (pid > 0)
            ++*strangers;
        if (reaper_ends && own_left == 0) {
            pthread_mutex_unlock(&own_mutex);
            return NULL;
        }
        pthread_mutex_unlock(&own_mutex);
        if (pid < 0)
            nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
}

static int reaping_everything(void)
{
    int strangers = 0;
    pthread_t reaper;
    weir_t *weir;

    CHECK(pthread_create(&reaper, NULL, reap_all, &strangers) == 0);
    weir = weir_open(NULL, NULL); /* its helper is a child for a moment: anybody may take it */
    CHECK(weir != NULL);
    pthread_mutex_lock(&own_mutex);
    strangers = 0;
    pthread_mutex_unlock(&own_mutex);
    for (int i = 0; i < 300; i++) {
        if (i % 10 == 0) {
            pthread_mutex_lock(&own_mutex);
            own_left++;
            pthread_mutex_unlock(&own_mutex);
            if (fork() == 0)
                _exit(42);
        }
        CHECK(prints(weir, ARGV("echo", "x"), "x\n"));
    }
    weir_close(weir);
    pthread_mutex_lock(&own_mutex);
    reaper_ends = 1;
    pthread_mutex_unlock(&own_mutex);
    pthread_join(reaper, NULL);
    CHECK(own_left == 0);
    CHECK(strangers == 0);
    return 0;
}

static void the_host_may_reap_all_its_children_itself(void)
{
    check_host(reaping_everything);
}

struct tally {
    int ended, good;
};

static void count_end(weir_run_t *started, const struct weir_result *result,
                      const struct weir_error *error, void *context)
{
    struct tally *tally = context;

    (void)error;
    tally->ended++;
    tally->good += result != NULL && result->end == WEIR_EXITED && result->code == 3;
    weir_run_free(started);
}

static void a_child_of_the_hosts_own_keeps_its_status(void)
{
    siginfo_t info;
    struct weir_result result;
    weir_t *weir;
    int status;
    pid_t own = fork();

    if (own == 0)
        _exit(42);
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)own, &info, WEXITED | WNOWAIT), 0);
    weir = open_weir(); /* whoever waits for just any child here takes ours */
    result = run(weir, ARGV("true"), NULL);
    CU_ASSERT(exited_with(&result, 0));
    weir_result_clear(&result);
    kill_spawner();
    result = run(weir, ARGV("true"), NULL);
    weir_result_clear(&result);
    weir_close(weir);
    CU_ASSERT_EQUAL(waitpid(own, &status, 0), own);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

static void system_and_popen_work_during_a_thousand_runs(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("sh", "-c", "exit 3"));
    struct tally tally = {0, 0};
    int begun = 0, rounds = 0;

    while (tally.ended < 1000) {
        for (; begun < 1000 && begun - tally.ended < 20; begun++)
            CU_ASSERT_PTR_NOT_NULL(weir_run_start(weir, &command, NULL, count_end, &tally, NULL));
        if (rounds++ % 8 == 0) {
            FILE *pipe = popen("echo from popen; exit 5", "r");
            char line[64] = "";
            int status = system("exit 7");

            CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 7);
            CU_ASSERT_PTR_NOT_NULL_FATAL(pipe);
            CU_ASSERT_PTR_NOT_NULL(fgets(line, sizeof line, pipe));
            CU_ASSERT_STRING_EQUAL(line, "from popen\n");
            status = pclose(pipe);
            CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 5);
        }
        CU_ASSERT_FATAL(await_news(weir, PATIENCE_MS));
        weir_dispatch(weir, NULL);
    }
    CU_ASSERT_EQUAL(tally.good, 1000);
    CU_ASSERT(rounds >= 8);
    weir_close(weir);
}

/* --- 16: a large host ------------------------------------------------------ */

static long minor_faults(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

static size_t available_memory(void)
{
    FILE *file = fopen("/proc/meminfo", "r");
    char line[128];
    unsigned long kb = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "MemAvailable: %lu", &kb) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return (size_t)kb * 1024;
}

static int large(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (size_t)2 << 30;
    long faults, pages;
    char *memory;
    weir_t *weir;

    while (size > available_memory() / 3 && size > 64 << 20)
        size /= 2;
    if (size < (size_t)2 << 30)
        printf("# no memory for more than %zu MiB\n", size >> 20);
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    madvise(memory, size, MADV_NOHUGEPAGE); /* or a copy would come in few, large faults */
    for (size_t at = 0; at < size; at += page)
        memory[at] = 1;
    weir = weir_open(NULL, NULL);
    CHECK(weir != NULL);
    for (int i = 0; i < 10; i++)
        CHECK(prints(weir, ARGV("echo", "x"), "x\n"));
    faults = minor_faults();
    for (size_t at = 0; at < size; at += page)
        memory[at] = 2; /* after a fork every page would have to be copied */
    faults = minor_faults() - faults;
    pages = (long)(size / page);
    if (faults > pages / 100)
        printf("# %ld faults for %ld pages\n", faults, pages);
    CHECK(faults <= pages / 100);
    weir_close(weir);
    return 0;
}

static void a_large_host_is_never_copied(void)
{
    check_host(large);
}

/* --- Growth ---------------------------------------------------------------- */

static long resident_kb(pid_t pid)
{
    char path[64];
    FILE *file;
    long pages = 0;

    snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
    file = fopen(path, "r");
    if (file != NULL && fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int count_fds_of(pid_t pid)
{
    char path[64];
    DIR *dir;
    int count = 0;

    snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    dir = opendir(path);
    while (dir != NULL && readdir(dir) != NULL)
        count++;
    if (dir != NULL)
        closedir(dir);
    return count - 2; /* "." and ".." */
}

static void two_thousand_runs_leave_nothing_in_host_and_spawner(void)
{
    weir_t *weir = open_weir();
    pid_t spawner = spawner_of_this_test();
    struct weir_command command = command_of(NULL);
    long host_kb = 0, spawner_kb = 0;

    for (int i = 0; i < 2000; i++) {
        struct weir_result result;

        command.argv = i % 4 == 0   ? ARGV("/no/such/program")
                       : i % 4 == 1 ? ARGV("sh", "-c", "true & exit 0")
                                    : ARGV("true");
        command.cwd = i % 8 == 2 ? "/no/such/directory" : NULL;
        result = run_command(weir, &command, NULL);
        weir_result_clear(&result);
        if (i == 500) {
            host_kb = resident_kb(getpid());
            spawner_kb = resident_kb(spawner);
        }
    }
    CU_ASSERT_EQUAL(spawner_of_this_test(), spawner);
#if defined WITH_ADDRESS_SANITIZER || defined WITH_THREAD_SANITIZER
    (void)host_kb; /* a sanitizer keeps what was freed */
    (void)spawner_kb;
#else
    CU_ASSERT(resident_kb(getpid()) - host_kb < 1024);
    CU_ASSERT(resident_kb(spawner) - spawner_kb < 1024);
#endif
    CU_ASSERT(count_fds_of(spawner) <= 8);
    weir_close(weir);
}

static void a_context_may_stay_the_hosts_child(void)
{
    struct weir_options options;
    struct weir_result result;
    weir_t *weir;

    weir_options_init(&options);
    options.spawner_stays_child = 1;
    weir = weir_open(&options, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(weir);
    result = run(weir, ARGV("echo", "x"), NULL);
    CU_ASSERT_STRING_EQUAL(result.out.text, "x\n");
    weir_result_clear(&result);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), 0); /* there is one, and it lives */
    weir_close(weir);
    CU_ASSERT(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void several_contexts_do_not_know_each_other(void)
{
    weir_t *all[10];
    struct weir_command command = command_of(ARGV("sleep", "1000"));

    for (int i = 0; i < 10; i++) {
        all[i] = open_weir();
        weir_run_start(all[i], &command, NULL, NULL, NULL, NULL);
    }
    for (int i = 0; i < 9; i++)
        weir_close(all[i]);
    {
        struct weir_result result = run(all[9], ARGV("echo", "x"), NULL);

        CU_ASSERT(exited_with(&result, 0));
        weir_result_clear(&result);
    }
    weir_close(all[9]);
}

/* --- fork(2) without exec --------------------------------------------------- */

static weir_run_t *start_reader(weir_t *weir, int input)
{
    struct weir_command command = command_of(ARGV("sh", "-c", "read line; echo $line"));
    struct weir_run_options options;

    weir_run_options_init(&options);
    options.input = WEIR_INPUT_FD;
    options.input_fd = input;
    return weir_run_start(weir, &command, &options, NULL, NULL, NULL);
}

/* While a program of the parent runs.  Returns 0 when all went as it should. */
static int use_parents_context(weir_t *weir, weir_run_t *running)
{
    struct weir_command command = command_of(ARGV("echo", "x"));
    struct weir_result result = {0};
    struct weir_error error = {0};
    weir_t *own;

    alarm(30);
    CHECK(weir_run(weir, &command, NULL, &result, &error) == WEIR_ERR_INVALID);
    CHECK(strstr(error.text, "which forked this one") != NULL);
    CHECK(weir_run_wait(running, &result, &error) == WEIR_ERR_INVALID);
    CHECK(weir_refresh(weir, &error) == WEIR_ERR_INVALID);
    own = weir_open(NULL, NULL);
    CHECK(own != NULL && prints(own, ARGV("echo", "own"), "own\n"));
    weir_close(own);
    weir_run_free(running);
    weir_close(weir);
    return 0;
}

static void a_forked_child_is_refused_its_parents_context(void)
{
    weir_t *weir = weir_open(NULL, NULL);
    struct weir_result result = {0};
    weir_run_t *running;
    int ends[2], status;
    pid_t pid;

    CU_ASSERT_FATAL(weir != NULL && pipe2(ends, O_CLOEXEC) == 0);
    running = start_reader(weir, ends[0]);
    CU_ASSERT_FATAL(running != NULL);
    fflush(stdout);
    pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0)
        _exit(use_parents_context(weir, running));
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_EQUAL(write(ends[1], "on\n", 3), 3);
    CU_ASSERT_EQUAL(weir_run_wait(running, &result, NULL), 0);
    CU_ASSERT(exited_with(&result, 0) && strcmp(result.out.text, "on\n") == 0);
    weir_result_clear(&result);
    weir_run_free(running);
    weir_close(weir);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"five thousand descriptors do not reach the child",
         five_thousand_descriptors_do_not_reach_the_child},
        {"a limit of a million descriptors costs nothing",
         a_limit_of_a_million_descriptors_costs_nothing},
        {"any of stdin, stdout and stderr may be closed",
         any_of_stdin_stdout_and_stderr_may_be_closed},
        {"the host may ignore SIGCHLD", the_host_may_ignore_sigchld},
        {"the host may reap all its children itself", the_host_may_reap_all_its_children_itself},
        {"a child of the host's own keeps its status", a_child_of_the_hosts_own_keeps_its_status},
        {"system() and popen() work during a thousand runs",
         system_and_popen_work_during_a_thousand_runs},
        {"a large host is never copied", a_large_host_is_never_copied},
        {"two thousand runs leave nothing in host and spawner",
         two_thousand_runs_leave_nothing_in_host_and_spawner},
        {"a context may stay the host's child", a_context_may_stay_the_hosts_child},
        {"a forked child is refused its parent's context",
         a_forked_child_is_refused_its_parents_context},
        {"several contexts do not know each other", several_contexts_do_not_know_each_other},
        CU_TEST_INFO_NULL,
    };

    return run_suite("host", tests);
}
