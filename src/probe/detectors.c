/* The table of detectors. */
#include "config.h"

#include "probe/detector.h"

#include <string.h>

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* python2.7, python3, python3.12, python3.13t: not python3-config. */
static int is_python(const char *name)
{
    if (strncmp(name, "python2", 7) != 0 && strncmp(name, "python3", 7) != 0)
        return 0;
    name += 7;
    if (*name == '.' && strspn(name + 1, "0123456789") > 0)
        name += 1 + strspn(name + 1, "0123456789");
    return name[*name == 't'] == '\0';
}

static const char *const go_matters[] = {
    "GOVERSION",   "GOOS",        "GOARCH",       "GOFLAGS",   "GOPROXY", "GOTOOLCHAIN",
    "CGO_ENABLED", "GO111MODULE", "GOEXPERIMENT", "GOPRIVATE", "GOSUMDB", NULL};
static const char *const python_matters[] = {"implementation", "venv", "encoding", NULL};
static const char *const conda_matters[] = {"channels", "platform", "packages", NULL};
static const char *const package_matters[] = {"packages", NULL};
static const char *const libc_matters[] = {"family", NULL};
static const char *const nothing_matters[] = {NULL};

#define CONDA_RUNS                                                                                 \
    {                                                                                              \
        {.label = "info",                                                                          \
         .arguments = {"info", "--json"},                                                          \
         .format = WEIR__OUTPUT_OBJECT,                                                            \
         .parse = weir__parse_conda_info},                                                         \
            {.label = "environments",                                                              \
             .arguments = {"env", "list", "--json"},                                               \
             .format = WEIR__OUTPUT_OBJECT,                                                        \
             .parse = weir__parse_conda_envs},                                                     \
            {.label = "packages",                                                                  \
             .arguments = {"list", "--json"},                                                      \
             .format = WEIR__OUTPUT_ARRAY,                                                         \
             .parse = weir__parse_conda_list},                                                     \
    }

/* clang-format off */
const struct weir__detector weir__detectors[] = {
    {
        .name = "go", .programs = WORDS("go"), .matters = go_matters,
        .runs = {
            {.label = "version", .arguments = {"version"}, .parse = weir__parse_version},
            {.label = "env", .arguments = {"env", "-json"}, .format = WEIR__OUTPUT_OBJECT,
             .parse = weir__parse_go_env},
            /* A toolchain that GOTOOLCHAIN or go.mod wants and that cannot be had. */
            {.label = "installed", .arguments = {"version"}, .parse = weir__parse_version,
             .is_fallback = 1, .variable = "GOTOOLCHAIN=local"},
        },
        .version_from_file = weir__go_version_file,
    },
    {
        .name = "python", .programs = WORDS("python3", "python"), .matters = python_matters,
        .is_candidate = is_python, .search_elsewhere = weir__path_search_pythons,
        .every_candidate = 1,
        .runs = {
            {.label = "self", .arguments = {"-c", weir__python_script}, .format = WEIR__OUTPUT_OBJECT,
             .parse = weir__parse_python},
            {.label = "version", .arguments = {"--version"}, .parse = weir__parse_version,
             .is_fallback = 1},
        },
    },
    {
        .name = "pip", .programs = WORDS("python3", "python"), .matters = package_matters,
        .runs = {
            {.label = "version", .arguments = {"-m", "pip", "--version"},
             .parse = weir__parse_version, .absent_message = "No module named pip"},
            {.label = "packages",
             .arguments = {"-m", "pip", "list", "--format=json", "--disable-pip-version-check"},
             .format = WEIR__OUTPUT_ARRAY, .parse = weir__parse_pip_list,
             .absent_message = "No module named pip"},
        },
    },
    {.name = "conda", .programs = WORDS("conda"), .matters = conda_matters, .runs = CONDA_RUNS,
     .facts_without_program = weir__conda_environments},
    {.name = "mamba", .programs = WORDS("mamba"), .matters = conda_matters, .runs = CONDA_RUNS},
    {.name = "micromamba", .programs = WORDS("micromamba"), .matters = conda_matters,
     .runs = CONDA_RUNS},
    {
        .name = "uv", .programs = WORDS("uv"), .matters = nothing_matters,
        .runs = {
            {.label = "version", .arguments = {"--version"}, .parse = weir__parse_version},
            {.label = "python_dir", .arguments = {"python", "dir"}, .parse = weir__parse_line},
        },
    },
    {
        .name = "cc", .programs = WORDS("cc", "gcc", "clang"), .matters = WORDS("target"),
        .runs = {
            {.label = "version", .arguments = {"--version"}, .parse = weir__parse_version},
            {.label = "target", .arguments = {"-dumpmachine"}, .parse = weir__parse_line},
        },
    },
    {
        .name = "make", .programs = WORDS("make", "gmake"), .matters = nothing_matters,
        .runs = {{.label = "version", .arguments = {"--version"}, .parse = weir__parse_version}},
    },
    {
        .name = "pkg-config", .programs = WORDS("pkg-config", "pkgconf"),
        .matters = nothing_matters,
        .runs = {{.label = "version", .arguments = {"--version"}, .parse = weir__parse_version}},
    },
    {
        .name = "libc", .programs = WORDS("ldd"), .matters = libc_matters,
        .runs = {{.label = "version", .arguments = {"--version"}, .parse = weir__parse_libc,
                  .any_status = 1}}, /* musl's ldd tells its version as an error */
    },
};
/* clang-format on */
const size_t weir__detector_count = sizeof weir__detectors / sizeof weir__detectors[0];

const struct weir__detector *weir__detector_find(const char *name)
{
    for (size_t i = 0; i < weir__detector_count; i++)
        if (strcmp(weir__detectors[i].name, name) == 0)
            return &weir__detectors[i];
    return NULL;
}
