#include "config.h"

#include "map/each_pace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/procfs.h"

enum {
    LOOK_MS = 250,  /* between two looks at load and memory */
    BURST_MS = 100, /* what a rate that was missed may catch up */
};

/* --- The machine ----------------------------------------------------------- */

static int is_loaded(const struct weir_each_options *options)
{
    double load;
    uint64_t memory;

    if (options->max_load > 0 && getloadavg(&load, 1) == 1 && load > options->max_load)
        return 1;
    memory = options->memory_free > 0 ? weir__proc_available_memory() : 0;
    return memory > 0 && memory < options->memory_free;
}

/* --- The job server ---------------------------------------------------------- */

/* Splits "R,W". Returns whether it is that. */
static int are_numbers(const char *text, int *read_fd, int *write_fd)
{
    char end;

    return sscanf(text, "%d,%d%c", read_fd, write_fd, &end) == 2 && *read_fd >= 0 && *write_fd >= 0;
}

/* Both ends on descriptions of our own: others share theirs, and wait on them. */
static int open_tokens(struct weir__each_pace *pace, const char *server, struct weir_error *error)
{
    int read_fd = -1, write_fd = -1;

    if (strncmp(server, "fifo:", 5) == 0) {
        pace->tokens_fd = open(server + 5, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (pace->tokens_fd >= 0)
            pace->return_fd = fcntl(pace->tokens_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    } else if (are_numbers(server, &read_fd, &write_fd)) {
        pace->tokens_fd = weir__fd_reopen(read_fd, O_RDONLY | O_NONBLOCK);
        pace->return_fd = fcntl(write_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    } else {
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the job server \"%.100s\" is not fifo:PATH or two descriptors R,W",
                          server);
    }
    if (pace->tokens_fd < 0 || pace->return_fd < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno,
                          "cannot use make's job server %.200s: begin the rule's line with +",
                          server);
    return weir__fd_above_stdio(&pace->tokens_fd, error);
}

int weir__each_pace_open(struct weir__each_pace *pace, const struct weir_each_options *options,
                         weir__loop *loop, void (*came)(void *data, int bits), void *data,
                         struct weir_error *error)
{
    int status;

    *pace = (struct weir__each_pace){.options = options, .tokens_fd = -1, .return_fd = -1};
    if (options->jobserver == NULL)
        return 0;
    status = open_tokens(pace, options->jobserver, error);
    if (status == 0)
        status = weir__watch_new(loop, pace->tokens_fd, 0, came, data, &pace->watch, error);
    return status;
}

static void give_back(struct weir__each_pace *pace)
{
    while (write(pace->return_fd, &pace->tokens[--pace->token_count], 1) < 0 && errno == EINTR)
        pace->token_count++;
}

void weir__each_pace_close(struct weir__each_pace *pace)
{
    while (pace->token_count > 0)
        give_back(pace);
    weir__watch_close(&pace->watch);
    if (pace->options != NULL) {
        weir__close(&pace->tokens_fd);
        weir__close(&pace->return_fd);
    }
    free(pace->tokens);
    *pace = (struct weir__each_pace){0};
}

/* Returns whether there is one more. */
static int take_token(struct weir__each_pace *pace)
{
    ssize_t count;

    if (pace->token_count == pace->token_room) {
        size_t room = pace->token_room * 2 + 8;
        char *tokens = realloc(pace->tokens, room);

        if (tokens == NULL)
            return 0;
        pace->tokens = tokens;
        pace->token_room = room;
    }
    do
        count = read(pace->tokens_fd, &pace->tokens[pace->token_count], 1);
    while (count < 0 && errno == EINTR);
    pace->token_count += count == 1;
    return count == 1;
}

/* --- All of it ------------------------------------------------------------- */

static int has_token(const struct weir__each_pace *pace, size_t running)
{
    return pace->tokens_fd < 0 || running == 0 || pace->token_count >= running;
}

int64_t weir__each_pace_wait(struct weir__each_pace *pace, int64_t now_ns, size_t running)
{
    const struct weir_each_options *options = pace->options;

    if (pace->next_ns > now_ns)
        return (pace->next_ns - now_ns + 999999) / 1000000;
    if ((options->max_load > 0 || options->memory_free > 0)
        && (pace->looked_ns == 0 || now_ns - pace->looked_ns >= (int64_t)LOOK_MS * 1000000)) {
        pace->looked_ns = now_ns;
        pace->is_loaded = is_loaded(options);
    }
    if (pace->is_loaded)
        return LOOK_MS;
    if (!has_token(pace, running) && !take_token(pace)) {
        weir__watch_set(pace->watch, WEIR__READABLE);
        return WEIR__PACE_TOKEN;
    }
    if (pace->watch != NULL)
        weir__watch_set(pace->watch, 0);
    return 0;
}

void weir__each_pace_started(struct weir__each_pace *pace, int64_t now_ns)
{
    const struct weir_each_options *options = pace->options;
    int64_t least_ns = now_ns - (int64_t)BURST_MS * 1000000;

    if (options->interval_ns > 0)
        pace->next_ns = (pace->next_ns > least_ns && pace->next_ns > 0 ? pace->next_ns : now_ns)
                        + options->interval_ns;
    if (options->delay_ms > 0 && pace->next_ns < now_ns + options->delay_ms * 1000000)
        pace->next_ns = now_ns + options->delay_ms * 1000000;
}

void weir__each_pace_ended(struct weir__each_pace *pace, size_t running)
{
    while (pace->token_count > 0 && pace->token_count >= running)
        give_back(pace);
}
