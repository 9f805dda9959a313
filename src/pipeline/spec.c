/* Reads a pipeline spec: docs/schemas/pipe-spec.schema.json. */
#include "config.h"

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <weir/pipeline.h>

#include "base/error.h"
#include "base/json_parse.h"
#include "base/utf8.h"
#include "pipeline/pipeline.h"
#include "pipeline/spec_read.h"
#include "pipeline/spec_stage.h"

/* A spec being read. The strings in settings belong to the document. */
struct reading {
    weir_pipeline_t *pipeline;
    struct weir_pipeline_settings settings;
    struct weir_stop_step stop[WEIR_STOP_STEPS];
    json_t *names; /* names of the stages read */
    size_t index;  /* of the next stage */
};

static void read_version(const struct weir__spot *spot, void *into)
{
    (void)into;
    if (!json_is_integer(spot->value) || json_integer_value(spot->value) != 1)
        weir__spot_error(spot, "must be 1, the only spec version");
}

static void read_path(const struct weir__spot *spot, void *into)
{
    const char **path = into;

    if (weir__spec_string(spot, "a file path, or \"-\"", path) && **path == '\0')
        weir__spot_error(spot, "is empty: give a file path, or \"-\"");
}

/* Reads {"path": "-"}. For "-" the descriptor in the settings applies. */
static void read_endpoint(const struct weir__spot *spot, const char **file)
{
    static const struct weir__spec_key keys[] = {
        {"path", read_path, "give a file path, or \"-\"", 0},
    };
    const char *path = "-";

    if (!json_is_object(spot->value)) {
        weir__spot_error(spot, "is %s: give an object, such as {\"path\": \"-\"}",
                         weir__spec_kind(spot->value));
        return;
    }
    weir__spec_object(spot, keys, sizeof keys / sizeof keys[0], &path);
    if (strcmp(path, "-") != 0)
        *file = path;
}

static void read_in(const struct weir__spot *spot, void *into)
{
    struct reading *reading = into;

    read_endpoint(spot, &reading->settings.input);
}

static void read_out(const struct weir__spot *spot, void *into)
{
    struct reading *reading = into;

    read_endpoint(spot, &reading->settings.output);
}

static void read_stage(const struct weir__spot *spot, void *into)
{
    struct reading *reading = into;

    weir__spec_stage(spot, reading->index++, reading->pipeline, reading->names);
}

static void read_stages(const struct weir__spot *spot, void *into)
{
    static const char hint[] = "[{\"cmd\": [\"sort\", \"-u\"]}]";
    size_t count = json_array_size(spot->value);

    if (count > WEIR__STAGES_MAX)
        weir__spot_error(spot, "has %zu stages: a pipeline can have at most %d", count,
                         WEIR__STAGES_MAX);
    else if (weir__spec_each(spot, JSON_ARRAY, hint, read_stage, into) == 0)
        weir__spot_error(spot, "is empty: give at least one stage, such as %s", hint);
}

static void read_pipefail(const struct weir__spot *spot, void *into)
{
    static const struct weir__spec_word words[] = {
        {"smart", WEIR_PIPEFAIL_SMART},
        {"strict", WEIR_PIPEFAIL_STRICT},
        {"last", WEIR_PIPEFAIL_LAST},
    };
    struct reading *reading = into;
    int choice;

    if (weir__spec_choice(spot, words, sizeof words / sizeof words[0], &choice))
        reading->settings.pipefail = (enum weir_pipefail)choice;
}

static void read_checkpoint(const struct weir__spot *spot, void *into)
{
    (void)into;
    if (!json_is_null(spot->value))
        weir__spot_error(spot, "a pipeline cannot be resumed, only weir map can: remove it");
}

static void read_report(const struct weir__spot *spot, void *into)
{
    struct reading *reading = into;
    const char *path = NULL;

    if (json_is_null(spot->value)
        || !weir__spec_string(spot, "a file path, or null for no report", &path))
        return;
    if (*path == '\0')
        weir__spot_error(spot, "is empty: give a file path, or null for no report");
    reading->settings.report = path;
}

static void read_stop(const struct weir__spot *spot, void *into)
{
    struct reading *reading = into;

    if (weir__spec_stop(spot, reading->stop, &reading->settings.stop_count))
        reading->settings.stop = reading->stop;
}

