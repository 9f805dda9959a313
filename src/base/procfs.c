#include "config.h"

#include "base/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ssize_t read_all(int fd, char *text, size_t size)
{
    size_t length = 0;
    ssize_t count = 0;

    while (length < size - 1) {
        count = read(fd, text + length, size - 1 - length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        length += (size_t)count;
    }
    text[length] = '\0';
    return count < 0 && length == 0 ? -1 : (ssize_t)length;
}

#ifdef WEIR_LINUX

/* The line "NSpid:" of /proc/self/status lists our number in each PID namespace from
 * that of /proc inwards: in our own /proc it is one number.  Before Linux 4.1 there is
 * no such line. */
static int namespace_agrees(void)
{
    char status[4096], *line, *end;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read_all(fd, status, sizeof status) : -1;

    if (fd >= 0)
        close(fd);
    if (length <= 0)
        return 0;
    line = strstr(status, "\nNSpid:");
    if (line == NULL)
        return 1;
    return strtol(line + strlen("\nNSpid:"), &end, 10) == getpid() && *end == '\n';
}

static int look(void)
{
    char target[32];
    ssize_t length = readlink("/proc/self", target, sizeof target - 1);

    if (length <= 0)
        return 0;
    target[length] = '\0';
    return strtol(target, NULL, 10) == getpid() && namespace_agrees();
}

int weir__proc_is_ours(void)
{
    static _Atomic int64_t known; /* twice the PID it was decided for, plus the answer */
    int64_t pid = getpid(), before = atomic_load_explicit(&known, memory_order_relaxed);

    if (before / 2 != pid) {
        before = pid * 2 + look();
        atomic_store_explicit(&known, before, memory_order_relaxed);
    }
    return before % 2 != 0;
}

#else

int weir__proc_is_ours(void)
{
    return 0;
}

#endif

/* Returns 0, or -1 where there is nothing to open. */
static int make_path(char *path, size_t size, pid_t pid, const char *name)
{
    if (!weir__proc_is_ours()) {
        errno = ENOSYS;
        return -1;
    }
    if (pid == WEIR__PROC_THIS_THREAD) {
        snprintf(path, size, "/proc/thread-self/%s", name);
    } else if (pid > 0) {
        snprintf(path, size, "/proc/%ld/%s", (long)pid, name);
    } else { /* not started yet, or ended */
        errno = ESRCH;
        return -1;
    }
    return 0;
}

int weir__proc_open(pid_t pid, const char *file)
{
    char path[64];

    return make_path(path, sizeof path, pid, file) == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

DIR *weir__proc_list(void)
{
    return weir__proc_is_ours() ? opendir("/proc") : NULL;
}

DIR *weir__proc_list_of(pid_t pid, const char *name)
{
    char path[64];

    return make_path(path, sizeof path, pid, name) == 0 ? opendir(path) : NULL;
}

ssize_t weir__proc_read(pid_t pid, const char *file, char *text, size_t size)
{
    int fd = weir__proc_open(pid, file);
    ssize_t length;

    if (fd < 0)
        return -1;
    length = read_all(fd, text, size);
    close(fd);
    return length;
}

/* Of the whole machine, whatever namespace /proc is of. */
uint64_t weir__proc_available_memory(void)
{
    static const char name[] = "MemAvailable:";
    uint64_t kilobytes = 0;
    char text[4096], *found;
    int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    if (read_all(fd, text, sizeof text) > 0 && (found = strstr(text, name)) != NULL)
        kilobytes = strtoull(found + sizeof name - 1, NULL, 10);
    close(fd);
    return kilobytes * 1024;
}
