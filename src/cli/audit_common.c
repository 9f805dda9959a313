#include "config.h"

#include "cli/audit_common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/journal.h"
#include "audit/key.h"
#include "audit/log.h"
#include "audit/record.h"
#include "base/clock.h"
#include "cli/opts_audit.h"

/* Environment variables for options that are not given. */
static const struct {
    enum audit_shared option;
    const char *variable;
} variables[] = {
    {AUDIT_FILE, "WEIR_AUDIT"},
    {AUDIT_FSYNC, "WEIR_AUDIT_FSYNC"},
    {AUDIT_MAX_SIZE, "WEIR_AUDIT_MAX_SIZE"},
    {AUDIT_SYSLOG, "WEIR_AUDIT_SYSLOG"},
};

/* Applies the environment. set: the options that it or the command line has. Returns 0, or the exit
 * status. */
static int read_environment(const struct cli_command *command, const struct cli_parsed *parsed,
                            struct cli_audit_values *values, uint64_t *set)
{
    uint64_t given = parsed->given[CLI_TABLE_AUDIT];
    struct weir_error error;

    *values = parsed->audit;
    *set = given;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const struct cli_option *option = &cli_audit_options[variables[i].option];
        const char *value = getenv(variables[i].variable);

        if ((given >> variables[i].option & 1) || value == NULL || *value == '\0')
            continue;
        if (cli_store(option, value, (char *)values + option->offset, &error) < 0) {
            cli_say(command, "environment variable %s: %s", variables[i].variable, error.text);
            return CLI_FAILED;
        }
        *set |= (uint64_t)1 << variables[i].option;
    }
    if (values->file == NULL && given != 0)
        return cli_bad_usage(command, "this option requires --audit FILE");
    return 0;
}

static void fill_options(struct weir__audit_options *options, const struct cli_audit_values *values)
{
    *options = (struct weir__audit_options){
        .key_file = getenv(WEIR__AUDIT_KEY_VARIABLE),
        .path = values->file,
        .syslog = values->syslog,
        .max_size = values->max_size,
        .no_sync = values->fsync == AUDIT_FSYNC_NEVER,
    };
}

static void clear_audit(struct audit *audit)
{
    trace_end(&audit->trace, audit->command, CLI_FAILED, "nothing was started");
    weir__audit_close(audit->log);
    json_decref(audit->started);
    json_decref(audit->events);
    *audit = (struct audit){0};
}

static int fail_before_start(struct audit *audit, const struct weir_error *error)
{
    cli_say(audit->command, "%s: nothing was started", error->text);
    clear_audit(audit);
    return CLI_FAILED;
}

/* The record is in the file but could not be sent to syslog: the command ends before it starts. */
static int end_unstarted(struct audit *audit, const struct weir_error *error)
{
    struct weir__audit_end end = {.outcome = WEIR__AUDIT_ERROR,
                                  .status = CLI_FAILED,
                                  .detail = error->text,
                                  .events = audit->events};
    json_t *ended = weir__audit_ended(audit->started, &end, NULL);

    if (ended != NULL)
        weir__audit_append(audit->log, ended, NULL);
    json_decref(ended);
    return fail_before_start(audit, error);
}

int audit_begin(struct audit *audit, const struct cli_command *command,
                const struct cli_parsed *parsed, const char *target)
{
    struct weir__audit_command command_record = {.subcommand = command->name,
                                                 .argv = parsed->argv,
                                                 .target = target,
                                                 .traceparent = getenv("TRACEPARENT")};
    struct weir__audit_options options;
    struct cli_audit_values values;
    struct weir_error error;
    uint64_t set;
    int status = read_environment(command, parsed, &values, &set);

    *audit = (struct audit){.command = command, .began_ns = weir__clock_ns()};
    if (status == 0)
        status = trace_begin(&audit->trace, command, parsed, target);
    if (status != 0 || values.file == NULL)
        return status;
    fill_options(&options, &values);
    audit->log = weir__audit_open(&options, &error);
    if (audit->log == NULL)
        return fail_before_start(audit, &error);
    audit->events = json_array();
    audit->started = weir__audit_started(&command_record, &error);
    if (audit->started != NULL && audit->events == NULL)
        return fail_before_start(audit, &(struct weir_error){.text = "no memory for a record"});
    if (audit->started == NULL || weir__audit_append(audit->log, audit->started, &error) < 0)
        return fail_before_start(audit, &error);
    if (weir__audit_tell(audit->log, audit->started, &error) < 0)
        return end_unstarted(audit, &error);
    return 0;
}

int audit_begin_calls(struct audit *audit, const struct cli_parsed *parsed,
                      struct weir__audit_bells bells, int *waits)
{
    struct weir__audit_options options;
    struct cli_audit_values values;
    struct weir_error error;
    uint64_t set = 0;
    int status = audit->log != NULL ? read_environment(audit->command, parsed, &values, &set) : 0;

    *waits = 0;
    if (status != 0 || audit->log == NULL)
        return status;
    fill_options(&options, &values);
    *waits = values.fsync == AUDIT_FSYNC_ALWAYS && (set >> AUDIT_FSYNC & 1);
    if (!*waits)
        bells.written = -1;
    audit->journal = weir__audit_journal_open(&options, bells, &error);
    if (audit->journal != NULL)
        return 0;
    cli_say(audit->command, "%s: nothing was started", error.text);
    return audit_end(audit, WEIR__AUDIT_ERROR, CLI_FAILED, error.text);
}

uint64_t audit_add_call(struct audit *audit, const struct weir__audit_call *call)
{
    if (audit->journal == NULL)
        return 0;
    return weir__audit_journal_add(audit->journal, weir__audit_called(audit->started, call, NULL));
}

void audit_add_event(struct audit *audit, const struct weir_event *event)
{
    if (audit->log != NULL)
        weir__audit_hear(&audit->events, event);
}

int audit_end(struct audit *audit, enum weir__audit_outcome outcome, int status, const char *detail)
{
    struct weir__audit_end end = {.outcome = outcome, .status = status, .detail = detail};
    struct weir_error error;
    char journal_failure[sizeof error.text];
    json_t *ended;
    int failed, has_gap;

    if (audit->command != NULL)
        status = trace_end(&audit->trace, audit->command, status, detail);
    if (audit->log == NULL)
        return status;
    has_gap = weir__audit_journal_close(audit->journal, &error) < 0;
    if (has_gap && status == 0) {
        cli_say(audit->command, "%s: the last calls are not in the audit log", error.text);
        status = CLI_FAILED;
        end.outcome = WEIR__AUDIT_ERROR;
        snprintf(journal_failure, sizeof journal_failure, "%s", error.text);
        end.detail = journal_failure;
    }
    audit->journal = NULL;
    end.status = status;
    end.events = audit->events;
    end.wall_ns = weir__clock_ns() - audit->began_ns;
    ended = weir__audit_ended(audit->started, &end, &error);
    failed = ended == NULL || weir__audit_append(audit->log, ended, &error) < 0
             || weir__audit_tell(audit->log, ended, &error) < 0;
    if (failed && !has_gap) /* that was said */
        cli_say(audit->command, "%s: the end of this run is not in the audit log", error.text);
    json_decref(ended);
    clear_audit(audit);
    return failed ? CLI_FAILED : status;
}
