/* The audit log: what verify finds, and its records. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/key.h"
#include "audit/record.h"
#include "audit/unfinished.h"
#include "audit/verify.h"
#include "base/fd.h"
#include "support/harness.h"

/* --- A log of a few records, as lines to play with ----------------------------- */

enum { RECORDS = 8 };

struct book {
    struct weir__audit_key key;
    struct weir__buffer lines[RECORDS + 1]; /* [1] is record 1 */
    char hashes[RECORDS + 1][WEIR__DIGEST_SIZE];
};

static void book_open(struct book *book)
{
    struct weir__audit_link link;

    *book = (struct book){0};
    weir__audit_link_init(&link);
    strcpy(book->hashes[0], link.hash);
    CU_ASSERT_EQUAL_FATAL(weir__audit_key_open(&book->key, NULL, NULL), 0);
    for (int i = 1; i <= RECORDS; i++) {
        json_t *record = json_pack("{s:s,s:s,s:i}", "event", i % 2 ? "started" : "ended", "job",
                                   "0123456789abcdef0123456789abcdef", "x", i);

        CU_ASSERT_EQUAL_FATAL(weir__audit_seal(record, &link, &book->key, &book->lines[i], NULL),
                              0);
        CU_ASSERT_EQUAL(link.seq, i);
        strcpy(book->hashes[i], link.hash);
        json_decref(record);
    }
}

static void book_close(struct book *book)
{
    for (int i = 1; i <= RECORDS; i++)
        weir__buffer_clear(&book->lines[i]);
    weir__audit_key_clear(&book->key);
}

/* The records of a list that ends with 0, as the text of a file. */
static struct weir__buffer text_of(const struct book *book, const int *list)
{
    struct weir__buffer text = {0};

    for (; *list != 0; list++)
        weir__buffer_add(&text, book->lines[*list].bytes, book->lines[*list].length, NULL);
    return text;
}

static struct weir__audit_verdict verify_text(const struct book *book, const char *bytes,
                                              size_t length,
                                              const struct weir__audit_expected *expected)
{
    struct weir__audit_file file = {.fd = weir__fd_of_bytes(bytes, length, NULL), .name = "log"};
    struct weir__audit_verdict verdict;

    CU_ASSERT_EQUAL(weir__audit_verify(&file, 1, &book->key, expected, &verdict, NULL), 0);
    close(file.fd);
    return verdict;
}

static struct weir__audit_verdict verify_list(const struct book *book, const int *list)
{
    struct weir__buffer text = text_of(book, list);
    struct weir__audit_verdict verdict =
        verify_text(book, text.bytes, text.length, &(struct weir__audit_expected){0});

    weir__buffer_clear(&text);
    return verdict;
}

#define LIST(...)                                                                                  \
    (const int[])                                                                                  \
    {                                                                                              \
        __VA_ARGS__, 0                                                                             \
    }

/* --- What verify finds ----------------------------------------------------------- */

static void a_log_as_it_was_written_is_sound(void)
{
    struct book book;
    struct weir__audit_verdict verdict;

    book_open(&book);
    verdict = verify_list(&book, LIST(1, 2, 3, 4, 5, 6, 7));
    CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_SOUND);
    CU_ASSERT_EQUAL(verdict.records, 7);
    CU_ASSERT_EQUAL(verdict.started, 4);
    CU_ASSERT_EQUAL(verdict.ended, 3);
    CU_ASSERT_EQUAL(verdict.last.seq, 7);
    CU_ASSERT_STRING_EQUAL(verdict.last.hash, book.hashes[7]);
    CU_ASSERT_STRING_EQUAL(verdict.sentence, "");
    verdict = verify_text(&book, "", 0, &(struct weir__audit_expected){0});
    CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_SOUND);
    CU_ASSERT_EQUAL(verdict.records, 0);
    book_close(&book);
}

