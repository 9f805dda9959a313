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

/* Every status: its name after WEIR_, its value, what it means. */
#define WEIR_STATUS_MAP(X)                                                                         \
    X(OK, 0, "success")                                                                            \
    X(ERR_SYSTEM, -1, "a system call failed") /* see sys_errno */                                  \
    X(ERR_NOMEM, -2, "out of memory")                                                              \
    X(ERR_INVALID, -3, "invalid argument")                                                         \
    X(ERR_TOO_LONG, -4, "input exceeds the limit")                                                 \
    X(ERR_CHARSET, -5, "unknown character set")                                                    \
    X(ERR_DECODE, -6, "bytes are invalid in their character set")                                  \
    X(ERR_SPEC, -7, "invalid pipeline spec")                                                       \
    X(ERR_SPAWNER, -8, "weir-spawner is missing or broke the protocol")                            \
    X(ERR_BUSY, -9, "the object is in use")                                                        \
    X(ERR_WORKER, -10, "workers do not start or do not speak the protocol")                        \
    X(ERR_TIMEOUT, -11, "timed out")                                                               \
    X(ERR_INTERRUPTED, -12, "the wait was interrupted")

enum weir_status {
#define WEIR_STATUS_VALUE(name, value, text) WEIR_##name = value,
    WEIR_STATUS_MAP(WEIR_STATUS_VALUE)
#undef WEIR_STATUS_VALUE
};

/* This struct never changes. */
struct weir_error {
    enum weir_status status;
    int sys_errno;  /* an errno value; 0 when the system was not the cause */
    char text[512]; /* one sentence, no newline: what, where, and what to do */
};

/* Returns the name of a status, for example "WEIR_ERR_NOMEM".  Never NULL. */
const char *weir_status_name(enum weir_status status);

/* Returns what a status means in a few words, for example "out of memory".  Never NULL.
 * weir_error.text says more: what failed, where, and what to do. */
const char *weir_strstatus(enum weir_status status);

#ifdef __cplusplus
}
#endif
#endif
