/* What tools print, turned into facts. */
#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json_tree.h"
#include "base/redact.h"
#include "probe/detector.h"
#include "probe/environment.h"

/* --- For all ------------------------------------------------------------------ */

int weir__output_find_version(struct weir__run_output *output, const char *text, size_t length)
{
    const char *end = text + length, *line = text;

    while (line < end) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t line_length = (size_t)((newline != NULL ? newline : end) - line);
        struct weir__version version;

        if (weir__version_find(line, line_length, &version) == 0) {
            weir__version_text(&version, output->version);
            snprintf(output->raw, sizeof output->raw, "%.*s", (int)line_length, line);
            return 1;
        }
        line += line_length + 1;
    }
    return 0;
}

static json_t *masked_copy(const char *name, const json_t *value);

/* Sets a member, its name redacted as a value would be.  Names that are the same then get a number
 * behind them, so that none takes the place of another. */
static void set_masked(json_t **copy, const char *key, const json_t *value)
{
    json_t *masked = weir__masked(NULL, key);
    const char *name = json_string_value(masked);
    char numbered[64];

    for (size_t n = json_object_size(*copy); name != NULL && json_object_get(*copy, name); n++) {
        snprintf(numbered, sizeof numbered, WEIR__REDACTED " %zu", n + 1);
        name = numbered;
    }
    weir__tree_set(copy, name != NULL ? name : "", name != NULL ? masked_copy(key, value) : NULL);
    json_decref(masked);
}

/* A copy with the secrets in its strings and names redacted. */
static json_t *masked_copy(const char *name, const json_t *value)
{
    const char *key;
    json_t *copy, *item;
    size_t i;

    if (json_is_string(value))
        return weir__masked(name, json_string_value(value));
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach((json_t *)value, i, item)
            weir__tree_append(&copy, masked_copy(name, item));
        return copy;
    }
    if (json_is_object(value)) {
        copy = json_object();
        json_object_foreach((json_t *)value, key, item) set_masked(&copy, key, item);
        return copy;
    }
    return json_incref((json_t *)value);
}

void weir__output_add_fact(struct weir__run_output *output, const char *name, const json_t *value)
{
    if (value == NULL)
        return;
    weir__tree_set(&output->facts, name, masked_copy(name, value));
}

void weir__parse_version(struct weir__run_output *output)
{
    const struct weir_output *err = &output->result->err;

    if (!weir__output_find_version(output, output->text, output->length)
        && (err->text == NULL || !weir__output_find_version(output, err->text, err->text_length)))
        snprintf(output->problem, sizeof output->problem, "it prints no version");
}

void weir__parse_line(struct weir__run_output *output)
{
    size_t length = strcspn(output->text, "\r\n");
    json_t *line = length > 0 ? json_stringn(output->text, length) : NULL;

    weir__output_add_fact(output, output->run->label, line);
    json_decref(line);
}

/* Copies the facts named, which may each have several names in the JSON. */
static void copy_facts(struct weir__run_output *output, const char *const (*names)[4], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = NULL;

        for (size_t j = 0; j < 4 && names[i][j] != NULL && value == NULL; j++)
            value = json_object_get(output->json, names[i][j]);
        weir__output_add_fact(output, names[i][0], value);
    }
}

/* --- Go ----------------------------------------------------------------------- */

void weir__parse_go_env(struct weir__run_output *output)
{
    static const char *const names[][4] = {
        {"GOROOT"},      {"GOPATH"},      {"GOBIN"},       {"GOPROXY"},      {"GOENV"},
        {"GOTOOLCHAIN"}, {"GOFLAGS"},     {"GOVERSION"},   {"GOOS"},         {"GOARCH"},
        {"GOMODCACHE"},  {"GOCACHE"},     {"GO111MODULE"}, {"GOPRIVATE"},    {"GONOPROXY"},
        {"GOSUMDB"},     {"GONOSUMDB"},   {"GOINSECURE"},  {"GOEXPERIMENT"}, {"GOMOD"},
        {"GOWORK"},      {"CGO_ENABLED"},
    };

    copy_facts(output, names, sizeof names / sizeof names[0]);
}

