/* weir_run_start(): sinks, writing to stdin, redirects to files, interruptible waits, fork. */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/harness.h"
#include "support/running.h"

struct stream {
    char text[4096];
    size_t length, total;
    int ends, pauses, is_done;
    int stop_after, free_after; /* bytes; 0: never */
    weir_run_t *run;
};

static int take(weir_run_t *run, int which, const char *bytes, size_t length, void *context)
{
    struct stream *stream = context;

    (void)which;
    if (bytes == NULL) {
        stream->ends++;
        return -1; /* does not matter any more */
    }
    stream->total += length;
    if (stream->length + length < sizeof stream->text) {
        memcpy(stream->text + stream->length, bytes, length);
        stream->length += length;
        stream->text[stream->length] = '\0';
    }
    if (stream->free_after > 0 && stream->total >= (size_t)stream->free_after) {
        weir_run_free(run);
        stream->is_done = 1;
        return 0;
    }
    return stream->stop_after > 0 && stream->total >= (size_t)stream->stop_after ? -1 : 0;
}

static struct weir_run_options sink_options(struct stream *stream)
{
    struct weir_run_options options = run_options();

    options.out = options.err = WEIR_REDIRECT_SINK;
    options.out_sink = options.err_sink = take;
    options.sink_context = stream;
    return options;
}

static void a_sink_gets_all_and_then_the_end(void)
{
    weir_t *weir = open_weir();
    struct stream stream = {.text = ""};
    struct weir_run_options options = sink_options(&stream);
    struct weir_result result = run(weir, ARGV("sh", "-c", "printf one; printf two >&2"), &options);

    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT(strstr(stream.text, "one") != NULL && strstr(stream.text, "two") != NULL);
    CU_ASSERT_EQUAL(stream.total, 6);
    CU_ASSERT_EQUAL(stream.ends, 2);
    CU_ASSERT_EQUAL(result.out.total, 3);
    CU_ASSERT_EQUAL(result.out.kept, 0);
    CU_ASSERT(!result.out.truncated);
    weir_result_clear(&result);

    stream = (struct stream){.text = ""};
    options.out = WEIR_REDIRECT_CAPTURE; /* both */
    options.overflow = WEIR_OVERFLOW_STOP;
    options.max_output = 1000;
    result = run(weir, ARGV("sh", "-c", "yes | head -c 900; yes | head -c 5000 >&2"), &options);
    CU_ASSERT_EQUAL(result.out.kept, 900);
    weir_result_clear(&result);
    weir_close(weir);
}

static void a_sink_ends_the_run(void)
{
    weir_t *weir = open_weir();
    struct stream stream = {.stop_after = 100};
    struct weir_run_options options = sink_options(&stream);
    struct weir_result result = run(weir, ARGV("yes"), &options);

    CU_ASSERT_EQUAL(result.why, WEIR_STOP_CANCELLED);
    CU_ASSERT_EQUAL(result.signal, SIGTERM);
    CU_ASSERT_EQUAL(stream.ends, 1); /* stderr's: the other has had enough */
    weir_result_clear(&result);
    weir_close(weir);
}

static void a_sink_may_free_the_run(void)
{
    weir_t *weir = open_weir();
    struct stream stream = {.free_after = 100};
    struct weir_run_options options = sink_options(&stream);
    struct weir_command command = command_of(ARGV("yes"));

    CU_ASSERT_PTR_NOT_NULL_FATAL(weir_run_start(weir, &command, &options, NULL, NULL, NULL));
    while (!stream.is_done && await_news(weir, PATIENCE_MS))
        weir_dispatch(weir, NULL);
    CU_ASSERT(stream.is_done);
    weir_close(weir);
}

static void set_done(weir_run_t *run, const struct weir_result *result,
                     const struct weir_error *error, void *context)
{
    (void)run;
    (void)result;
    (void)error;
    *(int *)context = 1;
}

/* Pauses after each piece: then no more than what a pipe and one read hold has come. */
static int take_and_pause(weir_run_t *run, int which, const char *bytes, size_t length,
                          void *context)
{
    struct stream *stream = context;

    stream->total += length;
    if (bytes != NULL) {
        stream->pauses++;
        weir_run_pause(run, which, 1);
    }
    return 0;
}

