/* web/page.h - the page of the door: one file, in the program. */
#ifndef WEIR_WEB_PAGE_H
#define WEIR_WEB_PAGE_H

#include <stddef.h>

/* Its bytes. */
const char *weir__web_page(size_t *length);

/* The Content-Security-Policy that it works under: only its own script and style, nothing from
 * elsewhere.  The caller frees it; NULL: memory is short. */
char *weir__web_page_policy(void);

#endif
