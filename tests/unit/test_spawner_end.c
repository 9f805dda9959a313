/* weir-spawner: how jobs end, and the host's end. */
#include "config.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "support/harness.h"
#include "support/spawner_socket.h"

/* --- How it ends ---------------------------------------------------------- */

static void one_that_ignores_term_is_killed_after_the_grace(void)
{
    int spawner = spawner_open();
    int out = start_child(spawner, 1, "ignores_term", NULL, NULL);
    char line[32];
    json_t *answer;

    read_line(out, line, sizeof line);
    CU_ASSERT_STRING_EQUAL(line, "ready");
    stop_job(spawner, 1, 100);
    answer = await_answer(spawner, 1, "sent");
    CU_ASSERT_EQUAL(number_of(answer, "signal"), SIGTERM);
    json_decref(answer);
    answer = await_answer(spawner, 1, "sent");
    CU_ASSERT_EQUAL(number_of(answer, "signal"), SIGKILL);
    json_decref(answer);
    answer = await_answer(spawner, 1, "exit");
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
    stop_job(spawner, 1, 100000000);
    skip_to_answer(spawner, 1, "sent");
    stop_job(spawner, 1, 0);
    skip_to_answer(spawner, 1, "exit");
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
    start_with(spawner, 1, argv_json("cat", NULL, NULL), ",\"stdin\":0", &held[FD_READ_END], 1);
    close(held[FD_READ_END]);
    answer = await_answer(spawner, 1, "started");
    pid = (pid_t)json_integer_value(json_array_get(json_object_get(answer, "pids"), 0));
    json_decref(answer);
    /* While the spawner is busy with others the child exits, and only then its
     * time is up. */
    for (int job = 2; job < 2 + OTHERS; job++)
        start_with(spawner, job, argv_json("true", NULL, NULL), "", NULL, 0);
    close(held[FD_WRITE_END]);
    while (strchr("ZX", process_state(pid)) == NULL)
        continue;
    stop_job(spawner, 1, 60000);
    while (exits < 1 + OTHERS && (answer = receive_answer(spawner)) != NULL) {
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
    stop_job(spawner, 1, 50);
    skip_to_answer(spawner, 1, "exit");
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
    send_request(spawner, "{\"op\":\"signal\",\"job\":1,\"signal\":2}");
    read_line(out, line, sizeof line);
    CU_ASSERT_STRING_EQUAL(line, "2");
    send_request(spawner, "{\"op\":\"signal\",\"job\":1,\"signal\":12}");
    answer = await_answer(spawner, 1, "exit");
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
    answer = await_answer(spawner, 1, "exit");
    CU_ASSERT_EQUAL(number_of(answer, "code"), 0);
    CU_ASSERT(json_is_false(json_object_get(answer, "ended")));
    json_decref(answer);
    CU_ASSERT_EQUAL(kill(left, 0), 0);
    stop_job(spawner, 1, grace_ms);
    await_job_end(spawner, 1);
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
    skip_to_answer(spawner, 1, "exit");
    CU_ASSERT_FATAL(atol(line) > 0);
    CU_ASSERT_EQUAL(kill((pid_t)atol(line), SIGKILL), 0);
    skip_to_answer(spawner, 1, "ended");
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
        stop_job(spawner, job, 60000);
        await_job_end(spawner, job);
        CU_ASSERT(is_gone((pid_t)atol(one)));
        CU_ASSERT_EQUAL(kill((pid_t)atol(two), 0), 0);
        stop_job(spawner, job + 1, 60000);
        await_job_end(spawner, job + 1);
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
    answer = await_answer(spawner, 2, "exit");
    CU_ASSERT(json_is_false(json_object_get(answer, "ended")));
    json_decref(answer);
    stop_job(spawner, 2, 60000);
    await_job_end(spawner, 2);
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
    answer = await_answer(spawner, 6, "started");
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
    /* Its last words on SIGTERM are still received: it got TERM, and time. */
    snprintf(
        text, sizeof text,
        "{\"op\":\"start\",\"job\":1,\"cookie\":\"%s\",\"grace_ms\":60000,\"stages\":[{\"argv\":"
        "[\"sh\",\"-c\",\"trap 'echo bye; exit' TERM; echo ready; while :; do sleep 0.01; done\"],"
        "\"stdout\":0}]}",
        job_cookie);
    send_request_with(spawner, text, &ends[FD_WRITE_END], 1);
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
    answer = await_answer(spawner, 1, "started");
    pid = (pid_t)json_integer_value(json_array_get(json_object_get(answer, "pids"), 0));
    json_decref(answer);
    CU_ASSERT_FATAL(itself > 0);
    kill(itself, SIGKILL);
    CU_ASSERT(await_end(pid));
    CU_ASSERT_PTR_NULL(receive_answer(spawner));
    close(out);
    close(spawner);
}

int main(void)
{
    static CU_TestInfo tests[] = {
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
        CU_TEST_INFO_NULL,
    };

    return run_suite("spawner_end", tests);
}
