/* base/secret_file.h - files that hold secrets. */
#ifndef WEIR_BASE_SECRET_FILE_H
#define WEIR_BASE_SECRET_FILE_H

#include "base/buffer.h"

/* Reads all of the file at path; what names it in messages: "key file".  It must be a regular file
 * of this user or root that nobody else may read or write, of at most max bytes.  Overwrite what
 * was read before it is freed.  Errors: SYSTEM; INVALID, saying what is wrong with it; NOMEM. */
int weir__secret_file_read(const char *what, const char *path, size_t max,
                           struct weir__buffer *bytes, struct weir_error *error);

/* Overwrites and frees what was read. */
void weir__secret_clear(struct weir__buffer *bytes);

#endif
