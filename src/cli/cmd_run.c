/* weir run - run one program. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/weir.h>

#include "base/clock.h"
#include "cli/opts_run.h"
#include "cli/blocking.h"
#include "cli/document.h"
#include "cli/files.h"
#include "cli/inherited.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/watch.h"

/* Options that apply to captured output only. */
static const enum run_option need_json[] = {RUN_ENCODING, RUN_ON_ERROR, RUN_MAX_OUTPUT,
                                            RUN_OVERFLOW};

struct run_cmd {
    struct run_values values;
    struct watch watch;
    weir_run_t *run;
    struct weir_command command;
    struct weir_run_options options;
    int input_fd; /* opened here; -1: none */
    struct weir_descriptor *inherited;
    struct weir_result result;
};

static void set_defaults(struct run_values *values)
{
    struct weir_run_options defaults;

    weir_run_options_init(&defaults);
    *values = (struct run_values){
        .timeout_ms = defaults.timeout_ms,
        .idle_ms = defaults.idle_ms,
        .drain_ms = defaults.drain_ms,
        .max_output = defaults.max_output,
    };
}

/* Descriptors that the program inherits are not checked. */
static int check_files(const struct run_values *values, const struct cli_parsed *parsed,
                       struct weir_error *error)
{
    const char *input = values->input != NULL ? values->input : values->json ? "none" : "-";
    struct weir__file_set files = {0};

    files_begin(&files, parsed);
    weir__file_set_fd(&files, WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD, NULL, STDOUT_FILENO);
    if (strcmp(input, "-") == 0)
        weir__file_set_fd(&files, WEIR__FILE_READ | (values->json ? 0 : WEIR__FILE_STANDARD), NULL,
                          STDIN_FILENO);
    else if (strcmp(input, "none") != 0)
        weir__file_set_path(&files, WEIR__FILE_READ, "--input", input);
    files_add(&files, WEIR__FILE_WRITTEN, "--report", values->report);
    return weir__file_set_end(&files, error);
}

/* Checks the command line. Returns 0, or the exit status. */
static int check_command_line(const struct run_values *values, const struct cli_parsed *parsed)
{
    struct weir_error error;

    if (parsed->words.count == 0)
        return cli_bad_usage(&cli_run, "no program given");
    for (size_t i = 0; i < sizeof need_json / sizeof need_json[0] && !values->json; i++)
        if (cli_given(parsed, need_json[i])) {
            cli_say(&cli_run, "--%s requires --json: without it the outputs pass through unchanged",
                    run_options[need_json[i]].name);
            return CLI_FAILED;
        }
    if (values->json || values->pty
        || values->idle_ms != WEIR_FOREVER) { /* else the program inherits it */
        int status = cli_check_stdout(&cli_run, CLI_FAILED);

        if (status != 0)
            return status;
    }
    if (check_files(values, parsed, &error) < 0) {
        cli_say(&cli_run, "%s: nothing was started", error.text);
        return files_status(&cli_run, &error);
    }
    if (report_check(values->report,
                     values->json ? NULL
                                  : "would mix with the program's output: use a file, or --json",
                     &error)
        == 0)
        return 0;
    cli_say(&cli_run, "%s", error.text);
    return CLI_FAILED;
}

/* Returns 0, or the exit status. */
static int choose_input(struct run_cmd *cmd)
{
    const char *input = cmd->values.input;
    struct weir_run_options *options = &cmd->options;
    struct weir_error error;
    int status;

    if (input == NULL)
        input = cmd->values.json ? "none" : "-";
    if (strcmp(input, "none") == 0) {
        options->input = WEIR_INPUT_NONE;
        return 0;
    }
    options->input = WEIR_INPUT_FD;
    options->input_fd = STDIN_FILENO;
    if (strcmp(input, "-") == 0)
        return 0;
    status = output_open_fifo("--input", input, O_RDONLY, &cmd->input_fd, CLI_FAILED, &error);
    options->input_fd = cmd->input_fd;
    if (status != 0)
        cli_say(&cli_run, "%s", error.text);
    if (status != 0 || cmd->input_fd >= 0)
        return status;
    cmd->input_fd = open(input, O_RDONLY | O_CLOEXEC);
    options->input_fd = cmd->input_fd;
    if (cmd->input_fd >= 0)
        return 0;
    cli_say(&cli_run, "--input: cannot read %s: %s", input, strerror(errno));
    return CLI_FAILED;
}

