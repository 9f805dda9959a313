/* probe/contract.h - what a project needs of a machine: a JSON Schema for the report
 * of weir probe, and shared libraries by their hashes.
 *
 * A contract is a schema (schema/schema.h) whose root may have one member more:
 *
 *     "libs": [{"path": "/usr/lib/libssl.so.3", "sha256": "9f86d0..."}]
 *
 * A path is absolute.  Without sha256 the library is hashed and told, so that two reports can
 * be compared by it, and only has to be there.  What was hashed stands in the report:
 *
 *     "libs": [{"path": "...", "sha256": "9f86d0..." or null, "error": null or "ENOENT"}]
 */
#ifndef WEIR_PROBE_CONTRACT_H
#define WEIR_PROBE_CONTRACT_H

#include <stdbool.h>

#include <jansson.h>

#include <weir/error.h>

#include "schema/schema.h"

struct weir__contract;

/* Compiles a contract.  Holds a reference to document, which must not change any
 * more.  The caller owns it; free with weir__contract_free().  Returns NULL on
 * failure.  Errors: SPEC, with the JSON pointer of what is wrong; NOMEM. */
struct weir__contract *weir__contract_new(const json_t *document, struct weir_error *error);

/* Accepts NULL. */
void weir__contract_free(struct weir__contract *contract);

/* Hashes the libraries the contract names: the "libs" of a report of this machine.
 * One that is not there or cannot be read is told in the array, and is no error.
 * The caller owns it.  Returns NULL on failure, or where the contract names none:
 * then the error, which must be all zero before, has no status.  Errors: NOMEM. */
json_t *weir__contract_hash(const struct weir__contract *contract, struct weir_error *error);

/* Holds a report against schema and libraries, and adds what does not hold to
 * findings.  It looks at nothing but the report: of a library that should have been
 * hashed and was not, that is the finding.  Errors: as weir__schema_check(). */
int weir__contract_check(const struct weir__contract *contract, const json_t *report,
                         struct weir__findings *findings, struct weir_error *error);

/* Whether some x-env-diff of the contract speaks of the environment: a name that none
 * speaks of is likely misspelt. */
bool weir__contract_has_env(const struct weir__contract *contract, const char *env);

/* The x-env-diff of each place of a report, as weir__schema_check() tells them.  The
 * caller owns it.  Returns NULL on failure.  Errors: as weir__schema_check(). */
json_t *weir__contract_differences(const struct weir__contract *contract, const json_t *report,
                                   struct weir_error *error);

#endif
