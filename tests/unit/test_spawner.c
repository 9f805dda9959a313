/* weir-spawner, spoken to through its socket as libweir does. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/datagram.h"
#include "base/process_tree.h"
#include "support/harness.h"

extern char **environ;

/* --- Speaking to it ------------------------------------------------------- */

enum { HOST_SOCKET = 3 };

static void say_with(int spawner, const char *text, const int *fds, size_t fd_count)
{
    CU_ASSERT_EQUAL(weir__message_send(spawner, text, strlen(text), fds, fd_count, 0), 0);
}

static void say(int spawner, const char *text)
{
    say_with(spawner, text, NULL, 0);
}

/* The next answer; NULL at the end or when none comes. */
static json_t *hear(int spawner)
{
    struct weir__message message;
    json_t *answer;

    if (!await_readable(spawner) || weir__message_receive(spawner, &message, 0) != 1)
        return NULL;
    answer = json_loads(message.text, 0, NULL);
    weir__message_clear(&message);
    return answer;
}

/* Hears answers until one about job says what; others of the job before it
 * must be allowed.  Never NULL: an empty object when it does not come. */
static json_t *hear_what(int spawner, int job, const char *what)
{
    json_t *answer;

    while ((answer = hear(spawner)) != NULL) {
        const char *got = json_string_value(json_object_get(answer, "what"));

        if (json_integer_value(json_object_get(answer, "job")) == job && got != NULL
            && strcmp(got, what) == 0)
            return answer;
        json_decref(answer);
    }
    CU_FAIL("an answer did not come");
    printf("# no \"%s\" of job %d\n", what, job);
    return json_object();
}

static void hear_and_drop(int spawner, int job, const char *what)
{
    json_decref(hear_what(spawner, job, what));
}

static long long number_of(const json_t *answer, const char *key)
{
    return json_integer_value(json_object_get(answer, key));
}

static const char *text_of(const json_t *answer, const char *key)
{
    const char *text = json_string_value(json_object_get(answer, key));

    return text != NULL ? text : "(none)";
}

/* Starts a spawner; returns our end of its socket. */
static int spawner_open(void)
{
    const char *program = getenv("WEIR_SPAWNER");
    char *argv[] = {(char *)"weir-spawner", NULL};
    posix_spawn_file_actions_t actions;
    int ends[2], status;
    json_t *hello;
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(weir__message_socketpair(ends, NULL), 0);
    posix_spawn_file_actions_init(&actions);
    /* dup2() onto itself would leave close-on-exec set. */
    if (ends[1] == HOST_SOCKET)
        fcntl(ends[1], F_SETFD, 0);
    else
        posix_spawn_file_actions_adddup2(&actions, ends[1], HOST_SOCKET);
    CU_ASSERT_EQUAL_FATAL(posix_spawn(&pid, program != NULL ? program : "./weir-spawner", &actions,
                                      NULL, argv, environ),
                          0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid); /* it goes its own way at once */
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    hello = hear(ends[0]);
    CU_ASSERT(hello != NULL && strcmp(text_of(hello, "what"), "hello") == 0
              && number_of(hello, "pid") > 1);
    json_decref(hello);
    return ends[0];
}

static void stop(int spawner, int job, int grace_ms)
{
    char text[128];

    snprintf(text, sizeof text, "{\"op\":\"stop\",\"job\":%d,\"grace_ms\":%d}", job, grace_ms);
    say(spawner, text);
}

/* Hears answers until the job has ended, by whichever word. */
static void hear_end(int spawner, int job)
{
    json_t *answer;
    int ended = 0;

    while (!ended && (answer = hear(spawner)) != NULL) {
        ended = json_integer_value(json_object_get(answer, "job")) == job
                && (json_is_true(json_object_get(answer, "ended"))
                    || strcmp(text_of(answer, "what"), "ended") == 0);
        json_decref(answer);
    }
    CU_ASSERT(ended);
}

static const char cookie[] = "0123456789abcdef0123456789abcdef";

/* A request to start one stage; members is more of it ("" or ",..."). */
static char *start_text(int job, json_t *argv, const char *members)
{
    char *words = json_dumps(argv, 0), *text;
    size_t size = strlen(words) + strlen(members) + 256;

    text = malloc(size);
    snprintf(text, size,
             "{\"op\":\"start\",\"job\":%d,\"cookie\":\"%.24s%08d\",\"grace_ms\":300,"
             "\"stages\":[{\"argv\":%s%s}]}",
             job, cookie, job, words, members);
    free(words);
    json_decref(argv);
    return text;
}

static void start_with(int spawner, int job, json_t *argv, const char *members, const int *fds,
                       size_t fd_count)
{
    char *text = start_text(job, argv, members);

    say_with(spawner, text, fds, fd_count);
    free(text);
}

static json_t *words(const char *first, const char *second, const char *third)
{
    json_t *list = json_array();
    const char *const all[] = {first, second, third};

    for (int i = 0; i < 3 && all[i] != NULL; i++)
        json_array_append_new(list, json_string(all[i]));
    return list;
}

/* Starts a child of tests/children with its stdout in a pipe; returns our end. */
static int start_child(int spawner, int job, const char *name, const char *argument,
                       const char *second)
{
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    start_with(spawner, job, words(child_path(name), argument, second), ",\"stdout\":0",
               &ends[FD_WRITE_END], 1);
    close(ends[FD_WRITE_END]);
    return ends[FD_READ_END];
}

