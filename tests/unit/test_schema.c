#include "config.h"

#include "schema/schema.h"

#include <stdlib.h>
#include <string.h>

#include "schema/decimal.h"
#include "schema/pattern.h"
#include "support/harness.h"

static json_t *json_of(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    if (value == NULL)
        printf("# no JSON: %s\n", text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    return value;
}

static struct weir__schema *schema_of(const char *text, struct weir_error *error)
{
    json_t *document = json_of(text);
    struct weir__schema *schema = weir__schema_new(document, error);

    json_decref(document);
    return schema;
}

/* What is found, a line each: "POINTER KEYWORD-POINTER: text".  The caller owns it. */
static char *lines_of(const struct weir__findings *findings)
{
    struct weir__buffer out = {0};

    for (size_t i = 0; i < weir__findings_kept(findings); i++) {
        const struct weir__finding *finding = weir__finding_at(findings, i);
        char line[2048];
        int length = snprintf(line, sizeof line, "%s%s %s: %s", i > 0 ? "\n" : "",
                              finding->instance, finding->schema, finding->text);

        weir__buffer_add(&out, line, (size_t)length, NULL);
    }
    return weir__buffer_take(&out, NULL);
}

/* Holds value against schema, and compares what is found. */
static void expect(const char *schema_text, const char *value_text, const char *wanted)
{
    struct weir_error error = {0};
    struct weir__schema *schema = schema_of(schema_text, &error);
    struct weir__findings findings = {0};
    json_t *value = json_of(value_text);
    char *found;

    if (schema == NULL)
        printf("# %s: %s\n", schema_text, error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(schema);
    CU_ASSERT(weir__schema_check(schema, value, &findings, NULL, &error) == 0);
    found = lines_of(&findings);
    CU_ASSERT_STRING_EQUAL(found, wanted);
    if (strcmp(found, wanted) != 0)
        printf("# %s with %s\n#   found:  %s\n#   wanted: %s\n", schema_text, value_text, found,
               wanted);
    free(found);
    weir__findings_clear(&findings);
    json_decref(value);
    weir__schema_free(schema);
}

/* Each keyword with a value that holds and one that does not: the public suite, in
 * tests/cli/schema_suite.sh, has many more. */
static void every_keyword_lets_pass_and_finds(void)
{
    static const struct {
        const char *schema, *good, *bad, *found;
    } cases[] = {
        {"true", "1", NULL, NULL},
        {"false", NULL, "1", " /false: is not allowed"},
        {"{\"type\":\"string\"}", "\"x\"", "7", " /type: is 7 (an integer) but must be a string"},
        {"{\"type\":[\"number\",\"null\"]}", "null", "{}",
         " /type: is an object but must be null or a number"},
        {"{\"type\":\"integer\"}", "2.0", "2.5",
         " /type: is 2.5 (a number) but must be an integer"},
        {"{\"enum\":[1,\"a\",[2]]}", "1.0", "\"b\"",
         " /enum: is \"b\" but must be 1, \"a\" or an array"},
        {"{\"enum\":[1,{\"a\":[true,1]}]}", "{\"a\":[true,1.0]}", "{\"a\":[1,true]}",
         " /enum: is an object but must be 1 or an object"},
        {"{\"const\":false}", "false", "0", " /const: is 0 but must be false"},
        {"{\"multipleOf\":0.01}", "19.99", "19.995",
         " /multipleOf: is 19.995 but must be a multiple of 0.01"},
        {"{\"minimum\":3}", "3", "2.9", " /minimum: is 2.9 but must be at least 3"},
        {"{\"maximum\":3}", "3.0", "4", " /maximum: is 4 but must be at most 3"},
        {"{\"exclusiveMinimum\":3}", "3.1", "3",
         " /exclusiveMinimum: is 3 but must be more than 3"},
        {"{\"exclusiveMaximum\":3}", "2", "3", " /exclusiveMaximum: is 3 but must be less than 3"},
        {"{\"minLength\":2}", "\"\xc3\xa9\xc3\xa9\"", "\"\xf0\x9f\x98\x80\"",
         " /minLength: has 1 characters but must have at least 2"},
        {"{\"maxLength\":1}", "\"\xf0\x9f\x98\x80\"", "\"ab\"",
         " /maxLength: has 2 characters but must have at most 1"},
        {"{\"pattern\":\"^a+$\"}", "\"aaa\"", "\"aab\"",
         " /pattern: is \"aab\" but must match the pattern ^a+$"},
        {"{\"x-version\":\">=1.22 <2\"}", "\"go1.23.1\"", "\"1.21.9\"",
         " /x-version: is version 1.21.9 but must be in >=1.22 <2"},
        {"{\"x-version\":\">=1.22\"}", "null", "\"new\"",
         " /x-version: is \"new\" but must be a version in >=1.22"},
        {"{\"minItems\":1}", "[1]", "[]", " /minItems: has 0 elements but must have at least 1"},
        {"{\"maxItems\":1}", "[1]", "[1,2]", " /maxItems: has 2 elements but must have at most 1"},
        {"{\"uniqueItems\":true}", "[1,\"1\",true]", "[0,1,1.0]",
         " /uniqueItems: has equal elements at 1 and 2"},
        {"{\"prefixItems\":[true,{\"type\":\"null\"}]}", "[1]", "[1,2]",
         "/1 /prefixItems/1/type: is 2 (an integer) but must be null"},
        {"{\"prefixItems\":[true],\"items\":false}", "[1]", "[1,2]", "/1 /items: is not allowed"},
        {"{\"contains\":{\"const\":1}}", "[2,1]", "[2]",
         " /contains: has 0 elements that match \"contains\" but must have at least 1"},
        {"{\"contains\":{\"const\":1},\"minContains\":2}", "[1,1]", "[1]",
         " /minContains: has 1 elements that match \"contains\" but must have at least 2"},
        {"{\"contains\":{\"const\":1},\"maxContains\":1}", "[1]", "[1,1]",
         " /maxContains: has 2 elements that match \"contains\" but may have at most 1"},
        {"{\"minProperties\":1}", "{\"a\":1}", "{}",
         " /minProperties: has 0 members but must have at least 1"},
        {"{\"maxProperties\":0}", "{}", "{\"a\":1}",
         " /maxProperties: has 1 members but must have at most 0"},
        {"{\"required\":[\"a\"]}", "{\"a\":null}", "{}", " /required: has no \"a\""},
        {"{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"b\":1}", "{\"a\":1}",
         " /dependentRequired: has no \"b\", which is required with \"a\""},
        {"{\"dependentSchemas\":{\"a\":{\"maxProperties\":1}}}", "{\"b\":1,\"c\":1}",
         "{\"a\":1,\"b\":1}",
         " /dependentSchemas/a/maxProperties: has 2 members but must have at most 1"},
        {"{\"properties\":{\"a/b\":{\"properties\":{\"~\":false}}}}", "{\"a/b\":1}",
         "{\"a/b\":{\"~\":0}}", "/a~1b/~0 /properties/a~1b/properties: is not allowed"},
        {"{\"patternProperties\":{\"^x-\":{\"type\":\"null\"}}}", "{\"y\":1}", "{\"x-1\":1}",
         "/x-1 /patternProperties/^x-/type: is 1 (an integer) but must be null"},
        {"{\"properties\":{\"a\":true},\"patternProperties\":{\"^b\":true},"
         "\"additionalProperties\":false}",
         "{\"a\":1,\"b2\":1}", "{\"c\":1}", "/c /additionalProperties: is not allowed"},
        {"{\"propertyNames\":{\"maxLength\":2}}", "{\"ab\":1}", "{\"abc\":1}",
         " /propertyNames: has a member \"abc\", whose name is not allowed"},
        {"{\"allOf\":[true,{\"minimum\":1}]}", "1", "0",
         " /allOf/1/minimum: is 0 but must be at least 1"},
        {"{\"anyOf\":[{\"minimum\":1}]}", "1", "0",
         " /anyOf/0/minimum: is 0 but must be at least 1"},
        {"{\"oneOf\":[{\"minimum\":1},{\"maximum\":1}]}", "0", "1",
         " /oneOf: matches 2 of 2 alternatives but must match exactly one"},
        {"{\"not\":{\"type\":\"null\"}}", "1", "null", " /not: matches what \"not\" forbids"},
        {"{\"if\":{\"minimum\":5},\"then\":{\"maximum\":9},\"else\":{\"maximum\":2}}", "9", "10",
         " /then/maximum: is 10 but must be at most 9"},
        {"{\"if\":{\"minimum\":5},\"else\":{\"maximum\":2}}", "99", "4",
         " /else/maximum: is 4 but must be at most 2"},
        {"{\"$ref\":\"#/$defs/a%25b~1~0\",\"$defs\":{\"a%b/~\":{\"type\":\"null\"}}}", "null", "1",
         " /$defs/a%b~1~0/type: is 1 (an integer) but must be null"},
        {"{\"$ref\":\"#here\",\"$defs\":{\"x\":{\"$anchor\":\"here\",\"minimum\":1}}}", "1", "0",
         " /$defs/x/minimum: is 0 but must be at least 1"},
        {"{\"$id\":\"https://example.org/s\",\"$ref\":\"https://example.org/s#/$defs/x\","
         "\"$defs\":{\"x\":{\"minimum\":1}}}",
         "1", "0", " /$defs/x/minimum: is 0 but must be at least 1"},
        {"{\"properties\":{\"next\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}",
         "{\"a\":1,\"next\":{\"a\":1}}", "{\"a\":1,\"next\":{}}", "/next /required: has no \"a\""},
        {"{\"title\":\"t\",\"description\":\"d\",\"default\":1,\"examples\":[1],\"$comment\":\"c\","
         "\"format\":\"ipv4\",\"deprecated\":true,\"readOnly\":true,\"writeOnly\":true,"
         "\"x-anything\":1,\"$schema\":\"https://json-schema.org/draft/2020-12/schema\"}",
         "\"no address\"", NULL, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].good != NULL)
            expect(cases[i].schema, cases[i].good, "");
        if (cases[i].bad != NULL)
            expect(cases[i].schema, cases[i].bad, cases[i].found);
    }
}

static void a_keyword_that_is_not_supported_is_named_with_its_place(void)
{
    static const struct {
        const char *schema, *begins;
    } cases[] = {
        {"{\"unevaluatedProperties\":false}", "/unevaluatedProperties: the keyword"},
        {"{\"properties\":{\"a/b\":{\"unevaluatedItems\":1}}}",
         "/properties/a~1b/unevaluatedItems: the keyword unevaluatedItems is not supported"},
        {"{\"allOf\":[true,{\"$dynamicRef\":\"#\"}]}", "/allOf/1/$dynamicRef: "},
        {"{\"$defs\":{\"a\":{\"$dynamicAnchor\":\"x\"}}}", "/$defs/a/$dynamicAnchor: "},
        {"{\"contentEncoding\":\"base64\"}", "/contentEncoding: "},
        {"{\"definitions\":{}}", "/definitions: the keyword definitions is not supported: since"},
        {"{\"dependencies\":{}}", "/dependencies: "},
        {"{\"additionalItems\":{}}", "/additionalItems: "},
        {"{\"items\":{\"requird\":[\"a\"]}}", "/items/requird: unknown keyword \"requird\""},
        {"{\"\":1}", "/: unknown keyword \"\""},
        {"{\"$ref\":\"https://example.org/other\"}", "/$ref: \"https://example.org/other\" is in"},
        {"{\"$ref\":\"other.json#/a\"}", "/$ref: "},
        {"{\"$id\":\"https://example.org/s\",\"$ref\":\"https://example.org/st\"}", "/$ref: "},
        {"{\"not\":{\"$id\":\"x\"}}", "/not/$id: only the root schema"},
        {"{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}", "/$schema: is http"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir_error error = {0};

        CU_ASSERT_PTR_NULL_FATAL(schema_of(cases[i].schema, &error));
        CU_ASSERT(error.status == WEIR_ERR_SPEC);
        CU_ASSERT(strncmp(error.text, cases[i].begins, strlen(cases[i].begins)) == 0);
        if (strncmp(error.text, cases[i].begins, strlen(cases[i].begins)) != 0)
            printf("# %s: %s\n", cases[i].schema, error.text);
    }
}

static void a_keyword_with_a_wrong_value_is_refused(void)
{
    static const char *const schemas[] = {
        "1",
        "null",
        "[]",
        "\"x\"",
        "{\"type\":\"text\"}",
        "{\"type\":[]}",
        "{\"type\":[1]}",
        "{\"type\":null}",
        "{\"enum\":1}",
        "{\"multipleOf\":0}",
        "{\"multipleOf\":-1}",
        "{\"multipleOf\":\"1\"}",
        "{\"minimum\":\"1\"}",
        "{\"minLength\":-1}",
        "{\"minLength\":1.5}",
        "{\"maxItems\":null}",
        "{\"pattern\":1}",
        "{\"pattern\":\"(\"}",
        "{\"x-version\":1}",
        "{\"x-version\":\"new\"}",
        "{\"x-env-diff\":\"5%\"}",
        "{\"x-env-diff\":{\"dev\":5}}",
        "{\"x-env-diff\":{\"dev\":\"5\"}}",
        "{\"uniqueItems\":1}",
        "{\"required\":\"a\"}",
        "{\"required\":[1]}",
        "{\"dependentRequired\":[]}",
        "{\"dependentRequired\":{\"a\":\"b\"}}",
        "{\"properties\":[]}",
        "{\"properties\":{\"a\":1}}",
        "{\"patternProperties\":{\"(\":true}}",
        "{\"items\":[true]}",
        "{\"items\":1}",
        "{\"prefixItems\":[]}",
        "{\"prefixItems\":{}}",
        "{\"allOf\":[]}",
        "{\"anyOf\":{}}",
        "{\"oneOf\":[1]}",
        "{\"not\":1}",
        "{\"if\":null}",
        "{\"then\":1}",
        "{\"$defs\":[]}",
        "{\"$defs\":{\"a\":null}}",
        "{\"$ref\":1}",
        "{\"$ref\":\"#/$defs\",\"$defs\":{}}",
        "{\"$ref\":\"#/$defs/x\",\"$defs\":{}}",
        "{\"$ref\":\"#/properties/a/type\",\"properties\":{\"a\":{\"type\":\"null\"}}}",
        "{\"$ref\":\"#nowhere\"}",
        "{\"$ref\":\"#/%zz\"}",
        "{\"$ref\":\"#/%00\"}",
        "{\"$ref\":\"#/$ref\"}",
        "{\"$ref\":\"\"}",
        "{\"$anchor\":\"1a\"}",
        "{\"$anchor\":\"\"}",
        "{\"$defs\":{\"a\":{\"$anchor\":\"x\"},\"b\":{\"$anchor\":\"x\"}}}",
        "{\"$id\":\"x#y\"}",
        "{\"title\":1}",
        "{\"type\":\"null\\u0000\"}",
        "{\"required\":[\"a\\u0000\"]}",
        "{\"examples\":{}}",
        "{\"deprecated\":0}",
        "{\"format\":null}",
    };

    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        struct weir_error error = {0};

        CU_ASSERT_PTR_NULL(schema_of(schemas[i], &error));
        CU_ASSERT(error.status == WEIR_ERR_SPEC);
        if (error.status != WEIR_ERR_SPEC)
            printf("# %s is no error\n", schemas[i]);
    }
}

static void a_schema_that_applies_itself_without_end_is_refused(void)
{
    static const char *const schemas[] = {
        "{\"$ref\":\"#\"}",
        "{\"allOf\":[{\"$ref\":\"#\"}]}",
        "{\"anyOf\":[true,{\"not\":{\"$ref\":\"#\"}}]}",
        "{\"if\":true,\"then\":{\"$ref\":\"#\"}}",
        "{\"dependentSchemas\":{\"a\":{\"$ref\":\"#\"}}}",
        "{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}}}",
    };

    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        struct weir_error error = {0};

        CU_ASSERT_PTR_NULL(schema_of(schemas[i], &error));
        CU_ASSERT(strstr(error.text, "refers back to itself") != NULL);
    }
    expect("{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"items\":{\"$ref\":\"#\"}}}}", "[[[]]]", "");
}

