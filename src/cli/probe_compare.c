#include "config.h"

#include "cli/probe_compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json_tree.h"
#include "cli/document.h"
#include "cli/output.h"
#include "cli/probe_contract.h"
#include "cli/probe_table.h"
#include "probe/compare.h"
#include "probe/probe.h"
#include "proc/result_json.h"

enum { BEYOND = 1, VALUE_WIDTH = 60, PLACE_WIDTH = 48 };

/* Two reports and what they are compared by. */
struct pair {
    const struct probe_values *values;
    struct weir__compared sides[2];
    struct weir__contract *contract;
    struct weir__comparison comparison;
};

/* --- Reading --------------------------------------------------------------------- */

/* Reads a report and extracts its essence. Returns 0, or the exit status. */
static int read_side(struct weir__compared *side, const char *path)
{
    struct weir_error error = {0};
    json_t *report = document_read_json(path, &error);
    const char *kind = json_string_value(json_object_get(report, "kind"));

    if (report == NULL) {
        cli_say(&cli_probe, "--compare: %s", error.text);
        return error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE;
    }
    side->report = report;
    if (json_integer_value(json_object_get(report, "weir")) != 1 || kind == NULL
        || strcmp(kind, "probe") != 0) {
        cli_say(&cli_probe,
                "--compare: %s is not a report of weir probe: create one with weir probe --json",
                path);
        return CLI_USAGE;
    }
    side->essence = weir__probe_essence(report);
    if (side->essence != NULL)
        return 0;
    cli_say(&cli_probe, "no memory for the reports");
    return CLI_FAILED;
}

/* Returns 0, or the exit status. */
static int read_pair(struct pair *pair, const struct cli_list *words)
{
    int status = 0;

    if (pair->values->contract != NULL)
        status = probe_contract_read(pair->values->contract, &pair->contract);
    if (status == 0 && pair->values->env != NULL
        && !weir__contract_has_env(pair->contract, pair->values->env)) {
        cli_say(&cli_probe, "--env: no x-env-diff in %s mentions \"%.60s\"", pair->values->contract,
                pair->values->env);
        status = CLI_USAGE;
    }
    for (int i = 0; i < 2 && status == 0; i++)
        status = read_side(&pair->sides[i], words->items[i]);
    return status;
}

/* --- Telling ---------------------------------------------------------------------- */

static void print_value(const json_t *value)
{
    char *made =
        json_is_string(value) ? NULL : weir__tree_text(value, JSON_ENCODE_ANY | JSON_COMPACT);
    const char *text = json_is_string(value) ? json_string_value(value) : made;
    char shown[VALUE_WIDTH + 4];

    if (text == NULL)
        text = "nothing";
    if (strlen(text) <= VALUE_WIDTH) {
        probe_print_safe(text, stdout);
    } else {
        size_t cut = VALUE_WIDTH - 3;

        while (cut > 0 && ((unsigned char)text[cut] & 0xC0) == 0x80)
            cut--;
        snprintf(shown, sizeof shown, "%.*s...", (int)cut, text);
        probe_print_safe(shown, stdout);
    }
    free(made);
}

static void print_difference(const struct weir__difference *difference, int width)
{
    printf("%c ", difference->within ? ' ' : '!');
    probe_print_safe(difference->place, stdout);
    cli_put(stdout, "%*s  ",
            width - (int)strlen(difference->place) > 0 ? width - (int)strlen(difference->place) : 0,
            "");
    print_value(difference->a);
    fputs(" -> ", stdout);
    print_value(difference->b);
    cli_put(stdout, "  (%s", weir__difference_name(difference->kind));
    if (difference->allowed != NULL)
        cli_put(stdout, "; allowed: %s", difference->allowed);
    puts(")");
}

static void print_table(const struct pair *pair, const struct cli_list *words)
{
    const struct weir__comparison *comparison = &pair->comparison;
    int width = 0;

    for (size_t i = 0; i < weir__comparison_count(comparison); i++) {
        int length = (int)strlen(weir__comparison_at(comparison, i)->place);

        if (length > width && length <= PLACE_WIDTH)
            width = length;
    }
    for (size_t i = 0; i < weir__comparison_count(comparison); i++)
        print_difference(weir__comparison_at(comparison, i), width);
    if (weir__comparison_count(comparison) > 0)
        putchar('\n');
    probe_print_safe(words->items[0], stdout);
    fputs(" and ", stdout);
    probe_print_safe(words->items[1], stdout);
    if (weir__comparison_count(comparison) == 0)
        fputs(" have no significant differences", stdout);
    else
        cli_put(stdout, ": %zu difference%s beyond what is allowed%s%s, %zu within",
                comparison->beyond, comparison->beyond == 1 ? "" : "s",
                pair->values->env != NULL ? " for " : "",
                pair->values->env != NULL ? pair->values->env : "", comparison->within);
    putchar('\n');
}

/* Returns 0, or CLI_FAILED. */
static int print_document(const struct pair *pair)
{
    json_t *document = weir__comparison_json(&pair->comparison, pair->values->env);
    char *text = document != NULL ? weir__json_print(document) : NULL;

    if (text == NULL) {
        cli_say(&cli_probe, "no memory for the document");
        return CLI_FAILED;
    }
    fputs(text, stdout);
    free(text);
    return 0;
}

/* Returns the exit status. */
static int print_result(const struct pair *pair, const struct cli_list *words)
{
    int status = 0, failed;

    if (pair->values->json || !isatty(STDOUT_FILENO))
        status = print_document(pair);
    else
        print_table(pair, words);
    failed = cli_flush();
    if (failed != 0) {
        cli_say(&cli_probe, "cannot write to standard output: %s", output_error(failed));
        status = output_status(failed, CLI_FAILED);
    }
    return status != 0 ? status : pair->comparison.beyond > 0 ? BEYOND : 0;
}

static int compare_reports(struct pair *pair, const struct cli_list *words)
{
    struct weir_error error = {0};

    if (weir__compare(&pair->comparison, &pair->sides[0], &pair->sides[1], pair->contract,
                      pair->values->env, &error)
        < 0) {
        cli_say(&cli_probe, "--compare: %s", error.text);
        return CLI_FAILED;
    }
    return print_result(pair, words);
}

int probe_compare(const struct probe_values *values, const struct cli_list *words)
{
    struct pair pair = {.values = values};
    int status = read_pair(&pair, words);

    output_set_deadline(0, WEIR_FOREVER);
    if (status == 0)
        status = compare_reports(&pair, words);
    weir__comparison_clear(&pair.comparison);
    for (int i = 0; i < 2; i++) {
        json_decref((json_t *)pair.sides[i].report);
        json_decref((json_t *)pair.sides[i].essence);
    }
    weir__contract_free(pair.contract);
    return status;
}
