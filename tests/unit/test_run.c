/* weir_run(): one program, with whatever manners it has. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "support/harness.h"
#include "support/running.h"

enum { TEN_MB = 10 * 1000 * 1000 };

static char made_dir[] = "/tmp/weir-test-run-XXXXXX";
static char made_path[128];

/* A file in a directory of the test's own. */
static const char *make_file(const char *name, const char *text, mode_t mode)
{
    int fd;

    snprintf(made_path, sizeof made_path, "%s/%s", made_dir, name);
    unlink(made_path);
    fd = open(made_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    if (write(fd, text, strlen(text)) < 0)
        CU_FAIL("cannot write a file");
    fchmod(fd, mode);
    close(fd);
    return made_path;
}

static struct weir_run_options with_input(const char *bytes, size_t length)
{
    struct weir_run_options options = run_options();

    options.input = WEIR_INPUT_BYTES;
    options.input_bytes = bytes;
    options.input_length = length;
    return options;
}

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
    CU_ASSERT_EQUAL(result.why, WEIR_WHY_NONE);
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

static void a_death_by_signal_is_told_with_its_output(void)
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
        CU_ASSERT_EQUAL(result.why, WEIR_WHY_NONE);
        CU_ASSERT_EQUAL(weir_result_status(&result), 128 + signals[i]);
        CU_ASSERT_STRING_EQUAL(result.out.text, "whole\nhal");
        CU_ASSERT_EQUAL(result.stopped_with_count, 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(sentence, weir_signal_name(signals[i])));
        weir_result_clear(&result);
    }
    weir_close(weir); /* and SIGINT did nothing to us: 17 */
}

/* --- 5: deadlines ---------------------------------------------------------- */

static void one_that_obeys_term_keeps_what_it_said(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.timeout_ms = 300;
    options.grace_ms = 60000;
    result = run(weir, ARGV(child_path("says_and_stays"), "partial"), &options);
    CU_ASSERT_EQUAL(result.end, WEIR_SIGNALED);
    CU_ASSERT_EQUAL(result.signal, SIGTERM);
    CU_ASSERT_EQUAL(result.why, WEIR_WHY_TIMEOUT);
    CU_ASSERT_EQUAL(weir_result_status(&result), 124);
    CU_ASSERT_STRING_EQUAL(result.out.text, "partial");
    CU_ASSERT_EQUAL(result.stopped_with_count, 1);
    CU_ASSERT_EQUAL(result.stopped_with[0], SIGTERM);
    CU_ASSERT(result.wall_ns >= 290000000);
    weir_result_clear(&result);
    weir_close(weir);
}

static void one_that_ignores_term_is_killed(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.timeout_ms = 300;
    options.grace_ms = 200;
    result = run(weir, ARGV(child_path("ignores_term")), &options);
    CU_ASSERT_EQUAL(result.signal, SIGKILL);
    CU_ASSERT_EQUAL(result.why, WEIR_WHY_TIMEOUT);
    CU_ASSERT_STRING_EQUAL(result.out.text, "ready\n");
    CU_ASSERT_EQUAL_FATAL(result.stopped_with_count, 2);
    CU_ASSERT_EQUAL(result.stopped_with[0], SIGTERM);
    CU_ASSERT_EQUAL(result.stopped_with[1], SIGKILL);
    CU_ASSERT(result.wall_ns >= 490000000); /* the grace was given */
    weir_result_clear(&result);
    weir_close(weir);
}

static void a_stopped_child_is_killed_in_time(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.timeout_ms = 200;
    options.grace_ms = 100;
    result = run(weir, ARGV(child_path("stops_itself")), &options);
    CU_ASSERT_EQUAL(result.end, WEIR_SIGNALED);
    CU_ASSERT_EQUAL(result.why, WEIR_WHY_TIMEOUT);
    CU_ASSERT_STRING_EQUAL(result.out.text, "stopping\n");
    weir_result_clear(&result);
    weir_close(weir);
}

static void one_that_exits_cleanly_on_term_was_timed_out_all_the_same(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.timeout_ms = 300;
    options.grace_ms = 60000;
    result =
        run(weir, ARGV("sh", "-c", "trap 'echo bye; exit 3' TERM; while :; do sleep 0.01; done"),
            &options);
    CU_ASSERT_EQUAL(result.end, WEIR_EXITED);
    CU_ASSERT_EQUAL(result.code, 3);
    CU_ASSERT_EQUAL(result.why, WEIR_WHY_TIMEOUT);
    CU_ASSERT_EQUAL(weir_result_status(&result), 124);
    CU_ASSERT_STRING_EQUAL(result.out.text, "bye\n"); /* its last words are kept */
    weir_result_clear(&result);
    weir_close(weir);
}

static void silence_is_ended_and_a_slow_talker_is_not(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.idle_ms = 1500;
    result = run(weir, ARGV(child_path("ticks"), "100"), &options); /* 2 s of it */
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL(result.out.total, 500);
    weir_result_clear(&result);
    options.idle_ms = 200;
    result = run(weir, ARGV(child_path("says_and_stays"), "then nothing"), &options);
    CU_ASSERT_EQUAL(result.why, WEIR_WHY_IDLE);
    CU_ASSERT_EQUAL(weir_result_status(&result), 124);
    CU_ASSERT_STRING_EQUAL(result.out.text, "then nothing");
    weir_result_clear(&result);
    weir_close(weir);
}

