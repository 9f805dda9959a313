/* base/large_pages.h - memory for many megabytes. */
#ifndef WEIR_BASE_LARGE_PAGES_H
#define WEIR_BASE_LARGE_PAGES_H

#include <stddef.h>

/* Where much is written for the first time, most of the time goes into pages that the kernel makes
 * one by one: advises it to make large ones, if this is much.  From malloc(3); not written yet. */
void weir__large_pages(const void *bytes, size_t length);

#endif
