#include "config.h"

#include "probe/path_search.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/environment.h"

/* --- What a file is ---------------------------------------------------------- */

/* Version managers that put a small program in front of the real one. */
static const char *const managers[] = {"pyenv", "asdf", "mise", "goenv"};

/* Installations are told by where they lie. */
static const struct {
    const char *part, *kind;
} places[] = {
    {"/.pyenv/versions/", "pyenv"}, {"/uv/python/", "uv"},          {"/.asdf/installs/", "asdf"},
    {"/mise/installs/", "mise"},    {"/.goenv/versions/", "goenv"},
};

/* Whether name is there, in the directory above the one that path is in. */
static int has_beside(const char *path, const char *name)
{
    char place[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct stat status;
    int length = slash == NULL
                     ? -1
                     : snprintf(place, sizeof place, "%.*s/../%s", (int)(slash - path), path, name);

    return length > 0 && (size_t)length < sizeof place && stat(place, &status) == 0;
}

static const char *shim_of(const struct weir__path_candidate *candidate)
{
    char head[2048] = "";
    const char *base = candidate->real != NULL ? strrchr(candidate->real, '/') : NULL;
    int fd;
    ssize_t length;

    if (base == NULL || strstr(candidate->path, "/shims/") == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof managers / sizeof managers[0]; i++)
        if (strcmp(base + 1, managers[i]) == 0)
            return managers[i];
    fd = open(candidate->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    length = read(fd, head, sizeof head - 1);
    close(fd);
    for (size_t i = 0; i < sizeof managers / sizeof managers[0]; i++)
        if (length > 2 && memcmp(head, "#!", 2) == 0 && strstr(head, managers[i]) != NULL)
            return managers[i];
    return NULL;
}

static const char *kind_of(const struct weir__path_candidate *candidate, char *const *environment)
{
    const char *home = weir__environment_get(environment, "HOME");
    const char *real = candidate->real != NULL ? candidate->real : candidate->path;

    if (candidate->shim != NULL)
        return candidate->shim;
    if (has_beside(candidate->path, "pyvenv.cfg"))
        return "venv";
    if (has_beside(candidate->path, "conda-meta"))
        return "conda";
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (strstr(real, places[i].part) != NULL)
            return places[i].kind;
    if (home != NULL && strlen(home) > 1 && strncmp(candidate->path, home, strlen(home)) == 0)
        return "home";
    return "system";
}

/* Returns -1 when memory is short. */
static int examine_file(struct weir__path_candidate *candidate, char *const *environment)
{
    struct stat status;

    if (stat(candidate->path, &status) < 0) {
        candidate->sys_errno = errno;
        candidate->kind = "none";
        return 0;
    }
    candidate->mode = status.st_mode & 07777;
    candidate->real = realpath(candidate->path, NULL);
    if (candidate->real == NULL && errno == ENOMEM)
        return -1;
    if (S_ISDIR(status.st_mode))
        candidate->sys_errno = EISDIR;
    else if (!S_ISREG(status.st_mode))
        candidate->sys_errno = EACCES;
    else if (faccessat(AT_FDCWD, candidate->path, X_OK, AT_EACCESS) < 0)
        candidate->sys_errno = errno;
    candidate->executable = candidate->sys_errno == 0;
    candidate->shim = shim_of(candidate);
    candidate->kind = kind_of(candidate, environment);
    return 0;
}

/* --- The list ---------------------------------------------------------------- */

/* The directory of a path with all links resolved.  The caller frees it. */
static char *real_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name =
        slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    char *real = name != NULL ? realpath(name, NULL) : NULL;

    free(name);
    return real;
}

/* The same file is the same program, unless its directory is another: there a link to
 * the interpreter is what makes a venv.  Returns -1 when memory is short. */
static int is_same(const struct weir__path_candidate *a, const struct weir__path_candidate *b)
{
    char *a_place, *b_place;
    int same;

    errno = 0;
    if (a->real == NULL || b->real == NULL || strcmp(a->real, b->real) != 0)
        return 0;
    a_place = real_directory(a->path);
    b_place = real_directory(b->path);
    if (a_place == NULL || b_place == NULL)
        same = errno == ENOMEM ? -1 : 0;
    else
        same = strcmp(a_place, b_place) == 0;
    free(a_place);
    free(b_place);
    return same;
}

static int add_candidate(struct weir__path_search *list, const char *directory, const char *name,
                         const char *from, char *const *environment)
{
    struct weir__path_candidate *candidate;
    struct stat status;
    char path[PATH_MAX];

    if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, name) >= sizeof path
        || lstat(path, &status) < 0)
        return 0;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        void *items = realloc(list->items, capacity * sizeof *list->items);

        if (items == NULL)
            return -1;
        list->items = items;
        list->capacity = capacity;
    }
    candidate = &list->items[list->count];
    *candidate = (struct weir__path_candidate){.from = from, .same_as = WEIR__PATH_SEARCH_NONE};
    candidate->name = strdup(name);
    candidate->path = strdup(path);
    candidate->facts = json_object();
    list->count++;
    if (candidate->name == NULL || candidate->path == NULL || candidate->facts == NULL)
        return -1;
    if (examine_file(candidate, environment) < 0)
        return -1;
    for (size_t i = 0; i + 1 < list->count && candidate->same_as == WEIR__PATH_SEARCH_NONE; i++) {
        int same = list->items[i].same_as == WEIR__PATH_SEARCH_NONE
                       ? is_same(&list->items[i], candidate)
                       : 0;

        if (same < 0)
            return -1;
        if (same)
            candidate->same_as = i;
    }
    return 0;
}

