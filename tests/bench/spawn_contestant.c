/* A host that spawns, captures and reaps on request: "raw", "weir" or "libpipeline".
 *
 *     spawn_contestant WAY RESIDENT_MIB PROGRAM [ARGUMENT...]
 *
 * For each line "N" on stdin it runs PROGRAM N times and prints the nanoseconds
 * of each run on one line.  RESIDENT_MIB of memory are touched before.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pipeline.h>

#include <weir/weir.h>

#include "base/clock.h"

static weir_t *weir;

static void die(const char *what)
{
    fprintf(stderr, "spawn_contestant: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* The least that does the job: vfork, two pipes, read both, wait4. */
static void run_raw(char **argv)
{
    int out[2], err[2], open_ends = 2;
    char bytes[65536];
    struct rusage usage;
    pid_t pid;

    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
        die("pipe");
    pid = vfork();
    if (pid == 0) {
        dup2(out[1], 1);
        dup2(err[1], 2);
        execv(argv[0], argv);
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    while (open_ends > 0) {
        struct pollfd both[2] = {{.fd = out[0], .events = POLLIN},
                                 {.fd = err[0], .events = POLLIN}};

        poll(both, 2, -1);
        for (int i = 0; i < 2; i++) {
            int *fd = i == 0 ? &out[0] : &err[0];

            if (both[i].revents != 0 && *fd >= 0 && read(*fd, bytes, sizeof bytes) <= 0) {
                close(*fd);
                *fd = -1;
                open_ends--;
            }
        }
    }
    wait4(pid, NULL, 0, &usage);
}

static void run_weir(char **argv)
{
    struct weir_command command;
    struct weir_result result;
    struct weir_error error;

    weir_command_init(&command);
    command.argv = (const char *const *)argv;
    if (weir_run(weir, &command, NULL, &result, &error) < 0) {
        fprintf(stderr, "spawn_contestant: %s\n", error.text);
        exit(1);
    }
    weir_result_clear(&result);
}

static void run_libpipeline(char **argv)
{
    pipecmd *command = pipecmd_new(argv[0]);
    pipeline *one;

    for (char **word = argv + 1; *word != NULL; word++)
        pipecmd_arg(command, *word);
    one = pipeline_new_commands(command, NULL);
    pipeline_want_out(one, -1);
    pipeline_start(one);
    while (pipeline_readline(one) != NULL)
        continue;
    pipeline_wait(one);
    pipeline_free(one);
}

static const struct {
    const char *name;
    void (*run)(char **argv);
} ways[] = {{"raw", run_raw}, {"weir", run_weir}, {"libpipeline", run_libpipeline}};

int main(int argc, char **argv)
{
    void (*run)(char **) = NULL;
    struct weir_error error;
    size_t resident;
    char line[64];

    if (argc < 4)
        return 2;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (strcmp(ways[i].name, argv[1]) == 0)
            run = ways[i].run;
    if (run == NULL)
        return 2;
    resident = (size_t)atol(argv[2]) << 20;
    if (resident > 0) {
        char *memory = malloc(resident);

        if (memory == NULL)
            die("memory");
        memset(memory, 1, resident);
    }
    if (run == run_weir) {
        weir = weir_open(NULL, &error);
        if (weir == NULL) {
            fprintf(stderr, "spawn_contestant: %s\n", error.text);
            return 1;
        }
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        for (int left = atoi(line); left > 0; left--) {
            int64_t begin_ns = weir__clock_ns();

            run(argv + 3);
            printf("%lld ", (long long)(weir__clock_ns() - begin_ns));
        }
        printf("\n");
        fflush(stdout);
    }
    weir_close(weir);
    return 0;
}
