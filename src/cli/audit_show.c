#include "config.h"

#include "cli/audit_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/lines.h"
#include "audit/outcome.h"
#include "audit/unfinished.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/printable.h"
#include "base/units.h"

enum { TIME_SIZE = WEIR__TIME_SIZE };

struct show {
    const struct audit_values *values;
    const struct audit_files *log;
    char since[TIME_SIZE], until[TIME_SIZE]; /* "": no bound */
    int wants_unfinished;
    struct weir__audit_unfinished *jobs; /* where they are wanted */
    int status;
};

/* --- What is asked for --------------------------------------------------------- */

/* A duration before now, or the beginning of an RFC 3339 time in UTC: times sort like their text.
 * Returns 0, or -1. */
static int read_time(const char *text, char time[TIME_SIZE])
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.ddd";
    size_t length = strlen(text);
    int64_t ms;

    if (weir__duration_parse(text, &ms) == 0 && length != 4) {
        weir__clock_format(weir__clock_wall_ns() - ms * 1000000, time);
        return 0;
    }
    if (length > 0 && text[length - 1] == 'Z')
        length--;
    if (length != 10 && length != 16 && length != 19 && length != 23)
        return -1;
    for (size_t i = 0; i < length; i++)
        if (shape[i] == 'd' ? strchr("0123456789", text[i]) == NULL : text[i] != shape[i])
            return -1;
    snprintf(time, TIME_SIZE, "%.*s", (int)length, text);
    return 0;
}

static int bad_time(const char *option, const char *value)
{
    cli_say(&cli_audit,
            "--%s: invalid time \"%.80s\": use UTC, such as 2026-01-02 or 2026-01-02T03:04:05Z, or "
            "a duration before now, such as 90m or 24h",
            option, value);
    return CLI_USAGE;
}

static int read_values(struct show *show)
{
    const struct audit_values *values = show->values;

    if (values->since != NULL && read_time(values->since, show->since) < 0)
        return bad_time("since", values->since);
    if (values->until != NULL && read_time(values->until, show->until) < 0)
        return bad_time("until", values->until);
    show->wants_unfinished = values->outcome != NULL && strcmp(values->outcome, "unfinished") == 0;
    if (values->outcome != NULL && !show->wants_unfinished
        && weir__audit_outcome_find(values->outcome) < 0)
        return cli_bad_usage(&cli_audit,
                             "--outcome: unknown outcome %.40s: use ok, failed, signaled, "
                             "timed_out, idle, cancelled, overflow, not_started, status_lost, "
                             "error or unfinished",
                             values->outcome);
    if (values->subcommand != NULL && cli_find(values->subcommand) == NULL)
        return cli_bad_usage(&cli_audit, "--subcommand: unknown subcommand %.40s",
                             values->subcommand);
    return 0;
}

/* --- Text ---------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static void print_text(const char *text)
{
    weir__printable_put(stdout, text, strlen(text), WEIR__ONE_LINE);
}

/* A word quoted for a shell. */
static void print_word(const char *text, size_t length)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789_-./:=+,@%*";
    int is_safe = length > 0 && strspn(text, safe) == length;

    if (is_safe) {
        fwrite(text, 1, length, stdout);
        return;
    }
    putchar('\'');
    for (size_t done = 0; done < length;) {
        size_t next = strcspn(text + done, "'");

        if (next > length - done)
            next = length - done;
        weir__printable_put(stdout, text + done, next, WEIR__ONE_LINE);
        done += next;
        if (done < length && text[done] == '\'') {
            fputs("'\\''", stdout);
            done++;
        } else if (done < length) { /* a NUL byte */
            fputs("\\x00", stdout);
            done++;
        }
    }
    putchar('\'');
}

/* Text that is not UTF-8 is recorded as base64. */
static void print_value(const json_t *value)
{
    const char *base64 = text_of(value, "base64");
    struct weir__buffer bytes = {0};

    if (json_is_string(value)) {
        print_word(json_string_value(value), json_string_length(value));
        return;
    }
    if (weir__base64_decode(base64, strlen(base64), &bytes, NULL) == 0) {
        for (size_t i = 0; i < bytes.length; i++)
            if (bytes.bytes[i] >= ' ' && bytes.bytes[i] < 127)
                putchar(bytes.bytes[i]);
            else
                printf("\\x%02x", (unsigned char)bytes.bytes[i]);
    }
    weir__buffer_clear(&bytes);
}

