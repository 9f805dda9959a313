#include "config.h"

#include "probe/tool_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json_tree.h"
#include "base/datagram.h"
#include "base/signal_names.h"
#include "base/printable.h"
#include "probe/environment.h"
#include "probe/json_values.h"

enum { OUTPUT_SHOWN = 2048, ARGUMENT_SHOWN = 60 };

int weir__tool_report_begin(struct weir__tool_report *tool, const struct weir__detector *detector,
                            char *const *environment)
{
    int status;

    *tool = (struct weir__tool_report){.detector = detector, .started_ns = weir__clock_ns()};
    tool->ended_ns = tool->started_ns;
    tool->runs = json_array();
    tool->problems = json_array();
    if (tool->runs == NULL || tool->problems == NULL)
        return -1;
    status = weir__path_search_run(&tool->candidates, detector->programs, detector->is_candidate,
                                   environment);
    if (status == 0 && detector->search_elsewhere != NULL)
        status = detector->search_elsewhere(&tool->candidates, detector->is_candidate, environment);
    if (status < 0 || tool->candidates.count > 0 || detector->facts_without_program == NULL)
        return status;
    tool->facts = detector->facts_without_program(environment);
    return tool->facts != NULL ? 0 : -1;
}

void weir__tool_report_clear(struct weir__tool_report *tool)
{
    json_decref(tool->facts);
    tool->facts = NULL;
    json_decref(tool->runs);
    json_decref(tool->problems);
    weir__path_search_clear(&tool->candidates);
    tool->runs = tool->problems = NULL;
}

/* --- What a run printed -------------------------------------------------------- */

/* The head or the tail of an output, cut between characters, redacted. */
static json_t *output_json(const struct weir_output *output, int tail)
{
    size_t length = output->text != NULL ? output->text_length : 0;
    size_t begin = tail && length > OUTPUT_SHOWN ? length - OUTPUT_SHOWN : 0;
    size_t end = !tail && length > OUTPUT_SHOWN ? OUTPUT_SHOWN : length;
    json_t *text = length == 0 ? json_string("") : NULL;
    char *copy;

    while (begin < length && ((unsigned char)output->text[begin] & 0xc0) == 0x80)
        begin++;
    while (end < length && end > begin && ((unsigned char)output->text[end] & 0xc0) == 0x80)
        end--;
    copy = length > 0 ? malloc(end - begin + 1) : NULL;
    if (copy != NULL) {
        for (size_t i = begin; i < end; i++) /* masking works on strings */
            copy[i - begin] = output->text[i] != '\0' ? output->text[i] : ' ';
        copy[end - begin] = '\0';
        text = weir__masked(NULL, copy);
        free(copy);
    }
    return json_pack("{s:o,s:I,s:b,s:I}", "text", text, "bytes", (json_int_t)output->total,
                     "truncated", output->truncated || end - begin < length, "replaced",
                     (json_int_t)output->replaced);
}

json_t *weir__tool_report_run_json(const char *label, const struct weir_result *result)
{
    json_t *object = json_pack("{s:s}", "run", label), *fields = weir__result_value(result);
    const json_t *argv = json_object_get(fields, "argv"), *argument;
    json_t *shown_argv = json_array();
    size_t i;

    json_array_foreach((json_t *)argv, i, argument)
    {
        const char *text = json_string_value(argument);
        char cut[ARGUMENT_SHOWN + 8];

        if (text == NULL || (strlen(text) < ARGUMENT_SHOWN && strchr(text, '\n') == NULL)) {
            weir__tree_append(&shown_argv, json_incref((json_t *)argument));
            continue;
        }
        snprintf(cut, sizeof cut, "%.*s...",
                 (int)strcspn(text, "\n") < ARGUMENT_SHOWN ? (int)strcspn(text, "\n")
                                                           : ARGUMENT_SHOWN,
                 text);
        weir__tree_append(&shown_argv, weir__text_value(cut));
    }
    weir__tree_update(&object, fields);
    weir__tree_set(&object, "argv", shown_argv);
    weir__tree_set(&object, "stdout", output_json(&result->out, 0));
    weir__tree_set(&object, "stderr", output_json(&result->err, 1));
    return object;
}

struct line {
    const char *bytes;
    size_t length;
};

/* Lines of a failure. */
struct lines {
    struct line first, last;  /* not blank */
    struct line error_line;   /* the first that says error */
    struct line last_outdent; /* the last one that is not indented */
    int has_traceback;
};

