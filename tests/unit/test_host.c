/* The program around weir: what it may be like, and what it never notices. */
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
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/process_tree.h"
#include "support/calling.h"
#include "support/harness.h"
#include "support/mapping.h"
#include "support/running.h"

/* --- A host of its own: what a test does to itself there stays there -------- */

static int *failed_line; /* shared with the host that is tried */

#define CHECK(holds)                                                                               \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            *failed_line = __LINE__;                                                               \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

/* A zombie is one, too. */
static int has_children(void)
{
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    return 0;
}

static void check_host(int (*host)(void))
{
    int status;
    pid_t pid;

    *failed_line = 0;
    fflush(stdout);
    pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0)
        _exit(host() != 0 || has_children());
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        printf("# the host failed: status %x, line %d\n", (unsigned)status, *failed_line);
    CU_ASSERT(WIFEXITED(status)); /* it lives, whatever happened */
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

/* In a host: a run that must work.  Returns 1 when it printed text and exited with 0. */
static int prints(weir_t *weir, const char *const *argv, const char *text)
{
    struct weir_command command = command_of(argv);
    struct weir_result result = {0};
    int good = weir_run(weir, &command, NULL, &result, NULL) == 0 && exited_with(&result, 0)
               && result.out.text != NULL && strcmp(result.out.text, text) == 0;

    weir_result_clear(&result);
    return good;
}

/* --- 11: descriptors ------------------------------------------------------- */

static void set_fd_limit(rlim_t limit)
{
    struct rlimit both;

    getrlimit(RLIMIT_NOFILE, &both);
    both.rlim_cur = limit;
    if (both.rlim_max < limit)
        both.rlim_max = limit;
    setrlimit(RLIMIT_NOFILE, &both);
}

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

/* What a host may do with few descriptors or processes.  Returns 1 when it
 * worked, 0 when it failed as it may, -1 when it did neither. */
typedef int attempt(weir_t *weir);

/* Whether it failed for want of what there was too little of. */
static int is_want(int sys_errno)
{
    return sys_errno == EMFILE || sys_errno == EAGAIN;
}

static int tells_want(const char *text)
{
    return strstr(text, strerror(EMFILE)) != NULL || strstr(text, strerror(EAGAIN)) != NULL;
}

static int failed_as_it_may(const struct weir_error *error)
{
    if (is_want(error->sys_errno))
        return 0;
    printf("# %s: %s\n", weir_status_name(error->status), error->text);
    return -1;
}

static int run_echo(weir_t *weir, const char *last)
{
    struct weir_command command = command_of(ARGV("/bin/echo", "whole", last));
    struct weir_run_options options = run_options();
    struct weir_result result = {0};
    struct weir_error error = {0};
    int outcome = -1;

    options.input = WEIR_INPUT_BYTES;
    options.input_bytes = "x";
    options.input_length = 1;
    if (weir_run(weir, &command, &options, &result, &error) < 0)
        return failed_as_it_may(&error);
    if (result.end == WEIR_NOT_STARTED && is_want(result.sys_errno))
        outcome = 0;
    else if (result.end == WEIR_EXITED && result.code == 0
             && strncmp(result.out.text, "whole", 5) == 0)
        outcome = 1;
    else
        printf("# %s, code %d, %s\n", weir_end_name(result.end), result.code, result.err.text);
    weir_result_clear(&result);
    return outcome;
}

static int try_run(weir_t *weir)
{
    return run_echo(weir, NULL);
}

/* Too large for a datagram: the request takes a descriptor itself. */
static int try_large_run(weir_t *weir)
{
    static char text[100001];

    memset(text, 'a', sizeof text - 1);
    return run_echo(weir, text);
}

static int files[2]; /* input and output: open before descriptors are few */

static int output_is(const char *text)
{
    char bytes[64] = "";
    ssize_t length = pread(files[1], bytes, sizeof bytes - 1, 0);

    return length == (ssize_t)strlen(text) && strcmp(bytes, text) == 0;
}