static void a_paused_output_waits(void)
{
    weir_t *weir = open_weir();
    struct stream stream = {.text = ""};
    struct weir_run_options options = sink_options(&stream);
    struct weir_command command = command_of(ARGV("head", "-c", "1000000", "/dev/zero"));
    struct weir_result result;
    weir_run_t *started;
    int done = 0, seen;

    options.out_sink = take_and_pause;
    options.idle_ms = 50; /* stands still */
    options.drain_ms = 10;
    started = weir_run_start(weir, &command, &options, set_done, &done, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(started);
    while (!done) {
        seen = stream.pauses;
        while (!done && stream.pauses == seen && await_news(weir, 200))
            weir_dispatch(weir, NULL);
        CU_ASSERT(stream.pauses <= seen + 1);
        weir_run_pause(started, STDOUT_FILENO, 0);
    }
    CU_ASSERT_EQUAL(weir_run_take(started, &result, NULL), 0);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL(stream.total, 1000000);
    CU_ASSERT(stream.pauses >= 1000000 / (64 * 1024));
    weir_result_clear(&result);
    weir_run_free(started);
    weir_close(weir);
}

static void what_is_written_is_read(void)
{
    enum { SIZE = 3 * 1000 * 1000 };
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV(child_path("counts_input")));
    struct weir_run_options options = run_options();
    struct weir_result result;
    struct weir_error error;
    char *bytes = noise(SIZE), wanted[64];
    weir_run_t *started;

    options.input = WEIR_INPUT_WRITE;
    started = weir_run_start(weir, &command, &options, NULL, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(started);
    CU_ASSERT_EQUAL(weir_run_write(started, bytes, 10, &error), 10);
    CU_ASSERT_EQUAL(weir_run_write(started, bytes + 10, SIZE - 10, &error), SIZE - 10);
    CU_ASSERT_EQUAL(weir_run_close_input(started, &error), 0);
    CU_ASSERT_EQUAL(weir_run_write(started, "x", 1, &error), 0);
    CU_ASSERT_EQUAL(weir_run_wait(started, &result, &error), 0);
    snprintf(wanted, sizeof wanted, "%d %016llx", SIZE, hash_of(bytes, SIZE));
    CU_ASSERT_PTR_NOT_NULL(strstr(result.out.text, wanted));
    weir_result_clear(&result);
    weir_run_free(started);
    free(bytes);
    weir_close(weir);
}

static void no_process_reads_what_is_written(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("sh", "-c", "read line; exec <&-; sleep 0.1"));
    struct weir_run_options options = run_options();
    struct weir_result result;
    char *bytes = noise(TEN_MB);
    weir_run_t *started;
    ssize_t written;

    options.input = WEIR_INPUT_WRITE;
    started = weir_run_start(weir, &command, &options, NULL, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(started);
    CU_ASSERT_EQUAL(weir_run_write(started, "line\n", 5, NULL), 5);
    written = weir_run_write(started, bytes, TEN_MB, NULL); /* the first that it does not read */
    CU_ASSERT(written >= 0 && written < TEN_MB);
    CU_ASSERT_EQUAL(weir_run_wait(started, &result, NULL), 0);
    CU_ASSERT(exited_with(&result, 0));
    weir_result_clear(&result);
    weir_run_free(started);
    free(bytes);
    started = weir_run_start(weir, &command, NULL, NULL, NULL, NULL);
    CU_ASSERT_EQUAL(weir_run_write(started, "x", 1, NULL), WEIR_ERR_INVALID);
    weir_run_free(started);
    weir_close(weir);
}

struct conversation {
    weir_run_t *run;
    int pending, rooms, done;
};

/* Answers each line of cat's with a longer one, from inside the callback. */
static int converse(weir_run_t *run, int which, const char *bytes, size_t length, void *context)
{
    struct conversation *talk = context;

    (void)which;
    talk->pending += (int)length;
    if (bytes != NULL && talk->pending >= 10) {
        weir_run_close_input(run, NULL);
        return 0;
    }
    if (bytes != NULL)
        CU_ASSERT_EQUAL(weir_run_write(run, "more\n", 5, NULL), 5);
    return 0;
}

static void a_sink_writes_back(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("cat"));
    struct conversation talk = {.run = NULL};
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.input = WEIR_INPUT_WRITE;
    options.out_sink = converse; /* beside the capture */
    options.sink_context = &talk;
    talk.run = weir_run_start(weir, &command, &options, NULL, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(talk.run);
    CU_ASSERT_EQUAL(weir_run_write(talk.run, "begin\n", 6, NULL), 6);
    CU_ASSERT_EQUAL(weir_run_wait(talk.run, &result, NULL), 0);
    CU_ASSERT_STRING_EQUAL(result.out.text, "begin\nmore\n");
    weir_result_clear(&result);
    weir_run_free(talk.run);
    weir_close(weir);
}

static void has_room(weir_run_t *run, void *context)
{
    struct conversation *talk = context;
    static const char zeros[65536];

    talk->rooms++;
    while (talk->pending > 0) {
        size_t length = talk->pending < (int)sizeof zeros ? (size_t)talk->pending : sizeof zeros;
        ssize_t written = weir_run_write(run, zeros, length, NULL);

        talk->pending -= (int)written;
        if (written < (ssize_t)length)
            return;
    }
    weir_run_close_input(run, NULL);
}

static int begin_to_write(weir_run_t *run, int which, const char *bytes, size_t length,
                          void *context)
{
    (void)which;
    (void)length;
    if (bytes != NULL)
        has_room(run, context);
    return 0;
}

static void room_is_reported_inside_callbacks(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("sh", "-c", "echo ready >&2; wc -c"));
    struct conversation talk = {.pending = 1000000};
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.input = WEIR_INPUT_WRITE;
    options.err_sink = begin_to_write;
    options.on_room = has_room;
    options.sink_context = &talk;
    result = run(weir, command.argv, &options);
    CU_ASSERT_EQUAL(atoi(result.out.text), 1000000);
    CU_ASSERT(talk.rooms > 1);
    weir_result_clear(&result);
    weir_close(weir);
}

