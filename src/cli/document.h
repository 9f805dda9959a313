/* cli/document.h - documents: files that weir reads, and those it writes: there whole,
 * or not at all. */
#ifndef WEIR_CLI_DOCUMENT_H
#define WEIR_CLI_DOCUMENT_H

#include <jansson.h>

#include <weir/error.h>

#include "base/buffer.h"

/* Reads a file, or with "-" standard input, to its end, and appends it to text.
 * Errors: SYSTEM, naming the path; NOMEM. */
int document_read(const char *path, struct weir__buffer *text, struct weir_error *error);

/* The same of a JSON document, of which no object may have a name twice.  The caller
 * owns it.  Returns NULL on failure.  Errors: as above; SPEC, naming path and line. */
json_t *document_read_json(const char *path, struct weir_error *error);

/* Finds out, before anything is begun, whether a document can be put at path.
 * Leaves no trace.  Errors: SYSTEM, naming the path. */
int document_check(const char *path, struct weir_error *error);

/* Writes text beside path and renames it there.  What is no regular file (a
 * pipe, /dev/stderr) is written to as it is.  On failure what was at path stays.
 * Errors: SYSTEM, naming the path. */
int document_write(const char *path, const char *text, struct weir_error *error);

/* Refuses, before anything is begun, a place where it cannot be put.  path NULL: none is
 * wanted.  mixes: what is wrong with "-", standard output; NULL: nothing.
 * Errors: INVALID (it would mix), SYSTEM. */
int report_check(const char *path, const char *mixes, struct weir_error *error);

/* Puts it there, or to standard output, and takes it.  document NULL: there is no memory
 * for one.  Errors: NOMEM, and those of weir__peer_fail(). */
int report_file(const char *path, char *document, struct weir_error *error);

#endif
