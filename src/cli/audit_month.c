#include "config.h"

#include "cli/audit_month.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/lines.h"
#include "audit/outcome.h"
#include "audit/unfinished.h"
#include "base/error.h"
#include "base/json_parse.h"
#include "base/json_tree.h"
#include "cli/document.h"
#include "cli/report_show.h"

/* Made from src/audit/iso27001.json at build. */
static const char iso27001[] = {
#include "audit/iso27001.inc"
    0};

enum { MONTH_SIZE = sizeof "2026-11", DAYS = 31, WIDTH = 80 };

/* What is counted, by the names that a standard's table uses. The outcomes follow, in the order of
 * enum weir__audit_outcome. */
enum figure {
    RECORDS,
    STARTED,
    ENDED,
    UNFINISHED,
    CALLS,
    CALLS_FAILED,
    USERS,
    HOSTS,
    AS_ROOT,
    PROBES,
    SIGNED,
    UNSIGNED,
    FAULTS,
    STEPS_BACK,
    DAYS_WITH,
    DAYS_WITHOUT,
    FIGURES
};

static const struct {
    const char *name, *label;
} figures[FIGURES] = {
    [RECORDS] = {"records", "records"},
    [STARTED] = {"started", "commands started"},
    [ENDED] = {"ended", "commands ended"},
    [UNFINISHED] = {"unfinished", "commands without an end at the end of the month"},
    [CALLS] = {"calls", "calls of functions"},
    [CALLS_FAILED] = {"calls_failed", "calls of functions that did not return"},
    [USERS] = {"users", "users"},
    [HOSTS] = {"hosts", "machines"},
    [AS_ROOT] = {"as_root", "commands started as root"},
    [PROBES] = {"probes", "probes of the tools of a machine"},
    [SIGNED] = {"signed", "records signed with a key"},
    [UNSIGNED] = {"unsigned", "records without a key"},
    [FAULTS] = {"faults", "faults found by the verification"},
    [STEPS_BACK] = {"steps_back", "records with an earlier time than the one before"},
    [DAYS_WITH] = {"days_with_records", "days with records"},
    [DAYS_WITHOUT] = {"days_without_records", "days without records"},
};

