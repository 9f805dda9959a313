#include "config.h"

#include "cli/probe_table.h"

#include <string.h>

#include "base/printable.h"
#include "cli/cli.h"

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

void probe_print_safe(const char *text, FILE *out)
{
    weir__printable_put(out, text, strlen(text), WEIR__ONE_LINE); /* whole: values can be long */
}

static void print_row(const char *name, const char *version, const char *place, FILE *out)
{
    cli_put(out, "%-12s %-12s %s", name, *version != '\0' ? version : "-", place);
}

static int differ(const char *a, const char *b)
{
    return *a != '\0' && *b != '\0' && strcmp(a, b) != 0;
}

static void print_candidate(const json_t *candidate, FILE *out)
{
    const char *sys_errno = text_of(candidate, "errno");

    if (json_is_true(json_object_get(candidate, "wins"))
        || json_is_string(json_object_get(candidate, "same_as")))
        return;
    print_row("", text_of(candidate, "version"), text_of(candidate, "path"), out);
    if (strcmp(text_of(candidate, "from"), "PATH") != 0)
        cli_put(out, " (%s, not on PATH)", text_of(candidate, "from"));
    if (*sys_errno != '\0')
        cli_put(out, " (cannot be executed: %s)", sys_errno);
    fputc('\n', out);
}

/* Environments found without a program. */
static void print_environments(const json_t *facts, FILE *out)
{
    const json_t *list = json_object_get(facts, "environments"), *item;
    const char *active = text_of(facts, "active_prefix");
    size_t i;

    json_array_foreach(list, i, item)
    {
        cli_put(out, "%-25s %s%s", "", json_string_value(item),
                strcmp(json_string_value(item), active) == 0 ? " (active)" : "");
        fputc('\n', out);
    }
}

static void print_tool(const char *name, const json_t *tool, FILE *out)
{
    const char *winner = text_of(tool, "winner"), *real = text_of(tool, "real");
    const json_t *item;
    size_t i;

    print_row(name, text_of(tool, "version"), *winner != '\0' ? winner : "not found", out);
    if (differ(winner, real)) {
        fputs(" -> ", out);
        probe_print_safe(real, out);
    }
    fputc('\n', out);
    json_array_foreach(json_object_get(tool, "candidates"), i, item) print_candidate(item, out);
    if (*winner == '\0')
        print_environments(json_object_get(tool, "facts"), out);
    json_array_foreach(json_object_get(tool, "problems"), i, item)
    {
        const char *path = text_of(item, "path");

        cli_put(out, "%-12s ! ", "");
        if (differ(path, winner)) {
            probe_print_safe(path, out);
            fputs(": ", out);
        }
        probe_print_safe(text_of(item, "text"), out);
        fputc('\n', out);
    }
}

static void print_change(const json_t *change, FILE *out)
{
    const json_t *before = json_object_get(change, "before");
    const json_t *after = json_object_get(change, "after");
    const char *sign = json_is_null(before) ? "+" : json_is_null(after) ? "-" : "~";

    cli_put(out, "  %s ", sign);
    probe_print_safe(text_of(change, "name"), out);
    if (!json_is_null(after)) {
        fputc('=', out);
        probe_print_safe(json_string_value(after), out);
    }
    fputc('\n', out);
}

static void print_child(const char *name, const json_t *child, FILE *out)
{
    size_t count = json_array_size(json_object_get(child, "changed"));
    const char *problem = text_of(child, "problem");

    cli_put(out, "  a %s child ", name);
    if (*problem != '\0') {
        fputs("could not be run: ", out);
        probe_print_safe(problem, out);
    } else if (count == 0) {
        fputs("sees the same environment", out);
    } else {
        cli_put(out, "sees %zu variable%s differently:", count, count == 1 ? "" : "s");
        for (size_t i = 0; i < count; i++) {
            fputc(' ', out);
            probe_print_safe(text_of(json_array_get(json_object_get(child, "changed"), i), "name"),
                             out);
        }
    }
    fputc('\n', out);
}

static void print_activation(const json_t *activation, FILE *out)
{
    const char *problem = text_of(activation, "problem"), *name;
    const json_t *item;
    json_t *child;
    size_t i;

    fputs("after ", out);
    probe_print_safe(text_of(activation, "command"), out);
    fputc('\n', out);
    if (*problem != '\0') {
        fputs("  ! ", out);
        probe_print_safe(problem, out);
        fputc('\n', out);
        return;
    }
    json_array_foreach(json_object_get(activation, "changed"), i, item) print_change(item, out);
    json_object_foreach(json_object_get(activation, "children"), name, child)
        print_child(name, child, out);
    fputc('\n', out);
}

void probe_table_print(const json_t *report, FILE *out)
{
    const json_t *activation = json_object_get(report, "activation");
    const char *name;
    json_t *tool;

    if (json_is_object(activation))
        print_activation(activation, out);
    json_object_foreach(json_object_get(report, "tools"), name, tool) print_tool(name, tool, out);
    if (!json_is_string(json_object_get(report, "fingerprint")))
        return;
    fputs("\nfingerprint ", out);
    cli_put(out, "%s", text_of(report, "fingerprint"));
    fputc('\n', out);
}
