/* web/web.h - the internals of the web door, as its files share them.
 *
 * From the bottom up: access.c says who may ask, input.c has the input stream of a call, output.c
 * sends bytes to a client and ends it, answer.c makes whole responses, kept.c keeps some of them,
 * account.c reports to the door's owner what is over, exchange.c has a request's call,
 * call_request.c gets there from a request, mcp.c has those that speak MCP (mcp_check.c looks at
 * them, mcp_session.c has their sessions), live.c sends what runs, show.c shows what there is,
 * route.c finds what a request asks for, client.c is a connection, door.c listens.
 *
 *   client:   HEAD -> BODY -> CALLING -> HEAD ...
 *
 *     HEAD     one deadline for a whole head, from its first byte; idle before that
 *     BODY     a least rate
 *     CALLING  a call runs, or its response is being sent, or the client watches; its end is
 *              noticed, and it is read if it sends an input stream
 *     LEAVING  the last response is being sent; what still comes is thrown away
 *
 * In any state: gone, late, broken -> is_over: its call is cancelled, and the loop frees it.
 *
 * A client has one request at a time.  Those that it pipelines wait in the kernel.  Callbacks of a
 * call may come inside weir_call_start(), so a client is freed from the loop only.
 *
 * Threads: only the thread that runs the context's loop uses any of this.
 */
#ifndef WEIR_WEB_WEB_H
#define WEIR_WEB_WEB_H

#include <time.h>

#include <weir/pool.h>

#include "base/buffer.h"
#include "http/body.h"
#include "http/request.h"
#include "http/response.h"
#include "loop/loop.h"
#include "web/door.h"
#include "web/spent.h"
#include "web/tokens.h"

enum {
    WEIR__WEB_CALL_ID = 32,
    WEIR__WEB_LIVE_MAX = 16,       /* clients that watch */
    WEIR__WEB_KEY = 65,            /* an Idempotency-Key, with NUL */
    WEIR__WEB_REFUSALS = 16,       /* reasons to refuse a token */
    WEIR__WEB_KEEP = 16 * 1024,    /* of an empty buffer */
    WEIR__WEB_OWED_MAX = 64 * 1024 /* to a client that does not read: then no credit */
};

enum weir__web_state {
    WEIR__WEB_HEAD,
    WEIR__WEB_BODY,
    WEIR__WEB_CALLING,
    WEIR__WEB_LEAVING,
};

/* How a call's values are sent. */
enum weir__web_form {
    WEIR__WEB_JSON,  /* the result alone */
    WEIR__WEB_ARRAY, /* the values of a stream as one array */
    WEIR__WEB_EVENTS,
    WEIR__WEB_LINES,
};

struct weir__web_mcp;
struct weir__web_route;
struct weir__web_series;
struct weir__web_session;

struct weir__web_client;

/* Answers a request, or starts its call.  name: the part of the path behind the route's, decoded;
 * "" where it has none. */
typedef void weir__web_handler(struct weir__web_client *client, const char *name,
                               struct weir__http_text query);

struct weir__web_refusals {
    const char *reason;
    uint64_t count;
};

/* What is kept of a request's head. */
struct weir__web_terms {
    int64_t timeout_ms;
    enum weir__web_form form;
    int has_input; /* the body is an input stream */
};

/* What a head asks of a call whose reply is kept (kept.h). */
struct weir__web_ask {
    char caller[WEIR__DIGEST_SIZE]; /* of its token; "": there are no tokens */
    char key[WEIR__WEB_KEY];        /* Idempotency-Key; "": none */
    char hash[WEIR__DIGEST_SIZE];   /* of the method and the body */
    int is_async;                   /* Prefer: respond-async */
};

/* A caller as a call keeps it, whose client may go. */
struct weir__web_origin {
    uint64_t connection;
    char peer[64];
    char token[WEIR__TOKEN_KID], subject[WEIR__TOKEN_SUB];
};

/* A request that has a call. */
struct weir__web_exchange {
    struct weir__web_door *door;
    struct weir__web_client *client;         /* NULL: it does not wait; there is .kept */
    struct weir__web_kept *kept;             /* NULL: its reply is for the client alone */
    struct weir__web_exchange *next, **link; /* all of the door */
    weir_call_t *call;
    struct weir__web_origin *origin; /* NULL: nobody asks */
    char id[WEIR__WEB_CALL_ID];
    int status; /* of the response; 0: none yet */
    int64_t started_ns;
    enum weir__web_form form;
    int has_output;      /* its method has an output stream */
    int is_head_sent;    /* of the response */
    int is_input_open;   /* more lines of the input stream may come */
    int is_cancelled;    /* by DELETE */
    int has_fallen_back; /* to the method that answers in place of its own */
    int under_way;       /* values that the worker may send */
    uint64_t values;
    struct weir__buffer array;
    const char *failure; /* answered in place of the call's outcome, with this status */
    int failure_status;
    char method[]; /* of the call */
};

