/* pipeline/pipe_fds.h - the descriptors between the stages of a starting pipeline. */
#ifndef WEIR_PIPELINE_PIPE_FDS_H
#define WEIR_PIPELINE_PIPE_FDS_H

#include "base/atomic_file.h"
#include "pipeline/pipeline.h"

/* The descriptors of one stage. The child's are closed once the spawner has them; the parent's
 * are for the relay of its output and for its stderr. */
struct weir__ends {
    int cwd;                                    /* from weir__client_open_cwd(), at the start */
    int stdio[3];                               /* the child's; -1: /dev/null */
    int owned[3];                               /* which of stdio to close here */
    int relay_from, relay_to, relay_to_is_ours; /* -1: output is not relayed */
    int errors;                                 /* read end of stderr; -1: not captured */
};

/* Opens all descriptors of pipeline. ends has room for one entry per stage; *output gets the
 * output file, if any. Leaves nothing open on failure. Errors: SYSTEM, NOMEM. */
int weir__pipe_fds_open(const weir_pipeline_t *pipeline, struct weir__ends *ends,
                        struct weir__atomic_file *output, struct weir_error *error);

/* Closes the children's descriptors, and the parent's that have not been taken (set to -1). */
void weir__pipe_fds_close(struct weir__ends *ends, size_t count);

#endif
