/* pool/pool_options.h - a pool's copy of its options. */
#ifndef WEIR_POOL_POOL_OPTIONS_H
#define WEIR_POOL_POOL_OPTIONS_H

#include "pool/pool_types.h"

/* Also creates the pool's groups. Errors: INVALID, NOMEM; the pool must then still be cleared. */
int weir__pool_options_copy(struct weir_pool *pool, const struct weir_pool_options *options,
                            struct weir_error *error);
void weir__pool_options_clear(struct weir_pool *pool);

#endif
