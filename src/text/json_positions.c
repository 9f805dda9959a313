#include "config.h"

#include "text/json_positions.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <weir/text.h>

#include "base/error.h"
#include "base/json_parse.h"

struct scanner {
    struct weir__positions *positions;
    const char *text;
    size_t length, at;
    size_t container;   /* the node whose children come */
    size_t key, key_at; /* of the value that comes */
    struct weir_error *error;
};

/* The node itself, valid until the next one is added. */
static struct weir__position *node_of(const struct weir__positions *positions, size_t node)
{
    if (node >= positions->nodes.length / sizeof(struct weir__position))
        return NULL;
    return &((struct weir__position *)(void *)positions->nodes.bytes)[node];
}

const struct weir__position *weir__positions_node(const struct weir__positions *positions,
                                                  size_t node)
{
    return node_of(positions, node);
}

const char *weir__positions_key(const struct weir__positions *positions, size_t node)
{
    const struct weir__position *found = node_of(positions, node);

    if (found == NULL || found->key == WEIR__NOWHERE)
        return NULL;
    return positions->keys.bytes + found->key;
}

/* Adds the value at scanner->at, and makes it the container if it is one. */
static int add_value(struct scanner *scanner)
{
    struct weir__positions *positions = scanner->positions;
    size_t number = positions->nodes.length / sizeof(struct weir__position);
    size_t key_at = scanner->key != WEIR__NOWHERE ? scanner->key_at : scanner->at;
    struct weir__position added = {
        scanner->container, WEIR__NOWHERE, WEIR__NOWHERE, WEIR__NOWHERE,
        scanner->key,       key_at,        scanner->at,
    };
    struct weir__position *parent;
    char first = scanner->text[scanner->at];
    int status = weir__buffer_add(&positions->nodes, &added, sizeof added, scanner->error);

    if (status < 0)
        return status;
    parent = node_of(positions, scanner->container);
    if (parent != NULL) {
        if (parent->last_child == WEIR__NOWHERE)
            parent->first_child = number;
        else
            node_of(positions, parent->last_child)->next = number;
        parent->last_child = number;
    }
    scanner->key = WEIR__NOWHERE;
    if (first == '{' || first == '[')
        scanner->container = number;
    return 0;
}

/* The offset behind the string whose opening quote is at. */
static size_t string_end(const struct scanner *scanner, size_t at)
{
    for (at++; at < scanner->length && scanner->text[at] != '"'; at++)
        if (scanner->text[at] == '\\')
            at++;
    return at + 1 < scanner->length ? at + 1 : scanner->length;
}

/* Keeps the key from its opening quote at scanner->at up to end. */
static int add_key(struct scanner *scanner, size_t end)
{
    struct weir__buffer *keys = &scanner->positions->keys;
    const char *from = scanner->text + scanner->at;
    size_t size = end - scanner->at;
    json_t *string = NULL;
    json_error_t fault;
    const char *key = from + 1;
    size_t length = size >= 2 ? size - 2 : 0;
    int status;

    if (memchr(from, '\\', size) != NULL) {
        string = weir__json_parse(from, size, JSON_DECODE_ANY, &fault);
        if (string == NULL && json_error_code(&fault) == json_error_out_of_memory)
            return weir__fail(scanner->error, WEIR_ERR_NOMEM, 0, "no memory for a key");
        key = string != NULL ? json_string_value(string) : "";
        length = strlen(key);
    }
    scanner->key = keys->length;
    scanner->key_at = scanner->at;
    status = weir__buffer_add(keys, key, length, scanner->error);
    if (status == 0)
        status = weir__buffer_add(keys, "", 1, scanner->error);
    json_decref(string);
    return status;
}

static int scan_string(struct scanner *scanner)
{
    const struct weir__position *container = node_of(scanner->positions, scanner->container);
    size_t end = string_end(scanner, scanner->at);
    int is_key = container != NULL && scanner->text[container->value_at] == '{'
                 && scanner->key == WEIR__NOWHERE;
    int status = is_key ? add_key(scanner, end) : add_value(scanner);

    scanner->at = end;
    return status;
}

static int scan_word(struct scanner *scanner)
{
    int status = add_value(scanner);

    while (scanner->at < scanner->length
           && memchr(" \t\r\n,:]}[{\"", scanner->text[scanner->at], 11) == NULL)
        scanner->at++;
    return status;
}

static int scan_next(struct scanner *scanner)
{
    const struct weir__position *container;
    int status;

    switch (scanner->text[scanner->at]) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
    case ',':
    case ':':
        scanner->at++;
        return 0;
    case '{':
    case '[':
        status = add_value(scanner);
        scanner->at++;
        return status;
    case '}':
    case ']':
        container = node_of(scanner->positions, scanner->container);
        scanner->container = container != NULL ? container->parent : WEIR__NOWHERE;
        scanner->key = WEIR__NOWHERE;
        scanner->at++;
        return 0;
    case '"':
        return scan_string(scanner);
    default:
        return scan_word(scanner);
    }
}

