/* pool/pool_options.h - a pool's own copy of its options. */
#ifndef WEIR_POOL_POOL_OPTIONS_H
#define WEIR_POOL_POOL_OPTIONS_H

#include "pool/pool_types.h"

/* Makes the pool's groups, too.  Errors: INVALID, NOMEM; then the rest must still be cleared. */
int weir__pool_options_copy(struct weir_pool *pool, const struct weir_pool_options *options,
                            struct weir_error *error);
void weir__pool_options_clear(struct weir_pool *pool);

#endif
