#include "config.h"

#include "audit/record.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/portable.h"
#include "base/redact.h"
#include "base/buffer.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json_tree.h"
#include "base/signal_names.h"
#include "base/process_tree.h"

/* A problem's type, as RFC 9457 wants one: a URI that names it and need not lead
 * anywhere. */
#define PROBLEM_TYPE "https://example.org/weir/problems/"

/* --- Who -------------------------------------------------------------------- */

/* Whether a line of /etc/passwd is this user's; then the line ends after the name. */
static int is_line_of(char *line, uid_t user)
{
    char *name_end = strchr(line, ':');
    char *number = name_end != NULL ? strchr(name_end + 1, ':') : NULL, *number_end;

    if (number == NULL || !isdigit((unsigned char)number[1])
        || strtoul(number + 1, &number_end, 10) != user || *number_end != ':')
        return 0;
    *name_end = '\0';
    return 1;
}

/* The user's name; null where there is none.  A local user's is read from the file: glibc's
 * getpwuid_r() crashes where memory is short (nss_database_check_reload_and_get(), 2.36). */
static json_t *user_name(void)
{
    char place[4096];
    struct passwd entry, *found = NULL;
    FILE *file = fopen("/etc/passwd", "re");
    int is_found = 0;

    if (file == NULL && errno == ENOMEM)
        return NULL;
    while (file != NULL && !is_found && fgets(place, sizeof place, file) != NULL)
        is_found = is_line_of(place, getuid());
    if (file != NULL)
        fclose(file);
    if (is_found)
        return weir__tree_bytes(place);
    if (getpwuid_r(getuid(), &entry, place, sizeof place, &found) != 0 || found == NULL)
        return json_null();
    return weir__tree_bytes(found->pw_name);
}

static json_t *who(void)
{
    char host[WEIR__HOST_NAME_SIZE] = "";

    gethostname(host, sizeof host - 1);
    return json_pack("{s:I,s:o,s:o,s:I}", "uid", (json_int_t)getuid(), "user", user_name(), "host",
                     weir__tree_bytes(host), "pid", (json_int_t)getpid());
}

/* --- What ------------------------------------------------------------------- */

/* Cuts text to size, at a character. */
static void cut(struct weir__buffer *text, size_t size)
{
    static const char dots[] = "...";

    if (text->length <= size)
        return;
    text->length = size;
    while (text->length > 0 && (text->bytes[text->length] & 0xC0) == 0x80)
        text->length--;
    weir__buffer_add(text, dots, sizeof dots - 1, NULL); /* there is room: it was longer */
}

static json_t *take_text(struct weir__buffer *text)
{
    char *bytes = weir__buffer_take(text, NULL);
    json_t *value = bytes != NULL ? weir__tree_bytes(bytes) : NULL;

    free(bytes);
    return value;
}

/* A command line on its way into a record. */
struct words {
    json_t *array;
    size_t count, bytes; /* seen, cut or not */
    size_t kept;         /* bytes in the array */
    int is_cut;
    struct weir__digest *digest; /* of the redacted words, a NUL byte behind each */
};

static int add_word(struct words *words, const char *word, const char *before,
                    struct weir_error *error)
{
    struct weir__buffer text = {0};
    size_t room = WEIR__AUDIT_ARGUMENTS_BYTES - words->kept;
    int status = weir__redact_add(&text, word, before, error);

    if (status == 0)
        status = weir__buffer_reserve(&text, 8, error);
    if (status < 0) {
        weir__buffer_clear(&text);
        return status;
    }
    text.bytes[text.length] = '\0';
    weir__digest_add(words->digest, text.bytes, text.length + 1);
    words->count++;
    words->bytes += text.length;
    if (words->count > WEIR__AUDIT_ARGUMENTS || room == 0) {
        words->is_cut = 1;
    } else {
        if (room > WEIR__AUDIT_ARGUMENT_BYTES)
            room = WEIR__AUDIT_ARGUMENT_BYTES;
        words->is_cut |= text.length > room;
        cut(&text, room);
        words->kept += text.length < room ? text.length : room;
        weir__tree_append(&words->array, take_text(&text));
        if (words->array == NULL)
            status = weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a record");
    }
    weir__buffer_clear(&text);
    return status;
}

