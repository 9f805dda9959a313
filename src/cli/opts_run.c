/* What people are told about weir run. */
#include "config.h"

#include "cli/opts_run.h"

#include <weir/run.h>

#define AT(member) offsetof(struct run_values, member)

/* In the order of enum weir_on_error and enum weir_overflow. */
static const char *const on_error_words[] = {"replace", "backslashreplace", "strict", NULL};
static const char *const overflow_words[] = {"keep", "stop", "spool", NULL};

static const char times[] = "Time";
static const char surroundings[] = "What the program gets";
static const char outputs[] = "What becomes of its output";
static const char captured[] = "With --json";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option run_options[RUN_OPTION_COUNT] = {
    [RUN_TIMEOUT] = {
        .name = "timeout", .kind = CLI_DURATION, .offset = AT(timeout_ms), .metavar = "D",
        .group = times,
        .help = "stop it when it has run this long",
        .more = "Its whole process group gets SIGTERM, after the grace SIGKILL, and so do "
                "descendants that left the group. A program that ends in time was not timed out, "
                "however close it was.",
    },
    [RUN_IDLE] = {
        .name = "idle", .kind = CLI_DURATION, .offset = AT(idle_ms), .metavar = "D",
        .group = times,
        .help = "stop it when it has put out nothing for this long",
        .more = "Without `--json` its outputs then pass through weir, that counts them, and are "
                "no terminal for it even where weir's are.",
    },
    [RUN_GRACE] = {
        .name = "grace", .kind = CLI_GRACE, .offset = AT(grace_ms), .metavar = "D",
        .group = times,
        .help = "time from SIGTERM to SIGKILL (5s)",
    },
    [RUN_DRAIN] = {
        .name = "drain", .kind = CLI_GRACE, .offset = AT(drain_ms), .metavar = "D",
        .group = times,
        .help = "how long others may hold its output open once it has ended (1s)",
        .more = "Then who holds it is named in the document, and ended.",
    },
    [RUN_INPUT] = {
        .name = "input", .kind = CLI_FILE, .offset = AT(input), .metavar = "FILE|-|none",
        .group = surroundings,
        .help = "its standard input; - is weir's own, and the default unless --json",
        .more = "With `--json` the default is none, so that it never waits for a terminal that "
                "nobody looks at.",
    },
    [RUN_CLOSE_FDS] = {
        .name = "close-fds", .kind = CLI_FLAG, .offset = AT(close_fds),
        .group = surroundings,
        .help = "pass on no descriptor above 2",
        .more = "Without it PROGRAM has those that weir was started with, under the same numbers: "
                "process substitutions such as `<(sort list)`, redirections such as `3>log`, "
                "make's jobserver.",
    },
    [RUN_MERGE_STDERR] = {
        .name = "merge-stderr", .kind = CLI_FLAG, .offset = AT(merge_stderr),
        .group = outputs,
        .help = "its standard error goes where its output goes",
    },
    [RUN_JSON] = {
        .name = "json", .kind = CLI_FLAG, .offset = AT(json),
        .group = outputs,
        .help = "capture both outputs and print one JSON document, nothing else",
    },
    [RUN_REPORT] = {
        .name = "report", .kind = CLI_FILE, .offset = AT(report), .metavar = "FILE|-",
        .group = outputs,
        .help = "write the JSON document to a file",
        .more = "The file is there whole or not at all. Without `--json` the outputs pass through "
                "and the document does not hold them; `-` is then refused, because standard "
                "output is the program's.",
    },
    [RUN_ENCODING] = {
        .name = "encoding", .kind = CLI_CHARSET, .offset = AT(encoding),
        .metavar = "NAME|auto|binary",
        .group = captured,
        .help = "character set its output is decoded from (utf-8)",
        .more = "Any name that `iconv -l` lists. `auto` goes by a byte-order mark, else takes "
                "valid UTF-8 for UTF-8, else the locale's set. `binary` gives base64.",
    },
    [RUN_ON_ERROR] = {
        .name = "on-error", .kind = CLI_CHOICE, .offset = AT(on_error), .metavar = "HOW",
        .choices = on_error_words,
        .group = captured,
        .help = "bytes that do not fit: replace (default), backslashreplace, or strict",
        .more = "With `strict` the document holds base64 instead of text, and invalid_at says "
                "where the first such byte is. The exit status does not change.",
    },
    [RUN_MAX_OUTPUT] = {
        .name = "max-output", .kind = CLI_SIZE, .offset = AT(max_output), .metavar = "SIZE",
        .group = captured,
        .help = "keep no more than this of each output: head and tail (16M)",
    },
    [RUN_OVERFLOW] = {
        .name = "overflow", .kind = CLI_CHOICE, .offset = AT(overflow), .metavar = "HOW",
        .choices = overflow_words,
        .group = captured,
        .help = "beyond that: keep (go on reading), stop the program, or spool to a file",
        .more = "The spool file is in $TMPDIR, has all of the output, and is the caller's to "
                "remove.",
    },
};
/* clang-format on */

static const char *const synopsis[] = {"[OPTION...] [--] PROGRAM [ARGUMENT...]", NULL};

static const char *const description[] = {
    "Runs PROGRAM, found on the PATH when it has no slash, with no shell in between. Its outputs "
    "pass through live; with `--json` they are captured instead, and one JSON document on "
    "standard output tells everything: argv, how it ended (`end`) and what weir had to do with it "
    "(`why`), output as text, times, memory, the signals that were sent.",
    "When the program is over, so is its job: what it left running in the background is ended "
    "too. A process that cannot be ended, such as a set-user-ID program that became root, is "
    "named on standard error, and in the document by `refused` and `survivors`.",
    "SIGUSR1 and SIGUSR2 to weir are passed on to the program. SIGINT, SIGTERM, SIGHUP, SIGQUIT and "
    "whatever else would end weir stop the program the same way as a timeout, a "
    "second one at once.",
    "Where weir has the foreground of a terminal the program gets it, as under a shell, whatever "
    "its standard input is: Ctrl-C reaches it once, Ctrl-Z stops it and weir together, and what "
    "it asks on /dev/tty is answered.",
    "A file that is named twice, or a standard output that is closed and would be written to, is "
    "an error before anything starts.",
    "The first word that is no option is PROGRAM: all that follows is the program's, options too.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir run --timeout 10s -- make check", "its output live, and 10 seconds, no more"},
    {"weir run --json -- go version", "one JSON document: output, status, time, signals"},
    {"weir run --json --encoding auto --max-output 64K -- ./legacy-tool",
     "whatever its character set, and however much it prints"},
    {"weir run --idle 30s --report run.json -- ./nightly", "live, ended when it hangs, recorded"},
    {"weir run --env-pass PATH --env LANG=C --limit memory=1G -- ./untrusted",
     "two variables of an environment, and one gigabyte"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0-255", "the program's own status"},
    {"124", "it timed out, or was idle for too long"},
    {"125", "weir failed: a bad option, a directory or limit that cannot be, a full disk"},
    {"126", "the program cannot be executed"},
    {"127", "the program, or its #! interpreter, was not found"},
    {"128+n", "it died of signal n; or weir got signal n and stopped it"},
    {NULL, NULL},
};

const struct cli_command cli_run = {
    .name = "run",
    .summary = "run one program: bounded in time, cleaned up after, told as JSON",
    .synopsis = synopsis,
    .description = description,
    .options = run_options,
    .option_count = RUN_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_END_OPTIONS,
    .usage_status = CLI_FAILED, /* 2 belongs to the program */
    .starts_program = 1,
    .audited = 1,
    .run = cmd_run,
};
