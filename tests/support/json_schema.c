/* Says what weir makes of files of the JSON Schema test suite, a line a test:
 *
 *     FILE <tab> right|wrong|refused|failed <tab> GROUP <tab> TEST, or why it was refused
 */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/schema.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "?";
}

static void run_test(const char *file, const json_t *group, const struct weir__schema *schema,
                     const json_t *test)
{
    struct weir__findings findings = {0};
    struct weir_error error = {0};
    int status = weir__schema_check(schema, json_object_get(test, "data"), &findings, NULL, &error);
    int wanted = json_is_true(json_object_get(test, "valid"));

    printf("%s\t%s\t%s\t%s\n", file,
           status < 0                        ? "failed"
           : wanted == (findings.count == 0) ? "right"
                                             : "wrong",
           text_of(group, "description"), status < 0 ? error.text : text_of(test, "description"));
    weir__findings_clear(&findings);
}

static void run_group(const char *file, const json_t *group)
{
    struct weir_error error = {0};
    struct weir__schema *schema = weir__schema_new(json_object_get(group, "schema"), &error);
    size_t index;
    json_t *test;

    if (schema == NULL)
        printf("%s\trefused\t%s\t%s\n", file, text_of(group, "description"), error.text);
    else
        json_array_foreach(json_object_get(group, "tests"), index, test)
            run_test(file, group, schema, test);
    weir__schema_free(schema);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        json_error_t error;
        json_t *groups = json_load_file(argv[i], JSON_ALLOW_NUL, &error), *group;
        size_t index;

        if (groups == NULL)
            printf("%s\trefused\tthe whole file\t%s\n", base_name(argv[i]), error.text);
        json_array_foreach(groups, index, group) run_group(base_name(argv[i]), group);
        json_decref(groups);
    }
    return EXIT_SUCCESS;
}
