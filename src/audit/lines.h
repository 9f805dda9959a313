/* audit/lines.h - a log's lines, one after the other, in constant memory. */
#ifndef WEIR_AUDIT_LINES_H
#define WEIR_AUDIT_LINES_H

#include <stdint.h>
#include <sys/types.h>

#include <weir/error.h>

#include "base/buffer.h"

struct weir__audit_lines {
    int fd;                   /* borrowed */
    const char *name;         /* for messages; borrowed */
    struct weir__buffer hold; /* what was read */
    size_t begin, end;        /* of what is still to come, in hold */
    uint64_t offset;          /* of hold's begin in the file */
    uint64_t number;          /* of the line that came last, from 1 */
};

struct weir__audit_piece {
    const char *text; /* without its newline; valid until the next one is asked for */
    size_t length;
    uint64_t number, offset;
    int has_newline; /* 0: the file ends here */
    int is_too_long; /* over WEIR__AUDIT_LINE: text is its beginning */
};

void weir__audit_lines_init(struct weir__audit_lines *lines, int fd, const char *name);
void weir__audit_lines_clear(struct weir__audit_lines *lines);

/* The next line.  Returns 1, or 0 at the end.  Errors: SYSTEM, NOMEM. */
int weir__audit_lines_next(struct weir__audit_lines *lines, struct weir__audit_piece *piece,
                           struct weir_error *error);

/* Goes back to offset, where the line number begins, to read it again. */
void weir__audit_lines_seek(struct weir__audit_lines *lines, uint64_t offset, uint64_t number);

/* Finds the last line of a file of size bytes, in bytes that out holds then, without
 * its newline.  Returns 1; 0 for an empty file; WEIR_ERR_INVALID when it does not end
 * with a newline, or is too long.  Errors: SYSTEM, NOMEM too. */
int weir__audit_last_line(int fd, off_t size, struct weir__buffer *out, const char *name,
                          struct weir_error *error);

/* Where the last newline of the file ends: what follows is not a line.  0: there is
 * none.  Errors: SYSTEM. */
off_t weir__audit_whole_end(int fd, off_t size, const char *name, struct weir_error *error);

#endif