static int is_in_list(const char *name, const char *const *programs)
{
    for (; programs != NULL && *programs != NULL; programs++)
        if (strcmp(name, *programs) == 0)
            return 1;
    return 0;
}

/* Adds the programs that are in the directory, then other candidates by name. */
static int search_directory(struct weir__path_search *list, const char *directory, const char *from,
                            weir__path_filter *is_candidate, const char *const *programs,
                            char *const *environment)
{
    struct dirent **entries;
    int count, status = 0;

    for (size_t i = 0; programs != NULL && programs[i] != NULL && status == 0; i++)
        status = add_candidate(list, directory, programs[i], from, environment);
    if (is_candidate == NULL || status < 0)
        return status;
    count = scandir(directory, &entries, NULL, alphasort);
    if (count < 0 && errno == ENOMEM)
        return -1;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;

        if (status == 0 && is_candidate(name) && !is_in_list(name, programs))
            status = add_candidate(list, directory, name, from, environment);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return status;
}

int weir__path_search_directory(struct weir__path_search *list, const char *directory,
                                const char *from, weir__path_filter *is_candidate,
                                char *const *environment)
{
    return search_directory(list, directory, from, is_candidate, NULL, environment);
}

static size_t winner_of(const struct weir__path_search *list, const char *const *programs)
{
    for (; *programs != NULL; programs++)
        for (size_t i = 0; i < list->count; i++)
            if (list->items[i].executable && strcmp(list->items[i].name, *programs) == 0)
                return i;
    return WEIR__PATH_SEARCH_NONE;
}

/* A program named by a path is looked up nowhere. */
static int find_by_path(struct weir__path_search *list, const char *path, char *const *environment)
{
    char *directory = strdup(path), *slash;
    int status = -1;

    if (directory != NULL) {
        slash = strrchr(directory, '/');
        *slash = '\0';
        status = add_candidate(list, directory, slash + 1, "path", environment);
    }
    free(directory);
    if (status == 0 && list->count > 0 && list->items[0].executable)
        list->winner = 0;
    return status;
}

