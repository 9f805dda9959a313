#include "config.h"

#include "base/process_tree.h"

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

#include "base/clock.h"
#include "base/fd.h"
#include "base/portable.h"
#include "base/procfs.h"

/* A process may have a million descriptors, and there may be many such. */
enum { HOLDER_SEARCH_MS = 300 };

void weir__job_tag_make(char tag[WEIR__JOB_TAG_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bits[16];

    if (weir__random(bits, sizeof bits) < 0) {
        /* Not a secret, only a name: uniqueness is enough. */
        int64_t seed[2] = {weir__clock_wall_ns() ^ ((int64_t)getpid() << 40), weir__clock_ns()};

        memcpy(bits, seed, sizeof bits);
    }
    for (size_t i = 0; i < sizeof bits; i++) {
        tag[2 * i] = digits[bits[i] >> 4];
        tag[2 * i + 1] = digits[bits[i] & 15];
    }
    tag[2 * sizeof bits] = '\0';
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

/* The variable's value as it is cut out of an environment that comes in pieces. */
struct variable_reader {
    const char *name;
    size_t name_length;
    char *value;
    size_t size, length, matched; /* of the value so far; of NAME= in the variable at hand */
    int found;
};

/* Returns 1 when the value is complete. */
static int read_piece(struct variable_reader *reader, const char *bytes, size_t count)
{
    const size_t length = reader->name_length, whole = length + 1, other = length + 2;

    for (size_t i = 0; i < count; i++) {
        if (reader->matched == other) { /* another variable: on to its end */
            const char *end = memchr(bytes + i, '\0', count - i);

            if (end == NULL)
                return 0;
            i = (size_t)(end - bytes);
            reader->matched = 0;
        } else if (reader->matched < whole) {
            if (bytes[i] == (reader->matched < length ? reader->name[reader->matched] : '='))
                reader->found = ++reader->matched == whole;
            else
                reader->matched = bytes[i] == '\0' ? 0 : other;
        } else if (bytes[i] == '\0' || reader->length == reader->size - 1) {
            return 1;
        } else {
            reader->value[reader->length++] = bytes[i];
        }
    }
    return 0;
}

int weir__process_variable(pid_t pid, const char *name, char *value, size_t size)
{
    struct variable_reader reader = {name, strlen(name), value, size, 0, 0, 0};
    int fd = weir__proc_open(pid, "environ");
    char piece[16 * 1024];
    size_t total = 0;
    ssize_t count;

    if (fd < 0)
        return -1;
    do {
        count = read(fd, piece, sizeof piece);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        total += (size_t)count;
    } while (!read_piece(&reader, piece, (size_t)count) && total < WEIR__PROC_READ_MAX);
    close(fd);
    value[reader.length] = '\0';
    if (reader.found)
        return 1;
    return count == 0 && total > 0 ? 0 : -1;
}

int weir__process_tags(pid_t pid, char tags[WEIR__JOB_TAGS_SIZE])
{
    return weir__process_variable(pid, WEIR__JOB_TAG_NAME, tags, WEIR__JOB_TAGS_SIZE);
}

/* Says whether the process carries the tag: 1, 0, or -1 when that cannot be known. */
static int has_tag(pid_t pid, const char *tag)
{
    char tags[WEIR__JOB_TAGS_SIZE];
    int answer = weir__process_tags(pid, tags);

    return answer == 1 ? strstr(tags, tag) != NULL : answer;
}

int weir__process_stat(pid_t pid, struct weir__process_stat *stat)
{
    char text[512], *after_name;
    long parent, group, pages;

    if (weir__proc_read(pid, "stat", text, sizeof text) <= 0)
        return -1;
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

/* Signals a process that is not our child: a pidfd pins it while it is
 * looked at again, so that the signal cannot hit a successor of its pid. */
static void signal_pinned(pid_t pid, int signal, const char *tag)
{
    int pidfd = weir__process_watch(pid), failed = 1;

    if (has_tag(pid, tag) == 1) {
#if defined WEIR_LINUX && defined SYS_pidfd_send_signal
        if (pidfd >= 0)
            failed = syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 && errno != ESRCH;
#endif
        if (failed)
            kill(pid, signal);
    }
    weir__close(&pidfd);
}

static int is_in_group(pid_t pid, pid_t group)
{
    struct weir__process_stat stat;

    return group > 0 && weir__process_stat(pid, &stat) == 0 && stat.group == group
           && stat.state != 'Z' && stat.state != 'X';
}

int weir__process_tree_is_readable(void)
{
    return weir__proc_is_ours();
}

int weir__process_tree_signal(const char *tag, pid_t group, int signal)
{
    DIR *dir = weir__proc_list();
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
        } else if (tag != NULL && has_tag(pid, tag) == 1) {
            found++;
            if (signal != 0)
                signal_pinned(pid, signal, tag);
        }
    }
    closedir(dir);
    return found;
}

void weir__process_tree_kill(const char *tag, pid_t group)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    if (group > 0)
        kill(-group, SIGKILL);
    for (int tries = 0; tries < 200; tries++) {
        if (weir__process_tree_signal(tag, 0, SIGKILL) <= 0)
            return;
        nanosleep(&moment, NULL);
    }
}

void weir__process_command(pid_t pid, char *command, size_t size)
{
    ssize_t length = weir__proc_read(pid, "cmdline", command, size);
    char name[64];

    while (length > 0 && command[length - 1] == '\0')
        length--;
    if (length > 0) {
        command[length] = '\0';
        for (ssize_t i = 0; i < length; i++)
            if (command[i] == '\0')
                command[i] = ' ';
        return;
    }
    length = weir__proc_read(pid, "comm", name, sizeof name);
    while (length > 0 && name[length - 1] == '\n')
        length--;
    snprintf(command, size, "[%.*s]", length > 0 ? (int)length : 1, length > 0 ? name : "?");
}

/* Says whether a descriptor of the process is the write end. */
static int is_write_end(pid_t pid, DIR *fds, const char *name, ino_t inode)
{
    char file[300], text[256];
    struct stat pipe;
    unsigned flags = 0;

    if (fstatat(dirfd(fds), name, &pipe, 0) < 0 || !S_ISFIFO(pipe.st_mode) || pipe.st_ino != inode)
        return 0;
    snprintf(file, sizeof file, "fdinfo/%s", name);
    return weir__proc_read(pid, file, text, sizeof text) > 0
           && sscanf(text, "pos: %*d flags: %o", &flags) == 1 && (flags & O_ACCMODE) != O_RDONLY;
}

pid_t weir__pipe_holder(ino_t inode, pid_t except)
{
    int64_t until_ns = weir__clock_ns() + (int64_t)HOLDER_SEARCH_MS * 1000000;
    DIR *processes = weir__proc_list();
    struct dirent *process, *fd;
    pid_t holder = 0;

    if (processes == NULL)
        return 0;
    while (holder == 0 && (process = readdir(processes)) != NULL && weir__clock_ns() < until_ns) {
        pid_t pid = (pid_t)atol(process->d_name);
        DIR *fds;

        if (!isdigit((unsigned char)process->d_name[0]) || pid == except)
            continue;
        fds = weir__proc_list_of(pid, "fd");
        if (fds == NULL)
            continue;
        for (int looked = 0; holder == 0 && (fd = readdir(fds)) != NULL; looked++) {
            if (looked % 1024 == 1023 && weir__clock_ns() >= until_ns)
                break;
            if (fd->d_name[0] != '.' && is_write_end(pid, fds, fd->d_name, inode))
                holder = pid;
        }
        closedir(fds);
    }
    closedir(processes);
    return holder;
}
