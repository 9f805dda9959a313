/* weir_run(): input, start, surroundings and result of one program. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/harness.h"
#include "support/running.h"
#include "support/scratch.h"

/* --- 1, 2: input and both outputs at once ---------------------------------- */

static void ten_megabytes_come_back_on_both_outputs(void)
{
    weir_t *weir = open_weir();
    char *bytes = noise(TEN_MB);
    struct weir_run_options options = with_input(bytes, TEN_MB);
    struct weir_result result;

    options.charset = "binary";
    result = run(weir, ARGV(child_path("copies_to_both")), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL_FATAL(result.out.total, TEN_MB);
    CU_ASSERT_EQUAL_FATAL(result.err.total, TEN_MB);
    CU_ASSERT_EQUAL(memcmp(result.out.bytes, bytes, TEN_MB), 0);
    CU_ASSERT_EQUAL(memcmp(result.err.bytes, bytes, TEN_MB), 0);
    CU_ASSERT(!result.out.truncated && !result.out.abandoned);
    CU_ASSERT_EQUAL(result.out.head, result.out.kept);
    weir_result_clear(&result);
    free(bytes);
    weir_close(weir);
}

static void stderr_may_be_filled_before_any_input_is_read(void)
{
    weir_t *weir = open_weir();
    char *bytes = noise(TEN_MB);
    struct weir_run_options options = with_input(bytes, TEN_MB);
    struct weir_result result;

    options.charset = "binary";
    result = run(weir, ARGV(child_path("floods_stderr"), "5000000"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL(result.err.total, 5000000);
    CU_ASSERT_EQUAL_FATAL(result.out.kept, TEN_MB);
    CU_ASSERT_EQUAL(memcmp(result.out.bytes, bytes, TEN_MB), 0);
    weir_result_clear(&result);
    free(bytes);
    weir_close(weir);
}

static void the_input_arrives_whole(void)
{
    weir_t *weir = open_weir();
    char *bytes = noise(TEN_MB), wanted[64];
    struct weir_run_options options = with_input(bytes, TEN_MB);
    struct weir_result result = run(weir, ARGV(child_path("counts_input")), &options);

    snprintf(wanted, sizeof wanted, "%d %016llx\n", TEN_MB, hash_of(bytes, TEN_MB));
    CU_ASSERT_STRING_EQUAL(result.out.text, wanted);
    weir_result_clear(&result);
    options = with_input("", 0);
    result = run(weir, ARGV(child_path("counts_input")), &options);
    CU_ASSERT_EQUAL(strncmp(result.out.text, "0 ", 2), 0);
    weir_result_clear(&result);
    free(bytes);
    weir_close(weir);
}

static void a_child_that_leaves_its_input_unread_is_a_success(void)
{
    weir_t *weir = open_weir();
    char *bytes = noise(TEN_MB);
    struct weir_run_options options = with_input(bytes, TEN_MB);
    struct weir_result result = run(weir, ARGV("true"), &options);

    CU_ASSERT(exited_with(&result, 0));
    weir_result_clear(&result);
    result = run(weir, ARGV("head", "-c", "1"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL(result.out.total, 1);
    weir_result_clear(&result);
    free(bytes);
    weir_close(weir);
}

static int64_t own_cpu_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void a_child_that_closes_stdin_and_lives_costs_nothing(void)
{
    weir_t *weir = open_weir();
    char *bytes = noise(TEN_MB);
    struct weir_run_options options = with_input(bytes, TEN_MB);
    int64_t cpu_ns = own_cpu_ns();
    struct weir_result result;

    /* It stays for 600 ms with its stdin closed: a host that spins would use them up. */
    result = run(weir, ARGV("sh", "-c", "exec <&-; echo closed; sleep 0.6"), &options);
    cpu_ns = own_cpu_ns() - cpu_ns;
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_STRING_EQUAL(result.out.text, "closed\n");
    CU_ASSERT(cpu_ns < 300000000);
    weir_result_clear(&result);
    result = run(weir, ARGV(child_path("closes_stdin"), "2000000"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT(result.out.total > 2000000);
    weir_result_clear(&result);
    free(bytes);
    weir_close(weir);
}

static void input_may_be_a_descriptor(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.input = WEIR_INPUT_FD;
    options.input_fd = open(make_file("input", "from a file\n", 0600), O_RDONLY | O_CLOEXEC);
    result = run(weir, ARGV("cat"), &options);
    CU_ASSERT_STRING_EQUAL(result.out.text, "from a file\n");
    weir_result_clear(&result);
    close(options.input_fd);
    result = run(weir, ARGV("cat"), NULL); /* none: /dev/null */
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL(result.out.total, 0);
    weir_result_clear(&result);
    weir_close(weir);
}

/* --- 3, 4: what does not start, and what is the program's own --------------- */

static void check_not_started(weir_t *weir, const struct weir_command *command, enum weir_step step,
                              int sys_errno, int status, const char *in_sentence)
{
    struct weir_result result = run_command(weir, command, NULL);
    char sentence[600];

    weir_result_sentence(&result, sentence, sizeof sentence);
    CU_ASSERT_EQUAL(result.end, WEIR_NOT_STARTED);
    CU_ASSERT_EQUAL(result.step, step);
    CU_ASSERT_EQUAL(result.sys_errno, sys_errno);
    CU_ASSERT_EQUAL(result.pid, 0);
    CU_ASSERT_EQUAL(result.why, WEIR_STOP_NONE);
    CU_ASSERT_EQUAL(weir_result_status(&result), status);
    if (strstr(sentence, in_sentence) == NULL)
        printf("# no '%s' in: %s\n", in_sentence, sentence);
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence, in_sentence));
    weir_result_clear(&result);
}

static void what_cannot_start_says_why(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("/no/such/program"));
    char *large = malloc(131073);

    check_not_started(weir, &command, WEIR_STEP_EXEC, ENOENT, 127, "/no/such/program");
    command.argv = ARGV("weir-no-such-program");
    check_not_started(weir, &command, WEIR_STEP_EXEC, ENOENT, 127, "PATH");
    command.argv = ARGV(make_file("script", "#!/no/such/interpreter\n", 0700));
    check_not_started(weir, &command, WEIR_STEP_EXEC, ENOENT, 127, "/no/such/interpreter");
    command.argv = ARGV(make_file("script", "echo hello\n", 0700));
    check_not_started(weir, &command, WEIR_STEP_EXEC, ENOEXEC, 126, "#!");
    command.argv = ARGV(make_file("script", "#!/bin/sh\n", 0600));
    check_not_started(weir, &command, WEIR_STEP_EXEC, EACCES, 126, "script");
    command.argv = ARGV("/dev/null/x");
    check_not_started(weir, &command, WEIR_STEP_EXEC, ENOTDIR, 127, "/dev/null/x");
    command.argv = ARGV("/");
    check_not_started(weir, &command, WEIR_STEP_EXEC, EACCES, 126, "/");
    command.argv = ARGV(make_file("script", "", 0700));
    check_not_started(weir, &command, WEIR_STEP_EXEC, ENOEXEC, 126, "#!");
    command.argv = ARGV(make_file("script", "#!/bin/sh\r\n", 0700));
    check_not_started(weir, &command, WEIR_STEP_EXEC, ENOENT, 127, "/bin/sh\\r");
    command.argv = ARGV(make_file("script", "#!/\n", 0700));
    check_not_started(weir, &command, WEIR_STEP_EXEC, EACCES, 126, "script");
    command.argv = ARGV("");
    check_not_started(weir, &command, WEIR_STEP_EXEC, ENOENT, 127, "");
    memset(large, 'a', 131072);
    large[131072] = '\0';
    command.argv = ARGV("true", large);
    check_not_started(weir, &command, WEIR_STEP_EXEC, E2BIG, 126, "true");
    free(large);
    command.argv = ARGV("true");
    command.cwd = "/no/such/directory";
    check_not_started(weir, &command, WEIR_STEP_CHDIR, ENOENT, 125, "/no/such/directory");
    command.cwd = "/dev/null";
    check_not_started(weir, &command, WEIR_STEP_CHDIR, ENOTDIR, 125, "/dev/null");
    weir_close(weir);
}

static void exit_127_and_255_are_the_programs_own(void)
{
    static const int codes[] = {0, 1, 124, 125, 126, 127, 128, 137, 255};
    weir_t *weir = open_weir();

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        char script[32];
        struct weir_result result;

        snprintf(script, sizeof script, "exit %d", codes[i]);
        result = run(weir, ARGV("sh", "-c", script), NULL);
        CU_ASSERT(exited_with(&result, codes[i]));
        CU_ASSERT_EQUAL(weir_result_status(&result), codes[i]);
        weir_result_clear(&result);
    }
    weir_close(weir);
}

static void a_death_by_signal_is_reported_with_its_output(void)
{
    static const int signals[] = {SIGINT, SIGSEGV, SIGKILL, SIGPIPE, SIGTERM};
    weir_t *weir = open_weir();

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        char number[16], sentence[200];
        struct weir_result result;

        snprintf(number, sizeof number, "%d", signals[i]);
        result = run(weir, ARGV(child_path("dies_mid_line"), number), NULL);
        weir_result_sentence(&result, sentence, sizeof sentence);
        CU_ASSERT_EQUAL(result.end, WEIR_SIGNALED);
        CU_ASSERT_EQUAL(result.signal, signals[i]);
        CU_ASSERT_EQUAL(result.why, WEIR_STOP_NONE);
        CU_ASSERT_EQUAL(weir_result_status(&result), 128 + signals[i]);
        CU_ASSERT_STRING_EQUAL(result.out.text, "whole\nhal");
        CU_ASSERT_EQUAL(result.stopped_with_count, 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(sentence, weir_signal_name(signals[i])));
        weir_result_clear(&result);
    }
    weir_close(weir); /* and SIGINT did nothing to us: 17 */
}

/* --- 10: surroundings ------------------------------------------------------ */

static void a_child_has_no_signal_blocked_or_ignored(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, olds[NSIG];
    sigset_t all, before;
    struct weir_result result;
    weir_t *weir;

    /* All that can be, but SIGHUP: see the next one. */
    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &olds[number]) == 0 && number != SIGHUP)
            sigaction(number, &ignore, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    weir = open_weir();
    result = run(weir, ARGV(child_path("shows_itself")), NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(result.out.text, "blocked:\nignored:\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(result.out.text, "fds: 0 1 2\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(result.out.text, "leads: 1\n"));
    weir_result_clear(&result);
    weir_close(weir);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &olds[number], NULL);
}

static void a_hosts_nohup_reaches_the_child(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    struct weir_result result;
    weir_t *weir;

    sigaction(SIGHUP, &ignore, &old);
    weir = open_weir();
    result = run(weir, ARGV(child_path("shows_itself")), NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(result.out.text, "ignored: 1\n"));
    weir_result_clear(&result);
    weir_close(weir);
    sigaction(SIGHUP, &old, NULL);
}

/* "NAME=value" of what shows_itself printed. */
static int shows(const struct weir_result *result, const char *line)
{
    char wanted[256];

    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    return result->out.text != NULL && strstr(result->out.text, wanted) != NULL;
}

static void the_environment_is_the_hosts_at_that_moment(void)
{
    weir_t *weir;
    struct weir_command command;
    struct weir_result result;
    char path[4200];

    setenv("WEIR_TEST_OLD", "1", 1);
    setenv("WEIR_TEST_CHANGED", "before", 1);
    weir = open_weir();
    unsetenv("WEIR_TEST_OLD");
    setenv("WEIR_TEST_CHANGED", "after", 1);
    setenv("WEIR_TEST_BYTES", "\xff\xfe", 1); /* no UTF-8 */
    snprintf(path, sizeof path, "%s", child_path("shows_itself"));
    command = command_of(
        ARGV(path, "WEIR_TEST_OLD", "WEIR_TEST_CHANGED", "WEIR_TEST_BYTES", "A", "HOME"));
    command.env = ARGV("A=1", "A=2", "B=");
    {
        struct weir_run_options options = run_options();

        options.charset = "latin1";
        result = run_command(weir, &command, &options);
    }
    CU_ASSERT(shows(&result, "WEIR_TEST_OLD=(unset)"));
    CU_ASSERT(shows(&result, "WEIR_TEST_CHANGED=after"));
    CU_ASSERT(shows(&result, "WEIR_TEST_BYTES=\xc3\xbf\xc3\xbe"));
    CU_ASSERT(shows(&result, "A=2"));
    weir_result_clear(&result);
    command.env_clear = 1;
    result = run_command(weir, &command, NULL);
    CU_ASSERT(shows(&result, "WEIR_TEST_CHANGED=(unset)"));
    CU_ASSERT(shows(&result, "HOME=(unset)"));
    CU_ASSERT(shows(&result, "A=2"));
    weir_result_clear(&result);
    command.env_clear = 0;
    command.env_pass = ARGV("WEIR_TEST_CHANGED", "WEIR_TEST_NOT_THERE");
    result = run_command(weir, &command, NULL);
    CU_ASSERT(shows(&result, "WEIR_TEST_CHANGED=after"));
    CU_ASSERT(shows(&result, "HOME=(unset)"));
    weir_result_clear(&result);
    unsetenv("WEIR_TEST_CHANGED");
    unsetenv("WEIR_TEST_BYTES");
    weir_close(weir);
}

static void directory_and_limits_are_as_asked(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV(child_path("shows_itself")));
    struct weir_result result;
    char nice_line[32];

    command.cwd = "/usr";
    command.nice = 4;
    command.limits[WEIR_LIMIT_CPU] = 100;
    command.limits[WEIR_LIMIT_FILES] = 50;
    command.limits[WEIR_LIMIT_FILE_SIZE] = 12345;
    command.limits[WEIR_LIMIT_PROCESSES] = 10000;
    command.limits[WEIR_LIMIT_CORE] = 0;
    result = run_command(weir, &command, NULL);
    CU_ASSERT(shows(&result, "cwd: /usr"));
    snprintf(nice_line, sizeof nice_line, "nice: %d", nice(0) + 4);
    CU_ASSERT(shows(&result, nice_line));
    CU_ASSERT(
        shows(&result, "limits: cpu=100 memory=- files=50 file-size=12345 processes=10000 core=0"));
    CU_ASSERT_STRING_EQUAL(result.cwd, "/usr");
    CU_ASSERT_EQUAL(result.limits_hit, 0);
    weir_result_clear(&result);
    /* A relative program is found after the change of directory. */
    command = command_of(ARGV("./true"));
    command.cwd = "/bin";
    result = run_command(weir, &command, NULL);
    CU_ASSERT(exited_with(&result, 0));
    weir_result_clear(&result);
    weir_close(weir);
}