/* Reads one line; "" at the end. */
static void read_line(int fd, char *line, size_t size)
{
    size_t length = 0;

    while (length + 1 < size && await_readable(fd) && read(fd, line + length, 1) == 1
           && line[length] != '\n')
        length++;
    line[length] = '\0';
}

/* Reads to the end, closes, NUL-terminates. */
static void read_all(int fd, char *text, size_t size)
{
    size_t length = 0;
    ssize_t count = 1;

    while (length + 1 < size && count > 0 && await_readable(fd)) {
        count = read(fd, text + length, size - 1 - length);
        length += count > 0 ? (size_t)count : 0;
    }
    text[length] = '\0';
    close(fd);
}

/* Starts what cannot start; checks how that is told. */
static void check_refusal(int spawner, json_t *argv, const char *members, const int *fds,
                          size_t fd_count, const char *step, int error, const char *detail)
{
    static int job = 1000;
    json_t *answer;

    start_with(spawner, ++job, argv, members, fds, fd_count);
    answer = hear_what(spawner, job, "failed");
    CU_ASSERT_STRING_EQUAL(text_of(answer, "step"), step);
    CU_ASSERT_EQUAL(number_of(answer, "errno"), error);
    CU_ASSERT_STRING_EQUAL(text_of(answer, "detail"), detail);
    json_decref(answer);
    hear_and_drop(spawner, job, "ended");
}

/* A file in a directory of the test's own. */
static char made_dir[] = "/tmp/weir-test-spawner-XXXXXX";
static char made_path[128];

