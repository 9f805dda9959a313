/* A host that changes itself after weir_open(): its programs have what it has. */
#include "config.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/weir.h>

#include "support/harness.h"

enum { NOBODY = 65534 };

/* Runs a shell's words; returns whether they put out what is wanted. */
static int says(weir_t *weir, const char *words, const char *wanted)
{
    const char *argv[] = {"/bin/sh", "-c", words, NULL};
    struct weir_command command;
    struct weir_run_options options;
    struct weir_result result;
    struct weir_error error;
    int right;

    weir_command_init(&command);
    command.argv = argv;
    weir_run_options_init(&options);
    if (weir_run(weir, &command, &options, &result, &error) < 0) {
        printf("# %s\n", error.text);
        return 0;
    }
    right = result.out.text != NULL && strcmp(result.out.text, wanted) == 0;
    if (!right)
        printf("# %s: \"%s\", not \"%s\"\n", words, result.out.text, wanted);
    weir_result_clear(&result);
    return right;
}

/* What a host does to itself cannot be undone: each is a process of its own. */
static void in_a_host(int (*host)(weir_t *weir))
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        weir_t *weir = weir_open(NULL, NULL);
        int right = weir != NULL && host(weir);

        weir_close(weir);
        fflush(stdout);
        _exit(!right);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int lower_limits(weir_t *weir)
{
    struct rlimit files = {64, 80};

    return says(weir, "echo", "\n") && setrlimit(RLIMIT_NOFILE, &files) == 0
           && says(weir, "ulimit -Sn; ulimit -Hn", "64\n80\n");
}

static int lower_and_raise(weir_t *weir)
{
    struct rlimit files = {64, 80};

    if (setrlimit(RLIMIT_NOFILE, &files) < 0 || !says(weir, "ulimit -Sn", "64\n"))
        return 0;
    files.rlim_cur = 70;
    return setrlimit(RLIMIT_NOFILE, &files) == 0 && says(weir, "ulimit -Sn", "70\n");
}

static int limit_within_limits(weir_t *weir)
{
    const char *argv[] = {"/bin/sh", "-c", "ulimit -Sn", NULL};
    struct rlimit files = {64, 80};
    struct weir_command command;
    struct weir_result result;
    int right;

    weir_command_init(&command);
    command.argv = argv;
    command.limits[WEIR_LIMIT_FILES] = 75;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0 || weir_run(weir, &command, NULL, &result, NULL) < 0)
        return 0;
    right = strcmp(result.out.text, "75\n") == 0;
    weir_result_clear(&result);
    return right;
}

static int refresh(weir_t *weir)
{
    umask(0022);
    if (weir_refresh(weir, NULL) < 0 || !says(weir, "umask", "0022\n"))
        return 0;
    umask(0077);
    return weir_refresh(weir, NULL) == 0 && says(weir, "umask", "0077\n");
}

static void note_done(weir_run_t *run, const struct weir_result *result,
                      const struct weir_error *error, void *context)
{
    (void)run;
    (void)error;
    *(int *)context = result != NULL && result->end == WEIR_EXITED && result->code == 3;
}

/* What runs goes on below the earlier spawner, and its end is reported. */
static int change_while_one_runs(weir_t *weir, int (*change)(weir_t *weir))
{
    const char *argv[] = {"/bin/sh", "-c", "read line; exit 3", NULL};
    struct weir_command command;
    struct weir_run_options options;
    struct weir_result result = {0};
    int ends[2], ended = 0;
    weir_run_t *run;

    weir_command_init(&command);
    command.argv = argv;
    weir_run_options_init(&options);
    options.input = WEIR_INPUT_FD;
    if (pipe(ends) < 0)
        return 0;
    options.input_fd = ends[0];
    run = weir_run_start(weir, &command, &options, note_done, &ended, NULL);
    close(ends[0]);
    if (run != NULL && change(weir) && !ended && write(ends[1], "\n", 1) == 1)
        weir_run_wait(run, &result, NULL);
    weir_result_clear(&result);
    close(ends[1]);
    weir_run_free(run);
    return ended;
}

static int refresh_once(weir_t *weir)
{
    return weir_refresh(weir, NULL) == 0 && says(weir, "echo new", "new\n");
}

static int refresh_while_one_runs(weir_t *weir)
{
    return change_while_one_runs(weir, refresh_once);
}

static int become_nobody(weir_t *weir)
{
    return says(weir, "id -u", "0\n") && setgroups(0, NULL) == 0 && setgid(NOBODY) == 0
           && setuid(NOBODY) == 0 && says(weir, "id -u; id -g; id -G", "65534\n65534\n65534\n");
}

static int drop_groups(weir_t *weir)
{
    const gid_t groups[] = {4242, NOBODY};

    return setgroups(2, groups) == 0 && says(weir, "id -G", "0 4242 65534\n")
           && setgroups(0, NULL) == 0 && says(weir, "id -G", "0\n");
}

static int become_nobody_while_one_runs(weir_t *weir)
{
    return change_while_one_runs(weir, become_nobody);
}

static void limits_are_the_hosts_now(void)
{
    in_a_host(lower_limits);
    in_a_host(lower_and_raise);
    in_a_host(limit_within_limits);
}

static void refresh_takes_the_rest_along(void)
{
    in_a_host(refresh);
    in_a_host(refresh_while_one_runs);
}

static void a_host_that_gives_up_root_has_no_root_programs(void)
{
    char directory[] = "/tmp/weir-test-XXXXXX";
    char copy[128], words[512];

    if (getuid() != 0) {
        printf("# skipped: not root\n");
        return;
    }
    /* Whoever is not root may have no way to the build tree. */
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    snprintf(copy, sizeof copy, "%s/weir-spawner", directory);
    snprintf(words, sizeof words, "cp \"$WEIR_SPAWNER\" %s && chmod 755 %s %s", copy, directory,
             copy);
    CU_ASSERT_EQUAL_FATAL(system(words), 0);
    setenv("WEIR_SPAWNER", copy, 1);
    in_a_host(become_nobody);
    in_a_host(drop_groups);
    in_a_host(become_nobody_while_one_runs);
    unlink(copy);
    rmdir(directory);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"limits are the host's of the moment", limits_are_the_hosts_now},
        {"weir_refresh() takes the rest along", refresh_takes_the_rest_along},
        {"a host that gives up root has no root programs",
         a_host_that_gives_up_root_has_no_root_programs},
        CU_TEST_INFO_NULL,
    };

    return run_suite("changed", tests);
}
