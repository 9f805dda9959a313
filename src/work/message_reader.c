#include "config.h"

#include "work/message_reader.h"

#include <stdlib.h>

#include "proc/context.h"

enum { LONGEST_NOISE = 200 };

static void emit(const struct weir__message_reader *reader, enum weir_event_kind kind,
                 const char *name, const char *text, size_t length)
{
    weir__context_tell(reader->weir, (struct weir_event){
                                         .kind = kind,
                                         .stage = reader->stage,
                                         .name = name,
                                         .pid = reader->pid,
                                         .text = text,
                                         .length = length,
                                     });
}

static void noise_came(const struct weir__message_reader *reader, const char *line, size_t length)
{
    ++*reader->noise;
    emit(reader, WEIR_EVENT_NOISE, reader->name, line,
         length < LONGEST_NOISE ? length : LONGEST_NOISE);
}

static void log_came(const struct weir__message_reader *reader,
                     const struct weir__incoming *incoming)
{
    size_t length;
    char *text = weir__slice_string(incoming->value, &length);
    char *level = weir__slice_string(incoming->level, NULL);

    if (text != NULL)
        emit(reader, WEIR_EVENT_LOG, level != NULL ? level : "info", text, length);
    else if (weir__slice_type(incoming->value) != 's')
        emit(reader, WEIR_EVENT_LOG, level != NULL ? level : "info", incoming->value.bytes,
             incoming->value.length);
    free(text);
    free(level);
}

static int broken(const struct weir__message_reader *reader, struct weir__slice line,
                  const char *reason)
{
    reader->on_broken(reader->owner, line.bytes, line.length, reason);
    return 0;
}

/* Processes each element of an array; all must be messages. */
static int read_many(const struct weir__message_reader *reader, struct weir__slice whole)
{
    struct weir__slice rest = whole, element;
    int count = 0;

    for (; weir__message_next(&rest, &element); count++) {
        if (weir__slice_type(element) != 'o')
            return broken(reader, whole, "an element is not an object");
        if (!weir__message_reader_take(reader, element.bytes, element.length))
            return 0;
    }
    return count > 0 ? 1 : broken(reader, whole, "an empty array");
}

int weir__message_reader_take(const struct weir__message_reader *reader, const char *line,
                              size_t length)
{
    struct weir__incoming incoming;

    reader->dialect->decode(line, length, &incoming);
    switch (incoming.kind) {
    case WEIR__INCOMING_NOTHING:
        return 1;
    case WEIR__INCOMING_NOISE:
        noise_came(reader, line, length);
        return 1;
    case WEIR__INCOMING_LOG:
        log_came(reader, &incoming);
        return 1;
    case WEIR__INCOMING_BATCH:
        return read_many(reader, incoming.value);
    case WEIR__INCOMING_BROKEN:
        return broken(reader, (struct weir__slice){line, length}, incoming.reason);
    default:
        return reader->on_message(reader->owner, &incoming);
    }
}
