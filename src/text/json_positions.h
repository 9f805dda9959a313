/* text/json_positions.h - where in a JSON text each value and key stands.
 *
 * jansson says what a document has, not where.  This is the other half: one
 * node for each value, in the order of the text, found by JSON pointer or by
 * going from node to node.
 */
#ifndef WEIR_TEXT_JSON_POSITIONS_H
#define WEIR_TEXT_JSON_POSITIONS_H

#include <stddef.h>

#include <weir/error.h>

#include "base/buffer.h"

/* "No such node". */
#define WEIR__NOWHERE ((size_t)-1)

struct weir__position {
    size_t parent, first_child, last_child, next; /* nodes, or WEIR__NOWHERE */
    size_t key;      /* where its key is in keys; WEIR__NOWHERE in an array and for the root */
    size_t key_at;   /* offset in the text of the key's opening quote; without a key: value_at */
    size_t value_at; /* offset in the text of the value's first byte */
};

/* All zero is empty.  Node 0 is the document itself. */
struct weir__positions {
    struct weir__buffer nodes; /* struct weir__position */
    struct weir__buffer keys;  /* unescaped, each with its NUL */
};

/* Reads a text that jansson has accepted; any other is read without harm.
 * Linear in its length, and not recursive.  On failure *positions is empty;
 * else the caller owns it.  Errors: NOMEM. */
int weir__positions_read(struct weir__positions *positions, const char *text, size_t length,
                         struct weir_error *error);

void weir__positions_clear(struct weir__positions *positions);

/* Borrowed; NULL for WEIR__NOWHERE or a number that is too high. */
const struct weir__position *weir__positions_node(const struct weir__positions *positions,
                                                  size_t node);

/* The key of a node, or NULL.  Borrowed. */
const char *weir__positions_key(const struct weir__positions *positions, size_t node);

/* The node that a JSON pointer (RFC 6901) names: "" is the document.  Of keys
 * that are doubled it is the last, which is also the one jansson keeps. */
size_t weir__positions_find(const struct weir__positions *positions, const char *pointer);

/* The JSON pointer of a node.  Returns NULL when memory is short.  The caller owns it. */
char *weir__positions_pointer(const struct weir__positions *positions, size_t node);

/* A place as people count: lines and characters, from 1. */
struct weir__place {
    size_t offset, line, column;
};

/* Moves a place on to offset, which is not before it.  Begin with {0, 1, 1}. */
void weir__place_move(struct weir__place *place, const char *text, size_t offset);

#endif
