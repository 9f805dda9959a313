#include "config.h"

#include "web/openapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_tree.h"
#include "http/target.h"

#define DEFS       "#/$defs/"
#define COMPONENTS "#/components/schemas/"

enum { DEPTH_MAX = 1000 };

/* Whose schema is made. */
struct scope {
    const char *method;
    const char *root; /* "input" or "output" */
    int is_apart;     /* its $defs are others than those of the same names of the other root */
};

/* The name of a component may have letters, digits, '.', '_' and '-'; other bytes are _XX. */
static char *component_name(const struct scope *scope, const char *part, size_t length)
{
    struct weir__buffer text = {0};
    int status = weir__http_target_encode(scope->method, strlen(scope->method), &text);

    if (status >= 0)
        status = weir__buffer_add(&text, ".", 1, NULL);
    if (status >= 0 && scope->is_apart && part != scope->root) { /* not of the root itself */
        status = weir__buffer_add(&text, scope->root, strlen(scope->root), NULL);
        if (status >= 0)
            status = weir__buffer_add(&text, ".", 1, NULL);
    }
    if (status >= 0)
        status = weir__http_target_encode(part, length, &text);
    for (size_t i = 0; i < text.length && status >= 0; i++)
        if (text.bytes[i] == '%' || text.bytes[i] == '~')
            text.bytes[i] = '_';
    if (status >= 0)
        return weir__buffer_take(&text, NULL);
    weir__buffer_clear(&text);
    return NULL;
}

static json_t *reference(const struct scope *scope, const char *part, size_t length,
                         const char *rest)
{
    char *name = component_name(scope, part, length);
    json_t *made = name != NULL
                       ? json_pack("{s:o}", "$ref", json_sprintf("%s%s%s", COMPONENTS, name, rest))
                       : NULL;

    free(name);
    return made;
}

static json_t *reference_root(const struct scope *scope)
{
    return reference(scope, scope->root, strlen(scope->root), "");
}

/* A copy of a $ref's text, which meant the schema's own root: now a component. */
static json_t *move_reference(const json_t *text, const struct scope *scope)
{
    const char *given = json_string_value(text), *part = given + strlen(DEFS);
    json_t *made, *moved;
    size_t length;

    if (strcmp(given, "#") == 0) {
        made = reference_root(scope);
    } else if (strncmp(given, DEFS, strlen(DEFS)) == 0) {
        length = strcspn(part, "/");
        made = reference(scope, part, length, part + length);
    } else {
        return json_string(given);
    }
    moved = json_incref(json_object_get(made, "$ref"));
    json_decref(made);
    return moved;
}

/* Members whose values are data, in which nothing is a schema. */
static int is_data(const char *member)
{
    static const char *const names[] = {"const", "enum", "default", "examples", "example"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(member, names[i]) == 0)
            return 1;
    return 0;
}

/* A copy of a schema without $defs at its root, whose references lead to components. */
static json_t *move_schema(json_t *schema, const struct scope *scope, int depth)
{
    json_t *copy, *value;
    const char *member;
    size_t i;

    if (depth > DEPTH_MAX)
        return json_true();
    if (json_is_array(schema)) {
        copy = json_array();
        json_array_foreach(schema, i, value)
            weir__tree_append(&copy, move_schema(value, scope, depth + 1));
        return copy;
    }
    if (!json_is_object(schema))
        return json_incref(schema);
    copy = json_object();
    json_object_foreach(schema, member, value)
    {
        if (depth == 0 && (strcmp(member, "$defs") == 0 || strcmp(member, "$schema") == 0))
            continue;
        if (strcmp(member, "$ref") == 0 && json_is_string(value))
            weir__tree_set(&copy, member, move_reference(value, scope));
        else if (is_data(member))
            weir__tree_set(&copy, member, json_incref(value));
        else
            weir__tree_set(&copy, member, move_schema(value, scope, depth + 1));
    }
    return copy;
}

/* Puts a schema and its $defs among the components. */
static void add_schema(json_t **components, json_t *schema, const struct scope *scope)
{
    json_t *value;
    const char *name;
    char *key = component_name(scope, scope->root, strlen(scope->root));

    weir__tree_set(components, key != NULL ? key : "",
                   key != NULL ? move_schema(schema, scope, 0) : NULL);
    free(key);
    json_object_foreach(json_object_get(schema, "$defs"), name, value)
    {
        key = component_name(scope, name, strlen(name));
        weir__tree_set(components, key != NULL ? key : "",
                       key != NULL ? move_schema(value, scope, 1) : NULL);
        free(key);
    }
}

/* A dataclass with defaults, for example: a result always has all of its members. */
static int has_other_defs(json_t *input, json_t *output)
{
    const json_t *defs = json_object_get(output, "$defs");
    json_t *value;
    const char *name;

    json_object_foreach(json_object_get(input, "$defs"), name, value)
    {
        const json_t *other = json_object_get(defs, name);

        if (other != NULL && !json_equal(value, other))
            return 1;
    }
    return 0;
}

