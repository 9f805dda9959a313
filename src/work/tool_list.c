#include "config.h"

#include "work/tool_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_parse.h"
#include "base/json_tree.h"
#include "base/printable.h"

enum {
    MOST_PAGES = 1000,
    MOST_TOOLS = 10000,
    MOST_BYTES = 16 << 20, /* of all pages */
    LONGEST_NAME = 128,
    LARGEST_SCHEMA = 256 << 10,
    DEEPEST_SCHEMA = 64,
    LONGEST_TYPE = 80,
    LONGEST_DOC = 400,
};

/* --- A parameter's type in words ------------------------------------------------ */

static void add_word(struct weir__buffer *words, const char *text, size_t length)
{
    if (words->length > 0)
        weir__buffer_add(words, "|", 1, NULL);
    weir__buffer_add(words, text, length, NULL);
}

/* "string", "integer|null", "\"a\"|\"b\"" */
static void add_type(struct weir__buffer *words, const json_t *schema, int depth)
{
    const json_t *type = json_object_get(schema, "type"), *of = json_object_get(schema, "enum"),
                 *value;
    size_t index;

    if (json_is_array(of)) {
        json_array_foreach(of, index, value)
        {
            char *text = weir__tree_text(value, JSON_COMPACT | JSON_ENCODE_ANY);

            if (text != NULL && words->length < LONGEST_TYPE)
                add_word(words, text, strlen(text));
            free(text);
        }
    } else if (json_is_string(type)) {
        add_word(words, json_string_value(type), json_string_length(type));
    } else if (json_is_array(type)) {
        json_array_foreach(type, index, value) if (json_is_string(value))
            add_word(words, json_string_value(value), json_string_length(value));
    } else if (depth > 0) {
        of = json_object_get(schema, "anyOf");
        json_array_foreach(of, index, value) add_type(words, value, depth - 1);
    }
}

static json_t *type_of(const json_t *schema)
{
    struct weir__buffer words = {0};
    json_t *type = NULL;

    add_type(&words, schema, 1);
    if (words.length > 0 && words.length <= LONGEST_TYPE)
        type = json_stringn(words.bytes, words.length);
    weir__buffer_clear(&words);
    return type;
}

/* --- One tool ------------------------------------------------------------------- */

static int is_required(const json_t *schema, const char *name)
{
    const json_t *required = json_object_get(schema, "required"), *value;
    size_t index;

    json_array_foreach(required, index,
                       value) if (json_is_string(value)
                                  && strcmp(json_string_value(value), name) == 0) return 1;
    return 0;
}

static json_t *make_params(const json_t *schema)
{
    json_t *params = json_array(), *property;
    const char *name;

    json_object_foreach(json_object_get(schema, "properties"), name, property)
    {
        json_t *param = json_object(), *type = type_of(property);

        weir__tree_set(&param, "name", json_string(name));
        if (type != NULL)
            weir__tree_set(&param, "type", type);
        if (!is_required(schema, name))
            weir__tree_set(&param, "optional", json_true());
        weir__tree_append(&params, param);
    }
    return params;
}

static int hints(const json_t *tool, const char *hint)
{
    return json_is_true(json_object_get(json_object_get(tool, "annotations"), hint));
}

/* The first line of its description. */
static json_t *make_doc(const json_t *tool)
{
    const char *text = json_string_value(json_object_get(tool, "description"));
    size_t length;

    if (text == NULL)
        return NULL;
    text += strspn(text, " \t\r\n");
    length = strcspn(text, "\r\n");
    if (length > LONGEST_DOC)
        for (length = LONGEST_DOC; ((unsigned char)text[length] & 0xc0) == 0x80;)
            length--;
    return json_stringn(text, length);
}

