/* http/fields.h - what the values of header fields mean. */
#ifndef WEIR_HTTP_FIELDS_H
#define WEIR_HTTP_FIELDS_H

#include "http/request.h"

/* Whether a Content-Type is this media type ("application/json"), whatever its parameters are. */
bool weir__http_media_is(struct weir__http_text type, const char *media);

/* How much an Accept list wants a media type: 0 (not at all) to 1000.  The most specific range
 * decides.  Without the field everything is 1000. */
int weir__http_accepts(const struct weir__http_request *request, const char *head,
                       const char *media);

/* Reads seconds with at most three decimals, "2.5", into milliseconds.  Returns 0, or 400. */
int weir__http_seconds(struct weir__http_text text, int64_t *ms);

/* Whether a list ("respond-async, wait=10") has this item, whatever its parameters are. */
bool weir__http_has_item(struct weir__http_text list, const char *item);

/* Whether it is a traceparent (W3C Trace Context, version 00, no zero ids). */
bool weir__http_is_traceparent(struct weir__http_text text);

/* Whether it may be a tracestate: printable, at most 512 bytes. */
bool weir__http_is_tracestate(struct weir__http_text text);

#endif
