/* audit/chain.h - how a record is tied to the one before it, and read back.
 *
 * A line is the canonical form (base/json_canonical.h) of a JSON object, and a newline.
 * "hash" is the digest of the canonical form of that object without "hash"; "prev" is
 * the hash of the record before, zeros in the first; "seq" counts from 1.
 */
#ifndef WEIR_AUDIT_CHAIN_H
#define WEIR_AUDIT_CHAIN_H

#include <jansson.h>

#include <weir/error.h>

#include "audit/key.h"
#include "base/buffer.h"

/* The longest line, newline and all.  Ours are far below. */
enum { WEIR__AUDIT_LINE = 1 << 20 };

/* The end of a chain: all zero with hash all '0' is one with no record yet. */
struct weir__audit_link {
    json_int_t seq;
    char hash[WEIR__DIGEST_SIZE];
};

void weir__audit_link_init(struct weir__audit_link *link);

/* Whether text is 64 lower-case hex digits. */
int weir__audit_is_hash(const char *text);

/* Gives record its time and its place behind link, and appends its line to out.
 * Sets *link to it.  Errors: NOMEM. */
int weir__audit_seal(json_t *record, struct weir__audit_link *link,
                     const struct weir__audit_key *key, struct weir__buffer *out,
                     struct weir_error *error);

/* What a line turned out to be. */
enum weir__audit_line {
    WEIR__AUDIT_LINE_GOOD,
    WEIR__AUDIT_LINE_CUT,     /* the beginning of something */
    WEIR__AUDIT_LINE_CHANGED, /* not what was written: see why */
    WEIR__AUDIT_LINE_OTHER,   /* made under another key, or with one where there should be
                                 none, or the other way round: see why */
    WEIR__AUDIT_LINE_NOMEM,
};

struct weir__audit_entry {
    json_t *record; /* the caller owns it; NULL when it is not JSON */
    json_int_t seq;
    const char *prev, *hash; /* in record */
    char why[200];           /* what is wrong with it */
};

/* Reads a line without its newline.  key NULL: the hash is not looked at.  The entry
 * is to be cleared in any case. */
enum weir__audit_line weir__audit_entry_read(struct weir__audit_entry *entry, const char *line,
                                             size_t length, const struct weir__audit_key *key);

void weir__audit_entry_clear(struct weir__audit_entry *entry);

#endif
