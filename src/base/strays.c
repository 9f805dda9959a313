#include "config.h"

#include "base/strays.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#ifdef WEIR_LINUX
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/fd.h"

/* Where Linux tells of processes.  In a root without it nothing is found there, and
 * the rest of weir goes by that; so it does on other systems. */
#ifdef WEIR_LINUX
#define PROC "/proc"
#else
#define PROC "/no/proc"
#endif

void weir__cookie_make(char cookie[WEIR__COOKIE_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bits[16];

    if (getentropy(bits, sizeof bits) < 0) {
        /* Not a secret, only a name: uniqueness is enough. */
        int64_t seed[2] = {weir__clock_wall_ns() ^ ((int64_t)getpid() << 40), weir__clock_ns()};

        memcpy(bits, seed, sizeof bits);
    }
    for (size_t i = 0; i < sizeof bits; i++) {
        cookie[2 * i] = digits[bits[i] >> 4];
        cookie[2 * i + 1] = digits[bits[i] & 15];
    }
    cookie[2 * sizeof bits] = '\0';
}

int weir__process_watch(pid_t pid)
{
#if defined WEIR_LINUX && defined SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    (void)pid;
    errno = ENOSYS;
    return -1;
#endif
}

/* Reads a file of /proc whole.  Returns 0, or -1. */
static int slurp(const char *path, struct weir__buffer *bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = -1;

    if (fd < 0)
        return -1;
    while (weir__buffer_reserve(bytes, 4096, NULL) == 0) {
        count = read(fd, bytes->bytes + bytes->length, bytes->capacity - bytes->length);
        if (count <= 0)
            break;
        bytes->length += (size_t)count;
    }
    close(fd);
    return count < 0 ? -1 : 0;
}

int weir__process_has_cookie(pid_t pid, const char *cookie)
{
    struct weir__buffer bytes = {0};
    char path[64];
    int answer;

    snprintf(path, sizeof path, PROC "/%ld/environ", (long)pid);
    if (slurp(path, &bytes) < 0 || bytes.length == 0)
        answer = -1;
    else
        answer = memmem(bytes.bytes, bytes.length, cookie, strlen(cookie)) != NULL;
    weir__buffer_clear(&bytes);
    return answer;
}

int weir__process_stat(pid_t pid, struct weir__process_stat *stat)
{
    char path[64], text[512], *after_name;
    long parent, group, pages;
    ssize_t count;
    int fd;

    snprintf(path, sizeof path, PROC "/%ld/stat", (long)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    count = read(fd, text, sizeof text - 1);
    close(fd);
    if (count <= 0)
        return -1;
    text[count] = '\0';
    after_name = strrchr(text, ')'); /* the name may hold anything, ')' too */
    if (after_name == NULL
        || sscanf(after_name + 1,
                  " %c %ld %ld %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %*u "
                  "%lu %ld",
                  &stat->state, &parent, &group, &stat->memory, &pages)
               != 5)
        return -1;
    stat->parent = (pid_t)parent;
    stat->group = (pid_t)group;
    stat->resident_kb = pages * (sysconf(_SC_PAGESIZE) / 1024);
    return 0;
}

/* Signals a process that is nobody's child of ours: a pidfd pins it while it is
 * looked at again, so that the signal cannot hit a successor of its pid. */
static void signal_pinned(pid_t pid, int signal, const char *cookie)
{
    int pidfd = weir__process_watch(pid);

    if (weir__process_has_cookie(pid, cookie) == 1) {
        if (pidfd < 0)
            kill(pid, signal);
#if defined WEIR_LINUX && defined SYS_pidfd_send_signal
        else
            syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
#endif
    }
    weir__close(&pidfd);
}

static int is_in_group(pid_t pid, pid_t group)
{
    struct weir__process_stat stat;

    return group > 0 && weir__process_stat(pid, &stat) == 0 && stat.group == group
           && stat.state != 'Z' && stat.state != 'X';
}

int weir__strays_are_found(void)
{
    return access(PROC "/self", F_OK) == 0; /* PROC itself may be there, and empty */
}

int weir__strays_signal(const char *cookie, pid_t group, int signal)
{
    DIR *dir = weir__strays_are_found() ? opendir(PROC) : NULL;
    struct dirent *entry;
    int found = 0;

    if (dir == NULL && (group <= 0 || group == getpgrp()))
        return -1;
    if (dir == NULL)
        return kill(-group, 0) == 0 || errno == EPERM;
    while ((entry = readdir(dir)) != NULL) {
        pid_t pid = (pid_t)atol(entry->d_name);

        if (!isdigit((unsigned char)entry->d_name[0]) || pid == getpid())
            continue;
        if (is_in_group(pid, group)) {
            found++;
        } else if (cookie != NULL && weir__process_has_cookie(pid, cookie) == 1) {
            found++;
            if (signal != 0)
                signal_pinned(pid, signal, cookie);
        }
    }
    closedir(dir);
    return found;
}

void weir__strays_end(const char *cookie, pid_t group)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    if (group > 0)
        kill(-group, SIGKILL);
    for (int tries = 0; tries < 200; tries++) {
        if (weir__strays_signal(cookie, 0, SIGKILL) <= 0)
            return;
        nanosleep(&moment, NULL);
    }
}

void weir__process_command(pid_t pid, char *command, size_t size)
{
    struct weir__buffer bytes = {0};
    char path[64];
    size_t length = 0;

    snprintf(path, sizeof path, PROC "/%ld/cmdline", (long)pid);
    if (slurp(path, &bytes) == 0) {
        while (bytes.length > 0 && bytes.bytes[bytes.length - 1] == '\0')
            bytes.length--;
        length = bytes.length < size - 1 ? bytes.length : size - 1;
        for (size_t i = 0; i < length; i++)
            command[i] = bytes.bytes[i] == '\0' ? ' ' : bytes.bytes[i];
    }
    command[length] = '\0';
    weir__buffer_clear(&bytes);
}

/* Says whether descriptor name of the open directory fds is the write end. */
static int is_write_end(const char *pid, const char *name, ino_t inode)
{
    char path[600], text[256];
    struct stat file;
    unsigned flags = 0;
    ssize_t count;
    int fd;

    snprintf(path, sizeof path, PROC "/%s/fd/%s", pid, name);
    if (stat(path, &file) < 0 || !S_ISFIFO(file.st_mode) || file.st_ino != inode)
        return 0;
    snprintf(path, sizeof path, PROC "/%s/fdinfo/%s", pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    count = read(fd, text, sizeof text - 1);
    close(fd);
    text[count > 0 ? count : 0] = '\0';
    return sscanf(text, "pos: %*d flags: %o", &flags) == 1 && (flags & O_ACCMODE) != O_RDONLY;
}

pid_t weir__pipe_holder(ino_t inode, pid_t except)
{
    DIR *processes = opendir(PROC);
    struct dirent *process, *fd;
    pid_t holder = 0;

    if (processes == NULL)
        return 0;
    while (holder == 0 && (process = readdir(processes)) != NULL) {
        char path[320];
        DIR *fds;

        if (!isdigit((unsigned char)process->d_name[0]) || atol(process->d_name) == except)
            continue;
        snprintf(path, sizeof path, PROC "/%s/fd", process->d_name);
        fds = opendir(path);
        if (fds == NULL)
            continue;
        while (holder == 0 && (fd = readdir(fds)) != NULL)
            if (fd->d_name[0] != '.' && is_write_end(process->d_name, fd->d_name, inode))
                holder = (pid_t)atol(process->d_name);
        closedir(fds);
    }
    closedir(processes);
    return holder;
}
