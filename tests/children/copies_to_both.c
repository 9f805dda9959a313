/* Copies its input to stderr, then to stdout, block by block. */
#include <stdlib.h>
#include <unistd.h>

static void put(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = write(fd, bytes, length);

        if (count < 0)
            exit(1);
        bytes += count;
        length -= (size_t)count;
    }
}

int main(void)
{
    static char block[1 << 18]; /* more than a pipe holds */
    ssize_t count;

    while ((count = read(STDIN_FILENO, block, sizeof block)) > 0) {
        put(STDERR_FILENO, block, (size_t)count);
        put(STDOUT_FILENO, block, (size_t)count);
    }
    return 0;
}
