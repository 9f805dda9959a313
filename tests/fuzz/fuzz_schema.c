/* Schemas: an array [SCHEMA, VALUE, VALUE...] of any contents ends in a schema or in one
 * sentence; and a value holds or not, with the same findings each time, and the other
 * way round below "not". */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "fuzz/replay.h"
#include "probe/compare.h"
#include "schema/schema.h"
#include "base/utf8.h"

static void check_sentence(const char *text)
{
    HOLDS(weir__utf8_valid(text, strlen(text)));
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
        HOLDS(*c >= 0x20 && *c != 0x7F);
}

/* Whether value holds; -1 where that is too much. */
static int holds(const struct weir__schema *schema, const json_t *value)
{
    struct weir__findings findings = {0};
    struct weir_error error = {0};
    json_t *differences = json_object();
    int status = weir__schema_check(schema, value, &findings, differences, &error);
    int result = status < 0 ? -1 : findings.count == 0;

    HOLDS(status == (int)error.status);
    HOLDS(status == 0 || status == WEIR_ERR_TOO_LONG);
    HOLDS(weir__findings_kept(&findings) <= WEIR__FINDINGS_KEPT);
    HOLDS(weir__findings_kept(&findings) <= findings.count);
    check_sentence(error.text);
    for (size_t i = 0; i < weir__findings_kept(&findings); i++) {
        const struct weir__finding *finding = weir__finding_at(&findings, i);

        check_sentence(finding->text);
        HOLDS(*finding->instance == '\0' || *finding->instance == '/');
        HOLDS(*finding->schema == '/');
    }
    weir__findings_clear(&findings);
    json_decref(differences);
    return result;
}

/* {"not": SCHEMA} has the other answer.  Its own references would lead elsewhere, so
 * it is for schemas without any. */
static void check_negation(const json_t *document, const json_t *value, int result)
{
    json_t *negated = json_pack("{s:O}", "not", document);
    struct weir__schema *schema = weir__schema_new(negated, NULL);
    int other = schema != NULL ? holds(schema, value) : -1;

    HOLDS(result < 0 || other < 0 || other == !result);
    weir__schema_free(schema);
    json_decref(negated);
}

/* What differs from one to the other differs back, and nothing from itself. */
static void check_comparison(const json_t *a, const json_t *b)
{
    const struct weir__compared one = {a, NULL}, other = {b, NULL};
    struct weir__comparison there, back, same;

    HOLDS(weir__compare(&there, &one, &other, NULL, NULL, NULL) == 0);
    HOLDS(weir__compare(&back, &other, &one, NULL, NULL, NULL) == 0);
    HOLDS(weir__compare(&same, &one, &one, NULL, NULL, NULL) == 0);
    HOLDS(there.beyond == back.beyond);
    HOLDS(same.beyond == 0);
    weir__comparison_clear(&there);
    weir__comparison_clear(&back);
    weir__comparison_clear(&same);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    json_t *input = json_loadb((const char *)bytes, length, JSON_ALLOW_NUL, NULL);
    const json_t *document = json_array_get(input, 0);
    struct weir_error error = {0};
    struct weir__schema *schema = document != NULL ? weir__schema_new(document, &error) : NULL;
    int has_reference = document != NULL && memmem(bytes, length, "ref", 3) != NULL;

    HOLDS((schema == NULL) == (document == NULL || error.status == WEIR_ERR_SPEC));
    check_sentence(error.text);
    for (size_t i = 1; schema != NULL && i < json_array_size(input) && i < 8; i++) {
        const json_t *value = json_array_get(input, i);
        int result = holds(schema, value);

        HOLDS(holds(schema, value) == result);
        if (!has_reference && memchr(bytes, '\\', length) == NULL)
            check_negation(document, value, result);
        if (i > 1)
            check_comparison(json_array_get(input, i - 1), value);
    }
    weir__schema_free(schema);
    json_decref(input);
    return 0;
}
