#include "config.h"

#include "map/reorder.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "map/feed.h"

struct weir__slot {
    char *bytes; /* NULL: written already, or none */
    struct weir__outputs *outputs;
    uint64_t line, end; /* of the record */
    uint64_t length : 48, outcome : 8, fault : 8;
};

enum { BLOCKS_AT_MOST = 1024 * 1024 * 1024 / WEIR__SPOOL_BLOCK };

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

/* An item: its head, its bytes and its output. */
static int add_item(struct weir__reorder *reorder, uint64_t seq, enum weir__outcome outcome,
                    const char *bytes, size_t length, struct weir__outputs *outputs,
                    struct weir_error *error)
{
    size_t output_length = outputs != NULL ? (size_t)outputs->out.total : 0;
    size_t start = reorder->replies->length;
    struct weir__item_head head;
    ssize_t count = outputs != NULL;

    memset(&head, 0, sizeof head); /* with its padding */
    head.seq = seq;
    head.length = length;
    head.has_output = outputs != NULL;
    head.output_length = output_length;
    head.outcome = outcome == WEIR__ANSWERED  ? WEIR_MAP_ANSWERED
                   : outcome == WEIR__DROPPED ? WEIR_MAP_DROPPED
                                              : WEIR_MAP_DEAD;
    if (weir__buffer_reserve(reorder->replies, sizeof head + length + output_length, error) < 0)
        return WEIR_ERR_NOMEM;
    weir__buffer_add(reorder->replies, &head, sizeof head, NULL);
    if (length > 0)
        weir__buffer_add(reorder->replies, bytes, length, NULL);
    while (count > 0)
        count = weir__spooled_take(&outputs->out, reorder->spool, reorder->replies);
    if (count == 0)
        return 0;
    reorder->replies->length = start;
    return weir__fail(error, WEIR_ERR_SYSTEM, (int)-count,
                      "cannot read back the output of a program");
}

static int emit(struct weir__reorder *reorder, uint64_t seq, enum weir__outcome outcome,
                enum fault fault, const char *bytes, size_t length, struct weir__outputs *outputs,
                struct weir_error *error)
{
    struct weir__buffer *to = outcome == WEIR__ANSWERED ? reorder->replies : reorder->letters;
    int status = 0;

    count(&reorder->tally, outcome, fault, reorder->is_flat ? count_lines(bytes, length) : 1,
          length);
    if (reorder->is_framed)
        status = add_item(reorder, seq, outcome, bytes, length, outputs, error);
    if (outputs != NULL) {
        reorder->tally.bytes_out += outputs->out.total;
        if (reorder->is_framed)
            weir__spooled_clear(&outputs->out, reorder->spool); /* stderr is left to deliver */
        reorder->deliver(reorder->owner, outputs);
    }
    if (status == 0 && !reorder->is_framed && length > 0)
        status = weir__buffer_add(to, bytes, length, error);
    return status;
}

/* A record settled by an earlier run only takes its slot. */
int weir__reorder_pass(struct weir__reorder *reorder, const struct weir__record *record,
                       struct weir_error *error)
{
    struct weir__tally before = reorder->tally;
    int status = weir__reorder_settle(reorder, record, WEIR__DROPPED, NULL, 0, error);

    before.blank = reorder->tally.blank;
    reorder->tally = before;
    return status;
}

