/* proc/operation.h - what a run, a pipeline and a map have in common: something that goes
 * on by itself, and an owner who may wait for it, take what came of it, or free it
 * at any time.
 *
 *   begin --> ALIVE --end--> over: its owner is told, then who waits is woken
 *               |             |
 *               +----free-----+--> gone, once no callback looks at it any more
 */
#ifndef WEIR_PROC_OPERATION_H
#define WEIR_PROC_OPERATION_H

#include "proc/context.h"

struct weir__operation;

struct weir__operation_ops {
    const char *noun; /* "the run" */
    /* Ends what still goes on and closes all; nobody is told. */
    void (*abandon)(struct weir__operation *operation);
    /* Calls its owner's callback, if there is one. */
    void (*tell)(struct weir__operation *operation);
    /* Frees it; all is closed. */
    void (*destroy)(struct weir__operation *operation);
};

/* The first member of what lives. */
struct weir__operation {
    struct weir__member member; /* first: the context hands it back */
    weir_t *weir;
    const struct weir__operation_ops *ops;
    struct weir_error error;
    int failed;   /* a negative status: weir itself failed, and error says how */
    int over;     /* what came of it is there */
    int finished; /* the same, for a thread that waits */
    int holds;    /* callbacks that still look at it */
    int freed;    /* its owner does not any more */
};

/* Runs begin(data) where it may touch the loop; it returns a negative status with
 * operation->error set when it cannot be, having closed all.  Then it is destroyed and
 * the error passed on.  With waits, the caller goes on to weir__operation_wait(). */
int weir__operation_begin(struct weir__operation *operation, int (*begin)(void *data), void *data,
                          int waits, struct weir_error *error);

/* Weir itself has failed; the first error counts. */
void weir__operation_fail(struct weir__operation *operation, const struct weir_error *error);

/* While it is held it is not destroyed, and no thread that waits for its end goes on.
 * Releasing returns 1 when it has ended or was freed: it may be gone. */
void weir__operation_hold(struct weir__operation *operation);
int weir__operation_release(struct weir__operation *operation);

/* The last thing that a callback does, once all is closed: its owner may free it here. */
void weir__operation_end(struct weir__operation *operation);

/* Whether what came of it may be moved to its owner.  Returns 0, or BUSY, or how
 * it failed. */
int weir__operation_check(const struct weir__operation *operation, struct weir_error *error);

/* Waits for the end, then the same. */
int weir__operation_wait(struct weir__operation *operation, struct weir_error *error);

/* Its owner is done with it. */
void weir__operation_free(struct weir__operation *operation);

#endif