static void choose_outputs(const struct run_values *values, struct weir_run_options *options)
{
    /* Inherited unless the idle timeout needs to see the output. */
    enum weir_redirect live =
        values->idle_ms == WEIR_FOREVER ? WEIR_REDIRECT_FD : WEIR_REDIRECT_RELAY;

    options->out = options->err = values->json ? WEIR_REDIRECT_CAPTURE : live;
    options->out_fd = STDOUT_FILENO;
    options->err_fd = STDERR_FILENO;
    options->merge_stderr = values->merge_stderr;
    if (values->pty) {
        options->out = WEIR_REDIRECT_PTY;
        options->out_fd = values->json ? -1 : STDOUT_FILENO;
    }
    options->max_output = (size_t)values->max_output;
    options->overflow = (enum weir_overflow)values->overflow;
    options->charset = values->encoding;
    options->on_error = (enum weir_on_error)values->on_error;
}

static int prepare_run(struct run_cmd *cmd, const struct cli_parsed *parsed)
{
    const struct run_values *values = &cmd->values;

    output_set_deadline(weir__clock_ns(), values->timeout_ms);
    cli_child_command(parsed, &cmd->command);
    weir_run_options_init(&cmd->options);
    cmd->options.timeout_ms = values->timeout_ms;
    cmd->options.idle_ms = values->idle_ms;
    cmd->options.stop = values->stop.steps;
    cmd->options.stop_count = values->stop.count;
    cmd->options.drain_ms = values->drain_ms;
    cmd->options.leave_running = values->leave_running;
    choose_outputs(values, &cmd->options);
    if (!values->close_fds)
        cmd->options.descriptor_count = inherited_list(&cmd->inherited);
    cmd->options.descriptors = cmd->inherited;
    return choose_input(cmd);
}

static void cancel_run(void *job)
{
    weir_run_cancel(job);
}

static void on_done(weir_run_t *run, const struct weir_result *result,
                    const struct weir_error *error, void *context)
{
    struct run_cmd *cmd = context;

    (void)run;
    (void)result;
    (void)error;
    cmd->watch.over = 1;
}

/* Reports what the program cannot report itself. */
static void report_failure(const struct weir_result *result)
{
    char sentence[600];
    const char *program = result->argv[0];
    int stopped = result->why != WEIR_STOP_NONE && result->why != WEIR_STOP_CANCELLED;
    /* As in a shell, Ctrl-C and SIGPIPE are not reported. */
    int died = result->end == WEIR_SIGNALED && result->why == WEIR_STOP_NONE
               && result->signal != SIGINT && result->signal != SIGPIPE;

    weir_result_sentence(result, sentence, sizeof sentence);
    if (result->end == WEIR_NOT_STARTED)
        cli_say(&cli_run, "%s", sentence);
    else if (stopped || died || result->end == WEIR_STATUS_LOST)
        cli_say(&cli_run, "%s: %s", program, sentence);
}

/* Prints and writes the document. Returns 0, or the exit status. */
static int write_document(const struct run_values *values, const struct weir_result *result)
{
    struct weir_error error;
    char *document;
    int status = 0, failed;

    if (!values->json && values->report == NULL)
        return 0;
    document = weir_result_json(result);
    if (document == NULL) {
        cli_say(&cli_run, "no memory for the document");
        return CLI_FAILED;
    }
    if (values->json) {
        failed = output_write(STDOUT_FILENO, document, strlen(document));
        if (failed != 0 && failed != EPIPE)
            cli_say(&cli_run, "cannot write the document to standard output: %s",
                    output_error(failed));
        if (failed != 0)
            status = output_status(failed, CLI_FAILED);
    }
    if (values->report != NULL && strcmp(values->report, "-") != 0
        && document_write(values->report, document, &error) < 0) {
        cli_say(&cli_run, "--report: %s", error.text);
        status = output_status(error.sys_errno, CLI_FAILED);
    }
    free(document);
    return status;
}

