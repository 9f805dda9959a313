/* The options, help and manual page of weir report. */
#include "config.h"

#include "cli/opts_report.h"

#define AT(member) offsetof(struct report_values, member)

static const char output[] = "Output";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option report_options[REPORT_OPTION_COUNT] = {
    [REPORT_HTML] = {
        .name = "html", .kind = CLI_FILE, .offset = AT(html), .metavar = "FILE|-",
        .group = output,
        .help = "write a page for a browser instead of text; - is standard output",
        .more = "The page is one file that loads nothing from elsewhere. It can be read without "
                "JavaScript; with it, tables can be sorted, and charts show the values under the "
                "pointer.",
    },
};
/* clang-format on */

static const char *const synopsis[] = {"[--html FILE] DOCUMENT.json [DOCUMENT.json]", NULL};

static const char *const description[] = {
    "Shows a JSON document that weir wrote: the report of `run`, `pipe`, `map` or `each`, the "
    "comparison of `probe --compare`, or the statistics of a server. It shows where the time went, "
    "what each stage or worker did, what failed, and what it printed on standard error. Of the "
    "lines "
    "that `weir top --json` writes it shows calls, queue, latency, workers and restarts over time. "
    "With two documents of the same kind it compares them.",
    "`-` as DOCUMENT is standard input.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir run --json -- sh -c 'echo hi; sleep 0.1' >run.json; weir report run.json",
     "show the report of a run"},
    {"weir report --html run.html run.json", "make a page of it"},
    {"weir report before.json after.json", "compare two reports"},
    {"weir call weir/stats | weir report -", "show the statistics of a server"},
    {"weir report --html top.html top.ndjson", "show a server over time"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0", "the document was shown"},
    {"2", "invalid option, unreadable file, or another kind of document"},
    {"125", "`weir` failed, or could not write the page"},
    {NULL, NULL},
};

const struct cli_command cli_report = {
    .name = "report",
    .summary = "show or compare the reports of runs, pipelines, maps and servers",
    .synopsis = synopsis,
    .description = description,
    .options = report_options,
    .option_count = REPORT_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_MIX,
    .operands = CLI_OPERANDS_FILES,
    .usage_status = CLI_USAGE,
    .run = cmd_report,
};
