/* audit/log.h - a log that records are appended to, by many processes at once.
 *
 * An append holds the file's lock, reads the last record again, and writes one line
 * behind it in one write.  What cannot be written whole is taken back.  A tail that a
 * killed writer left behind is never written after: append says so until somebody
 * has looked at it (weir audit verify --repair-tail).
 */
#ifndef WEIR_AUDIT_LOG_H
#define WEIR_AUDIT_LOG_H

#include <jansson.h>
#include <stdint.h>

#include <weir/error.h>

/* All borrowed. */
struct weir__audit_options {
    const char *path;
    const char *key_file; /* NULL: no key */
    const char *syslog;   /* a socket for a second copy; NULL: none */
    uint64_t max_size;    /* rotate before a file gets larger; 0: never */
    int no_sync;          /* do not wait for the disk */
    int syncs_late;       /* with no_sync: weir__audit_sync() waits for several records */
};

struct weir__audit_log;

/* Reads the key and finds the socket.  The file is made by the first append.
 * Returns NULL on failure.  Errors: INVALID, SYSTEM, NOMEM. */
struct weir__audit_log *weir__audit_open(const struct weir__audit_options *options,
                                         struct weir_error *error);

void weir__audit_close(struct weir__audit_log *log);

/* Gives record its time and place, and writes it.  On failure nothing of it is in
 * the file, unless it was the disk that failed afterwards.
 * Errors: SYSTEM, INVALID (the log cannot be appended to as it is), TIMEOUT, NOMEM. */
int weir__audit_append(struct weir__audit_log *log, json_t *record, struct weir_error *error);

/* Waits until all that was appended is on disk. Errors: SYSTEM. */
int weir__audit_sync(struct weir__audit_log *log, struct weir_error *error);

/* Sends the record that was appended last to the socket too, where there is one.
 * Errors: SYSTEM, NOMEM. */
int weir__audit_tell(struct weir__audit_log *log, const json_t *record, struct weir_error *error);

#endif
