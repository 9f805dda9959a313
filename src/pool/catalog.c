#include "config.h"

#include "pool/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_parse.h"
#include "base/json_tree.h"
#include "pool/call_api.h"
#include "pool/pool_types.h"
#include "pool/worker_group.h"
#include "rpc/mcp.h"

enum {
    LIST_MS = 10000,
    MOST_PAGES = 1000,
    MOST_ENTRIES = 10000,
    MOST_BYTES = 16 << 20, /* of all pages of a kind */
};

static const struct {
    const char *method, *member, *key;
    unsigned capability;
    int has_name; /* besides the key */
} parts[WEIR__CATALOG_PARTS] = {
    [WEIR__CATALOG_RESOURCES] = {"resources/list", "resources", "uri", WEIR__MCP_RESOURCES, 1},
    [WEIR__CATALOG_TEMPLATES] = {"resources/templates/list", "resourceTemplates", "uriTemplate",
                                 WEIR__MCP_RESOURCES, 1},
    [WEIR__CATALOG_PROMPTS] = {"prompts/list", "prompts", "name", WEIR__MCP_PROMPTS, 0},
};

/* The list of one kind, while it is read. */
struct weir__catalog_fetch {
    struct weir__catalog *catalog;
    enum weir__catalog_part part;
    unsigned kind;
    weir_call_t *call; /* NULL: the kind has none, or it is read */
    json_t *entries;   /* NULL: memory was short */
    json_t *cursors;   /* those seen */
    unsigned pages;
    size_t bytes;
};

/* --- What kinds can do ------------------------------------------------------------- */

size_t weir__catalog_count(const struct weir__gateway *gateway, unsigned capability,
                           unsigned *first)
{
    const struct weir_pool *pool = gateway->pool;
    size_t count = 0;

    *first = 0;
    for (unsigned kind = 0; kind < pool->group_count; kind++)
        if (pool->groups[kind].capabilities & capability && count++ == 0)
            *first = kind;
    return count;
}

unsigned weir__catalog_capabilities(const struct weir__gateway *gateway, bool *hidden)
{
    const struct weir_pool *pool = gateway->pool;
    unsigned capabilities = 0;

    *hidden = false;
    for (size_t i = 0; i < pool->group_count; i++) {
        const struct weir__worker_group *group = &pool->groups[i];

        capabilities |= group->capabilities;
        if (group->kind.dialect == WEIR_DIALECT_MCP && !group->is_known && !group->is_down)
            *hidden = true;
    }
    return capabilities;
}

/* --- A list that is whole ------------------------------------------------------------ */

static const char *text_of(const json_t *entry, const char *member)
{
    return json_string_value(json_object_get(entry, member));
}

/* The name for an entry whose own is taken; NULL: it is left out. */
static const char *rename_entry(const struct weir__catalog_fetch *fetch, const json_t *owners,
                                const char *own, char name[WEIR__GATEWAY_NAME])
{
    char room[32];

    if (fetch->part != WEIR__CATALOG_PROMPTS)
        return NULL;
    weir__gateway_make_name(name, weir__gateway_label(fetch->catalog->gateway, fetch->kind, room),
                            own);
    return json_object_get(owners, name) == NULL ? name : NULL;
}

/* Adds the entries of a kind to the list of all. What lacks what it must have is left out. */
static void join(const struct weir__catalog_fetch *fetch, json_t **all, json_t **owners)
{
    const char *key = parts[fetch->part].key;
    char room[WEIR__GATEWAY_NAME];
    json_t *entry;
    size_t i;

    json_array_foreach(fetch->entries, i, entry)
    {
        const char *own = text_of(entry, key), *name = own;

        if (own == NULL || (parts[fetch->part].has_name && text_of(entry, "name") == NULL))
            continue;
        if (json_object_get(*owners, own) != NULL)
            name = rename_entry(fetch, *owners, own, room);
        if (name == NULL)
            continue;
        weir__tree_set(owners, name, json_pack("[i,s]", (int)fetch->kind, own));
        if (name == own) {
            weir__tree_append(all, json_incref(entry));
        } else {
            json_t *copy = weir__tree_copy(entry);

            weir__tree_set(&copy, key, json_string(name));
            weir__tree_append(all, copy);
        }
    }
}

