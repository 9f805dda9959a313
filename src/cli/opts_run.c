/* The options, help and manual page of weir run. */
#include "config.h"

#include "cli/opts_run.h"
#include "cli/opts_stop.h"

#include <weir/run.h>

#define AT(member) offsetof(struct run_values, member)

/* In the order of enum weir_on_error and enum weir_overflow. */
static const char *const on_error_words[] = {"replace", "backslashreplace", "strict", NULL};
static const char *const overflow_words[] = {"keep", "stop", "spool", NULL};

static const char times[] = "Time limits";
static const char input[] = "Input";
static const char output[] = "Output";
static const char captured[] = "Captured output (--json)";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option run_options[RUN_OPTION_COUNT] = {
    [RUN_TIMEOUT] = {
        .name = "timeout", .kind = CLI_DURATION, .offset = AT(timeout_ms), .metavar = "D",
        .group = times,
        .help = "stop it after this long",
        .more = "weir sends SIGTERM to the program's process group and to descendants that left "
                "the group, and SIGKILL after the grace period. A program that exits in time has "
                "not timed out, however close it was.",
    },
    [RUN_IDLE] = {
        .name = "idle", .kind = CLI_DURATION, .offset = AT(idle_ms), .metavar = "D",
        .group = times,
        .help = "stop it after this long without output",
        .more = "Without `--json`, the output then passes through weir, which counts it. The "
                "program's outputs are then not a terminal, even if weir's are.",
    },
    [RUN_GRACE] = STOP_GRACE(AT(stop), times, "", NULL),
    [RUN_STOP] = STOP_STEPS(AT(stop), times, "it"),
    [RUN_DRAIN] = {
        .name = "drain", .kind = CLI_GRACE, .offset = AT(drain_ms), .metavar = "D",
        .group = times,
        .help = "how long to wait for other processes that still hold its output open after it "
                "exits (1s)",
        .more = "After that, weir names the process that holds it in the report, and stops it.",
    },
    [RUN_LEAVE_RUNNING] = {
        .name = "leave-running", .kind = CLI_FLAG, .offset = AT(leave_running),
        .group = times,
        .help = "leave processes alone that outlive the program, such as daemons",
        .more = "By default weir stops them. With this option it does so only after a time limit "
                "or a signal. A process that holds an output open is still waited for, for the "
                "time of `--drain`.",
    },
    [RUN_INPUT] = {
        .name = "input", .kind = CLI_FILE, .offset = AT(input), .metavar = "FILE|-|none",
        .group = input,
        .help = "read standard input from a file; - is weir's own (default: -, or none with "
                "--json)",
        .more = "With `--json` the default is `none`, so that a program in a script never waits "
                "for a terminal.",
    },
    [RUN_CLOSE_FDS] = {
        .name = "close-fds", .kind = CLI_FLAG, .offset = AT(close_fds),
        .group = input,
        .help = "close all descriptors above 2",
        .more = "By default PROGRAM inherits the descriptors that weir was started with, under "
                "the same numbers: process substitutions such as `<(sort list)`, redirections "
                "such as `3>log`, make's jobserver.",
    },
    [RUN_PTY] = {
        .name = "pty", .kind = CLI_FLAG, .offset = AT(pty),
        .group = input,
        .help = "run it on a terminal of its own: a pseudo-terminal is its standard input, output "
                "and error",
        .more = "For programs that behave differently, or refuse to work, without a terminal. It "
                "has the size of weir's terminal (80 x 24 without one) and follows it. What it "
                "prints is weir's standard output, or `stdout` in the report. If weir's standard "
                "input is a terminal, all keys go to the program, Ctrl-C too. Other input is typed "
                "without an echo: lines of up to 4095 bytes, and at its end one Ctrl-D.",
    },
    [RUN_MERGE_STDERR] = {
        .name = "merge-stderr", .kind = CLI_FLAG, .offset = AT(merge_stderr),
        .group = output,
        .help = "send its standard error to the same place as its standard output",
    },
    [RUN_JSON] = {
        .name = "json", .kind = CLI_FLAG, .offset = AT(json),
        .group = output,
        .help = "capture both outputs and print a JSON report, and nothing else",
    },
    [RUN_REPORT] = {
        .name = "report", .kind = CLI_FILE, .offset = AT(report), .metavar = "FILE|-",
        .group = output,
        .help = "write the JSON report to a file",
        .more = "The file is written atomically. Without `--json`, the outputs pass through and "
                "the report does not include them; `-` is then refused, because standard output "
                "belongs to the program.",
    },
    [RUN_ENCODING] = {
        .name = "encoding", .kind = CLI_CHARSET, .offset = AT(encoding),
        .metavar = "NAME|auto|binary",
        .group = captured,
        .help = "character set of its output (utf-8)",
        .more = "Any name listed by `iconv -l`. `auto` uses the byte order mark if there is one; "
                "otherwise UTF-8 if the output is valid UTF-8; otherwise the character set of "
                "the locale. `binary` reports the output as base64.",
    },
    [RUN_ON_ERROR] = {
        .name = "on-error", .kind = CLI_CHOICE, .offset = AT(on_error), .metavar = "HOW",
        .choices = on_error_words,
        .group = captured,
        .help = "how to report undecodable bytes: replace (default), backslashreplace, or strict",
        .more = "With `strict`, the report has base64 instead of text, and `invalid_at` is the "
                "offset of the first undecodable byte. The exit status does not change.",
    },
    [RUN_MAX_OUTPUT] = {
        .name = "max-output", .kind = CLI_SIZE, .offset = AT(max_output), .metavar = "SIZE",
        .group = captured,
        .help = "keep at most this much of each output: its head and its tail (16M)",
    },
    [RUN_OVERFLOW] = {
        .name = "overflow", .kind = CLI_CHOICE, .offset = AT(overflow), .metavar = "HOW",
        .choices = overflow_words,
        .group = captured,
        .help = "when output exceeds --max-output: keep (default), stop, or spool",
        .more = "`keep` reads on and leaves out the middle. `stop` stops the program. `spool` "
                "writes the whole output to a file in $TMPDIR, which the caller removes.",
    },
};
/* clang-format on */

