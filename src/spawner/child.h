/* spawner/child.h - start one program exactly as asked, or say which step failed.
 *
 * The only place in weir that forks, and the only user of libpipeline.
 */
#ifndef WEIR_SPAWNER_CHILD_H
#define WEIR_SPAWNER_CHILD_H

#include <sys/resource.h>
#include <sys/types.h>

#include "spawner/request.h"

struct child_plan {
    const struct request_stage *stage;
    const struct request_host_limit *host_limits;
    size_t host_limit_count;
    char **envp;     /* the whole environment, NULL-terminated; NULL: no memory for it */
    int cwd;         /* a directory's descriptor, or -1: stay */
    int stdio[3];    /* descriptors above 2, or -1: /dev/null */
    int tty;         /* terminal to put the child's group in the foreground of, or -1 */
    int leaves_tty;  /* it gives up its controlling terminal */
    pid_t tty_group; /* which must have it until then */
    pid_t group;     /* process group to join, 0 to lead one */
    int64_t job;     /* whose passed descriptors it has */
};

struct child_failure {
    char step[8];     /* "setup", "chdir", "limit" or "exec" */
    int error;        /* an errno value */
    char detail[256]; /* the interpreter that is missing, or "" */
};

struct child_end {
    pid_t pid;
    int code, signal; /* signal 0: it exited with code */
    struct rusage usage;
    int is_zombie; /* it is still there, for waitpid(2) */
};

/* Whether children of this process would have a controlling terminal. */
int child_has_terminal(void);

/* Returns the pid of a child that has executed its program, or -1 with
 * *failure set and no child left. */
pid_t child_start(const struct child_plan *plan, struct child_failure *failure);

/* Looks whether a child, or with pid -1 any child, has ended: returns 1 with *end
 * filled, or 0.  It stays a zombie if stays is set and waitid(2) tells a zombie's
 * usage here. */
int child_ended(pid_t pid, int stays, struct child_end *end);

#endif
