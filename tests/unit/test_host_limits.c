/* A host that runs out of descriptors or processes. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/datagram.h"
#include "base/fd.h"
#include "support/calling.h"
#include "support/harness.h"
#include "support/mapping.h"
#include "support/own_host.h"
#include "support/running.h"

/* --- 12: none to spare ----------------------------------------------------- */

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
        printf("# %s, code %d, %s\n", weir_exit_kind_name(result.end), result.code,
               result.err.text);
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
    struct weir_pipeline_report report = {0};
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
    weir_pipeline_report_clear(&report);
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
static void a_fresh_process_without_descriptors_is_reported_so(void)
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
        CHECK(check_no_children() == 0);
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

/* --- Descriptors on their way ------------------------------------------------ */

/* Waits of this thread so far. */
static long waits(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
}

/* unix(7): all processes of a user together may have one process's limit of them on their way.
 * Returns the waits of the send that failed for that; -1: none did. */
static long overfill(void)
{
    enum { PAIRS = 20 };
    int pairs[PAIRS][2], fds[8] = {0, 0, 0, 0, 0, 0, 0, 0}, count = 0;
    long waited = -1;

    while (waited < 0 && count < PAIRS && weir__datagram_socketpair(pairs[count], NULL) == 0) {
        long before = waits();

        if (weir__datagram_send(&(struct weir__link){.socket = pairs[count][0]}, "x", 1, fds, 8,
                                MSG_DONTWAIT)
            == ETOOMANYREFS)
            waited = waits() - before;
        count++;
    }
    while (count-- > 0) {
        close(pairs[count][0]);
        close(pairs[count][1]);
    }
    return waited;
}

static void descriptors_on_their_way_to_others_are_not_waited_for_long(void)
{
    struct rlimit was, now;
    int is_root = geteuid() == 0;
    long waited;

    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &was), 0);
    now = (struct rlimit){.rlim_cur = 64, .rlim_max = was.rlim_max};
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &now), 0);
    if (is_root && seteuid(65534) < 0) /* for root there is no such limit */
        is_root = 0;
    waited = overfill();
    CU_ASSERT_EQUAL_FATAL(is_root ? seteuid(0) : 0, 0);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &was), 0);
    printf("# waited %ld times\n", waited);
#ifdef WEIR_LINUX
    CU_ASSERT(waited < 1000); /* of a millisecond each */
#endif
}

int main(int argc, char **argv)
{
    static CU_TestInfo tests[] = {
        {"at every number of descriptors it works or says so",
         at_every_number_of_descriptors_it_works_or_says_so},
        {"a fresh process without descriptors is reported so",
         a_fresh_process_without_descriptors_is_reported_so},
        {"at every number of processes it works or says so",
         at_every_number_of_processes_it_works_or_says_so},
        {"descriptors on their way to others are not waited for long",
         descriptors_on_their_way_to_others_are_not_waited_for_long},
        CU_TEST_INFO_NULL,
    };

    if (argc == 3 && strcmp(argv[1], "--with-descriptors") == 0)
        return be_fresh_process(atoi(argv[2]));
    return run_suite("host_limits", tests);
}
