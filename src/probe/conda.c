/* conda's environments where there is no conda program: conda-meta is in each of them. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json_tree.h"
#include "probe/detector.h"
#include "probe/environment.h"
#include "probe/json_values.h"

enum { MOST_ENVIRONMENTS = 256, MOST_PACKAGES = 20000, LIST_SIZE = 64 * 1024 };

/* Where installers put a root, below the home directory or anywhere. */
static const char *const roots[] = {"~/miniconda3", "~/anaconda3",     "~/miniforge3",
                                    "~/mambaforge", "~/micromamba",    "/opt/conda",
                                    "/opt/mamba",   "/opt/miniconda3", "/opt/anaconda3"};

struct found {
    json_t *prefixes;
    struct {
        dev_t device;
        ino_t inode;
    } seen[MOST_ENVIRONMENTS];
};

/* Adds a prefix that has conda-meta, once.  Returns whether it has. */
static int add_prefix(struct found *found, const char *prefix, size_t length)
{
    size_t count = json_array_size(found->prefixes);
    char meta[PATH_MAX];
    struct stat status;

    while (length > 1 && prefix[length - 1] == '/')
        length--;
    if (length == 0 || prefix[0] != '/'
        || (size_t)snprintf(meta, sizeof meta, "%.*s/conda-meta", (int)length, prefix)
               >= sizeof meta
        || stat(meta, &status) < 0 || !S_ISDIR(status.st_mode))
        return 0;
    for (size_t i = 0; i < count; i++)
        if (found->seen[i].device == status.st_dev && found->seen[i].inode == status.st_ino)
            return 1;
    if (count == MOST_ENVIRONMENTS)
        return 1;
    found->seen[count].device = status.st_dev;
    found->seen[count].inode = status.st_ino;
    weir__tree_append(&found->prefixes, weir__textn_value(prefix, length));
    return 1;
}

/* A root and the environments in it. */
static void add_root(struct found *found, const char *root, size_t length)
{
    char pattern[PATH_MAX];
    glob_t list;

    add_prefix(found, root, length);
    if ((size_t)snprintf(pattern, sizeof pattern, "%.*s/envs/*", (int)length, root)
            >= sizeof pattern
        || glob(pattern, 0, NULL, &list) != 0)
        return;
    for (size_t i = 0; i < list.gl_pathc; i++)
        add_prefix(found, list.gl_pathv[i], strlen(list.gl_pathv[i]));
    globfree(&list);
}

/* Directories on the PATH that are an environment's bin. */
static void add_path(struct found *found, const char *path)
{
    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":");

        if (length > 4 && memcmp(path + length - 4, "/bin", 4) == 0)
            add_prefix(found, path, length - 4);
        path += length + (path[length] == ':');
    }
}

/* conda keeps a list of those it made. */
static void add_listed(struct found *found, const char *home)
{
    char path[PATH_MAX], *text = malloc(LIST_SIZE);
    struct stat status;
    ssize_t count = 0;
    int fd = -1;

    if (text != NULL
        && (size_t)snprintf(path, sizeof path, "%s/.conda/environments.txt", home) < sizeof path)
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        count = read(fd, text, LIST_SIZE);
    for (ssize_t at = 0; at < count;) {
        const char *end = memchr(text + at, '\n', (size_t)(count - at));
        size_t length = (size_t)((end != NULL ? end : text + count) - (text + at));

        if (length > 0 && memchr(text + at, '\0', length) == NULL)
            add_prefix(found, text + at, length);
        at += (ssize_t)length + 1;
    }
    if (fd >= 0)
        close(fd);
    free(text);
}

/* Roots: those that installers make, and those that an environment found lies in. */
static void add_roots(struct found *found, const char *home, const char *named)
{
    size_t count = json_array_size(found->prefixes);
    char path[PATH_MAX];

    if (named != NULL)
        add_root(found, named, strlen(named));
    for (size_t i = 0; i < count; i++) {
        const char *prefix = json_string_value(json_array_get(found->prefixes, i));
        const char *envs = prefix != NULL ? strstr(prefix, "/envs/") : NULL;

        if (prefix != NULL)
            add_root(found, prefix, envs != NULL ? (size_t)(envs - prefix) : strlen(prefix));
    }
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        int is_home = roots[i][0] == '~';

        if (is_home && home == NULL)
            continue;
        snprintf(path, sizeof path, "%s%s", is_home ? home : "", roots[i] + is_home);
        add_root(found, path, strlen(path));
    }
}

/* {"name", "version", "build_string"} of "numpy-1.26.4-py311h64a7726_0.json"; null of others.
 * NULL when memory is short. */
static json_t *package_of(const char *file)
{
    size_t length = strlen(file), ends[2];
    const char *end = file + length;

    if (length < 6 || strcmp(end - 5, ".json") != 0)
        return json_null();
    end -= 5;
    length = (size_t)(end - file);
    for (int i = 0; i < 2; i++) {
        size_t at = length;

        while (at > 0 && file[at - 1] != '-')
            at--;
        if (at < 2 || at == length)
            return json_null();
        ends[i] = at;
        length = at - 1;
    }
    return json_pack("{s:o,s:o,s:o}", "name", weir__textn_value(file, length), "version",
                     weir__textn_value(file + ends[1], ends[0] - 1 - ends[1]), "build_string",
                     weir__textn_value(file + ends[0], (size_t)(end - file) - ends[0]));
}

static json_t *packages_of(const char *prefix)
{
    json_t *packages = json_array(), *package;
    struct dirent **entries = NULL;
    char meta[PATH_MAX];
    int count;

    snprintf(meta, sizeof meta, "%s/conda-meta", prefix);
    count = scandir(meta, &entries, NULL, alphasort);
    if (count < 0 && errno == ENOMEM)
        weir__tree_append(&packages, NULL);
    for (int i = 0; i < count; i++) {
        package = i < MOST_PACKAGES ? package_of(entries[i]->d_name) : json_null();
        if (!json_is_null(package))
            weir__tree_append(&packages, package);
        free(entries[i]);
    }
    free(entries);
    return packages;
}

json_t *weir__conda_environments(char *const *environment)
{
    const char *home = weir__environment_get(environment, "HOME");
    const char *active = weir__environment_get(environment, "CONDA_PREFIX");
    const char *name = weir__environment_get(environment, "CONDA_DEFAULT_ENV");
    struct found found = {.prefixes = json_array()};
    json_t *facts = json_object();

    if (active != NULL)
        add_prefix(&found, active, strlen(active));
    add_path(&found, weir__environment_get(environment, "PATH"));
    active = json_string_value(json_array_get(found.prefixes, 0));
    if (active != NULL) {
        const char *base = strrchr(active, '/');

        weir__tree_set(&facts, "active_prefix", json_string(active));
        weir__tree_set(&facts, "active_name",
                       name != NULL && *name != '\0'      ? weir__text_value(name)
                       : strstr(active, "/envs/") == NULL ? json_string("base")
                                                          : json_string(base + 1));
        weir__tree_set(&facts, "packages", packages_of(active));
    }
    if (home != NULL && *home == '/')
        add_listed(&found, home);
    add_roots(&found, home != NULL && *home == '/' ? home : NULL,
              weir__environment_get(environment, "MAMBA_ROOT_PREFIX"));
    if (json_array_size(found.prefixes) > 0)
        weir__tree_set(&facts, "environments", json_incref(found.prefixes));
    if (found.prefixes == NULL) { /* memory is short */
        json_decref(facts);
        return NULL;
    }
    json_decref(found.prefixes);
    return facts;
}
