/* The options, help and manual page of weir call. */
#include "config.h"

#include "cli/opts_call.h"
#include "cli/output_check.h"

#define AT(member) offsetof(struct call_values, member)

static const char worker[] = "Worker";
static const char values[] = "Input and output";
static const char times[] = "Time limits";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option call_options[CALL_OPTION_COUNT] = {
    [CALL_WORKER] = {
        .name = "worker", .letter = 'w', .kind = CLI_TEXT, .offset = AT(worker),
        .metavar = "WORDS",
        .group = worker,
        .help = "start this worker for the call: 'python3 math_worker.py'",
        .more = "Split into words as a shell does, without running a shell.",
    },
    [CALL_SOCKET] = {
        .name = "socket", .letter = 's', .kind = CLI_FILE, .offset = AT(socket),
        .metavar = "SOCKET",
        .group = worker,
        .help = "call a worker of the weir serve that listens on this socket",
        .more = "The default, without `--worker` and `--socket`, is `$XDG_RUNTIME_DIR/weir.sock`.",
    },
    [CALL_ANY_SERVER] = {
        .name = "any-server", .kind = CLI_FLAG, .offset = AT(any_server),
        .group = worker,
        .help = "allow a server that runs as another user",
        .more = "By default weir sends nothing to a server that runs as a user other than "
                "yourself or root, because that user would see the arguments and control the "
                "results.",
    },
    [CALL_LAUNCHER] = {
        .name = "launcher", .kind = CLI_TEXT, .offset = AT(launcher), .metavar = "WORDS",
        .group = worker,
        .help = "prefix for the worker's command: ssh, srun, docker exec -i",
    },
    [CALL_LAUNCHER_SHELL] = {
        .name = "launcher-shell", .kind = CLI_FLAG, .offset = AT(launcher_shell),
        .group = worker,
        .help = "the launcher hands its words to a shell, as ssh does: quote the worker's",
    },
    [CALL_LAUNCHER_STOP] = {
        .name = "launcher-stop", .kind = CLI_TEXT, .offset = AT(launcher_stop),
        .metavar = "WORDS",
        .group = worker,
        .help = "command that stops a worker that its launcher may leave behind",
        .more = "Its environment has `WEIR_WORKER_JOB`, the launcher's `WEIR_JOB`, and "
                "`WEIR_WORKER_PID` and `WEIR_WORKER_NODE`, which the worker reported.",
    },
    [CALL_PROTOCOL] = {
        .name = "protocol", .kind = CLI_CHOICE, .offset = AT(protocol), .metavar = "WHICH",
        .choices = cli_protocols,
        .group = worker,
        .help = "what the worker speaks: auto, native, plain or mcp (auto)",
        .more = "`native` is the protocol of weir's SDKs, `plain` is JSON-RPC 2.0, and `auto` "
                "finds out which of these two it is. `mcp` is for an MCP server: its tools are "
                "the functions.",
    },
    [CALL_MCP_VERSION] = {
        .name = "mcp-version", .kind = CLI_CHOICE, .offset = AT(mcp_version),
        .metavar = "VERSION",
        .choices = cli_mcp_versions,
        .group = worker,
        .help = "speak this version of MCP: any, 2025-11-25 or 2026-07-28 (any)",
    },
    [CALL_NO_RETRY] = {
        .name = "no-retry", .kind = CLI_FLAG, .offset = AT(no_retry),
        .group = worker,
        .help = "do not repeat a call if the MCP server dies, whatever hints the tool has",
        .more = "By default weir repeats a call once if the tool says that it only reads "
                "(`readOnlyHint`) or may be repeated (`idempotentHint`).",
    },
    [CALL_STDIN] = {
        .name = "stdin", .kind = CLI_FLAG, .offset = AT(input),
        .group = values,
        .help = "send standard input as the input stream, one JSON text a line",
    },
    [CALL_LIST] = {
        .name = "list", .kind = CLI_FLAG, .offset = AT(list),
        .group = values,
        .help = "list the available functions and their parameters",
        .more = "With `--json`, as one JSON object, which docs/protocol.md describes; the tools "
                "of an MCP server as an array of their descriptions.",
    },
    [CALL_JSON] = {
        .name = "json", .kind = CLI_FLAG, .offset = AT(json),
        .group = values,
        .help = "on failure, print the error as a JSON object on standard output",
    },
    [CALL_WHOLE] = {
        .name = "whole", .kind = CLI_FLAG, .offset = AT(whole),
        .group = values,
        .help = "print the whole result of an MCP tool, as the server sends it",
        .more = "By default weir prints its `structuredContent`; without one, the text if that "
                "is all there is, else the array `content`.",
    },
    [CALL_CHECK] = {
        .name = "check", .kind = CLI_CHOICE, .offset = AT(check), .metavar = "WHAT",
        .choices = output_check_words,
        .group = values,
        .help = "with MCP servers: check nothing (none, default), or what tools return (output)",
        .more = "`output`: what a tool returns must fit its `outputSchema`; if it does not, the call fails "
                "(-33003). A schema that weir cannot use is reported once, and not checked.",
    },
    [CALL_TIMEOUT] = {
        .name = "timeout", .kind = CLI_DURATION, .offset = AT(timeout_ms), .metavar = "D",
        .group = times,
        .help = "stop the function after this long",
        .more = "With a server the time counts from the start of the command, including the "
                "connection.",
    },
    [CALL_START_TIMEOUT] = {
        .name = "start-timeout", .kind = CLI_DURATION, .offset = AT(start_timeout_ms),
        .metavar = "D",
        .group = times,
        .help = "how long a worker may take to start (10s; an MCP server 60s)",
    },
    [CALL_STOP] = {
        .name = "stop", .kind = CLI_STOP, .offset = AT(stop), .metavar = "STEPS",
        .group = times,
        .help = "signals to stop the worker with, each with the time to wait after it: "
                "INT:2s,TERM:5s,KILL",
        .more = "For a worker that does not exit when its input ends. Up to three signals before "
                "KILL, which follows in any case. The default is `TERM:5s,KILL`.",
    },
};
/* clang-format on */

