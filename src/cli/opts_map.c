/* What people are told about weir map. */
#include "config.h"

#include "cli/opts_map.h"

#define AT(member) offsetof(struct map_values, member)

/* In the order of enum weir_map_on_error, of map_values' check, of enum
 * weir_map_encoding and of enum progress_style. */
static const char *const on_error_words[] = {"fail", "skip", "dead-letter", NULL};
static const char *const check_words[] = {"syntax", "none", NULL};
static const char *const encoding_words[] = {"strict", "replace", "raw", NULL};
static const char *const progress_words[] = {"auto", "tty", "json", "none", NULL};

static const char records[] = "Records";
static const char failures[] = "Records that fail";
static const char workers[] = "Workers";
static const char times[] = "Time";
static const char telling[] = "What is told";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option map_options[MAP_OPTION_COUNT] = {
    [MAP_INPUT] = {
        .name = "input", .kind = CLI_FILE, .offset = AT(input), .metavar = "FILE|-",
        .group = records,
        .help = "read the records from a file (standard input)",
    },
    [MAP_OUTPUT] = {
        .name = "output", .kind = CLI_FILE, .offset = AT(output), .metavar = "FILE|-",
        .group = records,
        .help = "write the replies to a file (standard output)",
        .more = "The file is written beside its place and takes it when the run ends with status "
                "0 or 1; else what was there before stays. With `--checkpoint` it is written in "
                "its place, for the next run to go on with.",
    },
    [MAP_UNORDERED] = {
        .name = "unordered", .kind = CLI_FLAG, .offset = AT(unordered),
        .group = records,
        .help = "write replies as they come, not in the order of the records",
    },
    [MAP_DROP_NULL] = {
        .name = "drop-null", .kind = CLI_FLAG, .offset = AT(drop_null),
        .group = records,
        .help = "a reply of null drops its record: nothing is written for it",
        .more = "Not with `--key`: a null has no member to match.",
    },
    [MAP_KEY] = {
        .name = "key", .kind = CLI_TEXT, .offset = AT(key), .metavar = "POINTER",
        .group = records,
        .help = "match replies to records by this member, such as /id",
        .more = "A JSON Pointer (RFC 6901). The reply must hold the same value there as its "
                "record: strings are compared by their characters, anything else byte for byte "
                "(1 is not 1.0). A reply that does not ends the run with status 3. Replies may come "
                "in any order, and a record may be left out: that is known when its worker has "
                "ended, and the record is dead, or dropped with `--drop-missing`. Until then "
                "replies behind it wait, unless `--unordered` is given. A record without the "
                "member is dead. A worker never has two records with the same value "
                "at a time: the second waits, or goes to another worker.",
    },
    [MAP_DROP_MISSING] = {
        .name = "drop-missing", .kind = CLI_FLAG, .offset = AT(drop_missing),
        .group = records,
        .help = "a record without a reply is dropped, not dead: for filters, with --key",
        .more = "A worker is believed when its status is 0, or 1 without any reply and without "
                "a word on standard error, as grep's that has found nothing. What another has "
                "left out goes out again, each record alone.",
    },
    [MAP_CHECK] = {
        .name = "check", .kind = CLI_CHOICE, .offset = AT(check), .metavar = "WHAT",
        .choices = check_words,
        .group = records,
        .help = "check that records are JSON: syntax (default), or none",
        .more = "A record that is not JSON is dead, and no worker sees it. Replies are checked "
                "in any case: one that is not JSON shows that the worker is out of step.",
    },
    [MAP_ENCODING] = {
        .name = "encoding", .kind = CLI_CHOICE, .offset = AT(encoding), .metavar = "HOW",
        .choices = encoding_words,
        .group = records,
        .help = "bytes that are not UTF-8: strict (default), replace, or raw",
        .more = "`strict`: the record is dead. `replace`: each such sequence becomes U+FFFD. "
                "`raw`: it passes as it is, in replies too.",
    },
    [MAP_MAX_RECORD] = {
        .name = "max-record", .kind = CLI_SIZE, .offset = AT(max_record), .metavar = "SIZE",
        .group = records,
        .help = "a longer record is dead, and takes no memory (16M)",
    },
    [MAP_ON_ERROR] = {
        .name = "on-error", .kind = CLI_CHOICE, .offset = AT(on_error), .metavar = "HOW",
        .choices = on_error_words,
        .group = failures,
        .help = "when a record is dead: fail (default), skip, or dead-letter",
        .more = "`fail`: the run ends, with status 3. `skip`: it goes on without the record, and "
                "ends with 1 (`--max-dead`). `dead-letter`: the same, and `--dead-letter` keeps the record.",
    },
    [MAP_DEAD_LETTER] = {
        .name = "dead-letter", .kind = CLI_FILE, .offset = AT(dead_letter), .metavar = "FILE",
        .group = failures,
        .help = "write dead records there, with what became of them, and go on",
        .more = "A JSON object a line: `docs/schemas/dead-letter.schema.json` explains it. It "
                "implies `--on-error dead-letter`. Letters are appended to what is there, each "
                "whole, under the file's lock, so that several runs may share a file; with "
                "`--checkpoint` the file is locked for the whole run, and what was written since "
                "the last checkpoint is cut off when the run is resumed. In the name `%p` stands "
                "for weir's process number, `%h` for the host's name, `%n` for the task's number "
                "and `%%` for a percent sign. The task's number is the first of these variables "
                "that is set: `SLURM_ARRAY_TASK_ID`, `SPARK_PARTITION_ID`, "
                "`mapreduce_task_partition`, `PBS_ARRAY_INDEX`, `LSB_JOBINDEX`, `SLURM_PROCID`; "
                "else it is 0.",
    },
    [MAP_MAX_DEAD] = {
        .name = "max-dead", .kind = CLI_NUMBER, .offset = AT(max_dead), .metavar = "N",
        .group = failures,
        .help = "up to N dead records are a success: status 0 (0)",
        .more = "Each is still skipped, or kept by `--dead-letter`, and counted in the report. "
                "With more the status is 1. It means nothing where the first dead record ends "
                "the run (`--on-error fail`).",
    },
    [MAP_RETRIES] = {
        .name = "retries", .kind = CLI_NUMBER, .offset = AT(retries), .metavar = "N",
        .group = failures,
        .help = "a record that failed alone is tried so often again (2)",
        .more = "Only a record that is alone with a worker when that dies, gets out of step or "
                "is too slow has failed. What was in flight with others goes out again, alone.",
    },
    [MAP_RECORD_TIMEOUT] = {
        .name = "record-timeout", .kind = CLI_DURATION, .offset = AT(record_timeout_ms),
        .metavar = "D",
        .group = failures,
        .help = "a record has failed that takes longer, from its turn on",
        .more = "Its worker is stopped and another one started: a reply that comes late is "
                "never taken for another record's.",
    },
    [MAP_CHECKPOINT] = {
        .name = "checkpoint", .kind = CLI_FILE, .offset = AT(checkpoint), .metavar = "FILE",
        .group = failures,
        .help = "keep there how far it got; the same command then goes on from it",
        .more = "Input and output must be regular files. After a crash, even of the machine, the "
                "same command goes on: each record is in the output or among the dead letters "
                "once. When the input or the command has changed, it is refused, with 6.",
    },
    [MAP_WORKERS] = {
        .name = "workers", .letter = 'j', .kind = CLI_COUNT, .offset = AT(workers), .metavar = "N",
        .group = workers,
        .help = "how many workers run at once (one for each processor)",
        .more = "One more is started only when there is more to do than the others have room "
                "for.",
    },
    [MAP_CALL] = {
        .name = "call", .kind = CLI_TEXT, .offset = AT(call), .metavar = "NAME",
        .group = workers,
        .help = "call this function of the worker with each record",
        .more = "The worker speaks JSON-RPC, as `docs/protocol.md` has it and the Python and Go "
                "packages of weir do. A record that is an array gives the parameters by "
                "position, an object by name, anything else is the one parameter. The function's "
                "value is the reply; where it has an output stream each value is a line, none at "
                "all is good too, and all the lines of a record are written together. With "
                "`--drop-null` a null in a stream is not written. An error is a failure of that "
                "record, which goes out again, alone; a dead one's letter has the error. Values "
                "of one record that are longer than `--max-record` make it dead. A worker that "
                "knows no `weir/hello` gets one call at a time.",
    },
    [MAP_LINE_BUFFERED] = {
        .name = "line-buffered", .kind = CLI_FLAG, .offset = AT(line_buffered),
        .group = workers,
        .help = "have the worker flush each line: for input that comes slowly",
        .more = "It is started as `env PYTHONUNBUFFERED=1 stdbuf -oL PROGRAM`: that works for "
                "programs that use the C library's standard output, and for Python. Others have "
                "to flush by themselves, or have an option for it, as `jq --unbuffered`.",
    },
    [MAP_LAUNCHER] = {
        .name = "launcher", .kind = CLI_TEXT, .offset = AT(launcher), .metavar = "WORDS",
        .group = workers,
        .help = "put these words in front of the worker's: ssh, srun, docker exec -i",
        .more = "They are split as a shell splits words, and given to no shell: `--launcher 'ssh "
                "-o BatchMode=yes node7'`. A launcher's exit status is not trusted: a worker is "
                "gone when its output ends, and when it owed an answer then, that is a crash, "
                "whatever the status. SIGTERM is sent to the launcher alone, not to its process "
                "group, for it to pass on; what it leaves behind here is ended after it.",
    },
    [MAP_LAUNCHER_STOP] = {
        .name = "launcher-stop", .kind = CLI_TEXT, .offset = AT(launcher_stop),
        .metavar = "WORDS",
        .group = workers,
        .help = "a command that ends a worker which its launcher may leave behind",
        .more = "It is run for a worker that is given up, after its input was closed and before "
                "the launcher is signalled, and for one whose launcher ended while it owed an "
                "answer; it has as long as `--grace`. What the launcher has as `WEIR_JOB` in its "
                "environment, the command has as `WEIR_WORKER_JOB`: `--launcher 'sh -c "
                "\"exec docker run --rm -i --name w-$WEIR_JOB \\\"\\$@\\\"\" sh' "
                "--launcher-stop 'sh -c \"docker kill w-$WEIR_WORKER_JOB\"'`. "
                "`WEIR_WORKER_PID` and `WEIR_WORKER_NODE` are set where the worker told them; one "
                "that speaks lines has no way to.",
    },
    [MAP_START_TIMEOUT] = {
        .name = "start-timeout", .kind = CLI_DURATION, .offset = AT(start_timeout_ms),
        .metavar = "D",
        .group = workers,
        .help = "give a worker up that reads and says nothing so long after its start",
        .more = "With `--call` it has started when it has answered `weir/hello`, and has 10 "
                "seconds for that where nothing else is said. Else it has when it, or its "
                "launcher, has read something of what was sent to it, or has answered. "
                "`--record-timeout` counts from then on. With `--launcher` it is 60 seconds where "
                "nothing else is said. A start that fails is no record's fault: it is tried again, "
                "after up to 100 ms, doubling up to 30 s. When no worker runs for 2 seconds, or for "
                "the start timeout behind a launcher, the run ends with status 4.",
    },
    [MAP_WINDOW] = {
        .name = "window", .kind = CLI_COUNT, .offset = AT(window), .metavar = "RECORDS",
        .group = workers,
        .help = "at most so many records in flight to a worker (4096)",
        .more = "How many it really gets follows from how fast it is: about a tenth of a "
                "second's work. With 1 a worker never has a second record before it has "
                "answered the first.",
    },
    [MAP_WINDOW_BYTES] = {
        .name = "window-bytes", .kind = CLI_SIZE, .offset = AT(window_bytes), .metavar = "SIZE",
        .group = workers,
        .help = "and at most so many bytes of them (1M)",
    },
    [MAP_REORDER_BYTES] = {
        .name = "reorder-bytes", .kind = CLI_SIZE, .offset = AT(reorder_bytes), .metavar = "SIZE",
        .group = workers,
        .help = "replies that wait for an earlier one: bytes before intake stops (64M)",
    },
    [MAP_TIMEOUT] = {
        .name = "timeout", .kind = CLI_DURATION, .offset = AT(timeout_ms), .metavar = "D",
        .group = times,
        .help = "stop it all when it has run this long",
    },
    [MAP_GRACE] = {
        .name = "grace", .kind = CLI_GRACE, .offset = AT(grace_ms), .metavar = "D",
        .group = times,
        .help = "time from SIGTERM to SIGKILL for a worker that has to go (5s)",
    },
    [MAP_REPORT] = {
        .name = "report", .kind = CLI_FILE, .offset = AT(report), .metavar = "FILE|-",
        .group = telling,
        .help = "write a JSON document: what became of the records and the workers",
        .more = "The file is there whole or not at all. `-` needs an `--output`, because "
                "standard output has the replies otherwise.",
    },
    [MAP_PROGRESS] = {
        .name = "progress", .kind = CLI_CHOICE, .offset = AT(progress), .metavar = "HOW",
        .choices = progress_words,
        .group = telling,
        .help = "on standard error: auto (default), tty, json, or none",
        .more = "`auto` shows a line when standard error is a terminal, standard output is not "
                "the terminal too, and the run takes more than a second. A percentage is shown "
                "only where the input is a file. With `json` every line of weir's on standard "
                "error is a JSON object, the workers' lines too, and the last one tells the end: "
                "`docs/schemas/progress-line.schema.json`.",
    },
    [MAP_HADOOP_COUNTERS] = {
        .name = "hadoop-counters", .kind = CLI_FLAG, .offset = AT(hadoop_counters),
        .group = telling,
        .help = "count on standard error, as Hadoop Streaming expects it",
        .more = "Lines of the form `reporter:counter:weir,NAME,N`, now and then and at the end; "
                "Hadoop adds them up.",
    },
};
/* clang-format on */

