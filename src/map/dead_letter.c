/* Writes the line for a dead record. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/json_writer.h"
#include "base/signal_names.h"
#include "base/utf8.h"
#include "map/map.h"
#include "rpc/rpc_parse.h"
#include "text/json_text.h"
#include "text/json_validate.h"

enum { TAIL = 2048 };

/* The end of the worker's stderr, as text. */
static void write_stderr_tail(struct weir__json_writer *json, const struct weir__worker *worker)
{
    const struct weir__capture *errors = &worker->errors;
    size_t kept = errors->total < errors->max ? (size_t)errors->total : errors->max;
    size_t left_out = kept > TAIL ? kept - TAIL : 0;
    char *bytes = malloc(kept + 1);

    if (bytes == NULL) {
        weir__json_fail(json);
        return;
    }
    if (errors->bytes != NULL)
        weir__capture_look(errors, bytes);
    else
        kept = left_out = 0;
    weir__json_write_textn(json, "stderr_tail", bytes + left_out, kept - left_out);
    free(bytes);
}

/* The record: JSON unchanged, an opaque one as a string. */
void weir__record_write(struct weir__json_writer *json, const struct weir__record *record,
                        int is_opaque)
{
    size_t length = record->length - 1;
    char *text;

    if (record->length == 0)
        return;
    if (is_opaque && weir__utf8_valid(record->bytes, length)) {
        weir__json_stringn(json, "record", record->bytes, length);
        return;
    }
    if (!is_opaque && weir__json_syntax_utf8(record->bytes, length, NULL)) {
        weir__json_raw(json, "record", record->bytes, length);
        return;
    }
    if (weir__base64_encode(record->bytes, length, &text, NULL) < 0) {
        weir__json_fail(json);
        return;
    }
    weir__json_string(json, "record_base64", text);
    free(text);
}

int weir__dead_letter_write(const struct weir__record *record, int is_opaque, const char *reason,
                            struct weir__worker *exit_of, const struct weir__slice *error,
                            struct weir__buffer *letter)
{
    const struct weir_result *result = exit_of != NULL && exit_of->exited ? &exit_of->result : NULL;
    int exited = result != NULL && result->end == WEIR_EXITED;
    int signaled = result != NULL && result->end == WEIR_SIGNALED;
    struct weir__json_writer json = {0};
    size_t length = 0;
    char *text;
    int status;

    weir__json_open(&json, NULL, '{');
    weir__json_integer(&json, "seq", (int64_t)record->seq);
    weir__json_integer(&json, "line", (int64_t)record->line);
    weir__json_integer(&json, "offset", (int64_t)record->offset);
    weir__json_string(&json, "reason", reason);
    weir__json_integer(&json, "attempts", record->attempts);
    if (exited)
        weir__json_integer(&json, "exit", result->code);
    else
        weir__json_null(&json, "exit");
    if (signaled)
        weir__json_string(&json, "signal", weir__signal_name(result->signal));
    else
        weir__json_null(&json, "signal");
    if (exit_of != NULL)
        write_stderr_tail(&json, exit_of);
    else
        weir__json_string(&json, "stderr_tail", "");
    if (error != NULL)
        weir__json_raw(&json, "error", error->bytes, error->length);
    weir__record_write(&json, record, is_opaque);
    weir__json_close(&json, '}');
    text = weir__json_take(&json, &length);
    if (text == NULL)
        return WEIR_ERR_NOMEM;
    text[length] = '\n'; /* in place of its NUL byte */
    status = weir__buffer_add(letter, text, length + 1, NULL);
    free(text);
    return status;
}