static json_t *what(const struct weir__audit_command *command, struct weir_error *error)
{
    struct words words = {.array = json_array(), .digest = weir__digest_new(NULL, 0)};
    char hex[WEIR__DIGEST_SIZE];
    json_t *made = NULL;
    int status = 0;

    if (words.array == NULL || words.digest == NULL)
        status = WEIR_ERR_NOMEM;
    for (char *const *word = command->argv; status == 0 && *word != NULL; word++)
        status = add_word(&words, *word, word > command->argv ? word[-1] : NULL, error);
    if (status == 0)
        made = json_pack("{s:s,s:O}", "subcommand", command->subcommand, "argv", words.array);
    if (made != NULL && words.is_cut) {
        weir__digest_take(words.digest, hex);
        weir__tree_set(&made, "argv_cut",
                       json_pack("{s:I,s:I,s:s}", "words", (json_int_t)words.count, "bytes",
                                 (json_int_t)words.bytes, "sha256", hex));
    }
    weir__digest_free(words.digest);
    json_decref(words.array);
    return made;
}

/* --- Where, and from where --------------------------------------------------- */

static json_t *directory(void)
{
    char path[PATH_MAX];

    return getcwd(path, sizeof path) != NULL ? weir__tree_bytes(path) : json_null();
}

static json_t *redacted(const char *text)
{
    struct weir__buffer out = {0};
    json_t *value;

    if (text == NULL || *text == '\0')
        return json_null();
    if (weir__redact_add(&out, text, NULL, NULL) < 0 || weir__buffer_reserve(&out, 8, NULL) < 0) {
        weir__buffer_clear(&out);
        return NULL;
    }
    cut(&out, WEIR__AUDIT_ARGUMENT_BYTES);
    value = take_text(&out);
    weir__buffer_clear(&out);
    return value;
}

/* W3C Trace Context: version-trace-parent-flags, neither id all zeros. */
static json_t *traceparent(const char *text)
{
    static const char shape[] = "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    static const char zeros[] = "00000000000000000000000000000000";
    size_t length = text != NULL ? strlen(text) : 0;

    if (length != sizeof shape - 1 || strncmp(text, "ff", 2) == 0
        || strncmp(text + 3, zeros, 32) == 0 || strncmp(text + 36, zeros, 16) == 0)
        return json_null();
    for (size_t i = 0; i < length; i++)
        if (shape[i] == 'h' ? strchr("0123456789abcdef", text[i]) == NULL : text[i] != '-')
            return json_null();
    return json_string(text);
}

/* --- Records ----------------------------------------------------------------- */

json_t *weir__audit_started(const struct weir__audit_command *command, struct weir_error *error)
{
    char job[WEIR__JOB_TAG_SIZE];
    json_t *said = what(command, error), *record = NULL;

    weir__job_tag_make(job);
    if (said != NULL)
        record = json_pack("{s:i,s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:n,s:n,s:o}", "weir", 1, "kind",
                           "audit", "event", "started", "job", job, "who", who(), "what", said,
                           "cwd", directory(), "target", redacted(command->target), "outcome",
                           "status", "traceparent", traceparent(command->traceparent));
    if (record == NULL)
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a record");
    return record;
}

static json_t *status_of(const struct weir__audit_end *end)
{
    char type[sizeof PROBLEM_TYPE + 32];

    if (end->outcome == WEIR__AUDIT_OK)
        return json_pack("{s:i}", "code", end->status);
    snprintf(type, sizeof type, PROBLEM_TYPE "%s", weir__audit_outcome_name(end->outcome));
    for (char *at = type; *at != '\0'; at++)
        *at = *at == '_' ? '-' : *at;
    return json_pack("{s:i,s:s,s:s,s:o}", "code", end->status, "type", type, "title",
                     weir__audit_outcome_title(end->outcome), "detail", redacted(end->detail));
}

