/* The options, help and manual page of weir pipe. */
#include "config.h"

#include "cli/opts_pipe.h"
#include "cli/opts_stop.h"

#define AT(member) offsetof(struct pipe_values, member)

/* In the order of enum weir_pipefail and enum progress_style. */
static const char *const pipefail_words[] = {"smart", "strict", "last", NULL};
static const char *const progress_words[] = {"auto", "tty", "json", "none", NULL};

static const char source[] = "Pipeline";
static const char times[] = "Time limits";
static const char reporting[] = "Reporting";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option pipe_options[PIPE_OPTION_COUNT] = {
    [PIPE_FILE] = {
        .name = "file", .letter = 'f', .kind = CLI_FILE, .offset = AT(file), .metavar = "SPEC.json",
        .group = source,
        .help = "read the pipeline from a JSON file; - is standard input",
        .more = "See docs/pipeline.md and docs/schemas/pipe-spec.schema.json for its format. "
                "Options on the command line override the file.",
    },
    [PIPE_CHECK] = {
        .name = "check", .kind = CLI_FLAG, .offset = AT(check),
        .group = source,
        .help = "with -f: check the file and start nothing",
        .more = "Prints nothing if the file is valid. Otherwise prints every error with its line "
                "and column.",
    },
    [PIPE_INPUT] = {
        .name = "input", .kind = CLI_FILE, .offset = AT(input), .metavar = "FILE|-",
        .group = source,
        .help = "input of the first stage (standard input)",
    },
    [PIPE_OUTPUT] = {
        .name = "output", .kind = CLI_FILE, .offset = AT(output), .metavar = "FILE|-",
        .group = source,
        .help = "output of the last stage (standard output)",
        .more = "A file is replaced atomically when the pipeline succeeds. Otherwise it stays as "
                "it was.",
    },
    [PIPE_CLOSE_FDS] = {
        .name = "close-fds", .kind = CLI_FLAG, .offset = AT(close_fds),
        .group = source,
        .help = "close all descriptors above 2",
        .more = "By default every stage inherits the descriptors that weir was started with, "
                "under the same numbers, as under a shell: process substitutions, redirections "
                "such as `3>log`, make's jobserver. The workers of a map never inherit them.",
    },
    [PIPE_TIMEOUT] = {
        .name = "timeout", .kind = CLI_DURATION, .offset = AT(timeout_ms), .metavar = "D",
        .group = times,
        .help = "stop the pipeline after this long",
    },
    [PIPE_GRACE] = STOP_GRACE(AT(stop), times, "", NULL),
    [PIPE_STOP] = STOP_STEPS(AT(stop), times, "it"),
    [PIPE_DRAIN] = {
        .name = "drain", .kind = CLI_GRACE, .offset = AT(drain_ms), .metavar = "D",
        .group = times,
        .help = "how long to wait for other processes that still hold an output open after the "
                "stages exit (1s)",
    },
    [PIPE_PIPEFAIL] = {
        .name = "pipefail", .kind = CLI_CHOICE, .offset = AT(pipefail), .metavar = "HOW",
        .choices = pipefail_words,
        .group = reporting,
        .help = "which failures count: smart (default), strict, or last",
        .more = "`strict`: the rightmost stage that failed decides. `smart`: the same, but a "
                "stage that died of SIGPIPE, or exited with 141, because the next stage "
                "succeeded without reading everything is forgiven. `last`: only the last stage "
                "counts.",
    },
    [PIPE_REPORT] = {
        .name = "report", .kind = CLI_FILE, .offset = AT(report), .metavar = "FILE|-",
        .group = reporting,
        .help = "write a JSON report about every stage",
        .more = "The file is written atomically. `-` requires `--output`, because otherwise "
                "standard output carries the data.",
    },
    [PIPE_METER] = {
        .name = "meter", .kind = CLI_FLAG, .offset = AT(meter),
        .group = reporting,
        .help = "count the bytes that each stage writes",
        .more = "The data then passes through weir. By default a kernel pipe joins neighbouring "
                "stages, with nothing in between.",
    },
    [PIPE_PROGRESS] = {
        .name = "progress", .kind = CLI_CHOICE, .offset = AT(progress), .metavar = "HOW",
        .choices = progress_words,
        .group = reporting,
        .help = "show progress on standard error: auto (default), tty, json, or none",
        .more = "`auto` shows a line for each stage when standard error is a terminal, standard "
                "output is not the same terminal, and the run takes more than a second. With `--meter` a "
                "wide one also shows each stage's rate, and as bars that of the last 15 seconds. With "
                "`json`, every line that weir writes to standard error is a JSON object, "
                "including the stages' own lines; see `docs/schemas/progress-line.schema.json`.",
    },
};
/* clang-format on */

static const char *const synopsis[] = {
    "[OPTION...] [--] STAGE...",
    "[OPTION...] -f SPEC.json",
    NULL,
};

static const char *const description[] = {
    "Runs all stages at once and connects the output of each to the input of the next. A STAGE "
    "is a single argument. weir splits it into words as a shell does, quotes included, but does "
    "not run a shell: `|`, `$` and `*` have no special meaning.",
    "In a JSON file a stage can be a map, `\"map\": {\"workers\": 4}`. Its program is then a "
    "worker as in weir-map(1), and each line is a record.",
    "A pipeline has one verdict: the name of the stage that decided it and the reason. The "
    "report also has the status of each stage. If a stage cannot start, no other stage keeps "
    "running. Standard error of the stages passes through live; on a terminal each line is "
    "prefixed with the name of its stage.",
    "weir passes SIGUSR1, SIGUSR2, SIGHUP and SIGWINCH on to the stages. SIGINT, SIGTERM, SIGQUIT, "
    "SIGHUP from a terminal that is gone, and any "
    "other signal that would terminate weir stop all stages in the same way as a timeout. A "
    "second signal kills them at once. If weir is in the foreground of a terminal, so are the "
    "stages, whatever their standard input is. A process that cannot be stopped is named in the "
    "report of its stage (`refused` and `survivors`).",
    "It is an error to name the same file twice, also in the JSON file, or to write to a closed "
    "standard output. weir reports it before it starts anything.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir pipe 'sort -u' 'wc -l' <names.txt", "run two stages without a shell"},
    {"weir pipe 'zcat log.gz' 'grep -c error' --timeout 1m --report report.json",
     "stop after a minute; save a report"},
    {"weir pipe -f pipeline.json --output result.ndjson --progress json",
     "run a JSON file; write the output atomically; report progress as JSON"},
    {"weir pipe -f pipeline.json --check", "check the file without starting anything"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0", "no stage failed, or every failure was forgiven"},
    {"1-255", "the exit status of the deciding stage; 128+n if it died of signal n"},
    {"2", "invalid option or pipeline file; nothing was started"},
    {"124", "the pipeline timed out"},
    {"125", "`weir` failed: unusable input, output or report, full disk"},
    {"126", "the program of a stage cannot be executed"},
    {"127", "the program of a stage was not found"},
    {"128+n", "also: weir received signal n and stopped the stages"},
    {NULL, NULL},
};

const struct cli_command cli_pipe = {
    .name = "pipe",
    .summary = "run programs joined by pipes, with a status for each and one verdict",
    .synopsis = synopsis,
    .description = description,
    .options = pipe_options,
    .option_count = PIPE_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_MIX,
    .operands = CLI_OPERANDS_STAGES,
    .usage_status = CLI_USAGE,
    .audited = 1,
    .starts_at_once = 1,
    .run = cmd_pipe,
};
