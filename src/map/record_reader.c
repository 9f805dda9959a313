#include "config.h"

#include "map/record_reader.h"

#include <stdlib.h>
#include <string.h>

#include <weir/text.h>

#include "base/error.h"
#include "text/pointer.h"
#include "text/json_validate.h"
#include "base/utf8.h"

static char separator_of(const struct weir__record_reader *reader)
{
    return reader->is_nul ? '\0' : '\n';
}

static const char bom[] = {'\xef', '\xbb', '\xbf'};

void weir__record_reader_give_back(struct weir__record_reader *reader, struct weir__record *record)
{
    weir__spares_give(&reader->spares, record, sizeof *record + record->length);
}

void weir__record_reader_clear(struct weir__record_reader *reader)
{
    weir__spares_clear(&reader->spares);
    free(reader->bytes);
    reader->bytes = NULL;
    reader->start = reader->scanned = reader->end = reader->capacity = 0;
}

size_t weir__record_reader_room(struct weir__record_reader *reader, size_t wanted, char **to)
{
    size_t unread = reader->end - reader->start;

    if (reader->capacity - reader->end < wanted && reader->start > 0) {
        memmove(reader->bytes, reader->bytes + reader->start, unread);
        reader->scanned -= reader->start;
        reader->start = 0;
        reader->end = unread;
    }
    if (reader->capacity - reader->end < wanted) {
        size_t capacity =
            reader->capacity * 2 > unread + wanted ? reader->capacity * 2 : unread + wanted;
        char *bytes = realloc(reader->bytes, capacity);

        if (bytes == NULL)
            return 0;
        reader->bytes = bytes;
        reader->capacity = capacity;
    }
    *to = reader->bytes + reader->end;
    return reader->capacity - reader->end;
}

void weir__record_reader_advance(struct weir__record_reader *reader, size_t length)
{
    reader->end += length;
    reader->bytes_in += length;
    if (length == 0)
        reader->ended = 1;
}

int weir__record_reader_is_over(const struct weir__record_reader *reader)
{
    return reader->ended && reader->start == reader->end && !reader->skipping;
}

static struct weir__record *make(struct weir__record_reader *reader, const char *bytes,
                                 size_t length, uint64_t offset, uint64_t end, const char *fault)
{
    struct weir__record *record =
        weir__spares_take(&reader->spares, sizeof *record + (bytes != NULL ? length + 1 : 0));

    if (record == NULL)
        return NULL;
    *record = (struct weir__record){
        .seq = reader->seq++,
        .line = reader->line,
        .offset = offset,
        .end = end,
        .fault = fault,
        .length = bytes != NULL ? length + 1 : 0,
    };
    if (bytes != NULL) {
        memcpy(record->bytes, bytes, length);
        record->bytes[length] = separator_of(reader);
    }
    return record;
}

/* Whether JSON is an object, or an array without elements. */
static int is_named(const char *bytes, size_t length)
{
    size_t at = 0;

    while (at < length && strchr(" \t\r", bytes[at]) != NULL)
        at++;
    if (at == length || bytes[at] != '[')
        return at < length && bytes[at] == '{';
    for (at++; at < length && strchr(" \t\r", bytes[at]) != NULL; at++)
        ;
    return at < length && bytes[at] == ']';
}

/* What is wrong with a line, or NULL. */
static const char *find_fault(const struct weir__record_reader *reader, const char *bytes,
                              size_t length)
{
    int strict = reader->encoding == WEIR__ENCODING_STRICT;

    if (reader->check_syntax
        && (strict ? weir__json_syntax_utf8(bytes, length, NULL)
                   : weir__json_syntax(bytes, length, NULL)))
        return reader->is_named && !is_named(bytes, length) ? "invalid: not an object" : NULL;
    if (strict && !weir__utf8_valid(bytes, length))
        return "invalid: not UTF-8";
    return reader->check_syntax ? "invalid: not JSON" : NULL;
}

