/* pool/pins.h - what the tools of MCP servers were when somebody looked at them: a digest of each
 * tool's description, in a file.
 *
 *   {"weir":1,"kind":"pins","servers":{LABEL:{TOOL:SHA-256 of its canonical JSON}}}
 *
 * A tool that is new or has changed since is held back.
 */
#ifndef WEIR_POOL_PINS_H
#define WEIR_POOL_PINS_H

#include <jansson.h>
#include <stdbool.h>

#include <weir/error.h>

#include "base/digest.h"

/* weir__sha256(): the library has no cryptography, so the command gives it. */
typedef void weir__pins_digest(const void *bytes, size_t length, char hex[WEIR__DIGEST_SIZE]);

struct weir__pins {
    weir__pins_digest *digest;
    json_t *pinned; /* labels to their tools to digests */
    json_t *seen;   /* the same of tools that were accepted */
    bool accepts;   /* tools are what they are now */
};

/* Reads the file; with accepts it may be missing. Errors: INVALID, SYSTEM, NOMEM. */
int weir__pins_open(struct weir__pins *pins, const char *path, bool accepts,
                    weir__pins_digest *digest, struct weir_error *error);
void weir__pins_clear(struct weir__pins *pins);

/* Why a tool is held back: completes "it ...". NULL: it is not. */
const char *weir__pins_fault(struct weir__pins *pins, const char *label, const char *tool,
                             const json_t *description);

/* A server's tools are about to be accepted: those that it had and has no more are forgotten. */
void weir__pins_begin(struct weir__pins *pins, const char *label);

/* Writes what was accepted; from now on nothing is. Errors: SYSTEM, NOMEM. */
int weir__pins_save(struct weir__pins *pins, const char *path, struct weir_error *error);

#endif
