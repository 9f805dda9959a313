/* weir pipe - run stages joined by pipes. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/weir.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/fd.h"
#include "cli/opts_pipe.h"
#include "cli/blocking.h"
#include "cli/document.h"
#include "cli/files.h"
#include "cli/inherited.h"
#include "cli/output.h"
#include "cli/progress_pipe.h"
#include "cli/signals.h"
#include "cli/watch.h"
#include "pipeline/pipeline.h"

enum { SHOW_AFTER_MS = 1000 };

struct pipe_cmd {
    struct pipe_values values;
    struct cli_parsed parsed;
    weir_pipeline_t *pipeline;
    struct weir_pipeline_settings settings;
    struct weir_descriptor *inherited;
    int64_t began_ns;
    int input_fd, output_fd; /* FIFOs, opened here; -1: none */
    struct watch watch;
    weir_pipeline_run_t *pipe;
    struct voice voice;
    struct weir_pipeline_report report;
};

/* --- The pipeline ---------------------------------------------------------- */

/* In the format of compilers, for editors: without "weir pipe: ". */
static void report_fault(const struct weir_error *fault, void *context)
{
    struct pipe_cmd *cmd = context;
    struct progress *progress = cmd->voice.progress;

    if (progress != NULL)
        progress_say(progress, "fault", fault->text);
    else
        cli_line("%s", fault->text); /* escaped where it was made */
}

/* Returns 0, or the exit status. */
static int read_spec(struct pipe_cmd *cmd)
{
    const char *file = cmd->values.file;
    struct weir__buffer text = {0};
    struct weir_error error = {0};

    output_set_deadline(cmd->began_ns, cmd->values.timeout_ms);
    if (document_read(file, &text, &error) == 0)
        cmd->pipeline =
            weir_pipeline_parse(text.bytes, text.length, strcmp(file, "-") == 0 ? "<stdin>" : file,
                                report_fault, cmd, &error);
    weir__buffer_clear(&text);
    if (cmd->pipeline != NULL)
        return 0;
    return voice_say(
        &cmd->voice,
        output_status(error.sys_errno, error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE),
        "%s: nothing was started", error.text);
}

static int read_stages(struct pipe_cmd *cmd)
{
    const struct cli_list *words = &cmd->parsed.words;
    struct weir_error error;

    cmd->pipeline = weir_pipeline_new();
    if (cmd->pipeline == NULL)
        return voice_say(&cmd->voice, CLI_FAILED, "no memory for a pipeline");
    for (size_t i = 0; i < words->count; i++)
        if (weir_pipeline_add_line(cmd->pipeline, words->items[i], NULL, &error) < 0)
            return voice_say(&cmd->voice, error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE,
                             "%s", error.text);
    return 0;
}

static int read_pipeline(struct pipe_cmd *cmd)
{
    size_t words = cmd->parsed.words.count;

    if (cmd->values.file != NULL && words > 0)
        return cli_bad_usage(&cli_pipe, "use either -f or stages, not both: unexpected \"%.80s\"",
                             cmd->parsed.words.items[0]);
    if (cmd->values.file != NULL)
        return read_spec(cmd);
    if (cmd->values.check)
        return cli_bad_usage(&cli_pipe, "--check requires -f SPEC.json");
    if (words == 0)
        return cli_bad_usage(&cli_pipe, "no stage given");
    return read_stages(cmd);
}

/* NULL for "-", weir's own stdin or stdout. */
static const char *path_or_null(const char *path)
{
    return strcmp(path, "-") == 0 ? NULL : path;
}

