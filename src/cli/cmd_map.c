/* weir map - push records through workers. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/weir.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cli/map_cmd.h"
#include "cli/files.h"
#include "cli/launcher.h"
#include "cli/output.h"
#include "cli/progress_map.h"
#include "cli/document.h"
#include "map/dead_letter_file.h"
#include "map/map.h"
#include "text/pointer.h"
#include "text/shell_words.h"

enum {
    READER_GONE = 141,
    SHOW_AFTER_MS = 1000,
};

/* --- What was asked -------------------------------------------------------- */

void map_cmd_defaults(struct map_values *values)
{
    struct weir_map_options defaults;

    weir_map_options_init(&defaults);
    *values = (struct map_values){
        .workers = defaults.workers,
        .retries = defaults.retries,
        .window = defaults.window,
        .window_bytes = defaults.window_bytes,
        .max_record = defaults.max_record,
        .reorder_bytes = defaults.reorder_bytes,
        .start_timeout_ms = defaults.start_timeout_ms,
        .record_timeout_ms = defaults.record_timeout_ms,
        .timeout_ms = defaults.timeout_ms,
    };
}

/* NULL for "-", weir's own stdin or stdout. */
static const char *path_or_null(const char *path)
{
    return path != NULL && strcmp(path, "-") != 0 ? path : NULL;
}

/* Returns 0, or the exit status. */
static int check_failures(struct map_cmd *cmd)
{
    struct map_values *values = cmd->values;

    if (values->dead_letter != NULL && !cmd->on_error_given)
        values->on_error = WEIR_MAP_DEAD_LETTER;
    if (values->on_error == WEIR_MAP_DEAD_LETTER && values->dead_letter == NULL)
        return voice_say(&cmd->voice, CLI_USAGE,
                         "--on-error dead-letter requires --dead-letter FILE");
    if (values->on_error != WEIR_MAP_DEAD_LETTER && values->dead_letter != NULL)
        return voice_say(&cmd->voice, CLI_USAGE,
                         "--on-error %s writes no dead letters: remove it or --dead-letter",
                         values->on_error == WEIR_MAP_FAIL ? "fail" : "skip");
    if (values->on_error == WEIR_MAP_FAIL && cmd->max_dead_given)
        return voice_say(&cmd->voice, CLI_USAGE,
                         "--max-dead has no effect, because the first dead record ends the run: "
                         "add --dead-letter FILE or --on-error skip");
    return 0;
}

