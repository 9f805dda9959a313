/* rpc/rpc_parse.h - one message of docs/protocol.md, cut out of its line.
 *
 * Nothing is parsed into memory and nothing is copied: the members of the
 * envelope are slices of the line, payloads among them, byte for byte.
 */
#ifndef WEIR_RPC_RPC_PARSE_H
#define WEIR_RPC_RPC_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* bytes NULL: there is none. */
struct weir__slice {
    const char *bytes;
    size_t length;
};

enum weir__message_kind {
    WEIR__MESSAGE_BLANK,        /* an empty line */
    WEIR__MESSAGE_REQUEST,      /* method, id, params, weir */
    WEIR__MESSAGE_NOTIFICATION, /* method, params */
    WEIR__MESSAGE_RESULT,       /* id, result */
    WEIR__MESSAGE_ERROR,        /* id (may be null), error */
    WEIR__MESSAGE_BATCH,        /* an array: params is all of it; weir__message_next() */
    WEIR__MESSAGE_NOT_JSON,     /* begins with { or [, and is invalid JSON or UTF-8 */
    WEIR__MESSAGE_NOT_RPC,      /* JSON, but not a message */
    WEIR__MESSAGE_NOISE,        /* begins with anything else */
};

struct weir__message {
    enum weir__message_kind kind;
    struct weir__slice id;     /* raw: 7, "a", null */
    int64_t number;            /* the id, where it is an integer from 0 to 2^53-1; else -1 */
    struct weir__slice method; /* raw, with its quotes; weir__slice_is(), weir__slice_string() */
    struct weir__slice params, result, error, weir;
    const char *reason; /* NOT_JSON, NOT_RPC: a few words, static */
    size_t offset;      /* and where */
};

/* Looks at a line, its end not included.  NOT_JSON and NOT_RPC have an id where
 * one could be read before the fault.  Linear, no recursion, no allocation. */
void weir__message_scan(const char *line, size_t length, struct weir__message *message);

/* Steps through a batch: *rest begins as its params.  Returns 1 with the next
 * element in *element, or 0 at the end. */
int weir__message_next(struct weir__slice *rest, struct weir__slice *element);

/* Steps through an object, which has been found well-formed: *rest begins as all of it.  Returns
 * 1 with the next member (the key with its quotes), or 0 at the end. */
int weir__member_next(struct weir__slice *rest, struct weir__slice *key, struct weir__slice *value);

/* Members of a small object, in one pass: for each of count names the value, or
 * none.  The object has been found well-formed.  Of a doubled key the last counts. */
void weir__object_get(struct weir__slice object, const char *const *names,
                      struct weir__slice *values, size_t count);

/* Whether a slice is this string, quotes and escapes apart. */
bool weir__slice_is(struct weir__slice slice, const char *string);

/* Whether a slice is one of a kind of value: 'o' object, 'a' array, 's' string, '0' number,
 * 't', 'f', 'n'; 0 for none. */
char weir__slice_type(struct weir__slice slice);

/* An integer from 0 to 2^53-1.  Returns -1 for anything else. */
int64_t weir__slice_number(struct weir__slice slice);

/* The string with its escapes undone, NUL-terminated; lone surrogates become
 * U+FFFD.  Without length a NUL character becomes U+FFFD too, so that the text is never
 * cut there.  The caller owns it: free().  NULL: not a string, or memory is short. */
char *weir__slice_string(struct weir__slice slice, size_t *length);

/* What an id is compared by: two spellings of one id ("a" and "\u0061", 0 and -0) have the
 * same key, and ids of different values or types never do.  The key is the slice itself
 * where that needs no work; else it is in *owned, which the caller frees.  bytes NULL:
 * memory is short. */
struct weir__slice weir__id_key(struct weir__slice id, char **owned);

#endif
