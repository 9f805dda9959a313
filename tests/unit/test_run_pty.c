/* WEIR_REDIRECT_PTY: a run on a terminal of its own; argv0, umask and sessions of a command. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/harness.h"
#include "support/running.h"

static struct weir_run_options on_terminal(void)
{
    struct weir_run_options options = run_options();

    options.out = WEIR_REDIRECT_PTY;
    return options;
}

static void prints(weir_t *weir, const char *const *argv, const struct weir_run_options *options,
                   const char *wanted)
{
    struct weir_result result = run(weir, argv, options);

    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_STRING_EQUAL(result.out.text != NULL ? result.out.text : "", wanted);
    weir_result_clear(&result);
}

static void all_three_are_the_controlling_terminal(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = on_terminal();
    struct weir_result result =
        run(weir,
            ARGV("sh", "-c",
                 "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo one && echo two >&2 && "
                 "echo three >/dev/tty && stty size && exit 7"),
            &options);

    CU_ASSERT(exited_with(&result, 7));
    CU_ASSERT_EQUAL(result.pty, 1);
    CU_ASSERT_STRING_EQUAL(result.out.text, "one\ntwo\nthree\n24 80\n");
    CU_ASSERT_EQUAL(result.out.abandoned, 0);
    CU_ASSERT_EQUAL(result.err.total, 0);
    weir_result_clear(&result);

    options.pty_rows = 11;
    options.pty_columns = 22;
    options.pty_flags = WEIR_PTY_CRLF;
    prints(weir, ARGV("stty", "size"), &options, "11 22\r\n");
    weir_close(weir);
}

/* A program that exits at once leaves its output in the terminal. */
static void no_last_output_is_lost(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = on_terminal();

    for (int i = 0; i < 200; i++) {
        struct weir_result result = run(weir, ARGV("echo", "last words"), &options);

        CU_ASSERT(exited_with(&result, 0));
        CU_ASSERT_EQUAL(result.out.total, sizeof "last words\n" - 1);
        weir_result_clear(&result);
    }
    weir_close(weir);
}

static void input_is_typed_and_ends(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = on_terminal();
    char path[128];
    int fd;

    prints(weir, ARGV("cat"), &options, ""); /* none: at its end */
    options.input = WEIR_INPUT_BYTES;
    options.input_bytes = "whole line\nand a part";
    options.input_length = strlen(options.input_bytes);
    prints(weir, ARGV("cat"), &options, "whole line\nand a part");
    options.pty_flags = WEIR_PTY_ECHO;
    options.input_bytes = "seen\n";
    options.input_length = strlen(options.input_bytes);
    prints(weir, ARGV("sh", "-c", "read line; echo \"[$line]\""), &options, "seen\n[seen]\n");

    options = on_terminal();
    snprintf(path, sizeof path, "/tmp/weir-pty-%ld", (long)getpid());
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CU_ASSERT_FATAL(fd >= 0);
    for (int i = 0; i < 20000; i++) /* more than a terminal holds */
        CU_ASSERT_EQUAL(write(fd, "ten bytes\n", 10), 10);
    CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_SET), 0);
    options.input = WEIR_INPUT_PATH;
    options.input_path = path;
    prints(weir, ARGV("wc", "-c"), &options, "200000\n");
    options.input = WEIR_INPUT_FD;
    options.input_fd = fd;
    prints(weir, ARGV("wc", "-c"), &options, "200000\n");
    close(fd);
    unlink(path);
    weir_close(weir);
}

