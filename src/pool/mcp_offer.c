#include "config.h"

#include "pool/mcp_offer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pool/server_call.h"
#include "rpc/mcp_server.h"
#include "rpc/rpc_write.h"

enum { FRESH_MS = 1000 }; /* a list is not read again for a name that it lacks */

struct weir__mcp_offer {
    const char *method;
    unsigned capability;
    const char *key; /* what it is of, in params; NULL: a list */
    enum weir__catalog_part part;
    const char *member; /* of the result, of a list */
};

static const struct weir__slice nothing = {NULL, 0};

static const struct weir__mcp_offer offers[] = {
    {"resources/list", WEIR__MCP_RESOURCES, NULL, WEIR__CATALOG_RESOURCES, "resources"},
    {"resources/templates/list", WEIR__MCP_RESOURCES, NULL, WEIR__CATALOG_TEMPLATES,
     "resourceTemplates"},
    {"prompts/list", WEIR__MCP_PROMPTS, NULL, WEIR__CATALOG_PROMPTS, "prompts"},
    {"resources/read", WEIR__MCP_RESOURCES, "uri", WEIR__CATALOG_RESOURCES, NULL},
    {"prompts/get", WEIR__MCP_PROMPTS, "name", WEIR__CATALOG_PROMPTS, NULL},
    {"completion/complete", WEIR__MCP_COMPLETIONS, "ref", WEIR__CATALOG_PROMPTS, NULL},
};

const struct weir__mcp_offer *weir__mcp_offer_find(struct weir__slice method)
{
    for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++)
        if (weir__slice_is(method, offers[i].method))
            return &offers[i];
    return NULL;
}

/* --- What is offered ------------------------------------------------------------------ */

enum { ALL = WEIR__MCP_RESOURCES | WEIR__MCP_PROMPTS | WEIR__MCP_COMPLETIONS };

unsigned weir__mcp_offer_promise(struct weir__mcp_front *front)
{
    bool hidden;
    unsigned known = weir__catalog_capabilities(&front->gateway, &hidden) & ALL;

    if (hidden)
        front->promised = ALL;
    return hidden ? ALL : known;
}

static bool is_there(const struct weir__mcp_front *front, const struct weir__mcp_offer *offer)
{
    unsigned first;

    return weir__catalog_count(&front->gateway, offer->capability, &first) > 0;
}

bool weir__mcp_is_offered(const struct weir__mcp_front *front, const struct weir__mcp_offer *offer)
{
    return !front->is_ready || front->promised & offer->capability || is_there(front, offer);
}

const char *weir__mcp_offer_fault(const struct weir__mcp_offer *offer, struct weir__slice params)
{
    static const char *const names[] = {"cursor", "uri", "name", "ref", "argument"};
    static const char *const parts[] = {"type", "uri", "name"};
    struct weir__slice found[5], ref[3];

    weir__object_get(params, names, found, 5);
    if (offer->key == NULL)
        return found[0].bytes != NULL ? "unknown cursor: all is on one page" : NULL;
    if (strcmp(offer->key, "uri") == 0)
        return weir__slice_type(found[1]) == 's' ? NULL : "uri must be a string";
    if (strcmp(offer->key, "name") == 0)
        return weir__slice_type(found[2]) == 's' ? NULL : "name must be a string";
    if (weir__slice_type(found[3]) != 'o' || weir__slice_type(found[4]) != 'o')
        return "ref and argument must be objects";
    weir__object_get(found[3], parts, ref, 3);
    if (weir__slice_is(ref[0], "ref/prompt"))
        return weir__slice_type(ref[2]) == 's' ? NULL : "ref.name must be a string";
    if (weir__slice_is(ref[0], "ref/resource"))
        return weir__slice_type(ref[1]) == 's' ? NULL : "ref.uri must be a string";
    return "ref.type must be ref/prompt or ref/resource";
}

/* --- Answers ------------------------------------------------------------------------------ */

/* Where the answer goes; NULL: nowhere any more. */
static struct weir__buffer *begin_end(struct weir__mcp_request *request)
{
    struct weir__server_call *call = request->call;

    weir__server_call_leave(call, nothing);
    return weir__connection_begin_answer(call->connection, call->batch);
}

