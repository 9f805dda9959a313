#include "config.h"

#include "schema/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "schema/schema_keywords.h"
#include "schema/schema_node.h"

/* Reports an unknown or unsupported keyword. */
static int refuse_keyword(struct compiler *compiler, struct node *node, const char *name,
                          const struct keyword *known)
{
    struct keyword unknown = {.name = name};
    struct check check = {.keyword = &unknown, .node = node};

    if (known != NULL)
        return weir__check_fail(compiler, &check, "the keyword %s is not supported: %s", name,
                                known->refused);
    return weir__check_fail(compiler, &check,
                            "unknown keyword \"%.60s\" in draft 2020-12: correct its spelling, or "
                            "begin it with x- if it is an annotation",
                            name);
}

static int compile_node(struct compiler *compiler, struct node *node)
{
    const char *name;
    json_t *value;

    if (!json_is_object(node->value))
        return 0;
    node->checks = calloc(json_object_size(node->value) + 1, sizeof *node->checks);
    if (node->checks == NULL)
        return weir__compile_no_memory(compiler);
    json_object_foreach((json_t *)node->value, name, value)
    {
        const struct keyword *keyword = weir__keyword_find(name);
        struct check *check = &node->checks[node->check_count];
        int status;

        if (keyword == NULL && strncmp(name, "x-", 2) == 0)
            continue;
        if (keyword == NULL || keyword->refused != NULL)
            return refuse_keyword(compiler, node, name, keyword);
        *check = (struct check){.keyword = keyword, .value = value, .node = node};
        node->check_count++;
        status = keyword->compile(compiler, check);
        if (status < 0)
            return status;
    }
    return 0;
}

/* --- Compiling --- */

static int compile(struct compiler *compiler)
{
    struct weir__schema *schema = compiler->schema;
    int status = 0;

    schema->anchors = json_object();
    if (schema->anchors == NULL)
        return weir__compile_no_memory(compiler);
    if (!json_is_object(schema->document) && !json_is_boolean(schema->document))
        return weir__fail(compiler->error, WEIR_ERR_SPEC, 0,
                          "a schema must be an object or a boolean, not %s",
                          weir__kind_name(weir__value_kind(schema->document)));
    if (weir__node_add(compiler, schema->document) == NULL)
        return WEIR_ERR_NOMEM;
    /* Compiling a node appends nodes, so nesting needs no recursion. */
    for (size_t i = 0; i < weir__node_count(schema) && status == 0; i++)
        status = compile_node(compiler, weir__node_at(schema, i));
    return status == 0 ? weir__schema_link(compiler) : status;
}

struct weir__schema *weir__schema_new(const json_t *document, struct weir_error *error)
{
    struct weir__schema *schema = calloc(1, sizeof *schema);
    struct compiler compiler = {.schema = schema, .error = error};

    if (schema == NULL) {
        weir__compile_no_memory(&compiler);
        return NULL;
    }
    schema->document = json_incref((json_t *)document);
    if (compile(&compiler) == 0)
        return schema;
    weir__schema_free(schema);
    return NULL;
}

static void clear_check(struct check *check)
{
    for (size_t i = 0; i < check->sub_count; i++)
        weir__pattern_free(check->subs[i].pattern);
    free(check->subs);
    json_decref(check->canonical);
    weir__pattern_free(check->pattern);
    weir__range_free(check->range);
}

void weir__schema_free(struct weir__schema *schema)
{
    if (schema == NULL)
        return;
    for (size_t i = 0; i < weir__node_count(schema); i++) {
        struct node *node = weir__node_at(schema, i);

        for (size_t j = 0; j < node->check_count; j++)
            clear_check(&node->checks[j]);
        free(node->checks);
        free(node);
    }
    weir__buffer_clear(&schema->nodes);
    json_decref(schema->anchors);
    json_decref(schema->document);
    free(schema);
}