int weir__go_version_file(const struct weir__path_candidate *candidate, char *const *environment,
                          struct weir__run_output *output)
{
    const char *root = weir__environment_get(environment, "GOROOT");
    const char *slash = candidate->real != NULL ? strrchr(candidate->real, '/') : NULL;
    char path[PATH_MAX], text[256];
    struct stat status;
    ssize_t length = 0;
    int fd;

    if (root == NULL && slash == NULL)
        return 0;
    if (root != NULL)
        snprintf(path, sizeof path, "%s/VERSION", root);
    else
        snprintf(path, sizeof path, "%.*s/../VERSION", (int)(slash - candidate->real),
                 candidate->real);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        length = read(fd, text, sizeof text);
    if (fd >= 0)
        close(fd);
    return length > 2 && memcmp(text, "go", 2) == 0
           && weir__output_find_version(output, text, (size_t)length);
}

/* --- Python ------------------------------------------------------------------- */

/* For any Python from 2.7 on.  The first entry of sys.path is the current directory:
 * a json.py there is not ours. */
const char weir__python_script[] =
    "import sys\n"
    "if sys.path and sys.path[0] == '': del sys.path[0]\n"
    "import json, locale, os, site, sysconfig\n"
    "def listed(f):\n"
    "    try: return f()\n"
    "    except Exception: return None\n"
    "places = listed(site.getsitepackages) or []\n"
    "pure = listed(lambda: sysconfig.get_paths()['purelib'])\n"
    "if pure and pure not in places: places.insert(0, pure)\n"
    "base = getattr(sys, 'base_prefix', getattr(sys, 'real_prefix', sys.prefix))\n"
    "impl = getattr(sys, 'implementation', None)\n"
    "print('\\n' + json.dumps({\n"
    "    'version': sys.version.split()[0],\n"
    "    'build': sys.version.replace('\\n', ' '),\n"
    "    'implementation': impl.name if impl else 'cpython',\n"
    "    'executable': sys.executable,\n"
    "    'base_executable': getattr(sys, '_base_executable', None),\n"
    "    'prefix': sys.prefix, 'base_prefix': base, 'venv': sys.prefix != base,\n"
    "    'site_packages': [p for p in places if os.path.isdir(p)],\n"
    "    'user_site': listed(site.getusersitepackages) if site.ENABLE_USER_SITE else None,\n"
    "    'platform': listed(sysconfig.get_platform),\n"
    "    'encoding': {'default': sys.getdefaultencoding(),\n"
    "        'filesystem': sys.getfilesystemencoding(),\n"
    "        'locale': listed(lambda: locale.getpreferredencoding(False)),\n"
    "        'stdout': sys.stdout.encoding,\n"
    "        'utf8_mode': getattr(sys.flags, 'utf8_mode', 0)}}))\n";

void weir__parse_python(struct weir__run_output *output)
{
    static const char *const names[][4] = {
        {"implementation"}, {"executable"},    {"base_executable"}, {"prefix"},   {"base_prefix"},
        {"venv"},           {"site_packages"}, {"user_site"},       {"platform"}, {"encoding"},
    };
    const char *version = json_string_value(json_object_get(output->json, "version"));
    const char *build = json_string_value(json_object_get(output->json, "build"));

    if (version == NULL || !weir__output_find_version(output, version, strlen(version)))
        snprintf(output->problem, sizeof output->problem, "it prints no version");
    if (build != NULL)
        snprintf(output->raw, sizeof output->raw, "%s", build);
    copy_facts(output, names, sizeof names / sizeof names[0]);
}

/* --- Packages ------------------------------------------------------------------ */

/* [{"name", "version", ...}] from what pip or conda list, sorted by name. */
static int by_package(const void *a, const void *b)
{
    const char *left = json_string_value(json_object_get(*(json_t *const *)a, "name"));
    const char *right = json_string_value(json_object_get(*(json_t *const *)b, "name"));

    return left != NULL && right != NULL ? strcmp(left, right) : (left == NULL) - (right == NULL);
}

