#include "config.h"

#include "audit/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/lines.h"
#include "audit/lock.h"
#include "base/error.h"
#include "base/printable.h"

const char *weir__audit_fault_name(enum weir__audit_fault fault)
{
    static const char *const names[] = {
        [WEIR__AUDIT_SOUND] = "sound",     [WEIR__AUDIT_CHANGED] = "changed",
        [WEIR__AUDIT_MISSING] = "missing", [WEIR__AUDIT_DOUBLED] = "doubled",
        [WEIR__AUDIT_CUT] = "cut",         [WEIR__AUDIT_REORDERED] = "reordered",
    };

    return names[fault];
}

struct reading {
    const struct weir__audit_file *files;
    size_t count;
    const struct weir__audit_key *key;
    const struct weir__audit_expected *expected;
    struct weir__audit_verdict *verdict;
    struct weir_error *error;

    size_t file;                    /* that is being read */
    struct weir__audit_lines lines; /* of it */
    uint64_t expected_at;           /* the number of the record that is to be the last; 0: unseen */
};

enum { AT_END, A_LINE };

/* --- Lines over files --------------------------------------------------------- */

static void open_lines(struct reading *reading)
{
    const struct weir__audit_file *file = &reading->files[reading->file];

    weir__audit_lines_init(&reading->lines, file->fd, file->name);
}

/* The next line of the log.  Returns A_LINE, or AT_END. */
static int next_line(struct reading *reading, struct weir__audit_piece *piece)
{
    for (;;) {
        int status = weir__audit_lines_next(&reading->lines, piece, reading->error);

        if (status != 0)
            return status;
        if (reading->file + 1 >= reading->count)
            return AT_END;
        weir__audit_lines_clear(&reading->lines);
        reading->file++;
        open_lines(reading);
    }
}

/* A line without its end may be one that is being written: when no process writes, it is
 * read again. */
static int next_settled(struct reading *reading, struct weir__audit_piece *piece)
{
    int status = next_line(reading, piece), locked, fd;
    struct weir__audit_lines *lines = &reading->lines;

    if (status != A_LINE || piece->has_newline)
        return status;
    fd = lines->fd;
    locked = weir__audit_lock_take(fd, WEIR__AUDIT_LOCK_SHARED, lines->name, reading->error);
    if (locked < 0)
        return locked;
    weir__audit_lines_seek(lines, piece->offset, piece->number);
    status = next_line(reading, piece);
    weir__audit_lock_drop(fd);
    return status;
}

/* --- What is wrong ------------------------------------------------------------ */

