#include "config.h"

#include "pool/gateway.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_tree.h"
#include "base/printable.h"
#include "pool/worker_group.h"

enum {
    LONGEST_NAME = WEIR__GATEWAY_NAME - 1, /* APIs of models allow no more than 64 */
    HASH_DIGITS = 8,
    HASHED_NAME = LONGEST_NAME - HASH_DIGITS - 1,
};

static const struct weir__gateway_kind nothing_set;

static const struct weir__gateway_kind *kind_of(const struct weir__gateway *gateway, unsigned kind)
{
    return gateway->kinds != NULL ? &gateway->kinds[kind] : &nothing_set;
}

const char *weir__gateway_label(const struct weir__gateway *gateway, unsigned kind, char room[32])
{
    const char *label = kind_of(gateway, kind)->label;

    snprintf(room, 32, "worker%u", kind + 1);
    return label != NULL ? label : room;
}

/* --- Notes ----------------------------------------------------------------------- */

/* Tells something once. */
static void __attribute__((format(printf, 2, 3)))
note(struct weir__gateway *gateway, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    weir__sentence_list(text, sizeof text, format, args);
    va_end(args);
    if (gateway->note == NULL || json_object_get(gateway->told, text) != NULL)
        return;
    weir__tree_set(&gateway->told, text, json_true());
    gateway->note(text, gateway->context);
}

/* --- Filters --------------------------------------------------------------------- */

static bool fits(const char *const *patterns, const char *name)
{
    for (; patterns != NULL && *patterns != NULL; patterns++)
        if (fnmatch(*patterns, name, FNM_NOESCAPE) == 0)
            return true;
    return false;
}

/* The tool as its MCP server describes it, or NULL. */
static json_t *tool_of(const json_t *about)
{
    return json_object_get(about, "tool");
}

static bool is_read_only(const json_t *about)
{
    const json_t *tool = tool_of(about);
    const json_t *hints = json_object_get(tool != NULL ? tool : about, "annotations");

    return json_is_true(json_object_get(hints, "readOnlyHint"));
}

static bool is_shown(struct weir__gateway *gateway, unsigned kind, const char *method,
                     const json_t *about)
{
    const struct weir__gateway_kind *set = kind_of(gateway, kind);
    const char *stream = json_string_value(json_object_get(about, "stream"));

    if (stream != NULL && strcmp(stream, "out") != 0) {
        note(gateway, "%.128s is left out of the tools: it has an input stream", method);
        return false;
    }
    if (set->only != NULL && !fits(set->only, method))
        return false;
    return !fits(set->except, method) && (!set->read_only || is_read_only(about));
}

/* A pattern without a tool is a mistake that would go unnoticed. */
static void check_patterns(struct weir__gateway *gateway, unsigned kind, const char *member,
                           const char *const *patterns)
{
    json_t *methods = gateway->pool->groups[kind].methods, *about;
    const char *method;
    char room[32];

    for (; patterns != NULL && *patterns != NULL; patterns++) {
        bool found = false;

        json_object_foreach(methods, method, about) found =
            found || fnmatch(*patterns, method, FNM_NOESCAPE) == 0;
        if (!found)
            note(gateway, "%.64s: \"%.20s\" has \"%.100s\", which fits no tool",
                 weir__gateway_label(gateway, kind, room), member, *patterns);
    }
}

/* --- Names ----------------------------------------------------------------------- */

/* Writes at most LONGEST_NAME bytes: what is longer is cut, and ends with digits of its hash. */
void weir__gateway_make_name(char name[WEIR__GATEWAY_NAME], const char *label, const char *method)
{
    char whole[320];
    uint32_t hash = UINT32_C(2166136261); /* FNV-1a */
    int length = label != NULL ? snprintf(whole, sizeof whole, "%.64s__%.200s", label, method)
                               : snprintf(whole, sizeof whole, "%.200s", method);
    int kept = HASHED_NAME;

    if (length <= LONGEST_NAME) {
        memcpy(name, whole, (size_t)length + 1);
        return;
    }
    for (int i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)whole[i]) * UINT32_C(16777619);
    while (kept > 0 && ((unsigned char)whole[kept] & 0xc0) == 0x80)
        kept--;
    snprintf(name, LONGEST_NAME + 1, "%.*s_%08lx", kept, whole, (unsigned long)hash);
}