/* Makes room for seq in the ring. */
static int make_room(struct weir__reorder *reorder, uint64_t seq, struct weir_error *error)
{
    size_t needed = (size_t)(seq - reorder->next) + 1, room = reorder->room;
    struct weir__slot *slots;

    if (needed <= room)
        return 0;
    room = room > 0 ? room : FIRST_ROOM;
    while (room < needed)
        room *= 2;
    slots = calloc(room, sizeof *slots);
    if (slots == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory to reorder %zu replies", room);
    for (size_t i = 0; i < reorder->room; i++) {
        uint64_t at = reorder->next + i;

        slots[at & (room - 1)] = reorder->slots[at & reorder->mask];
    }
    free(reorder->slots);
    reorder->slots = slots;
    reorder->room = room;
    reorder->mask = room - 1;
    return 0;
}

/* The output that a record settles with. */
static struct weir__outputs *outputs_of(const struct weir__reorder *reorder,
                                        const struct weir__record *record)
{
    return reorder->deliver != NULL ? record->each.outputs : NULL;
}

static size_t outputs_memory(const struct weir__outputs *outputs)
{
    return outputs != NULL ? sizeof *outputs + weir__spooled_memory(&outputs->out)
                                 + weir__spooled_memory(&outputs->err)
                           : 0;
}

static int hold(struct weir__reorder *reorder, const struct weir__record *record,
                enum weir__outcome outcome, const char *bytes, size_t length,
                struct weir_error *error)
{
    struct weir__slot *slot;
    int status = make_room(reorder, record->seq, error);

    if (status < 0) {
        weir__outputs_free(outputs_of(reorder, record), reorder->spool);
        return status;
    }
    if (!reorder->ordered)
        status = emit(reorder, record->seq, outcome, fault_of(record), bytes, length,
                      outputs_of(reorder, record), error);
    if (status < 0)
        return status;
    slot = &reorder->slots[record->seq & reorder->mask];
    *slot = (struct weir__slot){
        .line = record->line,
        .end = record->end,
        .outcome = outcome,
        .fault = fault_of(record),
    };
    if (reorder->ordered) {
        slot->outputs = outputs_of(reorder, record);
        reorder->held_bytes += outputs_memory(slot->outputs);
    }
    if (reorder->ordered && length > 0) {
        slot->bytes = weir__spares_take(&reorder->spares, length);
        if (slot->bytes == NULL)
            return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory to reorder a reply");
        memcpy(slot->bytes, bytes, length);
        slot->length = length;
        reorder->held_bytes += length;
    }
    reorder->held_records++;
    if (reorder->ordered && reorder->held_records > reorder->peak_records)
        reorder->peak_records = reorder->held_records;
    if (weir__reorder_waiting(reorder) > reorder->peak_bytes)
        reorder->peak_bytes = weir__reorder_waiting(reorder);
    return 0;
}

static void advance(struct weir__reorder *reorder, uint64_t line, uint64_t end)
{
    reorder->next++;
    reorder->next_line = line;
    reorder->next_offset = end;
    reorder->tally.blank = line - reorder->next; /* every other line was a record */
}

int weir__reorder_release(struct weir__reorder *reorder, struct weir_error *error)
{
    uint64_t first = reorder->next;

    while (
        weir__reorder_is_ready(reorder) && !reorder->is_held
        && (reorder->most_unwritten == 0 || reorder->replies->length < reorder->most_unwritten)) {
        struct weir__slot *slot = &reorder->slots[reorder->next & reorder->mask];
        int status = 0;

        reorder->held_bytes -= outputs_memory(slot->outputs);
        if (reorder->ordered)
            status = emit(reorder, reorder->next, slot->outcome, slot->fault, slot->bytes,
                          slot->length, slot->outputs, error);
        if (status < 0) { /* the record stays open; its outputs have been delivered */
            slot->outputs = NULL;
            slot->outcome = WEIR__OPEN;
            return status;
        }
        reorder->held_bytes -= slot->length;
        reorder->held_records--;
        advance(reorder, slot->line, slot->end);
        if (slot->bytes != NULL)
            weir__spares_give(&reorder->spares, slot->bytes, slot->length);
        *slot = (struct weir__slot){0};
    }
    return reorder->next > first;
}

int weir__reorder_settle(struct weir__reorder *reorder, const struct weir__record *record,
                         enum weir__outcome outcome, const char *bytes, size_t length,
                         struct weir_error *error)
{
    int status;

    if (record->seq != reorder->next || (reorder->is_held && reorder->ordered))
        return hold(reorder, record, outcome, bytes, length, error);
    status = emit(reorder, record->seq, outcome, fault_of(record), bytes, length,
                  outputs_of(reorder, record), error);
    if (status < 0)
        return status;
    advance(reorder, record->line, record->end);
    status = weir__reorder_release(reorder, error);
    return status < 0 ? status : 0;
}

int weir__reorder_is_ready(const struct weir__reorder *reorder)
{
    return reorder->held_records > 0
           && reorder->slots[reorder->next & reorder->mask].outcome != WEIR__OPEN;
}

size_t weir__reorder_waiting(const struct weir__reorder *reorder)
{
    return reorder->held_bytes
           + (reorder->ordered ? reorder->held_records * sizeof(struct weir__slot) : 0);
}

int weir__reorder_is_full(const struct weir__reorder *reorder, size_t bytes)
{
    if (reorder->spool != NULL && weir__spool_used(reorder->spool) >= BLOCKS_AT_MOST)
        return 1;
    return reorder->ordered ? weir__reorder_waiting(reorder) >= bytes
                            : reorder->held_records >= SLOTS_AT_MOST;
}

int weir__reorder_has(const struct weir__reorder *reorder, uint64_t seq)
{
    return seq < reorder->next
           || (seq - reorder->next < reorder->room
               && reorder->slots[seq & reorder->mask].outcome != WEIR__OPEN);
}

void weir__reorder_clear(struct weir__reorder *reorder)
{
    for (size_t i = 0; i < reorder->room; i++) {
        weir__outputs_free(reorder->slots[i].outputs, reorder->spool);
        free(reorder->slots[i].bytes);
    }
    weir__spares_clear(&reorder->spares);
    free(reorder->slots);
    reorder->slots = NULL;
    reorder->room = reorder->held_records = reorder->held_bytes = 0;
}
