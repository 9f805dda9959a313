/* The run document, and the parts of it that other documents share. */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <weir/text.h>

#include "base/base64.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json_tree.h"
#include "base/large_pages.h"
#include "base/signal_names.h"
#include "base/utf8.h"
#include "proc/result_json.h"
#include "text/charset.h"
#include "text/json_text.h"

/* --- Text ----------------------------------------------------------------- */

/* Leaves out of head and tail what lies between these positions. */
static void leave_out(struct weir_output *output, size_t head, size_t tail)
{
    memmove(output->bytes + head, output->bytes + tail, output->kept - tail + 1);
    output->kept -= tail - head;
    output->head = head;
}

/* The two of these move the cuts around what was left out to the borders of
 * characters, so that cutting adds no replacement characters of its own. */
static void trim_to_characters(struct weir_output *output)
{
    size_t head = output->head, tail = output->head, lead = head;

    while (lead > 0 && head - lead < 3 && ((unsigned char)output->bytes[lead - 1] & 0xc0) == 0x80)
        lead--;
    if (lead > 0) {
        unsigned char first = (unsigned char)output->bytes[lead - 1];
        size_t need = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;

        if (need > 1 && head - (lead - 1) < need)
            head = lead - 1;
    }
    while (tail < output->kept && tail - output->head < 3
           && ((unsigned char)output->bytes[tail] & 0xc0) == 0x80)
        tail++;
    leave_out(output, head, tail);
}

/* UTF-16's and UTF-32's: whole units, and no half of a surrogate pair. */
static void trim_to_units(struct weir_output *output, size_t unit, int big_endian)
{
    uint64_t tail_begins = output->total - (output->kept - output->head);
    size_t head = output->head - output->head % unit;
    size_t tail = output->head + (size_t)((unit - tail_begins % unit) % unit);
    const unsigned char *bytes = (const unsigned char *)output->bytes + (big_endian ? 0 : 1);

    if (tail > output->kept)
        tail = output->kept;
    if (unit == 2 && head >= 2 && (bytes[head - 2] & 0xfc) == 0xd8)
        head -= 2;
    if (unit == 2 && tail + 2 <= output->kept && (bytes[tail] & 0xfc) == 0xdc)
        tail += 2;
    leave_out(output, head, tail);
}

static size_t unit_of(const char *charset)
{
    struct weir__charset opened = {.unit = 1};
    size_t unit;

    weir__charset_open(&opened, charset, NULL);
    unit = opened.unit;
    weir__charset_close(&opened);
    return unit;
}

/* Returns what charset the tail is in, where the head begins with a mark: it
 * has none of its own. */
static const char *trim(struct weir_output *output, const char *charset)
{
    const struct weir__bom *mark = NULL;
    const char *family = NULL, *order;
    bool undecided;
    size_t unit;

    if (strcasecmp(charset, "auto") == 0) {
        family = "";
        charset = "utf-8"; /* most likely */
    } else if (weir__charset_is(charset, "utf-16")) {
        family = "utf-16";
    } else if (weir__charset_is(charset, "utf-32")) {
        family = "utf-32";
    }
    if (family != NULL)
        mark = weir__bom_find(family, output->bytes, output->head, &undecided);
    if (mark != NULL)
        charset = mark->charset;
    unit = unit_of(charset);
    order = charset + (strlen(charset) > 2 ? strlen(charset) - 2 : 0);
    if (unit > 1)
        trim_to_units(output, unit, strcasecmp(order, "be") == 0);
    else if (weir__charset_is(charset, "utf-8"))
        trim_to_characters(output);
    return mark != NULL ? mark->charset : NULL;
}

static int add_part(struct weir__buffer *text, struct weir_output *output, const char *bytes,
                    size_t length, const char *charset, enum weir_on_error on_error,
                    const char *fallback, struct weir_error *error)
{
    struct weir_text part;
    int status = weir_decode(bytes, length, charset, on_error, fallback, &part, error);

    if (status == WEIR_ERR_DECODE || status == 0) {
        if (part.invalid_at >= 0 && output->invalid_at < 0)
            output->invalid_at = part.invalid_at + (bytes - output->bytes);
        strcpy(output->charset, part.charset);
    }
    if (status != 0)
        return status;
    output->replaced += part.replaced;
    if (text->bytes == NULL) {
        *text = (struct weir__buffer){
            .bytes = part.bytes, .length = part.length, .capacity = part.length + 1};
        return 0;
    }
    status = weir__buffer_add(text, part.bytes, part.length, error);
    weir_text_clear(&part);
    return status;
}

