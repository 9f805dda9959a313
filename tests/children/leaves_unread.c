/* Makes its output hold N bytes in one write, as far as a pipe can, and exits
 * before anybody has read them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    size_t length = argc > 1 ? (size_t)atol(argv[1]) : 60000;
    char *bytes = malloc(length);

    if (bytes == NULL)
        return 1;
    memset(bytes, 'u', length);
    if (write(STDOUT_FILENO, bytes, length) != (ssize_t)length)
        return 1;
    free(bytes);
    return 0;
}