struct month {
    const struct audit_values *values;
    uint64_t counts[FIGURES], outcomes[WEIR__AUDIT_OUTCOME_COUNT];
    int days[DAYS];        /* whether there are records */
    json_t *users, *hosts; /* objects: how often each started a command */
    char last_time[40], last_hash[WEIR__DIGEST_SIZE];
    json_int_t first_seq, last_seq;
    struct weir__audit_unfinished *jobs;
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

/* --- What is asked for --------------------------------------------------------- */

static int days_of(const char *month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = atoi(month), number = atoi(month + 5);
    int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[number - 1] + (number == 2 && is_leap);
}

int audit_month_check(const struct audit_values *values)
{
    static const char shape[] = "dddd-dd";
    const char *month = values->month;
    int is_month = month != NULL && strlen(month) == MONTH_SIZE - 1;

    for (size_t i = 0; is_month && i < MONTH_SIZE - 1; i++)
        is_month = shape[i] == 'd' ? month[i] >= '0' && month[i] <= '9' : month[i] == shape[i];
    if (month == NULL)
        return cli_bad_usage(&cli_audit, "report requires --month, such as --month 2026-11");
    if (!is_month || atoi(month + 5) < 1 || atoi(month + 5) > 12)
        return cli_bad_usage(&cli_audit, "--month: invalid month \"%.40s\": use 2026-11", month);
    if (values->json + values->markdown + values->html > 1)
        return cli_bad_usage(&cli_audit, "--json, --markdown and --html exclude each other");
    return 0;
}

/* Whether a table's control has what it must. */
static int is_control(const json_t *control)
{
    return *text_of(control, "id") != '\0' && *text_of(control, "title") != '\0'
           && json_is_array(json_object_get(control, "shows"))
           && json_is_array(json_object_get(control, "zero"));
}

/* The table of the standard.  The caller owns it.  Returns NULL after a message, with the exit
 * status. */
static json_t *read_standard(const struct audit_values *values, int *status)
{
    const char *name = values->standard != NULL ? values->standard : "iso27001";
    int is_ours = strcmp(name, "iso27001") == 0;
    struct weir_error error;
    json_t *standard = is_ours ? weir__json_parse(iso27001, strlen(iso27001), 0, NULL)
                               : document_read_json(name, &error);
    const json_t *controls = json_object_get(standard, "controls");
    int is_good = strcmp(text_of(standard, "kind"), "standard") == 0
                  && *text_of(standard, "name") != '\0' && json_is_array(controls);

    for (size_t i = 0; i < json_array_size(controls); i++)
        is_good = is_good && is_control(json_array_get(controls, i));
    if (is_good)
        return standard;
    *status =
        standard != NULL || (!is_ours && error.status != WEIR_ERR_NOMEM) ? CLI_USAGE : CLI_FAILED;
    if (standard == NULL)
        cli_say(&cli_audit, "--standard: %s", is_ours ? "no memory" : error.text);
    else
        cli_say(&cli_audit, "--standard: %s is not a table of controls: see docs/audit.md", name);
    json_decref(standard);
    return NULL;
}

/* --- The records ------------------------------------------------------------------ */

static void count_name(json_t **names, const json_t *name)
{
    const char *text = json_string_value(name);
    json_int_t count;

    if (text == NULL)
        text = json_is_object(name) ? "(bytes)" : "(none)";
    count = json_integer_value(json_object_get(*names, text));
    weir__tree_set(names, text, json_integer(count + 1));
}

static void count_record(struct month *month, const struct weir__audit_entry *entry)
{
    const json_t *record = entry->record, *who = json_object_get(record, "who");
    const char *time = text_of(record, "time");
    int outcome = weir__audit_outcome_find(text_of(record, "outcome"));
    int day = strlen(time) > 10 ? atoi(time + 8) : 0;

    month->counts[RECORDS]++;
    if (day >= 1 && day <= DAYS)
        month->days[day - 1] = 1;
    month->counts[strcmp(text_of(record, "alg"), "sha256") == 0 ? UNSIGNED : SIGNED]++;
    if (month->first_seq == 0)
        month->first_seq = entry->seq;
    month->last_seq = entry->seq;
    snprintf(month->last_hash, sizeof month->last_hash, "%s", entry->hash);
    if (strcmp(text_of(record, "event"), "call") == 0) {
        month->counts[CALLS]++;
        month->counts[CALLS_FAILED] += outcome != WEIR__AUDIT_OK;
        return;
    }
    if (strcmp(text_of(record, "event"), "started") != 0) {
        month->counts[ENDED]++;
        if (outcome >= 0)
            month->outcomes[outcome]++;
        return;
    }
    month->counts[STARTED]++;
    month->counts[AS_ROOT] += json_integer_value(json_object_get(who, "uid")) == 0;
    month->counts[PROBES] +=
        strcmp(text_of(json_object_get(record, "what"), "subcommand"), "probe") == 0;
    count_name(&month->users, json_object_get(who, "user"));
    count_name(&month->hosts, json_object_get(who, "host"));
}

/* Returns 0, or a negative status: a record that is left out would make the report wrong. */
static int read_line(struct month *month, size_t file, const struct weir__audit_piece *piece,
                     struct weir_error *error)
{
    struct weir__audit_place place = {
        .file = file, .offset = piece->offset, .number = piece->number};
    struct weir__audit_entry entry = {0};
    enum weir__audit_line found = WEIR__AUDIT_LINE_CUT;
    const char *time;
    int order;