static const char *make_file(const char *text, mode_t mode)
{
    int fd;

    snprintf(made_path, sizeof made_path, "%s/file", made_dir);
    unlink(made_path);
    fd = open(made_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    if (write(fd, text, strlen(text)) < 0)
        CU_FAIL("cannot write a file");
    fchmod(fd, mode);
    close(fd);
    return made_path;
}

/* --- What did not start --------------------------------------------------- */

static void a_missing_program_is_enoent_at_exec(void)
{
    int spawner = spawner_open();

    check_refusal(spawner, words("/no/such/program", NULL, NULL), "", NULL, 0, "exec", ENOENT, "");
    check_refusal(spawner, words("weir-no-such-program", NULL, NULL), "", NULL, 0, "exec", ENOENT,
                  "");
    check_refusal(spawner, words("", NULL, NULL), "", NULL, 0, "exec", ENOENT, "");
    close(spawner);
}

static void a_missing_interpreter_is_named(void)
{
    int spawner = spawner_open();

    check_refusal(spawner, words(make_file("#! /no/such/interpreter -x\n", 0700), NULL, NULL), "",
                  NULL, 0, "exec", ENOENT, "/no/such/interpreter");
    check_refusal(spawner, words(make_file("#!/no/\"quoted\\\n", 0700), NULL, NULL), "", NULL, 0,
                  "exec", ENOENT, "/no/\"quoted\\");
    close(spawner);
}

static void a_missing_interpreter_on_the_path_is_named(void)
{
    int spawner = spawner_open();
    char members[256];

    make_file("#!/no/such/interpreter\n", 0700);
    snprintf(members, sizeof members, ",\"env_set\":[\"PATH=/no:%s\"]", made_dir);
    check_refusal(spawner, words("file", NULL, NULL), members, NULL, 0, "exec", ENOENT,
                  "/no/such/interpreter");
    close(spawner);
}

static void a_script_without_its_first_line_is_never_given_to_a_shell(void)
{
    int spawner = spawner_open();
    char path[160], members[256];

    snprintf(path, sizeof path, "touch %s/ran\n", made_dir);
    make_file(path, 0700);
    check_refusal(spawner, words(made_path, NULL, NULL), "", NULL, 0, "exec", ENOEXEC, "");
    snprintf(members, sizeof members, ",\"env_set\":[\"PATH=%s\"]", made_dir);
    check_refusal(spawner, words("file", NULL, NULL), members, NULL, 0, "exec", ENOEXEC, "");
    snprintf(path, sizeof path, "%s/ran", made_dir);
    CU_ASSERT(access(path, F_OK) < 0);
    close(spawner);
}

static void a_file_without_an_x_bit_is_eacces(void)
{
    int spawner = spawner_open();
    char members[256];

    check_refusal(spawner, words(make_file("#!/bin/sh\n", 0600), NULL, NULL), "", NULL, 0, "exec",
                  EACCES, "");
    /* On the PATH it is passed over for a later one, and told when there is none. */
    snprintf(members, sizeof members, ",\"env_set\":[\"PATH=%s:/no\"]", made_dir);
    check_refusal(spawner, words("file", NULL, NULL), members, NULL, 0, "exec", EACCES, "");
    check_refusal(spawner, words(made_dir, NULL, NULL), "", NULL, 0, "exec", EACCES, "");
    close(spawner);
}

static void an_argument_over_128_kib_is_e2big(void)
{
    int spawner = spawner_open();
    char *large = malloc(131073);

    memset(large, 'a', 131072);
    large[131072] = '\0';
    check_refusal(spawner, words("/bin/true", large, NULL), "", NULL, 0, "exec", E2BIG, "");
    free(large);
    close(spawner);
}

static void a_megabyte_of_arguments_arrives(void)
{
    int spawner = spawner_open(), ends[2];
    char *large = malloc(100001), line[64];
    json_t *argv = words("/bin/sh", "-c", "echo $# ${#1} ${#11}");

    memset(large, 'a', 100000);
    large[100000] = '\0';
    json_array_append_new(argv, json_string("sh"));
    for (int i = 0; i < 11; i++)
        json_array_append_new(argv, json_string(large));
    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    start_with(spawner, 1, argv, ",\"stdout\":0", &ends[FD_WRITE_END], 1);
    close(ends[FD_WRITE_END]);
    read_all(ends[FD_READ_END], line, sizeof line);
    CU_ASSERT_STRING_EQUAL(line, "11 100000 100000\n");
    hear_and_drop(spawner, 1, "exit");
    free(large);
    close(spawner);
}

static void a_failed_chdir_is_told_apart(void)
{
    int spawner = spawner_open();
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

    check_refusal(spawner, words("/bin/true", NULL, NULL), ",\"cwd\":0", &file, 1, "chdir", ENOTDIR,
                  "");
    close(file);
    close(spawner);
}

static void a_failed_limit_is_told_apart(void)
{
    int spawner = spawner_open();

    check_refusal(spawner, words("/bin/true", NULL, NULL), ",\"limits\":[[63,1]]", NULL, 0, "limit",
                  EINVAL, "63 1 0"); /* which, what was asked, how far it may go */
    close(spawner);
}

static void a_missing_second_stage_leaves_no_first_one(void)
{
    int spawner = spawner_open();
    json_t *answer;
    char text[1024];

    snprintf(text, sizeof text,
             "{\"op\":\"start\",\"job\":5,\"cookie\":\"%s\",\"grace_ms\":60000,\"stages\":["
             "{\"argv\":[\"sleep\",\"1000\"]},{\"argv\":[\"/no/"
             "such\"]},{\"argv\":[\"sleep\",\"1000\"]}]}",
             cookie);
    say(spawner, text);
    answer = hear_what(spawner, 5, "failed");
    CU_ASSERT_EQUAL(number_of(answer, "stage"), 1);
    json_decref(answer);
    answer = hear_what(spawner, 5, "exit");
    CU_ASSERT_EQUAL(number_of(answer, "stage"), 0);
    CU_ASSERT_EQUAL(number_of(answer, "signal"), SIGTERM);
    json_decref(answer);
    CU_ASSERT_EQUAL(count_marked(cookie), 0);
    close(spawner);
}

/* --- What did ------------------------------------------------------------- */

static void a_program_starts_in_clean_surroundings(void)
{
    int spawner;
    char text[4096], wanted[256];
    sigset_t some, before;
    struct sigaction old;
    int many[40];

    /* The host is as bad as it gets: it blocks, ignores, and has descriptors open. */
    sigemptyset(&some);
    sigaddset(&some, SIGTERM);
    sigaddset(&some, SIGUSR1);
    sigprocmask(SIG_BLOCK, &some, &before);
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, &old);
    for (int i = 0; i < 40; i++)
        many[i] = open("/dev/null", O_RDONLY); /* not close-on-exec */
    spawner = spawner_open();
    read_all(start_child(spawner, 1, "shows_itself", "WEIR_JOB", NULL), text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "fds: 0 1 2\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "blocked:\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "ignored:\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "leads: 1\n"));
    snprintf(wanted, sizeof wanted, "WEIR_JOB=%s.%.24s00000001\n", test_marker(), cookie);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, wanted));
    hear_and_drop(spawner, 1, "exit");
    close(spawner);
    for (int i = 0; i < 40; i++)
        close(many[i]);
    sigaction(SIGPIPE, &old, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static void nohup_is_kept(void)
{
    struct sigaction old;
    char text[4096];
    int spawner;

    sigaction(SIGHUP, &(struct sigaction){.sa_handler = SIG_IGN}, &old);
    spawner = spawner_open();
    sigaction(SIGHUP, &old, NULL);
    read_all(start_child(spawner, 1, "shows_itself", NULL, NULL), text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "ignored: 1\n"));
    hear_and_drop(spawner, 1, "exit");
    close(spawner);
}

static void directory_limits_and_environment_are_as_asked(void)
{
    int spawner = spawner_open(), fds[2], ends[2];
    char text[4096], members[512];

    setenv("WEIR_TEST_GONE", "1", 1);
    close(spawner); /* it was started before the variable was set */
    spawner = spawner_open();
    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    fds[0] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fds[1] = ends[FD_WRITE_END];
    snprintf(members, sizeof members,
             ",\"cwd\":0,\"stdout\":1,\"stderr\":1,\"nice\":3,\"limits\":[[%d,77],[%d,1000000]],"
             "\"env_set\":[\"A=1\",\"A=2\",\"WEIR_JOB=mine\"],\"env_unset\":[\"WEIR_TEST_GONE\"]",
             (int)RLIMIT_NOFILE, (int)RLIMIT_FSIZE);
    {
        json_t *argv = words(child_path("shows_itself"), "A", "WEIR_TEST_GONE");

        json_array_append_new(argv, json_string("HOME"));
        json_array_append_new(argv, json_string("WEIR_JOB"));
        start_with(spawner, 1, argv, members, fds, 2);
    }
    close(fds[0]);
    close(fds[1]);
    read_all(ends[FD_READ_END], text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\ncwd: /\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "files=77 file-size=1000000 "));
    snprintf(members, sizeof members, "\nnice: %d\n", nice(0) + 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, members));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nA=2\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nWEIR_TEST_GONE=(unset)\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, test_marker())); /* nobody's own WEIR_JOB counts */
    CU_ASSERT_PTR_NULL(strstr(text, "mine"));
    hear_and_drop(spawner, 1, "exit");
    unsetenv("WEIR_TEST_GONE");
    close(spawner);
}

