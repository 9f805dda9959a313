#include "config.h"

#include "web/live.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_tree.h"
#include "pool/pool_worker.h"
#include "proc/context.h"
#include "web/answer.h"
#include "web/output.h"

enum {
    EACH_MS = 1000, /* between events when nothing happens */
    SOON_MS = 100,  /* and at least, however much happens */
    MS = 1000000,
};

static json_t *describe_call(const struct weir__web_exchange *exchange)
{
    const struct weir_call *call = exchange->call;
    const struct weir__pool_worker *worker = call->worker;
    int64_t ms = (weir__clock_ns() - exchange->started_ns) / MS;

    return json_pack(
        "{s:s,s:s,s:s,s:I,s:o?}", "id", exchange->id, "method", exchange->method, "state",
        call->state == WEIR__CALL_QUEUED ? "queued"
        : call->state == WEIR__CALL_SENT ? "running"
                                         : "stopping",
        "ms", (json_int_t)ms, "worker",
        worker != NULL ? json_integer((json_int_t)weir__pool_worker_pid(worker)) : json_null());
}

json_t *weir__web_live_calls(const struct weir__web_door *door)
{
    json_t *list = json_array();

    for (const struct weir__web_exchange *exchange = door->exchanges; exchange != NULL;
         exchange = exchange->next)
        if (exchange->call != NULL)
            weir__tree_append(&list, describe_call(exchange));
    return list;
}

static void add_event(struct weir__http_writer *text, const char *head, const char *data)
{
    weir__http_write_text(text, head);
    weir__http_write_text(text, data);
    weir__http_write_text(text, "\n\n");
}

/* One chunk with both events. */
static int make_events(const struct weir__web_door *door, struct weir__buffer *to)
{
    struct weir__http_writer text = {to, 0};
    char *stats = weir_pool_stats(door->pool), *calls;
    json_t *list = weir__web_live_calls(door);

    calls = weir__tree_text(list, JSON_COMPACT);
    json_decref(list);
    if (stats != NULL && calls != NULL) {
        add_event(&text, "event: stats\ndata: ", stats);
        add_event(&text, "event: calls\ndata: ", calls);
    }
    text.failed |= stats == NULL || calls == NULL;
    free(stats);
    free(calls);
    return text.failed ? -1 : 0;
}

static void send_events(struct weir__web_client *client, const struct weir__buffer *text)
{
    struct weir__http_writer writer = {&client->out, 0};

    if (client->is_over || weir__web_owed(client) > 0)
        return; /* it reads slowly: the next ones say all that these would */
    weir__http_write_chunk(&writer, text->bytes, text->length);
    if (writer.failed)
        weir__web_end(client);
    client->door->on_answered(client);
}

static void set_alarm(struct weir__web_door *door, int64_t at_ns)
{
    int64_t left_ms = (at_ns - weir__clock_ns()) / MS + 1;

    if (door->live.due_ns != 0 && door->live.due_ns <= at_ns)
        return;
    door->live.due_ns = at_ns;
    weir__timer_start(door->live.timer, left_ms > 0 ? left_ms : 0);
}

static void tell_all(void *data)
{
    struct weir__web_door *door = data;
    struct weir__buffer text = {0};

    door->live.due_ns = 0;
    if (door->live.count == 0)
        return;
    door->live.told_ns = weir__clock_ns();
    if (make_events(door, &text) == 0)
        for (size_t i = 0; i < door->live.count; i++)
            send_events(door->live.clients[i], &text);
    weir__buffer_clear(&text);
    set_alarm(door, door->live.told_ns + (int64_t)EACH_MS * MS);
}

void weir__web_live_tell(struct weir__web_door *door)
{
    if (door->live.count > 0)
        set_alarm(door, door->live.told_ns + (int64_t)SOON_MS * MS);
}

void weir__web_live_begin(struct weir__web_client *client)
{
    struct weir__web_door *door = client->door;
    struct weir__http_writer writer;

    if (door->live.count == WEIR__WEB_LIVE_MAX && !client->is_head) {
        weir__web_refuse(client, 503, NULL, "too many clients watch: try later");
        return;
    }
    writer = weir__web_begin(client, 200);
    weir__http_write_field(&writer, "X-Accel-Buffering", "no");
    if (client->is_head) {
        weir__web_answer(client, &writer, "text/event-stream", NULL, 0);
        return;
    }
    weir__http_write_field(&writer, "Content-Type", "text/event-stream");
    weir__http_write_end_chunked(&writer);
    client->state = WEIR__WEB_CALLING;
    client->is_live = 1;
    door->live.clients[door->live.count++] = client;
    if (writer.failed)
        weir__web_end(client);
    set_alarm(door, weir__clock_ns());
}

void weir__web_live_drop(struct weir__web_client *client)
{
    struct weir__web_live *live = &client->door->live;
    size_t i = 0;

    if (!client->is_live)
        return;
    client->is_live = 0;
    while (live->clients[i] != client)
        i++;
    live->clients[i] = live->clients[--live->count];
}

void weir__web_live_end(struct weir__web_door *door)
{
    static const char text[] = "event: end\ndata: null\n\n";

    while (door->live.count > 0) {
        struct weir__web_client *client = door->live.clients[0];
        struct weir__http_writer writer = {&client->out, 0};

        weir__web_live_drop(client);
        client->is_closing = 1;
        weir__http_write_chunk(&writer, text, sizeof text - 1);
        weir__http_write_last_chunk(&writer);
        weir__web_finish(client, writer.failed);
    }
}

int weir__web_live_open(struct weir__web_door *door, struct weir_error *error)
{
    return weir__timer_new(door->weir->loop, tell_all, door, &door->live.timer, error);
}

void weir__web_live_close(struct weir__web_door *door)
{
    weir__timer_close(&door->live.timer);
}
