/* claims_environment MIB: leaves an orphan behind that says of itself, by prctl(2) and without
 * any right, that its environment is so long.  It has its own session, ignores SIGTERM, and
 * holds nothing open.  Ends once that is so, with 0, or with 77 where it cannot be said. */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#ifdef PR_SET_MM_MAP
/* Field NUMBER of /proc/self/stat, as proc(5) counts. */
static unsigned long long field(const char *stat, int number)
{
    const char *at = strrchr(stat, ')') + 2;

    for (int i = 3; i < number; i++)
        at = strchr(at, ' ') + 1;
    return strtoull(at, NULL, 10);
}

static int claim(size_t length)
{
    void *pages = mmap(NULL, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct prctl_mm_map map = {0};
    char stat[2048];
    int fd = open("/proc/self/stat", O_RDONLY);
    ssize_t count = fd >= 0 ? read(fd, stat, sizeof stat - 1) : -1;

    if (count <= 0 || pages == MAP_FAILED)
        return -1;
    stat[count] = '\0';
    close(fd);
    map.start_code = field(stat, 26);
    map.end_code = field(stat, 27);
    map.start_stack = field(stat, 28);
    map.start_data = field(stat, 45);
    map.end_data = field(stat, 46);
    map.start_brk = field(stat, 47);
    map.brk = (uintptr_t)sbrk(0);
    map.arg_start = field(stat, 48);
    map.arg_end = field(stat, 49);
    map.env_start = (uintptr_t)pages;
    map.env_end = map.env_start + length;
    map.exe_fd = (unsigned)-1;
    return prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0);
}
#else
static int claim(size_t length)
{
    (void)length;
    return -1;
}
#endif

int main(int argc, char **argv)
{
    size_t length = (size_t)atol(argc > 1 ? argv[1] : "512") << 20;
    int ready[2];
    char byte = 'n';

    if (pipe(ready) < 0)
        return 77;
    if (fork() != 0) {
        close(ready[1]);
        return read(ready[0], &byte, 1) == 1 && byte == 'y' ? 0 : 77;
    }
    setsid();
    signal(SIGTERM, SIG_IGN);
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    if (claim(length) == 0)
        byte = 'y';
    if (write(ready[1], &byte, 1) != 1 || byte == 'n')
        return 77;
    close(ready[1]);
    for (;;)
        pause();
}
