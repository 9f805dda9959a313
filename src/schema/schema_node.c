#include "config.h"

#include "schema/schema_node.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/printable.h"

struct node *weir__node_at(const struct weir__schema *schema, size_t index)
{
    return ((struct node **)(void *)schema->nodes.bytes)[index];
}

size_t weir__node_count(const struct weir__schema *schema)
{
    return schema->nodes.length / sizeof(struct node *);
}

/* --- Places in the schema ------------------------------------------------------- */

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

/* --- Adding nodes -------------------------------------------------------------- */

int weir__compile_no_memory(const struct compiler *compiler)
{
    return weir__fail(compiler->error, WEIR_ERR_NOMEM, 0, "no memory for a schema");
}

struct node *weir__node_add(struct compiler *compiler, const json_t *value)
{
    struct node *node = calloc(1, sizeof *node);

    if (node == NULL) {
        weir__compile_no_memory(compiler);
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
    return check->subs != NULL ? 0 : weir__compile_no_memory(compiler);
}

int weir__check_add_sub(struct compiler *compiler, struct check *check, const char *key,
                        const json_t *value)
{
    struct sub *sub = &check->subs[check->sub_count];
    struct node *node = weir__node_add(compiler, value);

    if (node == NULL)
        return WEIR_ERR_NOMEM;
    node->above = check;
    node->above_index = check->sub_count;
    *sub = (struct sub){.key = key, .index = check->sub_count, .node = node};
    check->sub_count++;
    if (json_is_object(value) || json_is_boolean(value))
        return 0;
    return weir__check_fail(compiler, check, "must be %s, but has %s at %s%s%.60s",
                            json_is_object(check->value) || json_is_array(check->value)
                                ? "schemas, which are objects or booleans"
                                : "a schema, which is an object or a boolean",
                            weir__kind_name(weir__value_kind(value)),
                            key != NULL ? "\"" : "its place", key != NULL ? key : "",
                            key != NULL ? "\"" : "");
}

const struct check *weir__node_check(const struct node *node, const char *keyword)
{
    for (size_t i = 0; i < node->check_count; i++)
        if (strcmp(node->checks[i].keyword->name, keyword) == 0)
            return &node->checks[i];
    return NULL;
}
