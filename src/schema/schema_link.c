/* References between the schemas of a document ($id, $anchor, $ref), and the check that they are
 * not circular. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "schema/schema_keywords.h"
#include "schema/schema_node.h"

#define DIALECT "https://json-schema.org/draft/2020-12/schema"

/* --- $id, $anchor and $ref ----------------------------------------------------------- */

static int check_identity(struct compiler *compiler, const struct check *check)
{
    const char *name = check->keyword->name, *text = json_string_value(check->value);

    if (strcmp(name, "$schema") == 0 && strcmp(text, DIALECT) != 0
        && strcmp(text, DIALECT "#") != 0)
        return weir__check_fail(compiler, check, "is %.100s, but weir supports only " DIALECT,
                                text);
    if (strcmp(name, "$id") == 0 && check->node->above != NULL)
        return weir__check_fail(compiler, check,
                                "only the root schema may have an $id: use $anchor");
    if (strcmp(name, "$id") == 0 && strchr(text, '#') != NULL)
        return weir__check_fail(compiler, check, "an $id must not have a fragment: remove \"#\"");
    return 0;
}

static int add_anchor(struct compiler *compiler, const struct check *check, size_t index)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    const char *name = json_string_value(check->value);

    if (*name == '\0' || strchr(letters, *name) == NULL
        || name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-.0123456789")]
               != '\0')
        return weir__check_fail(
            compiler, check,
            "must begin with a letter or _, followed by letters, digits, _, - or .");
    if (json_object_get(compiler->schema->anchors, name) != NULL)
        return weir__check_fail(compiler, check, "duplicate $anchor \"%.60s\"", name);
    if (json_object_set_new(compiler->schema->anchors, name, json_integer((json_int_t)index)) < 0)
        return weir__fail(compiler->error, WEIR_ERR_NOMEM, 0, "no memory for a schema");
    return 0;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* Decodes %XX in place. Returns -1 if it is malformed. */
static int decode_percents(char *text)
{
    char *to = text;

    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '%') {
            int high = hex_digit(at[1]), low = high >= 0 ? hex_digit(at[2]) : -1;

            if (low < 0 || (high == 0 && low == 0))
                return -1;
            *to++ = (char)(high * 16 + low);
            at += 2;
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
    return 0;
}

/* Removes the first step from a JSON pointer whose first "/" is already removed, and decodes its
 * escapes in place. *rest is NULL after the last. */
static const char *take_step(char **rest)
{
    char *step = *rest, *slash = strchr(step, '/'), *to = step;

    if (slash != NULL)
        *slash = '\0';
    *rest = slash != NULL ? slash + 1 : NULL;
    for (const char *from = step; *from != '\0'; from++) {
        bool escape = *from == '~' && (from[1] == '0' || from[1] == '1');

        *to++ = !escape ? *from : from[1] == '0' ? '~' : '/';
        from += escape;
    }
    *to = '\0';
    return step;
}

/* The schema that a keyword has under a member's name or an index. */
static struct node *find_sub(const struct check *check, const char *step)
{
    for (size_t i = 0; i < check->sub_count; i++) {
        char index[24];

        snprintf(index, sizeof index, "%zu", check->subs[i].index);
        if (strcmp(check->subs[i].key != NULL ? check->subs[i].key : index, step) == 0)
            return check->subs[i].node;
    }
    return NULL;
}

/* The node at a JSON pointer. Modifies pointer. */
static struct node *follow_pointer(const struct weir__schema *schema, char *pointer)
{
    struct node *node = weir__node_at(schema, 0);
    char *rest = *pointer == '/' ? pointer + 1 : NULL;

    while (node != NULL && rest != NULL) {
        const struct check *check = weir__node_check(node, take_step(&rest));

        if (check == NULL || check->sub_count == 0 || check->subs[0].node->above != check)
            return NULL;
        if (check->subs[0].key == NULL && !json_is_array(check->value))
            node = check->subs[0].node;
        else
            node = rest != NULL ? find_sub(check, take_step(&rest)) : NULL;
    }
    return node;
}

static struct node *find_target(const struct weir__schema *schema, const char *fragment)
{
    char *copy = strdup(fragment);
    const json_t *index;
    struct node *node = NULL;

    if (copy == NULL || decode_percents(copy) < 0) {
        free(copy);
        return NULL;
    }
    index = json_object_get(schema->anchors, copy);
    if (*copy == '\0' || *copy == '/')
        node = follow_pointer(schema, copy);
    else if (index != NULL)
        node = weir__node_at(schema, (size_t)json_integer_value(index));
    free(copy);
    return node;
}

