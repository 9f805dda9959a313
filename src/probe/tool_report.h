/* probe/tool_report.h - what one detector found, while it is being found, and as JSON. */
#ifndef WEIR_PROBE_TOOL_REPORT_H
#define WEIR_PROBE_TOOL_REPORT_H

#include "probe/detector.h"

struct weir__tool_report {
    const struct weir__detector *detector;
    struct weir__path_search candidates;
    json_t *runs, *problems; /* arrays */
    int64_t started_ns, ended_ns;
    int failed;    /* the winner, or who would have been it, had a problem */
    int absent;    /* its program says that it is not there */
    json_t *facts; /* that there are without a program; NULL: none */
};

/* Finds the candidates.  Returns 0, or -1 when memory is short; to be cleared in any
 * case. */
int weir__tool_report_begin(struct weir__tool_report *tool, const struct weir__detector *detector,
                            char *const *environment);

/* Takes in how a run of a candidate ended. */
void weir__tool_report_add_run(struct weir__tool_report *tool, size_t candidate,
                               const struct weir__detector_run *run, size_t position,
                               const struct weir_result *result);

/* Takes in that all runs of a candidate have ended, the second tries too. */
void weir__tool_report_end_runs(struct weir__tool_report *tool, size_t candidate,
                                char *const *environment);

/* Takes in what a version manager said its shim stands for. */
void weir__tool_report_set_real(struct weir__tool_report *tool, size_t candidate, size_t position,
                                const struct weir_result *result);

/* Adds a problem of a run.  label may be NULL. */
void weir__tool_report_problem(struct weir__tool_report *tool, size_t candidate, const char *label,
                               const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The tool of the report.  A new reference. */
json_t *weir__tool_report_json(const struct weir__tool_report *tool);

void weir__tool_report_clear(struct weir__tool_report *tool);

/* How a run ended, as JSON: label, argv cut short, end and why, times, what it
 * printed, cut and redacted. */
json_t *weir__tool_report_run_json(const char *label, const struct weir_result *result);

/* What a program that failed said of it most likely, in a line, redacted; "" when it said nothing.
 * Of standard error, or of standard output where that is empty, lines that are not blank:
 *
 * - of a Python traceback the last one that is not indented;
 * - else the first one that is not indented and says error, fatal or panic, in any case;
 * - else the first and the last one; only the first where the last is indented.
 */
void weir__tool_report_error_line(const struct weir_result *result, char *words, size_t size);

#endif
