/* The options, help and manual page of weir probe. */
#include "config.h"

#include "cli/opts_probe.h"

#define AT(member) offsetof(struct probe_values, member)

static const char tools[] = "Tools";
static const char environment[] = "Environment and limits";
static const char checks[] = "Checks";
static const char reporting[] = "Reporting";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option probe_options[PROBE_OPTION_COUNT] = {
    [PROBE_ONLY] = {
        .name = "only", .kind = CLI_TEXTS, .offset = AT(only), .metavar = "NAME",
        .group = tools,
        .help = "look for this tool only; repeatable",
        .more = "`--list` prints the names: the built-in ones and those added with `--detector`.",
    },
    [PROBE_DETECTOR] = {
        .name = "detector", .kind = CLI_FILES, .offset = AT(detectors), .metavar = "FILE.json",
        .group = tools,
        .help = "also look for the tool described in this file; repeatable",
        .more = "The file is a JSON object with `name`, `argv` and optionally `timeout_s`, and "
                "with either `pattern` (a regular expression whose named groups become facts) or "
                "`json` (an object of facts, each a JSON pointer into the tool's output). A fact "
                "named `version` is the version of the tool; with neither member, it is the "
                "first version that the tool prints. If a file is invalid, weir exits with "
                "status 2 before it runs anything. It waits for a FIFO for as long as "
                "`--timeout`, or a minute.",
    },
    [PROBE_LIST] = {
        .name = "list", .kind = CLI_FLAG, .offset = AT(list),
        .group = tools,
        .help = "list the tools that would be looked for, and exit",
    },
    [PROBE_TIMEOUT] = {
        .name = "timeout", .kind = CLI_DURATION, .offset = AT(timeout_ms), .metavar = "D",
        .group = environment,
        .help = "time limit of each program that weir runs (10s)",
        .more = "All of them run at once, so the whole probe takes about as long as the slowest.",
    },
    [PROBE_ACTIVATE] = {
        .name = "activate", .kind = CLI_TEXT, .offset = AT(activate), .metavar = "CMD",
        .group = environment,
        .help = "probe the environment that this shell command sets up",
        .more = "CMD is run by sh, for example `. venv/bin/activate` or `conda activate NAME`. "
                "For conda, mamba and micromamba, weir first loads the shell hook. The report "
                "lists the variables that the command changed, and what a Python and a Go child "
                "process see of them. The Go child is built with the Go that was found.",
    },
    [PROBE_CONTRACT] = {
        .name = "contract", .kind = CLI_FILE, .offset = AT(contract), .metavar = "FILE.json",
        .group = checks,
        .help = "check the report against a contract; exit with 1 if it is broken",
        .more = "A contract is a JSON Schema (draft 2020-12) for the report. Its `x-version` "
                "keyword gives the accepted versions, as in `>=1.22 <2`, and `libs` names shared "
                "libraries and their SHA-256. weir refuses unsupported or misspelt keywords "
                "before it runs anything. The report gets the members `contract` and `libs`.",
    },
    [PROBE_COMPARE] = {
        .name = "compare", .kind = CLI_FLAG, .offset = AT(compare),
        .group = checks,
        .help = "compare two reports and run nothing; exit with 1 if they differ by more than is "
                "allowed",
        .more = "Compares everything that belongs to the fingerprint, and what the contract has "
                "an `x-env-diff` for. The most important differences come first.",
    },
    [PROBE_ENV] = {
        .name = "env", .kind = CLI_TEXT, .offset = AT(env), .metavar = "NAME",
        .group = checks,
        .help = "allow the differences that x-env-diff in the contract lists for this environment",
        .more = "`x-env-diff` names environments and how far values may differ there: `±15%` for "
                "numbers; `exact`, `patch`, `minor` or `any` for versions. Without this option "
                "no difference is allowed.",
    },
    [PROBE_JSON] = {
        .name = "json", .kind = CLI_FLAG, .offset = AT(json),
        .group = reporting,
        .help = "print the report as JSON (default unless on a terminal)",
    },
    [PROBE_REPORT] = {
        .name = "report", .kind = CLI_FILE, .offset = AT(report), .metavar = "FILE|-",
        .group = reporting,
        .help = "write the JSON report to a file and print the table",
        .more = "The file is written atomically. `-` is the same as `--json`.",
    },
};
/* clang-format on */

static const char *const synopsis[] = {
    "[OPTION...]", "--compare [--contract FILE --env NAME] [--json] A.json B.json", NULL};

static const char *const description[] = {
    "Finds the tools that programs are built and run with: Go, Python, pip, conda, mamba, "
    "micromamba, uv, a C compiler, make, pkg-config and the C library. For each it reports every "
    "candidate on the PATH in order, which one wins and why, the target of a link or of a "
    "version manager's shim, the version, what the tool reports about itself, and any error, "
    "verbatim.",
    "weir runs each tool to query it, all of them at once, each with its own time limit. If a "
    "tool hangs, prints without end, prints binary data or prints noise before its answer, that "
    "is a finding and does not delay the others.",
    "The report also has the environment variables that matter (VIRTUAL_ENV, CONDA_*, GO*, "
    "PYTHON*, OTEL_*, PATH...), with secrets masked, and a fingerprint: a SHA-256 of everything "
    "relevant. Equal environments have equal fingerprints, on any machine.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir probe", "print a table of the installed tools"},
    {"weir probe --json --only go --only python", "report two tools as JSON"},
    {"weir probe --activate '. venv/bin/activate' --report after.json",
     "probe a virtual environment and what it changes"},
    {"weir probe --detector node.json --timeout 2s", "add a tool; wait at most 2 seconds for each"},
    {"weir probe --contract contract.json", "check that this machine has what a project needs"},
    {"weir probe --compare dev.json prod.json --contract contract.json --env prod",
     "compare two machines, with the differences allowed for prod"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0", "the report is complete, the contract holds, or no difference is too large"},
    {"1", "the contract is broken, or a difference is too large"},
    {"2", "invalid option, detector, contract or report"},
    {"125", "`weir` failed"},
    {"128+n", "`weir` received signal n"},
    {NULL, NULL},
};

const struct cli_command cli_probe = {
    .name = "probe",
    .summary = "find Go, Python, conda and other tools, and check them",
    .synopsis = synopsis,
    .description = description,
    .options = probe_options,
    .option_count = PROBE_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_MIX,
    .operands = CLI_OPERANDS_FILES,
    .usage_status = CLI_USAGE,
    .audited = 1,
};