static void each_fault_is_named_at_its_line(void)
{
    static const struct {
        int list[RECORDS + 4];
        enum weir__audit_fault fault;
        unsigned line;
    } cases[] = {
        {{1, 2, 4, 5}, WEIR__AUDIT_MISSING, 3},
        {{2, 3, 4}, WEIR__AUDIT_MISSING, 1},
        {{1, 2, 6, 7, 8}, WEIR__AUDIT_MISSING, 3},
        {{8}, WEIR__AUDIT_MISSING, 1},
        {{1, 1, 2, 3}, WEIR__AUDIT_DOUBLED, 2},
        {{1, 2, 3, 2, 3, 4}, WEIR__AUDIT_DOUBLED, 4},
        {{1, 2, 3, 4, 1}, WEIR__AUDIT_DOUBLED, 5},
        {{1, 2, 4, 3, 5}, WEIR__AUDIT_REORDERED, 3},
        {{2, 1, 3}, WEIR__AUDIT_REORDERED, 1},
        {{1, 2, 4, 5, 6, 3, 7}, WEIR__AUDIT_REORDERED, 3},
        {{1, 2, 6, 3, 4, 5, 7}, WEIR__AUDIT_REORDERED, 3},
        {{1, 2, 5, 4, 3, 6}, WEIR__AUDIT_REORDERED, 3},
    };
    struct book book;

    book_open(&book);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__audit_verdict verdict = verify_list(&book, cases[i].list);

        CU_ASSERT_EQUAL(verdict.fault, cases[i].fault);
        CU_ASSERT_EQUAL(verdict.line, cases[i].line);
        CU_ASSERT(*verdict.sentence != '\0');
        CU_ASSERT_EQUAL(verdict.records, (uint64_t)verdict.last.seq);
    }
    book_close(&book);
}

/* Every byte but a newline, set to something else. */
static void a_changed_byte_is_found_wherever_it_is(void)
{
    struct book book;
    struct weir__buffer text;
    size_t first;

    book_open(&book);
    first = book.lines[1].length;
    text = text_of(&book, LIST(1, 2, 3));
    for (size_t i = 0; i < text.length; i++) {
        char was = text.bytes[i];
        struct weir__audit_verdict verdict;

        if (was == '\n')
            continue;
        text.bytes[i] = was == 'x' ? 'y' : 'x';
        verdict = verify_text(&book, text.bytes, text.length, &(struct weir__audit_expected){0});
        CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_CHANGED);
        CU_ASSERT_EQUAL(verdict.line, 1u + (i >= first) + (i >= first + book.lines[2].length));
        text.bytes[i] = was;
    }
    weir__buffer_clear(&text);
    book_close(&book);
}

/* The same record in other words: no value has changed, but the bytes have. */
static void another_spelling_is_a_change(void)
{
    static const char *const spellings[] = {" ", "\t"};
    struct book book;
    struct weir__audit_verdict verdict;

    book_open(&book);
    for (size_t i = 0; i < 2; i++) {
        struct weir__buffer text = {0};

        weir__buffer_add(&text, spellings[i], 1, NULL);
        weir__buffer_add(&text, book.lines[1].bytes, book.lines[1].length, NULL);
        verdict = verify_text(&book, text.bytes, text.length, &(struct weir__audit_expected){0});
        CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_CHANGED);
        weir__buffer_clear(&text);
    }
    book_close(&book);
}

static void a_tail_cut_anywhere_is_cut(void)
{
    struct book book;
    struct weir__buffer text;

    book_open(&book);
    text = text_of(&book, LIST(1, 2, 3));
    for (size_t cut = 1; cut <= book.lines[3].length; cut++) {
        struct weir__audit_verdict verdict =
            verify_text(&book, text.bytes, text.length - cut, &(struct weir__audit_expected){0});

        if (cut == book.lines[3].length) { /* whole records: only --expect-last shows it */
            CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_SOUND);
            continue;
        }
        CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_CUT);
        CU_ASSERT_EQUAL(verdict.line, 3);
        CU_ASSERT_EQUAL(verdict.offset, text.length - book.lines[3].length);
        CU_ASSERT(verdict.is_tail);
        CU_ASSERT_EQUAL(verdict.records, 2);
    }
    weir__buffer_clear(&text);
    book_close(&book);
}

