#include "config.h"

#include "web/kept.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "web/account.h"
#include "web/answer.h"

enum { COUNT_MAX = 1000, BYTES_MAX = 16 << 20 };

static const int64_t keep_ns = (int64_t)10 * 60 * 1000000000;

void weir__web_kept_free(struct weir__web_kept *kept)
{
    if (kept == NULL)
        return;
    *kept->link = kept->next;
    if (kept->next != NULL)
        kept->next->link = kept->link;
    if (kept->exchange != NULL)
        kept->exchange->kept = NULL;
    weir__buffer_clear(&kept->body);
    free(kept);
}

/* Forgets the oldest beyond the limits. */
static void forget(struct weir__web_door *door)
{
    int64_t now_ns = weir__clock_ns();
    size_t count = 0, bytes = 0;

    for (struct weir__web_kept *kept = door->kept, *next; kept != NULL; kept = next) {
        next = kept->next;
        if (kept->status == 0)
            continue;
        count++;
        bytes += kept->body.length;
        if (count > COUNT_MAX || bytes > BYTES_MAX || now_ns - kept->ended_ns > keep_ns) {
            bytes -= kept->body.length;
            weir__web_kept_free(kept);
        }
    }
}

void weir__web_kept_clear(struct weir__web_door *door)
{
    while (door->kept != NULL)
        weir__web_kept_free(door->kept);
}

struct weir__web_kept *weir__web_kept_find(struct weir__web_door *door, const char *caller,
                                           const char *key)
{
    struct weir__web_kept *kept;

    forget(door);
    for (kept = door->kept; kept != NULL; kept = kept->next)
        if (strcmp(kept->ask.key, key) == 0 && strcmp(kept->ask.caller, caller) == 0)
            break;
    return kept;
}

struct weir__web_kept *weir__web_kept_call(struct weir__web_door *door, const char *caller,
                                           const char *id)
{
    struct weir__web_kept *kept;

    forget(door);
    for (kept = door->kept; kept != NULL; kept = kept->next)
        if (kept->ask.is_async && strcmp(kept->id, id) == 0
            && strcmp(kept->ask.caller, caller) == 0)
            break;
    return kept;
}

struct weir__web_kept *weir__web_kept_begin(struct weir__web_exchange *exchange,
                                            const struct weir__web_ask *ask)
{
    struct weir__web_door *door = exchange->door;
    struct weir__web_kept *kept = calloc(1, sizeof *kept);

    forget(door);
    if (kept == NULL)
        return NULL;
    memcpy(kept->id, exchange->id, sizeof kept->id);
    kept->ask = *ask;
    kept->exchange = exchange;
    exchange->kept = kept;
    kept->next = door->kept;
    kept->link = &door->kept;
    if (kept->next != NULL)
        kept->next->link = &kept->next;
    door->kept = kept;
    return kept;
}

void weir__web_kept_end(struct weir__web_kept *kept, int status, const char *timing,
                        struct weir__buffer *body)
{
    size_t length = strnlen(timing, sizeof kept->timing - 1);

    kept->status = status;
    kept->ended_ns = weir__clock_ns();
    memcpy(kept->timing, timing, length);
    kept->timing[length] = '\0';
    kept->body = *body;
    *body = (struct weir__buffer){0};
    if (status == 503)
        kept->ask.key[0] = '\0';
}

void weir__web_kept_answer(struct weir__web_client *client, const struct weir__web_kept *kept,
                           int is_replay)
{
    struct weir__http_writer writer = weir__web_begin(client, kept->status);

    weir__web_account_hold(client, kept->held_for);
    weir__http_write_field(&writer, "Weir-Call", kept->id);
    weir__http_write_field(&writer, "Server-Timing", kept->timing);
    if (is_replay)
        weir__http_write_field(&writer, "Idempotency-Replayed", "true");
    if (kept->status == 503)
        weir__web_write_retry(&writer, kept->retry_s);
    weir__web_answer(client, &writer,
                     kept->status == 200 ? "application/json" : "application/problem+json",
                     kept->body.bytes, kept->body.length);
}
