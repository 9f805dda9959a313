/* pool/catalog.h - what the MCP servers of a pool have besides tools: resources, templates of
 * resources, and prompts.
 *
 * A list joins those of all kinds of workers that have such things, in the order of the kinds. What
 * has the same URI belongs to the first that lists it; a prompt whose name is taken is LABEL__NAME.
 * A list is read when somebody wants it, page by page, and kept to find owners.
 */
#ifndef WEIR_POOL_CATALOG_H
#define WEIR_POOL_CATALOG_H

#include "pool/gateway.h"

enum weir__catalog_part {
    WEIR__CATALOG_RESOURCES,
    WEIR__CATALOG_TEMPLATES,
    WEIR__CATALOG_PROMPTS,
    WEIR__CATALOG_PARTS,
};

struct weir__catalog_fetch;

struct weir__catalog_list {
    char *text;      /* a JSON array; NULL: it was never read */
    json_t *owners;  /* by URI or name: [number of the kind, its own name] */
    int64_t read_ns; /* when it was read */
    struct weir__catalog_fetch *fetches;
    size_t open; /* kinds whose lists are being read */
};

struct weir__catalog {
    struct weir__gateway *gateway;
    /* A list has been read. */
    void (*on_read)(enum weir__catalog_part part, void *context);
    void *context;
    struct weir__catalog_list lists[WEIR__CATALOG_PARTS];
};

/* Reads a list, unless that is under way. on_read may be called before it returns. */
void weir__catalog_read(struct weir__catalog *catalog, enum weir__catalog_part part);

/* Who has it: the kind, and in *own how it is called there. Returns -1: nobody has, as far as is
 * known. */
int weir__catalog_find(const struct weir__catalog *catalog, enum weir__catalog_part part,
                       const char *name, const char **own);

/* The kind with the template that fits a URI best. Returns -1: none fits. */
int weir__catalog_find_template(const struct weir__catalog *catalog, const char *uri);

void weir__catalog_clear(struct weir__catalog *catalog);

/* How many kinds have a capability (enum weir__mcp_capability), and in *first the first of them. */
size_t weir__catalog_count(const struct weir__gateway *gateway, unsigned capability,
                           unsigned *first);

/* The capabilities of all kinds, as far as they are known, and in *hidden whether there are MCP
 * servers of which nothing is known yet. */
unsigned weir__catalog_capabilities(const struct weir__gateway *gateway, bool *hidden);

#endif