static void clear_fetches(struct weir__catalog_list *list, size_t count)
{
    for (size_t i = 0; list->fetches != NULL && i < count; i++) {
        weir_call_free(list->fetches[i].call);
        json_decref(list->fetches[i].entries);
        json_decref(list->fetches[i].cursors);
    }
    free(list->fetches);
    list->fetches = NULL;
    list->open = 0;
}

/* All kinds have told theirs. Without memory for the new list the old one stays. */
static void end_read(struct weir__catalog *catalog, enum weir__catalog_part part)
{
    struct weir__catalog_list *list = &catalog->lists[part];
    size_t count = catalog->gateway->pool->group_count;
    json_t *all = json_array(), *owners = json_object();
    char *text;

    for (size_t i = 0; list->fetches != NULL && i < count; i++)
        join(&list->fetches[i], &all, &owners);
    text = owners != NULL && list->fetches != NULL ? weir__tree_text(all, JSON_COMPACT) : NULL;
    json_decref(all);
    clear_fetches(list, count);
    if (text != NULL) {
        free(list->text);
        list->text = text;
        json_decref(list->owners);
        list->owners = json_incref(owners);
    }
    json_decref(owners);
    list->read_ns = weir__clock_ns();
    catalog->on_read(part, catalog->context);
}

static void end_fetch(struct weir__catalog_fetch *fetch)
{
    struct weir__catalog *catalog = fetch->catalog;
    enum weir__catalog_part part = fetch->part;

    weir_call_free(fetch->call);
    fetch->call = NULL;
    if (--catalog->lists[part].open == 0)
        end_read(catalog, part);
}

/* --- Pages ---------------------------------------------------------------------------- */

static int ask(struct weir__catalog_fetch *fetch, struct weir__slice cursor);

/* A cursor that was there before would go on for ever. */
static bool is_new_cursor(struct weir__catalog_fetch *fetch, struct weir__slice cursor)
{
    char *text = weir__slice_type(cursor) == 's' ? weir__slice_string(cursor, NULL) : NULL;
    bool is_new = text != NULL && json_object_get(fetch->cursors, text) == NULL;

    if (is_new)
        weir__tree_set(&fetch->cursors, text, json_true());
    free(text);
    return is_new && fetch->cursors != NULL;
}

/* Returns whether there is another page, and has asked for it. */
static bool take_page(struct weir__catalog_fetch *fetch, struct weir__slice result)
{
    const char *names[] = {parts[fetch->part].member, "nextCursor"};
    struct weir__slice found[2];
    json_t *page, *entry;
    size_t i;

    weir__object_get(result, names, found, 2);
    fetch->bytes += result.length;
    if (weir__slice_type(found[0]) != 'a' || fetch->bytes > MOST_BYTES)
        return false;
    page = weir__json_parse(found[0].bytes, found[0].length, 0, NULL);
    json_array_foreach(page, i, entry) if (json_array_size(fetch->entries) < MOST_ENTRIES)
        weir__tree_append(&fetch->entries, json_incref(entry));
    json_decref(page);
    return page != NULL && ++fetch->pages < MOST_PAGES
           && json_array_size(fetch->entries) < MOST_ENTRIES && is_new_cursor(fetch, found[1])
           && ask(fetch, found[1]) == 0;
}

