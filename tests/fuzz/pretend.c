#include "config.h"

#include "fuzz/pretend.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/datagram.h"
#include "fuzz/replay.h"
#include "proc/spawner_process.h"
#include "text/json_validate.h"

enum { NO_PROCESS = 2000000000, NO_SPAWNER = NO_PROCESS - 1, READ_SIZE = 64 * 1024 };

static int spawner = -1; /* pretend's socket */

/* Nothing here is a process: whoever is to be killed is somebody else's, but for the spawner,
 * whose end is that of its socket. */
int kill(pid_t pid, int signal)
{
    if (pid == NO_SPAWNER && signal == SIGKILL)
        return shutdown(spawner, SHUT_RDWR);
    errno = ESRCH;
    return -1;
}

/* --- The spawner's side ------------------------------------------------------ */

static void answer(struct pretend *pretend, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);

    weir__datagram_send(&pretend->link, text, strlen(text), NULL, 0, MSG_DONTWAIT);
    free(text);
    json_decref(object);
}

void pretend_end(struct pretend_job *job, int code, int signal)
{
    struct pretend *pretend = job->pretend;
    struct pretend_job **at = &pretend->jobs;

    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    weir__watch_close(&job->in_watch);
    weir__close(&job->in);
    weir__close(&job->out);
    weir__close(&job->err);
    answer(pretend, json_pack("{s:I,s:s,s:i,s:i,s:i,s:i,s:I,s:b}", "job", (json_int_t)job->id,
                              "what", "exit", "stage", 0, "pid", NO_PROCESS, "code", code, "signal",
                              signal, "at_ns", (json_int_t)weir__clock_ns(), "ended", 1));
    weir__buffer_clear(&job->partial);
    free(job);
}

