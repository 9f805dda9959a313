/* support/spawner_socket.h - speaking to weir-spawner through its socket, as libweir does. */
#ifndef WEIR_TESTS_SPAWNER_SOCKET_H
#define WEIR_TESTS_SPAWNER_SOCKET_H

#include <jansson.h>
#include <stddef.h>

enum { HOST_SOCKET = 3 };

/* Sends a request, with descriptors. */
void send_request_with(int spawner, const char *text, const int *fds, size_t fd_count);

/* Sends a request. */
void send_request(int spawner, const char *text);

/* The next answer; NULL at the end or when none comes. */
json_t *receive_answer(int spawner);

/* Receives answers until one about job says what; others of the job before it
 * must be allowed.  Never NULL: an empty object when it does not come. */
json_t *await_answer(int spawner, int job, const char *what);

/* The same, for an answer of which only the arrival matters. */
void skip_to_answer(int spawner, int job, const char *what);

/* A member of an answer: 0 or "(none)" when it is missing. */
long long number_of(const json_t *answer, const char *key);

const char *text_of(const json_t *answer, const char *key);

/* Starts a spawner; returns our end of its socket. */
int spawner_open(void);

/* Sends a request to stop a job. */
void stop_job(int spawner, int job, int grace_ms);

/* Receives answers until the job has ended, in whichever way. */
void await_job_end(int spawner, int job);

extern const char job_cookie[];

/* Sends a request to start a job of one stage.  members is more of the stage: "" or ",...".
 * Takes argv. */
void start_with(int spawner, int job, json_t *argv, const char *members, const int *fds,
                size_t fd_count);

/* The array [first, second, third], up to the first NULL. */
json_t *argv_json(const char *first, const char *second, const char *third);

/* Starts a child of tests/children with its stdout in a pipe; returns our end. */
int start_child(int spawner, int job, const char *name, const char *argument, const char *second);

/* Reads one line; "" at the end. */
void read_line(int fd, char *line, size_t size);

/* Reads to the end, closes, NUL-terminates. */
void read_all(int fd, char *text, size_t size);

#endif