    if (!piece->is_too_long && piece->has_newline)
        found = weir__audit_entry_read(&entry, piece->text, piece->length, NULL);
    if (found == WEIR__AUDIT_LINE_GOOD) {
        time = text_of(entry.record, "time");
        order = strncmp(time, month->values->month, MONTH_SIZE - 1);
        if (order <= 0)
            weir__audit_unfinished_note(month->jobs, &entry, &place);
        if (order == 0) {
            month->counts[STEPS_BACK] += strcmp(time, month->last_time) < 0;
            count_record(month, &entry);
        }
        if (order <= 0)
            snprintf(month->last_time, sizeof month->last_time, "%s", time);
    }
    weir__audit_entry_clear(&entry);
    return found == WEIR__AUDIT_LINE_NOMEM
               ? weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a record")
               : 0;
}

/* Returns 0, or a negative status. */
static int read_log(struct month *month, const struct audit_files *log, struct weir_error *error)
{
    int status = 0;

    for (size_t file = 0; file < log->count && status >= 0; file++) {
        struct weir__audit_lines lines;
        struct weir__audit_piece piece;

        lseek(log->files[file].fd, 0, SEEK_SET);
        weir__audit_lines_init(&lines, log->files[file].fd, log->files[file].name);
        while (status >= 0 && (status = weir__audit_lines_next(&lines, &piece, error)) > 0)
            status = read_line(month, file, &piece, error);
        weir__audit_lines_clear(&lines);
    }
    return status;
}

static void finish_counts(struct month *month, const struct weir__audit_verdict *verdict)
{
    int days = days_of(month->values->month);
    size_t count;
    uint64_t more;

    weir__audit_unfinished_list(month->jobs, &count, &more);
    month->counts[UNFINISHED] = count + more;
    month->counts[USERS] = json_object_size(month->users);
    month->counts[HOSTS] = json_object_size(month->hosts);
    month->counts[FAULTS] = verdict->fault != WEIR__AUDIT_SOUND;
    for (int i = 0; i < days; i++)
        month->counts[month->days[i] ? DAYS_WITH : DAYS_WITHOUT]++;
}

/* --- The document -------------------------------------------------------------------- */

/* A figure of this name, with its label.  Returns 0 if there is none. */
static int find_figure(const struct month *month, const char *name, const char **label,
                       uint64_t *count)
{
    int outcome = weir__audit_outcome_find(name);

    if (outcome >= 0) {
        *label = weir__audit_outcome_name((enum weir__audit_outcome)outcome);
        *count = month->outcomes[outcome];
        return 1;
    }
    for (int i = 0; i < FIGURES; i++)
        if (strcmp(figures[i].name, name) == 0) {
            *label = figures[i].label;
            *count = month->counts[i];
            return 1;
        }
    return 0;
}

/* The figures of a control that a list names; with only_some those that are not 0. Returns NULL
 * when memory is short, or sets *unknown. */
static json_t *list_figures(const struct month *month, const json_t *names, int only_some,
                            const char **unknown)
{
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i)), *label;
        uint64_t count;

        if (name == NULL || !find_figure(month, name, &label, &count))
            *unknown = name != NULL ? name : "(not text)";
        else if (!only_some || count > 0)
            weir__tree_append(&list, json_pack("{s:s,s:s,s:I}", "name", name, "label", label,
                                               "count", (json_int_t)count));
    }
    return list;
}

static json_t *list_days(const struct month *month)
{
    json_t *list = json_array();

    for (int i = 0; i < days_of(month->values->month); i++)
        if (!month->days[i]) {
            char day[32];

            snprintf(day, sizeof day, "%.7s-%02d", month->values->month, i + 1);
            weir__tree_append(&list, json_string(day));
        }
    return list;
}

