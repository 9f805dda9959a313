#include "config.h"

#include "cli/probe_contract.h"

#include <stdio.h>

#include "base/json_tree.h"
#include "cli/opts_probe.h"
#include "cli/document.h"
#include "cli/probe_table.h"

enum { BROKEN = 1 };

int probe_contract_read(const char *path, struct weir__contract **contract)
{
    struct weir_error error = {0};
    json_t *document = document_read_json(path, &error);

    if (document == NULL) {
        cli_say(&cli_probe, "--contract: %s: nothing was done", error.text);
        return error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE;
    }
    *contract = weir__contract_new(document, &error);
    json_decref(document);
    if (*contract != NULL)
        return 0;
    cli_say(&cli_probe, "--contract: %s: %s: nothing was done", path, error.text);
    return error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE;
}

static json_t *findings_json(const struct weir__findings *findings)
{
    json_t *list = json_array();

    for (size_t i = 0; i < weir__findings_kept(findings); i++) {
        const struct weir__finding *finding = weir__finding_at(findings, i);

        weir__tree_append(&list, json_pack("{s:s, s:s, s:s}", "instance", finding->instance,
                                           "schema", finding->schema, "text", finding->text));
    }
    return list;
}

int probe_contract_hold(const struct weir__contract *contract, const char *path, json_t *report)
{
    struct weir__findings findings = {0};
    struct weir_error error = {.text = "no memory for the findings"};
    int status = weir__contract_check(contract, report, &findings, &error);
    json_t *file = weir__tree_bytes(path), *member;

    if (json_is_object(file)) { /* a name that is not UTF-8 */
        json_decref(file);
        file = json_null();
    }
    member = json_pack("{s:o, s:b, s:I, s:o}", "file", file, "ok", findings.count == 0, "count",
                       (json_int_t)findings.count, "findings", findings_json(&findings));
    if (status == 0 && json_object_set_new(report, "contract", member) == 0)
        status = findings.count > 0 ? BROKEN : 0;
    else
        status = CLI_FAILED;
    if (status == CLI_FAILED)
        cli_say(&cli_probe, "--contract: %s: %s", path, error.text);
    weir__findings_clear(&findings);
    return status;
}

void probe_contract_print(const json_t *report, FILE *out)
{
    const json_t *contract = json_object_get(report, "contract"), *finding;
    const json_t *findings = json_object_get(contract, "findings");
    json_int_t count = json_integer_value(json_object_get(contract, "count"));
    size_t index;

    if (contract == NULL)
        return;
    fputs("contract    ", out);
    probe_print_safe(json_string_value(json_object_get(contract, "file")), out);
    if (count == 0)
        fputs(" holds\n", out);
    else
        cli_put(out, " has %" JSON_INTEGER_FORMAT " violation%s\n", count, count == 1 ? "" : "s");
    json_array_foreach(findings, index, finding)
    {
        const char *instance = json_string_value(json_object_get(finding, "instance"));

        fputs("  ! ", out);
        probe_print_safe(*instance != '\0' ? instance : "the report", out);
        fputc(' ', out);
        probe_print_safe(json_string_value(json_object_get(finding, "text")), out);
        fputc('\n', out);
    }
    if ((json_int_t)json_array_size(findings) < count)
        fprintf(out, "  ! and %" JSON_INTEGER_FORMAT " more\n",
                count - (json_int_t)json_array_size(findings));
}
