/* Specs: any bytes end in a pipeline or in faults with a place in the text, reported
 * in its order; and every value of any JSON has a place that its pointer leads to. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include <weir/pipeline.h>

#include "text/json_positions.h"
#include "fuzz/replay.h"

struct reported {
    size_t count, line, column; /* of the last one */
    size_t lines;               /* in the whole text */
};

static int is_one_line_of_text(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
        if (*c < 0x20 || *c == 0x7F)
            return 0;
    return 1;
}

static void check_fault(const struct weir_error *fault, void *context)
{
    struct reported *reported = context;
    size_t line = 0, column = 0;
    int used = 0;

    HOLDS(fault->status == WEIR_ERR_SPEC);
    HOLDS(strlen(fault->text) < sizeof fault->text);
    HOLDS(is_one_line_of_text(fault->text));
    HOLDS(sscanf(fault->text, "f:%zu:%zu: %n", &line, &column, &used) == 2 && used > 0);
    HOLDS(line >= 1 && line <= reported->lines && column >= 1);
    HOLDS(line > reported->line || (line == reported->line && column >= reported->column));
    reported->line = line;
    reported->column = column;
    reported->count++;
}

static void check_spec(const char *text, size_t length)
{
    struct reported reported = {.lines = 1};
    struct weir_error error = {0};
    weir_pipeline_t *pipeline;

    for (size_t i = 0; i < length; i++)
        reported.lines += text[i] == '\n';
    pipeline = weir_pipeline_parse(text, length, "f", check_fault, &reported, &error);
    HOLDS((pipeline == NULL) == (reported.count > 0));
    HOLDS((pipeline == NULL) == (error.status == WEIR_ERR_SPEC));
    for (size_t i = 0; pipeline != NULL && i < weir_pipeline_count(pipeline); i++)
        HOLDS(*weir_pipeline_stage_name(pipeline, i) != '\0');
    HOLDS(pipeline == NULL || weir_pipeline_count(pipeline) > 0);
    weir_pipeline_free(pipeline);
}

/* At the place of a value stands what jansson read there. */
static void check_value(const struct weir__positions *positions, const char *text,
                        const char *pointer, const json_t *value)
{
    size_t node = weir__positions_find(positions, pointer);
    char first;

    HOLDS(node != WEIR__NOWHERE);
    first = text[weir__positions_node(positions, node)->value_at];
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        HOLDS(first == '{');
        break;
    case JSON_ARRAY:
        HOLDS(first == '[');
        break;
    case JSON_STRING:
        HOLDS(first == '"');
        break;
    case JSON_TRUE:
        HOLDS(first == 't');
        break;
    case JSON_FALSE:
        HOLDS(first == 'f');
        break;
    case JSON_NULL:
        HOLDS(first == 'n');
        break;
    default:
        HOLDS(first == '-' || (first >= '0' && first <= '9'));
    }
}

/* Goes over the nodes of a document: each pointer leads to its own node, or to
 * the last one that has the same keys. */
static void check_nodes(const struct weir__positions *positions, const char *text, json_t *document)
{
    size_t count = positions->nodes.length / sizeof(struct weir__position);

    HOLDS(count > 0);
    check_value(positions, text, "", document);
    for (size_t node = 0; node < count && node < 500; node++) {
        char *pointer = weir__positions_pointer(positions, node);
        size_t found;

        HOLDS(pointer != NULL);
        found = weir__positions_find(positions, pointer);
        HOLDS(found == node || found > node);
        free(pointer);
    }
    for (size_t node = weir__positions_node(positions, 0)->first_child; node != WEIR__NOWHERE;
         node = weir__positions_node(positions, node)->next) {
        const char *key = weir__positions_key(positions, node);
        char *pointer = weir__positions_pointer(positions, node);

        HOLDS((key != NULL) == json_is_object(document));
        if (key != NULL) {
            HOLDS(json_object_get(document, key) != NULL);
            check_value(positions, text, pointer, json_object_get(document, key));
        }
        free(pointer);
    }
}

static void check_positions(const char *text, size_t length)
{
    json_t *document = json_loadb(text, length, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    struct weir__positions positions;

    HOLDS(weir__positions_read(&positions, text, length, NULL) == 0);
    if (document != NULL)
        check_nodes(&positions, text, document);
    weir__positions_clear(&positions);
    json_decref(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    /* A copy of its own size: a read behind its end is found. */
    char *text = malloc(length > 0 ? length : 1);

    if (length > 0)
        memcpy(text, bytes, length);
    check_spec(text, length);
    check_positions(text, length);
    free(text);
    return 0;
}