static void hear_lines(struct pretend_job *job)
{
    struct weir__buffer whole = job->partial;
    const char *line = whole.bytes, *end = line + whole.length, *lf;

    job->partial = (struct weir__buffer){0};
    while (line < end && (lf = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        job->pretend->on_line(job, line, (size_t)(lf - line));
        line = lf + 1;
    }
    weir__buffer_add(&job->partial, line, (size_t)(end - line), NULL);
    weir__buffer_clear(&whole);
}

/* It was sent something, or no more will come: then it leaves. */
static void input_came(void *data, int bits)
{
    struct pretend_job *job = data;
    char bytes[READ_SIZE];
    ssize_t count = read(job->in, bytes, sizeof bytes);

    (void)bits;
    if (count == 0) {
        pretend_end(job, 0, 0);
    } else if (count > 0 && job->pretend->on_line != NULL) {
        weir__buffer_add(&job->partial, bytes, (size_t)count, NULL);
        hear_lines(job);
    }
}

/* A descriptor of the message, kept open beyond it. */
static int take_fd(const struct weir__datagram *message, const json_t *stage, const char *name)
{
    const json_t *position = json_object_get(stage, name);

    return position != NULL ? dup(message->rights.fds[json_integer_value(position)]) : -1;
}

static void start(struct pretend *pretend, const struct weir__datagram *message,
                  const json_t *asked)
{
    struct pretend_job *job = calloc(1, sizeof *job);
    const json_t *stage = json_array_get(json_object_get(asked, "stages"), 0);

    job->pretend = pretend;
    job->id = json_integer_value(json_object_get(asked, "job"));
    job->in = take_fd(message, stage, "stdin");
    job->out = take_fd(message, stage, "stdout");
    job->err = take_fd(message, stage, "stderr");
    weir__fd_set_nonblocking(job->in);
    weir__fd_set_nonblocking(job->out);
    job->next = pretend->jobs;
    pretend->jobs = job;
    pretend->started++;
    answer(pretend, json_pack("{s:I,s:s,s:[i]}", "job", (json_int_t)job->id, "what", "started",
                              "pids", NO_PROCESS));
    HOLDS(weir__watch_new(pretend->weir->loop, job->in, WEIR__READABLE, input_came, job,
                          &job->in_watch, NULL)
          == 0);
}

/* A signal ends any of them. */
static void request_came(void *data, int bits)
{
    struct pretend *pretend = data;
    struct weir__datagram message;

    (void)bits;
    while (weir__datagram_receive(&pretend->link, &message, MSG_DONTWAIT) > 0) {
        json_t *asked = json_loadb(message.text, message.length, 0, NULL);
        const char *op = json_string_value(json_object_get(asked, "op"));
        json_int_t id = json_integer_value(json_object_get(asked, "job"));
        struct pretend_job *job = pretend->jobs;

        while (job != NULL && job->id != id)
            job = job->next;
        if (strcmp(op, "start") == 0)
            start(pretend, &message, asked);
        else if (strcmp(op, "ping") == 0)
            answer(pretend, json_pack("{s:s}", "what", "pong"));
        else if (job != NULL && strcmp(op, "leave") != 0)
            pretend_end(job, 0, SIGTERM);
        json_decref(asked);
        weir__datagram_clear(&message);
    }
}

/* --- The context ------------------------------------------------------------- */

static void ignore_loss(void *data)
{
    (void)data;
}

void pretend_open(struct pretend *pretend)
{
    weir_t *weir = calloc(1, sizeof *weir);
    int ends[2];

    HOLDS(weir != NULL && weir__datagram_socketpair(ends, NULL) == 0);
    pthread_mutex_init(&weir->mutex, NULL);
    weir->last_task = &weir->tasks;
    weir->loop = weir__loop_new(NULL);
    weir__client_init(&weir->client, weir->loop, ignore_loss, NULL);
    weir->client.setup.path = strdup("/nonexistent"); /* there is no other */
    weir->client.setup.from = "from nobody";
    pretend->weir = weir;
    HOLDS(weir__link_open(&pretend->link, ends[1], NULL) == 0);
    spawner = ends[1];
    HOLDS(weir__client_take_socket(&weir->client, ends[0], NULL) == 0);
    weir->client.current->pid = NO_SPAWNER;
    HOLDS(weir__watch_new(weir->loop, ends[1], WEIR__READABLE, request_came, pretend,
                          &pretend->watch, NULL)
          == 0);
}

void pretend_close(struct pretend *pretend)
{
    while (pretend->jobs != NULL)
        pretend_end(pretend->jobs, 0, SIGKILL);
    weir__watch_close(&pretend->watch);
    weir__link_close(&pretend->link);
    weir_close(pretend->weir);
}

void pretend_turn(struct pretend *pretend)
{
    for (int i = 0; i < 4; i++) /* to the spawner, to the worker, back, and to the owner */
        weir_dispatch(pretend->weir, NULL);
}

void pretend_say(struct pretend_job *job, const void *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = weir__write_no_sigpipe(job->out, bytes, length);

        if (count <= 0)
            return;
        bytes = (const char *)bytes + count;
        length -= (size_t)count;
    }
}

void pretend_say_in_pieces(struct pretend *pretend, const uint8_t *bytes, size_t length,
                           size_t piece)
{
    for (size_t at = 0; at < length; at += piece) {
        if (pretend->jobs != NULL)
            pretend_say(pretend->jobs, bytes + at, length - at < piece ? length - at : piece);
        pretend_turn(pretend);
    }
}

/* --- Files -------------------------------------------------------------------- */

int pretend_file(const void *bytes, size_t length)
{
    int fd = memfd_create("weir-fuzz", MFD_CLOEXEC);

    HOLDS(fd >= 0 && weir__write_all(fd, bytes, length) == 0);
    HOLDS(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

struct weir__buffer pretend_read_back(int fd)
{
    struct weir__buffer all = {0};
    ssize_t count;

    do {
        HOLDS(weir__buffer_reserve(&all, READ_SIZE, NULL) == 0);
        count = pread(fd, all.bytes + all.length, READ_SIZE - 1, (off_t)all.length);
        HOLDS(count >= 0);
        all.length += (size_t)count;
    } while (count > 0);
    all.bytes[all.length] = '\0';
    close(fd);
    return all;
}

size_t pretend_check_lines(const struct weir__buffer *buffer)
{
    const char *line = buffer->bytes, *end = line + buffer->length, *lf;
    size_t count = 0;

    while (line < end && (lf = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        HOLDS(weir__json_syntax_utf8(line, (size_t)(lf - line), NULL));
        line = lf + 1;
        count++;
    }
    HOLDS(line == end);
    return count;
}
