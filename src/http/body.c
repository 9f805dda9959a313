#include "config.h"

#include "http/body.h"

enum { DIGITS_MAX = 8 };

/*   WHOLE --all of Content-Length--> OVER
 *
 *   SIZE --CR--> SIZE_LF --LF--> DATA --all of it--> DATA_CR --> DATA_LF --> SIZE
 *                   |
 *                   +--LF, the size is 0--> LAST_CR --> LAST_LF --> OVER */
enum state { WHOLE, SIZE, SIZE_LF, DATA, DATA_CR, DATA_LF, LAST_CR, LAST_LF, OVER };

void weir__http_body_begin(struct weir__http_body *body, const struct weir__http_request *request)
{
    *body = (struct weir__http_body){
        .left = request->content_length,
        .state = request->framing == WEIR__HTTP_CHUNKED ? SIZE
                 : request->content_length > 0          ? WHOLE
                                                        : OVER,
    };
}

static int hex_digit(char byte)
{
    return byte >= '0' && byte <= '9'   ? byte - '0'
           : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
           : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                        : -1;
}

static int refuse(struct weir__http_body *body, const char *reason)
{
    body->reason = reason;
    return 400;
}

static int read_size(struct weir__http_body *body, char byte)
{
    int digit = hex_digit(byte);

    if (byte == '\r' && body->digits > 0) {
        body->state = SIZE_LF;
        return 0;
    }
    if (digit < 0 || body->digits++ == DIGITS_MAX)
        return refuse(body, "the size of a chunk is not 1 to 8 hex digits, or has an extension");
    body->left = body->left * 16 + (uint64_t)digit;
    return 0;
}

static int expect(struct weir__http_body *body, char byte, char wanted, enum state next)
{
    if (byte != wanted)
        return refuse(body, next == LAST_LF ? "trailers are not read"
                                            : "a chunk is not followed by CR LF");
    body->state = next;
    body->digits = 0;
    return next == OVER ? WEIR__HTTP_DONE : 0;
}

static int read_byte(struct weir__http_body *body, char byte)
{
    switch ((enum state)body->state) {
    case SIZE:
        return read_size(body, byte);
    case SIZE_LF:
        return expect(body, byte, '\n', body->left > 0 ? DATA : LAST_CR);
    case DATA_CR:
        return expect(body, byte, '\r', DATA_LF);
    case DATA_LF:
        return expect(body, byte, '\n', SIZE);
    case LAST_CR:
        return expect(body, byte, '\r', LAST_LF);
    case LAST_LF:
        return expect(body, byte, '\n', OVER);
    case WHOLE:
    case DATA:
    case OVER:
        break;
    }
    return WEIR__HTTP_DONE;
}

int weir__http_body_read(struct weir__http_body *body, const char *bytes, size_t length,
                         struct weir__http_text *data, size_t *used)
{
    int status = body->state == OVER ? WEIR__HTTP_DONE : 0;

    *data = (struct weir__http_text){bytes, 0};
    *used = 0;
    while (status == 0 && *used < length) {
        if (body->state != WHOLE && body->state != DATA) {
            status = read_byte(body, bytes[(*used)++]);
            continue;
        }
        data->bytes = bytes + *used;
        data->length = length - *used < body->left ? length - *used : (size_t)body->left;
        *used += data->length;
        body->left -= data->length;
        if (body->left > 0)
            return 0;
        if (body->state == WHOLE) {
            body->state = OVER;
            return WEIR__HTTP_DONE;
        }
        body->state = DATA_CR;
        return 0;
    }
    return status;
}
