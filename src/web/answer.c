#include "config.h"

#include "web/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "web/access.h"
#include "web/account.h"
#include "web/metrics.h"
#include "web/output.h"

enum { REQUESTS_MAX = 10000 }; /* on one connection */

/* RFC 9110, 5.6.7; the locale has no say in it. */
static const char *date_text(struct weir__web_door *door)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = time(NULL);
    struct tm utc;
    char form[] = "Day, %d Mon %Y %H:%M:%S GMT";

    if (now == door->date || gmtime_r(&now, &utc) == NULL)
        return door->date_text;
    memcpy(form, days[utc.tm_wday], 3);
    memcpy(form + 8, months[utc.tm_mon], 3);
    if (strftime(door->date_text, sizeof door->date_text, form, &utc) == 0)
        door->date_text[0] = '\0';
    door->date = now;
    return door->date_text;
}

static int is_closing(const struct weir__web_client *client)
{
    /* An input stream may end while the response is sent. */
    int is_open = client->exchange != NULL && client->exchange->is_input_open;

    return client->is_closing || client->request.closes || (!client->is_body_over && !is_open)
           || client->door->is_draining || client->requests >= REQUESTS_MAX;
}

struct weir__http_writer weir__web_begin(struct weir__web_client *client, int status)
{
    struct weir__http_writer writer = {&client->out, 0};
    const char *origin = weir__web_foreign_origin(client);

    client->status = status;
    client->is_closing = is_closing(client);
    weir__http_write_status(&writer, status);
    weir__http_write_field(&writer, "Date", date_text(client->door));
    if (client->is_closing)
        weir__http_write_field(&writer, "Connection", "close");
    if (origin != NULL) {
        weir__http_write_field(&writer, "Access-Control-Allow-Origin", origin);
        weir__http_write_field(
            &writer, "Access-Control-Expose-Headers",
            "Weir-Call, Weir-Fallback, Server-Timing, Retry-After, Idempotency-Replayed, "
            "Location, Preference-Applied, Mcp-Session-Id");
        weir__http_write_field(&writer, "Vary", "Origin");
    }
    return writer;
}

void weir__web_finish(struct weir__web_client *client, int failed)
{
    size_t rest = client->in.length - client->unread;

    weir__web_account_request(client, 1);
    weir__web_metrics_end(client);
    if (failed) { /* out of memory: the client would wait forever */
        weir__web_end(client);
        return;
    }
    if (client->is_closing)
        rest = 0;
    if (rest > 0)
        memmove(client->in.bytes, client->in.bytes + client->unread, rest);
    client->in.length = rest;
    if (rest == 0 && client->in.capacity > WEIR__WEB_KEEP)
        weir__buffer_clear(&client->in);
    client->unread = client->body_end = 0;
    weir__http_request_begin(&client->request);
    client->state = client->is_closing ? WEIR__WEB_LEAVING : WEIR__WEB_HEAD;
    client->since_ns = weir__clock_ns();
    client->is_read_ahead = client->is_head = client->is_told = 0;
    client->is_body_over = 1;
    client->route = NULL;
    client->route_name = NULL;
    client->name_at = 0;
    free(client->bound);
    client->bound = NULL;
    free(client->ask);
    client->ask = NULL;
    client->bearer = NULL;
    client->door->on_answered(client);
}

void weir__web_answer(struct weir__web_client *client, struct weir__http_writer *writer,
                      const char *type, const char *bytes, size_t length)
{
    if (type != NULL) {
        weir__http_write_field(writer, "Content-Type", type);
        weir__http_write_end(writer, length);
        if (!client->is_head)
            weir__http_write(writer, bytes, length);
    } else {
        weir__http_write_text(writer, "\r\n");
    }
    weir__web_finish(client, writer->failed);
}

void weir__web_answer_json(struct weir__web_client *client, char *text)
{
    struct weir__http_writer writer;

    if (text == NULL) {
        weir__web_refuse(client, 500, NULL, "no memory");
        return;
    }
    writer = weir__web_begin(client, 200);
    weir__web_answer(client, &writer, "application/json", text, strlen(text));
    free(text);
}

void weir__web_write_retry(struct weir__http_writer *writer, unsigned seconds)
{
    char text[16];

    snprintf(text, sizeof text, "%u", seconds > 0 ? seconds : 1);
    weir__http_write_field(writer, "Retry-After", text);
}

void weir__web_answer_problem(struct weir__web_client *client, struct weir__http_writer *writer,
                              const struct weir__http_problem *problem, const char *detail,
                              const char *call, struct weir__http_text data)
{
    struct weir__http_writer own;
    struct weir__buffer text = {0};

    if (writer == NULL) {
        own = weir__web_begin(client, problem->status);
        writer = &own;
    }
    if (problem->status == 401)
        weir__http_write_field(writer, "WWW-Authenticate", "Bearer");
    if (problem->status == 503 || problem->status == 429)
        weir__web_write_retry(writer, client->retry_s);
    client->retry_s = 0;
    if (weir__http_problem_write(&text, problem, detail, call, data) < 0)
        writer->failed = 1;
    weir__web_answer(client, writer, "application/problem+json", text.bytes, text.length);
    weir__buffer_clear(&text);
}

void weir__web_refuse(struct weir__web_client *client, int status, const char *type,
                      const char *detail)
{
    struct weir__http_problem problem = weir__http_problem_of_status(status, type);

    if (status == 401 || status == 429 || (status == 403 && type == NULL && !client->is_refused))
        weir__web_metrics_refuse(client->door, status, type);
    weir__web_answer_problem(client, NULL, &problem, detail, NULL,
                             (struct weir__http_text){NULL, 0});
}
