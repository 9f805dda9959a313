/* cli/document.h - documents: files that weir reads, and files that it writes completely or not
 * at all. */
#ifndef WEIR_CLI_DOCUMENT_H
#define WEIR_CLI_DOCUMENT_H

#include <jansson.h>

#include <weir/error.h>

#include "base/buffer.h"

/* Reads a file, or with "-" standard input, to its end, and appends it to text.
 * Errors: SYSTEM, naming the path; NOMEM. */
int document_read(const char *path, struct weir__buffer *text, struct weir_error *error);

/* The same for a JSON document; duplicate names are an error. The caller owns it.  Returns NULL on
 * failure.  Errors: as above; SPEC, naming path and line. */
json_t *document_read_json(const char *path, struct weir_error *error);

/* The same for a text that was read from there. */
json_t *document_parse_json(const char *path, const char *text, size_t length,
                            struct weir_error *error);

/* Checks, before anything starts, whether a document can be written to path. Leaves no trace.
 * Errors: SYSTEM, naming the path. */
int document_check(const char *path, struct weir_error *error);

/* Writes text to a temporary file and renames it to path. Anything but a regular file (a pipe,
 * /dev/stderr) is written directly. On failure path is unchanged.
 * Errors: SYSTEM, naming the path. */
int document_write(const char *path, const char *text, struct weir_error *error);

/* Checks, before anything starts, that the report can be written. path may be NULL. mixes: why
 * "-", standard output, is not allowed, or NULL. Errors: INVALID (it would mix), SYSTEM. */
int report_check(const char *path, const char *mixes, struct weir_error *error);

/* Writes the document there, or to standard output, and frees it. document NULL: out of memory.
 * Errors: NOMEM, and those of weir__peer_fail(). */
int report_file(const char *path, char *document, struct weir_error *error);

#endif
