/* The options, help and manual page of weir top. */
#include "config.h"

#include "cli/opts_top.h"

#define AT(member) offsetof(struct top_values, member)

static const char server[] = "Server";
static const char view[] = "View";

static const char *const sorts[] = {"calls", "rate", "memory", "pid", "state", NULL};

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option top_options[TOP_OPTION_COUNT] = {
    [TOP_SOCKET] = {
        .name = "socket", .letter = 's', .kind = CLI_FILE, .offset = AT(socket),
        .metavar = "SOCKET",
        .group = server,
        .help = "watch the weir serve that listens on this socket",
        .more = "The default is `$XDG_RUNTIME_DIR/weir.sock`.",
    },
    [TOP_EVERY] = {
        .name = "every", .kind = CLI_DURATION, .offset = AT(every_ms), .metavar = "D",
        .group = view,
        .help = "ask the server this often (1s)",
    },
    [TOP_COUNT] = {
        .name = "count", .kind = CLI_COUNT, .offset = AT(count), .metavar = "N",
        .group = view,
        .help = "end after N answers",
        .more = "By default `weir top` shows one answer where it cannot draw, and otherwise goes on "
                "until `q` or a signal.",
    },
    [TOP_SORT] = {
        .name = "sort", .kind = CLI_CHOICE, .offset = AT(sort), .metavar = "KEY",
        .choices = sorts,
        .group = view,
        .help = "order of the workers: calls (default), rate, memory, pid, or state",
    },
    [TOP_JSON] = {
        .name = "json", .kind = CLI_FLAG, .offset = AT(json),
        .group = view,
        .help = "print each answer as a JSON line",
        .more = "A line is the result of `weir/stats`, with the time as `at`. `weir report` shows "
                "such lines.",
    },
};
/* clang-format on */

static const char *const synopsis[] = {"[OPTION...]", NULL};

static const char *const description[] = {
    "Shows what a server is doing: calls, their rate, the queue, latency, and each worker with its "
    "state, calls and memory. On a terminal the view is refreshed until `q` is pressed. "
    "Elsewhere, or if TERM is unset or `dumb`, it is printed once.",
    "Keys: up and down (or `k` and `j`) choose a worker; `R` recycles it: another worker is "
    "started, "
    "and once that is ready this one finishes its calls and exits. `c`, `r`, `m`, `p` and `s` sort "
    "by "
    "calls, rate, memory, pid and state. Space refreshes now, `q` ends.",
    "The terminal is restored whatever ends `weir top`, except SIGKILL.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir top", "watch the server on the default socket"},
    {"weir top | head -3", "print calls, errors, queue and latency once"},
    {"weir top --json --every 100ms --count 3 >stats.ndjson", "record its statistics"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0", "the view was ended with q, or after --count answers"},
    {"2", "invalid command line"},
    {"125", "no server, or the connection was lost"},
    {"128+n", "ended by signal n"},
    {NULL, NULL},
};

const struct cli_command cli_top = {
    .name = "top",
    .summary = "watch the calls and workers of a server",
    .synopsis = synopsis,
    .description = description,
    .options = top_options,
    .option_count = TOP_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_MIX,
    .usage_status = CLI_USAGE,
    .run = cmd_top,
};