json_t *weir__audit_ended(json_t *started, const struct weir__audit_end *end,
                          struct weir_error *error)
{
    json_t *record = weir__tree_copy(started);

    weir__tree_set(&record, "event", json_string("ended"));
    weir__tree_set(&record, "outcome", json_string(weir__audit_outcome_name(end->outcome)));
    weir__tree_set(&record, "status", status_of(end));
    weir__tree_set(&record, "wall_ms", json_integer(end->wall_ns / 1000000));
    weir__tree_set(&record, "events", json_incref(end->events));
    if (record == NULL)
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a record");
    return record;
}

static json_t *digested(const void *bytes, size_t length)
{
    char hex[WEIR__DIGEST_SIZE];

    weir__sha256(bytes, length, hex);
    return json_pack("{s:I,s:s}", "bytes", (json_int_t)length, "sha256", hex);
}

static json_t *text_or_null(const char *text)
{
    return text != NULL ? weir__tree_bytes(text) : json_null();
}

/* Without secrets, and cut. */
static json_t *kept(const void *bytes, size_t length)
{
    char *text = strndup(bytes, length);
    json_t *value = text != NULL ? redacted(text) : NULL;

    free(text);
    return value;
}

static json_t *arguments_of(const struct weir__audit_call *call)
{
    json_t *arguments;

    if (call->arguments == NULL)
        return json_null();
    arguments = digested(call->arguments, call->arguments_length);
    if (call->keeps_arguments)
        weir__tree_set(&arguments, "text", kept(call->arguments, call->arguments_length));
    return arguments;
}

static json_t *request_of(const struct weir__audit_request *request)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o}", "id", text_or_null(request->id), "peer",
                     text_or_null(request->peer), "token", text_or_null(request->token), "subject",
                     text_or_null(request->subject), "status",
                     request->status > 0 ? json_integer(request->status) : json_null());
}

json_t *weir__audit_called(const json_t *started, const struct weir__audit_call *call,
                           struct weir_error *error)
{
    json_t *about, *record = NULL;

    about =
        json_pack("{s:s,s:I,s:o,s:o,s:o,s:o,s:o,s:o}", "door", call->door, "connection",
                  (json_int_t)call->connection, "client", text_or_null(call->client), "label",
                  text_or_null(call->label), "method", text_or_null(call->method), "arguments",
                  arguments_of(call), "result",
                  call->result != NULL ? digested(call->result, call->result_length) : json_null(),
                  "worker", call->pid > 0 ? json_integer(call->pid) : json_null());
    if (call->request != NULL)
        weir__tree_set(&about, "request", request_of(call->request));
    if (about != NULL)
        record = json_pack(
            "{s:i,s:s,s:s,s:s,s:o,s:o,s:s,s:I,s:o}", "weir", 1, "kind", "audit", "event", "call",
            "job", json_string_value(json_object_get(started, "job")), "who",
            weir__tree_copy(json_object_get(started, "who")), "call", about, "outcome",
            weir__audit_outcome_name(call->outcome), "wall_ms",
            (json_int_t)(call->wall_ns / 1000000), "traceparent", traceparent(call->traceparent));
    if (record == NULL)
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a record");
    return record;
}

void weir__audit_hear(json_t **events, const struct weir_event *event)
{
    json_t *line;

    if (json_array_size(*events) >= WEIR__AUDIT_EVENTS)
        return;
    if (event->kind == WEIR_EVENT_TIMEOUT)
        line = json_pack("{s:s,s:s}", "event", "timeout", "what", event->text);
    else if (event->kind == WEIR_EVENT_SIGNAL_SENT)
        line = json_pack("{s:s,s:s}", "event", "signal_sent", "signal",
                         weir__signal_name((int)event->number));
    else if (event->kind == WEIR_EVENT_SPAWNER_LOST)
        line = json_pack("{s:s}", "event", "spawner_lost");
    else
        return;
    weir__tree_append(events, line);
}