static void read_packages(struct weir__run_output *output, const char *const *keys)
{
    size_t count = json_array_size(output->json), kept = 0;
    json_t **list = calloc(count + 1, sizeof(json_t *));
    json_t *packages = list != NULL ? json_array() : NULL;

    for (size_t i = 0; list != NULL && i < count; i++) {
        const json_t *entry = json_array_get(output->json, i);
        json_t *package = json_object();

        for (size_t j = 0; keys[j] != NULL; j++) {
            const json_t *value = json_object_get(entry, keys[j]);

            if (json_is_string(value)) /* a channel may be a URL with a password in it */
                weir__tree_set(&package, keys[j], weir__masked(NULL, json_string_value(value)));
        }
        if (package == NULL || json_object_get(package, "name") != NULL)
            list[kept++] = package; /* NULL: the list cannot be had */
        else
            json_decref(package);
    }
    if (kept > 1)
        qsort(list, kept, sizeof *list, by_package);
    for (size_t i = 0; i < kept; i++)
        weir__tree_append(&packages, list[i]);
    free(list);
    if (kept < count)
        snprintf(output->problem, sizeof output->problem,
                 "%zu of %zu packages in its list have no name", count - kept, count);
    weir__tree_set(&output->facts, "packages", packages);
}

void weir__parse_pip_list(struct weir__run_output *output)
{
    static const char *const keys[] = {"name", "version", "editable_project_location", NULL};

    read_packages(output, keys);
}

/* --- conda, mamba, micromamba ---------------------------------------------------- */

/* conda tells its failures as JSON too, with exit status 1. */
static int is_conda_error(struct weir__run_output *output)
{
    const json_t *error = json_object_get(output->json, "error");
    const json_t *name = json_object_get(output->json, "exception_name");

    if (!json_is_string(error))
        return 0;
    snprintf(output->problem, sizeof output->problem, "it reported %s: %.240s",
             json_is_string(name) ? json_string_value(name) : "an error", json_string_value(error));
    return 1;
}

void weir__parse_conda_info(struct weir__run_output *output)
{
    static const char *const names[][4] = {
        {"active_prefix", "env location"},
        {"active_name", "active_prefix_name", "environment"},
        {"default_prefix"},
        {"root_prefix", "base environment"},
        {"channels"},
        {"platform"},
        {"conda_version"},
        {"python_version"},
        {"libmamba_version", "libmamba version"},
    };
    static const char *const versions[][2] = {{"micromamba", "micromamba version"},
                                              {"mamba", "mamba_version"},
                                              {"mamba", "mamba version"},
                                              {"conda", "conda_version"}};

    if (is_conda_error(output))
        return;
    copy_facts(output, names, sizeof names / sizeof names[0]);
    /* mamba 1 tells conda's version too, mamba 2 only libmamba's: its own comes first. */
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        const char *text = json_string_value(json_object_get(output->json, versions[i][1]));

        if (strcmp(versions[i][0], output->detector->name) == 0 && text != NULL
            && weir__output_find_version(output, text, strlen(text)))
            return;
    }
    snprintf(output->problem, sizeof output->problem, "its output has no version");
}

void weir__parse_conda_envs(struct weir__run_output *output)
{
    if (!is_conda_error(output))
        weir__output_add_fact(output, "environments", json_object_get(output->json, "envs"));
}

void weir__parse_conda_list(struct weir__run_output *output)
{
    static const char *const keys[] = {"name", "version", "build_string", "channel", NULL};

    read_packages(output, keys);
}

/* --- libc ---------------------------------------------------------------------- */

void weir__parse_libc(struct weir__run_output *output)
{
    const struct weir_output *err = &output->result->err;
    const char *said = output->length > 0 || err->text == NULL ? output->text : err->text;
    const char *family = NULL;

    if (strstr(said, "musl") != NULL)
        family = "musl";
    else if (strstr(said, "GLIBC") != NULL || strstr(said, "GNU libc") != NULL)
        family = "glibc";
    /* "ldd (Debian GLIBC 2.36-9+deb12u14) 2.36": the last one of the line is libc's own. */
    if (family == NULL || !weir__output_find_version(output, said, strlen(said)))
        snprintf(output->problem, sizeof output->problem, "it does not name a C library");
    else
        weir__tree_set(&output->facts, "family", json_string(family));
}