static const char *const synopsis[] = {"[OPTION...] [--] PROGRAM [ARGUMENT...]", NULL};

static const char *const description[] = {
    "Reads records, one JSON text a line, and gives them to N workers that live as long as the "
    "run. A worker is a PROGRAM, started with no shell in between, that reads lines and answers "
    "each with exactly one line of JSON, in order; that it keeps its output back in a buffer is "
    "no matter. Records and replies pass byte for byte, and replies come out in the order of the "
    "records, whichever worker was first.",
    "Every record is accounted for: it is answered, dropped (`--drop-null`), dead, or, when the "
    "run ended early, unsettled. When a worker dies, gets out of step or is too slow, what it had "
    "not answered goes out again, each record alone: so the record that does it is found, and no "
    "other one is lost with it. A worker may see a record more than once.",
    "A worker that ends, after its input was closed, with fewer replies than it had records has "
    "left some out, and nobody knows which: the run ends with status 3, and says from which "
    "record on the output cannot be trusted, whatever `--on-error` says. To leave a record out a "
    "worker prints null (`--drop-null`), or its replies name their records (`--key`).",
    "A file that is named twice, or a standard output that is closed and would be written to, is "
    "an error before anything starts.",
    "LF ends a record, and a CR before it is taken off; blank lines are skipped and counted; the "
    "last record needs no LF.",
    "SIGINT, SIGTERM, SIGHUP, SIGQUIT or another signal that would end weir: it takes no more "
    "records, waits for the replies under way as long as they come (workers that are silent for "
    "the grace are stopped), and leaves; a second one: at once. Workers never get the terminal.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir map -j4 -- python3 enrich.py <in.ndjson >out.ndjson", "four workers, replies in order"},
    {"weir map --dead-letter dead.ndjson --record-timeout 30s -- ./parse <in >out",
     "what kills a worker, or takes too long, is put aside and told"},
    {"weir map --input in.ndjson --output out.ndjson --checkpoint state -- ./enrich",
     "can be killed at any moment, and started again"},
    {"weir map --drop-null -- jq -c 'if .ok then . else null end' <in",
     "a filter is a map that drops"},
    {"weir map --key /id --drop-missing -- jq -c 'select(.ok)' <in",
     "one that prints nothing for what it drops"},
    {"weir map --launcher 'ssh node7' -j8 -- /opt/enrich <in >out", "workers on another machine"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0", "every record was answered or dropped, or is one of the dead that `--max-dead` allows"},
    {"1", "more records are dead than `--max-dead` allows, all others were answered or dropped"},
    {"2", "a bad option: nothing was started"},
    {"3", "it ended at a record that is dead (`--on-error fail`), or at replies out of step"},
    {"4", "the worker cannot run: it cannot be started, or dies without any reply"},
    {"5", "weir's own input, output or report failed: a full disk, a missing file"},
    {"6", "it cannot go on from the checkpoint: the files were left as they are"},
    {"124", "the time was up"},
    {"125", "weir failed"},
    {"128+n", "weir got signal n"},
    {"141", "the reader of the output went away"},
    {NULL, NULL},
};

const struct cli_command cli_map = {
    .name = "map",
    .summary = "push records through workers: in order, every one accounted for",
    .synopsis = synopsis,
    .description = description,
    .options = map_options,
    .option_count = MAP_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_END_OPTIONS,
    .usage_status = CLI_USAGE,
    .starts_program = 1,
    .audited = 1,
    .run = cmd_map,
};
