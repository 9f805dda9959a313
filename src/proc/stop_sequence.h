/* proc/stop_sequence.h - the steps that stop a program, as a struct of our own. */
#ifndef WEIR_PROC_STOP_SEQUENCE_H
#define WEIR_PROC_STOP_SEQUENCE_H

#include <weir/command.h>

/* Without a SIGKILL at its end, which follows in any case.  count 0: SIGTERM, and the grace
 * period of the job. */
struct weir__stop_sequence {
    struct weir_stop_step steps[WEIR_STOP_STEPS];
    size_t count;
};

/* Copies and checks a caller's steps.  With any, *grace_ms becomes the time from the first step
 * to SIGKILL.  Errors: INVALID. */
int weir__stop_sequence_take(struct weir__stop_sequence *sequence,
                             const struct weir_stop_step *steps, size_t count, int64_t *grace_ms,
                             struct weir_error *error);

#endif
