/* audit/rotation.h - the files that a log is in: FILE.000001, FILE.000002 and so on,
 * oldest first, and last FILE itself. */
#ifndef WEIR_AUDIT_ROTATION_H
#define WEIR_AUDIT_ROTATION_H

#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

/* The numbers of the files that were rotated out, in order.  The caller owns
 * *numbers: free().  Errors: SYSTEM, NOMEM. */
int weir__audit_rotated(const char *path, uint64_t **numbers, size_t *count,
                        struct weir_error *error);

/* The name of such a file.  The caller owns it; NULL when memory is short. */
char *weir__audit_rotated_name(const char *path, uint64_t number);

#endif
