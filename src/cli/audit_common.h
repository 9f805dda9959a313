/* cli/audit_common.h - the option --audit, for every subcommand that starts something.
 *
 * A subcommand says `.audited = 1` in its table, which gives it the options, and then:
 *
 *     status = audit_begin(&watch.audit, &cli_x, &parsed, target);   nothing was started yet
 *     ...                                                            events come by themselves
 *     status = audit_end(&watch.audit, outcome, status, sentence);   just before it leaves
 *
 * Where no log was asked for, both do nothing.  One without a struct watch keeps a
 * struct audit of its own, and may give it events by audit_add_event().
 */
#ifndef WEIR_CLI_AUDIT_COMMON_H
#define WEIR_CLI_AUDIT_COMMON_H

#include <jansson.h>
#include <stdint.h>

#include <weir/event.h>

#include "audit/outcome.h"
#include "cli/options.h"

/* All zero: nothing is recorded. */
struct audit {
    const struct cli_command *command;
    struct weir__audit_log *log;
    json_t *started, *events;
    int64_t began_ns;
};

/* Writes the record "started".  target: what is started; NULL: it has no name.
 * Returns 0; or, having said why, the status to exit with: nothing may be started. */
int audit_begin(struct audit *audit, const struct cli_command *command,
                const struct cli_parsed *parsed, const char *target);

/* Keeps what an event has to say for the record "ended". */
void audit_add_event(struct audit *audit, const struct weir_event *event);

/* Writes the record "ended" and closes the log.  detail: a sentence, "" or NULL for
 * none.  Returns status; or, having said why, CLI_FAILED when it cannot be written. */
int audit_end(struct audit *audit, enum weir__audit_outcome outcome, int status,
              const char *detail);

#endif
