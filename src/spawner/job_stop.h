/* spawner/job_stop.h - the stop sequence of a job, for those that see its processes change. */
#ifndef WEIR_SPAWNER_JOB_STOP_H
#define WEIR_SPAWNER_JOB_STOP_H

#include "spawner/job_table.h"

/* Sends the signal of its step to what has come to a job that stops. */
void job_signal_new(const struct job *job);

#endif
