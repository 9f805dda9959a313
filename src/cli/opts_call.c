/* What people are told about weir call. */
#include "config.h"

#include "cli/opts_call.h"

#define AT(member) offsetof(struct call_values, member)

static const char where[] = "Where the function lives";
static const char what[] = "What goes in and comes out";
static const char times[] = "Time";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option call_options[CALL_OPTION_COUNT] = {
    [CALL_WORKER] = {
        .name = "worker", .letter = 'w', .kind = CLI_TEXT, .offset = AT(worker),
        .metavar = "WORDS",
        .group = where,
        .help = "start this worker for the call: 'python3 math_worker.py'",
        .more = "The words are split as a shell splits words, and given to no shell.",
    },
    [CALL_SOCKET] = {
        .name = "socket", .letter = 's', .kind = CLI_FILE, .offset = AT(socket),
        .metavar = "SOCKET",
        .group = where,
        .help = "use the workers of the weir serve that listens there",
        .more = "Without `--worker` and `--socket` it is `$XDG_RUNTIME_DIR/weir.sock`.",
    },
    [CALL_ANY_SERVER] = {
        .name = "any-server", .kind = CLI_FLAG, .offset = AT(any_server),
        .group = where,
        .help = "call a server of any user, not only of yourself and root",
        .more = "Without it nothing is sent to a server of another user: that user would see the "
                "arguments and choose the answers.",
    },
    [CALL_LAUNCHER] = {
        .name = "launcher", .kind = CLI_TEXT, .offset = AT(launcher), .metavar = "WORDS",
        .group = where,
        .help = "put these words in front of the worker's: ssh, srun, docker exec -i",
    },
    [CALL_STDIN] = {
        .name = "stdin", .kind = CLI_FLAG, .offset = AT(input),
        .group = what,
        .help = "send standard input, one JSON text a line, as the input stream",
    },
    [CALL_LIST] = {
        .name = "list", .kind = CLI_FLAG, .offset = AT(list),
        .group = what,
        .help = "show the functions there are, with their parameters, and call none",
        .more = "With `--json`: as one JSON object, as docs/protocol.md describes it.",
    },
    [CALL_JSON] = {
        .name = "json", .kind = CLI_FLAG, .offset = AT(json),
        .group = what,
        .help = "when it fails, print the error as one JSON object on standard output",
    },
    [CALL_TIMEOUT] = {
        .name = "timeout", .kind = CLI_DURATION, .offset = AT(timeout_ms), .metavar = "D",
        .group = times,
        .help = "stop the function when it has run this long",
        .more = "With a server the time counts from the start of the command: connecting "
                "included.",
    },
    [CALL_START_TIMEOUT] = {
        .name = "start-timeout", .kind = CLI_DURATION, .offset = AT(start_timeout_ms),
        .metavar = "D",
        .group = times,
        .help = "how long a worker may take to get ready (10s)",
    },
};
/* clang-format on */

static const char *const synopsis[] = {
    "[OPTION...] METHOD [ARGUMENT...]",
    "[OPTION...] METHOD [NAME=ARGUMENT...]",
    "[OPTION...] --list",
    NULL,
};

static const char *const description[] = {
    "Calls a function that lives in a worker: a program written with one of weir's SDKs (Python, "
    "Go), or any that answers JSON-RPC 2.0 in lines on its standard input and output. The value it "
    "returns is printed as one line of JSON; of a function that returns a stream, each value as "
    "it comes.",
    "An ARGUMENT that is JSON is that value, anything else is a string: `3`, `true`, `[1,2]`, "
    "`hello`. Put quotes inside to make it a string in any case: `'\"3\"'`. Arguments of the form "
    "NAME=ARGUMENT are passed by name; then all of them must be.",
    "Numbers pass as they are written, however long.",
    "Ctrl-C cancels the function, in the worker too. A second one leaves at once.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir call -w 'python3 math_worker.py' add 3 4", "7"},
    {"weir call -w ./checksig check dir=data", "a Go worker, an argument by name"},
    {"weir call -w 'python3 math_worker.py' count 1 1000000 | head -3",
     "a stream: the function stops when the reader does"},
    {"seq 10 | weir call -w 'python3 math_worker.py' --stdin sum_of", "55"},
    {"weir call --list", "what the weir serve of this session offers"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0", "the function returned"},
    {"1", "it failed: its message and traceback are on standard error"},
    {"2", "a bad option, argument or line of input"},
    {"124", "the time was up; the function was stopped too"},
    {"125", "weir failed, or the worker died: what became of the call may not be known"},
    {"130", "Ctrl-C; the function was cancelled too"},
    {"141", "the reader of the output went away; the same"},
    {"128+n", "weir got signal n; the same"},
    {NULL, NULL},
};

const struct cli_command cli_call = {
    .name = "call",
    .summary = "call a function in a Python or Go worker: values, streams both ways",
    .synopsis = synopsis,
    .description = description,
    .options = call_options,
    .option_count = CALL_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_END_OPTIONS,
    .usage_status = CLI_USAGE,
    .audited = 1,
    .run = cmd_call,
};
