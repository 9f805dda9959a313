/* weir audit - verify and show the record of what was started. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/key.h"
#include "cli/opts_audit.h"
#include "cli/audit_month.h"
#include "cli/audit_show.h"
#include "cli/files.h"

struct audit_cmd {
    struct audit_values values;
    struct cli_parsed parsed;
    struct audit_files log;
    struct weir__audit_key key;
    struct weir__audit_verdict verdict;
};

static int report_error(const struct weir_error *error)
{
    cli_say(&cli_audit, "%s", error->text);
    return error->status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE;
}

/* --- verify -------------------------------------------------------------------- */

static int read_key(struct audit_cmd *cmd)
{
    const char *path = cmd->values.key_file;
    struct weir_error error;

    if (path == NULL)
        path = getenv(WEIR__AUDIT_KEY_VARIABLE);
    else if (strcmp(path, "none") == 0)
        path = NULL;
    return weir__audit_key_open(&cmd->key, path, &error) < 0 ? report_error(&error) : 0;
}

static int check_hash(const char *option, const char *hash)
{
    if (hash == NULL || weir__audit_is_hash(hash))
        return 0;
    cli_say(&cli_audit, "--%s: invalid hash \"%.80s\": use the 64 digits that verify prints",
            option, hash);
    return CLI_USAGE;
}

static int verify_log(struct audit_cmd *cmd)
{
    const struct weir__audit_expected expected = {.after = cmd->values.after,
                                                  .last = cmd->values.expect_last};
    struct weir_error error;

    for (size_t i = 0; i < cmd->log.count; i++)
        lseek(cmd->log.files[i].fd, 0, SEEK_SET);
    if (weir__audit_verify(cmd->log.files, cmd->log.count, &cmd->key, &expected, &cmd->verdict,
                           &error)
        < 0)
        return report_error(&error);
    return 0;
}

/* Cuts a torn tail, if that is the only fault, and verifies again. */
static int repair_tail(struct audit_cmd *cmd)
{
    const struct weir__audit_verdict *verdict = &cmd->verdict;
    const char *name = cmd->log.files[verdict->file].name;
    struct weir_error error;
    int64_t length;
    int fd;

    if (!verdict->is_tail || verdict->file + 1 < cmd->log.count)
        return 0;
    fd = open(name, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        cli_say(&cli_audit, "cannot write %s: %s", name, strerror(errno));
        return CLI_USAGE;
    }
    length = weir__audit_repair(fd, name, verdict, &error);
    close(fd);
    if (length < 0)
        return report_error(&error);
    cli_put(stdout, "%s: cut %" PRId64 " bytes behind record %" JSON_INTEGER_FORMAT, name, length,
            verdict->last.seq);
    putchar('\n');
    return verify_log(cmd);
}

static void print_sound(const struct audit_cmd *cmd)
{
    const struct weir__audit_verdict *verdict = &cmd->verdict;
    const char *id = cmd->key.id;
    uint64_t unfinished = verdict->started > verdict->ended ? verdict->started - verdict->ended : 0;

    cli_put(stdout, "%s: OK: %" PRIu64 " records", cmd->log.files[cmd->log.count - 1].name,
            verdict->records);
    if (cmd->log.count > 1)
        printf(" in %zu files", cmd->log.count);
    printf(": %" PRIu64 " started, %" PRIu64 " ended, %" PRIu64 " unfinished", verdict->started,
           verdict->ended, unfinished);
    if (verdict->calls > 0)
        printf(", %" PRIu64 " calls", verdict->calls);
    putchar('\n');
    cli_put(stdout, "made: %s%s%s\n", weir__audit_key_algorithm(&cmd->key),
            *id != '\0' ? " under the key " : ", without a key", id);
}

static void print_fault(const struct audit_cmd *cmd)
{
    const struct weir__audit_verdict *verdict = &cmd->verdict;

    cli_put(stdout, "%s:", cmd->log.files[verdict->file].name);
    if (verdict->line > 0)
        printf("%" PRIu64 ":", verdict->line);
    cli_put(stdout, " %s: %s", weir__audit_fault_name(verdict->fault), verdict->sentence);
    putchar('\n');
    cli_put(stdout, "before that: %" PRIu64 " record%s\n", verdict->records,
            verdict->records == 1 ? " holds" : "s hold");
}

/* Returns 0 and the verdict, or the exit status. */
static int reach_verdict(struct audit_cmd *cmd)
{
    int status = check_hash("expect-last", cmd->values.expect_last);

    if (status == 0)
        status = check_hash("after", cmd->values.after);
    if (status == 0)
        status = read_key(cmd);
    return status == 0 ? verify_log(cmd) : status;
}

