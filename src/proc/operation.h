/* proc/operation.h - what a run, a pipeline run, a map and a call have in common: each runs by
 * itself, and its owner may wait for it, take its result, or free it at any time.
 *
 *   begin --> ALIVE --end--> over: the callback runs, then threads that wait wake up
 *               |             |
 *               +----free-----+--> gone, once no callback uses it
 */
#ifndef WEIR_PROC_OPERATION_H
#define WEIR_PROC_OPERATION_H

#include "proc/context.h"

struct weir__operation;

struct weir__operation_ops {
    const char *noun;              /* "the run" */
    size_t result_at, result_size; /* of its result, in the struct; 0: the owner's side copies it */
    /* Starts it, where it may touch the loop.  On failure it closes everything, sets
     * operation->error and returns a negative status. */
    int (*begin)(struct weir__operation *operation, const void *given);
    /* Ends what still runs and closes everything, without the callback. */
    void (*abandon)(struct weir__operation *operation);
    /* Calls the owner's callback, if there is one. */
    void (*report)(struct weir__operation *operation);
    /* Frees it; everything is closed. */
    void (*destroy)(struct weir__operation *operation);
};

/* The first member of each. */
struct weir__operation {
    struct weir__member member; /* first: the context hands it back */
    weir_t *weir;
    const struct weir__operation_ops *ops;
    struct weir_error error;
    int failed;   /* a negative status: weir itself failed, see error */
    int over;     /* the result is there */
    int finished; /* the same, for a thread that waits */
    int holds;    /* callbacks that still use it */
    int freed;    /* its owner has freed it */
};

/* Begins it with given.  On failure it is destroyed.  waits: the caller goes on to
 * weir__operation_wait(). */
int weir__operation_begin(struct weir__operation *operation, const void *given, int waits,
                          struct weir_error *error);

/* Weir itself has failed; the first error counts. */
void weir__operation_fail(struct weir__operation *operation, const struct weir_error *error);

/* While it is held it is not destroyed, and no thread that waits for its end goes on.
 * Releasing returns 1 when it has ended or was freed: it may be gone. */
void weir__operation_hold(struct weir__operation *operation);
int weir__operation_release(struct weir__operation *operation);

/* The last thing that a callback does, once everything is closed: the owner may free it here. */
void weir__operation_end(struct weir__operation *operation);

/* Moves the result to the owner.  Errors: BUSY, or how it failed. */
int weir__operation_take(struct weir__operation *operation, void *result, struct weir_error *error);

/* Waits for the end, then takes the result. */
int weir__operation_wait(struct weir__operation *operation, void *result, struct weir_error *error);

/* The same, but also returns INTERRUPTED: see weir__context_wait_interruptible(). */
int weir__operation_wait_interruptible(struct weir__operation *operation, void *result,
                                       struct weir_error *error);

/* Waits, takes the result and frees it.  NULL: it did not start, and why says why. */
int weir__operation_finish(struct weir__operation *operation, void *result,
                           const struct weir_error *why, struct weir_error *error);

/* Calls act(operation, number) where it may touch the loop, unless the operation is over. */
void weir__operation_ask(struct weir__operation *operation,
                         void (*act)(struct weir__operation *operation, int number), int number);

/* Its owner does not need it any more. */
void weir__operation_free(struct weir__operation *operation);

#endif