static json_t *make_document(const struct month *month, const json_t *standard,
                             const struct weir__audit_verdict *verdict, const char **unknown)
{
    const json_t *controls = json_object_get(standard, "controls");
    json_t *rows = json_array(), *counts = json_object();
    int is_sound = verdict->fault == WEIR__AUDIT_SOUND;

    for (int i = 0; i < FIGURES; i++)
        weir__tree_set(&counts, figures[i].name, json_integer((json_int_t)month->counts[i]));
    for (int i = 0; i < WEIR__AUDIT_OUTCOME_COUNT; i++)
        weir__tree_set(&counts, weir__audit_outcome_name((enum weir__audit_outcome)i),
                       json_integer((json_int_t)month->outcomes[i]));
    for (size_t i = 0; i < json_array_size(controls); i++) {
        const json_t *control = json_array_get(controls, i);
        json_t *shows = list_figures(month, json_object_get(control, "shows"), 0, unknown);
        json_t *gaps = list_figures(month, json_object_get(control, "zero"), 1, unknown);

        weir__tree_append(&rows,
                          json_pack("{s:s,s:s,s:o,s:o}", "id", text_of(control, "id"), "title",
                                    text_of(control, "title"), "shows", shows, "gaps", gaps));
    }
    return json_pack("{s:i,s:s,s:s,s:s,s:b,s:o,s:I,s:I,s:s,s:o,s:O,s:O,s:o,s:o}", "weir", 1, "kind",
                     "audit-month", "month", month->values->month, "standard",
                     text_of(standard, "name"), "verified", is_sound, "fault",
                     is_sound ? json_null()
                              : json_pack("{s:s,s:I,s:s}", "kind",
                                          weir__audit_fault_name(verdict->fault), "line",
                                          (json_int_t)verdict->line, "sentence", verdict->sentence),
                     "first_seq", month->first_seq, "last_seq", month->last_seq, "last_hash",
                     month->last_hash, "counts", counts, "users", month->users, "hosts",
                     month->hosts, "days_without_records", list_days(month), "controls", rows);
}

/* --- As text ---------------------------------------------------------------------------- */

/* "records: 12; days with records: 3". */
static json_t *in_words(const json_t *list)
{
    struct weir__buffer text = {0};
    json_t *words;
    char *taken;
    int status = 0;

    for (size_t i = 0; i < json_array_size(list) && status == 0; i++) {
        const json_t *one = json_array_get(list, i);
        char part[200];
        int length =
            snprintf(part, sizeof part, "%s%.100s: %lld", i > 0 ? "; " : "", text_of(one, "label"),
                     (long long)json_integer_value(json_object_get(one, "count")));

        status = weir__buffer_add(&text, part, (size_t)length, NULL);
    }
    taken = status == 0 ? weir__buffer_take(&text, NULL) : NULL;
    words = taken != NULL ? json_pack("{s:s}", "value", taken) : NULL;
    free(taken);
    weir__buffer_clear(&text);
    return words;
}

static json_t *count_rows(const json_t *counts)
{
    json_t *rows = json_array(), *count;
    const char *name;

    json_object_foreach((json_t *)counts, name, count)
    {
        char digits[32];

        snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(count));
        weir__tree_append(&rows, json_pack("[{s:s},{s:s,s:f}]", "value", name, "value", digits,
                                           "number", json_number_value(count)));
    }
    return rows;
}

static void add_fact(json_t **facts, const char *label, const char *value)
{
    weir__tree_append(facts,
                      json_pack("{s:s,s:s,s:s}", "label", label, "value", value, "tone", "plain"));
}

