/* For weir, which does not have pcre2 in it: schemas with regular expressions cannot be compiled.
 */
#include "config.h"

#include "base/error.h"
#include "schema/pattern.h"

struct weir__pattern *weir__pattern_new(const char *text, size_t length, struct weir_error *error)
{
    (void)text;
    (void)length;
    weir__fail(error, WEIR_ERR_SPEC, 0, "regular expressions are not checked here");
    return NULL;
}

void weir__pattern_free(struct weir__pattern *pattern)
{
    (void)pattern; /* there is none */
}

int weir__pattern_found(const struct weir__pattern *pattern, const char *text, size_t length,
                        size_t *work, struct weir_error *error)
{
    (void)pattern;
    (void)text;
    (void)length;
    *work = 0;
    return weir__fail(error, WEIR_ERR_SPEC, 0, "regular expressions are not checked here");
}