/* Most output is UTF-8, and its own text: it is copied once.  Returns 0 for any other. */
static int copy_utf8(struct weir_output *output, const char *charset)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t length = output->kept;
    char *text;

    if (strcmp(charset, "utf-8") != 0 || output->truncated
        || (length >= sizeof mark - 1 && memcmp(output->bytes, mark, sizeof mark - 1) == 0)
        || !weir__utf8_valid(output->bytes, length) || (text = malloc(length + 1)) == NULL)
        return 0;
    weir__large_pages(text, length + 1);
    memcpy(text, output->bytes, length);
    text[length] = '\0';
    output->text = text;
    output->text_length = length;
    strcpy(output->charset, "utf-8");
    return 1;
}

int weir__output_decode(struct weir_output *output, const char *charset,
                        enum weir_on_error on_error, const char *fallback, struct weir_error *error)
{
    struct weir__buffer text = {0};
    const char *marked = NULL;
    char left_out[64];
    int status;

    if (charset == NULL)
        charset = "utf-8";
    if (strcmp(charset, "binary") == 0) {
        strcpy(output->charset, "binary");
        return 0;
    }
    if (copy_utf8(output, charset))
        return 0;
    if (output->truncated)
        marked = trim(output, charset);
    status =
        add_part(&text, output, output->bytes, output->head, charset, on_error, fallback, error);
    if (status == 0 && output->truncated) {
        snprintf(left_out, sizeof left_out, "%s[... %llu bytes left out ...]\n",
                 text.length > 0 && text.bytes[text.length - 1] != '\n' ? "\n" : "",
                 (unsigned long long)(output->total - output->kept));
        status = weir__buffer_add(&text, left_out, strlen(left_out), error);
        if (status == 0) { /* both parts in one character set: what was found for the first */
            char found[sizeof output->charset];

            strcpy(found, output->charset);
            status =
                add_part(&text, output, output->bytes + output->head, output->kept - output->head,
                         marked != NULL ? marked : found, on_error, fallback, error);
            strcpy(output->charset, found);
        }
    }
    if (status == 0) {
        output->text = weir__buffer_take(&text, &output->text_length);
        if (output->text == NULL)
            status = weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for text");
    }
    weir__buffer_clear(&text);
    return status == WEIR_ERR_DECODE ? 0 : status;
}

/* --- JSON ----------------------------------------------------------------- */

static json_t *milliseconds(int64_t us)
{
    return json_real((double)us / 1000);
}

json_t *weir__output_json(const struct weir_output *output)
{
    json_t *object = json_object();
    char *base64;

    if (output->text != NULL) {
        weir__tree_set(&object, "text", json_stringn(output->text, output->text_length));
    } else if (output->bytes == NULL) {
        weir__tree_set(&object, "text", json_string(""));
    } else {
        if (weir__base64_encode(output->bytes, output->kept, &base64, NULL) < 0) {
            json_decref(object);
            return NULL;
        }
        weir__tree_set(&object, "base64", json_string(base64));
        free(base64);
    }
    weir__tree_set(&object, "bytes", json_integer((json_int_t)output->total));
    weir__tree_set(&object, "kept", json_integer((json_int_t)output->kept));
    weir__tree_set(&object, "truncated", json_boolean(output->truncated));
    weir__tree_set(&object, "replaced", json_integer((json_int_t)output->replaced));
    weir__tree_set(&object, "charset",
                   json_string(output->charset[0] != '\0' ? output->charset : "utf-8"));
    weir__tree_set(&object, "abandoned", json_boolean(output->abandoned));
    if (output->text == NULL && output->invalid_at >= 0)
        weir__tree_set(&object, "invalid_at", json_integer((json_int_t)output->invalid_at));
    if (output->spooled != NULL)
        weir__tree_set(&object, "spooled", weir__json_text(output->spooled));
    return object;
}

static json_t *argv_json(char *const *argv)
{
    json_t *list = json_array();

    for (; argv != NULL && *argv != NULL; argv++)
        weir__tree_append(&list, weir__json_text(*argv));
    return list;
}

static json_t *signals_json(const int *signals, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        weir__tree_append(&list, json_string(weir__signal_name(signals[i])));
    return list;
}

static json_t *stops_json(const struct weir_result *result)
{
    json_t *list = json_array();

    for (size_t i = 0; i < result->stopped_with_count; i++)
        weir__tree_append(&list, milliseconds(result->stopped_at_ns[i] / 1000));
    return list;
}

