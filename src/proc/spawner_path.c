#include "config.h"

#include "proc/spawner_path.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif
#include <unistd.h>

#include "base/error.h"

const struct weir__program weir__spawner_program = {"weir-spawner", "WEIR_SPAWNER",
                                                    "from WEIR_SPAWNER", WEIR_SPAWNER_PATH};
const struct weir__program weir__probe_program = {"weir-probe", "WEIR_PROBE", "from WEIR_PROBE",
                                                  WEIR_PROBE_PATH};

/* From the folder of the program or library.  Programs that libtool has not yet installed are
 * in .libs; a library may be in lib/, or in lib/ARCHITECTURE/. */
static const char *const places[] = {"", "../libexec/weir/", "../", "../../libexec/weir/"};

static int is_trusted(void)
{
#if defined __linux__
    return getauxval(AT_SECURE) == 0;
#else
    return !issetugid();
#endif
}

static int is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

/* In a folder that others may write to, a file of another user is not our program. */
static int is_of(const char *path, const char *ours)
{
    struct stat program, own;

    return is_program(path) && stat(path, &program) == 0 && stat(ours, &own) == 0
           && S_ISREG(program.st_mode)
           && (program.st_uid == 0 || program.st_uid == geteuid() || program.st_uid == own.st_uid);
}

/* Finds the program that was started as name, as execvp(3) would.  Returns 0, or -1. */
static int search(const char *name, char path[PATH_MAX])
{
    const char *next, *dir = getenv("PATH");
    char candidate[PATH_MAX];

    if (strchr(name, '/') != NULL)
        return realpath(name, path) != NULL ? 0 : -1;
    for (; dir != NULL && *dir != '\0'; dir = *next != '\0' ? next + 1 : NULL) {
        next = dir + strcspn(dir, ":");
        if ((size_t)snprintf(candidate, sizeof candidate, "%.*s/%s", (int)(next - dir), dir, name)
                < sizeof candidate
            && is_program(candidate) && realpath(candidate, path) != NULL)
            return 0;
    }
    return -1;
}

/* The file that has this code: the shared library, or the program itself.  Returns 0, or -1. */
static int find_ourselves(char path[PATH_MAX])
{
    static const char here;
    Dl_info ours;

    if (dladdr(&here, &ours) == 0 || ours.dli_fname == NULL)
        return -1;
#ifdef WEIR_LINUX
    /* Of the program itself only argv[0] is known, which may be anything. A /proc of another PID
     * namespace has this link, too, or no /proc/self. */
    if (strstr(ours.dli_fname, ".so") == NULL) {
        ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);

        if (length > 0 && path[0] == '/') {
            path[length] = '\0';
            return 0;
        }
    }
#endif
    return search(ours.dli_fname, path);
}

static char *find_beside(const char *name)
{
    char ours[PATH_MAX], path[2 * PATH_MAX];

    if (find_ourselves(ours) < 0 || strrchr(ours, '/') == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(path, sizeof path, "%.*s/%s%s", (int)(strrchr(ours, '/') - ours), ours, places[i],
                 name);
        if (is_of(path, ours))
            return realpath(path, NULL);
    }
    return NULL;
}

char *weir__program_path(const struct weir__program *program, const char *given, const char **from,
                         struct weir_error *error)
{
    const char *path = given;
    char *copy = NULL;

    *from = "as the host says";
    if (path == NULL && is_trusted()) {
        path = getenv(program->variable);
        *from = program->from_variable;
        if (path == NULL || *path == '\0') {
            copy = find_beside(program->name);
            *from = "beside the program or library";
        }
    }
    if (copy == NULL && (path == NULL || *path == '\0')) {
        path = program->installed;
        *from = "where it is installed";
    }
    if (copy == NULL)
        copy = strdup(path);
    if (copy == NULL)
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
    return copy;
}
