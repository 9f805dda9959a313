#include "config.h"

#include "map/reorder.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct weir__slot {
    char *bytes;        /* NULL: written already, or none */
    uint64_t line, end; /* of the record */
    uint64_t length : 48, outcome : 8, fault : 8;
};

enum { FIRST_ROOM = 256, SLOTS_AT_MOST = 64 * 1024 * 1024 / sizeof(struct weir__slot) };

enum fault { NO_FAULT, INVALID, OVERSIZE, MISSING, OTHER_FAULT };

static enum fault fault_of(const struct weir__record *record)
{
    if (record->fault == NULL)
        return NO_FAULT;
    if (strncmp(record->fault, "invalid", 7) == 0)
        return INVALID;
    if (strcmp(record->fault, "oversize") == 0)
        return OVERSIZE;
    return strcmp(record->fault, "missing") == 0 ? MISSING : OTHER_FAULT;
}

static void count(struct weir__tally *tally, enum weir__outcome outcome, enum fault fault,
                  size_t lines, size_t length)
{
    tally->answered += outcome == WEIR__ANSWERED;
    tally->dropped += outcome == WEIR__DROPPED;
    tally->dead += outcome == WEIR__DEAD;
    tally->invalid += fault == INVALID;
    tally->oversize += fault == OVERSIZE;
    tally->missing += fault == MISSING;
    if (outcome == WEIR__ANSWERED) {
        tally->records_out += lines;
        tally->bytes_out += length;
    }
}

static size_t count_lines(const char *bytes, size_t length)
{
    const char *lf;
    size_t lines = 0;

    while (length > 0 && (lf = memchr(bytes, '\n', length)) != NULL) {
        lines++;
        length -= (size_t)(lf + 1 - bytes);
        bytes = lf + 1;
    }
    return lines;
}

static int emit(struct weir__order *order, enum weir__outcome outcome, enum fault fault,
                const char *bytes, size_t length, struct weir_error *error)
{
    struct weir__buffer *to = outcome == WEIR__ANSWERED ? order->replies : order->letters;

    count(&order->tally, outcome, fault, order->is_flat ? count_lines(bytes, length) : 1, length);
    return length > 0 ? weir__buffer_add(to, bytes, length, error) : 0;
}

/* A record settled by an earlier run only takes its slot. */
int weir__order_pass(struct weir__order *order, const struct weir__record *record,
                     struct weir_error *error)
{
    struct weir__tally before = order->tally;
    int status = weir__order_settle(order, record, WEIR__DROPPED, NULL, 0, error);

    before.blank = order->tally.blank;
    order->tally = before;
    return status;
}

/* Makes room for seq in the ring. */
static int make_room(struct weir__order *order, uint64_t seq, struct weir_error *error)
{
    size_t needed = (size_t)(seq - order->next) + 1, room = order->room;
    struct weir__slot *slots;

    if (needed <= room)
        return 0;
    room = room > 0 ? room : FIRST_ROOM;
    while (room < needed)
        room *= 2;
    slots = calloc(room, sizeof *slots);
    if (slots == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory to reorder %zu replies", room);
    for (size_t i = 0; i < order->room; i++) {
        uint64_t at = order->next + i;

        slots[at & (room - 1)] = order->slots[at & order->mask];
    }
    free(order->slots);
    order->slots = slots;
    order->room = room;
    order->mask = room - 1;
    return 0;
}

static int hold(struct weir__order *order, const struct weir__record *record,
                enum weir__outcome outcome, const char *bytes, size_t length,
                struct weir_error *error)
{
    struct weir__slot *slot;
    int status = make_room(order, record->seq, error);

    if (status == 0 && !order->ordered)
        status = emit(order, outcome, fault_of(record), bytes, length, error);
    if (status < 0)
        return status;
    slot = &order->slots[record->seq & order->mask];
    *slot = (struct weir__slot){
        .line = record->line,
        .end = record->end,
        .outcome = outcome,
        .fault = fault_of(record),
    };
    if (order->ordered && length > 0) {
        slot->bytes = malloc(length);
        if (slot->bytes == NULL)
            return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory to reorder a reply");
        memcpy(slot->bytes, bytes, length);
        slot->length = length;
        order->held_bytes += length;
    }
    order->held_records++;
    if (order->ordered && order->held_records > order->peak_records)
        order->peak_records = order->held_records;
    if (weir__order_waiting(order) > order->peak_bytes)
        order->peak_bytes = weir__order_waiting(order);
    return 0;
}

static void advance(struct weir__order *order, uint64_t line, uint64_t end)
{
    order->next++;
    order->next_line = line;
    order->next_offset = end;
    order->tally.blank = line - order->next; /* every other line was a record */
}

int weir__order_release(struct weir__order *order, struct weir_error *error)
{
    uint64_t first = order->next;

    while (order->held_records > 0
           && (order->most_unwritten == 0 || order->replies->length < order->most_unwritten)) {
        struct weir__slot *slot = &order->slots[order->next & order->mask];

        if (slot->outcome == WEIR__OPEN)
            break;
        if (order->ordered
            && emit(order, slot->outcome, slot->fault, slot->bytes, slot->length, error) < 0)
            return WEIR_ERR_NOMEM;
        order->held_bytes -= slot->length;
        order->held_records--;
        advance(order, slot->line, slot->end);
        free(slot->bytes);
        *slot = (struct weir__slot){0};
    }
    return order->next > first;
}

int weir__order_settle(struct weir__order *order, const struct weir__record *record,
                       enum weir__outcome outcome, const char *bytes, size_t length,
                       struct weir_error *error)
{
    int status;

    if (record->seq != order->next)
        return hold(order, record, outcome, bytes, length, error);
    status = emit(order, outcome, fault_of(record), bytes, length, error);
    if (status < 0)
        return status;
    advance(order, record->line, record->end);
    status = weir__order_release(order, error);
    return status < 0 ? status : 0;
}

size_t weir__order_waiting(const struct weir__order *order)
{
    return order->held_bytes
           + (order->ordered ? order->held_records * sizeof(struct weir__slot) : 0);
}

int weir__order_is_full(const struct weir__order *order, size_t bytes)
{
    return order->ordered ? weir__order_waiting(order) >= bytes
                          : order->held_records >= SLOTS_AT_MOST;
}

int weir__order_has(const struct weir__order *order, uint64_t seq)
{
    return seq < order->next
           || (seq - order->next < order->room
               && order->slots[seq & order->mask].outcome != WEIR__OPEN);
}

void weir__order_clear(struct weir__order *order)
{
    for (size_t i = 0; i < order->room; i++)
        free(order->slots[i].bytes);
    free(order->slots);
    order->slots = NULL;
    order->room = order->held_records = order->held_bytes = 0;
}
