/* Where interpreters of Python lie that are not on the PATH. */
#include "config.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "probe/path_search.h"
#include "probe/environment.h"

/* A place is below the variable's directory, or where that is not set below home's. */
static const struct {
    const char *variable, *below, *below_home, *from;
} places[] = {
    {"VIRTUAL_ENV", "/bin", NULL, "venv"},
    {NULL, ".venv/bin", NULL, "venv"},
    {NULL, "venv/bin", NULL, "venv"},
    {"CONDA_PREFIX", "/bin", NULL, "conda"},
    {"PYENV_ROOT", "/versions/*/bin", "/.pyenv/versions/*/bin", "pyenv"},
    {"UV_PYTHON_INSTALL_DIR", "/*/bin", "/.local/share/uv/python/*/bin", "uv"},
};

/* The plain name, behind those with a version: most often it is a link to one of them. */
static int is_plain(const char *name)
{
    return strcmp(name, "python") == 0;
}

/* Whether the candidates have looked into the directory already. */
static int has_been(const struct weir__candidates *list, const char *directory)
{
    size_t length = strlen(directory);

    for (size_t i = 0; i < list->count; i++)
        if (strncmp(list->items[i].path, directory, length) == 0
            && strchr(list->items[i].path + length, '/') == list->items[i].path + length
            && strchr(list->items[i].path + length + 1, '/') == NULL)
            return 1;
    return 0;
}

int weir__candidates_look_for_pythons(struct weir__candidates *list,
                                      weir__is_candidate *is_candidate, char *const *environment)
{
    const char *home = weir__environment_get(environment, "HOME");
    int status = 0;

    for (size_t i = 0; i < sizeof places / sizeof places[0] && status == 0; i++) {
        const char *base = places[i].variable == NULL
                               ? ""
                               : weir__environment_get(environment, places[i].variable);
        const char *below = places[i].below;
        char pattern[PATH_MAX];
        glob_t found;

        if (base == NULL) {
            base = home;
            below = places[i].below_home;
        }
        if (base == NULL || below == NULL
            || (size_t)snprintf(pattern, sizeof pattern, "%s%s", base, below) >= sizeof pattern
            || glob(pattern, 0, NULL, &found) != 0)
            continue;
        for (size_t j = 0; j < found.gl_pathc && status == 0; j++) {
            if (has_been(list, found.gl_pathv[j]))
                continue;
            status = weir__candidates_look(list, found.gl_pathv[j], places[i].from, is_candidate,
                                           environment);
            if (status == 0)
                status = weir__candidates_look(list, found.gl_pathv[j], places[i].from, is_plain,
                                               environment);
        }
        globfree(&found);
    }
    return status;
}
