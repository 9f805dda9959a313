#include "config.h"

#include "http/response.h"

#include <stdio.h>
#include <string.h>

static const struct {
    int status;
    const char *words;
} statuses[] = {
    {100, "Continue"},
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

/* The words of a status, "Not Found"; "" for one that weir does not send. */
static const char *status_words(int status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i].status == status)
            return statuses[i].words;
    return ""; /* a function's own */
}

void weir__http_write(struct weir__http_writer *writer, const char *bytes, size_t length)
{
    if (!writer->failed && length > 0 && weir__buffer_add(writer->to, bytes, length, NULL) < 0)
        writer->failed = 1;
}

void weir__http_write_text(struct weir__http_writer *writer, const char *text)
{
    weir__http_write(writer, text, strlen(text));
}

void weir__http_write_status(struct weir__http_writer *writer, int status)
{
    static const char always[] = "Cache-Control: no-store\r\n"
                                 "X-Content-Type-Options: nosniff\r\n"
                                 "Referrer-Policy: no-referrer\r\n";
    char line[64];

    snprintf(line, sizeof line, "HTTP/1.1 %03d %s\r\n", status, status_words(status));
    weir__http_write_text(writer, line);
    weir__http_write(writer, always, sizeof always - 1);
}

void weir__http_write_field(struct weir__http_writer *writer, const char *name, const char *value)
{
    weir__http_write_text(writer, name);
    weir__http_write(writer, ": ", 2);
    weir__http_write_text(writer, value);
    weir__http_write(writer, "\r\n", 2);
}

void weir__http_write_end(struct weir__http_writer *writer, size_t length)
{
    char line[64];

    snprintf(line, sizeof line, "Content-Length: %zu\r\n\r\n", length);
    weir__http_write_text(writer, line);
}

void weir__http_write_end_chunked(struct weir__http_writer *writer)
{
    weir__http_write_text(writer, "Transfer-Encoding: chunked\r\n\r\n");
}

void weir__http_write_chunk(struct weir__http_writer *writer, const char *bytes, size_t length)
{
    char size[24];

    if (length == 0)
        return; /* it would be the last */
    snprintf(size, sizeof size, "%zx\r\n", length);
    weir__http_write_text(writer, size);
    weir__http_write(writer, bytes, length);
    weir__http_write(writer, "\r\n", 2);
}

void weir__http_write_last_chunk(struct weir__http_writer *writer)
{
    weir__http_write_text(writer, "0\r\n\r\n");
}
