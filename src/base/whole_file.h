/* base/whole_file.h - a file, such as a list, read whole into memory. */
#ifndef WEIR_BASE_WHOLE_FILE_H
#define WEIR_BASE_WHOLE_FILE_H

#include "base/buffer.h"
#include "base/peer.h"

/* Appends the bytes of a file, which may be a pipe or FIFO: waits for its writer as long as
 * patience allows.  Returns 0 or an errno: EFBIG (more than max bytes), ENOMEM, ETIMEDOUT,
 * ECANCELED, or that of open(2) or read(2). */
int weir__whole_file_read(const char *path, size_t max, const struct weir__patience *patience,
                          struct weir__buffer *bytes);

/* Waits until fd is readable, has ended or failed.  Returns 0, or the errno that ends it all. */
struct weir__whole_file_wait {
    int (*readable)(int fd, const void *context);
    const void *context;
};

/* The same for a descriptor, which may block. */
int weir__whole_file_take(int fd, size_t max, const struct weir__whole_file_wait *wait,
                          struct weir__buffer *bytes);

#endif
