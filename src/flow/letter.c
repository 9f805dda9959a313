/* The line that says what became of a dead record. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/names.h"
#include "flow/map.h"
#include "proc/result.h"
#include "rpc/message.h"
#include "text/syntax.h"
#include "base/utf8.h"

enum { TAIL = 2048 };

/* The end of what the worker said on stderr, as text. */
static json_t *stderr_tail(const struct weir__worker *worker)
{
    const struct weir__capture *errors = &worker->errors;
    size_t kept = errors->total < errors->max ? (size_t)errors->total : errors->max;
    struct weir_text text;
    json_t *string;
    char *bytes;

    if (kept == 0 || errors->bytes == NULL)
        return json_string("");
    bytes = malloc(kept);
    if (bytes == NULL)
        return NULL;
    weir__capture_look(errors, bytes);
    if (weir_decode(bytes + (kept > TAIL ? kept - TAIL : 0), kept > TAIL ? TAIL : kept, NULL,
                    WEIR_REPLACE, NULL, &text, NULL)
        < 0) {
        free(bytes);
        return NULL;
    }
    string = json_stringn(text.bytes, text.length);
    weir_text_clear(&text);
    free(bytes);
    return string;
}

static int add_base64(struct weir__buffer *letter, const char *bytes, size_t length)
{
    char *text;
    int status = weir__base64_encode(bytes, length, &text, NULL);

    if (status < 0)
        return status;
    status = weir__buffer_add(letter, ",\"record_base64\":\"", 18, NULL);
    if (status == 0)
        status = weir__buffer_add(letter, text, strlen(text), NULL);
    if (status == 0)
        status = weir__buffer_add(letter, "\"", 1, NULL);
    free(text);
    return status;
}

/* The record itself, byte for byte where it is JSON. */
static int add_record(struct weir__buffer *letter, const struct weir__record *record)
{
    struct weir__syntax_fault fault;
    size_t length = record->length - 1;
    int status;

    if (record->length == 0)
        return 0;
    if (!weir__utf8_valid(record->bytes, length)
        || !weir__json_syntax(record->bytes, length, &fault))
        return add_base64(letter, record->bytes, length);
    status = weir__buffer_add(letter, ",\"record\":", 10, NULL);
    return status == 0 ? weir__buffer_add(letter, record->bytes, length, NULL) : status;
}

int weir__letter_make(const struct weir__record *record, const char *reason,
                      struct weir__worker *exit_of, const struct weir__slice *error,
                      struct weir__buffer *letter)
{
    const struct weir_result *result = exit_of != NULL && exit_of->exited ? &exit_of->result : NULL;
    int exited = result != NULL && result->end == WEIR_EXITED;
    int signaled = result != NULL && result->end == WEIR_SIGNALED;
    json_t *head =
        json_pack("{s:I,s:I,s:I,s:s,s:i,s:o,s:o,s:o}", "seq", (json_int_t)record->seq, "line",
                  (json_int_t)record->line, "offset", (json_int_t)record->offset, "reason", reason,
                  "attempts", (int)record->attempts, "exit",
                  exited ? json_integer(result->code) : json_null(), "signal",
                  signaled ? json_string(weir__signal_name(result->signal)) : json_null(),
                  "stderr_tail", exit_of != NULL ? stderr_tail(exit_of) : json_string(""));
    char *text = head != NULL ? json_dumps(head, JSON_COMPACT) : NULL;
    int status = WEIR_ERR_NOMEM;

    if (text != NULL)
        status = weir__buffer_add(letter, text, strlen(text) - 1, NULL);
    if (status == 0 && error != NULL)
        status = weir__buffer_add(letter, ",\"error\":", 9, NULL);
    if (status == 0 && error != NULL)
        status = weir__buffer_add(letter, error->bytes, error->length, NULL);
    if (status == 0)
        status = add_record(letter, record);
    if (status == 0)
        status = weir__buffer_add(letter, "}\n", 2, NULL);
    free(text);
    json_decref(head);
    return status;
}