static void a_line_cut_in_the_middle_is_cut_and_no_tail(void)
{
    struct book book;
    struct weir__buffer text = {0};
    struct weir__audit_verdict verdict;

    book_open(&book);
    weir__buffer_add(&text, book.lines[1].bytes, book.lines[1].length - 20, NULL);
    weir__buffer_add(&text, "\n", 1, NULL);
    weir__buffer_add(&text, book.lines[2].bytes, book.lines[2].length, NULL);
    verdict = verify_text(&book, text.bytes, text.length, &(struct weir__audit_expected){0});
    CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_CUT);
    CU_ASSERT_EQUAL(verdict.line, 1);
    CU_ASSERT_FALSE(verdict.is_tail);
    weir__buffer_clear(&text);
    book_close(&book);
}

static void what_is_expected_is_held_against_the_log(void)
{
    struct book book;
    struct weir__buffer text;
    struct weir__audit_verdict verdict;

    book_open(&book);
    text = text_of(&book, LIST(3, 4, 5));
    verdict = verify_text(&book, text.bytes, text.length,
                          &(struct weir__audit_expected){.after = book.hashes[2]});
    CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_SOUND);
    CU_ASSERT_EQUAL(verdict.first.seq, 3);
    verdict = verify_text(&book, text.bytes, text.length,
                          &(struct weir__audit_expected){.after = book.hashes[1]});
    CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_CHANGED);
    weir__buffer_clear(&text);

    text = text_of(&book, LIST(1, 2, 3));
    verdict = verify_text(&book, text.bytes, text.length,
                          &(struct weir__audit_expected){.last = book.hashes[3]});
    CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_SOUND);
    verdict = verify_text(&book, text.bytes, text.length,
                          &(struct weir__audit_expected){.last = book.hashes[4]});
    CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_CUT);
    CU_ASSERT_EQUAL(verdict.line, 0);
    verdict = verify_text(&book, text.bytes, text.length,
                          &(struct weir__audit_expected){.last = book.hashes[2]});
    CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_CHANGED);
    CU_ASSERT_PTR_NOT_NULL(strstr(verdict.sentence, "continues"));
    weir__buffer_clear(&text);
    book_close(&book);
}

/* Without a key whoever can write can make a record that holds in itself: but it
 * does not fit between its neighbours. */
static void a_record_made_anew_breaks_the_chain(void)
{
    struct book book;
    struct weir__audit_link link = {.seq = 2};
    struct weir__buffer forged = {0}, text = {0};
    json_t *record = json_pack("{s:s}", "event", "forged");
    struct weir__audit_verdict verdict;

    book_open(&book);
    strcpy(link.hash, book.hashes[2]);
    CU_ASSERT_EQUAL_FATAL(weir__audit_seal(record, &link, &book.key, &forged, NULL), 0);
    weir__buffer_add(&text, book.lines[1].bytes, book.lines[1].length, NULL);
    weir__buffer_add(&text, book.lines[2].bytes, book.lines[2].length, NULL);
    weir__buffer_add(&text, forged.bytes, forged.length, NULL);
    weir__buffer_add(&text, book.lines[4].bytes, book.lines[4].length, NULL);
    verdict = verify_text(&book, text.bytes, text.length, &(struct weir__audit_expected){0});
    CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_CHANGED);
    CU_ASSERT_EQUAL(verdict.line, 4);
    weir__buffer_clear(&forged);
    weir__buffer_clear(&text);
    json_decref(record);
    book_close(&book);
}

static void a_line_without_end_is_read_in_constant_memory(void)
{
    size_t length = (size_t)WEIR__AUDIT_LINE * 5;
    char *bytes = malloc(length);
    struct book book;
    struct weir__audit_verdict verdict;

    book_open(&book);
    memset(bytes, '[', length);
    verdict = verify_text(&book, bytes, length, &(struct weir__audit_expected){0});
    CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_CUT);
    bytes[length - 1] = '\n';
    verdict = verify_text(&book, bytes, length, &(struct weir__audit_expected){0});
    CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_CHANGED);
    CU_ASSERT_PTR_NOT_NULL(strstr(verdict.sentence, "too long"));
    free(bytes);
    book_close(&book);
}

/* --- What has not ended ------------------------------------------------------------ */

static void note(struct weir__audit_unfinished *jobs, unsigned job, const char *event)
{
    struct weir__audit_place place = {.offset = job};
    struct weir__audit_entry entry = {0};
    char id[40];

    snprintf(id, sizeof id, "%08x%024x", job * 2654435761u, job);
    entry.record = json_pack("{s:s,s:s}", "job", id, "event", event);
    weir__audit_unfinished_note(jobs, &entry, &place);
    json_decref(entry.record);
}