int weir__path_search_run(struct weir__path_search *list, const char *const *programs,
                          weir__path_filter *is_candidate, char *const *environment)
{
    const char *path = weir__environment_get(environment, "PATH");
    char *copy, *rest, *directory;
    int status = 0;

    *list = (struct weir__path_search){.winner = WEIR__PATH_SEARCH_NONE};
    if (strchr(programs[0], '/') != NULL)
        return find_by_path(list, programs[0], environment);
    copy = rest = strdup(path != NULL ? path : "/bin:/usr/bin");
    if (copy == NULL)
        return -1;
    while (status == 0 && (directory = strsep(&rest, ":")) != NULL)
        status = search_directory(list, *directory != '\0' ? directory : ".", "PATH", is_candidate,
                                  programs, environment);
    free(copy);
    list->winner = winner_of(list, programs);
    return status;
}

/* --- Interpreters of Python that are not on the PATH ------------------------ */

/* A place is below the variable's directory, or where that is not set below home's. */
static const struct {
    const char *variable, *below, *below_home, *from;
} python_places[] = {
    {"VIRTUAL_ENV", "/bin", NULL, "venv"},
    {NULL, ".venv/bin", NULL, "venv"},
    {NULL, "venv/bin", NULL, "venv"},
    {"CONDA_PREFIX", "/bin", NULL, "conda"},
    {"PYENV_ROOT", "/versions/*/bin", "/.pyenv/versions/*/bin", "pyenv"},
    {"UV_PYTHON_INSTALL_DIR", "/*/bin", "/.local/share/uv/python/*/bin", "uv"},
};

/* The plain name, behind those with a version: most often it is a link to one of them. */
static int is_unversioned(const char *name)
{
    return strcmp(name, "python") == 0;
}

/* Whether the candidates have looked into the directory already. */
static int is_searched(const struct weir__path_search *list, const char *directory)
{
    size_t length = strlen(directory);

    for (size_t i = 0; i < list->count; i++)
        if (strncmp(list->items[i].path, directory, length) == 0
            && strchr(list->items[i].path + length, '/') == list->items[i].path + length
            && strchr(list->items[i].path + length + 1, '/') == NULL)
            return 1;
    return 0;
}

int weir__path_search_pythons(struct weir__path_search *list, weir__path_filter *is_candidate,
                              char *const *environment)
{
    const char *home = weir__environment_get(environment, "HOME");
    int status = 0;

    for (size_t i = 0; i < sizeof python_places / sizeof python_places[0] && status == 0; i++) {
        const char *base = python_places[i].variable == NULL
                               ? ""
                               : weir__environment_get(environment, python_places[i].variable);
        const char *below = python_places[i].below;
        char pattern[PATH_MAX];
        glob_t found;
        int failed;

        if (base == NULL) {
            base = home;
            below = python_places[i].below_home;
        }
        if (base == NULL || below == NULL
            || (size_t)snprintf(pattern, sizeof pattern, "%s%s", base, below) >= sizeof pattern)
            continue;
        failed = glob(pattern, 0, NULL, &found);
        if (failed == GLOB_NOSPACE)
            return -1;
        if (failed != 0)
            continue;
        for (size_t j = 0; j < found.gl_pathc && status == 0; j++) {
            if (is_searched(list, found.gl_pathv[j]))
                continue;
            status = weir__path_search_directory(list, found.gl_pathv[j], python_places[i].from,
                                                 is_candidate, environment);
            if (status == 0)
                status = weir__path_search_directory(list, found.gl_pathv[j], python_places[i].from,
                                                     is_unversioned, environment);
        }
        globfree(&found);
    }
    return status;
}

void weir__path_search_clear(struct weir__path_search *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].name);
        free(list->items[i].path);
        free(list->items[i].real);
        json_decref(list->items[i].facts);
    }
    free(list->items);
    *list = (struct weir__path_search){.winner = WEIR__PATH_SEARCH_NONE};
}
