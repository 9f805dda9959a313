/* base/json_tree.h - builds a JSON document as jansson's values, for what is
 * looked into, compared or hashed afterwards.  What is only to be printed is
 * written with base/json_writer.h.
 *
 * A tree that could not be built whole is NULL, and stays NULL whatever is put into it:
 * so no call needs a check of its own, and a document with a part left out cannot come
 * into being.  json_pack() fits in: it returns NULL when one of its values is NULL.
 *
 *     json_t *report = json_object();
 *
 *     weir__tree_set(&report, "name", json_string(name));
 *     weir__tree_set(&report, "files", list_files());
 *     return report;
 *
 * Nothing else in weir drops what json_object_set*() or json_array_append*() return, or
 * calls json_dump*(): scripts/check-floors says so.
 */
#ifndef WEIR_BASE_JSON_TREE_H
#define WEIR_BASE_JSON_TREE_H

#include <jansson.h>

/* Puts value into *object or *array; takes it.  On failure, and where value is NULL,
 * *object or *array is released and becomes NULL. */
void weir__tree_set(json_t **object, const char *key, json_t *value);
void weir__tree_append(json_t **array, json_t *value);

/* Puts value in place of the element at index; takes it. */
void weir__tree_replace(json_t **array, size_t index, json_t *value);

/* Puts the members of another object into *object; takes it. */
void weir__tree_update(json_t **object, json_t *members);

/* An object with the members of another.  (json_copy() and json_deep_copy() leave out what
 * they have no memory for.)  A new reference, or NULL. */
json_t *weir__tree_copy(const json_t *object);

/* The text of a value, as json_dumps() makes it with these flags; the caller owns it.
 * Returns NULL when memory is short, or value is NULL.  (json_dumps() itself goes on when
 * it could not add a key: jansson 2.15.1, do_dump().) */
char *weir__tree_text(const json_t *value, size_t flags);

/* A value for the system's bytes (a file name, an argument): a string, or
 * {"base64": "..."} where it is not UTF-8.  A new reference, or NULL. */
json_t *weir__tree_bytes(const char *bytes);

/* The bytes behind such a value, NUL-terminated; the caller owns them.  Returns NULL
 * with errno set: EINVAL when the value is of another kind or holds a NUL, ENOMEM. */
char *weir__tree_bytes_take(const json_t *value);

#endif
