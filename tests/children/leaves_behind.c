/* Forks a process that holds its stdout, writes that one's pid, and exits at
 * once with 0.
 *
 *   background  stays in the process group
 *   session     starts a session of its own
 *   daemon      starts a session and forks again: nobody's child any more
 *   bare        as daemon, and executes itself with an empty environment
 *
 * A second argument "stubborn" makes it ignore SIGTERM.  "closed" makes it let
 * go of stdin, stdout and stderr.  "slow" makes a daemon's first parent so large
 * that its end takes a while, in which it has no memory and so no environment
 * any more, and has not set the daemon free: just then the program exits. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_pid(int fd)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());

    if (write(fd, text, (size_t)length) != length)
        _exit(1);
}

static void stay(int reported, int closed)
{
    write_pid(STDOUT_FILENO);
    if (closed) {
        int nowhere = open("/dev/null", O_RDWR);

        for (int fd = 0; fd < 3; fd++)
            dup2(nowhere, fd);
    }
    close(reported);
    for (;;)
        pause();
}

/* Ends a process of 256 MiB. */
static void end_slowly(int reported)
{
    char *memory = malloc(256 << 20);

    if (memory != NULL)
        for (size_t at = 0; at < 256 << 20; at += 4096)
            ((volatile char *)memory)[at] = 1;
    close(reported);
    _exit(0);
}

/* Waits until a process has no memory any more: it is on its way out. */
static void wait_for_end_of_memory(pid_t pid)
{
    char path[64], text[64] = "1";
    ssize_t length = 1;

    snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
    while (length > 0 && atol(text) > 0) {
        int fd = open(path, O_RDONLY);

        length = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
        text[length > 0 ? length : 0] = '\0';
        close(fd);
    }
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "background";
    int closed = 0, slow = 0, reported[2];
    pid_t first;
    char byte;

    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "stubborn") == 0)
            signal(SIGTERM, SIG_IGN);
        closed |= strcmp(argv[i], "closed") == 0;
        slow |= strcmp(argv[i], "slow") == 0;
    }
    if (strcmp(mode, "stay") == 0)
        stay(atoi(argv[argc - 1]), closed);
    if (pipe(reported) < 0)
        return 1;
    first = fork();
    if (first == 0) {
        close(reported[0]);
        if (strcmp(mode, "background") != 0)
            setsid();
        if ((strcmp(mode, "daemon") == 0 || strcmp(mode, "bare") == 0) && fork() != 0) {
            if (slow)
                end_slowly(reported[1]);
            _exit(0);
        }
        if (strcmp(mode, "bare") == 0) {
            char number[16], *args[8], *nothing[] = {NULL};
            int used = 0;

            snprintf(number, sizeof number, "%d", reported[1]);
            args[used++] = argv[0];
            args[used++] = (char *)"stay";
            for (int i = 2; i < argc && used < 6; i++)
                args[used++] = argv[i];
            args[used++] = number;
            args[used] = NULL;
            execve(argv[0], args, nothing);
            _exit(1);
        }
        stay(reported[1], closed);
    }
    close(reported[1]);
    while (read(reported[0], &byte, 1) > 0) /* ends when it stays where it is to stay */
        continue;
    if (slow)
        wait_for_end_of_memory(first);
    return 0;
}
