/* cli/page.h - HTML, piece by piece. */
#ifndef WEIR_CLI_PAGE_H
#define WEIR_CLI_PAGE_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/printable.h"

/* All zero is an empty page; the first failure sticks. */
struct page {
    struct weir__buffer text;
    int failed;
};

/* Markup. */
void page_put_bytes(struct page *page, const char *text, size_t length);
void page_put(struct page *page, const char *text);

/* Text of others: what could move the cursor or reorder the text is made visible, what HTML means
 * is written as text. */
void page_put_escaped(struct page *page, const char *text, enum weir__breaks breaks);
void page_put_text(struct page *page, const char *text);

/* Such a text, or a number, between two pieces of markup. */
void page_put_around(struct page *page, const char *before, const char *text, const char *after);
void page_put_number(struct page *page, const char *before, double number, const char *after);

#endif
