#include "config.h"

#include "work/worker_pipes.h"

#include "base/fd.h"

enum { PIPE_SIZE = 64 * 1024 }; /* the default capacity of a pipe */

/* A larger pipe means fewer wake-ups. The kernel may refuse: it limits the total of a user. */
static void size_pipes(struct weir__worker *worker, size_t size)
{
    worker->pipe_size = PIPE_SIZE;
    if (size > PIPE_SIZE && weir__pipe_resize(worker->in_fd, size) >= size
        && weir__pipe_resize(worker->out_fd, size) >= size)
        worker->pipe_size = size;
}

/* A pipe for one of its ends. Returns the child's. Errors: SYSTEM. */
static int open_pipe(int *ours, int is_input, struct weir_error *error)
{
    int ends[2];

    if (weir__pipe(ends, error) < 0)
        return WEIR_ERR_SYSTEM;
    *ours = ends[is_input ? FD_WRITE_END : FD_READ_END];
    weir__fd_set_nonblocking(*ours);
    return ends[is_input ? FD_READ_END : FD_WRITE_END];
}

/* The same for an output that is a terminal to the child. */
static int open_terminal(int *ours, struct weir_error *error)
{
    int childs;

    if (weir__pty_open(ours, &childs, error) < 0)
        return WEIR_ERR_SYSTEM;
    weir__fd_set_nonblocking(*ours);
    return childs;
}

int weir__worker_open_pipes(struct weir__worker *worker, const struct weir__worker_options *options,
                            int child[3], int *err, struct weir_error *error)
{
    if (options->files[0] == 0 && (child[0] = open_pipe(&worker->in_fd, 1, error)) < 0)
        return WEIR_ERR_SYSTEM;
    if (options->files[1] == 0)
        child[1] = options->pty_output ? open_terminal(&worker->out_fd, error)
                                       : open_pipe(&worker->out_fd, 0, error);
    if (options->files[1] == 0 && child[1] < 0)
        return WEIR_ERR_SYSTEM;
    size_pipes(worker, options->pipe_size);
    if (options->files[2] == 0 && (child[2] = open_pipe(err, 0, error)) < 0)
        return WEIR_ERR_SYSTEM;
    return 0;
}