/* Three stages with relays between them. */
static int try_pipeline(weir_t *weir)
{
    weir_pipeline_t *pipeline = weir_pipeline_new();
    struct weir_pipeline_settings settings;
    struct weir_pipe_report report = {0};
    struct weir_error error = {0};
    int status, outcome = -1;

    weir_pipeline_get(pipeline, &settings);
    settings.meter = 1;
    settings.output_fd = files[1];
    weir_pipeline_set(pipeline, &settings, NULL);
    weir_pipeline_add_line(pipeline, "echo whole", NULL, NULL);
    weir_pipeline_add_line(pipeline, "cat", NULL, NULL);
    weir_pipeline_add_line(pipeline, "cat", NULL, NULL);
    status = weir_pipeline_run(weir, pipeline, &report, &error);
    weir_pipeline_free(pipeline);
    if (status < 0)
        return failed_as_it_may(&error);
    if (report.ok)
        outcome = output_is("whole\n") ? 1 : -1;
    else if (tells_want(report.reason))
        outcome = 0;
    if (outcome < 0)
        printf("# %d: %s\n", report.status, report.reason);
    weir_pipe_report_clear(&report);
    return outcome;
}

static int try_map(weir_t *weir)
{
    struct weir_map_options options = map_options(map_worker(NULL, NULL));
    struct weir_map_report report = {0};
    struct weir_error error = {0};
    int outcome = -1;

    options.input_fd = files[0];
    options.output_fd = files[1];
    if (weir_map_run(weir, &options, &report, &error) < 0)
        return failed_as_it_may(&error);
    if (report.status == 0)
        outcome = output_is("{\"r\":0}\n{\"r\":1}\n") ? 1 : -1;
    else if (report.dead == 0 && tells_want(report.reason))
        outcome = 0;
    if (outcome < 0)
        printf("# %d: %s\n", report.status, report.reason);
    weir_map_report_clear(&report);
    return outcome;
}

static int try_call(weir_t *weir)
{
    struct weir_pool_options options = worker_pool(NULL);
    struct weir_reply reply = {0};
    struct weir_error error = {0};
    weir_pool_t *pool;
    int status, outcome = -1;

    options.start_attempts = 1;
    pool = weir_pool_open(weir, &options, &error);
    if (pool == NULL)
        return failed_as_it_may(&error);
    status = weir_call(pool, "add", "[3,4]", NULL, &reply, &error);
    weir_pool_close(pool, PATIENCE_MS);
    if (status < 0)
        return failed_as_it_may(&error);
    if (reply.outcome == WEIR_CALL_RETURNED)
        outcome = strcmp(reply.result, "7") == 0 ? 1 : -1;
    else if (reply.outcome == WEIR_CALL_NO_WORKER && tells_want(reply.message))
        outcome = 0;
    if (outcome < 0)
        printf("# %s: %s\n", weir_outcome_name(reply.outcome),
               reply.message != NULL ? reply.message : reply.result);
    weir_reply_clear(&reply);
    return outcome;
}

static attempt *const attempts[] = {try_run, try_large_run, try_pipeline, try_map, try_call};
static attempt *attempted;

static int open_files(void)
{
    static const char records[] = "{\"n\":0}\n{\"n\":1}\n";

    for (int i = 0; i < 2; i++)
        files[i] = weir__fd_of_bytes_portable(records, i == 0 ? sizeof records - 1 : 0, NULL);
    return files[0] < 0 || files[1] < 0 ? -1 : 0;
}

static int rewind_files(void)
{
    CHECK(lseek(files[0], 0, SEEK_SET) == 0 && lseek(files[1], 0, SEEK_SET) == 0);
    CHECK(ftruncate(files[1], 0) == 0);
    return 0;
}

/* Gives the host one descriptor more each time until all works; the spawner
 * begins with the same limit, or, with open_first, with plenty. */
