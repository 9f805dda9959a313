/* Says "ready", then for each SIGUSR1 or SIGINT says its number; SIGUSR2 ends it with 5. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    sigset_t wanted;
    int number;

    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    sigaddset(&wanted, SIGUSR2);
    sigaddset(&wanted, SIGINT);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    puts("ready");
    fflush(stdout);
    while (sigwait(&wanted, &number) == 0 && number != SIGUSR2) {
        printf("%d\n", number);
        fflush(stdout);
    }
    return 5;
}
