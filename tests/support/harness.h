/* support/harness.h - one CUnit suite per program, reported as TAP, with leak checks.
 *
 * A test fails if it leaves an open file descriptor, an unreaped child, a
 * changed signal handler or mask, a living process of its own, or a sanitizer's
 * complaint from one.  The program is killed if the suite outlives its deadline.
 */
#ifndef WEIR_TESTS_HARNESS_H
#define WEIR_TESTS_HARNESS_H

#include <CUnit/CUnit.h>
#include <sys/types.h>

#include <weir/context.h>

/* Which sanitizer watches: some of what tests measure is then not theirs. */
#if defined __SANITIZE_ADDRESS__
#define WITH_ADDRESS_SANITIZER 1
#elif defined __SANITIZE_THREAD__
#define WITH_THREAD_SANITIZER 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define WITH_ADDRESS_SANITIZER 1
#elif __has_feature(thread_sanitizer)
#define WITH_THREAD_SANITIZER 1
#endif
#endif

/* Whether valgrind runs this program: then all is slow, and memory is not its own. */
int is_under_valgrind(void);

/* Seconds a whole suite may take before SIGALRM ends it. */
enum { SUITE_DEADLINE_S = 240 };

/* How long a test waits for something that must happen before it calls it missing. */
enum { PATIENCE_MS = 30000 };

/* Runs every test of the suite and returns main()'s exit status. */
int run_suite(const char *name, CU_TestInfo *tests);

/* For a test of what weir can do only with this facility of Linux.  Where weir is
 * built without (configure --disable-linux) it returns 1, and the test, which is then
 * reported as skipped, returns at once. */
int is_without(const char *facility);

/* How a process may leave its job (tests/children/leaves_behind) and be found all the
 * same: all the ways, and one that needs no subreaper. */
#ifdef WEIR_LINUX
#define STRAYS "background", "session", "daemon", "bare"
#define STRAY  "daemon"
#else
#define STRAYS "background"
#define STRAY  "background"
#endif

/* Returns the path of a helper program of tests/children, built in the build
 * tree.  Valid until the next call. */
const char *child_path(const char *name);

/* What every process below this program carries in its environment: it is the
 * value of WEIR_JOB, so that a cleared environment keeps it too. */
const char *test_marker(void);

/* Waits until no process has marker in its environment or command line.  Those
 * that stay are named, killed and fail the test. */
void check_nothing_left(const char *marker);

/* The pid of a living process that has marker (as above) and runs program (the
 * last part of its path); 0 when there is none. */
pid_t find_marked(const char *marker, const char *program);

/* Kills the weir-spawner below this program; the test fails when there is none.
 * Returns its pid. */
pid_t kill_spawner(void);

/* How many living processes have marker. */
int count_marked(const char *marker);

/* The letter of a process's state; NUL when it is gone. */
char process_state(pid_t pid);

/* Waits for the end of a process that is no child.  Returns 1, or 0 when it
 * outlives PATIENCE_MS. */
int await_end(pid_t pid);

/* Whether a process that is no child is gone, zombie and all. */
int is_gone(pid_t pid);

/* Waits until fd is readable.  Returns 1, or 0 when PATIENCE_MS are over. */
int await_readable(int fd);

/* Waits until weir_dispatch() has something to do, as weir/context.h says, but no
 * longer than wait_ms.  Returns 0 when those are over. */
int await_news(weir_t *weir, int wait_ms);

/* How many descriptors this process has open. */
int count_open_fds(void);

/* The pid of the weir-spawner below this program; 0 when there is none. */
pid_t spawner_of_this_test(void);

#endif