static int with_ever_more_descriptors(int open_first)
{
    struct weir_error error = {0};
    int before, base, failures = 0, outcome = 0;
    weir_t *weir = NULL;

    CHECK(open_files() == 0);
    before = count_open_fds();
    if (open_first)
        weir = weir_open(NULL, NULL);
    CHECK(!open_first || weir != NULL);
    base = count_open_fds();
    for (int limit = 4; limit < base + 60 && outcome == 0; limit++) {
        int fds;

        set_fd_limit((rlim_t)limit);
        if (!open_first)
            weir = weir_open(NULL, &error);
        outcome = weir != NULL ? attempted(weir) : 0;
        if (weir == NULL)
            CHECK(error.text[0] != '\0');
        if (!open_first)
            weir_close(weir);
        failures += outcome == 0;
        set_fd_limit(1024);
        CHECK(rewind_files() == 0);
        fds = count_open_fds();
        if (outcome < 0 || fds != base)
            printf("# at %d descriptors: outcome %d, %d open, before %d\n", limit, outcome, fds,
                   base);
        fflush(stdout);
        CHECK(outcome >= 0);
        CHECK(fds == base);
    }
    CHECK(outcome == 1);
    CHECK(failures > 5);
    if (open_first)
        weir_close(weir);
    CHECK(count_open_fds() == before);
    return 0;
}

static int few_for_both(void)
{
    return with_ever_more_descriptors(0);
}

static int few_for_the_host(void)
{
    return with_ever_more_descriptors(1);
}

static void at_every_number_of_descriptors_it_works_or_says_so(void)
{
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        attempted = attempts[i];
        check_host(few_for_both);
        check_host(few_for_the_host);
    }
}