/* Runs it to its end. Returns 0 and sets the result, or CLI_FAILED. */
static int run_program(struct run_cmd *cmd)
{
    struct watch *watch = &cmd->watch;
    struct weir_error error;
    int failed = watch_open(watch, &error) < 0;
    unsigned had_nonblock = cmd->values.json ? 0 : blocking_begin();

    signals_catch_window();
    if (!failed) {
        cmd->options.timeout_ms = output_left_ms(cmd->options.timeout_ms);
        if (cmd->values.pty) {
            pass_through_prepare(&watch->through, &watch->terminal,
                                 cmd->options.input == WEIR_INPUT_FD
                                     && cmd->options.input_fd == STDIN_FILENO,
                                 &cmd->options);
        } else {
            cmd->options.terminal_fd = watch_terminal_fd(watch);
            cmd->options.terminal_background = watch->terminal.shared;
        }
        cmd->run = weir_run_start(watch->weir, &cmd->command, &cmd->options, on_done, cmd, &error);
        failed = cmd->run == NULL;
    }
    if (!failed) {
        watch->job = watch->through.run = cmd->run;
        watch->cancel = cancel_run;
        watch_job(watch);
        failed = weir_run_take(cmd->run, &cmd->result, &error) < 0;
        weir_run_free(cmd->run);
    }
    blocking_end(had_nonblock);
    watch_close(watch, failed || cmd->result.end == WEIR_SIGNALED);
    if (!failed)
        return 0;
    cli_say(&cli_run, "%s", error.text);
    return audit_end(&watch->audit, WEIR__AUDIT_ERROR, CLI_FAILED, error.text);
}

/* Reports the result. Returns the exit status. */
static int finish(struct run_cmd *cmd)
{
    const struct weir_result *result = &cmd->result;
    struct watch *watch = &cmd->watch;
    int cancelled = result->why == WEIR_STOP_CANCELLED;
    int interrupted = result->end == WEIR_SIGNALED && result->signal == SIGINT;
    int status = watch_status(watch, weir_result_status(result), cancelled), failed;
    char sentence[600];

    report_failure(result);
    failed = write_document(&cmd->values, result);
    if (failed != 0)
        return audit_end(&watch->audit, WEIR__AUDIT_ERROR, failed,
                         "its document could not be written");
    weir_result_sentence(result, sentence, sizeof sentence);
    failed = audit_end(&watch->audit, weir__audit_outcome_of(result->end, result->why, status),
                       status, sentence);
    return failed != status ? failed : watch_end(watch, status, cancelled, interrupted);
}

int cmd_run(int argc, char **argv)
{
    struct run_cmd cmd = {.input_fd = -1};
    struct cli_parsed parsed;
    int status;

    set_defaults(&cmd.values);
    status = cli_parse(&cli_run, argc, argv, &cmd.values, &parsed);
    if (status != CLI_GO_ON)
        return status;
    status = check_command_line(&cmd.values, &parsed);
    if (status == 0)
        status = prepare_run(&cmd, &parsed);
    if (status == 0)
        status = audit_begin(&cmd.watch.audit, &cli_run, &parsed, parsed.words.items[0]);
    if (status == 0)
        status = run_program(&cmd);
    if (status == 0)
        status = finish(&cmd);
    if (cmd.input_fd >= 0)
        close(cmd.input_fd);
    weir_result_clear(&cmd.result);
    free(cmd.inherited);
    cli_parsed_clear(&parsed);
    return status;
}