/* Of a worker that has no schemas: the names alone. */
static json_t *schema_of_params(const json_t *params)
{
    json_t *properties = json_object(), *required = json_array(), *param;
    size_t i;

    json_array_foreach(params, i, param)
    {
        const char *name = json_string_value(json_object_get(param, "name"));

        if (name == NULL || json_is_true(json_object_get(param, "stream")))
            continue;
        weir__tree_set(&properties, name, json_object());
        if (!json_is_true(json_object_get(param, "optional")))
            weir__tree_append(&required, json_string(name));
    }
    return json_pack("{s:s,s:o,s:o}", "type", "object", "properties", properties, "required",
                     required);
}

/* A parameter of calls whose reply is kept: see kept.h. */
static json_t *header(const char *name, const char *description, json_t *schema)
{
    return json_pack("{s:s,s:s,s:s,s:o}", "name", name, "in", "header", "description", description,
                     "schema", schema);
}

static json_t *shared_parameters(void)
{
    return json_pack(
        "{s:o,s:o,s:o}", "key",
        header("Idempotency-Key", "requests with the same key make one call, and get its reply",
               json_pack("{s:s,s:i,s:i,s:s}", "type", "string", "minLength", 1, "maxLength", 64,
                         "pattern", "^[!-~]([ -~]*[!-~])?$")),
        "prefer",
        header("Prefer", "respond-async: do not wait, the reply is fetched with the call's id",
               json_pack("{s:s}", "type", "string")),
        "timeout",
        header(
            "Weir-Timeout", "the deadline of the call in seconds, with at most 3 decimals",
            json_pack("{s:s,s:s}", "type", "string", "pattern", "^[0-9]{1,9}(\\.[0-9]{1,3})?$")));
}

static void add_parameter(json_t **parameters, const char *name)
{
    weir__tree_append(parameters,
                      json_pack("{s:o}", "$ref", json_sprintf("#/components/parameters/%s", name)));
}

static int has_stream(const json_t *method, const char *direction)
{
    const char *stream = json_string_value(json_object_get(method, "stream"));

    return stream != NULL && (strcmp(stream, direction) == 0 || strcmp(stream, "both") == 0);
}

static void add_request(json_t **operation, const json_t *method, const struct scope *scope,
                        const json_t *input)
{
    json_t *schema = reference_root(scope), *parameters = json_array();
    int is_required = json_array_size(json_object_get(input, "required")) > 0;

    if (has_stream(method, "in"))
        weir__tree_append(&parameters, json_pack("{s:s,s:s,s:b,s:{s:{s:o}}}", "name", "params",
                                                 "in", "query", "required", is_required, "content",
                                                 "application/json", "schema", schema));
    add_parameter(&parameters, "timeout");
    if (!has_stream(method, "in") && !has_stream(method, "out")) {
        add_parameter(&parameters, "key");
        add_parameter(&parameters, "prefer");
    }
    weir__tree_set(operation, "parameters", parameters);
    if (has_stream(method, "in")) {
        weir__tree_set(operation, "requestBody",
                       json_pack("{s:b,s:{s:{s:{s:s}}}}", "required", 1, "content",
                                 "application/x-ndjson", "schema", "type", "string"));
        return;
    }
    weir__tree_set(operation, "requestBody",
                   json_pack("{s:b,s:{s:{s:o}}}", "required", is_required, "content",
                             "application/json", "schema", schema));
}

static void add_responses(json_t **operation, const json_t *method, const struct scope *scope)
{
    static const char *const streams[] = {"application/x-ndjson", "text/event-stream"};
    const json_t *output = json_object_get(method, "output");
    json_t *item = json_object_get(output, "items");
    json_t *content = json_object(), *responses, *media;

    weir__tree_set(
        &content, "application/json",
        json_pack("{s:o}", "schema", output != NULL ? reference_root(scope) : json_object()));
    for (size_t i = 0; i < 2 && has_stream(method, "out"); i++) {
        media = json_pack("{s:{s:s}}", "schema", "type", "string");
        if (item != NULL)
            weir__tree_set(&media, "x-weir-item", move_schema(item, scope, 1));
        weir__tree_set(&content, streams[i], media);
    }
    responses = json_pack("{s:{s:s,s:o},s:{s:s}}", "200", "description", "the result", "content",
                          content, "default", "$ref", "#/components/responses/problem");
    if (!has_stream(method, "in") && !has_stream(method, "out"))
        weir__tree_set(&responses, "202",
                       json_pack("{s:s}", "$ref", "#/components/responses/running"));
    weir__tree_set(operation, "responses", responses);
}

