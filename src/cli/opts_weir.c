/* The help and manual page of weir as a whole. */
#include "config.h"

#include "cli/cli.h"

const struct cli_command cli_weir = {
    .name = "weir",
    .summary = "run programs, pipelines and workers, and report exactly how each one ended",
    .synopsis =
        (const char *const[]){
            "SUBCOMMAND [OPTION...] [ARGUMENT...] | --version [--licenses]",
            NULL,
        },
    .description =
        (const char *const[]){
            "`weir` runs programs, alone or joined by pipes, and reports what happened to each: "
            "how it ended and why, what it wrote, how long it took. Time limits are enforced, "
            "output is read completely and decoded safely, and nothing is left running: weir "
            "also stops descendants that went into the background or left their process group, "
            "even if `weir` itself is killed.",
            "A program's own exit status is passed through. `weir` writes its own messages to "
            "standard error, as `weir SUBCOMMAND: what happened: what to do`, or reports in "
            "JSON, with a JSON Schema for each report in docs/schemas.",
            "A duration is a number of seconds, or a number with `ms`, `s`, `m` or `h`: `1.5s`, "
            "`250ms`. A size is a number of bytes, or a number with `K`, `M`, `G` or `T` (powers "
            "of 1024). `--` ends the options. In JSON files that people write, times are in "
            "seconds and their keys end in `_s`; in JSON that `weir` writes, times are in "
            "milliseconds and their keys end in `_ms`. Memory use is in KiB, in keys that end in "
            "`_kb`. All other sizes are in bytes.",
            "`weir` looks for its helper programs weir-spawner and weir-probe in its own "
            "directory, then in ../libexec/weir/ relative to it, then where they were installed. "
            "The environment variables WEIR_SPAWNER and WEIR_PROBE override this. NO_COLOR turns "
            "off colours on the terminal.",
            NULL,
        },
    .examples =
        (const struct cli_example[]){
            {"weir run --timeout 10s -- make check", "show the output live; stop after 10 seconds"},
            {"weir map -j4 -- python3 enrich.py <in.ndjson >out.ndjson",
             "process records with four workers; keep the order"},
            {NULL, NULL},
        },
    .exits =
        (const struct cli_exit[]){
            {"0", "success"},
            {"2", "invalid command line"},
            {"125", "`weir` failed"},
            {"other", "see the subcommand's manual page"},
            {NULL, NULL},
        },
    .words = CLI_WORDS_END_OPTIONS,
    .usage_status = CLI_USAGE,
};
