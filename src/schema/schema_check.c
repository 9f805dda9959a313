/* Applies a compiled schema to a value, and collects the findings. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/printable.h"
#include "schema/schema_check.h"

enum { FINDING_SIZE = 1024 }; /* of a finding's text, at most */

/* --- Findings -------------------------------------------------------------------- */

static struct weir__finding *findings_of(const struct weir__findings *findings)
{
    return (struct weir__finding *)(void *)findings->kept.bytes;
}

size_t weir__findings_kept(const struct weir__findings *findings)
{
    return findings->kept.length / sizeof(struct weir__finding);
}

const struct weir__finding *weir__finding_at(const struct weir__findings *findings, size_t index)
{
    return &findings_of(findings)[index];
}

static void free_finding(struct weir__finding *finding)
{
    free(finding->instance);
    free(finding->schema);
    free(finding->text);
}

static int add_finding(struct weir__findings *findings, struct weir__finding *finding,
                       struct weir_error *error)
{
    if (finding->instance == NULL || finding->schema == NULL || finding->text == NULL
        || weir__buffer_add(&findings->kept, finding, sizeof *finding, NULL) < 0) {
        free_finding(finding);
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a finding");
    }
    findings->count++;
    return 0;
}

int weir__findings_add(struct weir__findings *findings, const char *instance, const char *schema,
                       const char *text, struct weir_error *error)
{
    struct weir__finding finding;
    char shown[FINDING_SIZE];

    if (weir__findings_kept(findings) >= WEIR__FINDINGS_KEPT) {
        findings->count++;
        return 0;
    }
    weir__sentence(shown, sizeof shown, "%s", text);
    finding = (struct weir__finding){strdup(instance), strdup(schema), strdup(shown)};
    return add_finding(findings, &finding, error);
}

void weir__findings_clear(struct weir__findings *findings)
{
    for (size_t i = 0; i < weir__findings_kept(findings); i++)
        free_finding(&findings_of(findings)[i]);
    weir__buffer_clear(&findings->kept);
    findings->count = 0;
}

/* --- Where a run is --------------------------------------------------------------- */

static char *place_pointer(const struct place *place)
{
    struct weir__buffer steps = {0}, out = {0};
    const struct place *const *places;
    int status = 0;
    char *text;

    for (; place->above != NULL && status == 0; place = place->above)
        status = weir__buffer_add(&steps, &place, sizeof place, NULL);
    places = (const struct place *const *)(const void *)steps.bytes;
    for (size_t i = steps.length / sizeof place; i > 0 && status == 0; i--) {
        char index[24];

        snprintf(index, sizeof index, "%zu", places[i - 1]->index);
        status =
            weir__pointer_add(&out, places[i - 1]->key != NULL ? places[i - 1]->key : index, NULL);
    }
    text = status == 0 ? weir__buffer_take(&out, NULL) : NULL;
    weir__buffer_clear(&steps);
    weir__buffer_clear(&out);
    return text;
}

int weir__run_report(struct run *run, const struct check *check, const struct place *place,
                     const char *format, ...)
{
    struct weir__finding finding;
    char text[FINDING_SIZE];
    va_list arguments;

    run->failed++;
    if (place->depth > run->deepest)
        run->deepest = place->depth;
    if (run->quiet > 0)
        return 0;
    if (weir__findings_kept(run->findings) >= WEIR__FINDINGS_KEPT) {
        run->findings->count++;
        return 0;
    }
    va_start(arguments, format);
    weir__sentence_list(text, sizeof text, format, arguments);
    va_end(arguments);
    finding.instance = place_pointer(place);
    finding.schema = weir__node_pointer(check->node, check->keyword->name);
    finding.text = strdup(text);
    return add_finding(run->findings, &finding, run->error);
}

int weir__run_spend(struct run *run, size_t work)
{
    if (work <= run->work) {
        run->work -= work;
        return 0;
    }
    return weir__fail(run->error, WEIR_ERR_TOO_LONG, 0,
                      "the schema takes too long for this value: more than %d steps",
                      WEIR__SCHEMA_WORK);
}

int weir__run_search(struct run *run, const struct weir__pattern *pattern, const char *text,
                     size_t length)
{
    size_t work;
    int found = weir__pattern_found(pattern, text, length, &work, run->error);

    return found < 0 || weir__run_spend(run, work + length / 64) < 0 ? -1 : found;
}

