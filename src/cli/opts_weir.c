/* What people are told about weir as a whole. */
#include "config.h"

#include "cli/cli.h"

const struct cli_command cli_weir = {
    .name = "weir",
    .summary = "run programs, pipelines and workers, and hear exactly what became of them",
    .synopsis =
        (const char *const[]){
            "SUBCOMMAND [OPTION...] [ARGUMENT...]",
            "SUBCOMMAND --help | --help | --version",
            NULL,
        },
    .description =
        (const char *const[]){
            "`weir` starts programs, alone or joined by pipes, and tells what became of each: how "
            "it ended and why, what it wrote, how long it took. Programs get a time limit that "
            "holds, their output is read whole and decoded safely, and nothing that they started "
            "is left behind: descendants that went into the background or left their process "
            "group are ended with them, also when `weir` itself is killed.",
            "A program's own status is passed through. Where `weir` has something to say, it says "
            "it on standard error, as `weir SUBCOMMAND: what happened: what to do`, or in a JSON "
            "document for which docs/schemas has a JSON Schema.",
            "Lengths of time are numbers of seconds, or numbers with `ms`, `s`, `m` or `h`: "
            "`1.5s`, `250ms`. Sizes are bytes, or numbers with `K`, `M`, `G` or `T` (powers of "
            "1024). `--` ends the options. In documents that people write, times are seconds and "
            "their keys end in `_s`; in those that `weir` writes, milliseconds and `_ms`. Memory "
            "in use is told in KiB, by keys that end in `_kb`, all other sizes in bytes.",
            "The helper programs weir-spawner and weir-probe are looked for beside `weir`, at "
            "../libexec/weir/ from there, and where they were installed. The environment variables "
            "WEIR_SPAWNER and WEIR_PROBE, when set, name them instead. NO_COLOR, when set, keeps colours off the terminal.",
            NULL,
        },
    .examples =
        (const struct cli_example[]){
            {"weir run --timeout 10s -- make check", "its output live, and 10 seconds, no more"},
            {"weir map -j4 -- python3 enrich.py <in.ndjson >out.ndjson",
             "records through four workers, replies in order, none lost"},
            {"weir call -w 'python3 math_worker.py' add 3 4", "call a function of a worker"},
            {NULL, NULL},
        },
    .exits =
        (const struct cli_exit[]){
            {"0", "all went well"},
            {"2", "the command line means nothing"},
            {"125", "weir could not do its part"},
            {"other", "as the subcommand's page says"},
            {NULL, NULL},
        },
    .words = CLI_WORDS_END_OPTIONS,
    .usage_status = CLI_USAGE,
};
