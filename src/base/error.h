/* base/error.h - fill a weir_error and return its code in one expression. */
#ifndef WEIR_BASE_ERROR_H
#define WEIR_BASE_ERROR_H

#include <weir/error.h>

/* Records the failure in error (NULL allowed) and returns status, so that a
 * failing path cannot forget to set its result:
 *
 *     return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for %s", name);
 *
 * With sys_errno set, ": " and its description are added to the text.
 */
int weir__fail(struct weir_error *error, enum weir_status status, int sys_errno, const char *format,
               ...) __attribute__((format(printf, 4, 5), cold));

#endif
