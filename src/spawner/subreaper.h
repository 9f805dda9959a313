/* spawner/subreaper.h - descendants that lost their parents, and to which job they belong.
 *
 * Where the system makes the spawner their new parent (a subreaper), the list
 * of its children is all that is needed: every descendant of a job has an
 * ancestor in that list.  Elsewhere all processes are looked through for the
 * job's tag and group, and where there is no list of processes either, the
 * group is all there is: processes that have left it are not found.
 */
#ifndef WEIR_SPAWNER_SUBREAPER_H
#define WEIR_SPAWNER_SUBREAPER_H

#include <stdint.h>
#include <sys/types.h>

/* Adopts orphans from now on, where the system can.  is_stage says whether a child is a stage
 * of a job; find_owner names the job that has one of the tags in tags or, without a tags, the
 * process group; with neither, the only job there is.  It returns 0 for none. */
void subreaper_init(int (*is_stage)(pid_t pid),
                    int64_t (*find_owner)(const char *tags, pid_t group));

/* Whether SIGCHLD reports an orphan's end, so that no polling is needed. */
int subreaper_is_active(void);

/* How many orphans of the job live. */
int subreaper_count(int64_t job, const char *tag, pid_t group);

/* Sends signal to the orphans of the job that are not in its group.  Returns whether we may not
 * signal one of them. */
int subreaper_signal(int64_t job, const char *tag, pid_t group, int signal);

/* Sends signal to those orphans of the job that never got one. */
void subreaper_signal_new(int64_t job, int signal);

/* Writes the pids of the job's orphans.  Returns how many. */
size_t subreaper_list(int64_t job, pid_t *pids, size_t room);

/* Takes the zombie of an orphan. */
void subreaper_reap(pid_t pid);

/* Takes the zombies of all orphans. */
void subreaper_reap_all(void);

/* Whether the last look left something for another one soon: more orphans than one look
 * takes in.  Until then any job may have some. */
int subreaper_has_more(void);

/* Is a stage of a job from now on. */
void subreaper_forget(pid_t pid);

#endif
