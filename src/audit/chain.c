#include "config.h"

#include "audit/chain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json_canonical.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json_parse.h"
#include "base/printable.h"

void weir__audit_link_init(struct weir__audit_link *link)
{
    link->seq = 0;
    memset(link->hash, '0', sizeof link->hash - 1);
    link->hash[sizeof link->hash - 1] = '\0';
}

int weir__audit_is_hash(const char *text)
{
    return strlen(text) == WEIR__DIGEST_SIZE - 1
           && strspn(text, "0123456789abcdef") == WEIR__DIGEST_SIZE - 1;
}

/* --- Writing ----------------------------------------------------------------- */

static int set_place(json_t *record, const struct weir__audit_link *link,
                     const struct weir__audit_key *key)
{
    char time[WEIR__TIME_SIZE];
    int failed;

    weir__clock_format(weir__clock_wall_ns(), time);
    json_object_del(record, "hash");
    failed = json_object_set_new(record, "time", json_string(time));
    failed |= json_object_set_new(record, "seq", json_integer(link->seq + 1));
    failed |= json_object_set_new(record, "prev", json_string(link->hash));
    failed |= json_object_set_new(record, "alg", json_string(weir__audit_key_algorithm(key)));
    if (key->id[0] != '\0')
        failed |= json_object_set_new(record, "key_id", json_string(key->id));
    return failed;
}

int weir__audit_seal(json_t *record, struct weir__audit_link *link,
                     const struct weir__audit_key *key, struct weir__buffer *out,
                     struct weir_error *error)
{
    size_t before = out->length;
    char hash[WEIR__DIGEST_SIZE];
    int status = set_place(record, link, key) == 0 ? 0 : WEIR_ERR_NOMEM;

    if (status == 0)
        status = weir__canonical_add(out, record, error);
    if (status == 0) {
        weir__digest_add(key->digest, out->bytes + before, out->length - before);
        weir__digest_take(key->digest, hash);
        out->length = before;
        status = json_object_set_new(record, "hash", json_string(hash)) == 0 ? 0 : WEIR_ERR_NOMEM;
    }
    if (status == 0)
        status = weir__canonical_add(out, record, error);
    if (status == 0)
        status = weir__buffer_add(out, "\n", 1, error);
    if (status < 0) {
        out->length = before;
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a record");
    }
    link->seq++;
    memcpy(link->hash, hash, sizeof hash);
    return 0;
}

/* --- Reading ----------------------------------------------------------------- */

static enum weir__audit_line say(struct weir__audit_entry *entry, enum weir__audit_line what,
                                 const char *format, ...) __attribute__((format(printf, 3, 4)));

static enum weir__audit_line say(struct weir__audit_entry *entry, enum weir__audit_line what,
                                 const char *format, ...)
{
    va_list args;

    va_start(args, format);
    weir__sentence_list(entry->why, sizeof entry->why, format, args);
    va_end(args);
    return what;
}

static enum weir__audit_line parse(struct weir__audit_entry *entry, const char *line, size_t length)
{
    json_error_t fault;
    json_t *seq;

    entry->record = weir__json_parse(line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &fault);
    if (entry->record == NULL && json_error_code(&fault) == json_error_out_of_memory)
        return WEIR__AUDIT_LINE_NOMEM;
    /* One that has its last brace has lost something else: a quote. */
    if (entry->record == NULL && json_error_code(&fault) == json_error_premature_end_of_input
        && (length == 0 || line[length - 1] != '}'))
        return say(entry, WEIR__AUDIT_LINE_CUT, "it ends in the middle");
    if (entry->record == NULL)
        return say(entry, WEIR__AUDIT_LINE_CHANGED, "not a record: %.120s", fault.text);
    seq = json_object_get(entry->record, "seq");
    entry->prev = json_string_value(json_object_get(entry->record, "prev"));
    entry->hash = json_string_value(json_object_get(entry->record, "hash"));
    if (!json_is_integer(seq) || json_integer_value(seq) < 1 || entry->prev == NULL
        || entry->hash == NULL || !weir__audit_is_hash(entry->prev)
        || !weir__audit_is_hash(entry->hash))
        return say(entry, WEIR__AUDIT_LINE_CHANGED, "not a record: seq, prev or hash is missing");
    entry->seq = json_integer_value(seq);
    return WEIR__AUDIT_LINE_GOOD;
}

