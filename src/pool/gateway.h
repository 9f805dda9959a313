/* pool/gateway.h - the functions of a pool as the tools of an MCP server: which of them clients
 * see, and by which names.
 *
 * A tool has the name of its function. If two kinds of workers have a function of the same name
 * when names are first given, both tools are LABEL__NAME. A name that was given stays: a function
 * that appears later and finds its name taken is LABEL__NAME alone.
 */
#ifndef WEIR_POOL_GATEWAY_H
#define WEIR_POOL_GATEWAY_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "pool/pins.h"
#include "pool/pool.h"
#include "rpc/mcp_server.h"

enum weir__gateway_prefix { WEIR__PREFIX_CLASH, WEIR__PREFIX_ALWAYS, WEIR__PREFIX_NEVER };

struct weir__gateway_timeout {
    const char *pattern;
    int64_t ms;
};

/* What a gateway knows of a kind of workers. All pointers are borrowed; patterns have * and ?. */
struct weir__gateway_kind {
    const char *label;         /* NULL: "worker" and its number */
    const char *const *only;   /* patterns of tools that are shown; NULL: all */
    const char *const *except; /* and of those that are not; NULL: none */
    bool read_only;            /* only tools that say that they change nothing */
    enum weir__gateway_prefix prefix;
    int64_t timeout_ms;                           /* of a call; 0: none */
    const struct weir__gateway_timeout *timeouts; /* for some tools; the first that fits counts */
    size_t timeout_count;
    int64_t idle_ms; /* of a call without progress; 0: none */
};

struct weir__tool {
    char *name, *method; /* as clients see it; as its worker does */
    unsigned kind;
    size_t place; /* in the list */
    enum weir__mcp_structure structure;
    bool streams;       /* its values are gathered */
    bool is_mcp;        /* of an MCP server: its result is one already */
    int64_t timeout_ms; /* WEIR_FOREVER: none */
    int64_t idle_ms;    /* 0: none */
};

struct weir__gateway {
    weir_pool_t *pool;
    const struct weir__gateway_kind *kinds; /* one for each of the pool's; NULL: none are set */
    struct weir__pins *pins;                /* NULL: tools may change */
    void (*note)(const char *text, void *context); /* something left out; NULL: nobody asks */
    void *context;

    struct weir__tool *tools; /* sorted by name */
    size_t count;
    char *list;     /* the tools as a JSON array */
    json_t **given; /* for each kind: its methods to their names */
    json_t *taken;  /* names to the number of their kind */
    json_t *told;   /* notes that were given */
    bool is_named;
};

/* All of *gateway except kinds, pins, note and context must be zero. Errors: NOMEM. */
int weir__gateway_open(struct weir__gateway *gateway, weir_pool_t *pool, struct weir_error *error);
void weir__gateway_clear(struct weir__gateway *gateway);

/* Gives names to the methods of all kinds that are known by now, and makes the list. Returns 1 if
 * the list has changed, 0 if not, or NOMEM: then the old list stays. */
int weir__gateway_update(struct weir__gateway *gateway);

/* Finds a tool by the name that clients see, or returns NULL. */
const struct weir__tool *weir__gateway_find(const struct weir__gateway *gateway, const char *name);

/* Finds the tool of a function; of several with this name, one. */
const struct weir__tool *weir__gateway_method(const struct weir__gateway *gateway,
                                              const char *method);

/* Whether all kinds have told their methods, or cannot be started. none: no kind has. */
bool weir__gateway_is_complete(const struct weir__gateway *gateway, bool *none);

/* LABEL__METHOD, or METHOD where label is NULL, cut to what names may have. */
enum { WEIR__GATEWAY_NAME = 65 };
void weir__gateway_make_name(char name[WEIR__GATEWAY_NAME], const char *label, const char *method);

/* How long a call of a kind's method may take; WEIR_FOREVER: any time. And without progress; 0: any
 * time. */
int64_t weir__gateway_timeout(const struct weir__gateway *gateway, unsigned kind,
                              const char *method);
int64_t weir__gateway_idle(const struct weir__gateway *gateway, unsigned kind);

/* What a kind's MCP server can do: enum weir__mcp_capability. */
unsigned weir__gateway_capabilities(const struct weir__gateway *gateway, unsigned kind);

const char *weir__gateway_label(const struct weir__gateway *gateway, unsigned kind, char room[32]);

#endif
