/* audit/syslog.h - a copy of each record for the system's log, as RFC 5424 has it. */
#ifndef WEIR_AUDIT_SYSLOG_H
#define WEIR_AUDIT_SYSLOG_H

#include <jansson.h>
#include <stddef.h>

#include <weir/error.h>

struct weir__audit_syslog;

/* Connects to the socket at path, which is copied.  Returns NULL on failure.
 * Errors: SYSTEM, NOMEM. */
struct weir__audit_syslog *weir__audit_syslog_open(const char *path, struct weir_error *error);

/* NULL is fine. */
void weir__audit_syslog_close(struct weir__audit_syslog *syslog);

/* Sends a record that has its place, and its line without the newline.  Connects
 * again, once, where the other end has been restarted.  Errors: SYSTEM, NOMEM. */
int weir__audit_syslog_send(struct weir__audit_syslog *syslog, const json_t *record,
                            const char *line, size_t length, struct weir_error *error);

#endif
