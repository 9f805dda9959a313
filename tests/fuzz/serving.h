/* fuzz/serving.h - a server over a pretended pool, and its one client: see pretend.h. */
#ifndef WEIR_TESTS_SERVING_H
#define WEIR_TESTS_SERVING_H

#include "base/buffer.h"
#include "fuzz/pretend.h"
#include "pool/server.h"

/* What the worker answers to a method; %.*s is the id. */
struct serving_answer {
    const char *method, *answer;
};

/* Answers a line for the worker by the script. */
void serving_work(struct pretend_job *job, const char *line, size_t length,
                  const struct serving_answer *script, size_t count);

/* A pool of one worker. */
weir_pool_t *serving_pool(weir_t *weir, int schemas);

struct serving_client {
    int to, from; /* one socket, or two pipes */
    struct weir__buffer received;
};

/* Connects the client to a server that has begun. */
void serving_connect(struct serving_client *client, struct pretend *pretend,
                     struct weir__server *server, int has_pipes);

/* Sends it all, in pieces of such a size, and reads what comes. */
void serving_talk(struct serving_client *client, struct pretend *pretend, const uint8_t *bytes,
                  size_t length, size_t piece);

/* Reads what the client got so far. */
void serving_receive(struct serving_client *client);

/* The number of lines and objects that were sent: there are no more answers. */
size_t serving_count_sent(const uint8_t *bytes, size_t length);

/* The number of answers received. Every line must be a message, or pass the check (NULL: none). */
size_t serving_count_answers(const struct weir__buffer *received,
                             int (*check)(const char *line, size_t length));

#endif
