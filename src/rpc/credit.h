/* rpc/credit.h - the two ends of a stream, as docs/protocol.md section 5 draws them. */
#ifndef WEIR_RPC_CREDIT_H
#define WEIR_RPC_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#define WEIR__CREDIT_MAX INT64_C(2147483647)

/* The sender's end. */
struct weir__sender {
    int64_t credit;
    bool is_closed;
};

/* Credits add up, and stay at the maximum.  Returns false for an n out of range. */
bool weir__sender_grant(struct weir__sender *sender, int64_t n);

/* Takes one credit.  Returns false when there is none, or it is closed. */
bool weir__sender_take(struct weir__sender *sender);

/* The receiver's end.  window is what it wants to have under way. */
struct weir__receiver {
    int64_t window;
    int64_t granted;  /* chunks that may still come */
    int64_t consumed; /* since the last grant */
    bool is_closed;
};

/* A chunk has come.  Returns false when it may not: -33004. */
bool weir__receiver_take(struct weir__receiver *receiver);

/* One was consumed.  Returns how many to grant now: 0, or half a window and more. */
int64_t weir__receiver_consume(struct weir__receiver *receiver);

#endif
