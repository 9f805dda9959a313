#include "config.h"

#include "base/trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/printable.h"

enum {
    FLUSH_SIZE = 64 * 1024,
    TEXT_SIZE = 1024, /* of a name or message, escaped; the rest is cut off */
    OTLP_ERROR = 2,   /* a status code */
};

static const char separator[] = ",\n";

/* --- Values --------------------------------------------------------------- */

static void put_text(struct weir__json_writer *json, const char *key, const char *text,
                     size_t length)
{
    char shown[TEXT_SIZE];
    size_t plain = 0;

    while (plain < length && text[plain] >= ' ' && text[plain] <= '~')
        plain++;
    if (plain == length && length < sizeof shown) { /* as nearly all are */
        weir__json_stringn(json, key, text, length);
        return;
    }
    weir__json_stringn(json, key, shown,
                       weir__printable(shown, sizeof shown, text, length, WEIR__ONE_LINE));
}

static void put_id(struct weir__json_writer *json, const char *key, uint64_t id)
{
    weir__json_hex(json, key, &id, 1);
}

static void put_trace(struct weir__json_writer *json, const char *key,
                      const struct weir__trace_id *trace)
{
    weir__json_hex(json, key, (const uint64_t[]){trace->high, trace->low}, 2);
}

/* OTLP has its times as strings. */
static void put_time(const struct weir__trace_file *file, struct weir__json_writer *json,
                     const char *key, int64_t at_ns)
{
    weir__json_integer_text(json, key, at_ns + file->wall_offset_ns);
}

static void put_attribute(struct weir__json_writer *json, const char *key, const char *text,
                          size_t length, int64_t number)
{
    weir__json_open(json, NULL, '{');
    weir__json_string(json, "key", key);
    weir__json_open(json, "value", '{');
    if (text != NULL)
        put_text(json, "stringValue", text, length);
    else
        weir__json_integer_text(json, "intValue", number);
    weir__json_close(json, '}');
    weir__json_close(json, '}');
}

/* Text of the file itself, between values. */
static void put_raw(struct weir__json_writer *json, const char *text)
{
    json->follows = 0;
    weir__json_raw(json, NULL, text, strlen(text));
    json->follows = 0;
}

/* --- The bound ------------------------------------------------------------ */

static void write_out(struct weir__trace_file *file, struct weir__buffer *bytes)
{
    int failed = 0;

    if (file->failed == 0 && bytes->length > 0)
        failed = weir__write_all(file->fd, bytes->bytes, bytes->length);
    if (failed != 0)
        file->failed = failed < 0 ? -failed : failed;
    bytes->length = 0;
}

/* With keeps_last the items are two halves: when one is full, the older one is forgotten. */
static void make_room(struct weir__trace_file *file)
{
    struct weir__buffer full = file->items;

    if (!file->keeps_last) {
        write_out(file, &file->items);
        return;
    }
    for (size_t i = 0; i < file->past.length; i++)
        file->dropped += file->past.bytes[i] == '\n'; /* one item a line */
    file->items = file->past;
    file->items.length = 0;
    file->past = full;
}

/* Takes what json holds as an item. */
static void add_item(struct weir__trace_file *file)
{
    struct weir__json_writer *json = &file->json;
    size_t size = json->text.length + sizeof separator - 1;
    int is_full = !file->keeps_last /* after the first that did not fit nothing more is added */
                  && (file->dropped > 0 || file->written + size > file->max_size);

    if (is_full || file->failed != 0) {
        file->dropped++;
    } else if (json->failed
               || weir__buffer_add(&file->items, json->text.bytes, json->text.length, NULL) < 0
               || weir__buffer_add(&file->items, separator, sizeof separator - 1, NULL) < 0) {
        file->failed = ENOMEM;
    } else {
        file->written += size;
        if (file->items.length >= (file->keeps_last ? file->max_size / 2 : FLUSH_SIZE))
            make_room(file);
    }
    json->text.length = 0;
    json->follows = json->failed = 0;
}

/* --- Chrome's format --------------------------------------------------------- */

static void begin_chrome(struct weir__trace_file *file, const char *phase, unsigned track)
{
    struct weir__json_writer *json = &file->json;

    weir__json_open(json, NULL, '{');
    weir__json_string(json, "ph", phase);
    weir__json_integer(json, "pid", getpid());
    weir__json_integer(json, "tid", track);
}

