#include "config.h"

#include "support/own_host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/harness.h"
#include "support/running.h"

static int *failed_line; /* shared with the host that is tried */

int host_failed(int line)
{
    *failed_line = line;
    return 1;
}

int check_no_children(void)
{
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    return 0;
}

void check_host(int (*host)(void))
{
    int status;
    pid_t pid;

    if (failed_line == NULL)
        failed_line = mmap(NULL, sizeof *failed_line, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_FATAL(failed_line != MAP_FAILED);
    *failed_line = 0;
    fflush(stdout);
    pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0)
        _exit(host() != 0 || check_no_children());
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        printf("# the host failed: status %x, line %d\n", (unsigned)status, *failed_line);
    CU_ASSERT(WIFEXITED(status)); /* it lives, whatever happened */
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

int prints(weir_t *weir, const char *const *argv, const char *text)
{
    struct weir_command command = command_of(argv);
    struct weir_result result = {0};
    int good = weir_run(weir, &command, NULL, &result, NULL) == 0 && exited_with(&result, 0)
               && result.out.text != NULL && strcmp(result.out.text, text) == 0;

    weir_result_clear(&result);
    return good;
}

void set_fd_limit(rlim_t limit)
{
    struct rlimit both;

    getrlimit(RLIMIT_NOFILE, &both);
    both.rlim_cur = limit;
    if (both.rlim_max < limit)
        both.rlim_max = limit;
    setrlimit(RLIMIT_NOFILE, &both);
}
