/* weir-spawner: what starts, what does not, and in which surroundings. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "support/harness.h"
#include "support/scratch.h"
#include "support/spawner_socket.h"

/* --- Speaking to it ------------------------------------------------------- */

/* Starts what cannot start; checks how that is reported. */
static void check_refusal(int spawner, json_t *argv, const char *members, const int *fds,
                          size_t fd_count, const char *step, int error, const char *detail)
{
    static int job = 1000;
    json_t *answer;

    start_with(spawner, ++job, argv, members, fds, fd_count);
    answer = await_answer(spawner, job, "failed");
    CU_ASSERT_STRING_EQUAL(text_of(answer, "step"), step);
    CU_ASSERT_EQUAL(number_of(answer, "errno"), error);
    CU_ASSERT_STRING_EQUAL(text_of(answer, "detail"), detail);
    json_decref(answer);
    skip_to_answer(spawner, job, "ended");
}

/* --- What did not start --------------------------------------------------- */

static void a_missing_program_is_enoent_at_exec(void)
{
    int spawner = spawner_open();

    check_refusal(spawner, argv_json("/no/such/program", NULL, NULL), "", NULL, 0, "exec", ENOENT,
                  "");
    check_refusal(spawner, argv_json("weir-no-such-program", NULL, NULL), "", NULL, 0, "exec",
                  ENOENT, "");
    check_refusal(spawner, argv_json("", NULL, NULL), "", NULL, 0, "exec", ENOENT, "");
    close(spawner);
}

static void a_missing_interpreter_is_named(void)
{
    int spawner = spawner_open();

    check_refusal(spawner,
                  argv_json(make_file("file", "#! /no/such/interpreter -x\n", 0700), NULL, NULL),
                  "", NULL, 0, "exec", ENOENT, "/no/such/interpreter");
    check_refusal(spawner, argv_json(make_file("file", "#!/no/\"quoted\\\n", 0700), NULL, NULL), "",
                  NULL, 0, "exec", ENOENT, "/no/\"quoted\\");
    close(spawner);
}

static void a_missing_interpreter_on_the_path_is_named(void)
{
    int spawner = spawner_open();
    char members[256];

    make_file("file", "#!/no/such/interpreter\n", 0700);
    snprintf(members, sizeof members, ",\"env_set\":[\"PATH=/no:%s\"]", scratch_dir());
    check_refusal(spawner, argv_json("file", NULL, NULL), members, NULL, 0, "exec", ENOENT,
                  "/no/such/interpreter");
    close(spawner);
}

static void a_script_without_its_first_line_is_never_given_to_a_shell(void)
{
    int spawner = spawner_open();
    char path[160], members[256];

    snprintf(path, sizeof path, "touch %s/ran\n", scratch_dir());
    make_file("file", path, 0700);
    check_refusal(spawner, argv_json(scratch_path("file"), NULL, NULL), "", NULL, 0, "exec",
                  ENOEXEC, "");
    snprintf(members, sizeof members, ",\"env_set\":[\"PATH=%s\"]", scratch_dir());
    check_refusal(spawner, argv_json("file", NULL, NULL), members, NULL, 0, "exec", ENOEXEC, "");
    snprintf(path, sizeof path, "%s/ran", scratch_dir());
    CU_ASSERT(access(path, F_OK) < 0);
    close(spawner);
}

static void a_file_without_an_x_bit_is_eacces(void)
{
    int spawner = spawner_open();
    char members[256];

    check_refusal(spawner, argv_json(make_file("file", "#!/bin/sh\n", 0600), NULL, NULL), "", NULL,
                  0, "exec", EACCES, "");
    /* On the PATH it is passed over for a later one, and reported when there is none. */
    snprintf(members, sizeof members, ",\"env_set\":[\"PATH=%s:/no\"]", scratch_dir());
    check_refusal(spawner, argv_json("file", NULL, NULL), members, NULL, 0, "exec", EACCES, "");
    check_refusal(spawner, argv_json(scratch_dir(), NULL, NULL), "", NULL, 0, "exec", EACCES, "");
    close(spawner);
}

static void an_argument_over_128_kib_is_e2big(void)
{
    int spawner = spawner_open();
    char *large = malloc(131073);

    memset(large, 'a', 131072);
    large[131072] = '\0';
    check_refusal(spawner, argv_json("/bin/true", large, NULL), "", NULL, 0, "exec", E2BIG, "");
    free(large);
    close(spawner);
}

