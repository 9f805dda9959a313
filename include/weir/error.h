/* weir/error.h - what went wrong: a code to act on, a sentence to show.
 *
 * A function that can fail returns 0 or a count on success and a negative
 * enum weir_status on failure.  Its last argument, a weir_error, may be NULL;
 * it is written only on failure, where the failure happened, and owns no
 * memory.  Outputs change only on success.
 *
 * What happened to a child is never an error: see weir/result.h.
 */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

enum weir_status {
    WEIR_OK = 0,
    WEIR_ERR_SYSTEM = -1,   /* a system call failed: see sys_errno */
    WEIR_ERR_NOMEM = -2,    /* memory is short */
    WEIR_ERR_INVALID = -3,  /* an argument cannot mean anything */
    WEIR_ERR_TOO_LONG = -4, /* input passed the limit the caller set */
    WEIR_ERR_CHARSET = -5,  /* no such character set */
    WEIR_ERR_DECODE = -6,   /* bytes do not fit their character set */
    WEIR_ERR_SPEC = -7,     /* a pipeline spec has faults */
    WEIR_ERR_SPAWNER = -8,  /* weir-spawner is missing, or broke the protocol */
    WEIR_ERR_BUSY = -9,     /* the object is in use */
    WEIR_ERR_WORKER = -10,  /* workers do not start, or do not speak the protocol */
    WEIR_ERR_TIMEOUT = -11, /* the time that the caller gave is over */
};

struct weir_error {
    enum weir_status status;
    int sys_errno;  /* an errno value; 0 when the system was not the cause */
    char text[512]; /* one sentence, no newline: what, where, and what to do */
};

/* Returns the name of a status, for example "WEIR_ERR_NOMEM".  Never NULL. */
const char *weir_status_name(enum weir_status status);

#ifdef __cplusplus
}
#endif
#endif
