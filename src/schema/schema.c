#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/printable.h"
#include "schema/schema_inner.h"

struct node *weir__node_at(const struct weir__schema *schema, size_t index)
{
    return ((struct node **)(void *)schema->nodes.bytes)[index];
}

size_t weir__node_count(const struct weir__schema *schema)
{
    return schema->nodes.length / sizeof(struct node *);
}

/* --- Places in the schema ------------------------------------------------------- */

int weir__pointer_add(struct weir__buffer *out, const char *name, struct weir_error *error)
{
    int status = weir__buffer_add(out, "/", 1, error);

    while (status == 0 && *name != '\0') {
        size_t plain = strcspn(name, "~/");

        status = weir__buffer_add(out, name, plain, error);
        name += plain;
        if (*name != '\0' && status == 0)
            status = weir__buffer_add(out, *name++ == '~' ? "~0" : "~1", 2, error);
    }
    return status;
}

static int add_step(struct weir__buffer *out, const struct node *node)
{
    const struct sub *sub = &node->above->subs[node->above_index];
    int status = weir__pointer_add(out, node->above->keyword->name, NULL);
    char index[24];

    if (status < 0)
        return status;
    snprintf(index, sizeof index, "%zu", sub->index);
    if (sub->key != NULL)
        return weir__pointer_add(out, sub->key, NULL);
    return json_is_array(node->above->value) ? weir__pointer_add(out, index, NULL) : 0;
}

char *weir__node_pointer(const struct node *node, const char *keyword)
{
    struct weir__buffer chain = {0}, out = {0};
    const struct node *const *nodes;
    int status = 0;
    char *text;

    for (; node->above != NULL && status == 0; node = node->above->node)
        status = weir__buffer_add(&chain, &node, sizeof node, NULL);
    nodes = (const struct node *const *)(const void *)chain.bytes;
    for (size_t i = chain.length / sizeof node; i > 0 && status == 0; i--)
        status = add_step(&out, nodes[i - 1]);
    if (keyword != NULL && status == 0)
        status = weir__pointer_add(&out, keyword, NULL);
    text = status == 0 ? weir__buffer_take(&out, NULL) : NULL;
    weir__buffer_clear(&chain);
    weir__buffer_clear(&out);
    return text;
}

int weir__check_fail(struct compiler *compiler, const struct check *check, const char *format, ...)
{
    char *pointer = weir__node_pointer(check->node, check->keyword->name);
    char text[sizeof compiler->error->text];
    va_list arguments;

    va_start(arguments, format);
    weir__sentence_list(text, sizeof text, format, arguments);
    va_end(arguments);
    weir__fail(compiler->error, WEIR_ERR_SPEC, 0, "%.200s: %s", pointer != NULL ? pointer : "",
               text);
    free(pointer);
    return WEIR_ERR_SPEC;
}

/* --- From a document to nodes ----------------------------------------------------- */

static int out_of_memory(const struct compiler *compiler)
{
    return weir__fail(compiler->error, WEIR_ERR_NOMEM, 0, "no memory for a schema");
}

static struct node *add_node(struct compiler *compiler, const json_t *value)
{
    struct node *node = calloc(1, sizeof *node);

    if (node == NULL) {
        out_of_memory(compiler);
        return NULL;
    }
    node->value = value;
    if (weir__buffer_add(&compiler->schema->nodes, &node, sizeof node, compiler->error) == 0)
        return node;
    free(node);
    return NULL;
}

int weir__check_make_subs(struct compiler *compiler, struct check *check, size_t count)
{
    check->subs = calloc(count + 1, sizeof *check->subs);
    return check->subs != NULL ? 0 : out_of_memory(compiler);
}

int weir__check_add_sub(struct compiler *compiler, struct check *check, const char *key,
                        const json_t *value)
{
    struct sub *sub = &check->subs[check->sub_count];
    struct node *node = add_node(compiler, value);

    if (node == NULL)
        return WEIR_ERR_NOMEM;
    node->above = check;
    node->above_index = check->sub_count;
    *sub = (struct sub){.key = key, .index = check->sub_count, .node = node};
    check->sub_count++;
    if (json_is_object(value) || json_is_boolean(value))
        return 0;
    return weir__check_fail(compiler, check, "has to be %s, and has %s at %s%s%.60s",
                            json_is_object(check->value) || json_is_array(check->value)
                                ? "schemas, which are objects or booleans"
                                : "a schema, which is an object or a boolean",
                            weir__kind_name(weir__value_kind(value)),
                            key != NULL ? "\"" : "its place", key != NULL ? key : "",
                            key != NULL ? "\"" : "");
}

/* A keyword that there is none of. */
static int refuse_keyword(struct compiler *compiler, struct node *node, const char *name,
                          const struct keyword *known)
{
    struct keyword unknown = {.name = name};
    struct check check = {.keyword = &unknown, .node = node};

    if (known != NULL)
        return weir__check_fail(compiler, &check, "the keyword %s is not supported: %s", name,
                                known->refused);
    return weir__check_fail(compiler, &check,
                            "there is no keyword \"%.60s\" in draft 2020-12: mend its spelling, or "
                            "begin it with x- if it is a note",
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
        return out_of_memory(compiler);
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

const struct check *weir__node_check(const struct node *node, const char *keyword)
{
    for (size_t i = 0; i < node->check_count; i++)
        if (strcmp(node->checks[i].keyword->name, keyword) == 0)
            return &node->checks[i];
    return NULL;
}

/* --- The whole ---------------------------------------------------------------------------- */

static int compile(struct compiler *compiler)
{
    struct weir__schema *schema = compiler->schema;
    int status = 0;

    schema->anchors = json_object();
    if (schema->anchors == NULL)
        return out_of_memory(compiler);
    if (!json_is_object(schema->document) && !json_is_boolean(schema->document))
        return weir__fail(compiler->error, WEIR_ERR_SPEC, 0,
                          "a schema is an object or a boolean, and this is %s",
                          weir__kind_name(weir__value_kind(schema->document)));
    if (add_node(compiler, schema->document) == NULL)
        return WEIR_ERR_NOMEM;
    /* Nodes are added behind while one is compiled: no depth can hurt. */
    for (size_t i = 0; i < weir__node_count(schema) && status == 0; i++)
        status = compile_node(compiler, weir__node_at(schema, i));
    return status == 0 ? weir__schema_link(compiler) : status;
}

struct weir__schema *weir__schema_new(const json_t *document, struct weir_error *error)
{
    struct weir__schema *schema = calloc(1, sizeof *schema);
    struct compiler compiler = {.schema = schema, .error = error};

    if (schema == NULL) {
        out_of_memory(&compiler);
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