static void a_cleared_environment_has_only_the_cookie(void)
{
    int spawner = spawner_open(), ends[2];
    char text[256];

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    start_with(spawner, 1, words("/usr/bin/env", NULL, NULL), ",\"env_clear\":true,\"stdout\":0",
               &ends[FD_WRITE_END], 1);
    close(ends[FD_WRITE_END]);
    read_all(ends[FD_READ_END], text, sizeof text);
    CU_ASSERT_EQUAL(strncmp(text, "WEIR_JOB=", 9), 0);
    CU_ASSERT_PTR_EQUAL(strchr(text, '\n'), text + strlen(text) - 1);
    hear_and_drop(spawner, 1, "exit");
    close(spawner);
}

static void statuses_are_the_programs_own(void)
{
    static const struct {
        const char *script;
        int code, signal;
    } cases[] = {
        {"exit 0", 0, 0},
        {"exit 255", 255, 0},
        {"exit 127", 127, 0},
        {"exit 126", 126, 0},
        {"kill -9 $$", 0, SIGKILL},
        {"kill -2 $$", 0, SIGINT},
        {"kill -13 $$", 0, SIGPIPE},
    };
    int spawner = spawner_open();

    for (int i = 0; i < (int)(sizeof cases / sizeof cases[0]); i++) {
        json_t *answer;

        start_with(spawner, i + 1, words("/bin/sh", "-c", cases[i].script), "", NULL, 0);
        answer = hear_what(spawner, i + 1, "exit");
        CU_ASSERT_EQUAL(number_of(answer, "code"), cases[i].code);
        CU_ASSERT_EQUAL(number_of(answer, "signal"), cases[i].signal);
        CU_ASSERT(number_of(answer, "max_rss_kb") > 0);
        json_decref(answer);
    }
    close(spawner);
}

static void the_stages_of_a_job_are_one_group(void)
{
    int spawner = spawner_open(), ends[2];
    char text[1024], first[64], second[64];

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    /* The first is gone before the second starts: its group is still there to join. */
    snprintf(text, sizeof text,
             "{\"op\":\"start\",\"job\":1,\"cookie\":\"%s\",\"grace_ms\":0,\"stages\":["
             "{\"argv\":[\"sh\",\"-c\",\"ps -o pgid= -p $$\"],\"stdout\":0},"
             "{\"argv\":[\"sh\",\"-c\",\"ps -o pgid= -p $$\"],\"stdout\":0}]}",
             cookie);
    say_with(spawner, text, &ends[FD_WRITE_END], 1);
    close(ends[FD_WRITE_END]);
    read_line(ends[FD_READ_END], first, sizeof first);
    read_line(ends[FD_READ_END], second, sizeof second);
    CU_ASSERT(atol(first) > 0);
    CU_ASSERT_STRING_EQUAL(first, second);
    close(ends[FD_READ_END]);
    hear_and_drop(spawner, 1, "exit");
    hear_and_drop(spawner, 1, "exit");
    close(spawner);
}

/* --- How it ends ---------------------------------------------------------- */

static void one_that_ignores_term_is_killed_after_the_grace(void)
{
    int spawner = spawner_open();
    int out = start_child(spawner, 1, "ignores_term", NULL, NULL);
    char line[32];
    json_t *answer;

    read_line(out, line, sizeof line);
    CU_ASSERT_STRING_EQUAL(line, "ready");
    stop(spawner, 1, 100);
    answer = hear_what(spawner, 1, "sent");
    CU_ASSERT_EQUAL(number_of(answer, "signal"), SIGTERM);
    json_decref(answer);
    answer = hear_what(spawner, 1, "sent");
    CU_ASSERT_EQUAL(number_of(answer, "signal"), SIGKILL);
    json_decref(answer);
    answer = hear_what(spawner, 1, "exit");
    CU_ASSERT_EQUAL(number_of(answer, "signal"), SIGKILL);
    json_decref(answer);
    close(out);
    close(spawner);
}

static void a_shorter_grace_counts(void)
{
    int spawner = spawner_open();
    int out = start_child(spawner, 1, "ignores_term", NULL, NULL);
    char line[32];

    read_line(out, line, sizeof line);
    stop(spawner, 1, 100000000);
    hear_and_drop(spawner, 1, "sent");
    stop(spawner, 1, 0);
    hear_and_drop(spawner, 1, "exit");
    close(out);
    close(spawner);
}

static void who_has_exited_is_sent_nothing(void)
{
    enum { OTHERS = 30 };
    int spawner = spawner_open(), held[2], signals = 0, exits = 0;
    json_t *answer;
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(weir__pipe(held, NULL), 0);
    start_with(spawner, 1, words("cat", NULL, NULL), ",\"stdin\":0", &held[FD_READ_END], 1);
    close(held[FD_READ_END]);
    answer = hear_what(spawner, 1, "started");
    pid = (pid_t)json_integer_value(json_array_get(json_object_get(answer, "pids"), 0));
    json_decref(answer);
    /* While the spawner is busy with others the child exits, and only then its
     * time is up. */
    for (int job = 2; job < 2 + OTHERS; job++)
        start_with(spawner, job, words("true", NULL, NULL), "", NULL, 0);
    close(held[FD_WRITE_END]);
    while (strchr("ZX", process_state(pid)) == NULL)
        continue;
    stop(spawner, 1, 60000);
    while (exits < 1 + OTHERS && (answer = hear(spawner)) != NULL) {
        signals += strcmp(text_of(answer, "what"), "sent") == 0;
        exits += strcmp(text_of(answer, "what"), "exit") == 0;
        json_decref(answer);
    }
    CU_ASSERT_EQUAL(exits, 1 + OTHERS);
    CU_ASSERT_EQUAL(signals, 0);
    close(spawner);
}

