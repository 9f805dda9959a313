/* Outcomes in the order of the input, from whatever order they come in. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map/feed.h"
#include "map/reorder.h"
#include "support/harness.h"

struct sinks {
    struct weir__buffer replies, letters;
    struct weir__reorder order;
};

static struct sinks *sinks_new(int ordered)
{
    struct sinks *sinks = calloc(1, sizeof *sinks);

    CU_ASSERT_FATAL(sinks != NULL);
    sinks->order = (struct weir__reorder){
        .ordered = ordered, .replies = &sinks->replies, .letters = &sinks->letters};
    return sinks;
}

static void sinks_free(struct sinks *sinks)
{
    weir__reorder_clear(&sinks->order);
    weir__buffer_clear(&sinks->replies);
    weir__buffer_clear(&sinks->letters);
    free(sinks);
}

/* Settles record seq, whose place in the input follows from its number; what is
 * written of it is "SEQ\n". */
static void settle(struct sinks *sinks, uint64_t seq, enum weir__outcome outcome)
{
    const struct weir__record record = {.seq = seq, .line = seq + 1, .end = (seq + 1) * 10};
    char text[32] = "";

    if (outcome != WEIR__DROPPED)
        snprintf(text, sizeof text, "%llu\n", (unsigned long long)seq);
    CU_ASSERT_EQUAL(weir__reorder_settle(&sinks->order, &record, outcome, text, strlen(text), NULL),
                    0);
}

static int holds(const struct weir__buffer *buffer, const char *text)
{
    if (buffer->length == strlen(text)
        && (buffer->length == 0 || memcmp(buffer->bytes, text, buffer->length) == 0))
        return 1;
    printf("# it holds: %.*s\n", (int)buffer->length, buffer->bytes);
    return 0;
}

static void replies_wait_for_the_earlier_ones(void)
{
    struct sinks *sinks = sinks_new(1);

    settle(sinks, 2, WEIR__ANSWERED);
    settle(sinks, 1, WEIR__ANSWERED);
    CU_ASSERT(holds(&sinks->replies, ""));
    CU_ASSERT(weir__reorder_waiting(&sinks->order) >= 4);
    settle(sinks, 0, WEIR__ANSWERED);
    CU_ASSERT(holds(&sinks->replies, "0\n1\n2\n"));
    CU_ASSERT_EQUAL(weir__reorder_waiting(&sinks->order), 0);
    CU_ASSERT_EQUAL(sinks->order.tally.records_out, 3);
    CU_ASSERT_EQUAL(sinks->order.tally.bytes_out, 6);
    CU_ASSERT_EQUAL(sinks->order.peak_records, 2);
    CU_ASSERT(sinks->order.peak_bytes >= 4);
    sinks_free(sinks);
}

static void dead_and_dropped_records_give_up_their_slots(void)
{
    struct sinks *sinks = sinks_new(1);

    settle(sinks, 3, WEIR__ANSWERED);
    settle(sinks, 2, WEIR__DROPPED);
    settle(sinks, 1, WEIR__DEAD);
    settle(sinks, 0, WEIR__ANSWERED);
    CU_ASSERT(holds(&sinks->replies, "0\n3\n"));
    CU_ASSERT(holds(&sinks->letters, "1\n"));
    CU_ASSERT_EQUAL(sinks->order.tally.records_out, 2);
    CU_ASSERT_EQUAL(sinks->order.tally.answered, 2);
    CU_ASSERT_EQUAL(sinks->order.tally.dropped, 1);
    CU_ASSERT_EQUAL(sinks->order.tally.dead, 1);
    sinks_free(sinks);
}

static void dead_letters_are_in_order_too(void)
{
    struct sinks *sinks = sinks_new(1);

    settle(sinks, 4, WEIR__DEAD);
    settle(sinks, 1, WEIR__DEAD);
    settle(sinks, 3, WEIR__ANSWERED);
    CU_ASSERT(holds(&sinks->letters, ""));
    settle(sinks, 0, WEIR__DEAD);
    CU_ASSERT(holds(&sinks->letters, "0\n1\n"));
    settle(sinks, 2, WEIR__DEAD);
    CU_ASSERT(holds(&sinks->letters, "0\n1\n2\n4\n"));
    CU_ASSERT(holds(&sinks->replies, "3\n"));
    sinks_free(sinks);
}

static void a_dead_record_without_a_letter_writes_nothing(void)
{
    struct sinks *sinks = sinks_new(1);
    const struct weir__record record = {.seq = 0, .line = 1, .end = 10};

    CU_ASSERT_EQUAL(weir__reorder_settle(&sinks->order, &record, WEIR__DEAD, NULL, 0, NULL), 0);
    settle(sinks, 1, WEIR__ANSWERED);
    CU_ASSERT(holds(&sinks->replies, "1\n"));
    CU_ASSERT(holds(&sinks->letters, ""));
    sinks_free(sinks);
}