/* How deep a text is nested. */
static int depth_of(struct weir__slice text)
{
    int depth = 0, deepest = 0;
    char in_string = 0;

    for (size_t i = 0; i < text.length; i++) {
        if (in_string) {
            if (text.bytes[i] == '\\')
                i++;
            else
                in_string = text.bytes[i] != '"';
            continue;
        }
        in_string = text.bytes[i] == '"';
        depth += text.bytes[i] == '{' || text.bytes[i] == '[';
        depth -= text.bytes[i] == '}' || text.bytes[i] == ']';
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

static int is_readable(struct weir__slice schema)
{
    return weir__slice_type(schema) == 'o' && schema.length <= LARGEST_SCHEMA
           && depth_of(schema) <= DEEPEST_SCHEMA;
}

/* A method without types, for a tool that cannot be read as it is. */
static json_t *make_bare(const char *name)
{
    json_t *tool = json_object(), *schema = json_object(), *method = json_object();

    weir__tree_set(&schema, "type", json_string("object"));
    weir__tree_set(&tool, "name", json_string(name));
    weir__tree_set(&tool, "inputSchema", schema);
    weir__tree_set(&method, "tool", tool);
    return method;
}

static json_t *make_method(const char *name, struct weir__slice slice, struct weir__slice schema)
{
    json_error_t fault;
    json_t *tool =
               is_readable(schema) ? weir__json_parse(slice.bytes, slice.length, 0, &fault) : NULL,
           *method, *doc;

    if (tool == NULL)
        return make_bare(name);
    method = json_object();
    doc = make_doc(tool);
    if (doc != NULL)
        weir__tree_set(&method, "doc", doc);
    weir__tree_set(&method, "params", make_params(json_object_get(tool, "inputSchema")));
    if (hints(tool, "readOnlyHint") || hints(tool, "idempotentHint"))
        weir__tree_set(&method, "idempotent", json_true());
    if (hints(tool, "readOnlyHint"))
        weir__tree_set(&method, "read_only", json_true());
    weir__tree_set(&method, "tool", tool);
    return method;
}

static int is_name(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
            return 0;
    return length > 0 && length <= LONGEST_NAME;
}

static void add_tool(struct weir__tool_list *list, struct weir__slice tool)
{
    static const char *const names[] = {"name", "inputSchema"};
    struct weir__slice found[2];
    size_t length = 0;
    char *name;

    weir__object_get(tool, names, found, 2);
    name = weir__slice_string(found[0], &length);
    if (name != NULL && is_name(name, length))
        weir__tree_set(&list->methods, name, make_method(name, tool, found[1]));
    else
        list->left_out++;
    free(name);
}

/* --- The list -------------------------------------------------------------------- */

static int refuse(char *reason, size_t size, const char *why)
{
    weir__sentence(reason, size, "%s", why);
    return -1;
}

/* Whether the cursor is new; remembers it. */
static int is_new(struct weir__tool_list *list, struct weir__slice cursor)
{
    char *key = strndup(cursor.bytes, cursor.length);
    int is = key != NULL && json_object_get(list->cursors, key) == NULL;

    if (key != NULL)
        weir__tree_set(&list->cursors, key, json_true());
    free(key);
    return is;
}

int weir__tool_list_add(struct weir__tool_list *list, struct weir__slice result,
                        struct weir__slice *cursor, char *reason, size_t size)
{
    static const char *const names[] = {"tools", "nextCursor"};
    struct weir__slice found[2], tool;

    if (list->methods == NULL && list->pages == 0) {
        list->methods = json_object();
        list->cursors = json_object();
    }
    list->pages++;
    list->bytes += result.length;
    if (list->bytes > MOST_BYTES)
        return refuse(reason, size, "is longer than 16 MiB");
    weir__object_get(result, names, found, 2);
    if (weir__slice_type(found[0]) != 'a')
        return refuse(reason, size, "has no \"tools\"");
    while (weir__message_next(&found[0], &tool)) {
        if (++list->tools > MOST_TOOLS)
            return refuse(reason, size, "has more than 10000 tools");
        add_tool(list, tool);
    }
    if (list->methods == NULL || list->cursors == NULL)
        return refuse(reason, size, "did not fit into memory");
    if (weir__slice_type(found[1]) != 's')
        return 0;
    if (list->pages >= MOST_PAGES)
        return refuse(reason, size, "has more than 1000 pages");
    if (!is_new(list, found[1]))
        return refuse(reason, size, "goes in a circle: a cursor came twice");
    *cursor = found[1];
    return 1;
}

json_t *weir__tool_list_take(struct weir__tool_list *list)
{
    json_t *methods = list->methods;

    list->methods = NULL;
    weir__tool_list_clear(list);
    return methods;
}

void weir__tool_list_clear(struct weir__tool_list *list)
{
    json_decref(list->methods);
    json_decref(list->cursors);
    *list = (struct weir__tool_list){0};
}