static const struct weir__spec_key spec_keys[] = {
    {"weir", read_version, "begin with \"weir\": 1", 0},
    {"in", read_in, NULL, 0},
    {"stages", read_stages, "give at least one, such as [{\"cmd\": [\"sort\", \"-u\"]}]", 0},
    {"out", read_out, NULL, 0},
    {"pipefail", read_pipefail, NULL, 0},
    {"deadline_s", weir__spec_seconds, NULL, offsetof(struct reading, settings.timeout_ms)},
    {"grace_s", weir__spec_seconds, NULL, offsetof(struct reading, settings.grace_ms)},
    {"stop", read_stop, NULL, 0},
    {"drain_s", weir__spec_seconds, NULL, offsetof(struct reading, settings.drain_ms)},
    {"checkpoint", read_checkpoint, NULL, 0},
    {"report", read_report, NULL, 0},
};

/* Reads the document into a new pipeline; errors go to *errors. Returns NULL if out of memory. */
static weir_pipeline_t *read_document(const json_t *document, struct weir__spec_errors *errors)
{
    struct weir__spot spot = {errors, document, 0, NULL};
    struct reading reading = {.pipeline = weir_pipeline_new(), .names = json_object()};

    weir_pipeline_settings_init(&reading.settings);
    if (reading.pipeline == NULL || reading.names == NULL)
        errors->short_of_memory = 1;
    else
        weir__spec_object(&spot, spec_keys, sizeof spec_keys / sizeof spec_keys[0], &reading);
    if (errors->count == 0 && !errors->short_of_memory
        && weir_pipeline_set(reading.pipeline, &reading.settings, NULL) < 0)
        errors->short_of_memory = 1;
    json_decref(reading.names);
    return reading.pipeline;
}

/* Reports a syntax error. jansson's column counts to the last character read; it is 0 after a
 * newline. */
static void report_syntax(const struct weir__spec_errors *errors, size_t skipped,
                          const json_error_t *found, weir_spec_fault on_fault, void *context,
                          struct weir_error *error)
{
    char message[JSON_ERROR_TEXT_LENGTH + 64];

    if (json_error_code(found) == json_error_out_of_memory) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory to read the spec");
        return;
    }
    if (json_error_code(found) == json_error_invalid_utf8) {
        size_t at = weir__utf8_scan(errors->text, errors->length).valid;

        snprintf(message, sizeof message,
                 "not UTF-8: byte 0x%02X at offset %zu: save the file in UTF-8",
                 (unsigned char)errors->text[at], at + skipped);
    } else {
        snprintf(message, sizeof message, "not JSON: %s", found->text);
    }
    weir__spec_error_report(errors, found->line > 0 ? (size_t)found->line : 1,
                            found->column > 0 ? (size_t)found->column : 1, message, on_fault,
                            context, error);
}

weir_pipeline_t *weir_pipeline_parse(const char *text, size_t length, const char *file,
                                     weir_spec_fault on_fault, void *context,
                                     struct weir_error *error)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    struct weir__spec_errors errors = {.text = text, .length = length, .file = file};
    weir_pipeline_t *pipeline = NULL;
    json_error_t found;
    json_t *document;
    int status;

    if (length >= 3 && memcmp(text, byte_order_mark, 3) == 0) {
        errors.text += 3;
        errors.length -= 3;
    }
    /* Duplicate keys, and values other than an object, are reported with the other errors. */
    document =
        weir__json_parse(errors.text, errors.length, JSON_ALLOW_NUL | JSON_DECODE_ANY, &found);
    if (document == NULL) {
        report_syntax(&errors, (size_t)(errors.text - text), &found, on_fault, context, error);
        return NULL;
    }
    status = weir__positions_read(&errors.positions, errors.text, errors.length, error);
    if (status == 0) {
        pipeline = read_document(document, &errors);
        status = weir__spec_errors_report(&errors, on_fault, context, error);
    }
    json_decref(document);
    weir__spec_errors_clear(&errors);
    if (status == 0)
        return pipeline;
    weir_pipeline_free(pipeline);
    return NULL;
}
