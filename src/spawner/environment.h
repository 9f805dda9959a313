/* spawner/environment.h - a child's environment: ours, changed as asked, and the tag. */
#ifndef WEIR_SPAWNER_ENVIRONMENT_H
#define WEIR_SPAWNER_ENVIRONMENT_H

#include "spawner/request.h"

/* Returns a NULL-terminated list that shares strings with environ and stage:
 * it lives no longer than they do.  NULL when memory is short.  Free with
 * environment_free(). */
char **environment_make(const struct request_stage *stage, const char *tag);
void environment_free(char **envp);

#endif
