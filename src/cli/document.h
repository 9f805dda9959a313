/* cli/document.h - files that weir writes: there whole, or not at all. */
#ifndef WEIR_CLI_DOCUMENT_H
#define WEIR_CLI_DOCUMENT_H

#include <weir/error.h>

/* Finds out, before anything is begun, whether a document can be put at path.
 * Leaves no trace.  Errors: SYSTEM, naming the path. */
int document_check(const char *path, struct weir_error *error);

/* Writes text beside path and renames it there.  What is no regular file (a
 * pipe, /dev/stderr) is written to as it is.  On failure what was at path stays.
 * Errors: SYSTEM, naming the path. */
int document_write(const char *path, const char *text, struct weir_error *error);

#endif
