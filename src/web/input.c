#include "config.h"

#include "web/input.h"

#include <string.h>

void weir__web_fail_call(struct weir__web_exchange *exchange, int status, const char *detail)
{
    exchange->failure = detail;
    exchange->failure_status = status;
    weir_call_cancel(exchange->call);
}

int weir__web_input_is_read(const struct weir__web_client *client)
{
    const struct weir__web_exchange *exchange = client->exchange;

    return exchange != NULL && exchange->is_input_open && !client->is_body_over
           && weir_call_credit(exchange->call) > 0;
}

/* The next line, without its end; false: it is not whole yet. */
static bool next_line(struct weir__web_client *client, struct weir__http_text *line)
{
    const char *from = client->in.bytes + client->line;
    size_t left = client->body_end - client->line;
    const char *lf = left > 0 ? memchr(from, '\n', left) : NULL;

    if (lf == NULL && (!client->is_body_over || left == 0))
        return false;
    *line = (struct weir__http_text){from, lf != NULL ? (size_t)(lf - from) : left};
    client->line += line->length + (lf != NULL);
    return true;
}

static bool is_blank(struct weir__http_text line)
{
    for (size_t i = 0; i < line.length; i++)
        if (strchr(" \t\r", line.bytes[i]) == NULL || line.bytes[i] == '\0')
            return false;
    return true;
}

/* Drops the lines that were sent. */
static void forget_lines(struct weir__web_client *client)
{
    size_t gone = client->line - client->request.length;

    if (gone < WEIR__WEB_KEEP && client->line < client->in.length)
        return;
    memmove(client->in.bytes + client->request.length, client->in.bytes + client->line,
            client->in.length - client->line);
    client->in.length -= gone;
    client->body_end -= gone;
    client->unread -= gone;
    client->line = client->request.length;
}

/* Returns 1 when it goes on; then the call is still there. */
static int send_line(struct weir__web_client *client, struct weir__web_exchange *exchange,
                     struct weir__http_text line)
{
    struct weir_error error;
    int status = weir_call_send(exchange->call, line.bytes, line.length, &error);

    if (client->exchange != exchange || status == 0)
        return 0;
    if (status == 1)
        return 1;
    exchange->is_input_open = 0;
    if (error.status == WEIR_ERR_INVALID)
        weir__web_fail_call(exchange, 400, "a line of the input stream is not JSON");
    else
        weir__web_fail_call(exchange, 413, "a line of the input stream is too long");
    return 0;
}

void weir__web_input_send(struct weir__web_client *client)
{
    struct weir__web_exchange *exchange = client->exchange;
    struct weir__http_text line;

    if (exchange == NULL || !exchange->is_input_open)
        return;
    while (weir_call_credit(exchange->call) > 0 && next_line(client, &line))
        if (!is_blank(line) && !send_line(client, exchange, line))
            return;
    forget_lines(client);
    if (client->body_end - client->line > client->door->options.max_body) {
        exchange->is_input_open = 0;
        weir__web_fail_call(exchange, 413, "a line of the input stream is too long");
    } else if (client->is_body_over && client->line == client->body_end) {
        exchange->is_input_open = 0;
        weir_call_end(exchange->call, NULL);
    }
}
