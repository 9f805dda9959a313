/* What the tools print that weir knows: whatever it is, a tool's report is made of it.
 *
 * Input: a byte that chooses the detector, one for how it ended, then its stdout; behind
 * a NUL byte its stderr. */
#include "config.h"

#include <string.h>

#include "fuzz/replay.h"
#include "probe/tool_report.h"
#include "base/utf8.h"

static char *copy(const uint8_t *bytes, size_t length)
{
    char *text = malloc(length + 1);

    memcpy(text, bytes, length);
    text[length] = '\0';
    return text;
}

/* A result with these outputs, as programs leave it. */
static struct weir_result make_result(uint8_t how, const uint8_t *bytes, size_t length)
{
    const uint8_t *nul = length > 0 ? memchr(bytes, '\0', length) : NULL;
    size_t out = nul != NULL ? (size_t)(nul - bytes) : length;
    struct weir_result result = {
        .end = how & 1 ? WEIR_SIGNALED : WEIR_EXITED,
        .code = how & 2 ? 1 : 0,
        .signal = how & 1 ? 9 : 0,
        .why = how & 4 ? WEIR_STOP_TIMEOUT : WEIR_STOP_NONE,
    };

    result.argv = calloc(2, sizeof(char *));
    result.argv[0] = strdup("tool");
    result.out.text = copy(bytes, out);
    result.out.text_length = result.out.total = out;
    result.out.truncated = (how & 8) != 0;
    if (nul != NULL) {
        result.err.text = copy(nul + 1, length - out - 1);
        result.err.text_length = result.err.total = length - out - 1;
    }
    return result;
}

static void add_candidate(struct weir__tool_report *tool)
{
    struct weir__path_search *list = &tool->candidates;

    list->items = calloc(1, sizeof *list->items);
    list->items[0] = (struct weir__path_candidate){
        .name = strdup("tool"),
        .path = strdup("/bin/tool"),
        .from = "PATH",
        .kind = "system",
        .executable = 1,
        .same_as = WEIR__PATH_SEARCH_NONE,
        .facts = json_object(),
    };
    list->count = list->capacity = 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const struct weir__detector *detector;
    struct weir__tool_report tool = {0};
    struct weir_result result;
    struct weir__version version;
    json_t *report;
    char *text;

    if (length < 2 || !weir__utf8_valid(bytes + 2, length - 2))
        return 0;
    detector = &weir__detectors[bytes[0] % weir__detector_count];
    tool.detector = detector;
    tool.runs = json_array();
    tool.problems = json_array();
    add_candidate(&tool);
    result = make_result(bytes[1], bytes + 2, length - 2);
    for (size_t i = 0; i < WEIR__DETECTOR_RUNS && detector->runs[i].label != NULL; i++) {
        json_array_append_new(tool.runs, json_null());
        weir__tool_report_add_run(&tool, 0, &detector->runs[i], i, &result);
    }
    weir__tool_report_set_real(&tool, 0, 0, &result);
    HOLDS(tool.candidates.items[0].version[0] == '\0'
          || weir__version_parse(tool.candidates.items[0].version, &version) == 0);
    report = weir__tool_report_json(&tool);
    text = json_dumps(report, JSON_COMPACT);
    HOLDS(text != NULL);
    free(text);
    json_decref(report);
    weir_result_clear(&result);
    weir__tool_report_clear(&tool);
    return 0;
}
