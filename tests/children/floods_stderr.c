/* Writes N bytes to stderr before it copies its input to its output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

int main(int argc, char **argv)
{
    char block[65536];
    long left = argc > 1 ? atol(argv[1]) : 1000000;
    ssize_t count;

    memset(block, 'e', sizeof block);
    block[sizeof block - 1] = '\n';
    for (; left > 0; left -= (long)sizeof block)
        put(STDERR_FILENO, block, left < (long)sizeof block ? (size_t)left : sizeof block);
    while ((count = read(STDIN_FILENO, block, sizeof block)) > 0)
        put(STDOUT_FILENO, block, (size_t)count);
    return 0;
}
