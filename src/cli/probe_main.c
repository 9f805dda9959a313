/* weir-probe, the program behind "weir probe": finds tools and reports them. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/weir.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "cli/opts_probe.h"
#include "cli/document.h"
#include "cli/files.h"
#include "cli/output.h"
#include "cli/probe_compare.h"
#include "cli/probe_contract.h"
#include "cli/probe_table.h"
#include "cli/startup.h"
#include "cli/watch.h"
#include "probe/probe.h"
#include "proc/result_json.h"

extern char **environ;

const struct cli_command *const cli_commands[] = {&cli_probe, NULL};

enum { DOCUMENTS_MS = 60000 }; /* to read all of them, without --timeout */

struct probe_cmd {
    struct probe_values values;
    struct cli_parsed parsed;
    struct weir__detector **outside;      /* of --detector */
    const struct weir__detector **chosen; /* these run */
    size_t outside_count, chosen_count;
    struct watch watch;
    struct weir__probe *probe;
    struct weir__contract *contract;
    json_t *report;
};

/* --- Detectors ------------------------------------------------------------------ */

/* Returns NULL and sets *status to the exit status. */
static struct weir__detector *read_detector(const char *path, int *status)
{
    struct weir__detector *detector = NULL;
    struct weir__buffer text = {0};
    struct weir_error error;

    if (document_read(path, &text, &error) == 0)
        detector = weir__detector_parse(text.bytes, text.length, path, &error);
    weir__buffer_clear(&text);
    if (detector != NULL)
        return detector;
    cli_say(&cli_probe, "--detector: %s: nothing was run", error.text);
    *status = error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE;
    return NULL;
}

static const struct weir__detector *find_detector(const struct probe_cmd *cmd, const char *name)
{
    for (size_t i = 0; i < cmd->outside_count; i++)
        if (strcmp(cmd->outside[i]->name, name) == 0)
            return cmd->outside[i];
    return weir__detector_find(name);
}

/* Returns 0, or the exit status. */
static int read_detectors(struct probe_cmd *cmd)
{
    const struct cli_list *files = &cmd->values.detectors;

    cmd->outside = calloc(files->count + 1, sizeof(struct weir__detector *));
    cmd->chosen = calloc(weir__detector_count + files->count + cmd->values.only.count + 1,
                         sizeof(const struct weir__detector *));
    if (cmd->outside == NULL || cmd->chosen == NULL) {
        cli_say(&cli_probe, "no memory for detectors");
        return CLI_FAILED;
    }
    for (size_t i = 0; i < files->count; i++) {
        int status;
        struct weir__detector *detector = read_detector(files->items[i], &status);

        if (detector == NULL)
            return status;
        if (find_detector(cmd, detector->name) != NULL) {
            cli_say(&cli_probe, "--detector: %s: duplicate detector \"%s\": rename one",
                    files->items[i], detector->name);
            weir__detector_free(detector);
            return CLI_USAGE;
        }
        cmd->outside[cmd->outside_count++] = detector;
    }
    return 0;
}

static void add_detector(struct probe_cmd *cmd, const struct weir__detector *detector)
{
    for (size_t i = 0; i < cmd->chosen_count; i++)
        if (cmd->chosen[i] == detector)
            return;
    cmd->chosen[cmd->chosen_count++] = detector;
}

/* Returns 0, or the exit status. */
static int choose_detectors(struct probe_cmd *cmd)
{
    const struct cli_list *only = &cmd->values.only;

    for (size_t i = 0; i < only->count; i++) {
        const struct weir__detector *detector = find_detector(cmd, only->items[i]);

        if (detector == NULL)
            return cli_bad_usage(&cli_probe,
                                 "--only: unknown detector \"%.60s\": --list shows the names",
                                 only->items[i]);
        add_detector(cmd, detector);
    }
    for (size_t i = 0; i < weir__detector_count && only->count == 0; i++)
        add_detector(cmd, &weir__detectors[i]);
    for (size_t i = 0; i < cmd->outside_count && only->count == 0; i++)
        add_detector(cmd, cmd->outside[i]);
    return 0;
}

static void list_detectors(const struct probe_cmd *cmd)
{
    for (size_t i = 0; i < cmd->chosen_count; i++) {
        const struct weir__detector *detector = cmd->chosen[i];

        cli_put(stdout, "%-12s", detector->name);
        for (size_t j = 0; j < WEIR__DETECTOR_RUNS && detector->runs[j].label != NULL; j++)
            cli_put(stdout, "%s %s", j > 0 ? "," : "", detector->runs[j].label);
        cli_put(stdout, " of %s", detector->programs[0]);
        putchar('\n');
    }
}

/* --- The probe ------------------------------------------------------------------- */

