/* Takes memory until there is no more, then says how many MiB and exits with 7. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *volatile pieces[4096]; /* or a compiler sees that nobody wants them */
    int got = 0;

    while (got < 4096 && (pieces[got] = malloc(1 << 20)) != NULL) {
        memset(pieces[got], 1, 1 << 20);
        got++;
    }
    printf("%d\n", got);
    return 7;
}