static const char *const synopsis[] = {
    "[OPTION...] METHOD [ARGUMENT...]",
    "[OPTION...] METHOD [NAME=ARGUMENT...]",
    "[OPTION...] --list",
    "--protocol mcp -w WORDS [OPTION...] TOOL [NAME=ARGUMENT...]",
    NULL,
};

static const char *const description[] = {
    "Calls a function in a worker: a program written with one of weir's SDKs (Python, Go), or "
    "any program that speaks JSON-RPC 2.0, one message a line, on its standard input and output. "
    "Prints the return value as one line of JSON. If the function returns a stream, prints each "
    "value as it arrives.",
    "An ARGUMENT that is valid JSON is that value. Anything else is a string: `3`, `true`, "
    "`[1,2]`, `hello`. To force a string, add quotes: `'\"3\"'`. Arguments of the form "
    "NAME=ARGUMENT are passed by name; then all of them must be. For a string with `=`, write "
    "`text='a=b'` or `'\"a=b\"'`.",
    "With `--protocol mcp` the worker is an MCP server, and METHOD one of its tools. The requests "
    "`resources/read`, `resources/list`, `resources/templates/list`, `prompts/get`, "
    "`prompts/list`, `completion/complete`, `tools/list` and `tools/call` are sent as they are, "
    "with the arguments as their `params`. docs/mcp.md has more.",
    "Numbers are passed as they are written, whatever their length.",
    "Ctrl-C cancels the function, also inside the worker. A second Ctrl-C exits at once.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir call -w 'python3 math_worker.py' add 3 4", "print 7"},
    {"weir call -w ./checksig check dir=data", "call a Go worker with an argument by name"},
    {"weir call -w 'python3 math_worker.py' count 1 1000000 | head -3",
     "print a stream; the function stops when head exits"},
    {"seq 10 | weir call -w 'python3 math_worker.py' --stdin sum_of", "print 55"},
    {"weir call --protocol mcp -w ./mcp-server echo message=hi", "call a tool of an MCP server"},
    {"weir call --list", "list the functions of the running weir serve"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0", "the function returned"},
    {"1", "the function failed, or an MCP tool's result is an error; the message (and a traceback, "
          "if there is one) is on standard error"},
    {"2", "invalid option, argument or input line"},
    {"124", "the call timed out; the function was stopped too"},
    {"125", "`weir` failed, or the worker died; the outcome of the call may be unknown"},
    {"130", "Ctrl-C; the function was cancelled too"},
    {"141", "the reader of the output closed it; the function was cancelled too"},
    {"128+n", "`weir` received signal n; the function was cancelled too"},
    {NULL, NULL},
};

const struct cli_command cli_call = {
    .name = "call",
    .summary = "call a function in a Python or Go worker, with streams both ways",
    .synopsis = synopsis,
    .description = description,
    .options = call_options,
    .option_count = CALL_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_END_OPTIONS,
    .usage_status = CLI_USAGE,
    .starts_program = 1,
    .audited = 1,
    .run = cmd_call,
};