static void print_outcome(const json_t *record)
{
    const json_t *code = json_object_get(json_object_get(record, "status"), "code");
    const char *outcome = text_of(record, "outcome");
    char text[128];

    if (*outcome == '\0')
        weir__sentence(text, sizeof text, "%.20s", text_of(record, "event"));
    else if (json_integer_value(code) == 0)
        weir__sentence(text, sizeof text, "%.20s", outcome);
    else
        weir__sentence(text, sizeof text, "%.20s %" JSON_INTEGER_FORMAT, outcome,
                       json_integer_value(code));
    cli_put(stdout, "%-15s", text);
}

/* What a call over HTTP has besides. */
static void print_request(const json_t *request)
{
    static const char *const names[] = {"peer", "token", "subject"};
    json_int_t status = json_integer_value(json_object_get(request, "status"));

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (*text_of(request, names[i]) != '\0') {
            fputs(i == 0 ? ", " : i == 1 ? ", token " : ", for ", stdout);
            print_text(text_of(request, names[i]));
        }
    if (status > 0)
        printf(", status %" JSON_INTEGER_FORMAT, status);
}

/* What was called, by whom and where it ran. */
static void print_call(const json_t *record)
{
    const json_t *call = json_object_get(record, "call");
    const char *client = text_of(call, "client"), *label = text_of(call, "label");
    json_int_t worker = json_integer_value(json_object_get(call, "worker"));
    const json_t *arguments = json_object_get(json_object_get(call, "arguments"), "text");

    fputs(" call ", stdout);
    if (*label != '\0') {
        print_text(label);
        putchar(' ');
    }
    print_value(json_object_get(call, "method"));
    if (arguments != NULL) {
        putchar(' ');
        print_value(arguments);
    }
    cli_put(stdout, "  # %s connection %" JSON_INTEGER_FORMAT, text_of(call, "door"),
            json_integer_value(json_object_get(call, "connection")));
    if (*client != '\0') {
        fputs(", ", stdout);
        print_text(client);
    }
    print_request(json_object_get(call, "request"));
    if (worker > 0)
        printf(", worker %" JSON_INTEGER_FORMAT, worker);
}

static void print_readable(const json_t *record)
{
    const json_t *who = json_object_get(record, "who"), *what = json_object_get(record, "what");
    const json_t *argv = json_object_get(what, "argv"), *word;
    const char *detail = text_of(json_object_get(record, "status"), "detail");
    size_t index;

    print_text(text_of(record, "time"));
    printf(" %5" JSON_INTEGER_FORMAT " ", json_integer_value(json_object_get(record, "seq")));
    print_text(text_of(who, "user"));
    putchar('@');
    print_text(text_of(who, "host"));
    putchar(' ');
    print_outcome(record);
    json_array_foreach(argv, index, word)
    {
        putchar(' ');
        print_value(word);
    }
    if (json_object_get(what, "argv_cut") != NULL)
        fputs(" [cut]", stdout);
    if (json_object_get(record, "call") != NULL)
        print_call(record);
    if (*detail != '\0') {
        fputs("  # ", stdout);
        print_text(detail);
    }
    putchar('\n');
}

/* --- Line by line -------------------------------------------------------------- */

static int is_wanted(const struct show *show, const json_t *record)
{
    const struct audit_values *values = show->values;
    const char *time = text_of(record, "time");

    if (values->subcommand != NULL
        && strcmp(text_of(json_object_get(record, "what"), "subcommand"), values->subcommand) != 0)
        return 0;
    if (*show->since != '\0' && strcmp(time, show->since) < 0)
        return 0;
    if (*show->until != '\0' && strcmp(time, show->until) >= 0)
        return 0;
    return values->outcome == NULL || show->wants_unfinished
           || strcmp(text_of(record, "outcome"), values->outcome) == 0;
}

