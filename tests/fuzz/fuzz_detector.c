/* A detector's file, and what its tool prints: refused with a place, or it reads.
 *
 * Input: the file; then behind a NUL byte what the tool prints. */
#include "config.h"

#include <string.h>

#include "fuzz/replay.h"
#include "probe/detector.h"
#include "probe/json_values.h"
#include "base/utf8.h"

static void read_with(const struct weir__detector *detector, const char *text, size_t length)
{
    struct weir_result result = {.end = WEIR_EXITED};
    struct weir__run_output output = {
        .detector = detector,
        .run = &detector->runs[0],
        .result = &result,
        .text = text,
        .length = length,
        .facts = json_object(),
    };
    json_t *json = weir__json_find(text, length, JSON_OBJECT);
    struct weir__version version;
    char *facts;

    output.json = json;
    if (json != NULL || detector->runs[0].format == WEIR__OUTPUT_TEXT) {
        output.run->parse(&output);
        HOLDS(output.version[0] == '\0' || weir__version_parse(output.version, &version) == 0);
    }
    facts = json_dumps(output.facts, 0);
    HOLDS(facts != NULL);
    free(facts);
    json_decref(output.facts);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const uint8_t *nul = length > 0 ? memchr(bytes, '\0', length) : NULL;
    size_t file = nul != NULL ? (size_t)(nul - bytes) : length;
    struct weir_error error = {0};
    struct weir__detector *detector;
    char *text = calloc(1, length + 1), *printed = calloc(1, length - file + 1);

    memcpy(text, bytes, file);
    if (nul != NULL)
        memcpy(printed, nul + 1, length - file - 1);
    detector = weir__detector_parse(text, file, "detector.json", &error);
    if (detector == NULL) {
        HOLDS(error.status == WEIR_ERR_SPEC && strncmp(error.text, "detector.json:", 14) == 0);
    } else {
        HOLDS(detector->name != NULL && detector->programs[0] != NULL);
        HOLDS(detector->runs[0].parse != NULL);
        if (nul != NULL && weir__utf8_valid(printed, length - file - 1))
            read_with(detector, printed, length - file - 1);
    }
    weir__detector_free(detector);
    free(text);
    free(printed);
    return 0;
}
