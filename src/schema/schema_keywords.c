/* The table of keywords.  docs/contract.md documents them; a test compares the two. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_canonical.h"
#include "base/error.h"
#include "schema/schema_keywords.h"
#include "schema/tolerance.h"

/* --- Values of keywords ------------------------------------------------ */

static int fail_type(struct compiler *compiler, const struct check *check, const char *what)
{
    return weir__check_fail(compiler, check, "must be %s, not %s", what,
                            weir__kind_name(weir__value_kind(check->value)));
}

static int compile_any(struct compiler *compiler, struct check *check)
{
    (void)compiler;
    (void)check;
    return 0;
}

/* A string without NUL: text after one would be lost. */
static bool is_plain_string(const json_t *value)
{
    return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

static int compile_string(struct compiler *compiler, struct check *check)
{
    return is_plain_string(check->value) ? 0 : fail_type(compiler, check, "a string without NUL");
}

static int compile_flag(struct compiler *compiler, struct check *check)
{
    return json_is_boolean(check->value) ? 0 : fail_type(compiler, check, "true or false");
}

static int compile_array(struct compiler *compiler, struct check *check)
{
    return json_is_array(check->value) ? 0 : fail_type(compiler, check, "an array");
}

static int compile_number(struct compiler *compiler, struct check *check)
{
    return json_is_number(check->value) ? 0 : fail_type(compiler, check, "a number");
}

static int compile_divisor(struct compiler *compiler, struct check *check)
{
    if (json_is_number(check->value) && json_number_value(check->value) > 0)
        return 0;
    return fail_type(compiler, check, "a number above 0");
}

/* A bound on a length; 2.0 is valid too. */
static int compile_length(struct compiler *compiler, struct check *check)
{
    double number = json_number_value(check->value);

    if (!json_is_number(check->value) || number < 0 || number != floor(number))
        return fail_type(compiler, check, "a whole number that is not negative");
    check->number = number >= 1e15 ? (size_t)1e15 : (size_t)number;
    return 0;
}

/* Reports that the value of a keyword cannot be compiled. */
static int fail_compile(struct compiler *compiler, const struct check *check,
                        const struct weir_error *why)
{
    if (why->status == WEIR_ERR_NOMEM)
        return weir__fail(compiler->error, WEIR_ERR_NOMEM, 0, "no memory for a schema");
    return weir__check_fail(compiler, check, "%s", why->text);
}

static int compile_pattern(struct compiler *compiler, struct check *check)
{
    struct weir_error why = {0};

    if (!json_is_string(check->value))
        return fail_type(compiler, check, "a string");
    check->pattern =
        weir__pattern_new(json_string_value(check->value), json_string_length(check->value), &why);
    return check->pattern != NULL ? 0 : fail_compile(compiler, check, &why);
}

static int compile_range(struct compiler *compiler, struct check *check)
{
    struct weir_error why = {0};

    if (!is_plain_string(check->value))
        return fail_type(compiler, check, "a string, as in \">=1.22 <2\"");
    check->range = weir__range_new(json_string_value(check->value), &why);
    return check->range != NULL ? 0 : fail_compile(compiler, check, &why);
}

/* Each tolerance must be valid; it is used when reports are compared. */
static int compile_env_diff(struct compiler *compiler, struct check *check)
{
    const char *name;
    json_t *value;

    if (!json_is_object(check->value))
        return fail_type(compiler, check, "an object, as in {\"dev\": \"minor\"}");
    json_object_foreach((json_t *)check->value, name, value)
    {
        struct weir__tolerance tolerance;
        struct weir_error why = {0};

        if (!is_plain_string(value))
            return fail_type(compiler, check, "an object of strings, as in {\"dev\": \"minor\"}");
        if (weir__tolerance_parse(json_string_value(value), &tolerance, &why) < 0)
            return weir__check_fail(compiler, check, "for \"%.60s\", %s", name, why.text);
    }
    return 0;
}

/* --- Types and sets ------------------------------------------------------------------ */

static int add_type(struct compiler *compiler, struct check *check, const json_t *value)
{
    static const struct {
        const char *name;
        enum kinds kinds;
    } types[] = {
        {"null", NULLS},     {"boolean", BOOLEANS}, {"integer", INTEGERS}, {"number", NUMBERS},
        {"string", STRINGS}, {"array", ARRAYS},     {"object", OBJECTS},
    };
    const char *name = is_plain_string(value) ? json_string_value(value) : NULL;

    for (size_t i = 0; name != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].name, name) == 0) {
            check->number |= types[i].kinds;
            return 0;
        }
    return weir__check_fail(
        compiler, check,
        "invalid type %s: use null, boolean, integer, number, string, array or object",
        weir__value_shown(value).text);
}

static int compile_types(struct compiler *compiler, struct check *check)
{
    size_t index;
    json_t *value;
    int status = 0;

    if (!json_is_array(check->value))
        return add_type(compiler, check, check->value);
    json_array_foreach((json_t *)check->value, index, value)
    {
        status = add_type(compiler, check, value);
        if (status < 0)
            return status;
    }
    return index > 0 ? 0 : fail_type(compiler, check, "a type, or an array of some");
}