/* Whether another kind has a tool of the same name, when names are first given. */
static bool clashes(struct weir__gateway *gateway, unsigned kind, const char *method)
{
    const struct weir_pool *pool = gateway->pool;

    for (unsigned other = 0; other < pool->group_count; other++) {
        const json_t *about = weir__worker_group_method(&pool->groups[other], method);

        if (other != kind && about != NULL && kind_of(gateway, other)->prefix != WEIR__PREFIX_ALWAYS
            && is_shown(gateway, other, method, about))
            return true;
    }
    return false;
}

/* The name of a kind's method: the one that it has, or a new one. NULL: it gets none. */
static const char *name_of(struct weir__gateway *gateway, unsigned kind, const char *method)
{
    enum weir__gateway_prefix prefix = kind_of(gateway, kind)->prefix;
    const char *given = json_string_value(json_object_get(gateway->given[kind], method));
    char name[LONGEST_NAME + 1], room[32];
    const char *label = weir__gateway_label(gateway, kind, room);
    bool labelled = prefix == WEIR__PREFIX_ALWAYS;

    if (given != NULL)
        return given;
    weir__gateway_make_name(name, NULL, method);
    if (prefix == WEIR__PREFIX_CLASH)
        labelled = json_object_get(gateway->taken, name) != NULL
                   || (!gateway->is_named && clashes(gateway, kind, method));
    if (labelled)
        weir__gateway_make_name(name, label, method);
    if (json_object_get(gateway->taken, name) != NULL) {
        note(gateway, "%.64s: the tool %.128s is left out, because another has its name", label,
             method);
        return NULL;
    }
    weir__tree_set(&gateway->taken, name, json_integer(kind));
    weir__tree_set(&gateway->given[kind], method, json_string(name));
    return json_string_value(json_object_get(gateway->given[kind], method));
}

/* --- Descriptions ------------------------------------------------------------------ */

/* For a worker that tells no schema: the names of the parameters. */
static json_t *input_of(const json_t *about)
{
    json_t *input = json_object_get(about, "input"), *properties, *required, *parameter;
    size_t i;

    if (json_is_object(input))
        return json_incref(input);
    properties = json_object();
    required = json_array();
    json_array_foreach(json_object_get(about, "params"), i, parameter)
    {
        json_t *name = json_object_get(parameter, "name");

        if (!json_is_string(name))
            continue;
        weir__tree_set(&properties, json_string_value(name), json_object());
        if (!json_is_true(json_object_get(parameter, "optional")))
            weir__tree_append(&required, json_incref(name));
    }
    return json_pack("{s:s, s:o, s:o}", "type", "object", "properties", properties, "required",
                     required);
}

/* A schema for structuredContent, which must be an object: others are its member "result".
 * References keep their meaning, so definitions stay at the root. */
static json_t *output_of(json_t *output, enum weir__mcp_structure *structure)
{
    const char *type = json_string_value(json_object_get(output, "type"));
    json_t *inner, *made, *defs = json_object_get(output, "$defs");

    if (type != NULL && strcmp(type, "object") == 0) {
        *structure = WEIR__MCP_OBJECT;
        return json_incref(output);
    }
    *structure = WEIR__MCP_WRAPPED;
    inner = weir__tree_copy(output);
    if (inner != NULL)
        json_object_del(inner, "$defs");
    made = json_pack("{s:s, s:{s:o}, s:[s]}", "type", "object", "properties", "result", inner,
                     "required", "result");
    if (defs != NULL)
        weir__tree_set(&made, "$defs", json_incref(defs));
    return made;
}

static void copy_member(json_t **to, const char *name, const json_t *from, const char *member)
{
    json_t *value = json_object_get(from, member);

    if (value != NULL)
        weir__tree_set(to, name, json_incref(value));
}