static void an_exit_before_the_deadline_is_an_exit(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();

    /* Near its deadline it is one or the other, and never a mixture: what ended
     * before the time was up was not timed out.  tests/unit/test_spawner.c has
     * the one case that time cannot bring about reliably. */
    for (int i = 0; i < 150; i++) {
        struct weir_result result;

        options.timeout_ms = 18 + i % 6;
        options.grace_ms = 60000;
        result = run(weir, ARGV(child_path("ticks"), "1"), &options);
        if (result.end == WEIR_EXITED && result.wall_ns < options.timeout_ms * 1000000)
            CU_ASSERT_EQUAL(result.why, WEIR_WHY_NONE);
        if (result.end == WEIR_EXITED) {
            CU_ASSERT_EQUAL(result.code, 0);
        } else {
            CU_ASSERT_EQUAL(result.signal, SIGTERM);
            CU_ASSERT_EQUAL(result.why, WEIR_WHY_TIMEOUT);
            CU_ASSERT(result.wall_ns >= options.timeout_ms * 1000000); /* it had all its time */
        }
        weir_result_clear(&result);
    }
    weir_close(weir);
}

/* --- 6, 7: who holds the pipe, and what is in it --------------------------- */

static void a_background_process_does_not_hold_up_the_deadline(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;
    pid_t left;

    options.timeout_ms = 400;
    options.drain_ms = 60000;
    result = run(weir, ARGV(child_path("leaves_behind"), "background"), &options);
    CU_ASSERT(exited_with(&result, 0)); /* it did exit in time; the rest is told apart */
    CU_ASSERT(result.out.abandoned);
    left = (pid_t)atol(result.out.text);
    CU_ASSERT(left > 0 && is_gone(left));
    CU_ASSERT(names_holder(&result, left, "leaves_behind"));
    weir_result_clear(&result);
    weir_close(weir);
}

