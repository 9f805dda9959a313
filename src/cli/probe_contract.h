/* cli/probe_contract.h - weir probe --contract: a report held against a contract. */
#ifndef WEIR_CLI_PROBE_CONTRACT_H
#define WEIR_CLI_PROBE_CONTRACT_H

#include <stdio.h>

#include <jansson.h>

#include "probe/contract.h"

/* Reads a contract.  Returns 0, or the status to exit with, having said why.  The
 * caller owns it. */
int probe_contract_read(const char *path, struct weir__contract **contract);

/* Holds the report against it.  Gives the report the member "contract":
 * {"file", "ok", "count", "findings": [{"instance", "schema", "text"}]}.
 * Returns 0 where it holds, 1 where it is broken, or CLI_FAILED, having said why. */
int probe_contract_hold(const struct weir__contract *contract, const char *path, json_t *report);

/* Prints that member for people. */
void probe_contract_print(const json_t *report, FILE *out);

#endif