/* The tool for a function. */
static json_t *make_tool(const json_t *about, const char *name, enum weir__mcp_structure *structure)
{
    json_t *tool = json_object(), *output = json_object_get(about, "output");

    weir__tree_set(&tool, "name", json_string(name));
    copy_member(&tool, "title", about, "title");
    copy_member(&tool, "description", about,
                json_object_get(about, "description") != NULL ? "description" : "doc");
    weir__tree_set(&tool, "inputSchema", input_of(about));
    if (json_is_object(output))
        weir__tree_set(&tool, "outputSchema", output_of(output, structure));
    copy_member(&tool, "annotations", about, "annotations");
    return tool;
}

/* The tool of an MCP server, by another name. */
static json_t *rename_tool(const json_t *tool, const char *name)
{
    json_t *copy = weir__tree_copy(tool);

    weir__tree_set(&copy, "name", json_string(name));
    return copy;
}

/* --- The list ---------------------------------------------------------------------- */

struct listing {
    struct weir__tool *tools;
    size_t count, room;
    json_t *list;
};

int64_t weir__gateway_timeout(const struct weir__gateway *gateway, unsigned kind,
                              const char *method)
{
    const struct weir__gateway_kind *set = kind_of(gateway, kind);

    for (size_t i = 0; i < set->timeout_count; i++)
        if (fnmatch(set->timeouts[i].pattern, method, FNM_NOESCAPE) == 0)
            return set->timeouts[i].ms;
    return set->timeout_ms > 0 ? set->timeout_ms : WEIR_FOREVER;
}

int64_t weir__gateway_idle(const struct weir__gateway *gateway, unsigned kind)
{
    return kind_of(gateway, kind)->idle_ms;
}

unsigned weir__gateway_capabilities(const struct weir__gateway *gateway, unsigned kind)
{
    return gateway->pool->groups[kind].capabilities;
}

/* Whether a tool is another than the one that was pinned. */
static bool is_held_back(struct weir__gateway *gateway, unsigned kind, const char *method,
                         const json_t *about)
{
    char room[32];
    const char *label = weir__gateway_label(gateway, kind, room), *fault = NULL;
    const json_t *tool = tool_of(about);

    if (gateway->pins != NULL)
        fault = weir__pins_fault(gateway->pins, label, method, tool != NULL ? tool : about);
    if (fault != NULL)
        note(gateway,
             "%.64s: the tool %.128s is held back: it %s: look at it, then accept it with "
             "--pin-update",
             label, method, fault);
    return fault != NULL;
}

static int add(struct weir__gateway *gateway, struct listing *to, unsigned kind, const char *method,
               json_t *about)
{
    const char *name, *stream = json_string_value(json_object_get(about, "stream"));
    struct weir__tool *tool;

    if (!is_shown(gateway, kind, method, about) || is_held_back(gateway, kind, method, about))
        return 0;
    name = name_of(gateway, kind, method);
    if (name == NULL)
        return 0;
    if (to->count == to->room) {
        size_t room = to->room > 0 ? to->room * 2 : 16;
        struct weir__tool *tools = realloc(to->tools, room * sizeof *tools);

        if (tools == NULL)
            return WEIR_ERR_NOMEM;
        to->tools = tools;
        to->room = room;
    }
    tool = &to->tools[to->count];
    *tool = (struct weir__tool){
        .name = strdup(name),
        .method = strdup(method),
        .kind = kind,
        .place = to->count++,
        .streams = stream != NULL,
        .is_mcp = tool_of(about) != NULL,
        .idle_ms = weir__gateway_idle(gateway, kind),
        .timeout_ms = weir__gateway_timeout(gateway, kind, method),
    };
    weir__tree_append(&to->list, tool->is_mcp ? rename_tool(tool_of(about), name)
                                              : make_tool(about, name, &tool->structure));
    return tool->name != NULL && tool->method != NULL && to->list != NULL ? 0 : WEIR_ERR_NOMEM;
}