/* status: of writing the answer, if it goes anywhere. */
static void end(struct weir__mcp_request *request, const struct weir__buffer *to, int status)
{
    struct weir__server_call *call = request->call;

    if (to != NULL)
        weir__connection_written(call->connection, call->batch, status);
    weir__server_call_free(call);
}

static void end_with_error(struct weir__mcp_request *request, int64_t code, const char *message)
{
    struct weir__buffer *to = begin_end(request);

    end(request, to, to != NULL ? weir__mcp_write_error(to, request->call->id, code, message) : 0);
}

/* member: of the result; value: a JSON text. */
static void end_with_list(struct weir__mcp_request *request, const char *member, const char *value)
{
    struct weir__buffer *to = begin_end(request);

    end(request, to,
        to != NULL ? weir__mcp_write_list(to, request->call->id, request->era, member,
                                          weir__slice_of(value))
                   : 0);
}

/* No server completes that: there is nothing to choose from. */
static void end_without_values(struct weir__mcp_request *request)
{
    struct weir__buffer *to = begin_end(request);

    end(request, to,
        to != NULL
            ? weir__mcp_write_passed(to, request->call->id, request->era,
                                     WEIR__LITERAL("{\"completion\":{\"values\":[]}}"), false)
            : 0);
}

/* --- Its server ----------------------------------------------------------------------------- */

/* Params for a server: without the client's _meta, and with the server's own name of a prompt. */
static int write_params(struct weir__buffer *to, const struct weir__mcp_request *request,
                        struct weir__slice name, const char *own)
{
    struct weir__slice rest = weir__slice_of(request->params), key, value;
    int status = WEIR__PUT(to, WEIR__LITERAL("{"));
    size_t begin = to->length;

    while (status >= 0 && weir__member_next(&rest, &key, &value)) {
        if (weir__slice_is(key, "_meta"))
            continue;
        status = WEIR__PUT(to, to->length > begin ? WEIR__LITERAL(",") : WEIR__LITERAL(""), key,
                           WEIR__LITERAL(":"));
        if (status < 0)
            break;
        if (own != NULL && value.bytes == name.bytes) {
            status = weir__write_string(to, own, strlen(own));
        } else if (own != NULL && value.bytes < name.bytes
                   && name.bytes < value.bytes + value.length) { /* in "ref" */
            struct weir__slice before = {value.bytes, (size_t)(name.bytes - value.bytes)};
            const char *after = name.bytes + name.length;

            status = WEIR__PUT(to, before);
            if (status >= 0)
                status = weir__write_string(to, own, strlen(own));
            if (status >= 0)
                status = WEIR__PUT(
                    to, (struct weir__slice){after, (size_t)(value.bytes + value.length - after)});
        } else {
            status = WEIR__PUT(to, value);
        }
    }
    if (status >= 0)
        status = WEIR__PUT(to, weir__slice_of(request->more != NULL ? request->more : ""),
                           WEIR__LITERAL("}"));
    return status;
}

static void pass(struct weir__mcp_request *request, unsigned kind, struct weir__slice name,
                 const char *own)
{
    struct weir__buffer params = {0};

    request->may_be_kept = strcmp(request->offer->method, "resources/read") == 0;
    if (write_params(&params, request, name, own) < 0)
        end_with_error(request, -32603, "no memory");
    else
        weir__mcp_answer_pass(request, kind, request->offer->method,
                              (struct weir__slice){params.bytes, params.length});
    weir__buffer_clear(&params);
}

/* What the request is of: a resource or a prompt, and its name. */
static enum weir__catalog_part read_name(const struct weir__mcp_request *request,
                                         struct weir__slice *name)
{
    static const char *const names[] = {"type", "uri", "name"};
    struct weir__slice found, ref[3];

    weir__object_get(weir__slice_of(request->params), &request->offer->key, &found, 1);
    if (request->offer->capability != WEIR__MCP_COMPLETIONS) {
        *name = found;
        return request->offer->part;
    }
    weir__object_get(found, names, ref, 3);
    *name = weir__slice_is(ref[0], "ref/prompt") ? ref[2] : ref[1];
    return weir__slice_is(ref[0], "ref/prompt") ? WEIR__CATALOG_PROMPTS : WEIR__CATALOG_RESOURCES;
}

static void wait_for(struct weir__mcp_request *request, enum weir__catalog_part part)
{
    request->wanted |= 1U << part;
}

