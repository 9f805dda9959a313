/* cli/opts_stop.h - the rows of --grace and --stop: how programs and workers are stopped. */
#ifndef WEIR_CLI_OPTS_STOP_H
#define WEIR_CLI_OPTS_STOP_H

/* at: the offset of a struct cli_stop; heading: the group; whom: "" or words such as " for a worker
 * that is stopped"; who: such as "it"; note: what the manual has besides, or NULL. */
/* A row's fields stand as they are read. */
/* clang-format off */
#define STOP_GRACE(at, heading, whom, note)                                                        \
    {                                                                                              \
        .name = "grace", .kind = CLI_STOP_GRACE, .offset = (at), .metavar = "D",                   \
        .group = heading,                                                                          \
        .help = "time between SIGTERM and SIGKILL" whom " (5s)",                                   \
        .more = note,                                                                              \
    }

#define STOP_STEPS(at, heading, who)                                                               \
    {                                                                                              \
        .name = "stop", .kind = CLI_STOP, .offset = (at), .metavar = "STEPS",                      \
        .group = heading,                                                                          \
        .help = "signals to stop " who " with, each with the time to wait after it: "              \
                "INT:2s,TERM:5s,KILL",                                                             \
        .more = "Up to three signals before KILL, which follows in any case. `--grace D` is "      \
                "short for `--stop TERM:D,KILL`; the last of the two options counts. The steps "   \
                "are taken even if weir itself is killed.",                                        \
    }
/* clang-format on */

#endif