static json_t *survivors_json(const struct weir_result *result)
{
    json_t *list = json_array();

    for (size_t i = 0; i < result->survivor_count; i++) {
        const struct weir_survivor *one = &result->survivors[i];

        weir__tree_append(&list, json_pack("{s:i,s:o,s:s}", "pid", (int)one->pid, "command",
                                           weir__json_text(one->command), "reason",
                                           one->sys_errno == EPERM ? "not permitted" : "stuck"));
    }
    return list;
}

static json_t *limits_json(unsigned bits)
{
    json_t *list = json_array();

    for (int i = 0; i < WEIR_LIMIT_COUNT; i++)
        if (bits & 1u << i)
            weir__tree_append(&list, json_string(weir_limit_name((enum weir_limit)i)));
    return list;
}

/* How the process began and ended: the middle of every document. */
static void add_end(json_t **object, const struct weir_result *result)
{
    int not_started = result->end == WEIR_NOT_STARTED;

    weir__tree_set(object, "pid", result->pid > 0 ? json_integer(result->pid) : json_null());
    weir__tree_set(object, "end", json_string(weir_exit_kind_name(result->end)));
    weir__tree_set(object, "why", json_string(weir_stop_reason_name(result->why)));
    weir__tree_set(object, "code",
                   result->end == WEIR_EXITED ? json_integer(result->code) : json_null());
    weir__tree_set(object, "signal",
                   result->end == WEIR_SIGNALED ? json_string(weir__signal_name(result->signal))
                                                : json_null());
    weir__tree_set(object, "step",
                   not_started && result->step != WEIR_STEP_NONE
                       ? json_string(weir_step_name(result->step))
                       : json_null());
    weir__tree_set(object, "errno",
                   not_started && result->sys_errno != 0
                       ? json_string(weir__errno_name(result->sys_errno))
                       : json_null());
}

static void add_usage(json_t **object, const struct weir_result *result)
{
    weir__tree_set(object, "wall_ms", milliseconds(result->wall_ns / 1000));
    weir__tree_set(object, "user_ms", milliseconds(result->user_us));
    weir__tree_set(object, "system_ms", milliseconds(result->system_us));
    weir__tree_set(object, "max_rss_kb", json_integer(result->max_rss_kb));
    weir__tree_set(object, "stopped_with",
                   signals_json(result->stopped_with, result->stopped_with_count));
    if (result->stopped_with_count > 0)
        weir__tree_set(object, "stopped_at_ms", stops_json(result));
    if (result->refused_count > 0)
        weir__tree_set(object, "refused", signals_json(result->refused, result->refused_count));
    if (result->survivor_count > 0)
        weir__tree_set(object, "survivors", survivors_json(result));
    weir__tree_set(object, "holder",
                   result->holder_pid == 0
                       ? json_null()
                       : json_pack("{s:i,s:o}", "pid", (int)result->holder_pid, "command",
                                   weir__json_text(result->holder_command)));
    weir__tree_set(object, "limits_hit", limits_json(result->limits_hit));
}

json_t *weir__result_fields(const struct weir_result *result)
{
    json_t *object = json_object();

    weir__tree_set(&object, "argv", argv_json(result->argv));
    add_end(&object, result);
    add_usage(&object, result);
    return object;
}

char *weir__json_print(json_t *takes)
{
    /* 15 digits are what a double always holds: 9.4 stays 9.4. */
    const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(15);
    char *text = weir__tree_text(takes, flags);
    char *line = NULL;

    if (text != NULL) {
        size_t length = strlen(text);

        line = realloc(text, length + 2);
        if (line != NULL)
            memcpy(line + length, "\n", 2);
        else
            free(text);
    }
    json_decref(takes);
    return line;
}

char *weir_result_json(const struct weir_result *result)
{
    char started_at[WEIR__TIME_SIZE];
    json_t *object = json_pack("{s:i,s:s}", "weir", 1, "kind", "run");

    weir__clock_format(result->started_at_ns, started_at);
    weir__tree_set(&object, "argv", argv_json(result->argv));
    weir__tree_set(&object, "cwd", weir__json_text(result->cwd != NULL ? result->cwd : ""));
    if (result->pty)
        weir__tree_set(&object, "pty", json_true());
    add_end(&object, result);
    weir__tree_set(&object, "stdout", weir__output_json(&result->out));
    weir__tree_set(&object, "stderr", weir__output_json(&result->err));
    weir__tree_set(&object, "started_at", json_string(started_at));
    add_usage(&object, result);
    return weir__json_print(object);
}