static void limits_that_ended_it_are_reported(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV(child_path("eats_cpu")));
    struct weir_result result;
    char script[256];

    command.limits[WEIR_LIMIT_CPU] = 1;
    result = run_command(weir, &command, NULL);
    CU_ASSERT_EQUAL(result.end, WEIR_SIGNALED);
    CU_ASSERT_EQUAL(result.why, WEIR_STOP_NONE);
    CU_ASSERT_EQUAL(result.limits_hit, 1u << WEIR_LIMIT_CPU);
    /* The limit counts whole ticks, the usage does not: half a second is sure. */
    CU_ASSERT(result.user_us + result.system_us > 500000);
    weir_result_clear(&result);
    snprintf(script, sizeof script, "exec head -c 1000000 /dev/zero >%s/large", scratch_dir());
    command = command_of(ARGV("sh", "-c", script));
    command.limits[WEIR_LIMIT_FILE_SIZE] = 1000;
    command.limits[WEIR_LIMIT_CORE] = 0;
    result = run_command(weir, &command, NULL);
    CU_ASSERT_EQUAL(result.signal, SIGXFSZ);
    CU_ASSERT_EQUAL(result.limits_hit, 1u << WEIR_LIMIT_FILE_SIZE);
    weir_result_clear(&result);
    snprintf(script, sizeof script, "%s/large", scratch_dir());
    unlink(script);
    command = command_of(ARGV(child_path("eats_memory")));
    command.limits[WEIR_LIMIT_MEMORY] = 100 << 20;
    result = run_command(weir, &command, NULL);
    CU_ASSERT(exited_with(&result, 7));
    CU_ASSERT(atoi(result.out.text) < 100);
    weir_result_clear(&result);
    weir_close(weir);
}

