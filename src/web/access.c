#include "config.h"

#include "web/access.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef WEIR_LINUX
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#endif

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/portable.h"
#include "base/socket_address.h"

enum { AHEAD_S = 5 }; /* that clocks may differ */

/* --- Names --------------------------------------------------------------------- */

/* Whether text is name with the door's port, which may be left out where it is the default. */
static int is_name(const struct weir__web_door *door, struct weir__http_text text, const char *name)
{
    char with_port[300];

    if (door->port == 80 && weir__http_is_nocase(text, name))
        return 1;
    snprintf(with_port, sizeof with_port, "%s:%u", name, door->port);
    return weir__http_is_nocase(text, with_port);
}

static int is_host(const struct weir__web_door *door, struct weir__http_text host)
{
    static const char *const local[] = {"localhost", "127.0.0.1", "[::1]"};

    if (door->is_unix || is_name(door, host, door->address))
        return 1;
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        if (is_name(door, host, local[i]))
            return 1;
    /* A name that was given may stand for a proxy, which has a port of its own. */
    for (const char *const *name = door->options.hosts; name != NULL && *name != NULL; name++)
        if (weir__http_is_nocase(host, *name) || is_name(door, host, *name))
            return 1;
    return 0;
}

static const char *find_origin(const struct weir__web_door *door, struct weir__http_text origin)
{
    for (const char *const *name = door->options.origins; name != NULL && *name != NULL; name++)
        if (weir__http_is_nocase(origin, *name))
            return *name;
    return NULL;
}

/* The page came from here: its scheme apart, which a proxy may have changed. */
static int is_same(struct weir__http_text origin, struct weir__http_text host)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t length = strlen(schemes[i]);
        struct weir__http_text rest = {origin.bytes + length, origin.length - length};

        if (origin.length == length + host.length
            && weir__http_is((struct weir__http_text){origin.bytes, length}, schemes[i])
            && memcmp(rest.bytes, host.bytes, host.length) == 0)
            return 1;
    }
    return 0;
}

int weir__web_check_names(const struct weir__web_client *client)
{
    const char *head = client->in.bytes;
    struct weir__http_text host = weir__http_request_field(&client->request, head, "host");
    struct weir__http_text origin = weir__http_request_field(&client->request, head, "origin");

    if (!is_host(client->door, host))
        return 421;
    if (origin.bytes != NULL && !is_same(origin, host) && find_origin(client->door, origin) == NULL)
        return 403;
    return 0;
}

const char *weir__web_foreign_origin(const struct weir__web_client *client)
{
    struct weir__http_text origin;

    if (client->request.length == 0 || client->in.length < client->request.length)
        return NULL;
    origin = weir__http_request_field(&client->request, client->in.bytes, "origin");
    return origin.bytes != NULL ? find_origin(client->door, origin) : NULL;
}

int weir__web_is_exposed(const struct weir__web_door *door, const char *name)
{
    const char *const *pattern = door->options.exposed;

    if (pattern == NULL || *pattern == NULL)
        return 1;
    for (; *pattern != NULL; pattern++)
        if (fnmatch(*pattern, name, 0) == 0)
            return 1;
    return 0;
}

/* --- Tokens ------------------------------------------------------------------------ */

static int64_t now_s(void)
{
    return weir__clock_wall_ns() / 1000000000;
}

/* The credentials of an Authorization field; bytes NULL: they are no bearer's. */
static struct weir__http_text find_credentials(const struct weir__web_client *client)
{
    static const char scheme[] = "bearer ";
    size_t length = sizeof scheme - 1;
    struct weir__http_text field =
        weir__http_request_field(&client->request, client->in.bytes, "authorization");

    if (field.bytes == NULL || field.length <= length
        || !weir__http_is_nocase((struct weir__http_text){field.bytes, length}, scheme))
        return (struct weir__http_text){NULL, 0};
    return (struct weir__http_text){field.bytes + length, field.length - length};
}

/* Without a file, what was used before this server began is not known.  So a token must be younger
 * than the server, and may not be from the future. */
static int is_in_time(const struct weir__web_door *door, const struct weir__token *token)
{
    int64_t now = now_s(), ahead = door->spent.path != NULL ? AHEAD_S : 0;

    return token->iat <= now + ahead && token->exp > now
           && (door->spent.path != NULL || token->iat > door->started_s);
}

