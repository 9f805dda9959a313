/* weir-spawner: many requests at once, and nonsense. */
#include "config.h"

#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "support/harness.h"
#include "support/spawner_socket.h"

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
                 job, job_cookie, job, job % 100);
        send_request(spawner, text); /* nothing is read before all are sent */
    }
    while (ended < JOBS && (answer = receive_answer(spawner)) != NULL) {
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
        "{\"op\":\"stop\",\"job\":1,\"grace_ms\":1,\"stop\":[]}",
        "{\"op\":\"stop\",\"job\":1,\"grace_ms\":1,\"stop\":[[-1,1]]}",
        "{\"op\":\"stop\",\"job\":1,\"grace_ms\":1,\"stop\":[[2,1],]}",
        "{\"op\":\"stop\",\"job\":1,\"grace_ms\":1,\"stop\":[[2,1]]",
        "{\"op\":\"signal\"}",
    };
    int spawner = spawner_open();
    json_t *answer;

    /* An empty datagram reads like the end of the socket: the list begins after it. */
    for (size_t i = 1; i < sizeof garbage / sizeof garbage[0]; i++) {
        if (strcmp(garbage[i], "M") == 0)
            continue; /* the next test */
        send_request(spawner, garbage[i]);
        answer = receive_answer(spawner);
        if (strcmp(text_of(answer, "what"), "refused") != 0)
            printf("# not refused: %s\n", garbage[i]);
        CU_ASSERT_STRING_EQUAL(text_of(answer, "what"), "refused");
        json_decref(answer);
    }
    /* About jobs that are over or never were, there is nothing to say. */
    stop_job(spawner, 4711, 0);
    send_request(spawner, "{\"op\":\"signal\",\"job\":4711,\"signal\":15}");
    start_with(spawner, 1, argv_json("true", NULL, NULL), "", NULL, 0);
    answer = receive_answer(spawner);
    CU_ASSERT_STRING_EQUAL(text_of(answer, "what"), "started");
    json_decref(answer);
    skip_to_answer(spawner, 1, "exit");
    close(spawner);
}

static void a_request_with_too_few_descriptors_is_refused(void)
{
    int spawner = spawner_open();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    json_t *answer;

    start_with(spawner, 7, argv_json("true", NULL, NULL), ",\"stdin\":0,\"stdout\":1", &null, 1);
    answer = receive_answer(spawner);
    CU_ASSERT_STRING_EQUAL(text_of(answer, "what"), "refused");
    CU_ASSERT_EQUAL(number_of(answer, "job"), 7);
    json_decref(answer);
    close(null);
    start_with(spawner, 8, argv_json("true", NULL, NULL), "", NULL, 0);
    skip_to_answer(spawner, 8, "exit");
    close(spawner);
}

static void descriptors_of_refused_requests_are_closed(void)
{
    int spawner = spawner_open(), ends[2];
    char byte;

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    send_request_with(spawner, "nonsense", &ends[FD_WRITE_END], 1);
    close(ends[FD_WRITE_END]);
    json_decref(receive_answer(spawner));
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
    send_request(spawner, "M");
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
        send_request(spawner, "{\"op\":\"dance\",\"job\":1}");
    while (refusals < JOBS && (answer = receive_answer(spawner)) != NULL) {
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

    return run_suite("spawner_requests", tests);
}
