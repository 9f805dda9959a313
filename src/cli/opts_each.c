/* The options, help and manual page of weir each. */
#include "config.h"

#include "cli/opts_each.h"
#include "cli/opts_records.h"

#define AT(member) offsetof(struct each_values, member)

static const char records[] = "Records and arguments";
static const char output[] = "Output";
static const char failures[] = "Failures";
static const char pace[] = "Pace and place";
static const char times[] = "Time limits";
static const char reporting[] = "Reporting";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option each_options[EACH_OPTION_COUNT] = {
    [EACH_INPUT] = RECORDS_INPUT(AT(map), records),
    [EACH_FORMAT] = {
        .name = "format", .kind = CLI_CHOICE, .offset = AT(map.format), .metavar = "FORMAT",
        .choices = format_words,
        .group = records,
        .help = "what a record is: line (default), nul, or ndjson",
        .more = "`line`: any bytes up to LF. `nul`: any bytes up to NUL, as `find -print0` prints "
                "them. Nothing is removed or skipped: a CR stays, and an empty record is a "
                "record. `ndjson`: a line of JSON; blank lines are skipped, and a line that is "
                "not JSON has failed.",
    },
    [EACH_MAX_RECORD] = {
        .name = "max-record", .kind = CLI_SIZE, .offset = AT(map.max_record), .metavar = "SIZE",
        .group = records,
        .help = "maximum length of a record; longer ones fail and use no memory (16M)",
    },
    [EACH_REPLACE] = {
        .name = "replace", .kind = CLI_TEXT, .offset = AT(replace), .metavar = "STR",
        .group = records,
        .help = "the placeholder for the record, in place of {}",
        .more = "The other placeholders stay as they are.",
    },
    [EACH_STDIN] = {
        .name = "stdin", .kind = CLI_FLAG, .offset = AT(to_stdin),
        .group = records,
        .help = "give the record to PROGRAM as standard input, not as an argument",
        .more = "It ends with a newline, except with `--format nul`. Placeholders are still "
                "replaced. Without this option, standard input is empty.",
    },
    [EACH_SHELL] = {
        .name = "shell", .kind = CLI_TEXT, .offset = AT(shell), .metavar = "TEXT",
        .group = records,
        .help = "run TEXT with /bin/sh; placeholders in it are quoted",
        .more = "There is no PROGRAM then. A value cannot break out of its quotes, whatever it "
                "contains, whether its placeholder stands bare, between single quotes or between "
                "double quotes. weir refuses a placeholder where it could: in backquotes, in a "
                "comment, in ${...}, in $((...)), in a here-document, after $( between double "
                "quotes, and where it cannot tell. What a command makes of a value is up to TEXT: "
                "`eval`, `sh -c`, arithmetic, and `test -v` and `[[ -eq ]]` of some shells, execute "
                "what is in their arguments. "
                "Without a placeholder the record is added at the end.",
    },
    [EACH_OUTPUT] = RECORDS_OUTPUT(AT(map), output, "the programs' standard output"),
    [EACH_UNORDERED] = {
        .name = "unordered", .kind = CLI_FLAG, .offset = AT(map.unordered),
        .group = output,
        .help = "write outputs as programs end, not in the order of the records",
        .more = "Each output is still written whole.",
    },
    [EACH_LIVE] = {
        .name = "live", .kind = CLI_FLAG, .offset = AT(live),
        .group = output,
        .help = "write each line at once, after the number of its record",
        .more = "A line over 64 KiB is cut in several. Not with `--checkpoint`.",
    },
    [EACH_TAG] = {
        .name = "tag", .kind = CLI_TEXT, .offset = AT(tag), .metavar = "TEXT",
        .group = output,
        .help = "with --live: write this before each line ({#}: )",
        .more = "TEXT may have placeholders: `--tag '{/}: '`.",
    },
    [EACH_PTY_OUTPUT] = {
        .name = "pty-output", .kind = CLI_FLAG, .offset = AT(map.pty_output),
        .group = output,
        .help = "give each program a pseudo-terminal as standard output, so that it writes each "
                "line at once",
        .more = "With `--live`, for programs that buffer their output unless it is a terminal. Not "
                "with `--results`, `--hosts` or a launcher.",
    },
    [EACH_JSON] = {
        .name = "json", .kind = CLI_FLAG, .offset = AT(json),
        .group = output,
        .help = "write a JSON document for each record, a line each",
        .more = "It is the document of `weir run --json`, with `seq` (the record's number, from "
                "0), `record` and `attempts` (how often the program ran). A record that cannot be run, "
                "such as one that lacks a member, has none. See "
                "`docs/schemas/run-report.schema.json`.",
    },
    [EACH_MAX_OUTPUT] = {
        .name = "max-output", .kind = CLI_SIZE, .offset = AT(max_output), .metavar = "SIZE",
        .group = output,
        .help = "with --json: maximum size kept of each output, head and tail (1M)",
    },
    [EACH_RESULTS] = {
        .name = "results", .kind = CLI_DIRECTORY, .offset = AT(results), .metavar = "DIR",
        .group = output,
        .help = "write outputs to DIR/NUMBER/stdout and stderr, not to standard output, and a "
                "report to result.json",
        .more = "NUMBER is that of the record, from 1. `result.json` in the same directory is "
                "the document that `--json` would print, without the outputs. A directory that "
                "exists is used again, so files of records of an earlier run may stay. The programs write to the files themselves.",
    },
    [EACH_REORDER_BYTES] = {
        .name = "reorder-bytes", .kind = CLI_SIZE, .offset = AT(map.reorder_bytes), .metavar = "SIZE",
        .group = output,
        .help = "start nothing new while this much waits for an earlier output (64M)",
        .more = "This is memory. Of an output over 64 KiB none is in memory while it waits: it is "
                "in a file in `$TMPDIR`, up to 1 GiB for all of them.",
    },
    [EACH_OK_EXIT] = {
        .name = "ok-exit", .kind = CLI_TEXT, .offset = AT(ok_exit), .metavar = "LIST",
        .group = failures,
        .help = "exit statuses that are a success, such as 0,1 or 0-3 (0)",
    },
    [EACH_RECORD_TIMEOUT] = {
        .name = "record-timeout", .kind = CLI_DURATION, .offset = AT(map.record_timeout_ms),
        .metavar = "D",
        .group = failures,
        .help = "stop a program that runs longer than this: its record has failed",
    },
    [EACH_RETRIES] = {
        .name = "retries", .kind = CLI_NUMBER, .offset = AT(map.retries), .metavar = "N",
        .group = failures,
        .help = "run the program again up to N times for a record that failed (0)",
        .more = "The output of a run that is repeated is not written.",
    },
    [EACH_RETRY_DELAY] = {
        .name = "retry-delay", .kind = CLI_GRACE, .offset = AT(retry_delay_ms), .metavar = "D",
        .group = failures,
        .help = "wait at least this long before a retry; doubles each time (0)",
        .more = "Up to half of the wait is added at random. Other records run meanwhile.",
    },
    [EACH_ON_ERROR] = {
        .name = "on-error", .kind = CLI_CHOICE, .offset = AT(map.on_error), .metavar = "HOW",
        .choices = on_error_words,
        .group = failures,
        .help = "what to do about a failed record: skip (default), fail, or dead-letter, which "
                "--dead-letter implies",
        .more = "`skip`: go on, and end with status 1 (see `--max-dead`). `fail`: start nothing "
                "more, stop what runs, and end with status 3. `dead-letter`: as `skip`, and save "
                "the record with `--dead-letter`. What a failed program printed is written too.",
    },
    [EACH_DEAD_LETTER] = {
        .name = "dead-letter", .kind = CLI_FILE, .offset = AT(map.dead_letter), .metavar = "FILE",
        .group = failures,
        .help = "append failed records and their errors to this file",
        .more = "As for `weir map`: one JSON object a line, appended whole under a lock on the "
                "file; see `docs/schemas/dead-letter.schema.json`. Implies `--on-error "
                "dead-letter`. In the file name, `%p` stands for weir's process ID, `%h` for the "
                "host name, `%n` for the task number of an array job and `%%` for a percent sign.",
    },
    [EACH_MAX_DEAD] = {
        .name = "max-dead", .kind = CLI_NUMBER, .offset = AT(map.max_dead), .metavar = "N",
        .group = failures,
        .help = "exit with 0 if at most N records have failed (0)",
        .more = "It has no effect with `--on-error fail`.",
    },
    [EACH_CHECKPOINT] = {
        .name = "checkpoint", .kind = CLI_FILE, .offset = AT(map.checkpoint), .metavar = "FILE",
        .group = failures,
        .help = "save progress in this file; running the same command again resumes",
        .more = "Input and output must be regular files. After a crash, even of the whole "
                "machine, the same command continues: each record's output is in the output "
                "exactly once. A program that was not seen to end runs again. If the input, "
                "the command or an option that affects the output has changed, weir refuses to "
                "resume and exits with status 6. The number of programs, time limits and reports "
                "may differ.",
    },
    [EACH_WORKERS] = {
        .name = "workers", .letter = 'j', .kind = CLI_COUNT, .offset = AT(map.workers),
        .metavar = "N",
        .group = pace,
        .help = "how many programs may run at a time (one for each processor)",
    },
    [EACH_DELAY] = {
        .name = "delay", .kind = CLI_DURATION, .offset = AT(delay_ms), .metavar = "D",
        .group = pace,
        .help = "wait at least this long between two starts",
    },
    [EACH_RATE] = {
        .name = "rate", .kind = CLI_TEXT, .offset = AT(rate), .metavar = "N/UNIT",
        .group = pace,
        .help = "start no more than N programs a second (10/s), minute (m) or hour (h)",
        .more = "Starts are spread evenly. A number alone is for a second.",
    },
    [EACH_LOAD] = {
        .name = "load", .kind = CLI_TEXT, .offset = AT(load), .metavar = "N",
        .group = pace,
        .help = "start nothing while the load average of the last minute is above N",
    },
    [EACH_MEMORY_FREE] = {
        .name = "memory-free", .kind = CLI_SIZE, .offset = AT(memory_free), .metavar = "SIZE",
        .group = pace,
        .help = "start nothing while less memory than this is available",
        .more = "Available is `MemAvailable` of `/proc/meminfo`.",
    },
    [EACH_JOBSERVER] = {
        .name = "jobserver", .kind = CLI_FLAG, .offset = AT(jobserver),
        .group = pace,
        .help = "take the slots from the make that runs this, and give them back",
        .more = "For a rule of a makefile, whose line must begin with `+`. `-j` still limits how "
                "many run. If make has no job server (`make` without `-j`), one program runs at a "
                "time.",
    },
    [EACH_HOSTS] = {
        .name = "hosts", .kind = CLI_FILE, .offset = AT(hosts), .metavar = "FILE",
        .group = pace,
        .help = "run the programs on the hosts in this file: a host and its slots a line",
        .more = "Such as `node1 4`. The host `:` is this machine, and `#` begins a comment. A "
                "program of a slot runs behind the words of `--launcher` and the name of the "
                "slot's host; without `--launcher`, behind `ssh -o BatchMode=yes` with "
                "`--launcher-shell`. `-j` can only be lower than the number of slots. A slot whose "
                "launcher exits with 255, as ssh does for a machine that it cannot reach, waits "
                "up to 100 ms, which doubles up to 30 seconds: with `--retries`, others get its "
                "records. The "
                "environment of ssh does not reach the other machine; `{%}` in the arguments "
                "does.",
    },
    [EACH_LAUNCHER] = {
        .name = "launcher", .kind = CLI_TEXT, .offset = AT(map.launcher), .metavar = "WORDS",
        .group = pace,
        .help = "prefix for the command: srun, docker exec, nice",
        .more = "Split into words as a shell does, without running a shell. Placeholders in it "
                "are not replaced. Its exit status counts as that of the program.",
    },
    [EACH_LAUNCHER_SHELL] = {
        .name = "launcher-shell", .kind = CLI_FLAG, .offset = AT(map.launcher_shell),
        .group = pace,
        .help = "the launcher hands its words to a shell, as ssh does: quote the command",
        .more = "weir quotes the words of each command and passes them as one. Without it, a "
                "space, a quote or a `$` in a record changes the command behind ssh.",
    },
    [EACH_LAUNCHER_STOP] = {
        .name = "launcher-stop", .kind = CLI_TEXT, .offset = AT(map.launcher_stop),
        .metavar = "WORDS",
        .group = pace,
        .help = "command that stops a program that its launcher may leave behind",
        .more = "weir runs it when it stops a program, before it signals the launcher, and when "
                "the launcher is killed. The value of `WEIR_JOB` in the launcher's environment "
                "is `WEIR_WORKER_JOB` in the command's. With `--hosts`, `WEIR_WORKER_NODE` is the "
                "host.",
    },
    [EACH_TIMEOUT] = RECORDS_TIMEOUT(AT(map), times),
    [EACH_GRACE] = RECORDS_GRACE(AT(map), times, "program"),
    [EACH_STOP] = RECORDS_STOP(AT(map), times, "program"),
    [EACH_REPORT] = {
        .name = "report", .kind = CLI_FILE, .offset = AT(map.report), .metavar = "FILE|-",
        .group = reporting,
        .help = "write a JSON report about the records and slots",
        .more = "See `docs/schemas/map-report.schema.json`. The file is written atomically. `-` "
                "requires `--output`.",
    },
    [EACH_PROGRESS] = {
        .name = "progress", .kind = CLI_CHOICE, .offset = AT(map.progress), .metavar = "HOW",
        .choices = progress_words,
        .group = reporting,
        .help = "show progress on standard error: auto (default), tty, json, or none",
        .more = "How many are done, running and failed, the rate, the time left if the input is a "
                "file, and which record has run longest. `auto` shows it when standard error is a "
                "terminal, standard output is not the same terminal, and the run takes more than "
                "a second. A terminal of 100 columns also shows the rate of the last 15 seconds as "
                "bars. With `json`, every line that weir writes to standard error is a JSON "
                "object; see `docs/schemas/progress-line.schema.json`.",
    },
    [EACH_DRY_RUN] = {
        .name = "dry-run", .kind = CLI_FLAG, .offset = AT(dry_run),
        .group = reporting,
        .help = "start nothing: print the commands, quoted for a shell",
    },
};
/* clang-format on */

