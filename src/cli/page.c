#include "config.h"

#include "cli/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void page_put_bytes(struct page *page, const char *text, size_t length)
{
    if (page->failed == 0)
        page->failed = weir__buffer_add(&page->text, text, length, NULL);
}

void page_put(struct page *page, const char *text)
{
    page_put_bytes(page, text, strlen(text));
}

void page_put_escaped(struct page *page, const char *text, enum weir__breaks breaks)
{
    size_t length = strlen(text), size = length * 10 + 1;
    char *shown = malloc(size);

    if (shown == NULL) {
        page->failed = -1;
        return;
    }
    length = weir__printable(shown, size, text, length, breaks);
    for (size_t i = 0; i < length; i++)
        switch (shown[i]) {
        case '&':
            page_put(page, "&amp;");
            break;
        case '<':
            page_put(page, "&lt;");
            break;
        case '>':
            page_put(page, "&gt;");
            break;
        case '"':
            page_put(page, "&quot;");
            break;
        case '\'':
            page_put(page, "&#39;");
            break;
        default:
            page_put_bytes(page, shown + i, 1);
        }
    free(shown);
}

void page_put_text(struct page *page, const char *text)
{
    page_put_escaped(page, text, WEIR__ONE_LINE);
}

void page_put_around(struct page *page, const char *before, const char *text, const char *after)
{
    page_put(page, before);
    page_put_text(page, text);
    page_put(page, after);
}

void page_put_number(struct page *page, const char *before, double number, const char *after)
{
    char digits[64];

    snprintf(digits, sizeof digits, "%.6g", number);
    page_put(page, before);
    page_put(page, digits);
    page_put(page, after);
}