/* Where the reply to a call with Prefer: respond-async is. No function has its name: weir/ is not
 * theirs. */
static json_t *make_reply_operation(void)
{
    return json_pack(
        "{s:{s:s,s:s,s:[{s:s,s:s,s:b,s:{s:s}}],s:{s:{s:s,s:{s:{s:{}}}},s:{s:s},s:{s:s}}}}", "get",
        "operationId", "weir/reply", "summary",
        "The reply to a call with Prefer: respond-async, as it would have been", "parameters",
        "name", "id", "in", "path", "required", 1, "schema", "type", "string", "responses", "200",
        "description", "the result", "content", "application/json", "schema", "202", "$ref",
        "#/components/responses/running", "default", "$ref", "#/components/responses/problem");
}

/* The response to a call that goes on without its client. */
static json_t *make_running(void)
{
    return json_pack("{s:s,s:{s:{s:s,s:{s:s}}},s:{s:{s:{s:s,s:{s:{s:s}},s:[s]}}}}", "description",
                     "the call waits or runs", "headers", "Location", "description",
                     "where its reply will be", "schema", "type", "string", "content",
                     "application/json", "schema", "type", "object", "properties", "id", "type",
                     "string", "required", "id");
}

static json_t *make_operation(json_t *method, const struct scope *in, const struct scope *out,
                              const json_t *input)
{
    const char *name = in->method;
    json_t *operation = json_pack("{s:s}", "operationId", name);
    json_t *title = json_object_get(method, "title"), *doc = json_object_get(method, "doc");
    json_t *description = json_object_get(method, "description");

    weir__tree_set(&operation, "summary",
                   json_is_string(title) ? json_incref(title)
                   : json_is_string(doc) ? json_incref(doc)
                                         : json_string(name));
    if (json_is_string(description))
        weir__tree_set(&operation, "description", json_incref(description));
    add_request(&operation, method, in, input);
    add_responses(&operation, method, out);
    return operation;
}

static void add_method(json_t **paths, json_t **schemas, json_t *method, const char *name)
{
    struct weir__buffer path = {0};
    json_t *given = json_object_get(method, "input");
    json_t *input = json_is_object(given) ? json_incref(given)
                                          : schema_of_params(json_object_get(method, "params"));
    json_t *output = json_object_get(method, "output");
    const struct scope in = {name, "input", 0},
                       out = {name, "output", has_other_defs(input, output)};
    const char *text = NULL;

    if (weir__buffer_add(&path, "/v1/call/", 9, NULL) == 0
        && weir__http_target_encode(name, strlen(name), &path) == 0)
        text = weir__buffer_text(&path);
    add_schema(schemas, input, &in);
    if (output != NULL)
        add_schema(schemas, output, &out);
    weir__tree_set(paths, text != NULL ? text : "",
                   text != NULL && input != NULL
                       ? json_pack("{s:o}", "post", make_operation(method, &in, &out, input))
                       : NULL);
    json_decref(input);
    weir__buffer_clear(&path);
}

static json_t *problem_schema(void)
{
    return json_pack("{s:s,s:{s:{s:s},s:{s:s},s:{s:s},s:{s:s},s:{s:s},s:{s:s},s:{}},s:[s,s,s]}",
                     "type", "object", "properties", "type", "type", "string", "title", "type",
                     "string", "status", "type", "integer", "detail", "type", "string", "code",
                     "type", "integer", "call", "type", "string", "data", "required", "type",
                     "title", "status");
}

json_t *weir__web_openapi(const json_t *methods, int has_tokens)
{
    json_t *paths = json_object(), *schemas = json_object(), *method, *components, *document;
    const char *name;

    weir__tree_set(&schemas, "problem", problem_schema());
    json_object_foreach((json_t *)methods, name, method) add_method(&paths, &schemas, method, name);
    weir__tree_set(&paths, "/v1/calls/{id}", make_reply_operation());
    components =
        json_pack("{s:o,s:o,s:{s:o,s:{s:s,s:{s:{s:{s:s}}}}}}", "schemas", schemas, "parameters",
                  shared_parameters(), "responses", "running", make_running(), "problem",
                  "description", "a failure (RFC 9457)", "content", "application/problem+json",
                  "schema", "$ref", COMPONENTS "problem");
    if (has_tokens)
        weir__tree_set(&components, "securitySchemes",
                       json_pack("{s:{s:s,s:s}}", "bearer", "type", "http", "scheme", "bearer"));
    document = json_pack("{s:s,s:{s:s,s:s},s:o,s:o}", "openapi", "3.1.0", "info", "title",
                         "Functions of weir serve", "version", VERSION, "paths", paths,
                         "components", components);
    if (has_tokens)
        weir__tree_set(&document, "security", json_pack("[{s:[]}]", "bearer"));
    return document;
}