static int mentions_error(struct line line)
{
    static const char *const words[] = {"error", "fatal", "panic"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        for (size_t at = 0; at + strlen(words[i]) <= line.length; at++)
            if (strncasecmp(line.bytes + at, words[i], strlen(words[i])) == 0)
                return 1;
    return 0;
}

static int is_indented(struct line line)
{
    return line.length > 0 && (line.bytes[0] == ' ' || line.bytes[0] == '\t');
}

static void scan_lines(const char *text, struct lines *lines)
{
    static const char traceback[] = "Traceback (most recent call last)";

    while (*text != '\0') {
        struct line line = {text, strcspn(text, "\r\n")};

        text += line.length + (text[line.length] != '\0');
        while (line.length > 0 && strchr(" \t", line.bytes[line.length - 1]) != NULL)
            line.length--;
        if (line.length == 0)
            continue;
        if (lines->first.bytes == NULL)
            lines->first = line;
        lines->last = line;
        if (is_indented(line))
            continue;
        lines->last_outdent = line;
        if (lines->error_line.bytes == NULL && mentions_error(line))
            lines->error_line = line;
        if (line.length >= sizeof traceback - 1
            && memcmp(line.bytes, traceback, sizeof traceback - 1) == 0)
            lines->has_traceback = 1;
    }
}

void weir__tool_report_error_line(const struct weir_result *result, char *words, size_t size)
{
    const struct weir_output *from = &result->err;
    struct lines lines = {0};
    struct line one;
    json_t *output;
    const char *text;

    if (from->text == NULL || strspn(from->text, " \t\r\n") == from->text_length)
        from = &result->out;
    output = output_json(from, from == &result->err);
    text = json_string_value(json_object_get(output, "text"));
    scan_lines(text != NULL ? text : "", &lines);
    one = lines.has_traceback              ? lines.last_outdent
          : lines.error_line.bytes != NULL ? lines.error_line
          : is_indented(lines.last)        ? lines.first
                                           : (struct line){NULL, 0};
    words[0] = '\0';
    if (one.bytes != NULL)
        weir__printable(words, size, one.bytes, one.length, WEIR__ONE_LINE);
    else if (lines.first.bytes == lines.last.bytes && lines.first.bytes != NULL)
        weir__printable(words, size, lines.first.bytes, lines.first.length, WEIR__ONE_LINE);
    else if (lines.first.bytes != NULL)
        weir__sentence(words, size, "%.*s ... %.*s",
                       (int)(lines.first.length < size / 2 ? lines.first.length : size / 2),
                       lines.first.bytes, (int)lines.last.length, lines.last.bytes);
    json_decref(output);
}

/* --- Taking in ----------------------------------------------------------------- */

void weir__tool_report_problem(struct weir__tool_report *tool, size_t candidate, const char *label,
                               const char *format, ...)
{
    const struct weir__path_search *list = &tool->candidates;
    json_t *path =
        candidate < list->count ? weir__text_value(list->items[candidate].path) : json_null();
    char text[900];
    va_list args;

    va_start(args, format);
    weir__sentence_list(text, sizeof text, format, args);
    va_end(args);
    weir__tree_append(&tool->problems, json_pack("{s:o,s:o,s:o}", "path", path, "run",
                                                 label != NULL ? json_string(label) : json_null(),
                                                 "text", weir__text_value(text)));
    if (candidate == list->winner || list->winner == WEIR__PATH_SEARCH_NONE)
        tool->failed = 1;
}

static int succeeded(const struct weir_result *result)
{
    return result->end == WEIR_EXITED && result->code == 0 && result->why == WEIR_STOP_NONE;
}

/* Says how a run ended that did not end well. */
static void report_end(struct weir__tool_report *tool, size_t candidate, const char *label,
                       const struct weir_result *result, int was_read)
{
    char sentence[600], words[220];

    weir_result_sentence(result, sentence, sizeof sentence);
    words[0] = '\0';
    if (!was_read || result->err.total > 0) /* what it printed is no excuse, but its answer */
        weir__tool_report_error_line(result, words, sizeof words);
    weir__tool_report_problem(tool, candidate, label, "%s%s%s%s", sentence,
                              was_read ? ", but its output is complete" : "",
                              *words != '\0' ? ": " : "", words);
}

/* What is looked for is not there: its program runs, and says so. */
static void mark_absent(struct weir__tool_report *tool, size_t candidate,
                        const struct weir__detector_run *run)
{
    const char *kind = tool->candidates.items[candidate].kind;

    if (!tool->absent)
        weir__tool_report_problem(tool, candidate, run->label, "not in this %s: %s",
                                  strcmp(kind, "venv") == 0    ? "venv"
                                  : strcmp(kind, "conda") == 0 ? "conda environment"
                                                               : "Python",
                                  run->absent_message);
    tool->absent = 1;
}

static int contains(const struct weir_output *output, const char *words)
{
    return output->text != NULL && strstr(output->text, words) != NULL;
}

/* Whether what was printed can be read.  Sets problem when that is the output's own fault. */
static int find_json(struct weir__run_output *output, json_t **json)
{
    const struct weir_output *out = &output->result->out;

    *json = NULL;
    if (output->run->format == WEIR__OUTPUT_TEXT)
        return 1;
    *json = weir__json_find(output->text, output->length,
                            output->run->format == WEIR__OUTPUT_OBJECT ? JSON_OBJECT : JSON_ARRAY);
    output->json = *json;
    if (*json != NULL)
        return 1;
    if (out->truncated)
        snprintf(output->problem, sizeof output->problem,
                 "it printed %llu bytes, of which %zu were kept, without complete JSON",
                 (unsigned long long)out->total, out->kept);
    else if (output->length > 0 || succeeded(output->result))
        snprintf(output->problem, sizeof output->problem,
                 "its output of %llu bytes has no complete JSON", (unsigned long long)out->total);
    return 0;
}

static void set_version(struct weir__path_candidate *candidate,
                        const struct weir__run_output *output)
{
    if (output->version[0] == '\0' || candidate->version[0] != '\0')
        return;
    memcpy(candidate->version, output->version, sizeof candidate->version);
    memcpy(candidate->raw, output->raw, sizeof candidate->raw);
}

void weir__tool_report_add_run(struct weir__tool_report *tool, size_t index,
                               const struct weir__detector_run *run, size_t position,
                               const struct weir_result *result)
{
    struct weir__path_candidate *candidate = &tool->candidates.items[index];
    struct weir__run_output output = {
        .detector = tool->detector,
        .run = run,
        .result = result,
        .text = result->out.text != NULL ? result->out.text : "",
        .length = result->out.text != NULL ? result->out.text_length : 0,
        .facts = candidate->facts,
    };
    int fine = run->any_status ? result->end == WEIR_EXITED : succeeded(result), was_read = 0;
    json_t *json;

    tool->ended_ns = weir__clock_ns();
    weir__tree_replace(&tool->runs, position, weir__tool_report_run_json(run->label, result));
    /* Text of a program that failed is about its failure; whole JSON is an answer. */
    if (find_json(&output, &json) && (fine || json != NULL)) {
        run->parse(&output);
        was_read = output.problem[0] == '\0';
    }
    json_decref(json);
    candidate->facts = output.facts; /* NULL: one of them could not be added */
    if (!fine && run->absent_message != NULL && contains(&result->err, run->absent_message))
        mark_absent(tool, index, run);
    else if (!fine && !run->is_fallback)
        report_end(tool, index, run->label, result, was_read);
    if (output.problem[0] != '\0' && !run->is_fallback)
        weir__tool_report_problem(tool, index, run->label, "%s", output.problem);
    set_version(candidate, &output);
}

void weir__tool_report_end_runs(struct weir__tool_report *tool, size_t index,
                                char *const *environment)
{
    struct weir__path_candidate *candidate = &tool->candidates.items[index];
    struct weir__run_output output = {.detector = tool->detector, .facts = candidate->facts};

    if (candidate->version[0] == '\0' && tool->detector->version_from_file != NULL
        && tool->detector->version_from_file(candidate, environment, &output))
        set_version(candidate, &output);
}

void weir__tool_report_set_real(struct weir__tool_report *tool, size_t index, size_t position,
                                const struct weir_result *result)
{
    struct weir__path_candidate *candidate = &tool->candidates.items[index];
    const char *text = result->out.text != NULL ? result->out.text : "";
    char *real;

    tool->ended_ns = weir__clock_ns();
    weir__tree_replace(&tool->runs, position, weir__tool_report_run_json("which", result));
    if (!succeeded(result)) {
        report_end(tool, index, "which", result, 0);
        return;
    }
    if (*text != '/')
        return;
    real = strndup(text, strcspn(text, "\r\n"));
    if (real == NULL) {
        weir__tree_set(&candidate->facts, "", NULL); /* the report is not whole */
        return;
    }
    free(candidate->real);
    candidate->real = real;
}

/* --- Telling -------------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
    return text != NULL && *text != '\0' ? weir__text_value(text) : json_null();
}

/* A Python says itself what is behind its shim. */
static const char *real_of(const struct weir__path_candidate *candidate)
{
    const char *told = json_string_value(json_object_get(candidate->facts, "executable"));

    return candidate->shim != NULL && told != NULL ? told : candidate->real;
}

static json_t *candidate_json(const struct weir__tool_report *tool, size_t index)
{
    const struct weir__path_search *list = &tool->candidates;
    const struct weir__path_candidate *candidate = &list->items[index];
    const struct weir__path_candidate *told =
        candidate->same_as != WEIR__PATH_SEARCH_NONE ? &list->items[candidate->same_as] : candidate;
    json_t *object = json_object();
    char mode[8];

    snprintf(mode, sizeof mode, "%04o", (unsigned)candidate->mode);
    weir__tree_set(&object, "path", text_or_null(candidate->path));
    weir__tree_set(&object, "from", json_string(candidate->from));
    weir__tree_set(&object, "wins", json_boolean(index == list->winner));
    weir__tree_set(&object, "kind", json_string(candidate->kind));
    weir__tree_set(&object, "shim", text_or_null(candidate->shim));
    weir__tree_set(&object, "real", text_or_null(real_of(candidate)));
    weir__tree_set(&object, "same_as", candidate == told ? json_null() : text_or_null(told->path));
    weir__tree_set(&object, "mode", candidate->mode != 0 ? json_string(mode) : json_null());
    weir__tree_set(&object, "executable", json_boolean(candidate->executable));
    weir__tree_set(&object, "errno",
                   candidate->sys_errno != 0 ? json_string(weir__errno_name(candidate->sys_errno))
                                             : json_null());
    weir__tree_set(&object, "version", text_or_null(told->version));
    /* The winner's are the tool's. */
    if (tool->detector->every_candidate && candidate == told && index != list->winner)
        weir__tree_set(&object, "facts", json_incref(candidate->facts));
    return object;
}

/* Why the winner wins, as a sentence. */
static json_t *reason_json(const struct weir__tool_report *tool)
{
    const struct weir__path_search *list = &tool->candidates;
    const struct weir__path_candidate *winner = &list->items[list->winner];
    const char *preferred = tool->detector->programs[0];
    size_t passed = 0;
    char text[600], over[64] = "";

    if (strcmp(winner->from, "path") == 0)
        return json_string("it was given by its path");
    for (size_t i = 0; i < list->winner; i++)
        passed += strcmp(list->items[i].name, winner->name) == 0;
    if (passed > 0)
        snprintf(over, sizeof over, ", after %zu that cannot be executed", passed);
    snprintf(text, sizeof text, "the first executable %.100s on PATH%s%s%.100s%s", winner->name,
             over, strcmp(winner->name, preferred) == 0 ? "" : "; there is no ",
             strcmp(winner->name, preferred) == 0 ? "" : preferred,
             winner->shim != NULL ? "; a shim, which selects by its own rules" : "");
    return weir__text_value(text);
}

static int any_on_path(const struct weir__path_search *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcasecmp(list->items[i].from, "PATH") == 0)
            return 1;
    return 0;
}