static void unordered_replies_are_written_as_they_come(void)
{
    struct sinks *sinks = sinks_new(0);

    settle(sinks, 2, WEIR__ANSWERED);
    settle(sinks, 5, WEIR__DEAD);
    settle(sinks, 1, WEIR__ANSWERED);
    CU_ASSERT(holds(&sinks->replies, "2\n1\n"));
    CU_ASSERT(holds(&sinks->letters, "5\n"));
    settle(sinks, 0, WEIR__ANSWERED);
    CU_ASSERT(holds(&sinks->replies, "2\n1\n0\n"));
    CU_ASSERT_EQUAL(sinks->order.next, 3);
    sinks_free(sinks);
}

/* What an earlier run settled takes its slot, and is neither written nor counted again. */
static void a_record_of_an_earlier_run_passes(void)
{
    struct sinks *sinks = sinks_new(0);
    const struct weir__record passing = {.seq = 1, .line = 2, .end = 20};

    settle(sinks, 2, WEIR__ANSWERED);
    CU_ASSERT_EQUAL(weir__reorder_pass(&sinks->order, &passing, NULL), 0);
    settle(sinks, 0, WEIR__ANSWERED);
    CU_ASSERT(holds(&sinks->replies, "2\n0\n"));
    CU_ASSERT_EQUAL(sinks->order.next, 3);
    CU_ASSERT_EQUAL(sinks->order.tally.answered, 2);
    CU_ASSERT_EQUAL(sinks->order.tally.dropped, 0);
    sinks_free(sinks);
}

static void it_knows_what_has_settled_and_where_the_first_gap_is(void)
{
    for (int ordered = 0; ordered <= 1; ordered++) {
        struct sinks *sinks = sinks_new(ordered);

        settle(sinks, 0, WEIR__ANSWERED);
        settle(sinks, 3, WEIR__DROPPED);
        settle(sinks, 2, WEIR__DEAD);
        CU_ASSERT(weir__reorder_has(&sinks->order, 0));
        CU_ASSERT(!weir__reorder_has(&sinks->order, 1));
        CU_ASSERT(weir__reorder_has(&sinks->order, 2));
        CU_ASSERT(weir__reorder_has(&sinks->order, 3));
        CU_ASSERT(!weir__reorder_has(&sinks->order, 4));
        CU_ASSERT(!weir__reorder_has(&sinks->order, 1000000));
        CU_ASSERT_EQUAL(sinks->order.next, 1);
        CU_ASSERT_EQUAL(sinks->order.next_line, 1);
        CU_ASSERT_EQUAL(sinks->order.next_offset, 10);
        settle(sinks, 1, WEIR__ANSWERED);
        CU_ASSERT_EQUAL(sinks->order.next, 4);
        CU_ASSERT_EQUAL(sinks->order.next_line, 4);
        CU_ASSERT_EQUAL(sinks->order.next_offset, 40);
        sinks_free(sinks);
    }
}

/* The ring wraps and grows while slots are taken, from any place it is at. */
static void the_ring_grows_with_all_that_it_holds(void)
{
    for (uint64_t start = 0; start < 600; start += 37) {
        struct sinks *sinks = sinks_new(1);
        char wanted[64];

        for (uint64_t seq = 0; seq < start; seq++)
            settle(sinks, seq, WEIR__ANSWERED);
        sinks->replies.length = 0;
        for (uint64_t ahead = 1; ahead < 2000; ahead = ahead * 3 + 1)
            settle(sinks, start + ahead, WEIR__ANSWERED);
        CU_ASSERT_EQUAL(sinks->replies.length, 0);
        for (uint64_t ahead = 0; ahead < 2000; ahead++)
            if (!weir__reorder_has(&sinks->order, start + ahead))
                settle(sinks, start + ahead, WEIR__ANSWERED);
        snprintf(wanted, sizeof wanted, "%llu\n", (unsigned long long)start);
        CU_ASSERT_EQUAL(memcmp(sinks->replies.bytes, wanted, strlen(wanted)), 0);
        CU_ASSERT_EQUAL(sinks->order.tally.records_out, start + 2000);
        CU_ASSERT_EQUAL(sinks->order.next, start + 2000);
        CU_ASSERT_EQUAL(weir__reorder_waiting(&sinks->order), 0);
        sinks_free(sinks);
    }
}

/* Any permutation within a window comes out as the numbers in a row. */
static void any_order_in_is_one_order_out(void)
{
    enum { COUNT = 5000 };
    struct sinks *sinks = sinks_new(1);
    static uint64_t seqs[COUNT];
    uint32_t state = 1;
    char *at;

    for (uint64_t i = 0; i < COUNT; i++)
        seqs[i] = i;
    for (size_t i = 0; i < COUNT; i++) {
        size_t span = COUNT - i < 700 ? COUNT - i : 700, other;
        uint64_t kept = seqs[i];

        state = state * 1664525 + 1013904223;
        other = i + (state >> 8) % span;
        seqs[i] = seqs[other];
        seqs[other] = kept;
        settle(sinks, seqs[i], WEIR__ANSWERED);
    }
    CU_ASSERT_EQUAL(weir__buffer_add(&sinks->replies, "", 1, NULL), 0);
    at = sinks->replies.bytes;
    for (unsigned long i = 0; i < COUNT; i++)
        CU_ASSERT_EQUAL(strtoul(at, &at, 10), i);
    CU_ASSERT_EQUAL(*at, '\n');
    sinks_free(sinks);
}