static void a_stopped_one_is_ended(void)
{
    int spawner = spawner_open();
    int out = start_child(spawner, 1, "stops_itself", NULL, NULL);
    char line[32];

    read_line(out, line, sizeof line);
    stop(spawner, 1, 50);
    hear_and_drop(spawner, 1, "exit");
    close(out);
    close(spawner);
}

static void a_signal_reaches_the_group(void)
{
    int spawner = spawner_open();
    int out = start_child(spawner, 1, "answers_signal", NULL, NULL);
    char line[32];
    json_t *answer;

    read_line(out, line, sizeof line);
    CU_ASSERT_STRING_EQUAL(line, "ready");
    say(spawner, "{\"op\":\"signal\",\"job\":1,\"signal\":2}");
    read_line(out, line, sizeof line);
    CU_ASSERT_STRING_EQUAL(line, "2");
    say(spawner, "{\"op\":\"signal\",\"job\":1,\"signal\":12}");
    answer = hear_what(spawner, 1, "exit");
    CU_ASSERT_EQUAL(number_of(answer, "code"), 5);
    json_decref(answer);
    close(out);
    close(spawner);
}

/* Starts one that leaves a process behind, sees it exit, then stops the job. */
static void leave_behind(const char *mode, const char *stubborn, int grace_ms)
{
    int spawner = spawner_open();
    int out = start_child(spawner, 1, "leaves_behind", mode, stubborn);
    char line[32];
    json_t *answer;
    pid_t left;

    read_line(out, line, sizeof line);
    left = (pid_t)atol(line);
    CU_ASSERT_FATAL(left > 0);
    answer = hear_what(spawner, 1, "exit");
    CU_ASSERT_EQUAL(number_of(answer, "code"), 0);
    CU_ASSERT(json_is_false(json_object_get(answer, "ended")));
    json_decref(answer);
    CU_ASSERT_EQUAL(kill(left, 0), 0);
    stop(spawner, 1, grace_ms);
    hear_end(spawner, 1);
    CU_ASSERT(is_gone(left));
    close(out);
    close(spawner);
}

static void a_background_process_ends_with_the_job(void)
{
    leave_behind("background", NULL, 60000);
    leave_behind("background", "stubborn", 50);
}

static void a_session_of_its_own_ends_with_the_job(void)
{
    if (is_without("/proc"))
        return;
    leave_behind("session", NULL, 60000);
    leave_behind("session", "stubborn", 50);
}

static void a_daemon_ends_with_the_job(void)
{
    if (is_without("/proc"))
        return;
    leave_behind("daemon", NULL, 60000);
    leave_behind("daemon", "stubborn", 50);
}

static void a_daemon_without_an_environment_ends_with_the_job(void)
{
    if (is_without("a subreaper"))
        return;
    leave_behind("bare", NULL, 60000);
    leave_behind("bare", "stubborn", 50);
}

static void an_orphan_that_ends_by_itself_ends_the_job(void)
{
    int spawner = spawner_open();
    int out = start_child(spawner, 1, "leaves_behind", STRAY, NULL);
    char line[32];

    read_line(out, line, sizeof line);
    hear_and_drop(spawner, 1, "exit");
    CU_ASSERT_FATAL(atol(line) > 0);
    CU_ASSERT_EQUAL(kill((pid_t)atol(line), SIGKILL), 0);
    hear_and_drop(spawner, 1, "ended");
    CU_ASSERT(is_gone((pid_t)atol(line)));
    close(out);
    close(spawner);
}

static void the_orphan_of_one_job_is_not_anothers(void)
{
    if (is_without("/proc"))
        return;
    enum { ROUNDS = 60 };
    int spawner = spawner_open();

    /* Again and again: a daemon's first parent may be seen on its way out, with
     * nothing to tell its job by, and the daemon not yet set free. */
    for (int job = 1; job <= 2 * ROUNDS; job += 2) {
        int first = start_child(spawner, job, "leaves_behind", "daemon", NULL);
        int second = start_child(spawner, job + 1, "leaves_behind", "daemon", NULL);
        char one[32], two[32];

        read_line(first, one, sizeof one);
        read_line(second, two, sizeof two);
        stop(spawner, job, 60000);
        hear_end(spawner, job);
        CU_ASSERT(is_gone((pid_t)atol(one)));
        CU_ASSERT_EQUAL(kill((pid_t)atol(two), 0), 0);
        stop(spawner, job + 1, 60000);
        hear_end(spawner, job + 1);
        CU_ASSERT(is_gone((pid_t)atol(two)));
        close(first);
        close(second);
    }
    close(spawner);
}

/* Its first parent is seen when there is nothing to tell its job by, and it is
 * not yet set free. */
