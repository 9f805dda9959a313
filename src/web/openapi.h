/* web/openapi.h - the functions as an OpenAPI 3.1 document. */
#ifndef WEIR_WEB_OPENAPI_H
#define WEIR_WEB_OPENAPI_H

#include <jansson.h>

/* Describes methods, an object of descriptions as in docs/protocol.md section 4.  A new reference;
 * NULL: memory is short. */
json_t *weir__web_openapi(const json_t *methods, int has_tokens);

#endif
