#include "config.h"

#include "web/mcp_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/portable.h"
#include "http/fields.h"
#include "pool/connection.h"
#include "rpc/mcp.h"
#include "web/access.h"

enum {
    LONGEST_CLIENT = 256, /* bytes of a client's name */
    SESSIONS_MAX = 1000,  /* then the one that was not used for the longest time goes */
};

static void unlink_session(struct weir__web_session *session)
{
    *session->link = session->next;
    if (session->next != NULL)
        session->next->link = session->link;
}

static void link_session(struct weir__web_door *door, struct weir__web_session *session)
{
    session->next = door->mcp_sessions;
    session->link = &door->mcp_sessions;
    if (session->next != NULL)
        session->next->link = &session->next;
    door->mcp_sessions = session;
}

/* Ends what it has open. */
void weir__web_session_end(struct weir__web_door *door, struct weir__web_session *session)
{
    for (struct weir__web_mcp *mcp = door->mcps; mcp != NULL; mcp = mcp->next)
        if (mcp->session == session) {
            mcp->session = NULL;
            weir__connection_end(mcp->connection);
        }
    unlink_session(session);
    door->mcp_session_count--;
    free(session->client);
    free(session);
}

struct weir__web_session *weir__web_session_find(struct weir__web_client *client,
                                                 struct weir__http_text id)
{
    struct weir__web_session *session = client->door->mcp_sessions;

    while (session != NULL
           && (!weir__http_is(id, session->id)
               || strcmp(session->bearer, weir__web_caller(client)) != 0))
        session = session->next;
    if (session != NULL) {
        unlink_session(session);
        link_session(client->door, session);
    }
    return session;
}

/* The session that ends for a new one: the caller's least recent one, or anybody's, if possible one
 * without an open request. */
static struct weir__web_session *find_victim(struct weir__web_client *client)
{
    struct weir__web_session *victim = NULL;
    int best = -1;

    for (struct weir__web_session *session = client->door->mcp_sessions; session != NULL;
         session = session->next) {
        const struct weir__web_mcp *mcp = client->door->mcps;
        int rank = strcmp(session->bearer, weir__web_caller(client)) == 0 ? 2 : 0;

        while (mcp != NULL && mcp->session != session)
            mcp = mcp->next;
        rank += mcp == NULL;
        if (rank >= best) { /* the later, the less recent */
            best = rank;
            victim = session;
        }
    }
    return victim;
}

/* Returns NULL: no memory. */
struct weir__web_session *weir__web_session_begin(struct weir__web_client *client,
                                                  struct weir__slice params)
{
    static const char *const about[] = {"clientInfo"}, *const names[] = {"name"};
    struct weir__web_door *door = client->door;
    struct weir__web_session *session = calloc(1, sizeof *session);
    struct weir__slice info, name;
    uint64_t random[2];

    if (session == NULL || weir__random(random, sizeof random) < 0) {
        free(session);
        return NULL;
    }
    if (door->mcp_session_count == SESSIONS_MAX)
        weir__web_session_end(door, find_victim(client));
    snprintf(session->id, sizeof session->id, "%016llx%016llx", (unsigned long long)random[0],
             (unsigned long long)random[1]);
    snprintf(session->bearer, sizeof session->bearer, "%s", weir__web_caller(client));
    weir__object_get(params, about, &info, 1);
    weir__object_get(info, names, &name, 1);
    session->client = weir__slice_type(name) == 's' && name.length <= LONGEST_CLIENT
                          ? weir__slice_string(name, NULL)
                          : NULL;
    link_session(door, session);
    door->mcp_session_count++;
    return session;
}