static void free_tools(struct weir__tool *tools, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(tools[i].name);
        free(tools[i].method);
    }
    free(tools);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct weir__tool *)a)->name, ((const struct weir__tool *)b)->name);
}

int weir__gateway_update(struct weir__gateway *gateway)
{
    struct listing listing = {.list = json_array()};
    char *text = NULL;
    int status = 0, is_changed;

    for (unsigned kind = 0; kind < gateway->pool->group_count && status == 0; kind++) {
        struct weir__worker_group *group = &gateway->pool->groups[kind];
        const char *method;
        json_t *about;
        char room[32];

        if (group->is_known && gateway->pins != NULL)
            weir__pins_begin(gateway->pins, weir__gateway_label(gateway, kind, room));
        json_object_foreach(group->methods, method, about) if (status == 0) status =
            add(gateway, &listing, kind, method, about);
        if (group->is_known) {
            check_patterns(gateway, kind, "tools", kind_of(gateway, kind)->only);
            check_patterns(gateway, kind, "except", kind_of(gateway, kind)->except);
        }
    }
    for (size_t i = 0; i < gateway->pool->group_count; i++)
        if (gateway->given[i] == NULL)
            status = WEIR_ERR_NOMEM;
    if (status == 0 && gateway->taken != NULL)
        text = weir__tree_text(listing.list, JSON_COMPACT);
    json_decref(listing.list);
    if (text == NULL) {
        free_tools(listing.tools, listing.count);
        return WEIR_ERR_NOMEM;
    }
    if (listing.count > 0)
        qsort(listing.tools, listing.count, sizeof *listing.tools, by_name);
    is_changed = strcmp(gateway->list, text) != 0;
    free_tools(gateway->tools, gateway->count);
    free(gateway->list);
    gateway->tools = listing.tools;
    gateway->count = listing.count;
    gateway->list = text;
    gateway->is_named = true;
    return is_changed;
}

const struct weir__tool *weir__gateway_find(const struct weir__gateway *gateway, const char *name)
{
    struct weir__tool key = {.name = (char *)name};

    return gateway->count > 0 ? bsearch(&key, gateway->tools, gateway->count, sizeof key, by_name)
                              : NULL;
}

const struct weir__tool *weir__gateway_method(const struct weir__gateway *gateway,
                                              const char *method)
{
    for (size_t i = 0; i < gateway->count; i++)
        if (strcmp(gateway->tools[i].method, method) == 0)
            return &gateway->tools[i];
    return NULL;
}

bool weir__gateway_is_complete(const struct weir__gateway *gateway, bool *none)
{
    const struct weir_pool *pool = gateway->pool;
    bool complete = true;

    *none = true;
    for (size_t i = 0; i < pool->group_count; i++) {
        *none = *none && !pool->groups[i].is_known;
        complete = complete && (pool->groups[i].is_known || pool->groups[i].is_down);
    }
    return complete;
}

/* --- Life -------------------------------------------------------------------------- */

int weir__gateway_open(struct weir__gateway *gateway, weir_pool_t *pool, struct weir_error *error)
{
    gateway->pool = pool;
    gateway->taken = json_object();
    gateway->told = json_object();
    gateway->given = calloc(pool->group_count, sizeof *gateway->given);
    gateway->list = strdup("[]");
    for (size_t i = 0; i < pool->group_count && gateway->given != NULL; i++)
        gateway->given[i] = json_object();
    if (gateway->given == NULL || gateway->list == NULL) {
        weir__gateway_clear(gateway);
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a list of tools");
    }
    return 0;
}

void weir__gateway_clear(struct weir__gateway *gateway)
{
    for (size_t i = 0; gateway->given != NULL && i < gateway->pool->group_count; i++)
        json_decref(gateway->given[i]);
    free(gateway->given);
    json_decref(gateway->taken);
    json_decref(gateway->told);
    free_tools(gateway->tools, gateway->count);
    free(gateway->list);
    gateway->given = NULL;
    gateway->taken = gateway->told = NULL;
    gateway->tools = NULL;
    gateway->count = 0;
    gateway->list = NULL;
}