static int is_stdout(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

static int check_call(struct map_cmd *cmd)
{
    if (cmd->values->protocol != WEIR_DIALECT_AUTO && cmd->values->call == NULL)
        return voice_say(&cmd->voice, CLI_USAGE, "--protocol requires --call NAME");
    return 0;
}

static int check_key(struct map_cmd *cmd)
{
    const struct map_values *values = cmd->values;
    const char *fault = values->key != NULL ? weir__pointer_fault(values->key) : NULL;

    if (fault != NULL)
        return voice_say(&cmd->voice, CLI_USAGE,
                         "--key \"%.100s\" %s: use a JSON Pointer, such as /id", values->key,
                         fault);
    if (values->key != NULL && values->call != NULL)
        return voice_say(
            &cmd->voice, CLI_USAGE,
            "--key and --call exclude each other: responses to calls have ids: remove --key");
    if (values->key != NULL && values->check)
        return voice_say(&cmd->voice, CLI_USAGE,
                         "--key requires JSON records: remove --check none");
    if (values->drop_missing && values->key == NULL)
        return voice_say(&cmd->voice, CLI_USAGE,
                         "--drop-missing requires --key POINTER, such as --key /id");
    return 0;
}

static int check_format(struct map_cmd *cmd)
{
    const struct map_values *values = cmd->values;
    int checks = cmd->each == NULL && cli_given(&cmd->parsed, MAP_CHECK) && !values->check;
    int decodes = cmd->each == NULL && cli_given(&cmd->parsed, MAP_ENCODING)
                  && values->encoding != WEIR_MAP_RAW;
    const char *what = values->call != NULL  ? "--call"
                       : values->key != NULL ? "--key"
                       : values->drop_null   ? "--drop-null"
                       : checks              ? "--check syntax"
                       : decodes             ? "--encoding strict or replace"
                                             : NULL;

    if (values->format == WEIR_MAP_NDJSON || what == NULL)
        return 0;
    return voice_say(&cmd->voice, CLI_USAGE, "%s requires JSON records: remove it, or --format %s",
                     what, values->format == WEIR_MAP_LINE ? "line" : "nul");
}

static int check_report(struct map_cmd *cmd)
{
    const struct map_values *values = cmd->values;
    struct weir_error error;

    if (report_check(values->report,
                     path_or_null(values->output) == NULL
                         ? "would mix with the replies: use a file, or --output FILE"
                         : NULL,
                     &error)
        == 0)
        return 0;
    return voice_say(&cmd->voice, error.status == WEIR_ERR_INVALID ? CLI_USAGE : OWN_FILES_FAILED,
                     "%s", error.text);
}

/* Checks the command line. Returns 0, or the exit status. */
static int check_command_line(struct map_cmd *cmd)
{
    const struct map_values *values = cmd->values;
    int status;

    if (cmd->parsed.words.count == 0)
        return cli_bad_usage(cmd->command, "no program given");
    if (values->hadoop_counters && values->progress == PROGRESS_JSON)
        return voice_say(
            &cmd->voice, CLI_USAGE,
            "--hadoop-counters and --progress json both write to standard error: remove one");
    status = check_call(cmd);
    if (status == 0)
        status = check_key(cmd);
    if (status == 0)
        status = check_format(cmd);
    if (status == 0)
        status = check_failures(cmd);
    if (status == 0)
        status = check_report(cmd);
    if (status == 0 && (path_or_null(values->output) == NULL || is_stdout(values->report)))
        status = cli_check_stdout(cmd->command, OWN_FILES_FAILED);
    return status;
}

/* Returns 0, or the exit status. */
static int split_words(struct map_cmd *cmd, const char *option, const char *text, char ***words)
{
    struct weir_error error;
    size_t count = 0;

    if (text == NULL)
        return 0;
    if (weir__words_split(text, words, &count, &error) < 0)
        return voice_say(&cmd->voice, error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE,
                         "--%s: %s", option, error.text);
    if (count == 0)
        return voice_say(&cmd->voice, CLI_USAGE, "--%s is empty: use a program, such as ssh",
                         option);
    return 0;
}

/* Returns 0, or the exit status. */
static int split_launcher(struct map_cmd *cmd)
{
    const struct map_values *values = cmd->values;
    const char *name = values->node_from, *warning;
    int status;

    if ((values->launcher_stop != NULL || values->launcher_shell) && values->launcher == NULL
        && (cmd->each == NULL || cmd->each->hosts == NULL))
        return voice_say(&cmd->voice, CLI_USAGE, "%s requires --launcher",
                         values->launcher_shell ? "--launcher-shell" : "--launcher-stop");
    if (name != NULL && (*name == '\0' || strchr(name, '=') != NULL))
        return voice_say(&cmd->voice, CLI_USAGE,
                         "--node-from \"%.100s\" is not the name of an environment variable", name);
    status = split_words(cmd, "launcher", values->launcher, &cmd->launcher);
    if (status == 0)
        status = split_words(cmd, "launcher-stop", values->launcher_stop, &cmd->launcher_stop);
    warning = status == 0
                  ? launcher_warning((const char *const *)cmd->launcher, values->launcher_shell)
                  : NULL;
    if (warning != NULL)
        voice_say(&cmd->voice, 0, "%s", warning);
    return status;
}

static int begin_progress(struct map_cmd *cmd)
{
    enum progress_style asked = (enum progress_style)cmd->values->progress;
    enum progress_style style = progress_choose(asked, cmd->options.output == NULL);

    if (style == PROGRESS_NONE || (asked == PROGRESS_AUTO && cmd->values->hadoop_counters))
        return 0;
    if (cmd->voice.progress == NULL)
        cmd->voice.progress =
            map_progress_new(cmd->command, style, asked == PROGRESS_AUTO ? SHOW_AFTER_MS : 0);
    if (cmd->voice.progress == NULL)
        return voice_say(&cmd->voice, CLI_FAILED, "no memory for progress");
    cmd->options.stderr_fd = -1; /* lines of workers come as events and are shown with ours */
    return 0;
}

/* Returns 0, or the exit status. */
static int check_files(struct map_cmd *cmd)
{
    const struct weir_map_options *options = &cmd->options;
    struct weir__file_set files = {0};
    struct weir_error error = {0};
    char *letters = NULL;
    int status = 0;

    if (options->dead_letter != NULL)
        status = weir__dead_letter_path(options->dead_letter, &letters, &error);
    files_begin(&files, &cmd->parsed);
    weir__map_files(&files, options, letters, "--");
    files_add(&files, WEIR__FILE_WRITTEN, "--report", cmd->values->report);
    if (is_stdout(cmd->values->report))
        weir__file_set_fd(&files, WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD, NULL, STDOUT_FILENO);
    if (weir__file_set_end(&files, status < 0 ? NULL : &error) < 0 && status == 0)
        status = error.status;
    free(letters);
    if (status == 0)
        return 0;
    return voice_say(&cmd->voice,
                     error.status == WEIR_ERR_SYSTEM ? OWN_FILES_FAILED
                                                     : files_status(cmd->command, &error),
                     "%s: nothing was started", error.text);
}

/* The map itself waits for the input and the dead letters; other FIFOs must be open. Returns 0, or
 * the exit status. */
static int open_fifos(struct map_cmd *cmd)
{
    struct weir_map_options *options = &cmd->options;
    struct weir_error error;
    int status = output_open_fifo("--output", options->output, O_WRONLY, &cmd->output_fd,
                                  OWN_FILES_FAILED, &error);

    if (status == 0 && cmd->each != NULL) /* it is read by the map, which cannot be interrupted */
        status = output_open_fifo("--hosts", cmd->each->hosts, O_RDONLY, &cmd->hosts_fd,
                                  OWN_FILES_FAILED, &error);
    if (status != 0)
        return voice_say(&cmd->voice, status, "%s", error.text);
    if (cmd->output_fd >= 0 && options->checkpoint == NULL) {
        options->output = NULL;
        options->output_fd = cmd->output_fd;
    }
    options->timeout_ms = output_left_ms(options->timeout_ms);
    return 0;
}

/* Returns 0, or the exit status. */
static int prepare_run(struct map_cmd *cmd)
{
    const struct map_values *values = cmd->values;
    struct weir_map_options *options = &cmd->options;
    int status = check_command_line(cmd);

    if (status == 0)
        status = split_launcher(cmd);
    if (status != 0)
        return status;
    weir_map_options_init(options);
    cli_child_command(&cmd->parsed, &cmd->child);
    options->command = &cmd->child;
    options->each = cmd->each;
    options->call = values->call;
    options->dialect = values->protocol;
    options->launcher = (const char *const *)cmd->launcher;
    options->launcher_stop = (const char *const *)cmd->launcher_stop;
    options->launcher_shell = values->launcher_shell;
    options->warm = values->warm;
    options->node_from = values->node_from;
    options->workers = (unsigned)values->workers;
    options->unordered = values->unordered;
    options->start_timeout_ms = values->start_timeout_ms;
    options->record_timeout_ms = values->record_timeout_ms;
    options->timeout_ms = values->timeout_ms;
    options->stop = values->stop.steps;
    options->stop_count = values->stop.count;
    options->retries = (unsigned)values->retries;
    output_set_deadline(weir__clock_ns(), values->timeout_ms);
    options->on_error = (enum weir_map_on_error)values->on_error;
    options->dead_letter = values->dead_letter;
    options->max_dead = values->max_dead;
    options->max_record = (size_t)values->max_record;
    options->format = (enum weir_map_format)values->format;
    options->unchecked = values->check;
    options->encoding = (enum weir_map_encoding)values->encoding;
    options->drop_null = values->drop_null;
    options->key = values->key;
    options->drop_missing = values->drop_missing;
    options->line_buffered = values->line_buffered;
    options->pty_output = values->pty_output;
    options->input = path_or_null(values->input);
    options->output = path_or_null(values->output);
    options->checkpoint = values->checkpoint;
    options->window = (size_t)values->window;
    options->window_bytes = (size_t)values->window_bytes;
    options->reorder_bytes = (size_t)values->reorder_bytes;
    status = check_files(cmd);
    if (status == 0)
        status = open_fifos(cmd);
    return status == 0 ? begin_progress(cmd) : status;
}

/* --- The run --------------------------------------------------------------- */

static void cancel_map(void *job)
{
    struct map_cmd *cmd = job;

    weir_map_cancel(cmd->map, cmd->watch.ended_by);
}

static void on_done(weir_map_t *map, const struct weir_map_report *report,
                    const struct weir_error *error, void *context)
{
    struct map_cmd *cmd = context;

    (void)map;
    (void)report;
    (void)error;
    cmd->watch.over = 1;
}

static int status_of_error(const struct weir_error *error)
{
    switch (error->status) {
    case WEIR_ERR_INVALID:
        return CLI_USAGE;
    case WEIR_ERR_SYSTEM:
        return OWN_FILES_FAILED;
    default:
        return CLI_FAILED;
    }
}

/* Shows its progress, or counts for Hadoop. */
static void show_progress(struct map_cmd *cmd)
{
    if (cmd->voice.progress != NULL) {
        map_progress_follow(cmd->voice.progress, cmd->map);
    } else if (cmd->values->hadoop_counters) {
        cmd->hadoop.map = cmd->map;
        cmd->watch.context = &cmd->hadoop;
        cmd->watch.on_tick = hadoop_tick;
    }
}

/* Runs it to its end.  Returns 0 with the report, or the status to exit with. */
static int run_map(struct map_cmd *cmd)
{
    struct watch *watch = &cmd->watch;
    struct weir_error error;
    int status = 0;

    progress_watch(cmd->voice.progress, watch);
    watch->job = cmd;
    watch->cancel = cancel_map;
    watch->command = cmd->command;
    watch->has_no_group = 1;
    if (watch_open(watch, &error) < 0) {
        status = CLI_FAILED;
    } else {
        cmd->map = weir_map_start(watch->weir, &cmd->options, on_done, cmd, &error);
        if (cmd->map == NULL)
            status = status_of_error(&error);
    }
    if (status == 0) {
        show_progress(cmd);
        watch_job(watch);
        if (weir_map_take(cmd->map, &cmd->report, &error) < 0)
            status = status_of_error(&error);
        cmd->have_report = status == 0;
        weir_map_free(cmd->map);
    }
    watch_close(watch, 0);
    if (cmd->voice.progress != NULL && status == 0) {
        map_progress_report(cmd->voice.progress, &cmd->report);
        progress_settle(cmd->voice.progress);
    }
    if (status == 0)
        return 0;
    voice_say(&cmd->voice, 0, "%s", error.text);
    return audit_end(&watch->audit, WEIR__AUDIT_ERROR, status, error.text);
}

/* --- What came of it ------------------------------------------------------- */

static void report_failure(struct map_cmd *cmd)
{
    const struct weir_map_report *report = &cmd->report;
    const char *pattern = cmd->values->dead_letter;
    char *letters = NULL;

    if (report->status == READER_GONE || (report->status == 0 && report->dead == 0))
        return;
    if (report->status <= 1 && pattern != NULL)
        weir__dead_letter_path(pattern, &letters, NULL);
    if (report->status == 0)
        voice_say(&cmd->voice, 0, "%llu of %llu records %s dead, which --max-dead allows%s%s",
                  (unsigned long long)report->dead, (unsigned long long)report->records,
                  report->dead == 1 ? "is" : "are", letters != NULL ? ": see " : "",
                  letters != NULL ? letters : "");
    else
        voice_say(&cmd->voice, 0, "%s%s%s", report->reason, letters != NULL ? ": see " : "",
                  letters != NULL ? letters : "");
    free(letters);
}

/* Returns 0, or the exit status. */
static int write_report(struct map_cmd *cmd)
{
    const char *path = cmd->values->report;
    struct weir_error error;

    if (path == NULL || report_file(path, weir_map_report_json(&cmd->report), &error) == 0)
        return 0;
    return voice_say(&cmd->voice,
                     error.status == WEIR_ERR_NOMEM
                         ? CLI_FAILED
                         : output_status(error.sys_errno, OWN_FILES_FAILED),
                     "%s", error.text);
}

static int execute(struct map_cmd *cmd)
{
    int status = 0, failed;

    if (cmd->values->progress == PROGRESS_JSON) { /* from the first message */
        cmd->voice.progress = map_progress_new(cmd->command, PROGRESS_JSON, 0);
        if (cmd->voice.progress == NULL)
            return voice_say(&cmd->voice, CLI_FAILED, "no memory for progress");
    }
    status = prepare_run(cmd);
    if (status == 0)
        status =
            audit_begin(&cmd->watch.audit, cmd->command, &cmd->parsed, cmd->parsed.words.items[0]);
    if (status == 0)
        status = run_map(cmd);
    if (cmd->have_report) {
        status = cmd->report.status;
        report_failure(cmd);
        if (cmd->values->hadoop_counters)
            hadoop_end(&cmd->hadoop, &cmd->report);
        failed = write_report(cmd);
        if (failed != 0)
            status = failed;
        status = watch_status(&cmd->watch, status, cmd->report.why == WEIR_STOP_CANCELLED);
        status = audit_end(&cmd->watch.audit,
                           weir__audit_outcome_of(WEIR_EXITED, cmd->report.why, status), status,
                           cmd->report.reason);
    }
    if (cmd->voice.progress != NULL)
        progress_end(cmd->voice.progress, status, cmd->report.why);
    if (cmd->have_report)
        status = watch_end(&cmd->watch, status, cmd->report.why == WEIR_STOP_CANCELLED, 0);
    return status;
}

int map_cmd_execute(struct map_cmd *cmd)
{
    int status;

    cmd->voice.command = cmd->command;
    cmd->output_fd = cmd->hosts_fd = -1;
    status = execute(cmd);
    progress_free(cmd->voice.progress);
    weir__close(&cmd->output_fd);
    weir__close(&cmd->hosts_fd);
    weir__words_free(cmd->launcher);
    weir__words_free(cmd->launcher_stop);
    weir_map_report_clear(&cmd->report);
    cli_parsed_clear(&cmd->parsed);
    return status;
}

int cmd_map(int argc, char **argv)
{
    struct map_values values;
    struct map_cmd cmd = {.command = &cli_map, .values = &values};
    int status;

    map_cmd_defaults(&values);
    status = cli_parse(cmd.command, argc, argv, &values, &cmd.parsed);
    if (status != CLI_GO_ON)
        return status;
    cmd.on_error_given = cli_given(&cmd.parsed, MAP_ON_ERROR);
    cmd.max_dead_given = cli_given(&cmd.parsed, MAP_MAX_DEAD);
    return map_cmd_execute(&cmd);
}