static void a_daemon_whose_parent_takes_long_to_end_is_its_jobs(void)
{
    if (is_without("/proc"))
        return;
    int spawner = spawner_open();
    int other = start_child(spawner, 1, "says_and_stays", "x\n", NULL);
    int out = start_child(spawner, 2, "leaves_behind", "daemon", "slow");
    char line[32];
    json_t *answer;

    read_line(out, line, sizeof line);
    answer = hear_what(spawner, 2, "exit");
    CU_ASSERT(json_is_false(json_object_get(answer, "ended")));
    json_decref(answer);
    stop(spawner, 2, 60000);
    hear_end(spawner, 2);
    CU_ASSERT_FATAL(atol(line) > 0);
    CU_ASSERT(is_gone((pid_t)atol(line)));
    close(out);
    close(other);
    close(spawner);
}

/* --- The host goes away --------------------------------------------------- */

static void when_the_host_goes_everything_ends(void)
{
    static const char *const modes[] = {STRAYS};
    int spawner = spawner_open(), outs[6];
    pid_t pids[6], itself = find_marked(test_marker(), "weir-spawner");
    char line[32];
    json_t *answer;

    CU_ASSERT_FATAL(itself > 0);
    for (int i = 0; i < 4; i++) {
        outs[i] = start_child(spawner, i + 1, "leaves_behind",
                              modes[i % (sizeof modes / sizeof modes[0])], NULL);
        read_line(outs[i], line, sizeof line);
        pids[i] = (pid_t)atol(line);
    }
    outs[4] = start_child(spawner, 5, "says_and_stays", "x\n", NULL);
    read_line(outs[4], line, sizeof line);
    outs[5] = start_child(spawner, 6, "stops_itself", NULL, NULL);
    read_line(outs[5], line, sizeof line);
    answer = hear_what(spawner, 6, "started");
    pids[5] = (pid_t)json_integer_value(json_array_get(json_object_get(answer, "pids"), 0));
    json_decref(answer);
    pids[4] = pids[5];
    close(spawner);
    CU_ASSERT(await_end(itself));
    for (int i = 0; i < 6; i++) {
        CU_ASSERT(is_gone(pids[i]));
        close(outs[i]);
    }
}

static void the_grace_holds_when_the_host_goes(void)
{
    int spawner = spawner_open(), ends[2];
    pid_t itself = find_marked(test_marker(), "weir-spawner");
    char text[512], said[64];

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    /* Its last words on SIGTERM are still heard: it got TERM, and time. */
    snprintf(
        text, sizeof text,
        "{\"op\":\"start\",\"job\":1,\"cookie\":\"%s\",\"grace_ms\":60000,\"stages\":[{\"argv\":"
        "[\"sh\",\"-c\",\"trap 'echo bye; exit' TERM; echo ready; while :; do sleep 0.01; done\"],"
        "\"stdout\":0}]}",
        cookie);
    say_with(spawner, text, &ends[FD_WRITE_END], 1);
    close(ends[FD_WRITE_END]);
    read_line(ends[FD_READ_END], said, sizeof said);
    CU_ASSERT_STRING_EQUAL(said, "ready");
    close(spawner);
    read_all(ends[FD_READ_END], said, sizeof said);
    CU_ASSERT_STRING_EQUAL(said, "bye\n");
    CU_ASSERT(await_end(itself));
}

static void when_the_spawner_is_killed_its_children_die(void)
{
    if (is_without("PR_SET_PDEATHSIG"))
        return;
    int spawner = spawner_open();
    int out = start_child(spawner, 1, "ignores_term", NULL, NULL);
    pid_t itself = find_marked(test_marker(), "weir-spawner");
    char line[32];
    json_t *answer;
    pid_t pid;

    read_line(out, line, sizeof line);
    answer = hear_what(spawner, 1, "started");
    pid = (pid_t)json_integer_value(json_array_get(json_object_get(answer, "pids"), 0));
    json_decref(answer);
    CU_ASSERT_FATAL(itself > 0);
    kill(itself, SIGKILL);
    CU_ASSERT(await_end(pid));
    CU_ASSERT_PTR_NULL(hear(spawner));
    close(out);
    close(spawner);
}

/* --- Many, and nonsense --------------------------------------------------- */

static void two_hundred_starts_are_in_flight_at_once(void)
{
    enum { JOBS = 200 };
    int spawner = spawner_open(), ended = 0;
    int codes[JOBS + 1] = {0};
    json_t *answer;
    char text[512];

    for (int job = 1; job <= JOBS; job++) {
        snprintf(text, sizeof text,
                 "{\"op\":\"start\",\"job\":%d,\"cookie\":\"%.24s%08d\",\"grace_ms\":0,"
                 "\"stages\":[{\"argv\":[\"sh\",\"-c\",\"exit %d\"]}]}",
                 job, cookie, job, job % 100);
        say(spawner, text); /* nothing is read before all are sent */
    }
    while (ended < JOBS && (answer = hear(spawner)) != NULL) {
        if (strcmp(text_of(answer, "what"), "exit") == 0) {
            int job = (int)number_of(answer, "job");

            CU_ASSERT_FATAL(job >= 1 && job <= JOBS);
            CU_ASSERT_EQUAL(number_of(answer, "code"), job % 100);
            codes[job]++;
            ended++;
        }
        json_decref(answer);
    }
    for (int job = 1; job <= JOBS; job++)
        CU_ASSERT_EQUAL(codes[job], 1);
    close(spawner);
}