static void check_holder(const char *mode)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;
    pid_t left;

    options.drain_ms = 100;
    options.grace_ms = 200;
    result = run(weir, ARGV(child_path("leaves_behind"), mode, "stubborn"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT(result.out.abandoned);
    left = (pid_t)atol(result.out.text);
    CU_ASSERT(names_holder(&result, left, "leaves_behind"));
    CU_ASSERT(left > 0 && is_gone(left));
    CU_ASSERT_EQUAL_FATAL(result.stopped_with_count, 2); /* who was killed with what */
    CU_ASSERT_EQUAL(result.stopped_with[1], SIGKILL);
    weir_result_clear(&result);
    weir_close(weir);
}

static void a_holder_of_the_pipe_is_named_and_ended(void)
{
    static const char *const modes[] = {STRAYS};

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        check_holder(modes[i]);
}

static void a_daemon_that_holds_nothing_is_ended_with_the_job(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;
    pid_t left;

    options.drain_ms = 60000;
    result = run(weir, ARGV(child_path("leaves_behind"), STRAY, "closed"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT(!result.out.abandoned);
    CU_ASSERT_EQUAL(result.holder_pid, 0);
    left = (pid_t)atol(result.out.text);
    CU_ASSERT(left > 0 && is_gone(left));
    weir_result_clear(&result);
    weir_close(weir);
}

static void what_a_dead_child_left_in_the_pipe_is_read(void)
{
    weir_t *weir = open_weir();

    for (int i = 0; i < 50; i++) {
        struct weir_result result = run(weir, ARGV(child_path("leaves_unread"), "60000"), NULL);

        CU_ASSERT(exited_with(&result, 0));
        CU_ASSERT_EQUAL(result.out.total, 60000);
        CU_ASSERT(!result.out.abandoned);
        weir_result_clear(&result);
    }
    weir_close(weir);
}

/* --- 8: too much output ---------------------------------------------------- */

static long resident_kb(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;

    if (file != NULL && fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void endless_output_keeps_head_and_tail_in_bounded_memory(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    long before_kb = resident_kb();
    struct weir_result result;
    const char *text;

    options.max_output = 1000;
    result =
        run(weir, ARGV("sh", "-c", "echo first; yes | head -c 200000000; echo last"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL(result.out.total, 200000000 + 6 + 5);
    CU_ASSERT(result.out.truncated);
    CU_ASSERT_EQUAL(result.out.kept, 1000);
    CU_ASSERT(result.out.head > 0 && result.out.head < 1000);
    text = result.out.text;
    CU_ASSERT_EQUAL(strncmp(text, "first\ny\ny\n", 10), 0);
    CU_ASSERT_STRING_EQUAL(text + strlen(text) - 9, "y\ny\nlast\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n[... 199999011 bytes left out ...]\n"));
    CU_ASSERT(resident_kb() - before_kb < 8192);
    weir_result_clear(&result);
    weir_close(weir);
}

static void the_bound_holds_at_its_edges(void)
{
    static const char wanted[] = "abcdefgh";
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();

    for (size_t max = 0; max <= 10; max++) {
        struct weir_result result;

        options.max_output = max;
        result = run(weir, ARGV("printf", "%s", wanted), &options);
        CU_ASSERT_EQUAL(result.out.total, 8);
        CU_ASSERT_EQUAL(result.out.kept, max < 8 ? max : 8);
        CU_ASSERT_EQUAL(result.out.truncated, max < 8);
        CU_ASSERT_EQUAL(memcmp(result.out.bytes, wanted, result.out.head), 0);
        CU_ASSERT_EQUAL(memcmp(result.out.bytes + result.out.head,
                               wanted + 8 - (result.out.kept - result.out.head),
                               result.out.kept - result.out.head),
                        0);
        CU_ASSERT_EQUAL(result.out.bytes[result.out.kept], '\0');
        weir_result_clear(&result);
    }
    weir_close(weir);
}

static void overflow_may_stop_the_run(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.max_output = 100000;
    options.overflow = WEIR_OVERFLOW_STOP;
    result = run(weir, ARGV("yes"), &options);
    CU_ASSERT_EQUAL(result.why, WEIR_WHY_OVERFLOW);
    CU_ASSERT_EQUAL(weir_result_status(&result), 125);
    CU_ASSERT(result.out.truncated);
    CU_ASSERT_EQUAL(result.out.kept, 100000);
    weir_result_clear(&result);
    result = run(weir, ARGV("head", "-c", "100000", "/dev/zero"), &options); /* just fits */
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT(!result.out.truncated);
    weir_result_clear(&result);
    weir_close(weir);
}

static int count_files(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int count = 0;

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        count += entry->d_name[0] != '.';
    if (dir != NULL)
        closedir(dir);
    return count;
}

/* A directory that nothing else uses. */
static const char *spool_dir(void)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/spool", made_dir);
    mkdir(path, 0700);
    return path;
}

static void overflow_may_go_to_a_file(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    char *bytes = noise(3000000), *back = malloc(3000001);
    struct weir_result result;
    struct stat file;
    int fd;

    setenv("TMPDIR", spool_dir(), 1);
    options = with_input(bytes, 3000000);
    options.max_output = 100000;
    options.overflow = WEIR_OVERFLOW_SPOOL;
    options.charset = "binary";
    result = run(weir, ARGV("cat"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL(result.out.total, 3000000);
    CU_ASSERT_EQUAL(result.out.kept, 100000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(result.out.spooled);
    fd = open(result.out.spooled, O_RDONLY | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(fstat(fd, &file), 0);
    CU_ASSERT_EQUAL(file.st_size, 3000000);
    CU_ASSERT_EQUAL(file.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL(read(fd, back, 3000001), 3000000);
    CU_ASSERT_EQUAL(memcmp(back, bytes, 3000000), 0);
    close(fd);
    unlink(result.out.spooled);
    weir_result_clear(&result);
    /* What fits leaves no file, not even at the very bound. */
    options.input_length = 100000;
    result = run(weir, ARGV("cat"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_PTR_NULL(result.out.spooled);
    weir_result_clear(&result);
    CU_ASSERT_EQUAL(count_files(spool_dir()), 0);
    rmdir(spool_dir());
    unsetenv("TMPDIR");
    free(bytes);
    free(back);
    weir_close(weir);
}

static void a_full_disk_under_the_spool_is_an_error_and_leaves_no_file(void)
{
    const struct rlimit small = {500000, RLIM_INFINITY};
    struct weir_run_options options = run_options();
    struct weir_command command = command_of(ARGV("head", "-c", "2000000", "/dev/zero"));
    struct weir_result result = {0};
    struct weir_error error = {0};
    struct sigaction old;
    struct rlimit before;
    weir_t *weir = open_weir();

    setenv("TMPDIR", spool_dir(), 1);
    sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, &old);
    getrlimit(RLIMIT_FSIZE, &before);
    setrlimit(RLIMIT_FSIZE, &small);
    options.max_output = 1000;
    options.overflow = WEIR_OVERFLOW_SPOOL;
    CU_ASSERT_EQUAL(weir_run(weir, &command, &options, &result, &error), WEIR_ERR_SYSTEM);
    CU_ASSERT_EQUAL(error.sys_errno, EFBIG);
    CU_ASSERT_PTR_NULL(result.argv); /* outputs change only on success */
    CU_ASSERT_EQUAL(count_files(spool_dir()), 0);
    rmdir(spool_dir());
    setrlimit(RLIMIT_FSIZE, &before);
    sigaction(SIGXFSZ, &old, NULL);
    unsetenv("TMPDIR");
    weir_close(weir);
}

static void a_line_of_a_hundred_megabytes_takes_linear_time(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    int64_t ns[2];

    for (int i = 0; i < 2; i++) {
        struct weir_result result;

        options.max_output = (size_t)(i + 1) * 50000000;
        ns[i] = weir__clock_ns();
        result =
            run(weir, ARGV("head", "-c", i == 0 ? "50000000" : "100000000", "/dev/zero"), &options);
        ns[i] = weir__clock_ns() - ns[i];
        CU_ASSERT(exited_with(&result, 0));
        CU_ASSERT_EQUAL(result.out.text_length, options.max_output);
        weir_result_clear(&result);
    }
    CU_ASSERT(ns[1] < 8 * ns[0]); /* quadratic would be 4 times and more for each doubling below */
    weir_close(weir);
}

/* --- 9: text --------------------------------------------------------------- */

static void check_text(weir_t *weir, const char *const *argv, const char *charset,
                       enum weir_on_error on_error, const char *text, uint64_t replaced,
                       int64_t invalid_at)
{
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.charset = charset;
    options.on_error = on_error;
    result = run(weir, argv, &options);
    CU_ASSERT(exited_with(&result, 0));
    if (text == NULL) {
        CU_ASSERT_PTR_NULL(result.out.text);
    } else {
        CU_ASSERT_PTR_NOT_NULL_FATAL(result.out.text);
        if (strcmp(result.out.text, text) != 0)
            printf("# wanted '%s', got '%s'\n", text, result.out.text);
        CU_ASSERT_STRING_EQUAL(result.out.text, text);
    }
    CU_ASSERT_EQUAL(result.out.replaced, replaced);
    CU_ASSERT_EQUAL(result.out.invalid_at, invalid_at);
    weir_result_clear(&result);
}

static void text_is_whole_wherever_the_writes_were_split(void)
{
    weir_t *weir = open_weir();
    char hex[4200];

    /* child_path() has one buffer: a copy for the list. */
    snprintf(hex, sizeof hex, "%s", child_path("writes_hex"));
    check_text(weir, ARGV(hex, "61e2", "82", "ac62"), NULL, WEIR_REPLACE,
               "a\xe2\x82\xac"
               "b",
               0, -1);
    check_text(weir, ARGV(hex, "f0", "9f", "98", "80"), NULL, WEIR_REPLACE, "\xf0\x9f\x98\x80", 0,
               -1);
    /* Invalid: a lone byte, a surrogate, an overlong form, one cut by the end. */
    check_text(weir, ARGV(hex, "61ff62"), NULL, WEIR_REPLACE,
               "a\xef\xbf\xbd"
               "b",
               1, 1);
    check_text(weir, ARGV(hex, "ed", "a080"), NULL, WEIR_REPLACE,
               "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 3, 0);
    check_text(weir, ARGV(hex, "c0af"), NULL, WEIR_REPLACE, "\xef\xbf\xbd\xef\xbf\xbd", 2, 0);
    check_text(weir, ARGV(hex, "61e2", "82"), NULL, WEIR_REPLACE, "a\xef\xbf\xbd", 1, 1);
    check_text(weir, ARGV(hex, "61ff62"), NULL, WEIR_BACKSLASHREPLACE, "a\\xffb", 1, 1);
    check_text(weir, ARGV(hex, "c4", "e3bac3"), "gb18030", WEIR_REPLACE, "\xe4\xbd\xa0\xe5\xa5\xbd",
               0, -1);
    check_text(weir, ARGV(hex, "ff", "fe4100", "ac20"), "utf-16", WEIR_REPLACE, "A\xe2\x82\xac", 0,
               -1);
    check_text(weir, ARGV(hex, "feff0041"), "utf-16", WEIR_REPLACE, "A", 0, -1);
    check_text(weir, ARGV(hex, "e9"), "latin1", WEIR_REPLACE, "\xc3\xa9", 0, -1);
    weir_close(weir);
}

static void strict_decoding_keeps_the_bytes_and_says_where(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.on_error = WEIR_STRICT;
    result = run(weir, ARGV(child_path("writes_hex"), "616263ff64"), &options);
    CU_ASSERT(exited_with(&result, 0)); /* no failure of the program */
    CU_ASSERT_PTR_NULL(result.out.text);
    CU_ASSERT_EQUAL(result.out.invalid_at, 3);
    CU_ASSERT_EQUAL(result.out.kept, 5);
    CU_ASSERT_EQUAL(memcmp(result.out.bytes,
                           "abc\xff"
                           "d",
                           6),
                    0);
    weir_result_clear(&result);
    weir_close(weir);
}

static void nul_bytes_stay(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result = run(weir, ARGV(child_path("writes_hex"), "61006200"), &options);

    CU_ASSERT_EQUAL(result.out.text_length, 4);
    CU_ASSERT_EQUAL(memcmp(result.out.text, "a\0b\0", 5), 0);
    weir_result_clear(&result);
    options.charset = "binary";
    result = run(weir, ARGV(child_path("writes_hex"), "6100ff"), &options);
    CU_ASSERT_PTR_NULL(result.out.text);
    CU_ASSERT_EQUAL(memcmp(result.out.bytes, "a\0\xff", 4), 0);
    CU_ASSERT_STRING_EQUAL(result.out.charset, "binary");
    weir_result_clear(&result);
    weir_close(weir);
}

static void a_cut_between_head_and_tail_breaks_no_character(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();

    for (size_t max = 8; max < 40; max++) {
        struct weir_result result;

        options.max_output = max;
        result = run(weir,
                     ARGV("printf", "%s%s%s", "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
                          "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80",
                          "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"),
                     &options);
        CU_ASSERT_EQUAL(result.out.replaced, 0);
        CU_ASSERT_EQUAL(result.out.invalid_at, -1);
        CU_ASSERT(result.out.kept <= max);
        weir_result_clear(&result);
    }
    weir_close(weir);
}

static void utf_16_survives_the_cut(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    char bytes[2002] = {(char)0xfe, (char)0xff};

    for (int i = 1; i <= 1000; i++)
        bytes[2 * i + 1] = 'a'; /* big-endian */
    for (size_t max = 100; max < 104; max++) {
        struct weir_result result;

        options = with_input(bytes, sizeof bytes);
        options.charset = "utf-16";
        options.max_output = max;
        result = run(weir, ARGV("cat"), &options);
        CU_ASSERT(result.out.truncated);
        CU_ASSERT_EQUAL(result.out.replaced, 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(result.out.text);
        CU_ASSERT_EQUAL(strspn(result.out.text, "a"), strcspn(result.out.text, "\n"));
        CU_ASSERT_STRING_EQUAL(result.out.text + result.out.text_length - 10, "aaaaaaaaaa");
        weir_result_clear(&result);
    }
    weir_close(weir);
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

static void limits_that_ended_it_are_told(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV(child_path("eats_cpu")));
    struct weir_result result;
    char script[256];

    command.limits[WEIR_LIMIT_CPU] = 1;
    result = run_command(weir, &command, NULL);
    CU_ASSERT_EQUAL(result.end, WEIR_SIGNALED);
    CU_ASSERT_EQUAL(result.why, WEIR_WHY_NONE);
    CU_ASSERT_EQUAL(result.limits_hit, 1u << WEIR_LIMIT_CPU);
    /* The limit counts whole ticks, the usage does not: half a second is sure. */
    CU_ASSERT(result.user_us + result.system_us > 500000);
    weir_result_clear(&result);
    snprintf(script, sizeof script, "exec head -c 1000000 /dev/zero >%s/large", made_dir);
    command = command_of(ARGV("sh", "-c", script));
    command.limits[WEIR_LIMIT_FILE_SIZE] = 1000;
    command.limits[WEIR_LIMIT_CORE] = 0;
    result = run_command(weir, &command, NULL);
    CU_ASSERT_EQUAL(result.signal, SIGXFSZ);
    CU_ASSERT_EQUAL(result.limits_hit, 1u << WEIR_LIMIT_FILE_SIZE);
    weir_result_clear(&result);
    snprintf(script, sizeof script, "%s/large", made_dir);
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
    options.out = WEIR_OUTPUT_NONE;
    result = run(weir, ARGV("sh", "-c", "echo one; echo two >&2"), &options);
    CU_ASSERT_EQUAL(result.out.total, 0);
    CU_ASSERT_STRING_EQUAL(result.err.text, "two\n");
    weir_result_clear(&result);
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    options.out = WEIR_OUTPUT_FD;
    options.out_fd = ends[1];
    result = run(weir, ARGV("echo", "through"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL(read(ends[0], bytes, sizeof bytes), 8);
    CU_ASSERT_STRING_EQUAL(bytes, "through\n");
    weir_result_clear(&result);
    options.out = WEIR_OUTPUT_RELAY;
    result = run(weir, ARGV("echo", "relayed"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL(read(ends[0], bytes, sizeof bytes), 8);
    CU_ASSERT_STRING_EQUAL(bytes, "relayed\n");
    CU_ASSERT((fcntl(ends[1], F_GETFL) & O_NONBLOCK) == 0); /* ours stays as it was */
    weir_result_clear(&result);
    close(ends[0]); /* nobody reads: the program dies of it, not we */
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

/* --- Asynchronous ---------------------------------------------------------- */

struct end {
    int calls;
    int failed;
    int free_it;
    struct weir_result result;
};

static void note_end(weir_run_t *started, const struct weir_result *result,
                     const struct weir_error *error, void *context)
{
    struct end *end = context;

    end->calls++;
    end->failed = error != NULL;
    CU_ASSERT_PTR_NOT_NULL(result);
    CU_ASSERT_EQUAL(weir_run_take(started, &end->result, NULL), 0);
    if (end->free_it)
        weir_run_free(started);
}

/* Dispatches whenever the one descriptor says so, and never otherwise. */
static void dispatch_until(weir_t *weir, const int *calls, int wanted)
{
    while (*calls < wanted) {
        if (!await_news(weir, PATIENCE_MS)) {
            CU_FAIL("weir_fd() never became readable");
            return;
        }
        CU_ASSERT_EQUAL(weir_dispatch(weir, NULL), 0);
    }
}

static void one_descriptor_tells_of_everything(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("sh", "-c", "echo hello; exit 3"));
    struct end end = {0};
    weir_run_t *started = weir_run_start(weir, &command, NULL, note_end, &end, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(started);
    CU_ASSERT_EQUAL(end.calls, 0);
    CU_ASSERT(weir_run_job(started) > 0);
    dispatch_until(weir, &end.calls, 1);
    CU_ASSERT(exited_with(&end.result, 3));
    CU_ASSERT_STRING_EQUAL(end.result.out.text, "hello\n");
    weir_result_clear(&end.result);
    weir_run_free(started);
    weir_close(weir);
}

static void deadlines_come_through_that_descriptor(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("sleep", "1000"));
    struct weir_run_options options = run_options();
    struct end ends[3] = {{0}};
    weir_run_t *started[3];

    /* Nothing is said and nothing happens, but the time: whole, idle, drain. */
    options.timeout_ms = 150;
    started[0] = weir_run_start(weir, &command, &options, note_end, &ends[0], NULL);
    options.timeout_ms = WEIR_FOREVER;
    options.idle_ms = 200;
    started[1] = weir_run_start(weir, &command, &options, note_end, &ends[1], NULL);
    options.idle_ms = WEIR_FOREVER;
    options.drain_ms = 100;
    command.argv = ARGV(child_path("leaves_behind"), STRAY);
    started[2] = weir_run_start(weir, &command, &options, note_end, &ends[2], NULL);
    CU_ASSERT(weir_timeout_ms(weir) >= 0);
    for (int i = 0; i < 3; i++)
        dispatch_until(weir, &ends[i].calls, 1);
    CU_ASSERT_EQUAL(ends[0].result.why, WEIR_WHY_TIMEOUT);
    CU_ASSERT_EQUAL(ends[1].result.why, WEIR_WHY_IDLE);
    CU_ASSERT(ends[2].result.out.abandoned);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(ends[i].calls, 1);
        weir_result_clear(&ends[i].result);
        weir_run_free(started[i]);
    }
    weir_close(weir);
}

static void an_idle_context_is_quiet(void)
{
    weir_t *weir = open_weir();
    struct weir_result result = run(weir, ARGV("true"), NULL);
    struct pollfd one = {.fd = weir_fd(weir), .events = POLLIN};
    int turns = 0;

    weir_result_clear(&result);
    /* What is left over is soon worked off; then it must not ring for ever. */
    while (turns < 100 && poll(&one, 1, 50) == 1) {
        weir_dispatch(weir, NULL);
        turns++;
    }
    CU_ASSERT(turns < 100);
    CU_ASSERT_EQUAL(weir_timeout_ms(weir), -1);
    weir_close(weir);
}

static void a_thousand_bytes_from_each_of_a_hundred_at_once(void)
{
    enum { RUNS = 100 };
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV(child_path("leaves_unread"), "1000"));
    struct end *ends = calloc(RUNS, sizeof *ends);
    weir_run_t *started[RUNS];

    for (int i = 0; i < RUNS; i++)
        started[i] = weir_run_start(weir, &command, NULL, note_end, &ends[i], NULL);
    for (int i = 0; i < RUNS; i++)
        dispatch_until(weir, &ends[i].calls, 1);
    for (int i = 0; i < RUNS; i++) {
        CU_ASSERT(exited_with(&ends[i].result, 0));
        CU_ASSERT_EQUAL(ends[i].result.out.total, 1000);
        CU_ASSERT_EQUAL(ends[i].calls, 1);
        weir_result_clear(&ends[i].result);
        weir_run_free(started[i]);
    }
    free(ends);
    weir_close(weir);
}

static void a_cancelled_run_goes_down_the_ladder(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV(child_path("says_and_stays"), "x"));
    struct end end = {0};
    weir_run_t *started = weir_run_start(weir, &command, NULL, note_end, &end, NULL);

    weir_run_cancel(started);
    CU_ASSERT_EQUAL(end.calls, 0);
    dispatch_until(weir, &end.calls, 1);
    CU_ASSERT_EQUAL(end.result.why, WEIR_WHY_CANCELLED);
    CU_ASSERT_EQUAL(end.result.signal, SIGTERM);
    CU_ASSERT_EQUAL(weir_result_status(&end.result), 128 + SIGTERM);
    weir_run_cancel(started); /* it is over: nothing */
    CU_ASSERT_EQUAL(end.calls, 1);
    weir_result_clear(&end.result);
    weir_run_free(started);
    weir_close(weir);
}

/* Starts one that ignores TERM and waits for its word. */
static weir_run_t *start_stubborn(weir_t *weir, const struct weir_run_options *given,
                                  struct end *end)
{
    struct weir_command command = command_of(ARGV(child_path("ignores_term")));
    struct weir_run_options options = given != NULL ? *given : run_options();
    char byte;
    int ends[2];
    weir_run_t *started;

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    options.out = WEIR_OUTPUT_FD;
    options.out_fd = ends[FD_WRITE_END];
    options.grace_ms = 1000000;
    started = weir_run_start(weir, &command, &options, note_end, end, NULL);
    close(ends[FD_WRITE_END]);
    CU_ASSERT_EQUAL(read(ends[FD_READ_END], &byte, 1), 1);
    close(ends[FD_READ_END]);
    return started;
}

static void cancelling_twice_is_at_once(void)
{
    weir_t *weir = open_weir();
    struct end end = {0};
    weir_run_t *started = start_stubborn(weir, NULL, &end);

    weir_run_cancel(started);
    weir_run_cancel(started);
    dispatch_until(weir, &end.calls, 1);
    CU_ASSERT_EQUAL(end.result.signal, SIGKILL);
    CU_ASSERT_EQUAL(end.result.why, WEIR_WHY_CANCELLED);
    weir_result_clear(&end.result);
    weir_run_free(started);
    weir_close(weir);
}

static void cancelling_twice_is_at_once_after_a_timeout_too(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct end end = {0};
    weir_run_t *started;

    options.timeout_ms = 1;
    started = start_stubborn(weir, &options, &end);
    while (await_news(weir, 100))
        weir_dispatch(weir, NULL); /* until TERM was sent and told */
    CU_ASSERT_EQUAL(end.calls, 0);
    weir_run_cancel(started);
    weir_run_cancel(started);
    dispatch_until(weir, &end.calls, 1);
    CU_ASSERT_EQUAL(end.result.signal, SIGKILL);
    CU_ASSERT_EQUAL(end.result.why, WEIR_WHY_TIMEOUT); /* the first reason counts */
    weir_result_clear(&end.result);
    weir_run_free(started);
    weir_close(weir);
}

static void cancelling_twice_ends_a_stubborn_daemon_at_once(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV(child_path("leaves_behind"), STRAY, "stubborn"));
    struct weir_run_options options = run_options();
    struct end end = {0};
    weir_run_t *started;

    options.grace_ms = 1000000;
    options.drain_ms = 1000000;
    started = weir_run_start(weir, &command, &options, note_end, &end, NULL);
    while (await_news(weir, 200))
        weir_dispatch(weir, NULL); /* until it has exited and only the daemon lives */
    CU_ASSERT_EQUAL(end.calls, 0);
    weir_run_cancel(started);
    weir_run_cancel(started);
    dispatch_until(weir, &end.calls, 1);
    CU_ASSERT_EQUAL(end.result.end, WEIR_EXITED);
    CU_ASSERT_EQUAL(end.result.why, WEIR_WHY_NONE);
    CU_ASSERT(is_gone((pid_t)atol(end.result.out.text)));
    weir_result_clear(&end.result);
    weir_run_free(started);
    weir_close(weir);
}

static void a_signal_reaches_the_child(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV(child_path("answers_signal")));
    struct weir_run_options options = run_options();
    struct end end = {0};
    char bytes[64];
    int ends[2];
    weir_run_t *started;

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    options.out = WEIR_OUTPUT_FD;
    options.out_fd = ends[FD_WRITE_END];
    started = weir_run_start(weir, &command, &options, note_end, &end, NULL);
    close(ends[FD_WRITE_END]);
    CU_ASSERT_EQUAL(read(ends[FD_READ_END], bytes, sizeof bytes), 6); /* "ready\n" */
    weir_run_signal(started, SIGINT);
    CU_ASSERT_EQUAL(read(ends[FD_READ_END], bytes, sizeof bytes), 2); /* "2\n" */
    weir_run_signal(started, SIGUSR2);
    dispatch_until(weir, &end.calls, 1);
    CU_ASSERT_EQUAL(end.result.code, 5);
    CU_ASSERT_EQUAL(end.result.why, WEIR_WHY_NONE);
    CU_ASSERT_EQUAL(end.result.stopped_with_count, 0); /* it was not stopped, only told */
    close(ends[FD_READ_END]);
    weir_result_clear(&end.result);
    weir_run_free(started);
    weir_close(weir);
}

static void freeing_a_running_run_kills_it_and_tells_nobody(void)
{
    weir_t *weir = open_weir();
    struct end end = {0};
    weir_run_t *started = start_stubborn(weir, NULL, &end);
    struct weir_result result;

    weir_run_free(started);
    result = run(weir, ARGV("true"), NULL); /* the context works on */
    CU_ASSERT(exited_with(&result, 0));
    weir_result_clear(&result);
    weir_close(weir);
    CU_ASSERT_EQUAL(end.calls, 0);
}

static void a_callback_may_free_its_run(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("echo", "x"));
    struct end ends[3] = {{.free_it = 1}, {.free_it = 1}, {.free_it = 1}};

    weir_run_start(weir, &command, NULL, note_end, &ends[0], NULL);
    command.argv = ARGV("/no/such/program");
    weir_run_start(weir, &command, NULL, note_end, &ends[1], NULL);
    command.cwd = "/no/such/directory"; /* found out at once, told later all the same */
    weir_run_start(weir, &command, NULL, note_end, &ends[2], NULL);
    CU_ASSERT_EQUAL(ends[2].calls, 0);
    for (int i = 0; i < 3; i++) {
        dispatch_until(weir, &ends[i].calls, 1);
        CU_ASSERT_EQUAL(ends[i].calls, 1);
        weir_result_clear(&ends[i].result);
    }
    weir_close(weir);
}

struct chain {
    weir_t *weir;
    int left, calls;
};

static void start_next(weir_run_t *started, const struct weir_result *result,
                       const struct weir_error *error, void *context)
{
    struct chain *chain = context;
    struct weir_command command = command_of(ARGV("true"));
    struct weir_result nothing;

    CU_ASSERT_PTR_NOT_NULL(result);
    CU_ASSERT_PTR_NULL(error);
    chain->calls++;
    if (--chain->left > 0) {
        /* What would wait for itself is refused, not hung. */
        CU_ASSERT_EQUAL(weir_run(chain->weir, &command, NULL, &nothing, NULL), WEIR_ERR_BUSY);
        CU_ASSERT_PTR_NOT_NULL(
            weir_run_start(chain->weir, &command, NULL, start_next, chain, NULL));
    }
    weir_run_free(started);
}

static void a_callback_may_start_the_next_run(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("true"));
    struct chain chain = {.weir = weir, .left = 20};

    weir_run_start(weir, &command, NULL, start_next, &chain, NULL);
    dispatch_until(weir, &chain.calls, 20);
    weir_close(weir);
}

static void closing_the_context_ends_and_frees_its_runs(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("sleep", "1000"));
    struct end ends[3] = {{0}};

    weir_run_start(weir, &command, NULL, note_end, &ends[0], NULL);
    command.argv = ARGV(child_path("leaves_behind"), STRAY);
    weir_run_start(weir, &command, NULL, note_end, &ends[1], NULL);
    command.argv = ARGV("true"); /* over, and never freed either */
    weir_run_start(weir, &command, NULL, note_end, &ends[2], NULL);
    dispatch_until(weir, &ends[2].calls, 1);
    weir_result_clear(&ends[2].result);
    weir_close(weir);
    CU_ASSERT_EQUAL(ends[0].calls, 0);
    weir_close(NULL);
    weir_run_free(NULL);
}

static void a_run_that_is_not_over_is_busy(void)
{
    weir_t *weir = open_weir();
    struct end end = {0};
    struct weir_result result = {.code = 77};
    struct weir_error error = {0};
    weir_run_t *started = start_stubborn(weir, NULL, &end);

    CU_ASSERT_EQUAL(weir_run_take(started, &result, &error), WEIR_ERR_BUSY);
    CU_ASSERT_EQUAL(result.code, 77);
    weir_run_free(started);
    weir_close(weir);
}

struct news {
    int counts[WEIR_EVENT_SPAWNER_LOST + 1];
    int64_t job;
};

static void note_event(const struct weir_event *event, void *context)
{
    struct news *news = context;

    news->counts[event->kind]++;
    news->job = event->job;
    CU_ASSERT_PTR_NOT_NULL(event->name);
    CU_ASSERT_PTR_NOT_NULL(event->text);
    CU_ASSERT(event->time_ns > 0);
}

static void events_tell_the_story(void)
{
    struct weir_options options;
    struct weir_run_options slow = run_options();
    struct news news = {{0}, 0};
    struct weir_result result;
    weir_t *weir;

    weir_options_init(&options);
    options.on_event = note_event;
    options.event_context = &news;
    weir = weir_open(&options, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(weir);
    slow.timeout_ms = 200;
    slow.grace_ms = 100;
    result = run(weir, ARGV(child_path("ignores_term")), &slow);
    weir_result_clear(&result);
    result = run(weir, ARGV("false"), NULL);
    weir_result_clear(&result);
    result = run(weir, ARGV("/no/such"), NULL);
    weir_result_clear(&result);
    CU_ASSERT_EQUAL(news.counts[WEIR_EVENT_STARTED], 2);
    CU_ASSERT_EQUAL(news.counts[WEIR_EVENT_TIMEOUT], 1);
    CU_ASSERT(news.counts[WEIR_EVENT_SIGNAL_SENT] >= 2);
    CU_ASSERT_EQUAL(news.counts[WEIR_EVENT_SIGNALED], 1);
    CU_ASSERT_EQUAL(news.counts[WEIR_EVENT_EXITED], 1);
    CU_ASSERT_EQUAL(news.counts[WEIR_EVENT_NOT_STARTED], 1);
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
        {"a death by signal is told with its output", a_death_by_signal_is_told_with_its_output},
        {"one that obeys TERM keeps what it said", one_that_obeys_term_keeps_what_it_said},
        {"one that ignores TERM is killed", one_that_ignores_term_is_killed},
        {"a stopped child is killed in time", a_stopped_child_is_killed_in_time},
        {"one that exits cleanly on TERM was timed out all the same",
         one_that_exits_cleanly_on_term_was_timed_out_all_the_same},
        {"silence is ended and a slow talker is not", silence_is_ended_and_a_slow_talker_is_not},
        {"an exit before the deadline is an exit", an_exit_before_the_deadline_is_an_exit},
        {"a background process does not hold up the deadline",
         a_background_process_does_not_hold_up_the_deadline},
        {"a holder of the pipe is named and ended", a_holder_of_the_pipe_is_named_and_ended},
        {"a daemon that holds nothing is ended with the job",
         a_daemon_that_holds_nothing_is_ended_with_the_job},
        {"what a dead child left in the pipe is read", what_a_dead_child_left_in_the_pipe_is_read},
        {"endless output keeps head and tail in bounded memory",
         endless_output_keeps_head_and_tail_in_bounded_memory},
        {"the bound holds at its edges", the_bound_holds_at_its_edges},
        {"overflow may stop the run", overflow_may_stop_the_run},
        {"overflow may go to a file", overflow_may_go_to_a_file},
        {"a full disk under the spool is an error and leaves no file",
         a_full_disk_under_the_spool_is_an_error_and_leaves_no_file},
        {"a line of a hundred megabytes takes linear time",
         a_line_of_a_hundred_megabytes_takes_linear_time},
        {"text is whole wherever the writes were split",
         text_is_whole_wherever_the_writes_were_split},
        {"strict decoding keeps the bytes and says where",
         strict_decoding_keeps_the_bytes_and_says_where},
        {"NUL bytes stay", nul_bytes_stay},
        {"a cut between head and tail breaks no character",
         a_cut_between_head_and_tail_breaks_no_character},
        {"UTF-16 survives the cut", utf_16_survives_the_cut},
        {"a child has no signal blocked or ignored", a_child_has_no_signal_blocked_or_ignored},
        {"a host's nohup reaches the child", a_hosts_nohup_reaches_the_child},
        {"the environment is the host's at that moment",
         the_environment_is_the_hosts_at_that_moment},
        {"directory and limits are as asked", directory_and_limits_are_as_asked},
        {"limits that ended it are told", limits_that_ended_it_are_told},
        {"outputs may go elsewhere", outputs_may_go_elsewhere},
        {"a result says what ran", a_result_says_what_ran},
        {"nonsense is refused", nonsense_is_refused},
        {"one descriptor tells of everything", one_descriptor_tells_of_everything},
        {"deadlines come through that descriptor", deadlines_come_through_that_descriptor},
        {"an idle context is quiet", an_idle_context_is_quiet},
        {"a thousand bytes from each of a hundred at once",
         a_thousand_bytes_from_each_of_a_hundred_at_once},
        {"a cancelled run goes down the ladder", a_cancelled_run_goes_down_the_ladder},
        {"cancelling twice is at once", cancelling_twice_is_at_once},
        {"cancelling twice is at once after a timeout too",
         cancelling_twice_is_at_once_after_a_timeout_too},
        {"cancelling twice ends a stubborn daemon at once",
         cancelling_twice_ends_a_stubborn_daemon_at_once},
        {"a signal reaches the child", a_signal_reaches_the_child},
        {"freeing a running run kills it and tells nobody",
         freeing_a_running_run_kills_it_and_tells_nobody},
        {"a callback may free its run", a_callback_may_free_its_run},
        {"a callback may start the next run", a_callback_may_start_the_next_run},
        {"closing the context ends and frees its runs",
         closing_the_context_ends_and_frees_its_runs},
        {"a run that is not over is busy", a_run_that_is_not_over_is_busy},
        {"events tell the story", events_tell_the_story},
        CU_TEST_INFO_NULL,
    };
    int status;

    if (mkdtemp(made_dir) == NULL)
        return EXIT_FAILURE;
    status = run_suite("run", tests);
    unlink(made_path);
    snprintf(made_path, sizeof made_path, "%s/input", made_dir);
    unlink(made_path);
    rmdir(made_dir);
    return status;
}
