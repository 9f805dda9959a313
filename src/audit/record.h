/* audit/record.h - what a record has of a command, before it has its place in a chain.
 *
 * Two records a command: "started" before anything is, and "ended".  Each says all
 * of who, what and where again, so that a line is understood alone.  A server has a record "call"
 * for each call in between.
 */
#ifndef WEIR_AUDIT_RECORD_H
#define WEIR_AUDIT_RECORD_H

#include <jansson.h>
#include <stdint.h>

#include <weir/error.h>
#include <weir/event.h>

#include "audit/outcome.h"

/* How much of a command line a record holds.  What is beyond is cut, and the record
 * says so and has a digest of the whole. */
enum {
    WEIR__AUDIT_ARGUMENT_BYTES = 4096,
    WEIR__AUDIT_ARGUMENTS_BYTES = 32768,
    WEIR__AUDIT_ARGUMENTS = 512,
    WEIR__AUDIT_EVENTS = 32,
};

/* All borrowed.  Secrets are taken out on the way. */
struct weir__audit_command {
    const char *subcommand;
    char *const *argv;       /* of weir, from the subcommand on; NULL-terminated */
    const char *target;      /* what is started; NULL: nothing that has a name */
    const char *traceparent; /* as the environment has it; NULL: none */
};

/* The record "started", with a job id of its own.  A new reference.
 * Errors: NOMEM. */
json_t *weir__audit_started(const struct weir__audit_command *command, struct weir_error *error);

struct weir__audit_end {
    enum weir__audit_outcome outcome;
    int status;         /* what weir exits with */
    const char *detail; /* a sentence; NULL or "": none */
    int64_t wall_ns;
    json_t *events; /* an array; borrowed */
};

/* The record "ended" for one that is "started".  A new reference.  Errors: NOMEM. */
json_t *weir__audit_ended(json_t *started, const struct weir__audit_end *end,
                          struct weir_error *error);

/* What a call over HTTP has besides.  NULL: unknown, or there is none. */
struct weir__audit_request {
    const char *id, *peer, *token, *subject;
    int status; /* of the response; 0: none was sent */
};

/* A call of a function. All borrowed; NULL: unknown, or there is none. */
struct weir__audit_call {
    const char *door;                          /* "worker", "mcp", "http": what the client speaks */
    const struct weir__audit_request *request; /* NULL: the door is another */
    uint64_t connection;
    const char *client, *label, *method, *traceparent;
    const void *arguments, *result; /* JSON; arguments NULL: unread; result NULL: it failed */
    size_t arguments_length, result_length;
    int keeps_arguments; /* the record has them, without secrets, and not only their digest */
    enum weir__audit_outcome outcome;
    int64_t wall_ns;
    int64_t pid; /* of the worker; 0: unknown */
};

/* The record "call", of a server that is "started".  A new reference, which shares nothing with
 * others.  Errors: NOMEM. */
json_t *weir__audit_called(const json_t *started, const struct weir__audit_call *call,
                           struct weir_error *error);

/* Adds to the array *events what is worth a line in a record: a timeout, a signal
 * sent, a spawner lost.  The array stays short. */
void weir__audit_hear(json_t **events, const struct weir_event *event);

#endif
