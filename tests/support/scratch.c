#include "config.h"

#include "support/scratch.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/weir-test-XXXXXX";
static int is_made;

const char *scratch_dir(void)
{
    if (!is_made && mkdtemp(directory) == NULL)
        CU_FAIL_FATAL("cannot make a directory in /tmp");
    is_made = 1;
    return directory;
}

const char *scratch_path(const char *name)
{
    static char path[160];

    snprintf(path, sizeof path, "%s/%s", scratch_dir(), name);
    return path;
}

const char *make_file(const char *name, const char *text, mode_t mode)
{
    const char *path = scratch_path(name);
    int fd;

    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    if (write(fd, text, strlen(text)) < 0)
        CU_FAIL("cannot write a file");
    fchmod(fd, mode);
    close(fd);
    return path;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    remove(path);
    return 0;
}

void scratch_remove(void)
{
    if (is_made)
        nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    is_made = 0;
}