static void garbage_is_refused_and_survived(void)
{
    static const char *const garbage[] = {
        "",
        "M",

        "x",
        "{",
        "[]",
        "null",
        "1",
        "\"\"",
        "{}",
        "{\"op\":1,\"job\":1}",
        "{\"op\":\"start\"}",
        "{\"op\":\"start\",\"job\":-1}",
        "{\"op\":\"dance\",\"job\":1}",
        "{\"op\":\"start\",\"job\":1,\"job\":2}",
        "{\"op\":\"start\",\"job\":1,\"stages\":[]}",
        "{\"op\":\"start\",\"job\":1,\"cookie\":\"short\",\"stages\":[{\"argv\":[\"true\"]}]}",
        "{\"op\":\"start\",\"job\":1,\"cookie\":\"0123456789abcdef0123456789abcdef\"}",
        "{\"op\":\"start\",\"job\":1,\"cookie\":\"0123456789abcdef0123456789abcdef\",\"stages\":[]"
        "}",
        "{\"op\":\"start\",\"job\":1,\"cookie\":\"0123456789abcdef0123456789abcdef\",\"stages\":[1]"
        "}",
        "{\"op\":\"start\",\"job\":1,\"cookie\":\"0123456789abcdef0123456789abcdef\",\"stages\":[{}"
        "]}",
        "{\"op\":\"start\",\"job\":1,\"cookie\":\"0123456789abcdef0123456789abcdef\",\"stages\":[{"
        "\"argv\":[]}]}",
        "{\"op\":\"start\",\"job\":1,\"cookie\":\"0123456789abcdef0123456789abcdef\",\"stages\":[{"
        "\"argv\":\"true\"}]}",
        "{\"op\":\"start\",\"job\":1,\"cookie\":\"0123456789abcdef0123456789abcdef\",\"stages\":[{"
        "\"argv\":[1]}]}",
        "{\"op\":\"start\",\"job\":1,\"cookie\":\"0123456789abcdef0123456789abcdef\",\"stages\":[{"
        "\"argv\":[{\"base64\":\"AA==\"}]}]}",
        "{\"op\":\"start\",\"job\":1,\"cookie\":\"0123456789abcdef0123456789abcdef\",\"stages\":[{"
        "\"argv\":[\"true\"],\"stdin\":-1}]}",
        "{\"op\":\"start\",\"job\":1,\"cookie\":\"0123456789abcdef0123456789abcdef\",\"stages\":[{"
        "\"argv\":[\"true\"],\"limits\":[[1]]}]}",
        "{\"op\":\"start\",\"job\":1,\"cookie\":\"0123456789abcdef0123456789abcdef\",\"stages\":[{"
        "\"argv\":[\"true\"],\"limits\":1}]}",
        "{\"op\":\"start\",\"job\":1,\"cookie\":\"0123456789abcdef0123456789abcdef\",\"stages\":[{"
        "\"argv\":[\"true\"],\"env_set\":{}}]}",
        "{\"op\":\"stop\",\"job\":1,\"grace_ms\":-1}",
        "{\"op\":\"signal\"}",
    };
    int spawner = spawner_open();
    json_t *answer;

    /* An empty datagram reads like the end of the socket: the list begins after it. */
    for (size_t i = 1; i < sizeof garbage / sizeof garbage[0]; i++) {
        if (strcmp(garbage[i], "M") == 0)
            continue; /* the next test */
        say(spawner, garbage[i]);
        answer = hear(spawner);
        if (strcmp(text_of(answer, "what"), "refused") != 0)
            printf("# not refused: %s\n", garbage[i]);
        CU_ASSERT_STRING_EQUAL(text_of(answer, "what"), "refused");
        json_decref(answer);
    }
    /* About jobs that are over or never were, there is nothing to say. */
    stop(spawner, 4711, 0);
    say(spawner, "{\"op\":\"signal\",\"job\":4711,\"signal\":15}");
    start_with(spawner, 1, words("true", NULL, NULL), "", NULL, 0);
    answer = hear(spawner);
    CU_ASSERT_STRING_EQUAL(text_of(answer, "what"), "started");
    json_decref(answer);
    hear_and_drop(spawner, 1, "exit");
    close(spawner);
}

static void a_request_with_too_few_descriptors_is_refused(void)
{
    int spawner = spawner_open();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    json_t *answer;

    start_with(spawner, 7, words("true", NULL, NULL), ",\"stdin\":0,\"stdout\":1", &null, 1);
    answer = hear(spawner);
    CU_ASSERT_STRING_EQUAL(text_of(answer, "what"), "refused");
    CU_ASSERT_EQUAL(number_of(answer, "job"), 7);
    json_decref(answer);
    close(null);
    start_with(spawner, 8, words("true", NULL, NULL), "", NULL, 0);
    hear_and_drop(spawner, 8, "exit");
    close(spawner);
}

static void descriptors_of_refused_requests_are_closed(void)
{
    int spawner = spawner_open(), ends[2];
    char byte;

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    say_with(spawner, "nonsense", &ends[FD_WRITE_END], 1);
    close(ends[FD_WRITE_END]);
    json_decref(hear(spawner));
    CU_ASSERT(await_readable(ends[FD_READ_END])); /* its end: nobody else has it */
    CU_ASSERT_EQUAL(read(ends[FD_READ_END], &byte, 1), 0);
    close(ends[FD_READ_END]);
    close(spawner);
}

