/* What people are told about weir pipe. */
#include "config.h"

#include "cli/opts_pipe.h"

#define AT(member) offsetof(struct pipe_values, member)

/* In the order of enum weir_pipefail and enum progress_style. */
static const char *const pipefail_words[] = {"smart", "strict", "last", NULL};
static const char *const progress_words[] = {"auto", "tty", "json", "none", NULL};

static const char source[] = "The pipeline";
static const char times[] = "Time";
static const char verdict[] = "The verdict and its report";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option pipe_options[PIPE_OPTION_COUNT] = {
    [PIPE_FILE] = {
        .name = "file", .letter = 'f', .kind = CLI_FILE, .offset = AT(file), .metavar = "SPEC.json",
        .group = source,
        .help = "read the pipeline from a spec; - is standard input",
        .more = "docs/pipeline.md and docs/schemas/pipe-spec.schema.json say what may stand in "
                "it. Options given here count more than what the spec says.",
    },
    [PIPE_CHECK] = {
        .name = "check", .kind = CLI_FLAG, .offset = AT(check),
        .group = source,
        .help = "with -f: check the spec and start nothing",
        .more = "Prints nothing, or every fault with its line and column.",
    },
    [PIPE_INPUT] = {
        .name = "input", .kind = CLI_FILE, .offset = AT(input), .metavar = "FILE|-",
        .group = source,
        .help = "what the first stage reads (standard input)",
    },
    [PIPE_OUTPUT] = {
        .name = "output", .kind = CLI_FILE, .offset = AT(output), .metavar = "FILE|-",
        .group = source,
        .help = "where the last stage writes (standard output)",
        .more = "A file is written beside its place and takes it when the pipeline has succeeded; "
                "else what was there before stays.",
    },
    [PIPE_CLOSE_FDS] = {
        .name = "close-fds", .kind = CLI_FLAG, .offset = AT(close_fds),
        .group = source,
        .help = "pass on no descriptor above 2",
        .more = "Without it every stage has those that weir was started with, under the same "
                "numbers, as under a shell: process substitutions, redirections such as `3>log`, "
                "make's jobserver. The workers of a map never have them.",
    },
    [PIPE_TIMEOUT] = {
        .name = "timeout", .kind = CLI_DURATION, .offset = AT(timeout_ms), .metavar = "D",
        .group = times,
        .help = "stop it all when it has run this long",
    },
    [PIPE_GRACE] = {
        .name = "grace", .kind = CLI_GRACE, .offset = AT(grace_ms), .metavar = "D",
        .group = times,
        .help = "time from SIGTERM to SIGKILL (5s)",
    },
    [PIPE_DRAIN] = {
        .name = "drain", .kind = CLI_GRACE, .offset = AT(drain_ms), .metavar = "D",
        .group = times,
        .help = "how long others may hold the outputs open once the stages have ended (1s)",
    },
    [PIPE_PIPEFAIL] = {
        .name = "pipefail", .kind = CLI_CHOICE, .offset = AT(pipefail), .metavar = "HOW",
        .choices = pipefail_words,
        .group = verdict,
        .help = "whose failure counts: smart (default), strict, or last",
        .more = "`strict`: the rightmost stage that failed decides. `smart`: the same, but a stage "
                "that died of SIGPIPE, or exited with 141, because its reader had finished well "
                "is forgiven. `last`: only the last stage counts.",
    },
    [PIPE_REPORT] = {
        .name = "report", .kind = CLI_FILE, .offset = AT(report), .metavar = "FILE|-",
        .group = verdict,
        .help = "write a JSON document about every stage",
        .more = "The file is there whole or not at all. `-` needs an `--output`, because standard "
                "output has the data otherwise.",
    },
    [PIPE_METER] = {
        .name = "meter", .kind = CLI_FLAG, .offset = AT(meter),
        .group = verdict,
        .help = "count the bytes that each stage puts out",
        .more = "They then pass through weir; without it neighbours are joined by a kernel pipe "
                "with nothing in between.",
    },
    [PIPE_PROGRESS] = {
        .name = "progress", .kind = CLI_CHOICE, .offset = AT(progress), .metavar = "HOW",
        .choices = progress_words,
        .group = verdict,
        .help = "on standard error: auto (default), tty, json, or none",
        .more = "`auto` shows a line for each stage when standard error is a terminal, standard "
                "output is not the terminal too, and the run takes more than a second. With "
                "`json` every line of weir's on standard error is a JSON object, stages' lines "
                "too: `docs/schemas/progress-line.schema.json`.",
    },
};
/* clang-format on */

static const char *const synopsis[] = {
    "[OPTION...] [--] STAGE...",
    "[OPTION...] -f SPEC.json",
    NULL,
};

static const char *const description[] = {
    "Runs the stages at once, each one's output the next one's input. A STAGE is one argument, "
    "split into words as a shell splits them, quotes included, and never given to a shell: `|`, "
    "`$` and `*` mean nothing.",
    "In a spec a stage can be a map, `\"map\": {\"workers\": 4}`: its program is a worker as "
    "weir-map(1) has them, and each line a record.",
    "There is one verdict, told as one stage's name and reason, and a status for each stage in "
    "the report. When a stage cannot start, nothing keeps running. A stage's standard error goes "
    "on live, on a terminal with the stage's name before it.",
    "SIGUSR1 and SIGUSR2 to weir are passed on to the stages. SIGINT, SIGTERM, SIGHUP, SIGQUIT and "
    "whatever else would end weir stop all stages the same way as a timeout, a "
    "second one at once. Where weir has the foreground of a terminal the stages get it, whatever "
    "standard input is. A process that cannot be ended is named in its stage's report, by "
    "`refused` and `survivors`.",
    "A file that is named twice, in the spec too, or a standard output that is closed and would "
    "be written to, is an error before anything starts.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir pipe 'sort -u' 'wc -l' <names.txt", "no shell, and a status for each stage"},
    {"weir pipe 'zcat log.gz' 'grep -c error' --timeout 1m --report report.json",
     "bounded, and recorded"},
    {"weir pipe -f pipeline.json --output result.ndjson --progress json",
     "from a spec, into a file that is whole or not there, watched by a program"},
    {"weir pipe -f pipeline.json --check", "is the spec right? Nothing is started"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0", "no stage failed, or those that did were forgiven"},
    {"1-255", "the deciding stage's own status; 128+n when it died of signal n"},
    {"2", "a bad option, or a fault in the spec: nothing was started"},
    {"124", "the time was up"},
    {"125", "weir failed: an input, output or report that cannot be, a full disk"},
    {"126", "a stage's program cannot be executed"},
    {"127", "a stage's program was not found"},
    {"128+n", "also: weir got signal n and stopped the stages"},
    {NULL, NULL},
};

const struct cli_command cli_pipe = {
    .name = "pipe",
    .summary = "run stages joined by pipes: a status for each, and one verdict",
    .synopsis = synopsis,
    .description = description,
    .options = pipe_options,
    .option_count = PIPE_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_MIX,
    .usage_status = CLI_USAGE,
    .audited = 1,
    .run = cmd_pipe,
};
