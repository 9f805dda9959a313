/* support/running.h - what tests of the library say over and over. */
#ifndef WEIR_TESTS_RUNNING_H
#define WEIR_TESTS_RUNNING_H

#include <weir/weir.h>

/* ARGV("sort", "-u"): a NULL-terminated list that lives as long as the block. */
#define ARGV(...)                                                                                  \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

/* Opens a context, or ends the test. */
weir_t *open_weir(void);

/* A command with everything else at its default. */
struct weir_command command_of(const char *const *argv);

/* Options at their defaults. */
struct weir_run_options run_options(void);

/* Runs argv and fails the test, with the reason, when weir itself fails; the
 * result is then empty. */
struct weir_result run(weir_t *weir, const char *const *argv,
                       const struct weir_run_options *options);

/* Runs a command, as run() does. */
struct weir_result run_command(weir_t *weir, const struct weir_command *command,
                               const struct weir_run_options *options);

/* Whether the result is an exit with this code that weir had no hand in. */
int exited_with(const struct weir_result *result, int code);

/* Whether the result names this process, and its program, as the one that kept a pipe
 * open; where weir is built without /proc to find it in, whether it names nobody. */
int names_holder(const struct weir_result *result, pid_t pid, const char *program);

/* The hash that tests/children/counts_input prints. */
unsigned long long hash_of(const char *bytes, size_t length);

/* length bytes with no short period.  The caller owns them: free(). */
char *noise(size_t length);

enum { TEN_MB = 10 * 1000 * 1000 };

/* Options with these bytes as input. */
struct weir_run_options with_input(const char *bytes, size_t length);

#endif
