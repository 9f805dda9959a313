/* http/target.h - the parts of a target: path, query, percent-encoded text. */
#ifndef WEIR_HTTP_TARGET_H
#define WEIR_HTTP_TARGET_H

#include "base/buffer.h"
#include "http/request.h"

/* Cuts a target at its first '?'; query->bytes is NULL where there is none. */
void weir__http_target_split(struct weir__http_text target, struct weir__http_text *path,
                             struct weir__http_text *query);

/* Appends the text with its percent-encoding undone, once, and a NUL byte (not counted).  Returns
 * 0; 400 if an escape is malformed, or what it means is a control character or not UTF-8; NOMEM. */
int weir__http_target_decode(struct weir__http_text text, struct weir__buffer *to);

/* Appends text so that it can stand as one segment of a path, or as a value in a query. NOMEM. */
int weir__http_target_encode(const char *text, size_t length, struct weir__buffer *to);

#endif