int weir__positions_read(struct weir__positions *positions, const char *text, size_t length,
                         struct weir_error *error)
{
    struct scanner scanner = {
        .positions = positions,
        .text = text,
        .length = length,
        .container = WEIR__NOWHERE,
        .key = WEIR__NOWHERE,
        .error = error,
    };
    int status = 0;

    *positions = (struct weir__positions){0};
    while (status == 0 && scanner.at < length)
        status = scan_next(&scanner);
    if (status < 0)
        weir__positions_clear(positions);
    return status;
}

void weir__positions_clear(struct weir__positions *positions)
{
    weir__buffer_clear(&positions->nodes);
    weir__buffer_clear(&positions->keys);
}

/* Whether a key is the next token of a pointer, up to "/" or its end; ~1 stands
 * there for "/" and ~0 for "~". */
static int key_is(const char *key, const char *token)
{
    for (; *token != '\0' && *token != '/'; key++, token++) {
        char c = *token;

        if (c == '~' && (token[1] == '0' || token[1] == '1'))
            c = *++token == '0' ? '~' : '/';
        if (*key != c)
            return 0;
    }
    return *key == '\0';
}

static size_t find_child(const struct weir__positions *positions, size_t parent, const char *token)
{
    size_t found = WEIR__NOWHERE;
    size_t child = node_of(positions, parent)->first_child;

    for (size_t index = 0; child != WEIR__NOWHERE; index++) {
        const char *key = weir__positions_key(positions, child);
        char number[24];

        snprintf(number, sizeof number, "%zu", index);
        if (key_is(key != NULL ? key : number, token))
            found = child;
        child = node_of(positions, child)->next;
    }
    return found;
}

size_t weir__positions_find(const struct weir__positions *positions, const char *pointer)
{
    size_t node = positions->nodes.length > 0 ? 0 : WEIR__NOWHERE;

    while (node != WEIR__NOWHERE && *pointer == '/') {
        pointer++;
        node = find_child(positions, node, pointer);
        pointer += strcspn(pointer, "/");
    }
    return *pointer == '\0' ? node : WEIR__NOWHERE;
}

static size_t index_among_siblings(const struct weir__positions *positions, size_t node)
{
    size_t index = 0;
    size_t sibling = node_of(positions, node_of(positions, node)->parent)->first_child;

    for (; sibling != node; sibling = node_of(positions, sibling)->next)
        index++;
    return index;
}

/* Adds "/" and the last token of a node's pointer. */
static int add_token(struct weir__buffer *pointer, const struct weir__positions *positions,
                     size_t node)
{
    const char *key = weir__positions_key(positions, node);
    int status = weir__buffer_add(pointer, "/", 1, NULL);
    char number[24];

    if (key == NULL) {
        snprintf(number, sizeof number, "%zu", index_among_siblings(positions, node));
        key = number;
    }
    for (; status == 0 && *key != '\0'; key++) {
        const char *as = *key == '~' ? "~0" : *key == '/' ? "~1" : NULL;

        status = weir__buffer_add(pointer, as != NULL ? as : key, as != NULL ? 2 : 1, NULL);
    }
    return status;
}

char *weir__positions_pointer(const struct weir__positions *positions, size_t node)
{
    struct weir__buffer pointer = {0};
    struct weir__buffer path = {0}; /* size_t: the nodes from this one up to the root's child */
    const struct weir__position *at = node_of(positions, node);
    char *made = NULL;
    int status = 0;

    for (; status == 0 && at != NULL && at->parent != WEIR__NOWHERE;
         node = at->parent, at = node_of(positions, node))
        status = weir__buffer_add(&path, &node, sizeof node, NULL);
    for (size_t left = path.length / sizeof node; status == 0 && left > 0; left--)
        status = add_token(&pointer, positions, ((size_t *)(void *)path.bytes)[left - 1]);
    if (status == 0)
        made = weir__buffer_take(&pointer, NULL);
    weir__buffer_clear(&path);
    weir__buffer_clear(&pointer);
    return made;
}

void weir__place_move(struct weir__place *place, const char *text, size_t offset)
{
    for (; place->offset < offset; place->offset++) {
        unsigned char byte = (unsigned char)text[place->offset];

        if (byte == '\n') {
            place->line++;
            place->column = 1;
        } else if ((byte & 0xC0) != 0x80) {
            place->column++;
        }
    }
}

int weir_json_place(const char *text, size_t length, const char *pointer, size_t *line,
                    size_t *column, struct weir_error *error)
{
    struct weir__positions positions = {0};
    int status = weir__positions_read(&positions, text, length, error);
    const struct weir__position *at;
    struct weir__place place = {0, 1, 1};

    if (status < 0)
        return status;
    at = weir__positions_node(&positions, weir__positions_find(&positions, pointer));
    if (at != NULL) {
        weir__place_move(&place, text, at->value_at);
        *line = place.line;
        *column = place.column;
    } else {
        status =
            weir__fail(error, WEIR_ERR_INVALID, 0, "the document has no value at %.200s", pointer);
    }
    weir__positions_clear(&positions);
    return status;
}
