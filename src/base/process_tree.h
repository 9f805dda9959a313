/* base/process_tree.h - finds a job's processes by its tag, wherever they are.
 *
 * Every process of a job has WEIR_JOB in its environment: the tags of the
 * jobs around it and its own, joined by dots.  A descendant that left its
 * process group or lost its parent still has it.
 *
 * All this is read from Linux's /proc, as far as base/procfs.h opens it.  Where there
 * is none, or it is not ours, all that is known of other processes is whether a process
 * group has members.
 */
#ifndef WEIR_BASE_PROCESS_TREE_H
#define WEIR_BASE_PROCESS_TREE_H

#include <stddef.h>
#include <sys/types.h>

#define WEIR__JOB_TAG_NAME "WEIR_JOB"
enum { WEIR__JOB_TAG_SIZE = 33 }; /* 32 hex digits and NUL */

/* Writes 128 random bits as hex. */
void weir__job_tag_make(char tag[WEIR__JOB_TAG_SIZE]);

/* Reads a process's tags from the environment it was started with, as far as
 * WEIR__JOB_TAGS_SIZE goes.  Returns 1, 0 when it has none, or -1 when that cannot be known:
 * it is gone, a zombie, another user's, or claims an environment of a length that no
 * program is started with. */
enum { WEIR__JOB_TAGS_SIZE = 4096 };
int weir__process_tags(pid_t pid, char tags[WEIR__JOB_TAGS_SIZE]);

/* The same for any variable; value is cut off at size. */
int weir__process_variable(pid_t pid, const char *name, char *value, size_t size);

/* What /proc/PID/stat says of a process.  Returns 0, or -1 when it is gone or
 * there is no /proc.  One on its way out gives up its memory first, and its
 * environment with it. */
struct weir__process_stat {
    char state;
    pid_t parent, group;
    unsigned long memory;
    long resident_kb;
};
int weir__process_stat(pid_t pid, struct weir__process_stat *stat);

/* Whether processes can be found by their tags here. */
int weir__process_tree_is_readable(void);

/* Returns a descriptor that becomes readable when the process ends, or -1 where
 * the system has none. */
int weir__process_watch(pid_t pid);

/* Returns how many living processes carry the tag (NULL: none) or are in the
 * group (0: none), the caller apart; those outside the group are sent signal (0:
 * none): a group has kill(2).  Without /proc, 1 or 0 for whether the group has
 * members, zombies among them, and -1 for no group or the caller's own. */
int weir__process_tree_signal(const char *tag, pid_t group, int signal);

/* Kills all of a job that has lost its spawner: its group, and the processes that
 * carry its tag.  Gives up on those that do not end within a moment. */
void weir__process_tree_kill(const char *tag, pid_t group);

/* The process's command line as people write it, cut to size.  For a kernel thread, a zombie
 * or a process that cleared it, its name in brackets as ps(1) has it; "[?]" when neither can be
 * read. */
void weir__process_command(pid_t pid, char *command, size_t size);

/* Finds a process, other than except, that has the pipe with this inode
 * open for writing.  Returns its pid, or 0: also when the search takes too long. */
pid_t weir__pipe_holder(ino_t inode, pid_t except);

#endif