/* Options override the spec. */
static void apply_options(struct pipe_cmd *cmd)
{
    const struct pipe_values *values = &cmd->values;
    const struct cli_parsed *parsed = &cmd->parsed;
    struct weir_pipeline_settings *settings = &cmd->settings;

    weir_pipeline_get(cmd->pipeline, settings);
    if (cli_given(parsed, PIPE_TIMEOUT))
        settings->timeout_ms = values->timeout_ms;
    if (values->stop.count > 0) {
        settings->stop = values->stop.steps;
        settings->stop_count = values->stop.count;
    }
    if (cli_given(parsed, PIPE_DRAIN))
        settings->drain_ms = values->drain_ms;
    if (cli_given(parsed, PIPE_PIPEFAIL))
        settings->pipefail = (enum weir_pipefail)values->pipefail;
    if (values->input != NULL)
        settings->input = path_or_null(values->input);
    if (values->output != NULL)
        settings->output = path_or_null(values->output);
    if (values->report != NULL)
        settings->report = values->report;
    settings->meter |= values->meter;
    if (!values->close_fds)
        settings->descriptor_count = inherited_list(&cmd->inherited);
    settings->descriptors = cmd->inherited;
    output_set_deadline(cmd->began_ns, settings->timeout_ms);
}

static int is_stdout(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

static int check_report(struct pipe_cmd *cmd)
{
    const struct weir_pipeline_settings *settings = &cmd->settings;
    struct weir_error error;

    if (report_check(settings->report,
                     settings->output == NULL
                         ? "would mix with the data: use a file, or --output FILE"
                         : NULL,
                     &error)
        == 0)
        return 0;
    return voice_say(&cmd->voice, error.status == WEIR_ERR_INVALID ? CLI_USAGE : CLI_FAILED, "%s",
                     error.text);
}

/* --- The run --------------------------------------------------------------- */

static void cancel_pipeline(void *job)
{
    weir_pipeline_run_cancel(job);
}

static void on_done(weir_pipeline_run_t *pipe, const struct weir_pipeline_report *report,
                    const struct weir_error *error, void *context)
{
    struct pipe_cmd *cmd = context;

    (void)pipe;
    (void)report;
    (void)error;
    cmd->watch.over = 1;
}

/* JSON progress begins with the first message; drawn progress begins with the run. */
static int begin_json_progress(struct pipe_cmd *cmd)
{
    if (cmd->values.progress != PROGRESS_JSON)
        return 0;
    cmd->voice.progress = pipe_progress_new(PROGRESS_JSON, 0);
    return cmd->voice.progress != NULL
               ? 0
               : voice_say(&cmd->voice, CLI_FAILED, "no memory for progress");
}

static int begin_progress(struct pipe_cmd *cmd)
{
    enum progress_style asked = (enum progress_style)cmd->values.progress;
    enum progress_style style = progress_choose(asked, cmd->settings.output == NULL);

    if (style == PROGRESS_NONE)
        return 0;
    if (cmd->voice.progress == NULL)
        cmd->voice.progress = pipe_progress_new(style, asked == PROGRESS_AUTO ? SHOW_AFTER_MS : 0);
    cmd->settings.stderr_fd = -1; /* lines of stages come as events and are shown with ours */
    if (cmd->voice.progress == NULL || pipe_progress_follow(cmd->voice.progress, cmd->pipeline) < 0)
        return voice_say(&cmd->voice, CLI_FAILED, "no memory for progress");
    return 0;
}

/* Returns 0, or the exit status. */
static int check_files(struct pipe_cmd *cmd)
{
    const struct pipe_values *values = &cmd->values;
    struct weir__file_set files = {0};
    struct weir_error error;

    files_begin(&files, &cmd->parsed);
    weir__pipeline_files(&files, cmd->pipeline, &cmd->settings,
                         (values->input == NULL) | (values->output == NULL) << 1
                             | (values->report == NULL) << 2);
    if (is_stdout(cmd->settings.report))
        weir__file_set_fd(&files, WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD, NULL, STDOUT_FILENO);
    files_add(&files, WEIR__FILE_READ, "-f", values->file);
    if (weir__file_set_end(&files, &error) == 0)
        return 0;
    return voice_say(&cmd->voice, files_status(&cli_pipe, &error), "%s: nothing was started",
                     error.text);
}

/* Returns 0, or the exit status. */
static int open_fifos(struct pipe_cmd *cmd)
{
    struct weir_error error;
    int status = output_open_fifo("--input", cmd->settings.input, O_RDONLY, &cmd->input_fd,
                                  CLI_FAILED, &error);

    if (status == 0)
        status = output_open_fifo("--output", cmd->settings.output, O_WRONLY, &cmd->output_fd,
                                  CLI_FAILED, &error);
    return status == 0 ? 0 : voice_say(&cmd->voice, status, "%s", error.text);
}

static int prepare_run(struct pipe_cmd *cmd)
{
    int status;

    apply_options(cmd);
    status = check_files(cmd);
    if (status == 0)
        status = check_report(cmd);
    if (status == 0 && (cmd->settings.output == NULL || is_stdout(cmd->settings.report)))
        status = cli_check_stdout(&cli_pipe, CLI_FAILED);
    if (status == 0)
        status = open_fifos(cmd);
    return status == 0 ? begin_progress(cmd) : status;
}

static int any_signaled(const struct weir_pipeline_report *report, int number)
{
    for (size_t i = 0; i < report->stage_count; i++)
        if (report->stages[i].result.end == WEIR_SIGNALED
            && (number == 0 || report->stages[i].result.signal == number))
            return 1;
    return 0;
}

/* Runs it to its end.  Returns 0 and sets the report, or CLI_FAILED. */
static int run_pipeline(struct pipe_cmd *cmd)
{
    struct watch *watch = &cmd->watch;
    struct weir_error error;
    int failed = watch_open(watch, &error) < 0;
    unsigned had_nonblock = blocking_begin();

    signals_catch_window();
    progress_watch(cmd->voice.progress, watch);
    if (cmd->input_fd >= 0) {
        cmd->settings.input = NULL;
        cmd->settings.input_fd = cmd->input_fd;
    }
    if (cmd->output_fd >= 0) {
        cmd->settings.output = NULL;
        cmd->settings.output_fd = cmd->output_fd;
    }
    cmd->settings.timeout_ms = output_left_ms(cmd->settings.timeout_ms);
    if (!failed) {
        cmd->settings.terminal_fd = watch_terminal_fd(watch);
        cmd->settings.terminal_background = watch->terminal.shared;
        failed = weir_pipeline_set(cmd->pipeline, &cmd->settings, &error) < 0;
    }
    if (!failed) {
        weir_pipeline_get(cmd->pipeline, &cmd->settings); /* its strings, not the old ones */
        cmd->pipe = weir_pipeline_start(watch->weir, cmd->pipeline, on_done, cmd, &error);
        failed = cmd->pipe == NULL;
    }
    if (!failed) {
        watch->job = cmd->pipe;
        watch->cancel = cancel_pipeline;
        watch_job(watch);
        failed = weir_pipeline_run_take(cmd->pipe, &cmd->report, &error) < 0;
        weir_pipeline_run_free(cmd->pipe);
    }
    blocking_end(had_nonblock);
    watch_close(watch, failed || any_signaled(&cmd->report, 0));
    if (cmd->voice.progress != NULL)
        progress_settle(cmd->voice.progress);
    if (!failed)
        return 0;
    voice_say(&cmd->voice, 0, "%s", error.text);
    return audit_end(&watch->audit, WEIR__AUDIT_ERROR, CLI_FAILED, error.text);
}

/* --- The verdict ----------------------------------------------------------- */

/* A shell operator among the arguments of a stage, or NULL. */
static const char *find_shell_operator(const struct weir_stage_report *stage)
{
    static const char *const words[] = {"|", "||", "&&", "&", ";", "<", ">", ">>", "2>&1"};

    for (char **word = stage->result.argv; *word != NULL; word++)
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (strcmp(*word, words[i]) == 0)
                return words[i];
    return NULL;
}

static void report_failure(struct pipe_cmd *cmd)
{
    const struct weir_pipeline_report *report = &cmd->report;
    const struct weir_stage_report *stage =
        report->decided_by >= 0 ? &report->stages[report->decided_by] : NULL;
    const char *word = stage != NULL ? find_shell_operator(stage) : NULL;

    if (report->ok || cmd->watch.ended_by != 0)
        return;
    voice_say(&cmd->voice, 0, "%s%s%s", stage != NULL ? stage->name : "", stage != NULL ? ": " : "",
              report->reason);
    if (word != NULL)
        voice_say(&cmd->voice, 0,
                  "%s: %s was passed to the program as an argument, because no shell reads the "
                  "stages: use one stage for each program, and --input and --output for files",
                  stage->name, word);
}

/* Returns 0, or CLI_FAILED. */
static int write_report(struct pipe_cmd *cmd)
{
    const char *path = cmd->settings.report;
    struct weir_error error;

    if (path == NULL || report_file(path, weir_pipeline_report_json(&cmd->report), &error) == 0)
        return 0;
    return voice_say(&cmd->voice, output_status(error.sys_errno, CLI_FAILED), "%s", error.text);
}

/* The target is the spec, or the programs of the stages. */
static int begin_audit(struct pipe_cmd *cmd)
{
    const struct cli_list *words = &cmd->parsed.words;
    struct weir__buffer target = {0};
    char *text;
    int status;

    for (size_t i = 0; i < words->count; i++)
        if ((i > 0 && weir__buffer_add(&target, " | ", 3, NULL) < 0)
            || weir__buffer_add(&target, words->items[i], strcspn(words->items[i], " \t"), NULL)
                   < 0)
            break;
    text = weir__buffer_take(&target, NULL);
    weir__buffer_clear(&target);
    status = audit_begin(&cmd->watch.audit, &cli_pipe, &cmd->parsed,
                         cmd->values.file != NULL ? cmd->values.file : text);
    free(text);
    return status;
}

/* Returns status, or CLI_FAILED. */
static int end_audit(struct pipe_cmd *cmd, int status)
{
    const struct weir_pipeline_report *report = &cmd->report;
    int decided = report->decided_by;
    enum weir_exit_kind end = decided >= 0 ? report->stages[decided].result.end : WEIR_EXITED;

    return audit_end(&cmd->watch.audit, weir__audit_outcome_of(end, report->why, status), status,
                     report->reason);
}

/* Everything after the command line is parsed. */
static int execute(struct pipe_cmd *cmd)
{
    const struct weir_pipeline_report *report = &cmd->report;
    int status = begin_json_progress(cmd);

    if (status == 0)
        status = read_pipeline(cmd);
    if (status == 0 && cmd->values.check)
        return 0;
    if (status == 0)
        status = prepare_run(cmd);
    if (status == 0)
        status = begin_audit(cmd);
    if (status == 0)
        status = run_pipeline(cmd);
    if (status == 0) {
        report_failure(cmd);
        status = write_report(cmd);
        if (status == 0)
            status = report->status;
        status = watch_status(&cmd->watch, status, report->why == WEIR_STOP_CANCELLED);
        status = end_audit(cmd, status);
    }
    if (cmd->voice.progress != NULL)
        progress_end(cmd->voice.progress, status, report->why);
    if (report->stages != NULL && status != CLI_FAILED)
        status = watch_end(&cmd->watch, status, report->why == WEIR_STOP_CANCELLED,
                           any_signaled(report, SIGINT));
    return status;
}

int cmd_pipe(int argc, char **argv)
{
    struct pipe_cmd cmd = {
        .values = {.timeout_ms = WEIR_FOREVER},
        .voice = {.command = &cli_pipe},
        .began_ns = weir__clock_ns(),
        .input_fd = -1,
        .output_fd = -1,
    };
    int status = cli_parse(&cli_pipe, argc, argv, &cmd.values, &cmd.parsed);

    if (status != CLI_GO_ON)
        return status;
    status = execute(&cmd);
    progress_free(cmd.voice.progress);
    weir__close(&cmd.input_fd);
    weir__close(&cmd.output_fd);
    weir_pipeline_report_clear(&cmd.report);
    free(cmd.inherited);
    weir_pipeline_free(cmd.pipeline);
    cli_parsed_clear(&cmd.parsed);
    return status;
}
