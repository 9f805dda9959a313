#include "config.h"

#include "support/spawner_socket.h"

#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/datagram.h"
#include "base/fd.h"
#include "support/harness.h"

extern char **environ;

void send_request_with(int spawner, const char *text, const int *fds, size_t fd_count)
{
    struct weir__link link;

    CU_ASSERT_EQUAL_FATAL(weir__link_open(&link, spawner, NULL), 0);
    CU_ASSERT_EQUAL(weir__datagram_send(&link, text, strlen(text), fds, fd_count, 0), 0);
    free(link.frames);
}

void send_request(int spawner, const char *text)
{
    send_request_with(spawner, text, NULL, 0);
}

json_t *receive_answer(int spawner)
{
    struct weir__datagram message;
    struct weir__link link;
    json_t *answer;
    int status;

    CU_ASSERT_EQUAL_FATAL(weir__link_open(&link, spawner, NULL), 0);
    status = await_readable(spawner) ? weir__datagram_receive(&link, &message, 0) : 0;
    free(link.frames); /* waiting for whole messages, it keeps nothing */
    if (status != 1)
        return NULL;
    answer = json_loads(message.text, 0, NULL);
    weir__datagram_clear(&message);
    return answer;
}

json_t *await_answer(int spawner, int job, const char *what)
{
    json_t *answer;

    while ((answer = receive_answer(spawner)) != NULL) {
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

void skip_to_answer(int spawner, int job, const char *what)
{
    json_decref(await_answer(spawner, job, what));
}

long long number_of(const json_t *answer, const char *key)
{
    return json_integer_value(json_object_get(answer, key));
}

const char *text_of(const json_t *answer, const char *key)
{
    const char *text = json_string_value(json_object_get(answer, key));

    return text != NULL ? text : "(none)";
}

int spawner_open(void)
{
    const char *program = getenv("WEIR_SPAWNER");
    char *argv[] = {(char *)"weir-spawner", NULL};
    posix_spawn_file_actions_t actions;
    int ends[2], status;
    json_t *hello;
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(weir__datagram_socketpair(ends, NULL), 0);
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
    hello = receive_answer(ends[0]);
    CU_ASSERT(hello != NULL && strcmp(text_of(hello, "what"), "hello") == 0
              && number_of(hello, "pid") > 1);
    json_decref(hello);
    return ends[0];
}

void stop_job(int spawner, int job, int grace_ms)
{
    char text[128];

    snprintf(text, sizeof text, "{\"op\":\"stop\",\"job\":%d,\"grace_ms\":%d}", job, grace_ms);
    send_request(spawner, text);
}

void await_job_end(int spawner, int job)
{
    json_t *answer;
    int ended = 0;

    while (!ended && (answer = receive_answer(spawner)) != NULL) {
        ended = json_integer_value(json_object_get(answer, "job")) == job
                && (json_is_true(json_object_get(answer, "ended"))
                    || strcmp(text_of(answer, "what"), "ended") == 0);
        json_decref(answer);
    }
    CU_ASSERT(ended);
}

const char job_cookie[] = "0123456789abcdef0123456789abcdef";

/* A request to start one stage; members is more of it ("" or ",..."). */
static char *start_text(int job, json_t *argv, const char *members)
{
    char *words = json_dumps(argv, 0), *text;
    size_t size = strlen(words) + strlen(members) + 256;

    text = malloc(size);
    snprintf(text, size,
             "{\"op\":\"start\",\"job\":%d,\"cookie\":\"%.24s%08d\",\"grace_ms\":300,"
             "\"stages\":[{\"argv\":%s%s}]}",
             job, job_cookie, job, words, members);
    free(words);
    json_decref(argv);
    return text;
}

void start_with(int spawner, int job, json_t *argv, const char *members, const int *fds,
                size_t fd_count)
{
    char *text = start_text(job, argv, members);

    send_request_with(spawner, text, fds, fd_count);
    free(text);
}

json_t *argv_json(const char *first, const char *second, const char *third)
{
    json_t *list = json_array();
    const char *const all[] = {first, second, third};

    for (int i = 0; i < 3 && all[i] != NULL; i++)
        json_array_append_new(list, json_string(all[i]));
    return list;
}

int start_child(int spawner, int job, const char *name, const char *argument, const char *second)
{
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    start_with(spawner, job, argv_json(child_path(name), argument, second), ",\"stdout\":0",
               &ends[FD_WRITE_END], 1);
    close(ends[FD_WRITE_END]);
    return ends[FD_READ_END];
}

void read_line(int fd, char *line, size_t size)
{
    size_t length = 0;

    while (length + 1 < size && await_readable(fd) && read(fd, line + length, 1) == 1
           && line[length] != '\n')
        length++;
    line[length] = '\0';
}

void read_all(int fd, char *text, size_t size)
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