static void a_pipe_is_typed_as_it_comes(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = on_terminal();
    struct weir_command command = command_of(ARGV("cat"));
    struct weir_result result;
    weir_run_t *started;
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    options.input = WEIR_INPUT_FD;
    options.input_fd = ends[0];
    started = weir_run_start(weir, &command, &options, NULL, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(started);
    weir_run_pause(started, STDIN_FILENO, 1);
    CU_ASSERT_EQUAL(write(ends[1], "one\n", 4), 4);
    weir_run_pause(started, STDIN_FILENO, 0);
    CU_ASSERT_EQUAL(write(ends[1], "two\n", 4), 4);
    close(ends[1]);
    CU_ASSERT_EQUAL(weir_run_wait(started, &result, NULL), 0);
    CU_ASSERT_STRING_EQUAL(result.out.text, "one\ntwo\n");
    close(ends[0]);
    weir_result_clear(&result);
    weir_run_free(started);
    weir_close(weir);
}

struct session {
    char text[4096];
    size_t length;
    int resized, interrupted;
};

/* Answers what the program says. */
static int answer(weir_run_t *run, int which, const char *bytes, size_t length, void *context)
{
    struct session *session = context;

    CU_ASSERT_EQUAL(which, STDOUT_FILENO);
    if (bytes == NULL || session->length + length >= sizeof session->text)
        return 0;
    memcpy(session->text + session->length, bytes, length);
    session->length += length;
    if (!session->resized && strstr(session->text, "ready\n") != NULL) {
        session->resized = 1;
        CU_ASSERT_EQUAL(weir_run_resize(run, 33, 44, NULL), 0);
    }
    if (!session->interrupted && strstr(session->text, "33 44\n") != NULL) {
        session->interrupted = 1;
        CU_ASSERT_EQUAL(weir_run_write(run, "\x03", 1, NULL), 1); /* Ctrl-C */
    }
    return 0;
}

static void a_session_is_resized_and_interrupted(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = on_terminal();
    struct session session = {.text = ""};
    struct weir_result result;
    struct weir_error error;

    options.input = WEIR_INPUT_WRITE;
    options.out_sink = answer;
    options.sink_context = &session;
    result = run(weir,
                 ARGV("sh", "-c",
                      "trap 'stty size' WINCH; trap 'echo bye; exit 3' INT; echo ready; "
                      "while :; do sleep 0.01; done"),
                 &options);
    CU_ASSERT(exited_with(&result, 3));
    CU_ASSERT(session.interrupted);
    CU_ASSERT_PTR_NOT_NULL(strstr(result.out.text, "bye\n"));
    weir_result_clear(&result);
    {
        struct weir_command command = command_of(ARGV("true"));
        weir_run_t *plain = weir_run_start(weir, &command, NULL, NULL, NULL, NULL);

        CU_ASSERT_EQUAL(weir_run_resize(plain, 1, 1, &error), WEIR_ERR_INVALID);
        weir_run_free(plain);
        options = run_options();
        options.err = WEIR_REDIRECT_PTY;
        CU_ASSERT_EQUAL(weir_run(weir, &command, &options, &result, &error), WEIR_ERR_INVALID);
    }
    weir_close(weir);
}

static void it_ends_like_any_run(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = on_terminal();
    struct weir_result result;

    result = run(weir, ARGV("weir-no-such-program"), &options);
    CU_ASSERT_EQUAL(result.end, WEIR_NOT_STARTED);
    CU_ASSERT_EQUAL(weir_result_status(&result), 127);
    CU_ASSERT_EQUAL(result.out.abandoned, 0);
    weir_result_clear(&result);

    options.timeout_ms = 50;
    options.input = WEIR_INPUT_WRITE;
    result = run(weir, ARGV("sleep", "1000"), &options);
    CU_ASSERT_EQUAL(result.why, WEIR_STOP_TIMEOUT);
    CU_ASSERT_EQUAL(result.signal, SIGTERM);
    weir_result_clear(&result);

    options = on_terminal(); /* who leaves the session is stopped, too */
    result = run(weir, ARGV("sh", "-c", "setsid sleep 1000 & echo done"), &options);
    CU_ASSERT(exited_with(&result, 0));
    weir_result_clear(&result);
    weir_close(weir);
}

static void a_command_has_a_name_a_mask_and_a_session(void)
{
    weir_t *weir = open_weir();
    struct weir_command command =
        command_of(ARGV("sh", "-c", "umask; cut -d' ' -f5,6 /proc/$$/stat"));
    struct weir_result result;
    struct weir_error error;
    char wanted[64];

    CU_ASSERT_EQUAL(command.umask, -1);
    command.umask = 027;
    command.new_session = 1;
    result = run_command(weir, &command, NULL);
    CU_ASSERT(exited_with(&result, 0));
    snprintf(wanted, sizeof wanted, "0027\n%ld %ld\n", (long)result.pid, (long)result.pid);
    CU_ASSERT_STRING_EQUAL(result.out.text, wanted);
    weir_result_clear(&result);

    command = command_of(ARGV("sh"));
    command.argv0 = "-other";
    command.argv = ARGV("cat", "/proc/self/cmdline");
    result = run_command(weir, &command, NULL);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL(result.out.kept, sizeof "-other\0/proc/self/cmdline");
    CU_ASSERT_STRING_EQUAL(result.out.bytes, "-other");
    CU_ASSERT_STRING_EQUAL(result.argv[0], "cat");
    weir_result_clear(&result);

    command.umask = 01000;
    CU_ASSERT_EQUAL(weir_run(weir, &command, NULL, &result, &error), WEIR_ERR_INVALID);
    weir_close(weir);
}

static void a_session_is_stopped_as_any_job(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("sh", "-c", "sleep 1000 & sleep 1000"));
    struct weir_run_options options = run_options();
    struct weir_result result;

    command.new_session = 1;
    options.timeout_ms = 50;
    result = run_command(weir, &command, &options);
    CU_ASSERT_EQUAL(result.why, WEIR_STOP_TIMEOUT);
    CU_ASSERT_EQUAL(result.holder_pid, 0);
    weir_result_clear(&result);
    weir_close(weir);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"all three are the controlling terminal", all_three_are_the_controlling_terminal},
        {"no last output is lost", no_last_output_is_lost},
        {"input is typed and ends", input_is_typed_and_ends},
        {"a pipe is typed as it comes", a_pipe_is_typed_as_it_comes},
        {"a session is resized and interrupted", a_session_is_resized_and_interrupted},
        {"it ends like any run", it_ends_like_any_run},
        {"a command has a name a mask and a session", a_command_has_a_name_a_mask_and_a_session},
        {"a session is stopped as any job", a_session_is_stopped_as_any_job},
        CU_TEST_INFO_NULL,
    };

    return run_suite("run_pty", tests);
}