static int run_report(struct audit_cmd *cmd)
{
    int status = reach_verdict(cmd);

    if (status != 0)
        return status;
    if (cmd->verdict.fault == WEIR__AUDIT_SOUND || cmd->values.unverified)
        return audit_month(&cmd->values, &cmd->log, &cmd->verdict);
    cli_say(&cli_audit, "%s:%" PRIu64 ": %s: %s: --unverified reports it nevertheless",
            cmd->log.files[cmd->verdict.file].name, cmd->verdict.line,
            weir__audit_fault_name(cmd->verdict.fault), cmd->verdict.sentence);
    return 1;
}

static int run_verify(struct audit_cmd *cmd)
{
    int status = reach_verdict(cmd);

    if (status == 0 && cmd->values.repair_tail)
        status = repair_tail(cmd);
    if (status != 0)
        return status;
    if (cmd->verdict.fault == WEIR__AUDIT_SOUND)
        print_sound(cmd);
    else
        print_fault(cmd);
    cli_put(stdout, "last: %s\n", cmd->verdict.last.hash);
    if (cmd->verdict.is_tail && cmd->verdict.file + 1 == cmd->log.count)
        cli_say(&cli_audit, "nothing can be appended until --repair-tail removes it");
    return cmd->verdict.fault == WEIR__AUDIT_SOUND ? CLI_OK : 1;
}

/* --- The command line ---------------------------------------------------------- */

static int is_of_verb(int option, const char *verb)
{
    if (*verb == 's')
        return option >= AUDIT_SINCE && option <= AUDIT_JSON;
    if (*verb == 'r')
        return option <= AUDIT_AFTER || option >= AUDIT_JSON;
    return option < AUDIT_SINCE;
}

/* Rejects options of another verb. Returns 0, or the exit status. */
static int check_options(const struct audit_cmd *cmd, const char *verb)
{
    for (int i = 0; i < AUDIT_OPTION_COUNT; i++)
        if (cli_given(&cmd->parsed, (size_t)i) && !is_of_verb(i, verb))
            return cli_bad_usage(&cli_audit, "--%s cannot be used with %s", audit_options[i].name,
                                 verb);
    return 0;
}

/* Output must not go into a file that is read. Returns 0, or the exit status. */
static int check_files(const struct audit_cmd *cmd)
{
    const struct audit_values *values = &cmd->values;
    int use = values->repair_tail ? WEIR__FILE_WRITTEN : WEIR__FILE_READ;
    struct weir__file_set files = {0};
    struct weir_error error;

    weir__file_set_fd(&files, WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD, NULL, STDERR_FILENO);
    weir__file_set_fd(&files, WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD, NULL, STDOUT_FILENO);
    for (size_t i = 0; i < cmd->log.count; i++)
        weir__file_set_fd(&files, use, cmd->log.files[i].name, cmd->log.files[i].fd);
    if (values->key_file != NULL && strcmp(values->key_file, "none") != 0)
        weir__file_set_path(&files, WEIR__FILE_READ, "--key-file", values->key_file);
    return weir__file_set_end(&files, &error) < 0 ? report_error(&error) : 0;
}

static int execute(struct audit_cmd *cmd)
{
    const struct cli_list *words = &cmd->parsed.words;
    const char *verb = words->count > 0 ? words->items[0] : "";
    struct weir_error error;
    int status;

    if (strcmp(verb, "verify") != 0 && strcmp(verb, "show") != 0 && strcmp(verb, "report") != 0)
        return cli_bad_usage(&cli_audit,
                             *verb == '\0' ? "no verb given%.0s: use verify, show or report"
                                           : "unknown verb %.40s: use verify, show or report",
                             verb);
    if (words->count < 2)
        return cli_bad_usage(&cli_audit, "no file given");
    status = check_options(cmd, verb);
    if (status == 0 && *verb == 'r')
        status = audit_month_check(&cmd->values);
    if (status == 0)
        status = cli_check_stdout(&cli_audit, CLI_FAILED);
    if (status != 0)
        return status;
    if (audit_files_open(&cmd->log, words->items + 1, words->count - 1, &error) < 0)
        return report_error(&error);
    status = check_files(cmd);
    if (status != 0)
        return status;
    if (*verb == 'r')
        return run_report(cmd);
    return *verb == 'v' ? run_verify(cmd) : audit_show(&cmd->values, &cmd->log);
}

int cmd_audit(int argc, char **argv)
{
    struct audit_cmd cmd = {0};
    int status = cli_parse(&cli_audit, argc, argv, &cmd.values, &cmd.parsed);

    if (status != CLI_GO_ON)
        return status;
    status = execute(&cmd);
    audit_files_close(&cmd.log);
    weir__audit_key_clear(&cmd.key);
    cli_parsed_clear(&cmd.parsed);
    return status;
}