/* The model of cli/report_model.h. */
static json_t *make_model(const struct month *month, const json_t *document)
{
    const json_t *controls = json_object_get(document, "controls");
    const json_t *days = json_object_get(document, "days_without_records");
    json_t *facts = json_array(), *rows = json_array(), *missing = json_array();
    int is_verified = json_is_true(json_object_get(document, "verified"));
    const json_t *fault = json_object_get(document, "fault");
    char numbers[80], verdict[600];
    size_t gaps = 0;

    snprintf(numbers, sizeof numbers, "%lld to %lld", (long long)month->first_seq,
             (long long)month->last_seq);
    add_fact(&facts, "month", text_of(document, "month"));
    add_fact(&facts, "standard", text_of(document, "standard"));
    add_fact(&facts, "records", month->first_seq > 0 ? numbers : "none");
    add_fact(&facts, "hash of the last one", month->first_seq > 0 ? month->last_hash : "none");
    for (size_t i = 0; i < json_array_size(controls); i++) {
        const json_t *control = json_array_get(controls, i),
                     *open = json_object_get(control, "gaps");

        gaps += json_array_size(open) > 0;
        weir__tree_append(
            &rows, json_pack("[{s:s},{s:s},o,o]", "value", text_of(control, "id"), "value",
                             text_of(control, "title"), in_words(json_object_get(control, "shows")),
                             json_array_size(open) > 0 ? in_words(open)
                                                       : json_pack("{s:s}", "value", "none")));
    }
    for (size_t i = 0; i < json_array_size(days); i++)
        weir__tree_append(
            &missing, json_pack("[{s:s}]", "value", json_string_value(json_array_get(days, i))));
    if (is_verified)
        snprintf(verdict, sizeof verdict, "the log is as it was written; %zu controls have gaps",
                 gaps);
    else
        snprintf(verdict, sizeof verdict, "THE LOG DOES NOT VERIFY: %s: %.400s",
                 text_of(fault, "kind"), text_of(fault, "sentence"));
    return json_pack(
        "{s:s,s:s,s:s,s:[{s:s,s:s,s:o},{s:s,s:s,s:[s,s,s,s],s:o},{s:s,s:s,s:[s,s],s:o},"
        "{s:s,s:s,s:[s,s],s:o},{s:s,s:s,s:[s],s:o}]}",
        "title", "weir audit report", "verdict", verdict, "tone", is_verified ? "good" : "bad",
        "sections", "type", "facts", "title", "Summary", "rows", facts, "type", "table", "title",
        "Controls", "columns", "control", "title", "the log shows", "gaps", "rows", rows, "type",
        "table", "title", "Commands by user", "columns", "user", "commands", "rows",
        count_rows(json_object_get(document, "users")), "type", "table", "title",
        "Commands by machine", "columns", "machine", "commands", "rows",
        count_rows(json_object_get(document, "hosts")), "type", "table", "title",
        "Days without records", "columns", "day", "rows", missing);
}

/* Returns 0, or CLI_FAILED. */
static int print(const struct month *month, const json_t *document)
{
    char *text = NULL;
    json_t *model = NULL;
    int is_good = 1;

    if (month->values->json) {
        text = weir__tree_text(document, JSON_SORT_KEYS | JSON_INDENT(2));
        is_good = text != NULL;
        if (is_good) {
            fputs(text, stdout);
            fputc('\n', stdout);
        }
    } else {
        model = make_model(month, document);
        is_good = model != NULL;
        if (is_good && month->values->html) {
            text = report_page(model, "");
            is_good = text != NULL;
            fputs(text != NULL ? text : "", stdout);
        } else if (is_good && month->values->markdown) {
            report_markdown(model);
        } else if (is_good) {
            report_text(model, WIDTH);
        }
    }
    free(text);
    json_decref(model);
    if (!is_good)
        cli_say(&cli_audit, "no memory for the report");
    return is_good ? 0 : CLI_FAILED;
}

int audit_month(const struct audit_values *values, const struct audit_files *log,
                const struct weir__audit_verdict *verdict)
{
    struct month month = {.values = values, .users = json_object(), .hosts = json_object()};
    json_t *standard, *document = NULL;
    struct weir_error error;
    const char *unknown = NULL;
    int status = CLI_FAILED;

    standard = read_standard(values, &status);
    if (standard == NULL)
        goto done;
    month.jobs = weir__audit_unfinished_new();
    if (month.jobs == NULL) {
        cli_say(&cli_audit, "no memory for a table of jobs");
        status = CLI_FAILED;
        goto done;
    }
    if (read_log(&month, log, &error) < 0) {
        cli_say(&cli_audit, "%s", error.text);
        status = error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE;
        goto done;
    }
    finish_counts(&month, verdict);
    document = make_document(&month, standard, verdict, &unknown);
    if (unknown != NULL) {
        cli_say(&cli_audit, "--standard: unknown figure \"%.60s\": see docs/audit.md", unknown);
        status = CLI_USAGE;
        goto done;
    }
    status = document != NULL ? print(&month, document) : CLI_FAILED;
    if (document == NULL)
        cli_say(&cli_audit, "no memory for the report");
    if (status == 0 && verdict->fault != WEIR__AUDIT_SOUND)
        status = 1;
done:
    json_decref(document);
    json_decref(standard);
    json_decref(month.users);
    json_decref(month.hosts);
    weir__audit_unfinished_free(month.jobs);
    return status;
}