/* The same from the very first loop of a process: see src/loop/loop.c. */
static void a_fresh_process_without_descriptors_is_told_so(void)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    int status;
    pid_t pid;

    CU_ASSERT_FATAL(length > 0);
    self[length] = '\0';
    for (int limit = 5; limit < 24; limit++) {
        char number[16];

        snprintf(number, sizeof number, "%d", limit);
        pid = fork();
        if (pid == 0) {
            execl(self, "test_host", "--with-descriptors", number, (char *)NULL);
            _exit(127);
        }
        CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            printf("# with %d descriptors: status %x\n", limit, (unsigned)status);
        CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

static int be_fresh_process(int limit)
{
    struct weir_error error = {0};
    weir_t *weir;
    int outcome;

    set_fd_limit((rlim_t)limit);
    weir = weir_open(NULL, &error);
    outcome = weir != NULL ? try_run(weir) : error.text[0] != '\0' ? 0 : -1;
    weir_close(weir);
    return outcome >= 0 ? 0 : 1;
}

/* A user's processes and threads: how many there are is the limit's measure. */
static int count_processes_of(uid_t user)
{
    char command[64];
    int count = 0;
    FILE *list;

    snprintf(command, sizeof command, "ps -L -o lwp= -U %u | wc -l", (unsigned)user);
    list = popen(command, "r");
    if (list == NULL || fscanf(list, "%d", &count) != 1)
        count = -1;
    if (list != NULL)
        pclose(list);
    return count;
}

enum { NOBODY = 65534 };

static int with_ever_more_processes(void)
{
    uid_t user = geteuid() == 0 ? NOBODY : geteuid();
    int failures = 0, outcome = 0, others = count_processes_of(user);
    struct weir_options options;
    struct rlimit limit;

    /* Else init may be slow to take the spawners of the attempts before, and they count. */
    weir_options_init(&options);
    options.spawner_stays_child = attempted != try_run;
    CHECK(others >= 0);
    CHECK(open_files() == 0);
    if (geteuid() == 0) {
        CHECK(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        prctl(PR_SET_DUMPABLE, 1);
    } else {
        others -= 3; /* the shell and its two programs */
    }
    getrlimit(RLIMIT_NPROC, &limit);
    for (int more = 0; more < 12 && outcome == 0; more++) {
        struct weir_error error = {0};
        weir_t *weir;

        limit.rlim_cur = (rlim_t)(others + more);
        CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
        weir = weir_open(&options, &error);
        outcome = weir != NULL ? attempted(weir) : 0;
        if (weir == NULL)
            CHECK(error.text[0] != '\0');
        weir_close(weir);
        CHECK(rewind_files() == 0);
        failures += outcome == 0;
        if (outcome < 0)
            printf("# with %d processes more\n", more);
        fflush(stdout);
        CHECK(outcome >= 0);
        CHECK(has_children() == 0);
    }
    CHECK(outcome == 1);
    CHECK(failures > 0);
    return 0;
}

/* Copies of what it executes, where another user may, too: a build may be out of
 * others' sight. */
static void at_every_number_of_processes_it_works_or_says_so(void)
{
    static const char *const children[] = {"map_worker", "rpc_worker"};
    char dir[] = "/tmp/weir-test-host-XXXXXX", command[10000];
    const char *spawner = getenv("WEIR_SPAWNER"), *builddir = getenv("builddir");

    CU_ASSERT_PTR_NOT_NULL_FATAL(spawner);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(command, sizeof command,
             "chmod 755 %s && mkdir -p %s/tests/children && cp '%s' %s/weir-spawner", dir, dir,
             spawner, dir);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    for (size_t i = 0; i < sizeof children / sizeof children[0]; i++) {
        snprintf(command, sizeof command, "cp '%s' %s/tests/children", child_path(children[i]),
                 dir);
        CU_ASSERT_EQUAL_FATAL(system(command), 0);
    }
    snprintf(command, sizeof command, "%s/weir-spawner", dir);
    spawner = strdup(spawner);
    builddir = builddir != NULL ? strdup(builddir) : NULL;
    setenv("WEIR_SPAWNER", command, 1);
    setenv("builddir", dir, 1);
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        attempted = attempts[i];
        check_host(with_ever_more_processes);
    }
    setenv("WEIR_SPAWNER", spawner, 1);
    if (builddir != NULL)
        setenv("builddir", builddir, 1);
    else
        unsetenv("builddir");
    free((char *)spawner);
    free((char *)builddir);
    snprintf(command, sizeof command, "rm -r %s", dir);
    CU_ASSERT_EQUAL(system(command), 0);
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

/* --- 15: sudden deaths ------------------------------------------------------ */

static int told; /* write end of the pipe in which the host's children speak */

/* Starts children of every kind, then stays. */
static int be_host_to_kill(void)
{
    static const char *const modes[] = {STRAYS};
    struct weir_run_options options = run_options();
    struct weir_command command = command_of(NULL);
    weir_t *weir = weir_open(NULL, NULL);

    CHECK(weir != NULL);
    options.out = WEIR_OUTPUT_FD;
    options.out_fd = told;
    options.grace_ms = 300;
    options.drain_ms = 1000000;
    for (int i = 0; i < 8; i++) {
        command.argv =
            ARGV(child_path("leaves_behind"), modes[i % (sizeof modes / sizeof modes[0])],
                 i < 4 ? "gentle" : "stubborn");
        CHECK(weir_run_start(weir, &command, &options, NULL, NULL, NULL) != NULL);
    }
    command.argv = ARGV(child_path("ignores_term"));
    CHECK(weir_run_start(weir, &command, &options, NULL, NULL, NULL) != NULL);
    command.argv = ARGV(child_path("stops_itself"));
    CHECK(weir_run_start(weir, &command, &options, NULL, NULL, NULL) != NULL);
    command.argv = ARGV("sh", "-c", "sleep 1000 & sleep 1000 & echo ready; wait");
    CHECK(weir_run_start(weir, &command, &options, NULL, NULL, NULL) != NULL);
    close(told);
    for (;;) {
        await_news(weir, PATIENCE_MS);
        weir_dispatch(weir, NULL);
    }
}

static void read_line(int fd, char *line, size_t size)
{
    size_t length = 0;

    while (length + 1 < size && await_readable(fd) && read(fd, line + length, 1) == 1
           && line[length] != '\n')
        length++;
    line[length] = '\0';
}

static void when_the_host_is_killed_all_are_gone(void)
{
    char own_marker[WEIR__COOKIE_SIZE], line[64];
    pid_t host, left[11];
    int ends[2], status, count = 0;

    weir__cookie_make(own_marker);
    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    host = fork();
    if (host == 0) {
        setenv("WEIR_JOB", own_marker, 1);
        close(ends[FD_READ_END]);
        told = ends[FD_WRITE_END];
        _exit(be_host_to_kill());
    }
    close(ends[FD_WRITE_END]);
    for (int i = 0; i < 11; i++) {
        read_line(ends[FD_READ_END], line, sizeof line);
        CU_ASSERT(line[0] != '\0');
        left[i] = (pid_t)atol(line);
        count += left[i] > 0;
    }
    CU_ASSERT_EQUAL(count, 8);
    CU_ASSERT(count_marked(own_marker) >= 11);
    CU_ASSERT_EQUAL(kill(host, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitpid(host, &status, 0), host);
    for (int i = 0; i < 11; i++)
        if (left[i] > 0)
            CU_ASSERT(await_end(left[i])); /* also those without any environment */
    check_nothing_left(own_marker);
    close(ends[FD_READ_END]);
}

/* A copy of the host that it forked for purposes of its own has the socket too. */
static void a_forked_copy_of_the_host_does_not_keep_its_children_alive(void)
{
    if (is_without("pidfd"))
        return;
    char own_marker[WEIR__COOKIE_SIZE], line[64];
    int ends[2], alive[2], status;
    pid_t host;

    weir__cookie_make(own_marker);
    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(weir__pipe(alive, NULL), 0);
    host = fork();
    if (host == 0) {
        struct weir_run_options options = run_options();
        struct weir_command command = command_of(ARGV(child_path("says_and_stays"), "x\n"));
        weir_t *weir;
        char byte;

        setenv("WEIR_JOB", own_marker, 1);
        close(alive[FD_WRITE_END]);
        weir = weir_open(NULL, NULL);
        options.out = WEIR_OUTPUT_FD;
        options.out_fd = ends[FD_WRITE_END];
        weir_run_start(weir, &command, &options, NULL, NULL, NULL);
        if (fork() == 0) {
            if (read(alive[FD_READ_END], &byte, 1) != 0) /* until the test lets go */
                _exit(1);
            _exit(0);
        }
        for (;;)
            pause();
    }
    close(ends[FD_WRITE_END]);
    close(alive[FD_READ_END]);
    read_line(ends[FD_READ_END], line, sizeof line);
    CU_ASSERT_STRING_EQUAL(line, "x");
    kill(host, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(host, &status, 0), host);
    check_nothing_left(own_marker);
    close(alive[FD_WRITE_END]);
    close(ends[FD_READ_END]);
}

static pid_t spawner_of_this_test(void)
{
    return find_marked(test_marker(), "weir-spawner");
}

struct end {
    int calls;
    struct weir_result result;
};

static void note_end(weir_run_t *started, const struct weir_result *result,
                     const struct weir_error *error, void *context)
{
    struct end *end = context;

    end->calls++;
    CU_ASSERT_PTR_NULL(error);
    CU_ASSERT_PTR_NOT_NULL(result);
    weir_run_take(started, &end->result, NULL);
    weir_run_free(started);
}

static void await_calls(weir_t *weir, const int *calls, int wanted)
{
    while (*calls < wanted) {
        CU_ASSERT_FATAL(await_news(weir, PATIENCE_MS));
        weir_dispatch(weir, NULL);
    }
}

static void when_the_spawner_is_killed_jobs_are_lost_and_the_next_run_works(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_command command = command_of(NULL);
    struct end ends[3] = {{0}};
    char line[32], sentence[200];
    int pipe_ends[2];
    pid_t spawner = spawner_of_this_test(), stubborn, daemon;
    struct weir_result result;

    CU_ASSERT_FATAL(spawner > 0);
    CU_ASSERT_EQUAL_FATAL(weir__pipe(pipe_ends, NULL), 0);
    options.out = WEIR_OUTPUT_FD;
    options.out_fd = pipe_ends[FD_WRITE_END];
    options.drain_ms = 1000000;
    command.argv = ARGV("sh", "-c", "trap '' TERM; echo $$; sleep 1000");
    weir_run_start(weir, &command, &options, note_end, &ends[0], NULL);
    read_line(pipe_ends[FD_READ_END], line, sizeof line);
    stubborn = (pid_t)atol(line);
    command.argv = ARGV(child_path("leaves_behind"), STRAY, "stubborn");
    weir_run_start(weir, &command, &options, note_end, &ends[1], NULL);
    read_line(pipe_ends[FD_READ_END], line, sizeof line);
    daemon = (pid_t)atol(line);
    command.argv = ARGV(child_path("says_and_stays"), "kept"); /* its output is captured */
    weir_run_start(weir, &command, NULL, note_end, &ends[2], NULL);
    while (await_news(weir, 200))
        weir_dispatch(weir, NULL); /* until all starts have been told */
    CU_ASSERT_EQUAL(kill(spawner, SIGKILL), 0);
    for (int i = 0; i < 3; i++)
        await_calls(weir, &ends[i].calls, 1);
    CU_ASSERT_EQUAL(ends[0].result.end, WEIR_STATUS_LOST);
    CU_ASSERT_EQUAL(ends[0].result.why, WEIR_WHY_NONE);
    CU_ASSERT_EQUAL(ends[0].result.code, 0);
    CU_ASSERT_EQUAL(ends[0].result.signal, 0);
    CU_ASSERT_EQUAL(weir_result_status(&ends[0].result), 125);
    weir_result_sentence(&ends[0].result, sentence, sizeof sentence);
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence, "weir-spawner"));
    CU_ASSERT_EQUAL(ends[2].result.end, WEIR_STATUS_LOST);
    CU_ASSERT(await_end(stubborn));
    CU_ASSERT(await_end(daemon));
    result = run(weir, ARGV("echo", "next"), NULL);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_STRING_EQUAL(result.out.text, "next\n");
    CU_ASSERT(spawner_of_this_test() > 0 && spawner_of_this_test() != spawner);
    weir_result_clear(&result);
    for (int i = 0; i < 3; i++)
        weir_result_clear(&ends[i].result);
    close(pipe_ends[FD_READ_END]);
    close(pipe_ends[FD_WRITE_END]);
    weir_close(weir);
}

static void a_spawner_killed_while_idle_is_not_missed(void)
{
    weir_t *weir = open_weir();

    for (int i = 0; i < 5; i++) {
        pid_t spawner = spawner_of_this_test();
        struct weir_result result;

        CU_ASSERT_FATAL(spawner > 0);
        kill(spawner, SIGKILL);
        CU_ASSERT(await_end(spawner));
        result = run(weir, ARGV("echo", "x"), NULL);
        CU_ASSERT(exited_with(&result, 0));
        CU_ASSERT_STRING_EQUAL(result.out.text, "x\n");
        weir_result_clear(&result);
    }
    weir_close(weir);
}

static void a_spawner_killed_at_any_moment_leaves_one_outcome(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("true"));

    for (int i = 0; i < 40; i++) {
        struct end ends[5] = {{0}};
        pid_t spawner = spawner_of_this_test();

        for (int j = 0; j < 5; j++) {
            weir_run_start(weir, &command, NULL, note_end, &ends[j], NULL);
            if (j == i % 5 && spawner > 0)
                kill(spawner, SIGKILL);
        }
        for (int j = 0; j < 5; j++) {
            await_calls(weir, &ends[j].calls, 1);
            CU_ASSERT_EQUAL(ends[j].calls, 1);
            CU_ASSERT(ends[j].result.end == WEIR_STATUS_LOST
                      || (ends[j].result.end == WEIR_EXITED && ends[j].result.code == 0));
            weir_result_clear(&ends[j].result);
        }
    }
    weir_close(weir);
}

