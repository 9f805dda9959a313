/* Closes its stdin, says so, and stays until it is asked to end: by SIGTERM, or
 * with an argument by having put out so many bytes. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char block[4096];

    close(STDIN_FILENO);
    if (write(STDOUT_FILENO, "closed\n", 7) != 7)
        return 1;
    memset(block, '.', sizeof block);
    if (argc > 1)
        for (long left = atol(argv[1]); left > 0; left -= (long)sizeof block)
            if (write(STDOUT_FILENO, block, sizeof block) < 0)
                return 1;
    while (argc == 1)
        pause();
    return 0;
}
