/* audit/outcome.h - how a command ended, as a record has it. */
#ifndef WEIR_AUDIT_OUTCOME_H
#define WEIR_AUDIT_OUTCOME_H

#include <weir/result.h>

enum weir__audit_outcome {
    WEIR__AUDIT_OK,
    WEIR__AUDIT_FAILED,      /* a program, a stage or a record did */
    WEIR__AUDIT_SIGNALED,    /* killed, and not by weir */
    WEIR__AUDIT_TIMED_OUT,   /* the whole time was up */
    WEIR__AUDIT_IDLE,        /* nothing was put out for too long */
    WEIR__AUDIT_CANCELLED,   /* weir was stopped by a signal */
    WEIR__AUDIT_OVERFLOW,    /* more output than allowed */
    WEIR__AUDIT_NOT_STARTED, /* the program cannot be executed, or is not there */
    WEIR__AUDIT_LOST,        /* it cannot be known */
    WEIR__AUDIT_ERROR,       /* weir itself failed */
    WEIR__AUDIT_OUTCOME_COUNT
};

/* "timed_out", and "the time limit ran out". */
const char *weir__audit_outcome_name(enum weir__audit_outcome outcome);
const char *weir__audit_outcome_title(enum weir__audit_outcome outcome);

/* The outcome with this name, or -1. */
int weir__audit_outcome_find(const char *name);

/* What a job came to that ended so and would exit with status. */
enum weir__audit_outcome weir__audit_outcome_of(enum weir_exit_kind end, enum weir_stop_reason why,
                                                int status);

#endif