/* Two values are the same when their canonical forms are. */
static int add_canonical(struct compiler *compiler, struct check *check, const json_t *value)
{
    char *text = weir__canonical_text(value, NULL);
    int status = 0;

    if (check->canonical == NULL)
        check->canonical = json_object();
    if (text == NULL || json_object_set_new(check->canonical, text, json_null()) < 0)
        status = weir__fail(compiler->error, WEIR_ERR_NOMEM, 0, "no memory for a schema");
    free(text);
    return status;
}

static int compile_const(struct compiler *compiler, struct check *check)
{
    return add_canonical(compiler, check, check->value);
}

static int compile_enum(struct compiler *compiler, struct check *check)
{
    size_t index;
    json_t *value;
    int status = 0;

    if (!json_is_array(check->value))
        return fail_type(compiler, check, "an array");
    check->canonical = json_object(); /* an empty enum, which nothing matches, is allowed */
    json_array_foreach((json_t *)check->value, index, value)
    {
        status = add_canonical(compiler, check, value);
        if (status < 0)
            return status;
    }
    return 0;
}

static bool are_plain_strings(const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (!is_plain_string(json_array_get(array, i)))
            return false;
    return json_is_array(array);
}

static int compile_names(struct compiler *compiler, struct check *check)
{
    return are_plain_strings(check->value) ? 0 : fail_type(compiler, check, "an array of strings");
}

static int compile_dependent_names(struct compiler *compiler, struct check *check)
{
    const char *name;
    json_t *value;

    if (!json_is_object(check->value))
        return fail_type(compiler, check, "an object of arrays of strings");
    json_object_foreach((json_t *)check->value, name, value)
    {
        if (!are_plain_strings(value))
            return weir__check_fail(compiler, check, "\"%.60s\" must be an array of strings", name);
    }
    return 0;
}

/* --- Schemas --------------------------------------------------------------------------- */

static int compile_schema(struct compiler *compiler, struct check *check)
{
    int status = weir__check_make_subs(compiler, check, 1);

    return status == 0 ? weir__check_add_sub(compiler, check, NULL, check->value) : status;
}

static int compile_schema_array(struct compiler *compiler, struct check *check)
{
    size_t count = json_array_size(check->value);
    int status;

    if (count == 0)
        return fail_type(compiler, check, "an array of at least one schema");
    status = weir__check_make_subs(compiler, check, count);
    for (size_t i = 0; i < count && status == 0; i++)
        status = weir__check_add_sub(compiler, check, NULL, json_array_get(check->value, i));
    return status;
}

static int compile_schemas(struct compiler *compiler, struct check *check)
{
    const char *name;
    json_t *value;
    int status;

    if (!json_is_object(check->value))
        return fail_type(compiler, check, "an object of schemas");
    status = weir__check_make_subs(compiler, check, json_object_size(check->value));
    json_object_foreach((json_t *)check->value, name, value)
    {
        if (status == 0)
            status = weir__check_add_sub(compiler, check, name, value);
    }
    return status;
}

static int compile_pattern_schemas(struct compiler *compiler, struct check *check)
{
    int status = compile_schemas(compiler, check);

    for (size_t i = 0; i < check->sub_count && status == 0; i++) {
        struct sub *sub = &check->subs[i];
        struct weir_error why = {0};

        sub->pattern = weir__pattern_new(sub->key, strlen(sub->key), &why);
        if (sub->pattern == NULL && why.status == WEIR_ERR_NOMEM)
            status = fail_compile(compiler, check, &why);
        else if (sub->pattern == NULL)
            status = weir__check_fail(compiler, check, "\"%.60s\" %s", sub->key, why.text);
    }
    return status;
}

/* --- The table --------------------------------------------------------------------------- */

/* clang-format off */
#define NO_UNEVALUATED "use additionalProperties or items"
#define NO_DYNAMIC     "use $ref"
#define NO_CONTENT     "weir does not decode strings"

