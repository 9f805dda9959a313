/* cli/serve_audit.h - the records of calls of weir serve (--audit). */
#ifndef WEIR_CLI_SERVE_AUDIT_H
#define WEIR_CLI_SERVE_AUDIT_H

#include "cli/audit_common.h"
#include "cli/opts_serve.h"
#include "pool/server.h"
#ifdef WEIR_HTTP
#include "web/door.h"
#endif

/* The pipes: -1 at first. */
struct serve_audit {
    struct audit audit;
    int failed[2];  /* readable once calls cannot be recorded */
    int written[2]; /* readable when more records are on disk */
    int waits;      /* answers over HTTP wait for their records */
    int keeps_arguments;
};

/* Writes the record "started", and has the server tell of its calls. program: of the first worker.
 * Returns 0, or the exit status after a message. */
int serve_audit_begin(struct serve_audit *calls, const struct serve_values *values,
                      const struct cli_parsed *parsed, const char *program,
                      struct weir__server *server);

#ifdef WEIR_HTTP
/* Has the web door tell of its calls, too. */
void serve_audit_web(struct serve_audit *calls, struct weir__web_options *options);
#endif

/* Whether calls cannot be recorded any more; says so only once. */
int serve_audit_failed(struct serve_audit *calls, struct weir_error *error);

/* As audit_end(). */
int serve_audit_end(struct serve_audit *calls, enum weir__audit_outcome outcome, int status,
                    const char *detail);

#endif