static const char *state_of(const struct weir__tool_report *tool)
{
    const struct weir__path_search *list = &tool->candidates;

    if (tool->absent)
        return "absent";
    if (list->winner == WEIR__PATH_SEARCH_NONE)
        return any_on_path(list) ? "failed" : "absent";
    if (list->items[list->winner].version[0] == '\0')
        return "failed";
    return tool->failed ? "partial" : "ok";
}

/* Which facts belong to the fingerprint; null: all of them. */
static json_t *fingerprint_facts_json(const char *const *names)
{
    json_t *list = names != NULL ? json_array() : json_null();

    for (; names != NULL && *names != NULL; names++)
        weir__tree_append(&list, json_string(*names));
    return list;
}

json_t *weir__tool_report_json(const struct weir__tool_report *tool)
{
    const struct weir__path_search *list = &tool->candidates;
    int found = list->winner != WEIR__PATH_SEARCH_NONE && !tool->absent;
    const struct weir__path_candidate *winner = found ? &list->items[list->winner] : NULL;
    json_t *object = json_object(), *candidates = json_array();

    for (size_t i = 0; i < list->count; i++)
        weir__tree_append(&candidates, candidate_json(tool, i));
    weir__tree_set(&object, "state", json_string(state_of(tool)));
    weir__tree_set(&object, "version", found ? text_or_null(winner->version) : json_null());
    weir__tree_set(&object, "version_text", found ? text_or_null(winner->raw) : json_null());
    weir__tree_set(&object, "winner", found ? text_or_null(winner->path) : json_null());
    weir__tree_set(&object, "real", found ? text_or_null(real_of(winner)) : json_null());
    weir__tree_set(&object, "kind", found ? json_string(winner->kind) : json_null());
    weir__tree_set(&object, "reason", found ? reason_json(tool) : json_null());
    weir__tree_set(&object, "facts",
                   found                 ? json_incref(winner->facts)
                   : tool->facts != NULL ? json_incref(tool->facts)
                                         : json_object());
    weir__tree_set(&object, "matters", fingerprint_facts_json(tool->detector->matters));
    weir__tree_set(&object, "candidates", candidates);
    weir__tree_set(&object, "problems", json_incref(tool->problems));
    weir__tree_set(&object, "runs", json_incref(tool->runs));
    weir__tree_set(&object, "wall_ms",
                   json_real((double)((tool->ended_ns - tool->started_ns) / 1000) / 1000.0));
    return object;
}
