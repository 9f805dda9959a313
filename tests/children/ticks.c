/* Writes its argument's number of lines, one every 20 ms: alive, and slow. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int left = argc > 1 ? atoi(argv[1]) : 10;

    for (; left > 0; left--) {
        if (write(STDOUT_FILENO, "tick\n", 5) != 5)
            return 1;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return 0;
}