int weir__run_note(struct run *run, const struct place *place, const json_t *value)
{
    struct difference difference = {.value = value};

    if (!run->wants_differences)
        return 0;
    difference.pointer = place_pointer(place);
    if (difference.pointer != NULL
        && weir__buffer_add(&run->differences, &difference, sizeof difference, NULL) == 0)
        return 0;
    free(difference.pointer);
    return weir__fail(run->error, WEIR_ERR_NOMEM, 0, "no memory for a difference");
}

static void drop_differences(struct run *run, size_t length)
{
    while (run->differences.length > length) {
        run->differences.length -= sizeof(struct difference);
        free(((struct difference *)(void *)(run->differences.bytes + run->differences.length))
                 ->pointer);
    }
}

/* --- Nodes in nodes --------------------------------------------------------------- */

/* The schema false: its finding is that of the keyword it stands below. */
static int report_false(struct run *run, const struct node *node, const struct place *place)
{
    static const struct keyword whole = {.name = "false"};
    struct check check = {.keyword = &whole, .node = (struct node *)node};

    return weir__run_report(run, node->above != NULL ? node->above : &check, place,
                            "is not allowed");
}

static int apply_checks(struct run *run, const struct node *node, const json_t *value,
                        const struct place *place)
{
    enum kinds kind = weir__value_kind(value);

    if (json_is_false(node->value))
        return report_false(run, node, place);
    for (size_t i = 0; i < node->check_count; i++) {
        const struct check *check = &node->checks[i];

        if (check->keyword->apply == NULL || (check->keyword->kinds & kind) == 0)
            continue;
        if (check->keyword->apply(run, check, value, place) < 0)
            return -1;
    }
    return 0;
}

int weir__node_apply(struct run *run, const struct node *node, const json_t *value,
                     const struct place *place)
{
    int status;

    if (weir__run_spend(run, 1) < 0)
        return -1;
    if (run->depth >= WEIR__SCHEMA_DEPTH)
        return weir__fail(run->error, WEIR_ERR_TOO_LONG, 0,
                          "the value needs schemas nested more than %d levels deep",
                          WEIR__SCHEMA_DEPTH);
    run->depth++;
    status = apply_checks(run, node, value, place);
    run->depth--;
    return status < 0 ? -1 : 0;
}

int weir__node_holds(struct run *run, const struct node *node, const json_t *value,
                     const struct place *place, struct found *found)
{
    size_t failed = run->failed, noted = run->differences.length;
    int deepest = run->deepest, status;

    run->quiet++;
    run->deepest = 0;
    status = weir__node_apply(run, node, value, place);
    if (found != NULL)
        *found = (struct found){run->failed - failed, run->deepest};
    if (status == 0)
        status = run->failed == failed;
    /* Differences noted by an alternative that does not match do not count. */
    if (run->failed > failed)
        drop_differences(run, noted);
    run->quiet--;
    run->failed = failed;
    run->deepest = deepest;
    return status;
}

/* Copies the notes: JSON pointer -> array of all that apply there. */
static int copy_differences(struct run *run, json_t *into)
{
    const struct difference *notes =
        (const struct difference *)(const void *)run->differences.bytes;

    for (size_t i = 0; i < run->differences.length / sizeof *notes; i++) {
        json_t *list = json_object_get(into, notes[i].pointer);

        if (list == NULL) {
            list = json_array();
            if (json_object_set_new(into, notes[i].pointer, list) < 0)
                return weir__fail(run->error, WEIR_ERR_NOMEM, 0, "no memory for a difference");
        }
        if (json_array_append(list, (json_t *)notes[i].value) < 0)
            return weir__fail(run->error, WEIR_ERR_NOMEM, 0, "no memory for a difference");
    }
    return 0;
}

int weir__schema_check(const struct weir__schema *schema, const json_t *value,
                       struct weir__findings *findings, json_t *differences,
                       struct weir_error *error)
{
    struct weir_error mine = {0};
    struct run run = {.schema = schema,
                      .findings = findings,
                      .wants_differences = differences != NULL,
                      .work = WEIR__SCHEMA_WORK,
                      .error = error != NULL ? error : &mine};
    struct place whole = {0};
    struct node *root = *(struct node **)(void *)schema->nodes.bytes;
    int status = weir__node_apply(&run, root, value, &whole);

    if (status == 0 && differences != NULL)
        status = copy_differences(&run, differences);
    drop_differences(&run, 0);
    weir__buffer_clear(&run.differences);
    return status < 0 ? (int)run.error->status : 0;
}
