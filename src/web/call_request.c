#include "config.h"

#include "web/call_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/fields.h"
#include "http/target.h"
#include "http/token.h"
#include "pool/worker_group.h"
#include "web/access.h"
#include "web/answer.h"
#include "web/exchange.h"
#include "web/kept.h"

static const struct weir__http_text nothing = {NULL, 0};

/* The form that is wanted most; JSON where all are wanted alike. Returns 0, or 406. */
static int choose_form(struct weir__web_client *client)
{
    static const struct {
        const char *media;
        enum weir__web_form form;
    } forms[] = {
        {"application/json", WEIR__WEB_JSON},
        {"application/x-ndjson", WEIR__WEB_LINES},
        {"text/event-stream", WEIR__WEB_EVENTS},
    };
    int most = 0;

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        int weight = weir__http_accepts(&client->request, client->in.bytes, forms[i].media);

        if (weight > most) {
            most = weight;
            client->terms.form = forms[i].form;
        }
    }
    return most > 0 ? 0 : 406;
}

static int is_printable(struct weir__http_text text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.bytes[i] < ' ' || text.bytes[i] > '~')
            return 0;
    return text.length > 0 && text.length < WEIR__WEB_KEY;
}

/* Whether the reply is kept, and for whom.  A one-time token needs no key: it is spent by the first
 * request, and nobody could ask for the reply with it.  Returns 0, or refuses the request. */
static int read_ask(struct weir__web_client *client)
{
    const char *head = client->in.bytes;
    struct weir__http_text key =
        weir__http_request_field(&client->request, head, "idempotency-key");
    int is_async = weir__http_has_item(weir__http_request_field(&client->request, head, "prefer"),
                                       "respond-async");

    if (key.bytes != NULL && (!is_printable(key) || client->terms.has_input)) {
        weir__web_refuse(client, 400, NULL,
                         client->terms.has_input
                             ? "Idempotency-Key: replies to streams are not kept"
                             : "Idempotency-Key: expected 1 to 64 printable characters");
        return -1;
    }
    if (client->bound != NULL || client->terms.has_input || (key.bytes == NULL && !is_async))
        return 0;
    client->ask = calloc(1, sizeof *client->ask);
    if (client->ask == NULL) {
        weir__web_refuse(client, 500, NULL, "no memory");
        return -1;
    }
    snprintf(client->ask->caller, sizeof client->ask->caller, "%s", weir__web_caller(client));
    if (key.bytes != NULL)
        memcpy(client->ask->key, key.bytes, key.length);
    client->ask->is_async = is_async;
    return 0;
}

int weir__web_call_read(struct weir__web_client *client)
{
    const struct weir__http_request *request = &client->request;
    const char *head = client->in.bytes;
    struct weir__http_text timeout = weir__http_request_field(request, head, "weir-timeout");
    struct weir__http_text type = weir__http_request_field(request, head, "content-type");
    int64_t ms = 0;

    client->terms = (struct weir__web_terms){
        .timeout_ms = client->door->options.timeout_ms,
        .has_input = weir__http_media_is(type, "application/x-ndjson"),
    };
    if (!client->terms.has_input && !weir__http_media_is(type, "application/json")
        && (type.bytes != NULL || !client->is_body_over)) {
        weir__web_refuse(client, 415, NULL, "send application/json, or application/x-ndjson");
        return -1;
    }
    if (timeout.bytes != NULL && weir__http_seconds(timeout, &ms) != 0) {
        weir__web_refuse(client, 400, NULL,
                         "Weir-Timeout: expected seconds with at most 3 decimals");
        return -1;
    }
    if (timeout.bytes != NULL && ms < client->terms.timeout_ms)
        client->terms.timeout_ms = ms;
    if (choose_form(client) != 0) {
        weir__web_refuse(client, 406, NULL,
                         "results are application/json, application/x-ndjson or text/event-stream");
        return -1;
    }
    return read_ask(client);
}

/* The parameters beside an input stream.  Returns 0, or 400 with *why. */
static int read_query(struct weir__web_client *client, struct weir__http_text query,
                      struct weir__buffer *params, const char **why)
{
    static const char name[] = "params=";
    size_t length = sizeof name - 1;

    *why = "a query is for input streams only: send the parameters as the body";
    if (query.bytes == NULL)
        return 0;
    if (!client->terms.has_input)
        return 400;
    *why = "the query is not params= with JSON";
    if (query.length < length || memcmp(query.bytes, name, length) != 0
        || memchr(query.bytes, '&', query.length) != NULL)
        return 400;
    return weir__http_target_decode(
        (struct weir__http_text){query.bytes + length, query.length - length}, params);
}

/* Whether the request was answered without a call: by the reply to an earlier one, or refused. */
static int answer_again(struct weir__web_client *client, const char *name,
                        struct weir__http_text body)
{
    struct weir__web_ask *ask = client->ask;
    const struct weir__web_kept *kept;

    if (ask == NULL)
        return 0;
    if (*weir__pool_streams(client->door->pool, name) != '\0') {
        if (ask->key[0] != '\0') {
            weir__web_refuse(client, 400, NULL, "Idempotency-Key: replies to streams are not kept");
            return 1;
        }
        free(ask); /* it is a preference only */
        client->ask = NULL;
        return 0;
    }
    if (weir__token_hash(name, body.bytes, body.length, ask->hash) < 0) {
        weir__web_refuse(client, 500, NULL, "no memory");
        return 1;
    }
    kept = ask->key[0] != '\0' ? weir__web_kept_find(client->door, ask->caller, ask->key) : NULL;
    if (kept == NULL)
        return 0;
    if (strcmp(kept->ask.hash, ask->hash) != 0)
        weir__web_refuse(client, 422, NULL,
                         "the Idempotency-Key was used for another function or other parameters");
    else if (kept->status == 0)
        weir__web_refuse(client, 409, NULL, "the call with this Idempotency-Key still runs");
    else
        weir__web_kept_answer(client, kept, 1);
    return 1;
}

void weir__web_call(struct weir__web_client *client, const char *name, struct weir__http_text query)
{
    struct weir__buffer params = {0};
    struct weir__http_text body = {client->in.bytes + client->request.length,
                                   client->body_end - client->request.length};
    const char *why, *type;
    int status = read_query(client, query, &params, &why);

    if (status == 400)
        weir__web_refuse(client, 400, NULL, why);
    else if (status != 0)
        weir__web_refuse(client, 500, NULL, "no memory");
    else if ((status = weir__web_spend(client, name, body, &type)) != 0)
        weir__web_refuse(client, status, type, NULL);
    else if (answer_again(client, name, body))
        ;
    else if (client->terms.has_input)
        weir__web_exchange_start(
            client, name,
            params.length > 0 ? (struct weir__http_text){params.bytes, params.length} : nothing);
    else
        weir__web_exchange_start(client, name, body.length > 0 ? body : nothing);
    weir__buffer_clear(&params);
}