static void outputs_may_go_elsewhere(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;
    char bytes[64] = "";
    int ends[2];

    options.merge_stderr = 1;
    result = run(weir, ARGV("sh", "-c", "echo one; echo two >&2; echo three"), &options);
    CU_ASSERT_STRING_EQUAL(result.out.text, "one\ntwo\nthree\n");
    CU_ASSERT_EQUAL(result.err.total, 0);
    weir_result_clear(&result);
    options.merge_stderr = 0;
    options.out = WEIR_REDIRECT_NONE;
    result = run(weir, ARGV("sh", "-c", "echo one; echo two >&2"), &options);
    CU_ASSERT_EQUAL(result.out.total, 0);
    CU_ASSERT_STRING_EQUAL(result.err.text, "two\n");
    weir_result_clear(&result);
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    options.out = WEIR_REDIRECT_FD;
    options.out_fd = ends[1];
    result = run(weir, ARGV("echo", "through"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL(read(ends[0], bytes, sizeof bytes), 8);
    CU_ASSERT_STRING_EQUAL(bytes, "through\n");
    weir_result_clear(&result);
    options.out = WEIR_REDIRECT_RELAY;
    result = run(weir, ARGV("echo", "relayed"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL(read(ends[0], bytes, sizeof bytes), 8);
    CU_ASSERT_STRING_EQUAL(bytes, "relayed\n");
    CU_ASSERT((fcntl(ends[1], F_GETFL) & O_NONBLOCK) == 0); /* ours stays as it was */
    weir_result_clear(&result);
    close(ends[0]); /* no process reads: the program dies of it, not we */
    result = run(weir, ARGV("yes"), &options);
    CU_ASSERT_EQUAL(result.signal, SIGPIPE);
    weir_result_clear(&result);
    close(ends[1]);
    weir_close(weir);
}

static void a_result_says_what_ran(void)
{
    weir_t *weir = open_weir();
    int64_t before_ns = weir__clock_wall_ns();
    struct weir_result result = run(weir, ARGV("sh", "-c", "echo $$; exit 0"), NULL);
    char here[4096], *json;

    CU_ASSERT_EQUAL(result.pid, (pid_t)atol(result.out.text));
    CU_ASSERT_STRING_EQUAL(result.argv[2], "echo $$; exit 0");
    CU_ASSERT_PTR_NULL(result.argv[3]);
    CU_ASSERT_STRING_EQUAL(result.cwd, getcwd(here, sizeof here));
    CU_ASSERT(result.started_at_ns >= before_ns && result.started_at_ns <= weir__clock_wall_ns());
    CU_ASSERT(result.wall_ns > 0 && result.wall_ns < INT64_C(30000000000));
    CU_ASSERT(result.max_rss_kb > 0);
    json = weir_result_json(&result);
    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    CU_ASSERT_EQUAL(strncmp(json, "{\"weir\":1,\"kind\":\"run\",\"argv\":[\"sh\",", 36), 0);
    free(json);
    weir_result_clear(&result);
    weir_result_clear(&result); /* twice is once */
    weir_close(weir);
}

static void nonsense_is_refused(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(NULL);
    struct weir_run_options options = run_options();
    struct weir_result result = {.code = 77};
    struct weir_error error = {0};

    CU_ASSERT_EQUAL(weir_run(weir, &command, NULL, &result, &error), WEIR_ERR_INVALID);
    command.argv = (const char *const[]){NULL};
    CU_ASSERT_EQUAL(weir_run(weir, &command, NULL, &result, &error), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(weir_run(weir, &command, NULL, &result, NULL), WEIR_ERR_INVALID);
    command.argv = ARGV("true");
    options.charset = "no-such-charset";
    CU_ASSERT_EQUAL(weir_run(weir, &command, &options, &result, &error), WEIR_ERR_CHARSET);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "no-such-charset"));
    options = run_options();
    options.size = 3;
    CU_ASSERT_EQUAL(weir_run(weir, &command, &options, &result, &error), WEIR_ERR_INVALID);
    command.env = ARGV("no equals sign");
    CU_ASSERT_EQUAL(weir_run(weir, &command, NULL, &result, &error), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(result.code, 77); /* outputs change only on success */
    weir_close(weir);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"ten megabytes come back on both outputs", ten_megabytes_come_back_on_both_outputs},
        {"stderr may be filled before any input is read",
         stderr_may_be_filled_before_any_input_is_read},
        {"the input arrives whole", the_input_arrives_whole},
        {"a child that leaves its input unread is a success",
         a_child_that_leaves_its_input_unread_is_a_success},
        {"a child that closes stdin and lives costs nothing",
         a_child_that_closes_stdin_and_lives_costs_nothing},
        {"input may be a descriptor", input_may_be_a_descriptor},
        {"what cannot start says why", what_cannot_start_says_why},
        {"exit 127 and 255 are the program's own", exit_127_and_255_are_the_programs_own},
        {"a death by signal is reported with its output",
         a_death_by_signal_is_reported_with_its_output},
        {"a child has no signal blocked or ignored", a_child_has_no_signal_blocked_or_ignored},
        {"a host's nohup reaches the child", a_hosts_nohup_reaches_the_child},
        {"the environment is the host's at that moment",
         the_environment_is_the_hosts_at_that_moment},
        {"directory and limits are as asked", directory_and_limits_are_as_asked},
        {"limits that ended it are reported", limits_that_ended_it_are_reported},
        {"outputs may go elsewhere", outputs_may_go_elsewhere},
        {"a result says what ran", a_result_says_what_ran},
        {"nonsense is refused", nonsense_is_refused},
        CU_TEST_INFO_NULL,
    };

    return run_suite("run", tests);
}
