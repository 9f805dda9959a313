/* probe/detector.h - what is looked for: a row a tool.
 *
 * A detector names programs, what to run of them, and who reads what they print.
 * Nothing else knows one tool from another.
 */
#ifndef WEIR_PROBE_DETECTOR_H
#define WEIR_PROBE_DETECTOR_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <weir/error.h>
#include <weir/result.h>

#include "probe/path_search.h"

enum { WEIR__DETECTOR_RUNS = 4, WEIR__DETECTOR_WORDS = 16 };

struct weir__detector;
struct weir__detector_run;

/* What a run prints; jansson's JSON_OBJECT is 0, and no row would have to say it. */
enum weir__output_format { WEIR__OUTPUT_TEXT, WEIR__OUTPUT_OBJECT, WEIR__OUTPUT_ARRAY };

/* One run's output on its way to facts. */
struct weir__run_output {
    const struct weir__detector *detector;
    const struct weir__detector_run *run;
    const struct weir_result *result;
    const char *text; /* standard output as UTF-8 */
    size_t length;
    const json_t *json; /* found in it, where the run prints JSON; else NULL */

    json_t *facts;                    /* of the program that was run: to be added to */
    char version[WEIR__VERSION_TEXT]; /* to be set where it is told: weir__output_find_version() */
    char raw[WEIR__RAW_SIZE];
    char problem[320]; /* what is wrong with the output, to be set */
};

struct weir__detector_run {
    const char *label;                           /* NULL: no run */
    const char *arguments[WEIR__DETECTOR_WORDS]; /* behind the program; ends with NULL */
    enum weir__output_format format;
    void (*parse)(struct weir__run_output *output);
    int any_status; /* its output counts whatever it exits with */

    /* It is run only for a program whose other runs told no version, and is no problem when it
     * tells none either. */
    int is_fallback;
    const char *variable; /* "NAME=VALUE" that is set for it; NULL: none */
    /* Where it fails with these words, what is looked for is not there; NULL: a failure is one. */
    const char *absent_message;
};

struct weir__detector {
    const char *name;
    const char *const *programs; /* names, the preferred one first; or one path */
    struct weir__detector_run runs[WEIR__DETECTOR_RUNS];
    int64_t timeout_ms; /* 0: as long as the probe gives each */

    /* Other names that count as candidates; NULL: none do. */
    weir__path_filter *is_candidate;
    /* Candidates that are not on the PATH; NULL: there are none. */
    int (*search_elsewhere)(struct weir__path_search *candidates, weir__path_filter *is_candidate,
                            char *const *environment);
    int every_candidate; /* each is run, not only the winner */
    /* Facts that there are without a program; NULL: none. */
    json_t *(*facts_without_program)(char *const *environment);
    /* Reads the version of a program that tells none from a file beside it.  Returns whether
     * there is one. */
    int (*version_from_file)(const struct weir__path_candidate *candidate, char *const *environment,
                             struct weir__run_output *output);

    const char *const *matters;        /* facts that belong to the fingerprint; NULL: all do */
    const json_t *outside;             /* a detector from a file: how it reads */
    struct weir__named_groups *groups; /* its pattern; NULL: it has none */
};

/* The rows that are built in, and how many. */
extern const struct weir__detector weir__detectors[];
extern const size_t weir__detector_count;

/* A row by name, or NULL. */
const struct weir__detector *weir__detector_find(const char *name);

/* --- Readers ----------------------------------------------------------------- */

/* Takes the first version in the text, and the line it stands in; 1 if there is one. */
int weir__output_find_version(struct weir__run_output *output, const char *text, size_t length);

/* Sets a fact to a copy, with the secrets in its strings and names redacted; NULL: nothing. */
void weir__output_add_fact(struct weir__run_output *output, const char *name, const json_t *value);

void weir__parse_version(struct weir__run_output *output); /* the first one printed, anywhere */
void weir__parse_go_env(struct weir__run_output *output);
void weir__parse_python(struct weir__run_output *output);
void weir__parse_pip_list(struct weir__run_output *output);
void weir__parse_conda_info(struct weir__run_output *output);
void weir__parse_conda_envs(struct weir__run_output *output);
void weir__parse_conda_list(struct weir__run_output *output);
void weir__parse_libc(struct weir__run_output *output);
void weir__parse_line(struct weir__run_output *output); /* a fact named as the run */

/* The script that tells about a Python, for python -c. */
extern const char weir__python_script[];

/* What can be told of conda's environments by their files alone. */
json_t *weir__conda_environments(char *const *environment);

/* What the file VERSION of a GOROOT says. */
int weir__go_version_file(const struct weir__path_candidate *candidate, char *const *environment,
                          struct weir__run_output *output);

/* --- From outside -------------------------------------------------------------- */

/* Reads a detector from the text of a file (docs/probe.md).  The caller owns it:
 * weir__detector_free().  file names the text in messages.  Returns NULL on failure.
 * Errors: SPEC, saying line, pointer, what is wrong and what to do; NOMEM. */
struct weir__detector *weir__detector_parse(const char *text, size_t length, const char *file,
                                            struct weir_error *error);
void weir__detector_free(struct weir__detector *detector);

#endif
