/* pool/server_call.h - a client's call, from request to answer. */
#ifndef WEIR_POOL_SERVER_CALL_H
#define WEIR_POOL_SERVER_CALL_H

#include "pool/connection_out.h"

struct weir__call_refusal {
    int64_t code; /* -32600: the id is in use */
    char text[160];
};

/* Makes a call that is open, for a request; nothing runs yet. Returns NULL with the reason. */
struct weir__server_call *weir__server_call_make(struct weir__connection *connection,
                                                 struct weir__batch *batch,
                                                 const struct weir__message *message,
                                                 struct weir__call_refusal *refusal);

/* Finds an open call by its id as the client spells it; NULL: there is none. */
struct weir__server_call *weir__server_call_find(const struct weir__connection *connection,
                                                 struct weir__slice id);

/* Its call has failed: whether another method answers in its place. */
int weir__server_call_fall_back(struct weir__server_call *call, const struct weir_reply *reply);

/* The two steps of a call's end. The first takes it out of all lists: then its answer is sent,
 * which may end other calls. The second frees it, cancels what still runs of it, and sends its
 * batch if it was the last. answer: its line, if that is written already. */
void weir__server_call_leave(struct weir__server_call *call, struct weir__slice answer);
void weir__server_call_free(struct weir__server_call *call);

/* Starts the requested call, or answers with an error. */
void weir__server_call_start(struct weir__connection *connection, struct weir__batch *batch,
                             const struct weir__message *message);

/* Handles a notification from the client, which may concern one of its calls. */
void weir__server_call_notice(struct weir__connection *connection,
                              const struct weir__message *message);

/* The client sends nothing more: breaks open input streams, and lets output streams run as fast as
 * the client reads. */
void weir__server_call_end_input(struct weir__connection *connection);

/* Cancels the call without an answer: the client has disconnected. */
void weir__server_call_drop(struct weir__server_call *call);

/* Recounts the memory that a connection's calls hold for their workers. */
void weir__server_call_weigh(struct weir__connection *connection);

#endif
