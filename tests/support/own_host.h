/* support/own_host.h - a host of a test's own: a forked process that may do to itself what
 * would disturb the tests behind it. */
#ifndef WEIR_TESTS_OWN_HOST_H
#define WEIR_TESTS_OWN_HOST_H

#include <sys/resource.h>

#include <weir/weir.h>

/* In a host: leaves the function with 1, a failure, unless this holds. */
#define CHECK(holds)                                                                               \
    do {                                                                                           \
        if (!(holds))                                                                              \
            return host_failed(__LINE__);                                                          \
    } while (0)

/* Notes the line for check_host() to print.  Returns 1. */
int host_failed(int line);

/* Runs host() in a fork.  The test fails unless it returns 0 and leaves no child, nor zombie. */
void check_host(int (*host)(void));

/* In a host: 0 when it has no child; a zombie is one, too. */
int check_no_children(void);

/* In a host: a run that must work.  Returns 1 when it printed text and exited with 0. */
int prints(weir_t *weir, const char *const *argv, const char *text);

/* The soft limit of descriptors; the hard one is raised where it is lower. */
void set_fd_limit(rlim_t limit);

#endif
