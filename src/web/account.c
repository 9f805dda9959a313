#include "config.h"

#include "web/account.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/portable.h"
#include "http/target.h"
#include "pool/pool_types.h"
#include "web/kept.h"

/* --- Who ---------------------------------------------------------------------- */

static void fill_origin(const struct weir__web_client *client, struct weir__web_origin *origin)
{
    const struct weir__web_peer *peer = &client->peer;
    char address[INET6_ADDRSTRLEN] = "";

    *origin = (struct weir__web_origin){.connection = client->number, .peer = "unix"};
    if (!client->door->is_unix) {
        inet_ntop(peer->is_six ? AF_INET6 : AF_INET, peer->address, address, sizeof address);
        snprintf(origin->peer, sizeof origin->peer, peer->is_six ? "[%s]:%u" : "%s:%u", address,
                 peer->port);
    }
    if (client->bearer != NULL) {
        snprintf(origin->token, sizeof origin->token, "%s", client->bearer->name);
    } else if (client->bound != NULL) {
        snprintf(origin->token, sizeof origin->token, "%s", client->bound->kid);
        snprintf(origin->subject, sizeof origin->subject, "%s", client->bound->sub);
    }
}

static struct weir__web_caller caller_of(const struct weir__web_origin *origin)
{
    return (struct weir__web_caller){
        .peer = origin->peer,
        .token = origin->token[0] != '\0' ? origin->token : NULL,
        .subject = origin->subject[0] != '\0' ? origin->subject : NULL,
    };
}

/* --- Calls -------------------------------------------------------------------- */

int weir__web_account_begin(const struct weir__web_client *client, struct weir__web_origin **origin)
{
    *origin = NULL;
    if (client->door->options.on_call == NULL)
        return 0;
    *origin = malloc(sizeof **origin);
    if (*origin == NULL)
        return WEIR_ERR_NOMEM;
    fill_origin(client, *origin);
    return 0;
}

static uint64_t tell(const struct weir__web_door *door, const struct weir__web_call *call)
{
    return door->options.on_call(call, door->options.call_context);
}

void weir__web_account_call(struct weir__web_exchange *exchange)
{
    const struct weir_call *made = exchange->call;
    struct weir__web_call told;
    uint64_t number;

    if (exchange->origin == NULL || made == NULL)
        return;
    told = (struct weir__web_call){
        .caller = caller_of(exchange->origin),
        .made = {.door = "http", .connection = exchange->origin->connection},
        .id = exchange->id,
        .status = exchange->status,
    };
    weir__served_call_read(&told.made, made);
    if (told.made.params.bytes == NULL)
        told.made.params.bytes = "";
    number = tell(exchange->door, &told);
    if (exchange->kept != NULL)
        exchange->kept->held_for = number;
    if (exchange->client != NULL)
        weir__web_account_hold(exchange->client, number);
}

void weir__web_account_served(const struct weir__web_door *door, struct weir__web_client *client,
                              const struct weir__web_origin *origin,
                              const struct weir__served_call *made, int status)
{
    struct weir__web_call told = {.caller = caller_of(origin), .made = *made, .status = status};
    uint64_t number;

    if (told.made.params.bytes == NULL)
        told.made.params.bytes = "";
    number = tell(door, &told);
    if (client != NULL)
        weir__web_account_hold(client, number);
}

/* What cannot be decoded stays as it was sent. */
static void read_name(const struct weir__web_client *client, struct weir__buffer *name)
{
    struct weir__http_text path, query;

    weir__http_target_split(weir__http_request_target(&client->request, client->in.bytes), &path,
                            &query);
    path.bytes += client->name_at;
    path.length -= client->name_at;
    if (weir__http_target_decode(path, name) == 0)
        return;
    name->length = 0;
    weir__buffer_add(name, path.bytes, path.length, NULL);
    weir__buffer_add(name, "", 1, NULL);
}

/* A request for a call that was answered without one. */
static void tell_refusal(struct weir__web_client *client)
{
    struct weir__web_origin origin;
    struct weir__buffer name = {0};
    struct weir__web_call told = {.made = {.door = "http", .outcome = WEIR_CALL_REFUSED},
                                  .status = client->status};

    if (client->door->options.on_call == NULL || client->is_told || client->method == NULL
        || client->name_at == 0)
        return;
    read_name(client, &name);
    fill_origin(client, &origin);
    told.caller = caller_of(&origin);
    told.made.connection = origin.connection;
    told.made.method = name.bytes;
    told.made.wall_ns = weir__clock_ns() - client->began_ns;
    if (client->is_body_over && !client->terms.has_input)
        told.made.params = (struct weir__slice){client->in.bytes + client->request.length,
                                                client->body_end - client->request.length};
    weir__web_account_hold(client, tell(client->door, &told));
    weir__buffer_clear(&name);
}

/* --- Requests ------------------------------------------------------------------- */

void weir__web_account_request(struct weir__web_client *client, int is_answered)
{
    const struct weir__web_door *door = client->door;
    struct weir__web_origin origin;
    struct weir__web_request request = {.status = is_answered ? client->status : 0};
    struct weir__http_text query;

    if (is_answered)
        tell_refusal(client);
    if (door->options.on_request == NULL || (!is_answered && client->method == NULL))
        return;
    fill_origin(client, &origin);
    request.caller = caller_of(&origin);
    if (client->method != NULL) {
        request.method = weir__http_request_method(&client->request, client->in.bytes);
        weir__http_target_split(weir__http_request_target(&client->request, client->in.bytes),
                                &request.path, &query);
        request.wall_ns = weir__clock_ns() - client->began_ns;
    }
    door->options.on_request(&request);
}

/* --- Traces ------------------------------------------------------------------------ */

char *weir__web_account_trace(char text[WEIR__WEB_TRACE])
{
    unsigned char id[24] = {0};
    char *to = text + 3;

    (void)!weir__random(id, sizeof id);
    id[0] |= (unsigned char)(id[0] == 0); /* neither may be zero */
    id[16] |= (unsigned char)(id[16] == 0);
    memcpy(text, "00-", 3);
    for (size_t i = 0; i < sizeof id; i++) {
        if (i == 16)
            *to++ = '-';
        to += sprintf(to, "%02x", id[i]);
    }
    memcpy(to, "-01", 4);
    return text;
}

/* --- Answers that wait ------------------------------------------------------------- */

void weir__web_account_hold(struct weir__web_client *client, uint64_t number)
{
    const struct weir__web_options *options = &client->door->options;

    if (number > client->held_for && number > options->count_written(options->call_context))
        client->held_for = number;
}

int weir__web_account_holds(const struct weir__web_client *client)
{
    return client->held_for != 0;
}

void weir__web_account_release(void *data, int bits)
{
    struct weir__web_door *door = data;
    char bytes[256];
    uint64_t written;

    (void)bits;
    while (read(door->options.written_fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes)
        ;
    written = door->options.count_written(door->options.call_context);
    for (struct weir__web_client *client = door->clients; client != NULL; client = client->next)
        if (client->held_for != 0 && client->held_for <= written) {
            client->held_for = 0;
            client->took_ns = 0;
            door->on_answered(client);
        }
}