/* With the first record open for ever, in input order the replies are what counts,
 * without it the memory that remembers what has settled: both have an end. */
static void what_waits_is_bounded(void)
{
    for (int ordered = 0; ordered <= 1; ordered++) {
        struct sinks *sinks = sinks_new(ordered);
        uint64_t seq = 1;

        for (; seq < 3000000 && !weir__reorder_is_full(&sinks->order, 1000000); seq++) {
            settle(sinks, seq, WEIR__ANSWERED);
            sinks->replies.length = 0;
        }
        CU_ASSERT(ordered ? seq < 100000 : seq > 500000 && seq < 3000000);
        CU_ASSERT(!ordered || sinks->order.peak_bytes == weir__reorder_waiting(&sinks->order));
        settle(sinks, 0, WEIR__ANSWERED);
        CU_ASSERT(!weir__reorder_is_full(&sinks->order, 1000000));
        CU_ASSERT_EQUAL(sinks->order.next, seq);
        sinks_free(sinks);
    }
}

/* One early reply may let thousands go: they do not all go into the output's buffer at once. */
static void what_is_released_at_once_is_bounded(void)
{
    struct sinks *sinks = sinks_new(1);

    sinks->order.most_unwritten = 3;
    for (uint64_t seq = 1; seq < 5; seq++)
        settle(sinks, seq, WEIR__ANSWERED);
    settle(sinks, 0, WEIR__ANSWERED);
    CU_ASSERT(holds(&sinks->replies, "0\n1\n"));
    CU_ASSERT_EQUAL(sinks->order.next, 2);
    CU_ASSERT_EQUAL(weir__reorder_release(&sinks->order, NULL), 0);
    sinks->replies.length = 0;
    CU_ASSERT_EQUAL(weir__reorder_release(&sinks->order, NULL), 1);
    CU_ASSERT(holds(&sinks->replies, "2\n3\n"));
    settle(sinks, 5, WEIR__ANSWERED);
    sinks->replies.length = 0;
    CU_ASSERT_EQUAL(weir__reorder_release(&sinks->order, NULL), 1);
    CU_ASSERT_EQUAL(weir__reorder_release(&sinks->order, NULL), 0);
    CU_ASSERT(holds(&sinks->replies, "4\n5\n"));
    CU_ASSERT_EQUAL(weir__reorder_waiting(&sinks->order), 0);
    CU_ASSERT_EQUAL(sinks->order.tally.records_out, 6);
    sinks_free(sinks);
}

static void take(void *owner, struct weir__outputs *outputs)
{
    ++*(int *)owner;
    weir__outputs_free(outputs, NULL);
}

/* Its outputs have been handed over: they are not handed over again, nor freed. */
static void a_record_for_which_there_is_no_memory_stays_open(void)
{
    struct sinks *sinks = sinks_new(1);
    struct weir__record second = {.seq = 1, .line = 2, .end = 20};
    const struct weir__record first = {.line = 1, .end = 10};
    int delivered = 0;

    sinks->order.is_framed = 1;
    sinks->order.deliver = take;
    sinks->order.owner = &delivered;
    second.each.outputs = weir__outputs_new();
    CU_ASSERT_FATAL(second.each.outputs != NULL);
    second.each.outputs->out.total = SIZE_MAX - sizeof(struct weir__item_head);
    CU_ASSERT_EQUAL(weir__reorder_settle(&sinks->order, &second, WEIR__ANSWERED, "", 0, NULL), 0);
    CU_ASSERT_EQUAL(weir__reorder_settle(&sinks->order, &first, WEIR__ANSWERED, "", 0, NULL),
                    WEIR_ERR_NOMEM);
    CU_ASSERT_EQUAL(delivered, 1);
    CU_ASSERT_EQUAL(weir__reorder_release(&sinks->order, NULL), 0);
    CU_ASSERT_EQUAL(delivered, 1);
    sinks_free(sinks);
}

int main(void)
{
    CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(replies_wait_for_the_earlier_ones),
        TEST(dead_and_dropped_records_give_up_their_slots),
        TEST(dead_letters_are_in_order_too),
        TEST(a_dead_record_without_a_letter_writes_nothing),
        TEST(unordered_replies_are_written_as_they_come),
        TEST(a_record_of_an_earlier_run_passes),
        TEST(it_knows_what_has_settled_and_where_the_first_gap_is),
        TEST(the_ring_grows_with_all_that_it_holds),
        TEST(any_order_in_is_one_order_out),
        TEST(what_waits_is_bounded),
        TEST(what_is_released_at_once_is_bounded),
        TEST(a_record_for_which_there_is_no_memory_stays_open),
        CU_TEST_INFO_NULL,
    };

    return run_suite("order", tests);
}
