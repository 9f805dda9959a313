/* base/file_set.h - the files of one command: none may be named twice where one of the names is
 * written to.
 *
 * A command puts in all that it will open, before it opens any, and asks once.  Two names are the
 * same file when device and inode are, whatever links lead there; or, of a file that does not
 * exist yet, when directory and name are.  A path that leads to a closed standard descriptor, such
 * as /dev/stdout, is refused, too.  Only regular files and block devices count: a terminal,
 * /dev/null, a pipe or a socket may be used twice.
 */
#ifndef WEIR_BASE_FILE_SET_H
#define WEIR_BASE_FILE_SET_H

#include <stddef.h>

#include <weir/error.h>

enum {
    WEIR__FILE_READ = 0,
    WEIR__FILE_WRITTEN = 1,
    WEIR__FILE_STANDARD = 2, /* given by our parent: two of these may be the same file */
};

struct weir__file_set {
    struct weir__file *files;
    size_t count;
    struct weir_error error; /* the first one */
};

/* Puts a file in.  name is what the user calls it, as in "--output"; path NULL: there is none.
 * Errors stay in the set until it is asked. */
void weir__file_set_path(struct weir__file_set *set, int use, const char *name, const char *path);

/* Puts in what a descriptor is open on.  name NULL: "standard input" and the like. */
void weir__file_set_fd(struct weir__file_set *set, int use, const char *name, int fd);

/* Clears the set, and says whether all is well.  Errors: INVALID (naming two names and the file),
 * SYSTEM (a closed standard descriptor), NOMEM. */
int weir__file_set_end(struct weir__file_set *set, struct weir_error *error);

#endif