static const char *const synopsis[] = {
    "[OPTION...] [--] PROGRAM [ARGUMENT...]",
    "[OPTION...] --shell TEXT",
    NULL,
};

static const char *const description[] = {
    "Runs PROGRAM once for each record of its input, several at a time, without a shell. In the "
    "arguments, `{}` is the record, `{.}` the record without its extension, `{/}` its base name, "
    "`{//}` its directory, `{/.}` its base name without the extension, `{#}` its number from 1, "
    "`{%}` the number from 1 of the slot that runs it, and `{@/a/b}` a member of an `ndjson` "
    "record, by JSON Pointer: a string as its text, anything else as JSON. Any other text in "
    "braces stays as it is. Without a placeholder the record is the last argument.",
    "The standard output of each program is written whole, in the order of the records, and so "
    "is its standard error. Nothing a program leaves behind keeps running.",
    "Every record is accounted for: it is answered, failed, or, if the run ended early, unsettled. "
    "A record fails if its program ends with a status that `--ok-exit` does not name, is "
    "killed by a signal, takes longer than `--record-timeout`, or does not start. A record also "
    "fails, and nothing is run for it, if it lacks a member that a placeholder names, or has a NUL "
    "byte where it is an argument.",
    "Each program has `WEIR_SEQ` (the number of its record, from 0), `WEIR_SLOT` (the number of "
    "its "
    "slot, from 0) and `WEIR_JOB` in its environment, also with `--env-clear`.",
    "On SIGINT, SIGTERM, SIGHUP, SIGQUIT or another signal that would terminate weir, it starts "
    "nothing more and waits while programs still end; if none ends within the grace period, it "
    "stops them. A second signal kills them at once. Programs never get the terminal.",
    NULL,
};

