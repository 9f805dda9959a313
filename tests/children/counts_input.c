/* Reads its input to the end and prints how many bytes there were and a hash of them. */
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    unsigned char block[65536];
    long long total = 0;
    ssize_t count;

    while ((count = read(STDIN_FILENO, block, sizeof block)) > 0) {
        total += count;
        for (ssize_t i = 0; i < count; i++)
            hash = (hash ^ block[i]) * UINT64_C(1099511628211);
    }
    printf("%lld %016llx\n", total, (unsigned long long)hash);
    return 0;
}
