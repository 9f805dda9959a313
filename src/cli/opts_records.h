/* cli/opts_records.h - rows that weir map and weir each have in common. values: the place of their
 * struct map_values; heading: the group; who: a word for what runs, such as "worker".
 */
#ifndef WEIR_CLI_OPTS_RECORDS_H
#define WEIR_CLI_OPTS_RECORDS_H

#include "cli/opts_map.h"
#include "cli/opts_stop.h"

/* In the order of enum weir_map_on_error, of enum weir_map_format and of enum progress_style. */
static const char *const on_error_words[] = {"fail", "skip", "dead-letter", NULL};
static const char *const format_words[] = {"ndjson", "line", "nul", NULL};
static const char *const progress_words[] = {"auto", "tty", "json", "none", NULL};

#define RECORDS_AT(values, member) ((values) + offsetof(struct map_values, member))

/* A row's fields stand as they are read. */
/* clang-format off */
#define RECORDS_INPUT(values, heading)                                                             \
    {                                                                                              \
        .name = "input", .kind = CLI_FILE, .offset = RECORDS_AT(values, input),                    \
        .metavar = "FILE|-",                                                                       \
        .group = heading,                                                                          \
        .help = "read records from a file (standard input)",                                       \
    }

#define RECORDS_OUTPUT(values, heading, what)                                                      \
    {                                                                                              \
        .name = "output", .kind = CLI_FILE, .offset = RECORDS_AT(values, output),                  \
        .metavar = "FILE|-",                                                                       \
        .group = heading,                                                                          \
        .help = "write " what " to a file (standard output)",                                      \
        .more = "The file is replaced atomically when the run ends with status 0 or 1. Otherwise " \
                "it stays as it was. With `--checkpoint` weir writes to the file directly, so "    \
                "that the next run can continue it.",                                              \
    }

#define RECORDS_TIMEOUT(values, heading)                                                           \
    {                                                                                              \
        .name = "timeout", .kind = CLI_DURATION, .offset = RECORDS_AT(values, timeout_ms),         \
        .metavar = "D",                                                                            \
        .group = heading,                                                                          \
        .help = "stop the whole run after this long",                                              \
    }

#define RECORDS_GRACE(values, heading, who)                                                        \
    STOP_GRACE(RECORDS_AT(values, stop), heading, " for a " who " that is stopped", NULL)

#define RECORDS_STOP(values, heading, who)                                                         \
    STOP_STEPS(RECORDS_AT(values, stop), heading, "a " who)
/* clang-format on */

#endif
