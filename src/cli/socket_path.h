/* cli/socket_path.h - where weir serve listens and weir call looks for it. */
#ifndef WEIR_CLI_SOCKET_PATH_H
#define WEIR_CLI_SOCKET_PATH_H

#include <weir/error.h>

/* given, or $XDG_RUNTIME_DIR/weir.sock.  The caller owns it: free().  NULL:
 * INVALID, there is neither; NOMEM. */
char *socket_path(const char *given, struct weir_error *error);

#endif
