/* cli/probe_contract.h - weir probe --contract: checks a report against a contract. */
#ifndef WEIR_CLI_PROBE_CONTRACT_H
#define WEIR_CLI_PROBE_CONTRACT_H

#include <stdio.h>

#include <jansson.h>

#include "probe/contract.h"

/* Reads a contract. Returns 0, or reports the error and returns the exit status. The caller owns
 * it. */
int probe_contract_read(const char *path, struct weir__contract **contract);

/* Checks the report against it, and adds the member "contract" to the report:
 * {"file", "ok", "count", "findings": [{"instance", "schema", "text"}]}.
 * Returns 0 if it is satisfied, 1 if it is violated, or CLI_FAILED after reporting why. */
int probe_contract_hold(const struct weir__contract *contract, const char *path, json_t *report);

/* Prints that member as text. */
void probe_contract_print(const json_t *report, FILE *out);

#endif
