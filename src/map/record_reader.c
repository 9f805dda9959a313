#include "config.h"

#include "map/record_reader.h"

#include <stdlib.h>
#include <string.h>

#include <weir/text.h>

#include "base/error.h"
#include "text/pointer.h"
#include "text/json_validate.h"
#include "base/utf8.h"

enum { SPARE_STEP = 16 }; /* sizes of spare records are multiples of this */

static const char bom[] = {'\xef', '\xbb', '\xbf'};

/* The list of spares for a record of this length; WEIR__SPARE_SIZES: none. */
static size_t spares_of(size_t length)
{
    size_t steps = (sizeof(struct weir__record) + length) / SPARE_STEP;

    return steps < WEIR__SPARE_SIZES ? steps : WEIR__SPARE_SIZES;
}

static struct weir__record *allocate(struct weir__records *records, size_t length)
{
    size_t which = spares_of(length);
    struct weir__record *spare;

    if (which == WEIR__SPARE_SIZES)
        return malloc(sizeof *spare + length);
    spare = records->spares[which];
    if (spare == NULL)
        return malloc((which + 1) * SPARE_STEP);
    records->spares[which] = spare->next;
    return spare;
}

void weir__records_give_back(struct weir__records *records, struct weir__record *record)
{
    size_t which = spares_of(record->length);

    if (which == WEIR__SPARE_SIZES) {
        free(record);
        return;
    }
    record->next = records->spares[which];
    records->spares[which] = record;
}

void weir__records_clear(struct weir__records *records)
{
    for (size_t i = 0; i < WEIR__SPARE_SIZES; i++) {
        while (records->spares[i] != NULL) {
            struct weir__record *spare = records->spares[i];

            records->spares[i] = spare->next;
            free(spare);
        }
    }
    free(records->bytes);
    records->bytes = NULL;
    records->start = records->scanned = records->end = records->capacity = 0;
}

size_t weir__records_room(struct weir__records *records, size_t wanted, char **to)
{
    size_t unread = records->end - records->start;

    if (records->capacity - records->end < wanted && records->start > 0) {
        memmove(records->bytes, records->bytes + records->start, unread);
        records->scanned -= records->start;
        records->start = 0;
        records->end = unread;
    }
    if (records->capacity - records->end < wanted) {
        size_t capacity =
            records->capacity * 2 > unread + wanted ? records->capacity * 2 : unread + wanted;
        char *bytes = realloc(records->bytes, capacity);

        if (bytes == NULL)
            return 0;
        records->bytes = bytes;
        records->capacity = capacity;
    }
    *to = records->bytes + records->end;
    return records->capacity - records->end;
}

void weir__records_came(struct weir__records *records, size_t length)
{
    records->end += length;
    records->bytes_in += length;
    if (length == 0)
        records->ended = 1;
}

int weir__records_over(const struct weir__records *records)
{
    return records->ended && records->start == records->end && !records->skipping;
}

static struct weir__record *make(struct weir__records *records, const char *bytes, size_t length,
                                 uint64_t offset, uint64_t end, const char *fault)
{
    struct weir__record *record = allocate(records, bytes != NULL ? length + 1 : 0);

    if (record == NULL)
        return NULL;
    *record = (struct weir__record){
        .seq = records->seq++,
        .line = records->line,
        .offset = offset,
        .end = end,
        .fault = fault,
        .length = bytes != NULL ? length + 1 : 0,
    };
    if (bytes != NULL) {
        memcpy(record->bytes, bytes, length);
        record->bytes[length] = '\n';
    }
    return record;
}

/* What is wrong with a line, or NULL. */
static const char *find_fault(const struct weir__records *records, const char *bytes, size_t length)
{
    int strict = records->encoding == WEIR__ENCODING_STRICT;

    if (records->check_syntax
        && (strict ? weir__json_syntax_utf8(bytes, length, NULL)
                   : weir__json_syntax(bytes, length, NULL)))
        return NULL;
    if (strict && !weir__utf8_valid(bytes, length))
        return "invalid: not UTF-8";
    return records->check_syntax ? "invalid: not JSON" : NULL;
}

/* Notes the position of its key; a record without one is dead. */
static void find_key(const struct weir__records *records, struct weir__record *record)
{
    size_t at, size;

    if (records->key == NULL || record == NULL || record->fault != NULL)
        return;
    if (!weir__pointer_find(records->key, record->bytes, record->length - 1, &at, &size)) {
        record->fault = "key";
        return;
    }
    record->key.at = (uint32_t)at;
    record->key.length = (uint32_t)size;
    record->key.hash = weir__json_hash(record->bytes + at, size, 0);
}

static struct weir__record *make_good(struct weir__records *records, const char *bytes,
                                      size_t length, uint64_t offset, uint64_t end)
{
    struct weir__record *record;
    struct weir_text text;

    if (records->encoding != WEIR__ENCODING_REPLACE || weir__utf8_valid(bytes, length))
        return make(records, bytes, length, offset, end, find_fault(records, bytes, length));
    if (weir_decode(bytes, length, NULL, WEIR_REPLACE, NULL, &text, NULL) < 0)
        return NULL;
    record = make(records, text.bytes, text.length, offset, end,
                  find_fault(records, text.bytes, text.length));
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
static void consume(struct weir__records *records, size_t advance)
{
    records->start += advance;
    records->scanned = records->start;
    records->offset += advance;
    if (records->start == records->end)
        records->start = records->scanned = records->end = 0;
}

/* Discards the contents of an oversize line. Returns 1 with its record once the line has ended,
 * 0 for more input, or a negative status. */
static int skip(struct weir__records *records, struct weir__record **record,
                struct weir_error *error)
{
    char *lf = records->end > records->start
                   ? memchr(records->bytes + records->start, '\n', records->end - records->start)
                   : NULL;
    size_t advance = lf != NULL ? (size_t)(lf - records->bytes) - records->start + 1
                                : records->end - records->start;

    consume(records, advance);
    if (lf == NULL && !records->ended)
        return 0;
    records->skipping = 0;
    *record = make(records, NULL, 0, records->skip_from, records->offset, "oversize");
    return *record != NULL ? 1 : weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a record");
}

int weir__records_next(struct weir__records *records, struct weir__record **record,
                       struct weir_error *error)
{
    while (!records->skipping) {
        char *from, *lf = NULL;
        size_t length, advance;
        uint64_t offset;

        if (records->bytes == NULL) /* nothing was ever read: no base for the offset */
            return 0;
        if (records->offset == 0 && records->end - records->start >= sizeof bom
            && memcmp(records->bytes + records->start, bom, sizeof bom) == 0)
            consume(records, sizeof bom);
        if (records->scanned < records->end)
            lf = memchr(records->bytes + records->scanned, '\n', records->end - records->scanned);
        from = records->bytes + records->start;
        length = lf != NULL ? (size_t)(lf - from) : records->end - records->start;
        if (lf == NULL) {
            records->scanned = records->end;
            if (length <= records->max_record + 1 && (!records->ended || length == 0))
                return 0;
        }
        advance = length + (lf != NULL);
        offset = records->offset;
        records->line++;
        if (length > 0 && from[length - 1] == '\r')
            length--;
        if (length > records->max_record) {
            records->skipping = 1;
            records->skip_from = offset;
            break;
        }
        if (is_blank(from, length)) {
            records->blank++;
            consume(records, advance);
            continue;
        }
        *record = make_good(records, from, length, offset, offset + advance);
        find_key(records, *record);
        consume(records, advance);
        return *record != NULL ? 1 : weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a record");
    }
    return skip(records, record, error);
}