static void a_megabyte_of_arguments_arrives(void)
{
    int spawner = spawner_open(), ends[2];
    char *large = malloc(100001), line[64];
    json_t *argv = argv_json("/bin/sh", "-c", "echo $# ${#1} ${#11}");

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
    skip_to_answer(spawner, 1, "exit");
    free(large);
    close(spawner);
}

static void a_failed_chdir_is_distinguished(void)
{
    int spawner = spawner_open();
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

    check_refusal(spawner, argv_json("/bin/true", NULL, NULL), ",\"cwd\":0", &file, 1, "chdir",
                  ENOTDIR, "");
    close(file);
    close(spawner);
}

static void a_failed_limit_is_distinguished(void)
{
    int spawner = spawner_open();

    check_refusal(spawner, argv_json("/bin/true", NULL, NULL), ",\"limits\":[[63,1]]", NULL, 0,
                  "limit", EINVAL, "63 1 0"); /* which, what was asked, how far it may go */
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
             job_cookie);
    send_request(spawner, text);
    answer = await_answer(spawner, 5, "failed");
    CU_ASSERT_EQUAL(number_of(answer, "stage"), 1);
    json_decref(answer);
    answer = await_answer(spawner, 5, "exit");
    CU_ASSERT_EQUAL(number_of(answer, "stage"), 0);
    CU_ASSERT_EQUAL(number_of(answer, "signal"), SIGTERM);
    json_decref(answer);
    CU_ASSERT_EQUAL(count_marked(job_cookie), 0);
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
    snprintf(wanted, sizeof wanted, "WEIR_JOB=%s.%.24s00000001\n", test_marker(), job_cookie);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, wanted));
    skip_to_answer(spawner, 1, "exit");
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
    skip_to_answer(spawner, 1, "exit");
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
        json_t *argv = argv_json(child_path("shows_itself"), "A", "WEIR_TEST_GONE");

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
    skip_to_answer(spawner, 1, "exit");
    unsetenv("WEIR_TEST_GONE");
    close(spawner);
}

static void a_cleared_environment_has_only_the_cookie(void)
{
    int spawner = spawner_open(), ends[2];
    char text[256];

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    start_with(spawner, 1, argv_json("/usr/bin/env", NULL, NULL),
               ",\"env_clear\":true,\"stdout\":0", &ends[FD_WRITE_END], 1);
    close(ends[FD_WRITE_END]);
    read_all(ends[FD_READ_END], text, sizeof text);
    CU_ASSERT_EQUAL(strncmp(text, "WEIR_JOB=", 9), 0);
    CU_ASSERT_PTR_EQUAL(strchr(text, '\n'), text + strlen(text) - 1);
    skip_to_answer(spawner, 1, "exit");
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

        start_with(spawner, i + 1, argv_json("/bin/sh", "-c", cases[i].script), "", NULL, 0);
        answer = await_answer(spawner, i + 1, "exit");
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
             job_cookie);
    send_request_with(spawner, text, &ends[FD_WRITE_END], 1);
    close(ends[FD_WRITE_END]);
    read_line(ends[FD_READ_END], first, sizeof first);
    read_line(ends[FD_READ_END], second, sizeof second);
    CU_ASSERT(atol(first) > 0);
    CU_ASSERT_STRING_EQUAL(first, second);
    close(ends[FD_READ_END]);
    skip_to_answer(spawner, 1, "exit");
    skip_to_answer(spawner, 1, "exit");
    close(spawner);
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
        {"a failed chdir is distinguished", a_failed_chdir_is_distinguished},
        {"a failed limit is distinguished", a_failed_limit_is_distinguished},
        {"a missing second stage leaves no first one", a_missing_second_stage_leaves_no_first_one},
        {"a program starts in clean surroundings", a_program_starts_in_clean_surroundings},
        {"nohup is kept", nohup_is_kept},
        {"directory, limits and environment are as asked",
         directory_limits_and_environment_are_as_asked},
        {"a cleared environment has only the cookie", a_cleared_environment_has_only_the_cookie},
        {"statuses are the program's own", statuses_are_the_programs_own},
        {"the stages of a job are one group", the_stages_of_a_job_are_one_group},
        CU_TEST_INFO_NULL,
    };

    return run_suite("spawner", tests);
}
