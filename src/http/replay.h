/* http/replay.h - which bound tokens have been used: nothing is forgotten before it expires. */
#ifndef WEIR_HTTP_REPLAY_H
#define WEIR_HTTP_REPLAY_H

#include <stddef.h>
#include <stdint.h>

enum { WEIR__REPLAY_MAX = 65536, WEIR__REPLAY_ID = 16 };

/* exp 0: the slot is empty. */
struct weir__replay_entry {
    unsigned char id[WEIR__REPLAY_ID]; /* of the SHA-256 of the token's id */
    int64_t exp;
};

/* All zero is empty. */
struct weir__replay {
    struct weir__replay_entry *slots;
    size_t size, count; /* size is a power of two */
};

enum weir__replay_verdict {
    WEIR__REPLAY_NEW,  /* it is noted now */
    WEIR__REPLAY_USED, /* it was there */
    WEIR__REPLAY_FULL, /* there are too many, or memory is short */
};

/* The id of a token whose claim jti this is. */
void weir__replay_id(const char *jti, unsigned char id[WEIR__REPLAY_ID]);

/* Notes a token until exp, in seconds; what expired before now may go. */
enum weir__replay_verdict weir__replay_spend(struct weir__replay *replay,
                                             const unsigned char id[WEIR__REPLAY_ID], int64_t exp,
                                             int64_t now);

void weir__replay_clear(struct weir__replay *replay);

#endif