/* Who has connected. */
struct weir__web_peer {
    unsigned char address[16];
    unsigned short port;
    int is_six;   /* the address is one of IPv6 */
    int is_local; /* loopback, or a Unix socket */
};

struct weir__web_client {
    struct weir__web_door *door;
    struct weir__web_client *next, **link;
    int fd;
    weir__watch *watch;
    enum weir__web_state state;
    struct weir__buffer in, out;
    size_t body_end; /* in .in: behind what was read of the body, which begins behind the head */
    size_t unread;   /* in .in: where what was not looked at begins */
    size_t line;     /* in .in: where the next line of an input stream begins */
    size_t sent;     /* of .out */
    struct weir__http_request request;
    struct weir__http_body body;
    struct weir__web_terms terms;
    struct weir__token *bound;   /* the bound token of its request; NULL: none */
    struct weir__bearer *bearer; /* the other kind, while its head is looked at */
    struct weir__web_ask *ask;   /* NULL: the reply is not kept */
    struct weir__web_exchange *exchange;
    struct weir__web_mcp *mcp;           /* state CALLING: in place of an exchange */
    const struct weir__web_route *route; /* NULL: none was found yet */
    const char *method, *route_name;     /* for the metrics; method NULL: it has no request */
    int64_t began_ns;                    /* when its head was read */
    int64_t since_ns;                    /* of what the state's deadline counts from */
    int64_t took_ns;                     /* when it last took a byte that was owed */
    int64_t silent_ns;                   /* when events were last sent */
    int64_t checked_ns;                  /* the next look at its deadlines; INT64_MAX: none */
    uint64_t body_bytes;
    unsigned requests;
    unsigned retry_s;  /* for Retry-After of its next problem; 0: 1 */
    int status;        /* of the response that was begun last */
    uint64_t number;   /* from 1 */
    uint64_t held_for; /* what must be written before it is sent anything; 0: nothing */
    struct weir__web_peer peer;
    size_t
        name_at; /* in its target: where the name of a function begins; 0: it is not for a call */
    int is_told; /* there was a call for its request */
    int is_body_over;
    int is_read_ahead; /* it sent more while its call runs: only its end is watched */
    int is_busy;       /* its bytes are being looked at: what is answered is sent afterwards */
    int is_closing;    /* after this response */
    int is_refused;    /* it is only told so */
    int has_events;    /* of .mcp: its response is or becomes a stream of events */
    int is_live;       /* it watches: state CALLING, without a call */
    int is_head;       /* HEAD: the response has no body */
    int is_over;
};

_Static_assert(sizeof(struct weir__web_client) <= 1024, "what a connection costs");

/* Clients that watch. */
struct weir__web_live {
    weir__timer *timer;
    int64_t due_ns, told_ns; /* due_ns 0: the timer does not run */
    struct weir__web_client *clients[WEIR__WEB_LIVE_MAX];
    size_t count;
};

struct weir__web_door {
    weir_t *weir;
    weir_pool_t *pool;
    struct weir__web_options options; /* its strings are the caller's */
    int fd;
    weir__watch *watch;
    weir__timer *retry;   /* after EMFILE and similar errors */
    weir__timer *sweep;   /* frees clients that are over */
    weir__timer *clock;   /* looks at deadlines */
    weir__watch *written; /* of options.written_fd */
    int64_t clock_ns;     /* when it goes off; INT64_MAX: it does not */
    struct weir__web_client *clients;
    struct weir__web_exchange *exchanges;
    struct weir__web_kept *kept;
    struct weir__web_mcp *mcps;
    struct weir__web_session *mcp_sessions;
    size_t mcp_session_count;
    size_t client_count, refused_count;
    struct weir__tokens tokens; /* of options.tokens */
    struct weir__spent spent;
    int64_t started_s;
    int is_unix;
    int is_leaving;   /* not ready any more */
    int is_draining;  /* no new connections */
    int is_remote;    /* not on the loopback interface */
    int checks_user;  /* of clients on the loopback interface */
    char address[64]; /* that it is bound to */
    unsigned port;
    char tag[17]; /* the begin of its calls' ids */
    struct weir__web_live live;
    uint64_t calls, connections; /* so far */
    size_t active;               /* requests that are not answered yet */
    struct weir__web_series *series;
    struct weir__web_refusals refusals[WEIR__WEB_REFUSALS];
    time_t date;
    char date_text[32];
    /* A response is complete: goes on with the client. */
    void (*on_answered)(struct weir__web_client *client);
};

#endif