struct again {
    weir_t *weir;
    int lost, exited, other;
};

static void try_again(weir_run_t *started, const struct weir_result *result,
                      const struct weir_error *error, void *context)
{
    struct again *again = context;
    struct weir_command command = command_of(ARGV("true"));
    struct weir_run_options options = run_options();

    (void)error;
    options.out = options.err = WEIR_OUTPUT_NONE;
    if (result != NULL && result->end == WEIR_EXITED) {
        again->exited++;
    } else if (result != NULL && result->end == WEIR_STATUS_LOST) {
        again->lost++;
        if (again->lost < 50)
            weir_run_start(again->weir, &command, &options, try_again, again, NULL);
    } else {
        again->other++;
    }
    weir_run_free(started);
}

static void a_lost_run_may_be_started_again_where_it_is_told(void)
{
    if (is_without("PR_SET_PDEATHSIG")) /* it is killed before it can name the group */
        return;
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("sleep", "1000"));
    struct weir_run_options options = run_options();
    struct again again = {.weir = weir};

    options.out = options.err = WEIR_OUTPUT_NONE;
    for (int i = 0; i < 3; i++)
        weir_run_start(weir, &command, &options, try_again, &again, NULL);
    kill_spawner();
    await_calls(weir, &again.exited, 3);
    CU_ASSERT_EQUAL(again.lost, 3);
    CU_ASSERT_EQUAL(again.other, 0);
    weir_close(weir);
}

