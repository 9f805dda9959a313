/* init PROGRAM ARGUMENT... - runs a program and takes every orphan below it at once, as
 * a good init does.  That of a container may take its time, or never look: then who
 * can only ask whether a process group has members sees zombies, too. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int status = 0;
    pid_t program, gone;

    if (argc < 2 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return 125;
    program = fork();
    if (program == 0) {
        execvp(argv[1], argv + 1);
        fprintf(stderr, "init: %s: %s\n", argv[1], strerror(errno));
        _exit(127);
    }
    do
        gone = wait(&status);
    while (gone != program && (gone > 0 || errno == EINTR));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