/* count times head, middle, count times tail. */
static char *nested(size_t count, const char *head, const char *middle, const char *tail)
{
    struct weir__buffer out = {0};

    for (size_t i = 0; i < count; i++)
        weir__buffer_add(&out, head, strlen(head), NULL);
    weir__buffer_add(&out, middle, strlen(middle), NULL);
    for (size_t i = 0; i < count; i++)
        weir__buffer_add(&out, tail, strlen(tail), NULL);
    return weir__buffer_take(&out, NULL);
}

static int status_of(const char *schema_text, const char *value_text)
{
    struct weir_error error = {0};
    struct weir__schema *schema = schema_of(schema_text, &error);
    struct weir__findings findings = {0};
    json_t *value = json_of(value_text);
    int status;

    CU_ASSERT_PTR_NOT_NULL_FATAL(schema);
    status = weir__schema_check(schema, value, &findings, NULL, &error);
    CU_ASSERT(status == (int)error.status);
    weir__findings_clear(&findings);
    json_decref(value);
    weir__schema_free(schema);
    return status;
}

static void depth_is_bounded_and_no_crash(void)
{
    char *schema = nested(2000, "{\"not\":", "true", "}");
    char *value = nested(2000, "[", "", "]");
    char *less = nested(400, "[", "", "]");

    CU_ASSERT(status_of(schema, "1") == WEIR_ERR_TOO_LONG);
    CU_ASSERT(status_of("{\"items\":{\"$ref\":\"#\"}}", value) == WEIR_ERR_TOO_LONG);
    CU_ASSERT(status_of("{\"items\":{\"$ref\":\"#\"}}", less) == 0);
    free(schema);
    free(value);
    free(less);
}

