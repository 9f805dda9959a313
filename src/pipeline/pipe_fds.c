#include "config.h"

#include "pipeline/pipe_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/peer.h"

/* Whether this process must see the stage's output as it passes. */
static int is_relayed(const struct weir_pipeline_settings *settings, const struct weir_stage *stage)
{
    return settings->meter || stage->meter || stage->charset != NULL || stage->pty_output
           || stage->idle_ms != WEIR_FOREVER;
}

void weir__pipe_fds_close(struct weir__ends *ends, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        weir__close(&ends[i].cwd);
        for (int end = 0; end < 3; end++)
            if (ends[i].owned[end])
                weir__close(&ends[i].stdio[end]);
        weir__close(&ends[i].relay_from);
        if (ends[i].relay_to_is_ours)
            weir__close(&ends[i].relay_to);
        weir__close(&ends[i].errors);
    }
}

static void own(struct weir__ends *ends, int end, int fd)
{
    ends->stdio[end] = fd;
    ends->owned[end] = 1;
}

static int open_input(const struct weir_pipeline_settings *settings, struct weir__ends *first,
                      struct weir_error *error)
{
    struct weir__patience patience = weir__patience_of(settings->timeout_ms);
    int fd;

    if (settings->input == NULL) {
        first->stdio[0] = settings->input_fd;
        return 0;
    }
    fd = weir__peer_open(settings->input, O_RDONLY, &patience);
    if (fd < 0)
        return weir__peer_fail(error, errno, "read", settings->input);
    own(first, 0, fd);
    return 0;
}

static int open_output(const struct weir_pipeline_settings *settings,
                       struct weir__atomic_file *output, int *fd, struct weir_error *error)
{
    struct weir__patience patience = weir__patience_of(settings->timeout_ms);
    int status;

    *fd = settings->output_fd;
    if (settings->output == NULL)
        return 0;
    status = weir__atomic_file_open(output, settings->output, &patience, error);
    *fd = output->fd;
    return status;
}

/* The stage's output: directly to its destination, or to a relay. */
static int open_relay(const struct weir_stage *stage, struct weir__ends *ends,
                      struct weir_error *error)
{
    int pipe_ends[2];

    if ((stage->pty_output
             ? weir__pty_open(&pipe_ends[FD_READ_END], &pipe_ends[FD_WRITE_END], error)
             : weir__pipe(pipe_ends, error))
        < 0)
        return WEIR_ERR_SYSTEM;
    ends->relay_from = pipe_ends[FD_READ_END];
    weir__fd_set_nonblocking(ends->relay_from);
    ends->relay_to = ends->stdio[1];
    ends->relay_to_is_ours = ends->owned[1];
    if (ends->relay_to_is_ours)
        weir__fd_set_nonblocking(ends->relay_to);
    own(ends, 1, pipe_ends[FD_WRITE_END]);
    return 0;
}

static int open_errors(const struct weir_stage *stage, struct weir__ends *ends,
                       struct weir_error *error)
{
    int pipe_ends[2];

    if (stage->err == WEIR_STDERR_DISCARD)
        return 0;
    if (stage->err == WEIR_STDERR_STDOUT) {
        ends->stdio[2] = ends->stdio[1];
        return 0;
    }
    if (weir__pipe(pipe_ends, error) < 0)
        return WEIR_ERR_SYSTEM;
    ends->errors = pipe_ends[FD_READ_END];
    weir__fd_set_nonblocking(ends->errors);
    own(ends, 2, pipe_ends[FD_WRITE_END]);
    return 0;
}

static int open_stages(const weir_pipeline_t *pipeline, struct weir__ends *ends, int output_fd,
                       struct weir_error *error)
{
    int status = 0;

    for (size_t i = 0; i < pipeline->count && status == 0; i++) {
        const struct weir_stage *stage = &pipeline->stages[i].view;
        int is_map = pipeline->stages[i].is_map, pipe_ends[2];

        if (i + 1 == pipeline->count) {
            ends[i].stdio[1] = output_fd;
        } else {
            status = weir__pipe(pipe_ends, error);
            if (status == 0) {
                own(&ends[i], 1, pipe_ends[FD_WRITE_END]);
                own(&ends[i + 1], 0, pipe_ends[FD_READ_END]);
            }
        }
        if (status == 0 && !is_map && is_relayed(&pipeline->settings, stage))
            status = open_relay(stage, &ends[i], error);
        if (status == 0 && !is_map)
            status = open_errors(stage, &ends[i], error);
    }
    return status;
}

int weir__pipe_fds_open(const weir_pipeline_t *pipeline, struct weir__ends *ends,
                        struct weir__atomic_file *output, struct weir_error *error)
{
    int output_fd, status;

    *output = (struct weir__atomic_file){.fd = -1, .dir = -1};
    for (size_t i = 0; i < pipeline->count; i++)
        ends[i] = (struct weir__ends){
            .cwd = -1, .stdio = {-1, -1, -1}, .relay_from = -1, .relay_to = -1, .errors = -1};
    status = open_input(&pipeline->settings, &ends[0], error);
    if (status == 0)
        status = open_output(&pipeline->settings, output, &output_fd, error);
    if (status == 0)
        status = open_stages(pipeline, ends, output_fd, error);
    if (status < 0) {
        weir__pipe_fds_close(ends, pipeline->count);
        weir__atomic_file_discard(output);
    }
    return status;
}
