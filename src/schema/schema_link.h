/* schema/schema_link.h - $id, $anchor and $ref: the links between the schemas of a document. */
#ifndef WEIR_SCHEMA_SCHEMA_LINK_H
#define WEIR_SCHEMA_SCHEMA_LINK_H

#include "schema/schema_node.h"

/* Makes the schema below each $ref the one that it names.  All nodes are there. */
int weir__schema_link(struct compiler *compiler);

#endif
