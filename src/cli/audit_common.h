/* cli/audit_common.h - the options --audit and --trace, for subcommands that start something.
 *
 * A subcommand sets `.audited = 1` in its table, which gives it the options, and calls:
 *
 *     status = audit_begin(&watch.audit, &cli_x, &parsed, target);   nothing was started yet
 *     ...                                                            events come by themselves
 *     status = audit_end(&watch.audit, outcome, status, sentence);   just before it leaves
 *
 * Without these options, both do nothing. The context that the subcommand opens gets the trace:
 * context->client.trace = audit.trace. A subcommand without a struct watch has a struct audit of
 * its own, and may pass it events with audit_add_event().
 */
#ifndef WEIR_CLI_AUDIT_COMMON_H
#define WEIR_CLI_AUDIT_COMMON_H

#include <jansson.h>
#include <stdint.h>

#include <weir/event.h>

#include "audit/journal.h"
#include "audit/record.h"
#include "cli/trace.h"

/* All zero: nothing is recorded. */
struct audit {
    const struct cli_command *command;
    struct weir__audit_log *log;
    json_t *started, *events;
    int64_t began_ns;
    struct weir__trace *trace;           /* NULL: none */
    struct weir__audit_journal *journal; /* of calls; NULL: none */
};

/* Opens the trace and writes the record "started". target: what is started, or NULL. Returns 0, or
 * reports the error and returns the exit status: nothing may be started. */
int audit_begin(struct audit *audit, const struct cli_command *command,
                const struct cli_parsed *parsed, const char *target);

/* For a server, after audit_begin(): calls are recorded, too. waits: whether --audit-fsync always
 * was asked for, so that an answer waits for its record. Returns as audit_begin(). */
int audit_begin_calls(struct audit *audit, const struct cli_parsed *parsed,
                      struct weir__audit_bells bells, int *waits);

/* Records a call; only with a journal. Returns as weir__audit_journal_add(). */
uint64_t audit_add_call(struct audit *audit, const struct weir__audit_call *call);

/* Adds an event to the record "ended". */
void audit_add_event(struct audit *audit, const struct weir_event *event);

/* Writes the record "ended", and closes the log and the trace. detail: a sentence, "" or NULL for
 * none. Returns status, or reports the error and returns CLI_FAILED. */
int audit_end(struct audit *audit, enum weir__audit_outcome outcome, int status,
              const char *detail);

#endif
