#include "config.h"

#include "web/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/digest.h"

/* page.html and a NUL byte. */
static const char page[] = {
#include "web/page.inc"
    0};

const char *weir__web_page(size_t *length)
{
    *length = sizeof page - 1;
    return page;
}

/* The hash of what stands between two texts; the caller frees it. */
static char *hash_between(const char *begin, const char *end)
{
    const char *from = strstr(page, begin) + strlen(begin);
    unsigned char bytes[(WEIR__DIGEST_SIZE - 1) / 2];
    char hex[WEIR__DIGEST_SIZE], *text = NULL;

    weir__sha256(from, (size_t)(strstr(from, end) - from), hex);
    for (size_t i = 0; i < sizeof bytes; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        bytes[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    return weir__base64_encode(bytes, sizeof bytes, &text, NULL) == 0 ? text : NULL;
}

char *weir__web_page_policy(void)
{
    static const char form[] =
        "default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    char *script = hash_between("<script>", "</script>"),
         *style = hash_between("<style>", "</style>");
    size_t size = sizeof form + 128;
    char *policy = malloc(size);

    if (script != NULL && style != NULL && policy != NULL) {
        snprintf(policy, size, form, script, style);
    } else {
        free(policy);
        policy = NULL;
    }
    free(script);
    free(style);
    return policy;
}