static void a_broken_large_message_ends_the_spawner_and_its_jobs(void)
{
    int spawner = spawner_open();
    int out = start_child(spawner, 1, "says_and_stays", "x\n", NULL);
    pid_t itself = find_marked(test_marker(), "weir-spawner");
    char line[16];

    /* What is not our host is no host: better no spawner than one that guesses. */
    read_line(out, line, sizeof line);
    say(spawner, "M");
    CU_ASSERT(itself > 0 && await_end(itself));
    close(out);
    close(spawner);
}

static void many_answers_wait_for_a_host_that_does_not_read(void)
{
    enum { JOBS = 1500 };
    int spawner = spawner_open(), refusals = 0;
    json_t *answer;

    /* More answers than the socket holds, while nothing is read; the requests
     * themselves must still be taken in, or both sides would wait. */
    for (int i = 0; i < JOBS; i++)
        say(spawner, "{\"op\":\"dance\",\"job\":1}");
    while (refusals < JOBS && (answer = hear(spawner)) != NULL) {
        refusals += strcmp(text_of(answer, "what"), "refused") == 0;
        json_decref(answer);
    }
    CU_ASSERT_EQUAL(refusals, JOBS);
    close(spawner);
}

static void by_hand_it_says_that_it_is_not_for_that(void)
{
    const char *program = getenv("WEIR_SPAWNER");
    char *argv[] = {(char *)"weir-spawner", NULL}, text[512];
    posix_spawn_file_actions_t actions;
    int ends[2], status;
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[FD_WRITE_END], STDERR_FILENO);
    posix_spawn_file_actions_addopen(&actions, HOST_SOCKET, "/dev/null", O_RDONLY, 0);
    CU_ASSERT_EQUAL_FATAL(posix_spawn(&pid, program != NULL ? program : "./weir-spawner", &actions,
                                      NULL, argv, environ),
                          0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[FD_WRITE_END]);
    read_all(ends[FD_READ_END], text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "not for use by hand"));
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 2);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"a missing program is ENOENT at exec", a_missing_program_is_enoent_at_exec},
        {"a missing interpreter is named", a_missing_interpreter_is_named},
        {"a missing interpreter on the PATH is named", a_missing_interpreter_on_the_path_is_named},
        {"a script without #! is never given to a shell",
         a_script_without_its_first_line_is_never_given_to_a_shell},
        {"a file without an x bit is EACCES", a_file_without_an_x_bit_is_eacces},
        {"an argument over 128 KiB is E2BIG", an_argument_over_128_kib_is_e2big},
        {"a megabyte of arguments arrives", a_megabyte_of_arguments_arrives},
        {"a failed chdir is told apart", a_failed_chdir_is_told_apart},
        {"a failed limit is told apart", a_failed_limit_is_told_apart},
        {"a missing second stage leaves no first one", a_missing_second_stage_leaves_no_first_one},
        {"a program starts in clean surroundings", a_program_starts_in_clean_surroundings},
        {"nohup is kept", nohup_is_kept},
        {"directory, limits and environment are as asked",
         directory_limits_and_environment_are_as_asked},
        {"a cleared environment has only the cookie", a_cleared_environment_has_only_the_cookie},
        {"statuses are the program's own", statuses_are_the_programs_own},
        {"the stages of a job are one group", the_stages_of_a_job_are_one_group},
        {"one that ignores TERM is killed after the grace",
         one_that_ignores_term_is_killed_after_the_grace},
        {"a shorter grace counts", a_shorter_grace_counts},
        {"who has exited is sent nothing", who_has_exited_is_sent_nothing},
        {"a stopped one is ended", a_stopped_one_is_ended},
        {"a signal reaches the group", a_signal_reaches_the_group},
        {"a background process ends with the job", a_background_process_ends_with_the_job},
        {"a session of its own ends with the job", a_session_of_its_own_ends_with_the_job},
        {"a daemon ends with the job", a_daemon_ends_with_the_job},
        {"a daemon without an environment ends with the job",
         a_daemon_without_an_environment_ends_with_the_job},
        {"an orphan that ends by itself ends the job", an_orphan_that_ends_by_itself_ends_the_job},
        {"the orphan of one job is not another's", the_orphan_of_one_job_is_not_anothers},
        {"a daemon whose parent takes long to end is its job's",
         a_daemon_whose_parent_takes_long_to_end_is_its_jobs},
        {"when the host goes everything ends", when_the_host_goes_everything_ends},
        {"the grace holds when the host goes", the_grace_holds_when_the_host_goes},
        {"when the spawner is killed its children die",
         when_the_spawner_is_killed_its_children_die},
        {"two hundred starts are in flight at once", two_hundred_starts_are_in_flight_at_once},
        {"garbage is refused and survived", garbage_is_refused_and_survived},
        {"a request with too few descriptors is refused",
         a_request_with_too_few_descriptors_is_refused},
        {"descriptors of refused requests are closed", descriptors_of_refused_requests_are_closed},
        {"a broken large message ends the spawner and its jobs",
         a_broken_large_message_ends_the_spawner_and_its_jobs},
        {"many answers wait for a host that does not read",
         many_answers_wait_for_a_host_that_does_not_read},
        {"by hand it says that it is not for that", by_hand_it_says_that_it_is_not_for_that},
        CU_TEST_INFO_NULL,
    };
    int status;

    if (mkdtemp(made_dir) == NULL)
        return EXIT_FAILURE;
    status = run_suite("spawner", tests);
    unlink(made_path);
    rmdir(made_dir);
    return status;
}
