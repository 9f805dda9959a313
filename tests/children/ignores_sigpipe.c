/* Writes lines for ever and, when its reader has gone, exits with 1 after the
 * moment that an interpreter takes to end, as Python and Node programs do: which
 * of the two ended first can be seen.  "crash": dies of SIGSEGV instead. */
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const struct rlimit no_core = {0, 0};

    (void)argv;
    signal(SIGPIPE, SIG_IGN);
    while (write(STDOUT_FILENO, "line\n", 5) == 5)
        continue;
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    if (argc > 1) {
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGSEGV, SIG_DFL); /* a sanitizer has its own */
        raise(SIGSEGV);
    }
    return 1;
}