/* Whether there is one way to write it, and it was taken. */
static enum weir__audit_line check_spelling(struct weir__audit_entry *entry, const char *line,
                                            size_t length, struct weir__buffer *text)
{
    text->length = 0;
    if (weir__canonical_add(text, entry->record, NULL) < 0)
        return WEIR__AUDIT_LINE_NOMEM;
    if (text->length == length && memcmp(text->bytes, line, length) == 0)
        return WEIR__AUDIT_LINE_GOOD;
    return say(entry, WEIR__AUDIT_LINE_CHANGED, "it is not in canonical form");
}

static enum weir__audit_line check_key(struct weir__audit_entry *entry,
                                       const struct weir__audit_key *key)
{
    const char *algorithm = json_string_value(json_object_get(entry->record, "alg"));
    const char *id = json_string_value(json_object_get(entry->record, "key_id"));
    const char *wanted = weir__audit_key_algorithm(key);

    if (algorithm == NULL
        || (strcmp(algorithm, "sha256") != 0 && strcmp(algorithm, "hmac-sha256") != 0))
        return say(entry, WEIR__AUDIT_LINE_CHANGED, "it does not say how its hash was computed");
    if (strcmp(algorithm, wanted) != 0)
        return say(entry, WEIR__AUDIT_LINE_OTHER,
                   key->id[0] != '\0' ? "it was made without a key"
                                      : "it was made with a key, and no key was given");
    if (key->id[0] != '\0' && (id == NULL || strcmp(id, key->id) != 0))
        return say(entry, WEIR__AUDIT_LINE_OTHER, "it was made with the key %.16s, not with %s",
                   id != NULL ? id : "?", key->id);
    return WEIR__AUDIT_LINE_GOOD;
}

/* Hashes the record without its hash.  As json_object_del() would lose what entry
 * points at, the string is held meanwhile. */
static enum weir__audit_line check_hash(struct weir__audit_entry *entry,
                                        const struct weir__audit_key *key,
                                        struct weir__buffer *text)
{
    json_t *hash = json_incref(json_object_get(entry->record, "hash"));
    char wanted[WEIR__DIGEST_SIZE];
    int failed;

    text->length = 0;
    json_object_del(entry->record, "hash");
    failed = weir__canonical_add(text, entry->record, NULL) < 0;
    if (json_object_set_new(entry->record, "hash", hash) < 0 || failed)
        return WEIR__AUDIT_LINE_NOMEM;
    weir__digest_add(key->digest, text->bytes, text->length);
    weir__digest_take(key->digest, wanted);
    if (strcmp(wanted, entry->hash) != 0)
        return say(entry, WEIR__AUDIT_LINE_CHANGED, "its hash does not match its content");
    return WEIR__AUDIT_LINE_GOOD;
}

enum weir__audit_line weir__audit_entry_read(struct weir__audit_entry *entry, const char *line,
                                             size_t length, const struct weir__audit_key *key)
{
    struct weir__buffer text = {0};
    enum weir__audit_line found;

    *entry = (struct weir__audit_entry){0};
    found = parse(entry, line, length);
    if (found == WEIR__AUDIT_LINE_GOOD)
        found = check_spelling(entry, line, length, &text);
    if (found == WEIR__AUDIT_LINE_GOOD && key != NULL)
        found = check_key(entry, key);
    if (found == WEIR__AUDIT_LINE_GOOD && key != NULL)
        found = check_hash(entry, key, &text);
    weir__buffer_clear(&text);
    return found;
}

void weir__audit_entry_clear(struct weir__audit_entry *entry)
{
    json_decref(entry->record);
    *entry = (struct weir__audit_entry){0};
}
