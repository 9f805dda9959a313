/* Says "stopping" and stops itself with SIGSTOP. */
#include <signal.h>
#include <unistd.h>

int main(void)
{
    if (write(STDOUT_FILENO, "stopping\n", 9) != 9)
        return 1;
    raise(SIGSTOP);
    for (;;)
        pause();
}