/* Notes the position of its key; a record without one is dead. */
static void find_key(const struct weir__record_reader *reader, struct weir__record *record)
{
    size_t at, size;

    if (reader->key == NULL || record == NULL || record->fault != NULL)
        return;
    if (!weir__pointer_find(reader->key, record->bytes, record->length - 1, &at, &size)) {
        record->fault = "key";
        return;
    }
    record->key.at = (uint32_t)at;
    record->key.length = (uint32_t)size;
    record->key.hash = weir__json_hash(record->bytes + at, size, 0);
}

static struct weir__record *make_good(struct weir__record_reader *reader, const char *bytes,
                                      size_t length, uint64_t offset, uint64_t end)
{
    struct weir__record *record;
    struct weir_text text;

    if (reader->is_opaque)
        return make(reader, bytes, length, offset, end, NULL);
    if (reader->encoding != WEIR__ENCODING_REPLACE || weir__utf8_valid(bytes, length))
        return make(reader, bytes, length, offset, end, find_fault(reader, bytes, length));
    if (weir_decode(bytes, length, NULL, WEIR_REPLACE, NULL, &text, NULL) < 0)
        return NULL;
    record = make(reader, text.bytes, text.length, offset, end,
                  find_fault(reader, text.bytes, text.length));
    weir_text_clear(&text);
    return record;
}

static int is_blank(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != ' ' && bytes[i] != '\t' && bytes[i] != '\r')
            return 0;
    return 1;
}

/* Takes a line of length bytes off the input, and advance bytes with its end. */
static void consume(struct weir__record_reader *reader, size_t advance)
{
    reader->start += advance;
    reader->scanned = reader->start;
    reader->offset += advance;
    if (reader->start == reader->end)
        reader->start = reader->scanned = reader->end = 0;
}

/* Discards the contents of an oversize line. Returns 1 with its record once the line has ended,
 * 0 for more input, or a negative status. */
static int skip(struct weir__record_reader *reader, struct weir__record **record,
                struct weir_error *error)
{
    char *lf = reader->end > reader->start ? memchr(
                   reader->bytes + reader->start, separator_of(reader), reader->end - reader->start)
                                           : NULL;
    size_t advance =
        lf != NULL ? (size_t)(lf - reader->bytes) - reader->start + 1 : reader->end - reader->start;

    consume(reader, advance);
    if (lf == NULL && !reader->ended)
        return 0;
    reader->skipping = 0;
    *record = make(reader, NULL, 0, reader->skip_from, reader->offset, "oversize");
    return *record != NULL ? 1 : weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a record");
}

int weir__record_reader_next(struct weir__record_reader *reader, struct weir__record **record,
                             struct weir_error *error)
{
    while (!reader->skipping) {
        char *from, *lf = NULL;
        size_t length, advance;
        uint64_t offset;

        if (reader->bytes == NULL) /* nothing was ever read: no base for the offset */
            return 0;
        if (reader->offset == 0 && !reader->is_opaque && reader->end - reader->start >= sizeof bom
            && memcmp(reader->bytes + reader->start, bom, sizeof bom) == 0)
            consume(reader, sizeof bom);
        if (reader->scanned < reader->end)
            lf = memchr(reader->bytes + reader->scanned, separator_of(reader),
                        reader->end - reader->scanned);
        from = reader->bytes + reader->start;
        length = lf != NULL ? (size_t)(lf - from) : reader->end - reader->start;
        if (lf == NULL) {
            reader->scanned = reader->end;
            if (length <= reader->max_record + 1 && (!reader->ended || length == 0))
                return 0;
        }
        advance = length + (lf != NULL);
        offset = reader->offset;
        reader->line++;
        if (!reader->is_opaque && length > 0 && from[length - 1] == '\r')
            length--;
        if (length > reader->max_record) {
            reader->skipping = 1;
            reader->skip_from = offset;
            break;
        }
        if (!reader->is_opaque && is_blank(from, length)) {
            reader->blank++;
            consume(reader, advance);
            continue;
        }
        *record = make_good(reader, from, length, offset, offset + advance);
        find_key(reader, *record);
        consume(reader, advance);
        return *record != NULL ? 1 : weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a record");
    }
    return skip(reader, record, error);
}