/* It says nothing that is true. */
static const char *forget_bound(struct weir__web_client *client, const char *type)
{
    free(client->bound);
    client->bound = NULL;
    return type;
}

/* Returns NULL, or the type of the refusal. */
static const char *check_bound(struct weir__web_client *client, struct weir__http_text text)
{
    const struct weir__token_key *key;

    client->bound = malloc(sizeof *client->bound);
    if (client->bound == NULL || weir__token_read(text, client->bound) < 0)
        return forget_bound(client, "token-malformed");
    key = weir__tokens_key(&client->door->tokens, client->bound->kid);
    if (key == NULL || !weir__token_is_signed(text, key->secret.bytes, key->secret.length))
        return forget_bound(client, "token-signature");
    return is_in_time(client->door, client->bound) ? NULL : "token-expired";
}

int weir__web_authorize(struct weir__web_client *client, enum weir__web_who who, const char **type)
{
    struct weir__http_text text;

    *type = NULL;
    if (who == WEIR__WEB_ANYBODY || client->door->options.tokens == NULL
        || (who == WEIR__WEB_LOCAL && client->peer.is_local))
        return 0;
    text = find_credentials(client);
    if (text.bytes == NULL) {
        *type = "token-missing";
    } else if (memchr(text.bytes, '.', text.length) != NULL) {
        if (who != WEIR__WEB_BOUND_CALLER)
            return 403;
        *type = check_bound(client, text);
    } else {
        client->bearer = weir__tokens_find(&client->door->tokens, text);
        if (client->bearer == NULL)
            *type = "token-unknown";
        else if ((who == WEIR__WEB_OPERATOR || who == WEIR__WEB_LOCAL)
                 && !client->bearer->is_operator)
            return 403;
    }
    return *type != NULL ? 401 : 0;
}

const char *weir__web_caller(const struct weir__web_client *client)
{
    return client->bearer != NULL ? client->bearer->sha256 : "";
}

int weir__web_authorize_name(struct weir__web_client *client, const char *name)
{
    if (client->bearer == NULL)
        return 0;
    if (!weir__tokens_allow(client->bearer->methods, name))
        return 403;
    return weir__bearer_take(client->bearer, weir__clock_ns()) < 0 ? 429 : 0;
}

int weir__web_spend(struct weir__web_client *client, const char *name, struct weir__http_text body,
                    const char **type)
{
    const struct weir__token *token = client->bound;
    const struct weir__token_key *key;
    char hash[WEIR__DIGEST_SIZE];

    *type = NULL;
    if (token == NULL)
        return 0;
    key = weir__tokens_key(&client->door->tokens, token->kid);
    if (weir__token_hash(name, body.bytes, body.length, hash) < 0)
        return 503;
    if (key == NULL || !weir__tokens_allow(key->methods, name) || client->terms.has_input
        || !weir__digest_is_same(hash, token->hash, sizeof hash)) {
        *type = "token-other-call";
        return 401;
    }
    if (token->exp <= now_s()) {
        *type = "token-expired"; /* while its body came */
        return 401;
    }
    switch (weir__spent_use(&client->door->spent, token->jti, token->exp, now_s())) {
    case WEIR__REPLAY_NEW:
        return 0;
    case WEIR__REPLAY_USED:
        *type = "token-used";
        return 401;
    case WEIR__REPLAY_FULL:
        break;
    }
    return 503;
}

/* --- Users ----------------------------------------------------------------------- */

#ifdef WEIR_LINUX
static void copy_address(const struct sockaddr_storage *from, uint32_t to[4], uint16_t *port)
{
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;

        memcpy(to, &six->sin6_addr, sizeof six->sin6_addr);
        *port = six->sin6_port;
    } else {
        const struct sockaddr_in *four = (const struct sockaddr_in *)from;

        memcpy(to, &four->sin_addr, sizeof four->sin_addr);
        *port = four->sin_port;
    }
}

/* Asks the kernel for the socket at the other end of a connection on the loopback interface.  Of a
 * socket that is closed already it would say that it is root's: such a one has no inode. */
