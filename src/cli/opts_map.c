/* The options, help and manual page of weir map. */
#include "config.h"

#include "cli/opts_map.h"
#include "cli/opts_records.h"
#include "cli/opts_workers.h"

#define AT(member) offsetof(struct map_values, member)

/* In the order of map_values' check and of enum weir_map_encoding. */
static const char *const check_words[] = {"syntax", "none", NULL};
static const char *const encoding_words[] = {"strict", "replace", "raw", NULL};

static const char records[] = "Records";
static const char failures[] = "Failures";
static const char workers[] = "Workers";
static const char times[] = "Time limits";
static const char reporting[] = "Reporting";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option map_options[MAP_OPTION_COUNT] = {
    [MAP_INPUT] = RECORDS_INPUT(0, records),
    [MAP_OUTPUT] = RECORDS_OUTPUT(0, records, "replies"),
    [MAP_FORMAT] = {
        .name = "format", .kind = CLI_CHOICE, .offset = AT(format), .metavar = "FORMAT",
        .choices = format_words,
        .group = records,
        .help = "what a record is: ndjson (default), line, or nul",
        .more = "`ndjson`: a line of JSON. `line`: any bytes up to LF. `nul`: any bytes up to "
                "NUL. Replies have the same format. With `line` and `nul`, weir checks, removes "
                "and skips nothing: a CR stays, and an empty record is a record. So programs "
                "such as `rev` and `cut` can be workers. Still, each record needs exactly one "
                "reply. In a dead letter, `record` is a string, or `record_base64` if it is not "
                "UTF-8. `--call`, `--key` and `--drop-null` require `ndjson`.",
    },
    [MAP_UNORDERED] = {
        .name = "unordered", .kind = CLI_FLAG, .offset = AT(unordered),
        .group = records,
        .help = "write replies as they arrive, not in the order of the records",
    },
    [MAP_DROP_NULL] = {
        .name = "drop-null", .kind = CLI_FLAG, .offset = AT(drop_null),
        .group = records,
        .help = "if the reply is null, drop the record and write nothing",
        .more = "Cannot be combined with `--key`: null has no member to match.",
    },
    [MAP_KEY] = {
        .name = "key", .kind = CLI_TEXT, .offset = AT(key), .metavar = "POINTER",
        .group = records,
        .help = "match replies to records by this member, such as /id",
        .more = "POINTER is a JSON Pointer (RFC 6901). A reply must have the same value there as "
                "its record. Strings are compared by their characters, other values byte for "
                "byte (1 is not 1.0). A reply that matches no record ends the run with status 3. "
                "Replies may come in any order, and a worker may leave records out. weir knows "
                "that a record was left out when its worker has exited; the record is then dead, "
                "or dropped with `--drop-missing`. Until then later replies wait, unless "
                "`--unordered` is given. A record without the member is dead. A worker never has "
                "two records with the same value at a time: the second waits, or goes to another "
                "worker.",
    },
    [MAP_DROP_MISSING] = {
        .name = "drop-missing", .kind = CLI_FLAG, .offset = AT(drop_missing),
        .group = records,
        .help = "with --key: drop records that have no reply, for filters",
        .more = "weir trusts a worker that exits with status 0, or with status 1 after no reply "
                "and no output on standard error, as grep does when nothing matches. Records "
                "that another worker left out are sent again, one at a time.",
    },
    [MAP_CHECK] = {
        .name = "check", .kind = CLI_CHOICE, .offset = AT(check), .metavar = "WHAT",
        .choices = check_words,
        .group = records,
        .help = "check that records are JSON: syntax (default), or none",
        .more = "A record that is not JSON is dead, and is not sent to a worker. Replies are "
                "always checked: one that is not JSON means that the worker is out of step.",
    },
    [MAP_ENCODING] = {
        .name = "encoding", .kind = CLI_CHOICE, .offset = AT(encoding), .metavar = "HOW",
        .choices = encoding_words,
        .group = records,
        .help = "how to handle bytes that are not UTF-8: strict (default), replace, or raw",
        .more = "`strict`: the record is dead. `replace`: each invalid sequence becomes U+FFFD. "
                "`raw`: the bytes pass unchanged, in replies too.",
    },
    [MAP_MAX_RECORD] = {
        .name = "max-record", .kind = CLI_SIZE, .offset = AT(max_record), .metavar = "SIZE",
        .group = records,
        .help = "maximum length of a record; longer ones are dead and use no memory (16M)",
    },
    [MAP_ON_ERROR] = {
        .name = "on-error", .kind = CLI_CHOICE, .offset = AT(on_error), .metavar = "HOW",
        .choices = on_error_words,
        .group = failures,
        .help = "what to do about a dead record: fail (default), skip, or dead-letter, which "
                "--dead-letter implies",
        .more = "`fail`: end the run with status 3. `skip`: continue without the record and end "
                "with status 1 (see `--max-dead`). `dead-letter`: the same, and save the record "
                "with `--dead-letter`.",
    },
    [MAP_DEAD_LETTER] = {
        .name = "dead-letter", .kind = CLI_FILE, .offset = AT(dead_letter), .metavar = "FILE",
        .group = failures,
        .help = "append dead records and their errors to this file, and continue",
        .more = "Writes one JSON object a line; see `docs/schemas/dead-letter.schema.json`. "
                "Implies `--on-error dead-letter`. Each line is appended whole, under a lock on "
                "the file, so that several runs can share it. With `--checkpoint` the file is "
                "locked for the whole run, and a resumed run removes what was written after the "
                "last checkpoint. In the file name, `%p` stands for weir's process ID, `%h` for "
                "the host name, `%n` for the task number and `%%` for a percent sign. The task "
                "number is the first of these variables that is set: `SLURM_ARRAY_TASK_ID`, "
                "`SPARK_PARTITION_ID`, `mapreduce_task_partition`, `PBS_ARRAY_INDEX`, "
                "`LSB_JOBINDEX`, `SLURM_PROCID`; otherwise it is 0.",
    },
    [MAP_MAX_DEAD] = {
        .name = "max-dead", .kind = CLI_NUMBER, .offset = AT(max_dead), .metavar = "N",
        .group = failures,
        .help = "exit with 0 if at most N records are dead (0)",
        .more = "Dead records are still skipped, or saved by `--dead-letter`, and counted in the "
                "report. If more than N are dead the status is 1. The option has no effect with "
                "`--on-error fail`, where the first dead record ends the run.",
    },
    [MAP_RETRIES] = {
        .name = "retries", .kind = CLI_NUMBER, .offset = AT(retries), .metavar = "N",
        .group = failures,
        .help = "how often a record that failed alone on a worker is tried again (2)",
        .more = "A record has failed only if it was the only one its worker had when the worker "
                "died, got out of step or timed out. Records that were in flight together are "
                "sent again, one at a time.",
    },
    [MAP_RECORD_TIMEOUT] = {
        .name = "record-timeout", .kind = CLI_DURATION, .offset = AT(record_timeout_ms),
        .metavar = "D",
        .group = failures,
        .help = "fail a record that its worker does not answer within this time after the "
                "previous answer",
        .more = "weir stops the worker and starts another. A late reply is never taken for the "
                "reply to another record.",
    },
    [MAP_CHECKPOINT] = {
        .name = "checkpoint", .kind = CLI_FILE, .offset = AT(checkpoint), .metavar = "FILE",
        .group = failures,
        .help = "save progress in this file; running the same command again resumes",
        .more = "Input and output must be regular files. After a crash, even of the whole "
                "machine, the same command continues: each record is in the output or among the "
                "dead letters exactly once. If the input, the command or an option that affects "
                "the output has changed, weir refuses to resume and exits with status 6. The "
                "number of workers, time limits and reports may differ.",
    },
    [MAP_WORKERS] = {
        .name = "workers", .letter = 'j', .kind = CLI_COUNT, .offset = AT(workers), .metavar = "N",
        .group = workers,
        .help = "number of workers (one for each processor)",
        .more = "weir starts another worker only when the running ones have no room for more "
                "records. Each has in its environment `WEIR_SLOT`, a number from 0 to N-1 that "
                "no other running worker has, and `WEIR_JOB`.",
    },
    [MAP_CALL] = {
        .name = "call", .kind = CLI_TEXT, .offset = AT(call), .metavar = "NAME",
        .group = workers,
        .help = "call this function of the worker for each record",
        .more = "The worker speaks JSON-RPC, as described in `docs/protocol.md` and implemented "
                "by weir's Python and Go packages. A record that is an array has the parameters "
                "by position, an object has them by name, and any other value is the only "
                "parameter: `{\"id\":1}` calls `def score(id)`. The return value is the reply. If the function returns a stream, "
                "each value becomes one line (there may be none), and all lines of a record are "
                "written together. With `--drop-null`, a null in a stream is not written. A "
                "record whose call fails is tried again, alone; a dead letter contains the "
                "error. A record is dead if its values are longer than `--max-record`. A worker "
                "without `weir/hello` gets one call at a time.",
    },
    [MAP_PROTOCOL] = {
        .name = "protocol", .kind = CLI_CHOICE, .offset = AT(protocol), .metavar = "WHICH",
        .choices = cli_protocols,
        .group = workers,
        .help = "what the worker of --call speaks: auto, native, plain or mcp (auto)",
        .more = "With `mcp` the worker is an MCP server and NAME one of its tools; a record is an "
                "object with the arguments. There is one worker unless `--workers` says "
                "otherwise, since the state of such a server is in its process. It gets one call "
                "at a time, or up to 16 of a tool that says that it only reads. A record whose "
                "tool fails is tried again: a tool that must not run twice for a record needs "
                "`--retries 0`, and even then a server that dies may have done its work.",
    },
    [MAP_LINE_BUFFERED] = {
        .name = "line-buffered", .kind = CLI_FLAG, .offset = AT(line_buffered),
        .group = workers,
        .help = "make the worker flush each line, for input that arrives slowly",
        .more = "weir starts it as `env PYTHONUNBUFFERED=1 stdbuf -oL PROGRAM`. This works for "
                "Python and for programs that use the C library's standard output. Other "
                "programs must flush by themselves, or have an option for it, such as `jq "
                "--unbuffered`. With `--format nul` weir uses `stdbuf -o0`.",
    },
    [MAP_PTY_OUTPUT] = {
        .name = "pty-output", .kind = CLI_FLAG, .offset = AT(pty_output),
        .group = workers,
        .help = "give the worker a pseudo-terminal as standard output, so that it flushes each "
                "line",
        .more = "For programs that `--line-buffered` does not reach. The terminal is in raw mode: "
                "replies arrive unchanged. Programs that print differently on a terminal, such as "
                "with colors, do so here too.",
    },
    [MAP_WARM] = WORKERS_WARM(AT(warm), workers, "with `--call`, "),
    [MAP_LAUNCHER] = {
        .name = "launcher", .kind = CLI_TEXT, .offset = AT(launcher), .metavar = "WORDS",
        .group = workers,
        .help = "prefix for the worker's command: ssh, srun, docker exec -i",
        .more = "Split into words as a shell does, without running a shell: `--launcher 'ssh -o "
                "BatchMode=yes node7'`. weir does not trust the exit status of a launcher: a "
                "worker has exited when its output ends, and if replies were outstanding then, "
                "that is a crash. weir sends SIGTERM to the launcher alone, not to its process "
                "group, so that the launcher can pass it on. Afterwards it stops what the "
                "launcher left behind on this machine.",
    },
    [MAP_LAUNCHER_SHELL] = {
        .name = "launcher-shell", .kind = CLI_FLAG, .offset = AT(launcher_shell),
        .group = workers,
        .help = "the launcher hands its words to a shell, as ssh does: quote the worker's",
        .more = "ssh joins its words with spaces, and the shell on the other machine splits them "
                "again: a space, a quote or a `$` in an argument would change the command. With "
                "this option weir quotes the worker's words and passes them as one, so that the "
                "worker gets them unchanged. srun, docker and kubectl use no shell and must not "
                "have it.",
    },
    [MAP_LAUNCHER_STOP] = {
        .name = "launcher-stop", .kind = CLI_TEXT, .offset = AT(launcher_stop),
        .metavar = "WORDS",
        .group = workers,
        .help = "command that stops a worker that its launcher may leave behind",
        .more = "weir runs it when it gives up on a worker, after closing the worker's input and "
                "before signalling the launcher, and also when the launcher exits while replies "
                "are outstanding. It may run for `--grace`. The values of `WEIR_JOB` and "
                "`WEIR_SLOT` in the launcher's environment are `WEIR_WORKER_JOB` and "
                "`WEIR_WORKER_SLOT` in the command's: `--launcher 'sh "
                "-c \"exec docker run --rm -i --name w-$WEIR_JOB \\\"\\$@\\\"\" sh' "
                "--launcher-stop 'sh -c \"docker kill w-$WEIR_WORKER_JOB\"'`. `WEIR_WORKER_PID` "
                "and `WEIR_WORKER_NODE` are set if the worker reported them; a worker that "
                "speaks lines cannot, but see `--node-from`.",
    },
    [MAP_NODE_FROM] = {
        .name = "node-from", .kind = CLI_TEXT, .offset = AT(node_from), .metavar = "NAME",
        .group = workers,
        .help = "environment variable that names the machine of a worker, for the report",
        .more = "weir reads it from the environment of the worker or, with `--launcher`, of the "
                "program that the launcher executes, when the worker first replies: `--launcher "
                "'sh -c \"export HOST=node$WEIR_SLOT; exec ssh \\$HOST \\\"\\$@\\\"\" sh' "
                "--launcher-shell --node-from HOST`. It needs Linux's `/proc`. Without it, the "
                "machine is the one that a worker with functions reports, or `$SLURMD_NODENAME` "
                "if there is no launcher.",
    },
    [MAP_START_TIMEOUT] = {
        .name = "start-timeout", .kind = CLI_DURATION, .offset = AT(start_timeout_ms),
        .metavar = "D",
        .group = workers,
        .help = "give up on a worker that neither reads nor replies within this time",
        .more = "With `--call`, a worker has started when it has answered `weir/hello`; the "
                "default is 10 seconds. Otherwise it has started when it, or its launcher, has "
                "read some of its input or has replied. `--record-timeout` counts from then on. "
                "With `--launcher` the default is 60 seconds. A failed start does not count "
                "against a record. weir tries again after up to 100 ms, a delay that doubles up "
                "to 30 seconds. If no worker runs for 2 seconds, or behind a launcher for the "
                "start timeout, the run ends with status 4.",
    },
    [MAP_WINDOW] = {
        .name = "window", .kind = CLI_COUNT, .offset = AT(window), .metavar = "RECORDS",
        .group = workers,
        .help = "maximum number of records in flight to a worker (4096)",
        .more = "weir adapts the actual number to the worker's speed: about a tenth of a second "
                "of work. With 1, a worker gets its next record only after it has answered the "
                "one before.",
    },
    [MAP_WINDOW_BYTES] = {
        .name = "window-bytes", .kind = CLI_SIZE, .offset = AT(window_bytes), .metavar = "SIZE",
        .group = workers,
        .help = "maximum number of bytes in flight to a worker (1M)",
    },
    [MAP_REORDER_BYTES] = {
        .name = "reorder-bytes", .kind = CLI_SIZE, .offset = AT(reorder_bytes), .metavar = "SIZE",
        .group = workers,
        .help = "stop reading when this much waits for an earlier reply (64M)",
    },
    [MAP_TIMEOUT] = RECORDS_TIMEOUT(0, times),
    [MAP_GRACE] = RECORDS_GRACE(0, times, "worker"),
    [MAP_STOP] = RECORDS_STOP(0, times, "worker"),
    [MAP_REPORT] = {
        .name = "report", .kind = CLI_FILE, .offset = AT(report), .metavar = "FILE|-",
        .group = reporting,
        .help = "write a JSON report about the records and workers",
        .more = "The file is written atomically. `-` requires `--output`, because otherwise "
                "standard output carries the replies.",
    },
    [MAP_PROGRESS] = {
        .name = "progress", .kind = CLI_CHOICE, .offset = AT(progress), .metavar = "HOW",
        .choices = progress_words,
        .group = reporting,
        .help = "show progress on standard error: auto (default), tty, json, or none",
        .more = "`auto` shows a line when standard error is a terminal, standard output is not "
                "the same terminal, and the run takes more than a second. A percentage is shown "
                "only if the input is a file. A terminal of 100 columns also shows the rate of the "
                "last 15 seconds as bars, and that of each worker if there are two to eight. With "
                "`json`, every line that weir writes to "
                "standard error is a JSON object, including the workers' own lines, and the last "
                "one reports the result; see `docs/schemas/progress-line.schema.json`.",
    },
    [MAP_HADOOP_COUNTERS] = {
        .name = "hadoop-counters", .kind = CLI_FLAG, .offset = AT(hadoop_counters),
        .group = reporting,
        .help = "write counters to standard error for Hadoop Streaming",
        .more = "Writes lines of the form `reporter:counter:weir,NAME,N` from time to time and "
                "at the end; Hadoop adds them up.",
    },
};
/* clang-format on */

