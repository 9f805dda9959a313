/* base/redact.h - removes secrets from a command line or an environment.
 *
 * By rule, not by guess; docs/audit.md lists the rules for users:
 *
 *   a name that speaks of a secret    --password=x  --api-key x  DB_TOKEN=x  ?sig=x
 *   a header that carries one         Authorization: x  X-Api-Key: x  Cookie: x
 *   a scheme and its credentials      Bearer x  Basic x
 *   the user part of a URL            https://who:x@host/
 *   a user with a password            -u who:x  --user who:x  --proxy-user who:x
 *   what looks like a known token     ghp_...  AKIA...  eyJ....e.s  -----BEGIN PRIVATE KEY
 *
 * They hold within a word too, since a stage of a pipeline and the argument of
 * `sh -c` are whole command lines.
 */
#ifndef WEIR_BASE_REDACT_H
#define WEIR_BASE_REDACT_H

#include <stddef.h>

#include <weir/error.h>

#include "base/buffer.h"

/* What stands in a secret's place. */
#define WEIR__REDACTED "***"

/* Appends word as it may be recorded.  before is the argument in front of it, which
 * may say what it is; NULL: none.  Errors: NOMEM. */
int weir__redact_add(struct weir__buffer *out, const char *word, const char *before,
                     struct weir_error *error);

#endif