static int find(struct reading *reading, enum weir__audit_fault fault,
                const struct weir__audit_piece *piece, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int find(struct reading *reading, enum weir__audit_fault fault,
                const struct weir__audit_piece *piece, const char *format, ...)
{
    struct weir__audit_verdict *verdict = reading->verdict;
    va_list args;

    verdict->fault = fault;
    verdict->file = reading->file;
    verdict->line = piece != NULL ? piece->number : 0;
    verdict->offset = piece != NULL ? piece->offset : reading->lines.offset;
    va_start(args, format);
    weir__sentence_list(verdict->sentence, sizeof verdict->sentence, format, args);
    va_end(args);
    return AT_END;
}

/* Whether the record number wanted comes later, as one that holds. */
static int comes_later(struct reading *reading, json_int_t wanted)
{
    struct weir__audit_piece piece;
    int status;

    while ((status = next_line(reading, &piece)) == A_LINE) {
        struct weir__audit_entry entry;
        enum weir__audit_line found =
            weir__audit_entry_read(&entry, piece.text, piece.length, reading->key);
        int is_it = found == WEIR__AUDIT_LINE_GOOD && entry.seq == wanted;

        weir__audit_entry_clear(&entry);
        if (found == WEIR__AUDIT_LINE_NOMEM)
            return weir__fail(reading->error, WEIR_ERR_NOMEM, 0, "no memory for a record");
        if (is_it)
            return 1;
    }
    return status;
}

/* A record that holds in itself and is not the next one. */
static int find_gap(struct reading *reading, const struct weir__audit_piece *piece, json_int_t seq)
{
    json_int_t wanted = reading->verdict->last.seq + 1;
    int later;

    if (seq < wanted)
        return find(reading, WEIR__AUDIT_DOUBLED, piece,
                    "record %" JSON_INTEGER_FORMAT " occurs twice", seq);
    find(reading, WEIR__AUDIT_MISSING, piece,
         seq - wanted == 1 ? "record %" JSON_INTEGER_FORMAT " is missing"
                           : "records %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT
                             " are missing",
         wanted, seq - 1);
    later = comes_later(reading, wanted);
    if (later < 0)
        return later;
    if (later > 0) {
        reading->verdict->fault = WEIR__AUDIT_REORDERED;
        snprintf(reading->verdict->sentence, sizeof reading->verdict->sentence,
                 "record %" JSON_INTEGER_FORMAT " precedes record %" JSON_INTEGER_FORMAT, seq,
                 wanted);
    }
    return AT_END;
}

static int find_tail(struct reading *reading, const struct weir__audit_piece *piece)
{
    int status =
        find(reading, WEIR__AUDIT_CUT, piece,
             "the file ends in the middle of a record, after %zu bytes of it%s", piece->length,
             reading->file + 1 < reading->count ? ", and more files follow" : "");

    reading->verdict->is_tail = 1;
    return status;
}

/* --- Record by record --------------------------------------------------------- */

/* Takes a record that holds.  Returns A_LINE to go on, AT_END with a fault. */
static int take_record(struct reading *reading, const struct weir__audit_piece *piece,
                       const struct weir__audit_entry *entry)
{
    struct weir__audit_verdict *verdict = reading->verdict;
    const char *event = json_string_value(json_object_get(entry->record, "event"));

    if (verdict->records == 0 && reading->expected->after != NULL)
        verdict->last.seq = entry->seq - 1; /* only its hash is known */
    if (entry->seq != verdict->last.seq + 1)
        return find_gap(reading, piece, entry->seq);
    if (strcmp(entry->prev, verdict->last.hash) != 0)
        return find(reading, WEIR__AUDIT_CHANGED, piece,
                    "record %" JSON_INTEGER_FORMAT " does not follow the record before it",
                    entry->seq);
    verdict->records++;
    verdict->last.seq = entry->seq;
    strcpy(verdict->last.hash, entry->hash);
    if (verdict->records == 1)
        verdict->first = verdict->last;
    verdict->started += event != NULL && strcmp(event, "started") == 0;
    verdict->ended += event != NULL && strcmp(event, "ended") == 0;
    verdict->calls += event != NULL && strcmp(event, "call") == 0;
    if (reading->expected->last != NULL && strcmp(entry->hash, reading->expected->last) == 0)
        reading->expected_at = (uint64_t)entry->seq;
    return A_LINE;
}

/* A log made with a key cannot be checked without it. */
static int refuse_keyless(struct reading *reading)
{
    return weir__fail(reading->error, WEIR_ERR_INVALID, 0,
                      "%.200s was made with a key: pass its file with --key-file or "
                      "in " WEIR__AUDIT_KEY_VARIABLE,
                      reading->files[reading->file].name);
}

static int look_at_line(struct reading *reading, const struct weir__audit_piece *piece)
{
    struct weir__audit_entry entry;
    enum weir__audit_line found;
    int status = A_LINE;

    if (!piece->has_newline)
        return find_tail(reading, piece);
    if (piece->is_too_long)
        return find(reading, WEIR__AUDIT_CHANGED, piece, "the line is too long for a record");
    found = weir__audit_entry_read(&entry, piece->text, piece->length, reading->key);
    if (found == WEIR__AUDIT_LINE_NOMEM)
        status = weir__fail(reading->error, WEIR_ERR_NOMEM, 0, "no memory for a record");
    else if (found == WEIR__AUDIT_LINE_GOOD)
        status = take_record(reading, piece, &entry);
    else if (found == WEIR__AUDIT_LINE_OTHER && reading->key->id[0] == '\0')
        status = refuse_keyless(reading);
    else
        status =
            find(reading, found == WEIR__AUDIT_LINE_CUT ? WEIR__AUDIT_CUT : WEIR__AUDIT_CHANGED,
                 piece, "record %" JSON_INTEGER_FORMAT " is expected here; %s",
                 reading->verdict->last.seq + 1, entry.why);
    weir__audit_entry_clear(&entry);
    return status;
}

/* All lines hold: is the last one the last? */
static void look_at_end(struct reading *reading)
{
    const char *last = reading->expected->last;
    struct weir__audit_verdict *verdict = reading->verdict;

    if (last == NULL || strcmp(last, verdict->last.hash) == 0)
        return;
    if (reading->expected_at > 0)
        find(reading, WEIR__AUDIT_CHANGED, NULL,
             "the expected last record is number %" PRIu64
             ", but the log continues to number %" JSON_INTEGER_FORMAT,
             reading->expected_at, verdict->last.seq);
    else
        find(reading, WEIR__AUDIT_CUT, NULL,
             "the log ends with record %" JSON_INTEGER_FORMAT
             ", and does not contain the expected last record",
             verdict->last.seq);
}

int weir__audit_verify(const struct weir__audit_file *files, size_t count,
                       const struct weir__audit_key *key,
                       const struct weir__audit_expected *expected,
                       struct weir__audit_verdict *verdict, struct weir_error *error)
{
    struct reading reading = {.files = files,
                              .count = count,
                              .key = key,
                              .expected = expected,
                              .verdict = verdict,
                              .error = error};
    struct weir__audit_piece piece;
    int status = count > 0 ? A_LINE : AT_END;

    *verdict = (struct weir__audit_verdict){.fault = WEIR__AUDIT_SOUND};
    weir__audit_link_init(&verdict->last);
    if (expected->after != NULL)
        strcpy(verdict->last.hash, expected->after);
    if (count > 0)
        open_lines(&reading);
    while (status == A_LINE) {
        status = next_settled(&reading, &piece);
        if (status == A_LINE)
            status = look_at_line(&reading, &piece);
    }
    if (status == AT_END && verdict->fault == WEIR__AUDIT_SOUND)
        look_at_end(&reading);
    weir__audit_lines_clear(&reading.lines);
    return status;
}

/* --- Repair -------------------------------------------------------------------- */

static int64_t cut_tail(int fd, const char *name, const struct weir__audit_verdict *verdict,
                        struct weir_error *error)
{
    struct stat info;
    off_t end;

    if (fstat(fd, &info) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot access %.300s", name);
    end = weir__audit_whole_end(fd, info.st_size, name, error);
    if (end < 0)
        return end;
    if (end == info.st_size || (uint64_t)end != verdict->offset)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "%.300s changed during verification: verify it again", name);
    if (ftruncate(fd, end) < 0 || fsync(fd) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot truncate %.300s", name);
    return info.st_size - end;
}

int64_t weir__audit_repair(int fd, const char *name, const struct weir__audit_verdict *verdict,
                           struct weir_error *error)
{
    int64_t result;

    if (verdict->fault != WEIR__AUDIT_CUT || !verdict->is_tail)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "%.300s has no torn tail", name);
    result = weir__audit_lock_take(fd, WEIR__AUDIT_LOCK_OWN, name, error);
    if (result < 0)
        return result;
    result = cut_tail(fd, name, verdict, error);
    weir__audit_lock_drop(fd);
    return result;
}