static void put_chrome_args(struct weir__json_writer *json, const struct weir__span *span)
{
    weir__json_open(json, "args", '{');
    put_trace(json, "trace_id", &span->context.trace);
    put_id(json, "span_id", span->context.span);
    if (span->context.parent != 0)
        put_id(json, "parent_span_id", span->context.parent);
    for (size_t i = 0; i < span->attribute_count; i++) {
        const struct weir__attribute *attribute = &span->attributes[i];

        if (attribute->key != NULL && attribute->text != NULL)
            put_text(json, attribute->key, attribute->text, strlen(attribute->text));
        else if (attribute->key != NULL)
            weir__json_integer(json, attribute->key, attribute->number);
    }
    if (span->has_failed)
        weir__json_boolean(json, "error", 1);
    if (span->message != NULL && *span->message != '\0')
        put_text(json, "message", span->message, strlen(span->message));
    weir__json_close(json, '}');
}

/* Spans that overlap in their row are pairs of events with a common id. */
static void put_chrome(struct weir__trace_file *file, const struct weir__span *span)
{
    struct weir__json_writer *json = &file->json;
    int64_t start_ns = span->start_ns + file->wall_offset_ns;
    int64_t end_ns = span->end_ns + file->wall_offset_ns;

    begin_chrome(file, span->group != 0 ? "b" : "X", span->track);
    put_text(json, "name", span->name, strlen(span->name));
    weir__json_string(json, "cat", span->category);
    weir__json_thousandths(json, "ts", start_ns);
    if (span->group != 0)
        put_id(json, "id", span->group);
    else
        weir__json_thousandths(json, "dur", end_ns - start_ns);
    put_chrome_args(json, span);
    weir__json_close(json, '}');
    if (span->group == 0)
        return;
    begin_chrome(file, "e", span->track);
    put_text(json, "name", span->name, strlen(span->name));
    weir__json_string(json, "cat", span->category);
    weir__json_thousandths(json, "ts", end_ns);
    put_id(json, "id", span->group);
    weir__json_close(json, '}');
}

void weir__trace_file_track(struct weir__trace_file *file, unsigned track, const char *name)
{
    struct weir__json_writer *json = &file->json;

    if (file->format != WEIR__TRACE_CHROME)
        return;
    begin_chrome(file, "M", track);
    weir__json_string(json, "name", "thread_name");
    weir__json_open(json, "args", '{');
    put_text(json, "name", name, strlen(name));
    weir__json_close(json, '}');
    weir__json_close(json, '}');
    add_item(file);
}

/* --- OTLP ------------------------------------------------------------------ */

static void put_otlp(struct weir__trace_file *file, const struct weir__span *span)
{
    struct weir__json_writer *json = &file->json;

    weir__json_open(json, NULL, '{');
    put_trace(json, "traceId", &span->context.trace);
    put_id(json, "spanId", span->context.span);
    if (span->context.parent != 0)
        put_id(json, "parentSpanId", span->context.parent);
    put_text(json, "name", span->name, strlen(span->name));
    weir__json_integer(json, "kind", span->kind);
    put_time(file, json, "startTimeUnixNano", span->start_ns);
    put_time(file, json, "endTimeUnixNano", span->end_ns);
    weir__json_open(json, "attributes", '[');
    for (size_t i = 0; i < span->attribute_count; i++) {
        const struct weir__attribute *one = &span->attributes[i];

        if (one->key != NULL)
            put_attribute(json, one->key, one->text, one->text != NULL ? strlen(one->text) : 0,
                          one->number);
    }
    weir__json_close(json, ']');
    if (span->events != NULL && span->events->count > 0) {
        weir__json_open(json, "events", '[');
        if (!span->events->list.failed)
            weir__json_raw(json, NULL, span->events->list.text.bytes,
                           span->events->list.text.length);
        weir__json_close(json, ']');
    }
    if (span->events != NULL && span->events->dropped > 0)
        weir__json_integer(json, "droppedEventsCount", span->events->dropped);
    weir__json_open(json, "status", '{');
    if (span->has_failed)
        weir__json_integer(json, "code", OTLP_ERROR);
    if (span->has_failed && span->message != NULL && *span->message != '\0')
        put_text(json, "message", span->message, strlen(span->message));
    weir__json_close(json, '}');
    weir__json_close(json, '}');
}

/* --- Items ----------------------------------------------------------------- */

void weir__trace_file_span(struct weir__trace_file *file, const struct weir__span *span)
{
    (file->format == WEIR__TRACE_CHROME ? put_chrome : put_otlp)(file, span);
    add_item(file);
}