static const char *const synopsis[] = {"[OPTION...] [--] PROGRAM [ARGUMENT...]", NULL};

static const char *const description[] = {
    "Runs PROGRAM, found on the PATH unless its name has a slash. There is no shell in between. "
    "Its output passes through live. With `--json` weir captures the output instead and prints "
    "one JSON report on standard output: the arguments, how the program ended (`end`) and why "
    "weir stopped it (`why`), the output as text, times, memory, and the signals that were sent.",
    "When the program exits, weir stops everything that it left running in the background. A "
    "process that cannot be stopped, such as a set-user-ID program that became root, is named on "
    "standard error and in the report (`refused` and `survivors`).",
    "weir passes SIGUSR1, SIGUSR2, SIGHUP and SIGWINCH on to the program. SIGINT, SIGTERM, "
    "SIGQUIT, "
    "SIGHUP from a terminal that is gone, and any "
    "other signal that would terminate weir stop the program in the same way as a timeout. A "
    "second signal kills it at once.",
    "If weir is in the foreground of a terminal, so is the program, whatever its standard input "
    "is, as under a shell: Ctrl-C reaches it once, Ctrl-Z suspends it together with weir, and it "
    "can prompt on /dev/tty.",
    "It is an error to name the same file twice, or to write to a closed standard output. weir "
    "reports it before it starts anything.",
    "The first word that is not an option is PROGRAM. Everything after it, options included, "
    "belongs to the program.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir run --timeout 10s -- make check", "show the output live; stop after 10 seconds"},
    {"weir run --json -- go version", "print a JSON report: output, status, times, signals"},
    {"weir run --json --encoding auto --max-output 64K -- ./legacy-tool",
     "detect the character set; keep at most 64 KiB of output"},
    {"weir run --idle 30s --report run.json -- ./nightly", "stop it when it hangs; save a report"},
    {"weir run --env-pass PATH --env LANG=C --limit memory=1G -- ./untrusted",
     "pass two environment variables; limit memory to 1 GiB"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0-255", "the exit status of the program"},
    {"124", "the program timed out, or was idle for too long"},
    {"125", "`weir` failed: invalid option, unusable directory or limit, full disk"},
    {"126", "the program cannot be executed"},
    {"127", "the program, or the interpreter in its #! line, was not found"},
    {"128+n", "the program died of signal n; or weir received signal n and stopped it"},
    {NULL, NULL},
};

const struct cli_command cli_run = {
    .name = "run",
    .summary = "run one program with time limits and full cleanup",
    .synopsis = synopsis,
    .description = description,
    .options = run_options,
    .option_count = RUN_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_END_OPTIONS,
    .operands = CLI_OPERANDS_PROGRAM,
    .usage_status = CLI_FAILED, /* 2 belongs to the program */
    .starts_program = 1,
    .audited = 1,
    .starts_at_once = 1,
    .run = cmd_run,
};