/* 2^60 ways through, of no depth to speak of. */
static void work_is_bounded(void)
{
    struct weir__buffer text = {0};
    char part[128];
    char *schema;

    strcpy(part, "{\"$ref\":\"#/$defs/0\",\"$defs\":{");
    weir__buffer_add(&text, part, strlen(part), NULL);
    for (int i = 0; i < 60; i++) {
        snprintf(part, sizeof part,
                 "\"%d\":{\"allOf\":[{\"$ref\":\"#/$defs/%d\"},{\"$ref\":\"#/$defs/%d\"}]},", i,
                 i + 1, i + 1);
        weir__buffer_add(&text, part, strlen(part), NULL);
    }
    weir__buffer_add(&text, "\"60\":true}}", 11, NULL);
    schema = weir__buffer_take(&text, NULL);
    CU_ASSERT(status_of(schema, "1") == WEIR_ERR_TOO_LONG);
    free(schema);
}

static void a_hostile_pattern_ends_in_an_error(void)
{
    char *value = nested(40, "a", "", "");
    char quoted[64];

    snprintf(quoted, sizeof quoted, "\"%s!\"", value);
    CU_ASSERT(status_of("{\"pattern\":\"^(a+)+$\"}", quoted) == WEIR_ERR_TOO_LONG);
    CU_ASSERT(status_of("{\"pattern\":\"^(a|a?)+$\"}", quoted) == WEIR_ERR_TOO_LONG);
    /* Within PCRE2's own limit, but not within ours. */
    CU_ASSERT(status_of("{\"pattern\":\"^(a+)+$\"}", "\"aaaaaaaaaaaaaaaaaaaa!\"")
              == WEIR_ERR_TOO_LONG);
    free(value);
}