void weir__trace_file_event(struct weir__trace_file *file, struct weir__span_events *events,
                            unsigned track, int64_t at_ns, const char *name, const char *text,
                            size_t length)
{
    struct weir__json_writer *json =
        file->format == WEIR__TRACE_CHROME ? &file->json : &events->list;

    if (events->count >= WEIR__SPAN_EVENTS) {
        events->dropped++;
        return;
    }
    events->count++;
    if (file->format == WEIR__TRACE_CHROME) {
        begin_chrome(file, "i", track);
        weir__json_string(json, "name", name);
        weir__json_string(json, "s", "t");
        weir__json_thousandths(json, "ts", at_ns + file->wall_offset_ns);
        weir__json_open(json, "args", '{');
        if (length > 0)
            put_text(json, "text", text, length);
        weir__json_close(json, '}');
        weir__json_close(json, '}');
        add_item(file);
        return;
    }
    weir__json_open(json, NULL, '{');
    put_time(file, json, "timeUnixNano", at_ns);
    weir__json_string(json, "name", name);
    if (length > 0) {
        weir__json_open(json, "attributes", '[');
        put_attribute(json, "text", text, length, 0);
        weir__json_close(json, ']');
    }
    weir__json_close(json, '}');
}

/* --- The file --------------------------------------------------------------- */

static void put_head(struct weir__trace_file *file, const struct weir__trace_options *options)
{
    struct weir__json_writer *json = &file->json;

    if (file->format == WEIR__TRACE_CHROME) {
        put_raw(json, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
        begin_chrome(file, "M", 0);
        weir__json_string(json, "name", "process_name");
        weir__json_open(json, "args", '{');
        put_text(json, "name", options->name, strlen(options->name));
        weir__json_close(json, '}');
        weir__json_close(json, '}');
        put_raw(json, separator);
        return;
    }
    put_raw(json, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[\n");
    put_attribute(json, "service.name", "weir", 4, 0);
    put_attribute(json, "service.version", PACKAGE_VERSION, sizeof PACKAGE_VERSION - 1, 0);
    put_attribute(json, "process.pid", NULL, 0, getpid());
    put_raw(json, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"weir\"},\"spans\":[\n");
}

int weir__trace_file_open(struct weir__trace_file *file, const struct weir__trace_options *options,
                          struct weir_error *error)
{
    struct weir__json_writer *json = &file->json;
    struct stat stat;
    int fd = open(options->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);

    if (fd < 0 && errno == ENXIO)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "%s is not a regular file", options->path);
    if (fd < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot write %s", options->path);
    if (fstat(fd, &stat) < 0 || (!S_ISREG(stat.st_mode) && !S_ISCHR(stat.st_mode))) {
        weir__close(&fd);
        return weir__fail(error, WEIR_ERR_INVALID, 0, "%s is not a regular file", options->path);
    }
    *file = (struct weir__trace_file){
        .fd = fd,
        .format = options->format,
        .wall_offset_ns = weir__clock_wall_ns() - weir__clock_ns(),
        .max_size = options->max_size,
        .keeps_last = options->keeps_last,
    };
    if (S_ISREG(stat.st_mode) && ftruncate(fd, 0) < 0)
        file->failed = errno;
    put_head(file, options);
    if (json->failed)
        file->failed = ENOMEM;
    file->written = json->text.length;
    write_out(file, &json->text);
    json->follows = 0;
    if (file->failed == 0)
        return 0;
    weir__fail(error, WEIR_ERR_SYSTEM, file->failed, "cannot write %s", options->path);
    weir__json_discard(json);
    weir__close(&file->fd);
    return error != NULL ? error->status : WEIR_ERR_SYSTEM;
}

int weir__trace_file_close(struct weir__trace_file *file, const struct weir__span *root)
{
    static const char chrome_end[] = "\n]}\n", otlp_end[] = "\n]}]}]}\n";
    struct weir__json_writer *json = &file->json;
    const char *end = file->format == WEIR__TRACE_CHROME ? chrome_end : otlp_end;

    write_out(file, &file->past);
    write_out(file, &file->items);
    (file->format == WEIR__TRACE_CHROME ? put_chrome : put_otlp)(file, root);
    put_raw(json, end);
    if (json->failed && file->failed == 0)
        file->failed = ENOMEM;
    write_out(file, &json->text);
    weir__json_discard(json);
    weir__buffer_clear(&file->items);
    weir__buffer_clear(&file->past);
    if (close(file->fd) < 0 && file->failed == 0 && errno != EINTR)
        file->failed = errno;
    return file->failed;
}