static void on_over(void *context)
{
    struct probe_cmd *cmd = context;

    cmd->watch.over = 1;
}

static void cancel_probe(void *job)
{
    weir__probe_cancel(job);
}

/* Returns 0 and sets the report, or CLI_FAILED. */
static int run_probe(struct probe_cmd *cmd)
{
    const struct weir__probe_options options = {
        .detectors = cmd->chosen,
        .count = cmd->chosen_count,
        .timeout_ms = cmd->values.timeout_ms,
        .activate = cmd->values.activate,
        .environment = environ,
    };
    struct watch *watch = &cmd->watch;
    struct weir_error error = {.text = "no memory for the report"};

    if (watch_open(watch, &error) == 0)
        cmd->probe = weir__probe_start(watch->weir, &options, on_over, cmd, &error);
    if (cmd->probe != NULL) {
        watch->job = cmd->probe;
        watch->cancel = cancel_probe;
        watch_job(watch);
        cmd->report = weir__probe_report(cmd->probe);
        weir__probe_free(cmd->probe);
    }
    watch_close(watch, 0);
    if (cmd->report != NULL)
        return 0;
    cli_say(&cli_probe, "%s", error.text);
    return CLI_FAILED;
}

/* Hashes the contract's libraries, which become part of the report. Returns 0, or CLI_FAILED. */
static int hash_libraries(struct probe_cmd *cmd)
{
    struct weir_error error = {0};
    json_t *libs = cmd->contract != NULL ? weir__contract_hash(cmd->contract, &error) : NULL;

    if (libs == NULL && error.status == WEIR_OK)
        return 0;
    if (libs != NULL && json_object_set_new(cmd->report, "libs", libs) == 0
        && weir__probe_sign(cmd->report) == 0)
        return 0;
    cli_say(&cli_probe, "no memory for the libraries");
    return CLI_FAILED;
}

/* Holds the report against the contract.  Returns the exit status. */
static int check_contract(struct probe_cmd *cmd)
{
    int status = hash_libraries(cmd);

    if (status != 0 || cmd->contract == NULL)
        return status;
    return probe_contract_hold(cmd->contract, cmd->values.contract, cmd->report);
}

/* Prints and writes the report. Returns 0, or CLI_FAILED. */
static int write_report(const struct probe_cmd *cmd)
{
    const char *path = cmd->values.report;
    int json = cmd->values.json || (path == NULL && !isatty(STDOUT_FILENO)), status = 0, failed;
    char *document = weir__json_print(json_incref(cmd->report));
    struct weir_error error;

    if (document == NULL) {
        cli_say(&cli_probe, "no memory for the document");
        return CLI_FAILED;
    }
    if (json || (path != NULL && strcmp(path, "-") == 0))
        fputs(document, stdout);
    else {
        probe_table_print(cmd->report, stdout);
        probe_contract_print(cmd->report, stdout);
    }
    failed = cli_flush();
    if (failed != 0) {
        cli_say(&cli_probe, "cannot write to standard output: %s", output_error(failed));
        status = output_status(failed, CLI_FAILED);
    }
    if (path != NULL && strcmp(path, "-") != 0 && document_write(path, document, &error) < 0) {
        cli_say(&cli_probe, "--report: %s", error.text);
        status = output_status(error.sys_errno, CLI_FAILED);
    }
    free(document);
    return status;
}

/* Returns 0, or the exit status. */
static int check_compare(const struct probe_cmd *cmd)
{
    static const enum probe_option others[] = {PROBE_ONLY,    PROBE_DETECTOR, PROBE_LIST,
                                               PROBE_TIMEOUT, PROBE_ACTIVATE, PROBE_REPORT};
    const struct probe_values *values = &cmd->values;

    if (cmd->parsed.words.count != 2)
        return cli_bad_usage(&cli_probe, "--compare requires two reports, A.json and B.json");
    if ((values->env != NULL) != (values->contract != NULL))
        return cli_bad_usage(&cli_probe,
                             "--compare requires both --contract and --env, or neither");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (cli_given(&cmd->parsed, others[i]))
            return cli_bad_usage(&cli_probe, "--compare cannot be combined with --%s",
                                 probe_options[others[i]].name);
    return 0;
}

/* Returns 0, or the exit status. */
static int check_command_line(const struct probe_cmd *cmd)
{
    const char *path = cmd->values.report;
    struct weir_error error;

    if (cmd->values.env != NULL && !cmd->values.compare)
        return cli_bad_usage(&cli_probe, "--env requires --compare and --contract");
    if (cmd->values.compare)
        return check_compare(cmd);
    if (cmd->parsed.words.count > 0)
        return cli_bad_usage(&cli_probe, "unexpected argument \"%.80s\": select tools with --only",
                             cmd->parsed.words.items[0]);
    if (path == NULL || strcmp(path, "-") == 0 || document_check(path, &error) == 0)
        return 0;
    cli_say(&cli_probe, "--report: %s: nothing was run", error.text);
    return CLI_FAILED;
}