/* Each is within its limit; all of them are not. */
static void dear_searches_add_up(void)
{
    char *value = nested(1200, "\"aaaaaaaaaaaaa!\",", "1", "");
    size_t length = strlen(value) + 3;
    char *array = malloc(length);

    snprintf(array, length, "[%s]", value);
    CU_ASSERT(status_of("{\"items\":{\"pattern\":\"^(a+)+$\"}}", array) == WEIR_ERR_TOO_LONG);
    CU_ASSERT(status_of("{\"items\":{\"pattern\":\"^a+$\"}}", array) == 0);
    free(array);
    free(value);
}

/* What PCRE2 would take otherwise, or ECMAScript does not have. */
static void patterns_are_those_of_ecmascript(void)
{
    static const struct {
        const char *pattern, *text;
        int found; /* -1: no pattern */
    } cases[] = {
        {"^\\d$", "\xd9\xa1", 0},
        {"^\\w$", "\xc3\xa9", 0},
        {"^\\s$", "\xc2\xa0", 1},
        {"^[\\s]$", "\xef\xbb\xbf", 1},
        {"^\\S$", "\xe2\x80\xa8", 0},
        {"^a$", "a\n", 0},
        {"^.$", "\r", 0},
        {"^.$", "\xe2\x80\xa9", 0},
        {"^.$", "\xf0\x9f\x98\x80", 1},
        {"^[^]$", "\n", 1},
        {"[]", "a", 0},
        {"^\\v$", "\n", 0},
        {"^\\v$", "\x0b", 1},
        {"^\\x41\\u0042$", "AB", 1},
        {"^\\cA$", "\x01", 1},
        {"^\\u{1F600}$", "\xf0\x9f\x98\x80", 1},
        {"^\\uD83D\\uDE00$", "\xf0\x9f\x98\x80", 1},
        {"^\\p{Letter}$", "\xc3\xa9", 1},
        {"^[\\p{Lu}]$", "\xc3\x89", 1},
        {"^\\P{gc=Letter}$", "1", 1},
        {"^(a)|\\1b$", "b", 1},
        {"^(?<x>a)\\k<x>$", "aa", 1},
        {"^(?:a|b){2,3}?$", "ab", 1},
        {"(?<=a)b(?!c)", "ab", 1},
        {"^[[:alpha:]$", ":", 1},
        {"^\\-\\/$", "-/", 1},
        {"^[\\w.-]+$", "a.b-c", 1},
        {"b", "abc", 1},
        {"", "", 1},
        {"\\Aa", "", -1},
        {"a\\Z", "", -1},
        {"\\Qa\\E", "", -1},
        {"\\h", "", -1},
        {"\\R", "", -1},
        {"(?i)a", "", -1},
        {"(?>a)", "", -1},
        {"(?#a)", "", -1},
        {"(*UCP)a", "", -1},
        {"(*LIMIT_MATCH=1)a", "", -1},
        {"(?R)", "", -1},
        {"(?<n", "", -1},
        {"a++", "", -1},
        {"a*+", "", -1},
        {"a{2}+", "", -1},
        {"*a", "", -1},
        {"a{,2}", "", -1},
        {"a{x}", "", -1},
        {"}", "", -1},
        {"]", "", -1},
        {"[a", "", -1},
        {"(a", "", -1},
        {"a)", "", -1},
        {"\\", "", -1},
        {"\\x4", "", -1},
        {"\\u12", "", -1},
        {"\\u{110000}", "", -1},
        {"\\uD83D", "", -1},
        {"\\p{Nonsense}", "", -1},
        {"\\p", "", -1},
        {"\\2(a)", "", -1},
        {"\\01", "", -1},
        {"[b-a]", "", -1},
        {"\\C", "", -1},
        {"[\\B]", "", -1},
        {"\\c1", "", -1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir_error error = {0};
        struct weir__pattern *pattern =
            weir__pattern_new(cases[i].pattern, strlen(cases[i].pattern), &error);
        size_t work;
        int found = pattern != NULL ? weir__pattern_found(pattern, cases[i].text,
                                                          strlen(cases[i].text), &work, &error)
                                    : -1;

        CU_ASSERT(found == cases[i].found);
        CU_ASSERT(pattern != NULL || error.status == WEIR_ERR_INVALID);
        if (found != cases[i].found)
            printf("# %s: %d %s\n", cases[i].pattern, found, error.text);
        weir__pattern_free(pattern);
    }
}

static void of_alternatives_the_nearest_is_reported(void)
{
    expect("{\"oneOf\":[{\"type\":\"null\"},{\"properties\":{\"a\":{\"anyOf\":["
           "{\"type\":\"string\"},{\"items\":{\"minimum\":1}}]}}}]}",
           "{\"a\":[0]}",
           " /oneOf: matches none of 2 alternatives; number 2 is the nearest and fails as follows\n"
           "/a /oneOf/1/properties/a/anyOf: matches none of 2 alternatives; number 2 is the "
           "nearest and fails as follows\n"
           "/a/0 /oneOf/1/properties/a/anyOf/1/items/minimum: is 0 but must be at least 1");
}

static void numbers_are_compared_as_they_were_written(void)
{
    static const struct {
        const char *a, *b;
        int order, multiple;
    } cases[] = {
        {"9223372036854775807", "9223372036854775806", 1, 0},
        {"9223372036854775807", "9223372036854775808.0", -1, 0},
        {"9007199254740993", "9007199254740992.0", 1, 0},
        {"-9223372036854775808", "1e300", -1, 0},
        {"-3", "2.5", -1, 0},
        {"1", "1.0", 0, 1},
        {"0.3", "0.1", 1, 1},
        {"0.0075", "0.0001", 1, 1},
        {"0.00751", "0.0001", 1, 0},
        {"1e308", "0.5", 1, 1},
        {"1e308", "0.123456789", 1, 0},
        {"1e-300", "1e300", -1, 0},
        {"1e300", "1e-300", 1, 1},
        {"9223372036854775807", "9223372036854775807", 0, 1},
        {"-6.6", "2.2", -1, 1},
        {"0", "7", -1, 1},
        {"1e20", "30000000000", 1, 0},
        {"3e20", "30000000000", 1, 1},
        {"2e20", "40000000000000000000.0", 1, 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *a = json_of(cases[i].a), *b = json_of(cases[i].b);
        int order = weir__decimal_compare(a, b);

        CU_ASSERT((order > 0) - (order < 0) == cases[i].order);
        order = weir__decimal_compare(b, a);
        CU_ASSERT((order > 0) - (order < 0) == -cases[i].order);
        CU_ASSERT(weir__decimal_is_multiple(a, b) == (cases[i].multiple != 0));
        if (weir__decimal_is_multiple(a, b) != (cases[i].multiple != 0))
            printf("# %s of %s\n", cases[i].a, cases[i].b);
        json_decref(a);
        json_decref(b);
    }
}

static void findings_are_counted_beyond_those_kept(void)
{
    struct weir__schema *schema = schema_of("{\"items\":{\"type\":\"null\"}}", NULL);
    struct weir__findings findings = {0};
    json_t *value = json_array();

    for (int i = 0; i < 250; i++)
        json_array_append_new(value, json_integer(i));
    CU_ASSERT(weir__schema_check(schema, value, &findings, NULL, NULL) == 0);
    CU_ASSERT(findings.count == 250);
    CU_ASSERT(weir__findings_kept(&findings) == WEIR__FINDINGS_KEPT);
    weir__findings_clear(&findings);
    CU_ASSERT(findings.count == 0);
    json_decref(value);
    weir__schema_free(schema);
}

static void x_env_diff_is_reported_where_it_applies(void)
{
    struct weir__schema *schema = schema_of(
        "{\"properties\":{\"a\":{\"x-env-diff\":{\"dev\":\"\xc2\xb1"
        "15%\"}},\"b\":{\"anyOf\":["
        "{\"type\":\"null\",\"x-env-diff\":{\"dev\":\"any\"}},"
        "{\"type\":\"string\",\"x-env-diff\":{\"dev\":\"minor\"}}]}},"
        "\"allOf\":[{\"properties\":{\"a\":{\"x-env-diff\":{\"prod\":\"+-2%\"}}}}],"
        "\"not\":{\"properties\":{\"a\":{\"type\":\"null\",\"x-env-diff\":{\"dev\":\"any\"}}}}}",
        NULL);
    struct weir__findings findings = {0};
    json_t *value = json_of("{\"a\":1,\"b\":\"1.2\"}"), *differences = json_object();
    json_t *wanted = json_of("{\"/a\":[{\"dev\":\"\xc2\xb1"
                             "15%\"},{\"prod\":\"+-2%\"}],"
                             "\"/b\":[{\"dev\":\"minor\"}]}");

    CU_ASSERT_PTR_NOT_NULL_FATAL(schema);
    CU_ASSERT(weir__schema_check(schema, value, &findings, differences, NULL) == 0);
    CU_ASSERT(findings.count == 0);
    CU_ASSERT(json_equal(differences, wanted));
    weir__findings_clear(&findings);
    json_decref(wanted);
    json_decref(differences);
    json_decref(value);
    weir__schema_free(schema);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"every keyword lets pass and finds", every_keyword_lets_pass_and_finds},
        {"a keyword that is not supported is named with its place",
         a_keyword_that_is_not_supported_is_named_with_its_place},
        {"a keyword with a wrong value is refused", a_keyword_with_a_wrong_value_is_refused},
        {"a schema that applies itself without end is refused",
         a_schema_that_applies_itself_without_end_is_refused},
        {"depth is bounded and no crash", depth_is_bounded_and_no_crash},
        {"work is bounded", work_is_bounded},
        {"a hostile pattern ends in an error", a_hostile_pattern_ends_in_an_error},
        {"dear searches add up", dear_searches_add_up},
        {"patterns are those of ECMAScript", patterns_are_those_of_ecmascript},
        {"of alternatives the nearest is reported", of_alternatives_the_nearest_is_reported},
        {"numbers are compared as they were written", numbers_are_compared_as_they_were_written},
        {"findings are counted beyond those kept", findings_are_counted_beyond_those_kept},
        {"x-env-diff is reported where it applies", x_env_diff_is_reported_where_it_applies},
        CU_TEST_INFO_NULL,
    };

    return run_suite("schema", tests);
}
