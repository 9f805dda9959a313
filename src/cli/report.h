/* cli/report.h - the document that --report asks for. */
#ifndef WEIR_CLI_REPORT_H
#define WEIR_CLI_REPORT_H

#include <weir/error.h>

/* Refuses, before anything is begun, a place where it cannot be put.  path NULL: none is
 * wanted.  mixes: what is wrong with "-", standard output; NULL: nothing.
 * Errors: INVALID (it would mix), SYSTEM. */
int report_check(const char *path, const char *mixes, struct weir_error *error);

/* Puts it there, or to standard output, and takes it.  document NULL: there is no memory
 * for one.  Errors: NOMEM, and those of weir__peer_fail(). */
int report_file(const char *path, char *document, struct weir_error *error);

#endif
