/* text/lines.h - what a splitter of lines (weir/lines.h) costs. */
#ifndef WEIR_TEXT_LINES_H
#define WEIR_TEXT_LINES_H

#include <weir/lines.h>

/* The size of its buffer, in bytes. */
size_t weir__lines_held(const weir_lines_t *lines);

/* Shrinks a buffer larger than keep bytes of which little is unread; frees it if nothing is. */
void weir__lines_trim(weir_lines_t *lines, size_t keep);

#endif
