/* Regular expressions of JSON Schema: refused with a reason, or they search, and come to
 * an end.
 *
 * Input: the pattern, then behind a NUL byte a text to search. */
#include "config.h"

#include <string.h>

#include "fuzz/replay.h"
#include "schema/pattern.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const uint8_t *nul = length > 0 ? memchr(bytes, '\0', length) : NULL;
    size_t size = nul != NULL ? (size_t)(nul - bytes) : length, rest = length - size, work = 0;
    char *text = malloc(size + 1), *searched = malloc(rest + 1);
    struct weir_error error = {0};
    struct weir__pattern *pattern = NULL;

    if (size > 0)
        memcpy(text, bytes, size);
    rest -= nul != NULL;
    if (nul != NULL)
        memcpy(searched, nul + 1, rest);
    if (weir__utf8_valid(text, size)) {
        pattern = weir__pattern_new(text, size, &error);
        HOLDS(pattern != NULL || (error.status == WEIR_ERR_INVALID && error.text[0] != '\0'));
    }
    if (pattern != NULL && weir__utf8_valid(searched, rest)) {
        int found = weir__pattern_found(pattern, searched, rest, &work, &error);

        HOLDS(found == 0 || found == 1 || found == WEIR_ERR_TOO_LONG);
        HOLDS(work > 0);
    }
    weir__pattern_free(pattern);
    free(text);
    free(searched);
    return 0;
}