/* Makes the node that a $ref names the only schema below it. */
static int resolve_ref(struct compiler *compiler, struct check *check)
{
    const char *text = json_string_value(check->value);
    const char *id = json_string_value(json_object_get(compiler->schema->document, "$id"));
    const char *fragment = text;
    struct node *target;

    if (id != NULL && strncmp(text, id, strlen(id)) == 0
        && (text[strlen(id)] == '#' || text[strlen(id)] == '\0'))
        fragment = text + strlen(id);
    if (*fragment != '#' && *fragment != '\0')
        return weir__check_fail(compiler, check,
                                "\"%.100s\" is in another document, which weir does not fetch: "
                                "copy it into $defs and refer to it with #/$defs/NAME",
                                text);
    target = find_target(compiler->schema, *fragment == '#' ? fragment + 1 : fragment);
    if (target == NULL)
        return weir__check_fail(compiler, check,
                                "\"%.100s\" does not refer to a schema in this document", text);
    if (weir__check_make_subs(compiler, check, 1) < 0)
        return WEIR_ERR_NOMEM;
    check->subs[0].node = target;
    check->sub_count = 1;
    return 0;
}

/* Two passes: anchors and identities first, then references. */
static int link_nodes(struct compiler *compiler, int resolving)
{
    const struct weir__schema *schema = compiler->schema;
    int status = 0;

    for (size_t i = 0; i < weir__node_count(schema); i++) {
        struct node *node = weir__node_at(schema, i);

        for (size_t j = 0; j < node->check_count && status == 0; j++) {
            struct check *check = &node->checks[j];
            const char *name = check->keyword->name;

            if (resolving && strcmp(name, "$ref") == 0)
                status = resolve_ref(compiler, check);
            else if (!resolving && strcmp(name, "$anchor") == 0)
                status = add_anchor(compiler, check, i);
            else if (!resolving && (strcmp(name, "$id") == 0 || strcmp(name, "$schema") == 0))
                status = check_identity(compiler, check);
        }
    }
    return status;
}

/* --- Circles --------------------------------------------------------------------------- */

/* A schema that applies itself to the same value never ends. A depth-first search, with a stack
 * of its own, over the keywords that apply schemas in place. */
enum { UNSEEN, OPEN, DONE };

struct visit {
    struct node *node;
    size_t check, sub;
};

/* The next node that is applied in place, or NULL. */
static struct node *next_in_place(struct visit *visit, const struct check **by)
{
    while (visit->check < visit->node->check_count) {
        const struct check *check = &visit->node->checks[visit->check];

        if (check->keyword->in_place && visit->sub < check->sub_count) {
            *by = check;
            return check->subs[visit->sub++].node;
        }
        visit->check++;
        visit->sub = 0;
    }
    return NULL;
}

static int search_from(struct compiler *compiler, struct node *start, struct weir__buffer *stack)
{
    struct visit first = {.node = start};

    start->mark = OPEN;
    if (weir__buffer_add(stack, &first, sizeof first, compiler->error) < 0)
        return WEIR_ERR_NOMEM;
    while (stack->length > 0) {
        struct visit *top = (struct visit *)(void *)(stack->bytes + stack->length) - 1, visit = {0};
        const struct check *by = NULL;

        visit.node = next_in_place(top, &by);
        if (visit.node == NULL) {
            top->node->mark = DONE;
            stack->length -= sizeof *top;
        } else if (visit.node->mark == OPEN) {
            return weir__check_fail(compiler, by,
                                    "refers back to itself for the same value: infinite recursion");
        } else if (visit.node->mark == UNSEEN) {
            visit.node->mark = OPEN;
            if (weir__buffer_add(stack, &visit, sizeof visit, compiler->error) < 0)
                return WEIR_ERR_NOMEM;
        }
    }
    return 0;
}

static int check_circles(struct compiler *compiler)
{
    struct weir__buffer stack = {0};
    int status = 0;

    for (size_t i = 0; i < weir__node_count(compiler->schema) && status == 0; i++)
        if (weir__node_at(compiler->schema, i)->mark == UNSEEN)
            status = search_from(compiler, weir__node_at(compiler->schema, i), &stack);
    weir__buffer_clear(&stack);
    return status;
}

int weir__schema_link(struct compiler *compiler)
{
    int status = link_nodes(compiler, 0);

    if (status == 0)
        status = link_nodes(compiler, 1);
    return status == 0 ? check_circles(compiler) : status;
}
