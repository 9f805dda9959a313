/* Heads of requests: read whole or byte by byte they are the same, what is accepted is inside the
 * bytes and within the limits, and written again it is read the same. */
#include "config.h"

#include <string.h>

#include "base/buffer.h"
#include "fuzz/replay.h"
#include "http/request.h"

static struct weir__http_text copy(struct weir__buffer *to, struct weir__http_text text)
{
    HOLDS(text.bytes != NULL);
    HOLDS(weir__buffer_add(to, text.bytes, text.length, NULL) == 0);
    return text;
}

static void add(struct weir__buffer *to, const char *text)
{
    HOLDS(weir__buffer_add(to, text, strlen(text), NULL) == 0);
}

static int count_elements(struct weir__http_text element, void *context)
{
    HOLDS(element.length > 0);
    ++*(size_t *)context;
    return 0;
}

static void write_again(const struct weir__http_request *request, const char *head)
{
    struct weir__http_request again;
    struct weir__buffer text = {0};
    size_t count = 0;

    copy(&text, weir__http_request_method(request, head));
    add(&text, " ");
    copy(&text, weir__http_request_target(request, head));
    add(&text, " HTTP/1.1\r\n");
    for (size_t i = 0; i < request->field_count; i++) {
        const struct weir__http_field *field = &request->fields[i];

        HOLDS(field->name_length > 0);
        HOLDS(field->name + field->name_length <= request->length);
        HOLDS(field->value + field->value_length <= request->length);
        copy(&text, (struct weir__http_text){head + field->name, field->name_length});
        add(&text, ":");
        copy(&text, (struct weir__http_text){head + field->value, field->value_length});
        add(&text, "\r\n");
    }
    add(&text, "\r\n");
    weir__http_request_begin(&again);
    HOLDS(weir__http_request_read(&again, text.bytes, text.length) == WEIR__HTTP_DONE);
    HOLDS(again.length == text.length && again.field_count == request->field_count);
    HOLDS(again.framing == request->framing && again.content_length == request->content_length);
    HOLDS(again.closes == request->closes && again.expects == request->expects);
    weir__http_request_list(&again, text.bytes, "connection", count_elements, &count);
    weir__buffer_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct weir__http_request whole, parts;
    int status = 0, in_parts = 0;

    weir__http_request_begin(&whole);
    status = weir__http_request_read(&whole, (const char *)bytes, length);
    weir__http_request_begin(&parts);
    for (size_t end = 0; end <= length && in_parts == 0; end++)
        in_parts = weir__http_request_read(&parts, (const char *)bytes, end);
    HOLDS(status == in_parts && whole.length == parts.length);
    HOLDS(whole.length <= length && whole.length <= WEIR__HTTP_HEAD_MAX);
    HOLDS((status > WEIR__HTTP_DONE) == (whole.reason != NULL));
    if (status == WEIR__HTTP_DONE)
        write_again(&whole, (const char *)bytes);
    return 0;
}
