/* probe/probe.h - look for tools, all at once, and tell what was found.
 *
 *   activation -> candidates -> all runs of all detectors -> over
 *   (if asked)    on the PATH   each with its own timeout
 *
 * All of it belongs to the thread that dispatches the context.
 *
 * A detector that hangs, floods or dies is a finding like any other: no other one
 * waits for it longer than its timeout, and none is spoilt by it.
 */
#ifndef WEIR_PROBE_PROBE_H
#define WEIR_PROBE_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <weir/context.h>
#include <weir/error.h>

#include "probe/detector.h"

enum { WEIR__PROBE_TIMEOUT_MS = 10000 };

struct weir__probe_options {
    const struct weir__detector *const *detectors; /* borrowed until the probe is freed */
    size_t count;
    int64_t timeout_ms;       /* of each run; a detector's own goes before it when it is less */
    const char *activate;     /* shell command that sets up the environment; NULL: none */
    char *const *environment; /* "NAME=VALUE", ends with NULL; borrowed */
};

struct weir__probe;

/* Starts a probe.  done is called once, from the context's loop, when it is over;
 * NULL: nobody asks.  The caller owns it: weir__probe_free().  Returns NULL on
 * failure.  Errors: NOMEM. */
struct weir__probe *weir__probe_start(weir_t *weir, const struct weir__probe_options *options,
                                      void (*done)(void *context), void *context,
                                      struct weir_error *error);

/* Stops what still runs; then it is over as ever, and its findings say so. */
void weir__probe_cancel(struct weir__probe *probe);

/* Waits until it is over.  Errors: SYSTEM. */
int weir__probe_wait(struct weir__probe *probe, struct weir_error *error);

/* The document of docs/schemas/probe-report.schema.json.  A new reference; NULL while
 * the probe is not over, or when memory is short. */
json_t *weir__probe_report(const struct weir__probe *probe);

/* Frees it; what still runs is killed.  Accepts NULL. */
void weir__probe_free(struct weir__probe *probe);

/* {"id": "debian", "version": "12"}, null for what is not told. */
json_t *weir__os_release(void);

/* What matters in a report (docs/probe.md): equal for equal environments, on any
 * machine, and at the same places as in the report.  A new reference, or NULL when
 * memory is short. */
json_t *weir__probe_essence(const json_t *report);

/* Sets the report's fingerprint: the SHA-256 of its essence.  Again after something
 * that matters was added, as "libs" is.  Returns 0, or -1 when memory is short. */
int weir__probe_sign(json_t *report);

#endif
