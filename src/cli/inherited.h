/* cli/inherited.h - the descriptors above 2 that weir was started with, for its program. */
#ifndef WEIR_CLI_INHERITED_H
#define WEIR_CLI_INHERITED_H

#include <stddef.h>

#include <weir/command.h>

/* Lists descriptors without close-on-exec, under their own numbers: process substitutions,
 * redirections, make's jobserver. weir's own descriptors are close-on-exec. Exits if memory is
 * short. The caller frees *list. */
size_t inherited_list(struct weir_descriptor **list);

#endif