static void what_has_not_ended_is_reported_in_order(void)
{
    struct weir__audit_unfinished *jobs = weir__audit_unfinished_new();
    const struct weir__audit_place *list;
    uint64_t more;
    size_t count;

    for (unsigned i = 0; i < 3000; i++)
        note(jobs, i, "started");
    for (unsigned i = 0; i < 3000; i++)
        if (i % 7 != 0)
            note(jobs, i, "ended");
    list = weir__audit_unfinished_list(jobs, &count, &more);
    CU_ASSERT_EQUAL_FATAL(count, 429);
    CU_ASSERT_EQUAL(more, 0);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL(list[i].offset, i * 7);
    for (unsigned i = 10000; i < 15000; i++)
        note(jobs, i, "started");
    weir__audit_unfinished_list(jobs, &count, &more);
    CU_ASSERT_EQUAL(count, WEIR__AUDIT_UNFINISHED);
    CU_ASSERT_EQUAL(count + more, 5429);
    weir__audit_unfinished_free(jobs);
}

/* --- Records ------------------------------------------------------------------------ */

static void a_long_command_line_is_cut_and_says_so(void)
{
    enum { WORDS = 2000 };
    char **argv = calloc(WORDS + 1, sizeof *argv);
    struct weir__audit_command command = {.subcommand = "run", .argv = argv, .target = "x"};
    json_t *record, *what;
    char *text;

    for (int i = 0; i < WORDS; i++) {
        argv[i] = malloc(6001);
        memset(argv[i], 'a', 6000);
        argv[i][6000] = '\0';
    }
    record = weir__audit_started(&command, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(record);
    what = json_object_get(record, "what");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_object_get(what, "argv_cut"), "words")),
                    WORDS);
    text = json_dumps(record, JSON_COMPACT);
    CU_ASSERT(strlen(text) < 40000);
    free(text);
    json_decref(record);
    for (int i = 0; i < WORDS; i++)
        free(argv[i]);
    free(argv);
}

static json_t *traceparent_of(const char *text)
{
    char *argv[] = {"run", NULL};
    struct weir__audit_command command = {.subcommand = "run", .argv = argv, .traceparent = text};
    json_t *record = weir__audit_started(&command, NULL);
    json_t *value = json_incref(json_object_get(record, "traceparent"));

    json_decref(record);
    return value;
}

static void a_traceparent_is_kept_if_it_is_one(void)
{
    static const char good[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    static const char *const bad[] = {
        NULL,
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    };
    json_t *value = traceparent_of(good);

    CU_ASSERT_STRING_EQUAL(json_string_value(value), good);
    json_decref(value);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        value = traceparent_of(bad[i]);
        CU_ASSERT(json_is_null(value));
        json_decref(value);
    }
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"a_log_as_it_was_written_is_sound", a_log_as_it_was_written_is_sound},
        {"each_fault_is_named_at_its_line", each_fault_is_named_at_its_line},
        {"a_changed_byte_is_found_wherever_it_is", a_changed_byte_is_found_wherever_it_is},
        {"another_spelling_is_a_change", another_spelling_is_a_change},
        {"a_tail_cut_anywhere_is_cut", a_tail_cut_anywhere_is_cut},
        {"a_line_cut_in_the_middle_is_cut_and_no_tail",
         a_line_cut_in_the_middle_is_cut_and_no_tail},
        {"what_is_expected_is_held_against_the_log", what_is_expected_is_held_against_the_log},
        {"a_record_made_anew_breaks_the_chain", a_record_made_anew_breaks_the_chain},
        {"a_line_without_end_is_read_in_constant_memory",
         a_line_without_end_is_read_in_constant_memory},
        {"what_has_not_ended_is_reported_in_order", what_has_not_ended_is_reported_in_order},
        {"a_long_command_line_is_cut_and_says_so", a_long_command_line_is_cut_and_says_so},
        {"a_traceparent_is_kept_if_it_is_one", a_traceparent_is_kept_if_it_is_one},
        CU_TEST_INFO_NULL,
    };

    return run_suite("audit", tests);
}