static int probe_tools(struct probe_cmd *cmd)
{
    struct watch *watch = &cmd->watch;
    int status = audit_begin(&watch->audit, &cli_probe, &cmd->parsed, "probe");
    int cancelled, failed;

    if (status != 0)
        return status;
    if (run_probe(cmd) != 0)
        return audit_end(&watch->audit, WEIR__AUDIT_ERROR, CLI_FAILED, "it could not be started");
    cancelled = watch->ended_by != 0;
    status = cancelled ? 0 : check_contract(cmd);
    failed = write_report(cmd);
    status = watch_status(watch, failed != 0 ? failed : status, cancelled);
    return audit_end(&watch->audit,
                     cancelled     ? WEIR__AUDIT_CANCELLED
                     : status == 0 ? WEIR__AUDIT_OK
                                   : WEIR__AUDIT_ERROR,
                     status, "");
}

static int compare_reports(struct probe_cmd *cmd)
{
    struct audit *audit = &cmd->watch.audit;
    int status = audit_begin(audit, &cli_probe, &cmd->parsed, "probe");

    if (status != 0)
        return status;
    status = probe_compare(&cmd->values, &cmd->parsed.words);
    return audit_end(audit, status <= 1 ? WEIR__AUDIT_OK : WEIR__AUDIT_ERROR, status, "");
}

/* Returns 0, or the exit status. */
static int check_files(const struct probe_cmd *cmd)
{
    const struct probe_values *values = &cmd->values;
    const struct cli_list *words = &cmd->parsed.words;
    struct weir__file_set files = {0};
    struct weir_error error;

    files_begin(&files, &cmd->parsed);
    weir__file_set_fd(&files, WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD, NULL, STDOUT_FILENO);
    files_add(&files, WEIR__FILE_READ, "--contract", values->contract);
    for (size_t i = 0; i < values->detectors.count; i++)
        files_add(&files, WEIR__FILE_READ, "--detector", values->detectors.items[i]);
    for (size_t i = 0; values->compare && i < words->count; i++)
        files_add(&files, WEIR__FILE_READ, "a report to compare", words->items[i]);
    files_add(&files, WEIR__FILE_WRITTEN, "--report", values->report);
    if (weir__file_set_end(&files, &error) == 0)
        return 0;
    cli_say(&cli_probe, "%s: nothing was run", error.text);
    return files_status(&cli_probe, &error);
}

static int run(int argc, char **argv)
{
    struct probe_cmd cmd = {.values = {.timeout_ms = WEIR__PROBE_TIMEOUT_MS}};
    int status = cli_parse(&cli_probe, argc, argv, &cmd.values, &cmd.parsed);

    if (status != CLI_GO_ON)
        return status;
    status = check_files(&cmd);
    if (status == 0)
        status = check_command_line(&cmd);
    if (status == 0)
        status = cli_check_stdout(&cli_probe, CLI_FAILED);
    /* Documents may come through a FIFO. */
    output_set_deadline(weir__clock_ns(), cli_given(&cmd.parsed, PROBE_TIMEOUT)
                                              ? cmd.values.timeout_ms
                                              : DOCUMENTS_MS);
    if (status == 0 && !cmd.values.compare && cmd.values.contract != NULL)
        status = probe_contract_read(cmd.values.contract, &cmd.contract);
    if (status == 0)
        status = read_detectors(&cmd);
    if (!cmd.values.compare) /* --compare reads more later */
        output_set_deadline(0, WEIR_FOREVER);
    if (status == 0)
        status = choose_detectors(&cmd);
    if (status == 0 && cmd.values.list)
        list_detectors(&cmd);
    else if (status == 0)
        status = cmd.values.compare ? compare_reports(&cmd) : probe_tools(&cmd);
    weir__contract_free(cmd.contract);
    for (size_t i = 0; i < cmd.outside_count; i++)
        weir__detector_free(cmd.outside[i]);
    free(cmd.outside);
    free(cmd.chosen);
    json_decref(cmd.report);
    free(cmd.values.only.items);
    free(cmd.values.detectors.items);
    cli_parsed_clear(&cmd.parsed);
    return status;
}

int main(int argc, char **argv)
{
    static char name[] = "probe";

    startup(NULL);
    if (argc > 0)
        argv[0] = name; /* the name in help and audit log */
    return startup_finish(&cli_probe, run(argc, argv));
}
