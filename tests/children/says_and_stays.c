/* Writes its argument, without a newline, and stays. */
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc > 1 && write(STDOUT_FILENO, argv[1], strlen(argv[1])) < 0)
        return 1;
    for (;;)
        pause();
}
