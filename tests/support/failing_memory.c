/* LD_PRELOAD: an allocation fails in one program.
 *
 *   OOM_IN=weir         the program, as its process is named; all others have what they ask for
 *   OOM_AT=12           the 12th allocation fails, once
 *   OOM_AT=12-          the 12th and all after it
 *   OOM_COUNT=FILE      how many there were is written there when it exits
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __GLIBC__

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static long first; /* 0: not looked yet; -1: not this program */
static int and_after;
static atomic_long seen;

static void look(void)
{
    const char *program = getenv("OOM_IN"), *at = getenv("OOM_AT");
    char name[64] = "";
    int fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, name, sizeof name - 1) : 0;

    if (fd >= 0)
        close(fd);
    if (length > 0)
        name[length - 1] = '\0';
    first = -1;
    if (program == NULL || at == NULL || strcmp(program, name) != 0)
        return;
    first = atol(at);
    and_after = strchr(at, '-') != NULL;
}

static int fails(void)
{
    long number;

    if (first == 0)
        look();
    if (first < 0)
        return 0;
    number = atomic_fetch_add(&seen, 1) + 1;
    if (number != first && (!and_after || number < first))
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails() ? NULL : __libc_realloc(old, size);
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("OOM_COUNT");
    char text[24];
    int fd, length = snprintf(text, sizeof text, "%ld\n", (long)seen);

    if (first <= 0 || path == NULL)
        return;
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd >= 0 && write(fd, text, (size_t)length) < length)
        unlink(path);
    if (fd >= 0)
        close(fd);
}

#endif
