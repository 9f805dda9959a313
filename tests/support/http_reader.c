/* What src/http/ reads out of bytes, for tests/cli/http_vectors.py: a message in hex on each line
 * of stdin, what was read as JSON on each line of stdout.  Each message is read whole, byte by
 * byte, and in two pieces split at every place (long ones: at some places): all must give the same.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "http/body.h"
#include "http/request.h"

enum { LONG = 2048, LONG_STEP = 97 };

static void write_hex(struct weir__json_writer *json, const char *key, struct weir__http_text text)
{
    struct weir__buffer hex = {0};
    char digits[3];

    for (size_t i = 0; i < text.length; i++) {
        snprintf(digits, sizeof digits, "%02x", (unsigned char)text.bytes[i]);
        if (weir__buffer_add(&hex, digits, 2, NULL) < 0)
            weir__json_fail(json);
    }
    weir__json_stringn(json, key, hex.bytes != NULL ? hex.bytes : "", hex.length);
    weir__buffer_clear(&hex);
}

struct reading {
    struct weir__http_request request;
    struct weir__http_body body;
    struct weir__buffer data;
    int has_head, status;
    size_t at; /* behind what was read */
};

/* Gives all bytes up to length. */
static void give(struct reading *reading, const char *bytes, size_t length)
{
    if (!reading->has_head && reading->status == 0) {
        reading->status = weir__http_request_read(&reading->request, bytes, length);
        if (reading->status != WEIR__HTTP_DONE)
            return;
        reading->has_head = 1;
        reading->status = 0;
        reading->at = reading->request.length;
        weir__http_body_begin(&reading->body, &reading->request);
    }
    while (reading->has_head && reading->status == 0) {
        struct weir__http_text data;
        size_t used;

        reading->status = weir__http_body_read(&reading->body, bytes + reading->at,
                                               length - reading->at, &data, &used);
        reading->at += used;
        if (weir__buffer_add(&reading->data, data.bytes, data.length, NULL) < 0)
            abort();
        if (reading->status == 0 && reading->at == length)
            return;
    }
}

static char *describe(struct reading *reading, const char *bytes, size_t length)
{
    struct weir__json_writer json = {0};
    const struct weir__http_request *request = &reading->request;
    char *text;

    weir__json_open(&json, NULL, '{');
    weir__json_integer(&json, "status", reading->status == WEIR__HTTP_DONE ? 200 : reading->status);
    if (reading->status > WEIR__HTTP_DONE)
        weir__json_string(&json, "reason",
                          reading->has_head ? reading->body.reason : request->reason);
    if (reading->has_head && reading->status <= WEIR__HTTP_DONE) {
        write_hex(&json, "method", weir__http_request_method(request, bytes));
        write_hex(&json, "target", weir__http_request_target(request, bytes));
        weir__json_open(&json, "fields", '[');
        for (size_t i = 0; i < request->field_count; i++) {
            const struct weir__http_field *field = &request->fields[i];

            weir__json_open(&json, NULL, '[');
            write_hex(&json, NULL,
                      (struct weir__http_text){bytes + field->name, field->name_length});
            write_hex(&json, NULL,
                      (struct weir__http_text){bytes + field->value, field->value_length});
            weir__json_close(&json, ']');
        }
        weir__json_close(&json, ']');
        write_hex(&json, "body",
                  (struct weir__http_text){reading->data.bytes, reading->data.length});
        weir__json_boolean(&json, "closes", request->closes);
        weir__json_boolean(&json, "expects", request->expects);
    }
    if (reading->status == WEIR__HTTP_DONE)
        weir__json_integer(&json, "rest", (int64_t)(length - reading->at));
    weir__json_close(&json, '}');
    text = weir__json_take(&json, NULL);
    if (text == NULL)
        abort();
    return text;
}

/* Reads in pieces of step bytes, the first of them of another length. */
static char *read_message(const char *bytes, size_t length, size_t first, size_t step)
{
    struct reading reading = {.status = 0};
    char *text;

    weir__http_request_begin(&reading.request);
    for (size_t end = first; reading.status == 0; end += step) {
        if (end > length)
            end = length;
        give(&reading, bytes, end);
        if (end == length)
            break;
    }
    text = describe(&reading, bytes, length);
    weir__buffer_clear(&reading.data);
    return text;
}

static int is_same(const char *bytes, size_t length, size_t first, size_t step, const char *whole)
{
    char *text = read_message(bytes, length, first, step);
    int same = strcmp(text, whole) == 0;

    if (!same)
        printf("{\"split\":%zu,\"whole\":%s,\"parts\":%s}\n", first, whole, text);
    free(text);
    return same;
}

static void try_message(const char *bytes, size_t length)
{
    char *whole = read_message(bytes, length, length, length > 0 ? length : 1);
    int same = is_same(bytes, length, 1, 1, whole);

    for (size_t split = 1; same && split<length; split += length> LONG ? LONG_STEP : 1)
        same = is_same(bytes, length, split, length, whole);
    if (same)
        printf("%s\n", whole);
    free(whole);
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t got;

    while ((got = getline(&line, &capacity, stdin)) >= 0) {
        size_t length = 0;
        char *bytes = malloc((size_t)got / 2 + 1), *exact;
        unsigned byte;

        if (bytes == NULL)
            return EXIT_FAILURE;
        for (char *at = line; sscanf(at, "%2x", &byte) == 1; at += 2)
            bytes[length++] = (char)byte;
        exact = realloc(bytes, length > 0 ? length : 1); /* so that a sanitizer sees its end */
        if (exact == NULL)
            return EXIT_FAILURE;
        try_message(exact, length);
        free(exact);
    }
    free(line);
    return EXIT_SUCCESS;
}
