/* text/lines.h - what a splitter of lines (weir/lines.h) costs. */
#ifndef WEIR_TEXT_LINES_H
#define WEIR_TEXT_LINES_H

#include <weir/lines.h>

/* How much of its buffer has been written to, in bytes. */
size_t weir__lines_used(const weir_lines *lines);

/* Frees a buffer larger than keep bytes if nothing in it is unread. */
void weir__lines_trim(weir_lines *lines, size_t keep);

#endif