static void print_record(const struct show *show, const struct weir__audit_piece *piece,
                         const json_t *record)
{
    if (!show->values->json) {
        print_readable(record);
        return;
    }
    fwrite(piece->text, 1, piece->length, stdout);
    putchar('\n');
}

static int report_error(struct show *show, const struct weir_error *error)
{
    cli_say(&cli_audit, "%s", error->text);
    return show->status = error->status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE;
}

static void show_line(struct show *show, size_t file, const struct weir__audit_piece *piece)
{
    struct weir__audit_place place = {
        .file = file, .offset = piece->offset, .number = piece->number};
    struct weir__audit_entry entry = {.why = "the line is too long for a record"};
    const struct weir_error no_memory = {WEIR_ERR_NOMEM, 0, "no memory for a record"};
    enum weir__audit_line found = WEIR__AUDIT_LINE_CUT;

    if (piece->has_newline && !piece->is_too_long)
        found = weir__audit_entry_read(&entry, piece->text, piece->length, NULL);
    if (found == WEIR__AUDIT_LINE_NOMEM) {
        report_error(show, &no_memory);
    } else if (found != WEIR__AUDIT_LINE_GOOD) {
        cli_say(&cli_audit, "%s:%" PRIu64 ": %s: run weir audit verify for details",
                show->log->files[file].name, piece->number,
                piece->has_newline ? entry.why : "the last record is incomplete");
        show->status = 1;
    } else if (show->jobs != NULL) {
        weir__audit_unfinished_note(show->jobs, &entry, &place);
    } else if (is_wanted(show, entry.record)) {
        print_record(show, piece, entry.record);
    }
    weir__audit_entry_clear(&entry);
}

static void show_file(struct show *show, size_t file)
{
    const struct weir__audit_file *from = &show->log->files[file];
    struct weir__audit_lines lines;
    struct weir__audit_piece piece;
    struct weir_error error;
    int status;

    weir__audit_lines_init(&lines, from->fd, from->name);
    while ((status = weir__audit_lines_next(&lines, &piece, &error)) > 0)
        show_line(show, file, &piece);
    if (status < 0)
        report_error(show, &error);
    weir__audit_lines_clear(&lines);
}

/* Shows the record of a job's start. */
static void show_place(struct show *show, const struct weir__audit_place *place)
{
    const struct weir__audit_file *from = &show->log->files[place->file];
    struct weir__audit_lines lines;
    struct weir__audit_piece piece;
    struct weir_error error;
    int status;

    weir__audit_lines_init(&lines, from->fd, from->name);
    weir__audit_lines_seek(&lines, place->offset, place->number);
    status = weir__audit_lines_next(&lines, &piece, &error);
    if (status < 0)
        report_error(show, &error);
    else if (status > 0)
        show_line(show, place->file, &piece);
    weir__audit_lines_clear(&lines);
}

static void show_unfinished(struct show *show)
{
    struct weir__audit_unfinished *jobs = show->jobs;
    const struct weir__audit_place *list;
    size_t count;
    uint64_t more;

    list = weir__audit_unfinished_list(jobs, &count, &more);
    show->jobs = NULL;
    for (size_t i = 0; i < count; i++)
        show_place(show, &list[i]);
    if (more > 0)
        cli_say(&cli_audit, "%" PRIu64 " more are unfinished: only %d are listed", more,
                WEIR__AUDIT_UNFINISHED);
    weir__audit_unfinished_free(jobs);
}

int audit_show(const struct audit_values *values, const struct audit_files *log)
{
    struct show show = {.values = values, .log = log};
    int status = read_values(&show);

    if (status != 0)
        return status;
    if (show.wants_unfinished) {
        show.jobs = weir__audit_unfinished_new();
        if (show.jobs == NULL) {
            cli_say(&cli_audit, "no memory for a table of jobs");
            return CLI_FAILED;
        }
    }
    for (size_t file = 0; file < log->count && show.status <= 1; file++)
        show_file(&show, file);
    if (show.jobs != NULL)
        show_unfinished(&show);
    return show.status;
}