/* Reads what is wanted, and waits for it. */
static void look(struct weir__mcp_request *request)
{
    struct weir__mcp_front *front = request->front;
    unsigned wanted = request->wanted;

    weir__mcp_queue_add(&front->looking, request);
    for (int part = 0; part < WEIR__CATALOG_PARTS; part++)
        if (wanted & 1U << part)
            weir__catalog_read(&front->catalog, (enum weir__catalog_part)part);
}

static bool is_stale(const struct weir__catalog_list *list)
{
    return list->text == NULL || weir__clock_ns() - list->read_ns > (int64_t)FRESH_MS * 1000000;
}

/* Where more than one server may own it. Returns the kind, or -1 if the lists must be read first.
 */
static int find_owner(struct weir__mcp_request *request, enum weir__catalog_part part,
                      const char *name, unsigned first, const char **own)
{
    const struct weir__catalog *catalog = &request->front->catalog;
    bool is_resource = part == WEIR__CATALOG_RESOURCES;
    int kind = weir__catalog_find(catalog, part, name, own);

    if (kind < 0 && is_resource) /* "ref/resource" has a template */
        kind = weir__catalog_find(catalog, WEIR__CATALOG_TEMPLATES, name, own);
    if (kind < 0 && is_resource)
        kind = weir__catalog_find_template(catalog, name);
    if (kind >= 0)
        return kind;
    if (!request->has_looked && is_stale(&catalog->lists[part])) {
        request->has_looked = true;
        wait_for(request, part);
        if (is_resource)
            wait_for(request, WEIR__CATALOG_TEMPLATES);
        return -1;
    }
    return (int)first;
}

static void ask_owner(struct weir__mcp_request *request)
{
    const struct weir__gateway *gateway = &request->front->gateway;
    unsigned completes = request->offer->capability, first;
    struct weir__slice name;
    enum weir__catalog_part part = read_name(request, &name);
    unsigned owns = part == WEIR__CATALOG_PROMPTS ? WEIR__MCP_PROMPTS : WEIR__MCP_RESOURCES;
    size_t count = weir__catalog_count(gateway, owns, &first);
    const char *own = NULL;
    int kind = (int)first;
    char *text;

    if (count == 0) {
        end_with_error(request, -32602, "no server has this");
        return;
    }
    if (count > 1) {
        text = weir__slice_string(name, NULL);
        if (text == NULL) {
            end_with_error(request, -32603, "no memory");
            return;
        }
        kind = find_owner(request, part, text, first, &own);
        if (own != NULL && strcmp(own, text) == 0)
            own = NULL; /* as it came */
        free(text);
    }
    if (kind < 0)
        look(request);
    else if (weir__gateway_capabilities(gateway, (unsigned)kind) & completes)
        pass(request, (unsigned)kind, name, own);
    else
        end_without_values(request);
}

void weir__mcp_offer_start(struct weir__mcp_request *request)
{
    const struct weir__mcp_offer *offer = request->offer;
    const struct weir__catalog_list *list = &request->front->catalog.lists[offer->part];
    char sentence[80];

    if (!weir__mcp_is_offered(request->front, offer)) {
        snprintf(sentence, sizeof sentence, "weir has no %s", offer->method);
        end_with_error(request, -32601, sentence);
    } else if (offer->key != NULL) {
        ask_owner(request);
    } else if (!is_there(request->front, offer)) {
        end_with_list(request, offer->member, "[]");
    } else if (!request->has_looked) {
        request->has_looked = true;
        wait_for(request, offer->part);
        look(request);
    } else if (list->text != NULL) {
        end_with_list(request, offer->member, list->text);
    } else {
        end_with_error(request, -32603, "no memory for the list");
    }
}

void weir__mcp_offer_go_on(enum weir__catalog_part part, void *data)
{
    struct weir__mcp_front *front = data;
    struct weir__mcp_request *request;

    for (request = front->looking.first; request != NULL; request = request->next)
        request->wanted &= ~(1U << part);
    request = front->looking.first;
    while (request != NULL)
        if (request->wanted == 0) {
            weir__mcp_queue_remove(request);
            weir__mcp_offer_start(request);
            request = front->looking.first; /* others may have gone with it */
        } else {
            request = request->next;
        }
}
