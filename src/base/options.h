/* base/options.h - options structs of callers that were built with another version (docs/abi.md).
 */
#ifndef WEIR_BASE_OPTIONS_H
#define WEIR_BASE_OPTIONS_H

#include <stddef.h>

#include <weir/error.h>

/* An options struct begins with its size.  One that is smaller than this was never initialised. */
enum { WEIR__OPTIONS_LEAST = 2 * sizeof(size_t), WEIR__OPTIONS_MOST = 4096 };

/* Initialises a caller's struct of given_size bytes from defaults, a struct of our_size bytes:
 * what the caller's version lacks is left out, what ours lacks is zero. */
void weir__options_init(void *given, size_t given_size, const void *defaults, size_t our_size);

/* Copies a caller's struct over ours, which holds the defaults: members that the caller's version
 * lacks keep them.  given may be NULL.  noun is the struct's tag.
 * Errors: INVALID (the struct was not initialised, or a member that this library does not have
 * is set); *ours is unchanged then. */
int weir__options_take(void *ours, size_t our_size, const void *given, const char *noun,
                       struct weir_error *error);

#endif