static const struct keyword keywords[] = {
    /* name, kinds it looks at, compile, apply, in place, refused */
    {"$schema", 0, compile_string, NULL, false, NULL},
    {"$id", 0, compile_string, NULL, false, NULL},
    {"$anchor", 0, compile_string, NULL, false, NULL},
    {"$defs", 0, compile_schemas, NULL, false, NULL},
    {"$ref", ANY, compile_string, weir__apply_ref, true, NULL},
    {"$comment", 0, compile_string, NULL, false, NULL},
    {"title", 0, compile_string, NULL, false, NULL},
    {"description", 0, compile_string, NULL, false, NULL},
    {"default", 0, compile_any, NULL, false, NULL},
    {"examples", 0, compile_array, NULL, false, NULL},
    {"deprecated", 0, compile_flag, NULL, false, NULL},
    {"readOnly", 0, compile_flag, NULL, false, NULL},
    {"writeOnly", 0, compile_flag, NULL, false, NULL},
    {"format", 0, compile_string, NULL, false, NULL},

    {"type", ANY, compile_types, weir__apply_type, false, NULL},
    {"enum", ANY, compile_enum, weir__apply_enum, false, NULL},
    {"const", ANY, compile_const, weir__apply_const, false, NULL},

    {"multipleOf", NUMBERS, compile_divisor, weir__apply_multiple_of, false, NULL},
    {"minimum", NUMBERS, compile_number, weir__apply_bound, false, NULL},
    {"maximum", NUMBERS, compile_number, weir__apply_bound, false, NULL},
    {"exclusiveMinimum", NUMBERS, compile_number, weir__apply_bound, false, NULL},
    {"exclusiveMaximum", NUMBERS, compile_number, weir__apply_bound, false, NULL},

    {"minLength", STRINGS, compile_length, weir__apply_size, false, NULL},
    {"maxLength", STRINGS, compile_length, weir__apply_size, false, NULL},
    {"pattern", STRINGS, compile_pattern, weir__apply_pattern, false, NULL},
    {"x-version", STRINGS, compile_range, weir__apply_version, false, NULL},
    {"x-env-diff", ANY, compile_env_diff, weir__apply_env_diff, false, NULL},

    {"minItems", ARRAYS, compile_length, weir__apply_size, false, NULL},
    {"maxItems", ARRAYS, compile_length, weir__apply_size, false, NULL},
    {"uniqueItems", ARRAYS, compile_flag, weir__apply_unique_items, false, NULL},
    {"prefixItems", ARRAYS, compile_schema_array, weir__apply_prefix_items, false, NULL},
    {"items", ARRAYS, compile_schema, weir__apply_items, false, NULL},
    {"contains", ARRAYS, compile_schema, weir__apply_contains, false, NULL},
    {"minContains", ARRAYS, compile_length, NULL, false, NULL},
    {"maxContains", ARRAYS, compile_length, NULL, false, NULL},

    {"minProperties", OBJECTS, compile_length, weir__apply_size, false, NULL},
    {"maxProperties", OBJECTS, compile_length, weir__apply_size, false, NULL},
    {"required", OBJECTS, compile_names, weir__apply_required, false, NULL},
    {"dependentRequired", OBJECTS, compile_dependent_names, weir__apply_dependent_required, false, NULL},
    {"properties", OBJECTS, compile_schemas, weir__apply_properties, false, NULL},
    {"patternProperties", OBJECTS, compile_pattern_schemas, weir__apply_pattern_properties, false, NULL},
    {"additionalProperties", OBJECTS, compile_schema, weir__apply_additional_properties, false, NULL},
    {"propertyNames", OBJECTS, compile_schema, weir__apply_property_names, false, NULL},
    {"dependentSchemas", OBJECTS, compile_schemas, weir__apply_dependent_schemas, true, NULL},

    {"allOf", ANY, compile_schema_array, weir__apply_all_of, true, NULL},
    {"anyOf", ANY, compile_schema_array, weir__apply_any_of, true, NULL},
    {"oneOf", ANY, compile_schema_array, weir__apply_one_of, true, NULL},
    {"not", ANY, compile_schema, weir__apply_not_, true, NULL},
    {"if", ANY, compile_schema, weir__apply_if, true, NULL},
    {"then", 0, compile_schema, NULL, true, NULL},
    {"else", 0, compile_schema, NULL, true, NULL},

    {"unevaluatedItems", 0, NULL, NULL, false, NO_UNEVALUATED},
    {"unevaluatedProperties", 0, NULL, NULL, false, NO_UNEVALUATED},
    {"$dynamicRef", 0, NULL, NULL, false, NO_DYNAMIC},
    {"$dynamicAnchor", 0, NULL, NULL, false, NO_DYNAMIC},
    {"$recursiveRef", 0, NULL, NULL, false, NO_DYNAMIC},
    {"$recursiveAnchor", 0, NULL, NULL, false, NO_DYNAMIC},
    {"$vocabulary", 0, NULL, NULL, false, "weir supports only the vocabulary of draft 2020-12"},
    {"contentEncoding", 0, NULL, NULL, false, NO_CONTENT},
    {"contentMediaType", 0, NULL, NULL, false, NO_CONTENT},
    {"contentSchema", 0, NULL, NULL, false, NO_CONTENT},
    {"definitions", 0, NULL, NULL, false, "since draft 2019-09 it is called $defs"},
    {"dependencies", 0, NULL, NULL, false,
     "since draft 2019-09 it is dependentRequired or dependentSchemas"},
    {"additionalItems", 0, NULL, NULL, false, "since draft 2020-12 it is items, beside prefixItems"},
};
/* clang-format on */

const struct keyword *weir__keyword_find(const char *name)
{
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (strcmp(keywords[i].name, name) == 0)
            return &keywords[i];
    return NULL;
}
