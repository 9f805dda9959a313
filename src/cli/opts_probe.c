/* What people are told about weir probe. */
#include "config.h"

#include "cli/opts_probe.h"

#define AT(member) offsetof(struct probe_values, member)

static const char tools[] = "What is looked for";
static const char surroundings[] = "Where";
static const char judged[] = "What it is held against";
static const char told[] = "What is told";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option probe_options[PROBE_OPTION_COUNT] = {
    [PROBE_ONLY] = {
        .name = "only", .kind = CLI_TEXTS, .offset = AT(only), .metavar = "NAME",
        .group = tools,
        .help = "look for this tool, not for all; repeatable",
        .more = "`--list` names them: those built in, and those of `--detector`.",
    },
    [PROBE_DETECTOR] = {
        .name = "detector", .kind = CLI_FILES, .offset = AT(detectors), .metavar = "FILE.json",
        .group = tools,
        .help = "look for one more tool, as the file says; repeatable",
        .more = "An object with `name`, `argv` and perhaps `timeout_s`, and with `pattern` (a "
                "regular expression whose named groups become facts) or `json` (names of facts, "
                "each with a JSON pointer into what it prints). A `version` among them is the "
                "tool's; with neither it is the first one printed. A file that cannot be used "
                "ends weir with 2, before anything is run. A FIFO is waited for as long as --timeout "
                "says, or a minute.",
    },
    [PROBE_LIST] = {
        .name = "list", .kind = CLI_FLAG, .offset = AT(list),
        .group = tools,
        .help = "name the tools that would be looked for, and look for none",
    },
    [PROBE_TIMEOUT] = {
        .name = "timeout", .kind = CLI_DURATION, .offset = AT(timeout_ms), .metavar = "D",
        .group = surroundings,
        .help = "how long each program that is run may take (10s)",
        .more = "They run all at once: the whole takes about as long as the slowest.",
    },
    [PROBE_ACTIVATE] = {
        .name = "activate", .kind = CLI_TEXT, .offset = AT(activate), .metavar = "CMD",
        .group = surroundings,
        .help = "look in the environment that this shell command sets up",
        .more = "sh runs it. `. venv/bin/activate` and `conda activate NAME` are such commands; "
                "for conda, mamba and micromamba the shell's hook is loaded before. The report "
                "says which variables it changed, and what a Python and a Go child see of it. The "
                "Go one is built with the Go that is found.",
    },
    [PROBE_CONTRACT] = {
        .name = "contract", .kind = CLI_FILE, .offset = AT(contract), .metavar = "FILE.json",
        .group = judged,
        .help = "hold the report against a contract; one that is broken is 1",
        .more = "A JSON Schema (draft 2020-12) for the report, in which `x-version` says which "
                "versions will do, as in `>=1.22 <2`, and `libs` names shared libraries and "
                "their SHA-256. Keywords that are not supported or misspelt are refused before "
                "anything is run. The report gets the members `contract` and `libs`.",
    },
    [PROBE_COMPARE] = {
        .name = "compare", .kind = CLI_FLAG, .offset = AT(compare),
        .group = judged,
        .help = "compare two reports, and run nothing; a difference beyond what is allowed is 1",
        .more = "What belongs to the fingerprint is compared, and what the contract has an "
                "`x-env-diff` for. The weightiest differences come first.",
    },
    [PROBE_ENV] = {
        .name = "env", .kind = CLI_TEXT, .offset = AT(env), .metavar = "NAME",
        .group = judged,
        .help = "allow the differences that the contract's x-env-diff has for this environment",
        .more = "`x-env-diff` names environments and how far values may differ there: `±15%` for "
                "numbers, `exact`, `patch`, `minor` or `any` for versions. Without it nothing "
                "may differ.",
    },
    [PROBE_JSON] = {
        .name = "json", .kind = CLI_FLAG, .offset = AT(json),
        .group = told,
        .help = "print the report as one JSON document; the default unless on a terminal",
    },
    [PROBE_REPORT] = {
        .name = "report", .kind = CLI_FILE, .offset = AT(report), .metavar = "FILE|-",
        .group = told,
        .help = "write the JSON document to a file; the table is printed then",
        .more = "The file is there whole or not at all. `-` is the same as `--json`.",
    },
};
/* clang-format on */

static const char *const synopsis[] = {
    "[OPTION...]", "--compare [--contract FILE --env NAME] [--json] A.json B.json", NULL};

static const char *const description[] = {
    "Looks for the tools that programs are made and run with: Go, Python, pip, conda, mamba, "
    "micromamba, uv, a C compiler, make, pkg-config and the C library. For each it tells every "
    "candidate on the PATH in order, which one wins and why, what is behind a link or a version "
    "manager's shim, its version, what it says about itself, and what went wrong, as it went "
    "wrong.",
    "Each tool is asked by running it, all at once, each with its own time limit. A tool that "
    "hangs, prints without end, prints what is no text or talks before its answer is a finding, "
    "and holds up no other.",
    "The report also has the variables that decide what is found (VIRTUAL_ENV, CONDA_*, GO*, "
    "PYTHON*, OTEL_*, PATH...), with secrets masked, and a fingerprint: the SHA-256 of what "
    "matters of all this. Equal environments have equal fingerprints, on any machine.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir probe", "a table of what there is"},
    {"weir probe --json --only go --only python", "two tools, as JSON"},
    {"weir probe --activate '. venv/bin/activate' --report after.json",
     "what is found in a venv, and what it changed"},
    {"weir probe --detector node.json --timeout 2s", "one more tool, and less patience"},
    {"weir probe --contract contract.json", "whether this machine has what a project needs"},
    {"weir probe --compare dev.json prod.json --contract contract.json --env prod",
     "how two machines differ, and whether they may"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0",
     "it could report, whatever it found; the contract holds; nothing differs by more than it may"},
    {"1", "the contract is broken; something differs by more than it may"},
    {"2", "the command line, a detector file, a contract or a report means nothing"},
    {"125", "weir failed"},
    {"128+n", "weir got signal n"},
    {NULL, NULL},
};

const struct cli_command cli_probe = {
    .name = "probe",
    .summary = "look for Go, Python, conda and others, and tell what is there",
    .synopsis = synopsis,
    .description = description,
    .options = probe_options,
    .option_count = PROBE_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_MIX,
    .usage_status = CLI_USAGE,
    .audited = 1,
};