static void redirects_to_files(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;
    struct weir_error error;
    char path[128];
    const char *text;

    snprintf(path, sizeof path, "/tmp/weir-redirect-%ld", (long)getpid());
    options.out = WEIR_REDIRECT_PATH;
    options.out_path = path;
    result = run(weir, ARGV("sh", "-c", "echo one; exit 0"), &options);
    weir_result_clear(&result);
    options.out = WEIR_REDIRECT_APPEND;
    options.merge_stderr = 1;
    result = run(weir, ARGV("sh", "-c", "echo two >&2"), &options);
    weir_result_clear(&result);
    options = run_options();
    options.input = WEIR_INPUT_PATH;
    options.input_path = path;
    options.err = WEIR_REDIRECT_INHERIT;
    result = run(weir, ARGV("cat"), &options);
    CU_ASSERT_STRING_EQUAL(result.out.text, "one\ntwo\n");
    text = result.err.text != NULL ? result.err.text : "";
    CU_ASSERT_STRING_EQUAL(text, "");
    weir_result_clear(&result);
    unlink(path);
    CU_ASSERT_EQUAL(weir_run(weir, &(struct weir_command){.size = 0}, NULL, &result, &error),
                    WEIR_ERR_INVALID);
    {
        struct weir_command command = command_of(ARGV("true"));

        CU_ASSERT_EQUAL(weir_run(weir, &command, &options, &result, &error), WEIR_ERR_SYSTEM);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, path));
        options.input_path = NULL;
        CU_ASSERT_EQUAL(weir_run(weir, &command, &options, &result, &error), WEIR_ERR_INVALID);
    }
    weir_close(weir);
}

static volatile sig_atomic_t rings;

static void note_ring(int number)
{
    (void)number;
    rings++;
}

static void a_wait_is_interrupted(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("sleep", "1000"));
    weir_run_t *started = weir_run_start(weir, &command, NULL, NULL, NULL, NULL);
    struct sigaction action = {.sa_handler = note_ring}, before;
    struct weir_result result;
    int status = 0, waits = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(started);
    sigaction(SIGALRM, &action, &before);
    rings = 0;
    raise(SIGALRM); /* just before the wait */
    while ((status = weir_run_wait_interruptible(started, &result, NULL)) == WEIR_ERR_INTERRUPTED) {
        if (rings > 0 && waits++ == 3)
            weir_run_cancel(started);
    }
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_EQUAL(result.why, WEIR_STOP_CANCELLED);
    CU_ASSERT(waits >= 4);
    sigaction(SIGALRM, &before, NULL);
    weir_result_clear(&result);
    weir_run_free(started);
    weir_close(weir);
}

static int open_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void a_child_of_fork_forgets_the_context(void)
{
    int before = open_descriptors(), status = 0;
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("cat"));
    struct weir_run_options options = run_options();
    struct weir_result result;
    weir_run_t *started;
    pid_t child;

    options.input = WEIR_INPUT_WRITE;
    started = weir_run_start(weir, &command, &options, NULL, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(started);
    weir_forget(weir); /* in the process that opened it: nothing */
    child = fork();
    if (child == 0) {
        struct weir_error error;
        weir_t *own;
        int left;

        weir_forget(weir);
        left = open_descriptors();
        own = weir_open(NULL, &error);
        if (own == NULL || weir_run(own, &command, NULL, &result, &error) < 0)
            _exit(100);
        weir_result_clear(&result);
        weir_close(own);
        _exit(left - before);
    }
    CU_ASSERT(child > 0 && waitpid(child, &status, 0) == child);
    CU_ASSERT(WIFEXITED(status));
    if (!is_under_valgrind()) /* which tells of the memory that is left */
        CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
    CU_ASSERT_EQUAL(weir_run_write(started, "still here\n", 11, NULL), 11);
    CU_ASSERT_EQUAL(weir_run_close_input(started, NULL), 0);
    CU_ASSERT_EQUAL(weir_run_wait(started, &result, NULL), 0);
    CU_ASSERT_STRING_EQUAL(result.out.text, "still here\n");
    weir_result_clear(&result);
    weir_run_free(started);
    weir_forget(NULL);
    weir_close(weir);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"a sink gets all and then the end", a_sink_gets_all_and_then_the_end},
        {"a sink ends the run", a_sink_ends_the_run},
        {"a sink may free the run", a_sink_may_free_the_run},
        {"a paused output waits", a_paused_output_waits},
        {"what is written is read", what_is_written_is_read},
        {"no process reads what is written", no_process_reads_what_is_written},
        {"a sink writes back", a_sink_writes_back},
        {"room is reported inside callbacks", room_is_reported_inside_callbacks},
        {"redirects to files", redirects_to_files},
        {"a wait is interrupted", a_wait_is_interrupted},
        {"a child of fork forgets the context", a_child_of_fork_forgets_the_context},
        CU_TEST_INFO_NULL,
    };

    return run_suite("run_streams", tests);
}