/* A server that fails to list its things has none, for now. */
static void on_done(weir_call_t *call, const struct weir_reply *reply, void *context)
{
    struct weir__catalog_fetch *fetch = context;
    struct weir__slice result = {NULL, 0};

    if (reply != NULL && reply->outcome == WEIR_CALL_RETURNED)
        result = (struct weir__slice){reply->result, reply->length};
    if (weir__slice_type(result) == 'o' && take_page(fetch, result))
        weir_call_free(call); /* the next one has taken its place */
    else
        end_fetch(fetch);
}

static int ask(struct weir__catalog_fetch *fetch, struct weir__slice cursor)
{
    weir_pool_t *pool = fetch->catalog->gateway->pool;
    struct weir__buffer params = {0};
    struct weir_call_options options;
    struct weir_call_sink sink;
    struct weir_error error;
    weir_call_t *call = NULL;
    int status = WEIR__PUT(&params, WEIR__LITERAL("{"));

    if (status >= 0 && cursor.bytes != NULL)
        status = WEIR__PUT(&params, WEIR__LITERAL("\"cursor\":"), cursor);
    if (status >= 0)
        status = WEIR__PUT(&params, WEIR__LITERAL("}"));
    weir_call_options_init(&options);
    weir_call_sink_init(&sink);
    options.kind = (int)fetch->kind;
    options.timeout_ms = LIST_MS;
    options.whole = 1;
    sink.on_done = on_done;
    sink.context = fetch;
    if (status >= 0)
        call = weir__call_start(pool, NULL, parts[fetch->part].method,
                                (struct weir__slice){params.bytes, params.length}, &options, &sink,
                                0, &error);
    weir__buffer_clear(&params);
    if (call == NULL)
        return -1;
    fetch->call = call;
    return 0;
}

void weir__catalog_read(struct weir__catalog *catalog, enum weir__catalog_part part)
{
    struct weir__catalog_list *list = &catalog->lists[part];
    const struct weir_pool *pool = catalog->gateway->pool;

    if (list->open > 0)
        return;
    list->fetches = calloc(pool->group_count, sizeof *list->fetches);
    list->open = 1; /* until all are asked */
    for (unsigned kind = 0; list->fetches != NULL && kind < pool->group_count; kind++) {
        struct weir__catalog_fetch *fetch = &list->fetches[kind];

        *fetch = (struct weir__catalog_fetch){
            .catalog = catalog,
            .part = part,
            .kind = kind,
            .entries = json_array(),
            .cursors = json_object(),
        };
        if (pool->groups[kind].capabilities & parts[part].capability
            && ask(fetch, (struct weir__slice){NULL, 0}) == 0)
            list->open++;
    }
    if (--list->open == 0)
        end_read(catalog, part);
}

/* --- Owners --------------------------------------------------------------------------- */

int weir__catalog_find(const struct weir__catalog *catalog, enum weir__catalog_part part,
                       const char *name, const char **own)
{
    const json_t *owner = json_object_get(catalog->lists[part].owners, name);

    if (owner == NULL)
        return -1;
    *own = json_string_value(json_array_get(owner, 1));
    return (int)json_integer_value(json_array_get(owner, 0));
}

int weir__catalog_find_template(const struct weir__catalog *catalog, const char *uri)
{
    json_t *owners = catalog->lists[WEIR__CATALOG_TEMPLATES].owners, *owner;
    const char *template;
    size_t longest = 0;
    int found = -1;

    json_object_foreach(owners, template, owner)
    {
        size_t length = strcspn(template, "{");

        if (strncmp(template, uri, length) == 0 && (found < 0 || length > longest)) {
            longest = length;
            found = (int)json_integer_value(json_array_get(owner, 0));
        }
    }
    return found;
}

void weir__catalog_clear(struct weir__catalog *catalog)
{
    for (size_t i = 0; i < WEIR__CATALOG_PARTS && catalog->gateway != NULL; i++) {
        struct weir__catalog_list *list = &catalog->lists[i];

        clear_fetches(list, catalog->gateway->pool->group_count);
        free(list->text);
        json_decref(list->owners);
        *list = (struct weir__catalog_list){0};
    }
}