static int peer_user(int fd, uid_t *user)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 request;
    } message = {
        .head = {.nlmsg_len = sizeof message,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST},
        .request = {.sdiag_protocol = IPPROTO_TCP,
                    .idiag_states = 1 << TCP_ESTABLISHED,
                    .id = {.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };
    union {
        struct nlmsghdr head;
        char bytes[1024];
    } answer;
    struct sockaddr_storage ours, theirs;
    socklen_t ours_length = sizeof ours, theirs_length = sizeof theirs;
    const struct inet_diag_msg *found;
    int asking, status = -1;
    ssize_t got;

    if (getsockname(fd, (struct sockaddr *)&ours, &ours_length) < 0
        || getpeername(fd, (struct sockaddr *)&theirs, &theirs_length) < 0)
        return -1;
    message.request.sdiag_family = (uint8_t)ours.ss_family;
    copy_address(&theirs, message.request.id.idiag_src, &message.request.id.idiag_sport);
    copy_address(&ours, message.request.id.idiag_dst, &message.request.id.idiag_dport);
    asking = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (asking < 0)
        return -1;
    if (send(asking, &message, sizeof message, 0) == (ssize_t)sizeof message) {
        got = recv(asking, &answer, sizeof answer, MSG_DONTWAIT); /* it is there at once */
        found = NLMSG_DATA(&answer.head);
        if (got >= (ssize_t)NLMSG_LENGTH(sizeof *found)
            && answer.head.nlmsg_type == SOCK_DIAG_BY_FAMILY && found->idiag_inode != 0) {
            *user = found->idiag_uid;
            status = 0;
        }
    }
    weir__close(&asking);
    return status;
}
#else
static int peer_user(int fd, uid_t *user)
{
    (void)fd;
    (void)user;
    return -1;
}
#endif

int weir__web_is_own_user(const struct weir__web_door *door, int fd)
{
    uid_t user;
    int status = door->is_unix ? weir__socket_peer(fd, &user) : peer_user(fd, &user);

    return status == 0 && (user == geteuid() || user == 0);
}

/* Whether the kernel says whose a connection on this interface is: tries it with one of our own. */
static int can_ask(int family)
{
    struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;
    struct sockaddr_in *four = (struct sockaddr_in *)&address;
    socklen_t length = family == AF_INET6 ? sizeof *six : sizeof *four;
    int listening = weir__socket(family, SOCK_STREAM, 0), taken = -1, can = 0;
    int calling = weir__socket(family, SOCK_STREAM, 0);
    uid_t user;

    if (family == AF_INET6)
        six->sin6_addr = in6addr_loopback;
    else
        four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listening >= 0 && calling >= 0 && bind(listening, (struct sockaddr *)&address, length) == 0
        && listen(listening, 1) == 0
        && getsockname(listening, (struct sockaddr *)&address, &length) == 0
        && connect(calling, (struct sockaddr *)&address, length) == 0) {
        taken = weir__socket_accept(listening, NULL, NULL, 0);
        can = taken >= 0 && peer_user(taken, &user) == 0 && user == geteuid();
    }
    weir__close(&taken);
    weir__close(&calling);
    weir__close(&listening);
    return can;
}

int weir__web_access_begin(struct weir__web_door *door, struct weir_error *error)
{
    struct sockaddr_storage address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address;
    const struct sockaddr_in *four = (const struct sockaddr_in *)&address;
    socklen_t length = sizeof address;
    char text[INET6_ADDRSTRLEN];
    int is_loopback;

    if (getsockname(door->fd, (struct sockaddr *)&address, &length) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot find where the door is");
    if (address.ss_family == AF_UNIX) {
        door->is_unix = door->checks_user = 1;
        return 0;
    }
    if (address.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
        snprintf(door->address, sizeof door->address, "[%s]", text);
        door->port = ntohs(six->sin6_port);
        is_loopback = IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    } else {
        inet_ntop(AF_INET, &four->sin_addr, text, sizeof text);
        snprintf(door->address, sizeof door->address, "%s", text);
        door->port = ntohs(four->sin_port);
        is_loopback = ntohl(four->sin_addr.s_addr) >> 24 == 127;
    }
    door->is_remote = !is_loopback;
    if (door->options.tokens != NULL)
        return 0; /* they say who may call */
    if (!is_loopback)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "%s is not a loopback address: anyone who can reach it could call. Use "
                          "--http-tokens, or 127.0.0.1 behind a proxy",
                          door->address);
    if (!can_ask(address.ss_family))
        return weir__fail(error, WEIR_ERR_SYSTEM, 0,
                          "this system does not say which user a TCP client is, so any user could "
                          "call: use --http unix:PATH");
    door->checks_user = 1;
    return 0;
}