static const struct cli_example examples[] = {
    {"ls *.png | weir each -j8 -- optipng -quiet {}", "a program for each file, eight at a time"},
    {"find . -name '*.c' -print0 | weir each --format nul -- wc -l",
     "file names may contain anything"},
    {"weir each --shell 'gzip -c {} >{.}.gz' <files", "a shell for each record, values quoted"},
    {"weir each --format ndjson --json -- curl -sf {@/url} <in.ndjson | jq .code",
     "a member of a JSON record; results as JSON"},
    {"weir each --input in --output out --checkpoint state -- ./fetch",
     "can be killed at any time and run again to resume"},
    {"weir each --dry-run -- mv {} {//}/{/.}.txt <files", "print the commands and run none"},
    {NULL, NULL},
};

/* For --help; the manual has them in its description. */
static const struct cli_exit placeholders[] = {
    {"{}", "the record; without any placeholder it is the last argument"},
    {"{.}", "the record without its extension"},
    {"{/}", "its file name"},
    {"{//}", "its directory"},
    {"{/.}", "its file name without the extension"},
    {"{#}", "its number, from 1"},
    {"{%}", "the number of its slot, from 1 (WEIR_SLOT counts from 0)"},
    {"{@/a/b}", "a member of a JSON record (--format ndjson)"},
    {"", "Not in the text of sh -c, which would run the record as code: use --shell."},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0", "every record succeeded, or no more failed than `--max-dead` allows"},
    {"1", "more records failed than `--max-dead` allows; all others succeeded"},
    {"2", "invalid option or placeholder; nothing was started"},
    {"3", "the run ended at a failed record (`--on-error fail`)"},
    {"5", "`weir`'s own input, output or report failed: full disk, missing file"},
    {"6", "the run cannot resume from the checkpoint; the files are unchanged"},
    {"124", "the run timed out"},
    {"125", "`weir` failed"},
    {"128+n", "`weir` received signal n"},
    {"141", "the reader of the output closed it"},
    {NULL, NULL},
};

const struct cli_command cli_each = {
    .name = "each",
    .summary = "run a program for each record: in parallel, in order, none lost",
    .synopsis = synopsis,
    .description = description,
    .options = each_options,
    .option_count = EACH_OPTION_COUNT,
    .examples = examples,
    .placeholders = placeholders,
    .exits = exits,
    .words = CLI_WORDS_END_OPTIONS,
    .operands = CLI_OPERANDS_PROGRAM,
    .usage_status = CLI_USAGE,
    .starts_program = 1,
    .audited = 1,
    .starts_at_once = 1,
    .run = cmd_each,
};
