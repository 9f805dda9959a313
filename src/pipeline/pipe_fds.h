/* pipeline/pipe_fds.h - the descriptors between the stages of a pipeline that starts. */
#ifndef WEIR_PIPELINE_PIPE_FDS_H
#define WEIR_PIPELINE_PIPE_FDS_H

#include "base/atomic_file.h"
#include "pipeline/pipeline.h"

/* One stage's ends.  The child's are closed once the spawner has them; ours are
 * for a relay of the stage's output and for its stderr. */
struct weir__ends {
    int cwd;                                    /* from weir__client_open_cwd(), when it starts */
    int stdio[3];                               /* the child's; -1: /dev/null */
    int owned[3];                               /* which of stdio are to be closed by us */
    int relay_from, relay_to, relay_to_is_ours; /* -1: its output is not relayed */
    int errors;                                 /* read end of its stderr; -1: not kept */
};

/* Opens everything for pipeline: ends has room for a stage each; *output gets
 * the output file, if there is one.  On failure nothing stays open.
 * Errors: SYSTEM, NOMEM. */
int weir__plumbing_open(const weir_pipeline_t *pipeline, struct weir__ends *ends,
                        struct weir__outfile *output, struct weir_error *error);

/* Closes the children's ends, and those of ours that nobody has taken (set to -1). */
void weir__plumbing_close(struct weir__ends *ends, size_t count);

#endif
