/* Writes half a line, then dies of the signal whose number it is given. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const struct rlimit no_core = {0, 0};
    int number = argc > 1 ? atoi(argv[1]) : SIGKILL;

    setrlimit(RLIMIT_CORE, &no_core);
    if (write(STDOUT_FILENO, "whole\nhal", 9) != 9)
        return 1;
    signal(number, SIG_DFL); /* a sanitizer has its own for some */
    raise(number);
    return 0;
}