static const char *const synopsis[] = {"[OPTION...] [--] PROGRAM [ARGUMENT...]", NULL};

static const char *const description[] = {
    "Reads records, one JSON text a line, and distributes them to N workers that run until the "
    "input ends. A worker is a PROGRAM, started without a shell, that reads lines and answers "
    "each with exactly one line of JSON, in order. It may buffer its output. Records and replies "
    "pass byte for byte, and replies are written in the order of the records, whichever worker "
    "finishes first. With `--format` records need not be JSON.",
    "Every record is accounted for: it is answered, dropped (`--drop-null`), dead, or, if the "
    "run ended early, unsettled. If a worker dies, gets out of step or is too slow, weir sends "
    "its unanswered records again, one at a time. This finds the record at fault without losing "
    "any other. A worker may see a record more than once.",
    "If a worker exits after the end of its input with fewer replies than records, weir cannot "
    "know which ones are missing. The run then ends with status 3, whatever `--on-error` is, and "
    "weir reports the first record from which the output cannot be trusted. To leave out a "
    "record, a worker prints null (`--drop-null`), or includes the record's key in its replies "
    "(`--key`).",
    "It is an error to name the same file twice, or to write to a closed standard output. weir "
    "reports it before it starts anything.",
    "Records end with LF. A CR before it is removed. Blank lines are skipped and counted. The "
    "last record does not need an LF.",
    "On SIGINT, SIGTERM, SIGHUP, SIGQUIT or another signal that would terminate weir, it reads "
    "no more records, waits while replies still arrive (it stops workers that are silent for the "
    "grace period), and exits. A second signal ends the run at once. Workers never get the "
    "terminal.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir map -j4 -- python3 enrich.py <in.ndjson >out.ndjson",
     "run four workers; keep the order"},
    {"weir map --dead-letter dead.ndjson --record-timeout 30s -- ./parse <in >out",
     "save records that crash a worker or take too long"},
    {"weir map --input in.ndjson --output out.ndjson --checkpoint state -- ./enrich",
     "can be killed at any time and run again to resume"},
    {"weir map --drop-null -- jq -c 'if .ok then . else null end' <in",
     "filter: drop records whose reply is null"},
    {"weir map --key /id --drop-missing -- jq -c 'select(.ok)' <in",
     "filter: drop records without a reply"},
    {"weir map --format line -j4 -- rev <in >out", "any program that answers line by line"},
    {"weir map --launcher 'ssh node7' --launcher-shell -j8 -- /opt/enrich <in >out",
     "run eight workers on another machine"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0", "every record was answered or dropped, or is one of the dead that `--max-dead` allows"},
    {"1", "more records are dead than `--max-dead` allows; all others were answered or dropped"},
    {"2", "invalid option; nothing was started"},
    {"3", "the run ended at a dead record (`--on-error fail`), or replies got out of step"},
    {"4", "the worker cannot run: it does not start, or dies without any reply"},
    {"5", "`weir`'s own input, output or report failed: full disk, missing file"},
    {"6", "the run cannot resume from the checkpoint; the files are unchanged"},
    {"124", "the run timed out"},
    {"125", "`weir` failed"},
    {"128+n", "`weir` received signal n"},
    {"141", "the reader of the output closed it"},
    {NULL, NULL},
};

const struct cli_command cli_map = {
    .name = "map",
    .summary = "process records with parallel workers: ordered, none lost",
    .synopsis = synopsis,
    .description = description,
    .options = map_options,
    .option_count = MAP_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_END_OPTIONS,
    .operands = CLI_OPERANDS_PROGRAM,
    .usage_status = CLI_USAGE,
    .starts_program = 1,
    .audited = 1,
    .starts_at_once = 1,
    .run = cmd_map,
};