static void a_missing_spawner_is_named(void)
{
    struct weir_options options;
    struct weir_error error = {0};

    weir_options_init(&options);
    options.spawner = "/no/such/weir-spawner";
    CU_ASSERT_PTR_NULL(weir_open(&options, &error));
    CU_ASSERT_EQUAL(error.status, WEIR_ERR_SPAWNER);
    CU_ASSERT_EQUAL(error.sys_errno, ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "/no/such/weir-spawner"));
}

static void a_spawner_that_is_none_is_found_out(void)
{
    struct weir_options options;
    struct weir_command command = command_of(ARGV("true"));
    struct weir_result result = {0};
    struct weir_error error = {0};
    weir_t *weir;

    weir_options_init(&options);
    options.spawner = "/bin/true"; /* starts, and is gone */
    weir = weir_open(&options, &error);
    if (weir != NULL) {
        int status = weir_run(weir, &command, NULL, &result, &error);

        CU_ASSERT(status < 0 || result.end == WEIR_STATUS_LOST);
        weir_result_clear(&result);
        weir_close(weir);
    }
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

int main(int argc, char **argv)
{
    static CU_TestInfo tests[] = {
        {"five thousand descriptors do not reach the child",
         five_thousand_descriptors_do_not_reach_the_child},
        {"a limit of a million descriptors costs nothing",
         a_limit_of_a_million_descriptors_costs_nothing},
        {"any of stdin, stdout and stderr may be closed",
         any_of_stdin_stdout_and_stderr_may_be_closed},
        {"at every number of descriptors it works or says so",
         at_every_number_of_descriptors_it_works_or_says_so},
        {"a fresh process without descriptors is told so",
         a_fresh_process_without_descriptors_is_told_so},
        {"at every number of processes it works or says so",
         at_every_number_of_processes_it_works_or_says_so},
        {"the host may ignore SIGCHLD", the_host_may_ignore_sigchld},
        {"the host may reap all its children itself", the_host_may_reap_all_its_children_itself},
        {"a child of the host's own keeps its status", a_child_of_the_hosts_own_keeps_its_status},
        {"system() and popen() work during a thousand runs",
         system_and_popen_work_during_a_thousand_runs},
        {"when the host is killed all are gone", when_the_host_is_killed_all_are_gone},
        {"a forked copy of the host does not keep its children alive",
         a_forked_copy_of_the_host_does_not_keep_its_children_alive},
        {"when the spawner is killed jobs are lost and the next run works",
         when_the_spawner_is_killed_jobs_are_lost_and_the_next_run_works},
        {"a spawner killed while idle is not missed", a_spawner_killed_while_idle_is_not_missed},
        {"a spawner killed at any moment leaves one outcome",
         a_spawner_killed_at_any_moment_leaves_one_outcome},
        {"a lost run may be started again where it is told",
         a_lost_run_may_be_started_again_where_it_is_told},
        {"a missing spawner is named", a_missing_spawner_is_named},
        {"a spawner that is none is found out", a_spawner_that_is_none_is_found_out},
        {"a large host is never copied", a_large_host_is_never_copied},
        {"two thousand runs leave nothing in host and spawner",
         two_thousand_runs_leave_nothing_in_host_and_spawner},
        {"a context may stay the host's child", a_context_may_stay_the_hosts_child},
        {"several contexts do not know each other", several_contexts_do_not_know_each_other},
        CU_TEST_INFO_NULL,
    };

    if (argc == 3 && strcmp(argv[1], "--with-descriptors") == 0)
        return be_fresh_process(atoi(argv[2]));
    failed_line =
        mmap(NULL, sizeof *failed_line, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (failed_line == MAP_FAILED)
        return EXIT_FAILURE;
    return run_suite("host", tests);
}
