/* spawner/subreaper.h - descendants that lost their parents, and to which job they belong.
 *
 * Where the system makes the spawner their new parent (a subreaper), the list
 * of its children is all there is to know: whoever lives below a job has an
 * ancestor in that list.  Elsewhere all processes are looked through for the
 * job's cookie and group, and where there is no list of processes either, the
 * group is all there is: who has left it is not found.
 */
#ifndef WEIR_SPAWNER_SUBREAPER_H
#define WEIR_SPAWNER_SUBREAPER_H

#include <stdint.h>
#include <sys/types.h>

void orphans_init(void);

/* Whether an orphan's end is told by SIGCHLD, so that nobody need look. */
int orphans_are_told(void);

/* How many orphans of the job live. */
int orphans_count(int64_t job, const char *cookie, pid_t group);

/* Sends signal to the orphans of the job that are not in its group. */
/* Returns whether one of them may not be signalled by us. */
int orphans_signal(int64_t job, const char *cookie, pid_t group, int signal);

/* Sends signal to those orphans of the job that never got one. */
void orphans_signal_new(int64_t job, int signal);

/* Writes the pids of the job's orphans.  Returns how many. */
size_t orphans_list(int64_t job, pid_t *pids, size_t room);

/* Takes the zombie of an orphan. */
void orphans_reap(pid_t pid);

/* Takes the zombies of all orphans. */
void orphans_reap_all(void);

/* Whether the last look left something for another one soon: more orphans than one look
 * takes in.  Until then any job may have some. */
int orphans_have_more(void);

/* What the jobs answer: whether pid is a stage of one; and which job is the only one, has
 * one of these cookies, or this process group (0: none). */
int jobs_is_stage(pid_t pid);
int64_t jobs_only(void);
int64_t jobs_of_tag(const char *tag);
int64_t jobs_of_group(pid_t group);

#endif
