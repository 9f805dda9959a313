/* base/utf8.h - which bytes are well-formed UTF-8 (Unicode 15, table 3-7). */
#ifndef WEIR_BASE_UTF8_H
#define WEIR_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

enum weir__utf8_stop {
    WEIR__UTF8_END, /* the bytes end after a whole character */
    WEIR__UTF8_CUT, /* the bytes end inside a character that is right so far */
    WEIR__UTF8_BAD, /* ill-formed */
};

struct weir__utf8_scan {
    size_t valid; /* leading bytes that are whole characters */
    enum weir__utf8_stop stop;
    size_t rest; /* CUT: bytes of that character, 1 to 3.
                  * BAD: bytes of the maximal subpart, 1 to 3.  END: 0. */
};

/* Looks at bytes up to the first that is not in place.  Keeps no state: after
 * CUT, scan the rest again together with the bytes that follow it. */
struct weir__utf8_scan weir__utf8_scan(const void *bytes, size_t length);

/* How many leading bytes are ASCII. */
size_t weir__utf8_ascii(const void *bytes, size_t length);

/* Says whether all of it is well-formed. */
bool weir__utf8_valid(const void *bytes, size_t length);

#endif
