#include "config.h"

#include "cli/output_check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_parse.h"
#include "pool/pool.h"
#include "schema/schema.h"

const char *const output_check_words[] = {"none", "output", NULL};

enum { SCHEMAS_MAX = 10000 }; /* as many as a server may have tools; then all are compiled anew */

struct output_schema {
    struct output_schema *next;
    json_t *document;
    struct weir__schema *schema; /* NULL: it cannot be used */
};

/* A schema that cannot be used costs the check, not the tool.  Returns NULL: no memory. */
static struct output_schema *compile(struct output_check *check, json_t *document)
{
    struct output_schema *made = calloc(1, sizeof *made);
    struct weir_error error;

    if (made == NULL)
        return NULL;
    if (check->count == SCHEMAS_MAX)
        output_check_clear(check);
    check->count++;
    made->document = json_incref(document);
    made->schema = weir__schema_new(document, &error);
    if (made->schema == NULL)
        cli_note(check->command, "an outputSchema is not checked: %s", error.text);
    made->next = check->schemas;
    check->schemas = made;
    return made;
}

/* Lists are read again: then the same schema is another document. */
static struct output_schema *find(struct output_check *check, json_t *document)
{
    struct output_schema *schema = check->schemas;

    while (schema != NULL && schema->document != document
           && !json_equal(schema->document, document))
        schema = schema->next;
    return schema != NULL ? schema : compile(check, document);
}

static int is_valid(json_t *document, struct weir__slice value, char *reason, size_t size,
                    void *context)
{
    struct output_schema *schema = find(context, document);
    struct weir__findings findings = {0};
    struct weir_error error;
    json_t *tree;

    snprintf(reason, size, "no memory to check it");
    if (schema == NULL)
        return 0;
    if (schema->schema == NULL)
        return 1;
    tree = weir__json_parse(value.bytes, value.length, JSON_DECODE_ANY, NULL);
    if (tree == NULL)
        return 0;
    if (weir__schema_check(schema->schema, tree, &findings, NULL, &error) < 0)
        snprintf(reason, size, "%s", error.text);
    else if (findings.count > 0)
        snprintf(reason, size, "%s %s", weir__finding_at(&findings, 0)->instance,
                 weir__finding_at(&findings, 0)->text);
    else
        reason[0] = '\0';
    weir__findings_clear(&findings);
    json_decref(tree);
    return reason[0] == '\0';
}

void output_check_begin(struct output_check *check, const struct cli_command *command,
                        weir_pool_t *pool)
{
    check->command = command;
    pool->check_output = is_valid;
    pool->check_context = check;
}

void output_check_clear(struct output_check *check)
{
    struct output_schema *schema;

    while ((schema = check->schemas) != NULL) {
        check->schemas = schema->next;
        weir__schema_free(schema->schema);
        json_decref(schema->document);
        free(schema);
    }
    check->count = 0;
}
