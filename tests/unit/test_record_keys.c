/* The records in flight to a worker, found by the value of their key. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map/record_keys.h"
#include "support/harness.h"
#include "text/pointer.h"

/* A record that is nothing but its key. */
static struct weir__record *record_new(const char *value, size_t length)
{
    struct weir__record *record = calloc(1, sizeof *record + length + 1);

    CU_ASSERT_FATAL(record != NULL);
    memcpy(record->bytes, value, length);
    record->bytes[length] = '\n';
    record->length = length + 1;
    record->key.length = (uint32_t)length;
    record->key.hash = weir__json_hash(value, length, 0);
    return record;
}

static struct weir__record *add(struct weir__keys *keys, const char *value)
{
    struct weir__record *record = record_new(value, strlen(value));

    CU_ASSERT_EQUAL(weir__keys_add(keys, record), 0);
    return record;
}

static struct weir__record *take(struct weir__keys *keys, const char *value)
{
    return weir__keys_take(keys, (struct weir__slice){value, strlen(value)});
}

static void a_record_is_found_once(void)
{
    struct weir__keys keys = {0};
    struct weir__record *one, *other;

    CU_ASSERT(take(&keys, "1") == NULL);
    one = add(&keys, "1");
    other = add(&keys, "\"1\"");
    CU_ASSERT(take(&keys, "2") == NULL);
    CU_ASSERT(take(&keys, "\"\\u0031\"") == other);
    CU_ASSERT(take(&keys, "\"1\"") == NULL);
    CU_ASSERT(take(&keys, "1") == one);
    CU_ASSERT(take(&keys, "1") == NULL);
    CU_ASSERT_EQUAL(keys.count, 0);
    free(one);
    free(other);
    weir__keys_clear(&keys);
}

static void it_knows_whether_there_is_one_with_the_same_key(void)
{
    struct weir__keys keys = {0};
    struct weir__record *asked = record_new("\"\\u0061\"", 8), *other = record_new("\"b\"", 3),
                        *one;

    CU_ASSERT(!weir__keys_have(&keys, asked));
    one = add(&keys, "\"a\"");
    CU_ASSERT(weir__keys_have(&keys, asked));
    CU_ASSERT(!weir__keys_have(&keys, other));
    CU_ASSERT(take(&keys, "\"a\"") == one);
    CU_ASSERT(!weir__keys_have(&keys, asked));
    free(one);
    free(asked);
    free(other);
    weir__keys_clear(&keys);
}

static void of_two_with_one_key_the_older_is_taken_first(void)
{
    struct weir__keys keys = {0};
    struct weir__record *first = add(&keys, "7"), *second = add(&keys, "7"),
                        *third = add(&keys, "7");

    CU_ASSERT(take(&keys, "7") == first);
    CU_ASSERT(take(&keys, "7") == second);
    CU_ASSERT_EQUAL(weir__keys_add(&keys, first), 0);
    CU_ASSERT(take(&keys, "7") == third);
    CU_ASSERT(take(&keys, "7") == first);
    CU_ASSERT(take(&keys, "7") == NULL);
    free(first);
    free(second);
    free(third);
    weir__keys_clear(&keys);
}

static void thousands_are_found_in_any_order(void)
{
    enum { COUNT = 5000, STEP = 1237 }; /* without a common divisor */
    struct weir__keys keys = {0};
    char value[20];

    for (int i = 0; i < COUNT; i++) {
        snprintf(value, sizeof value, "%d", i);
        add(&keys, value);
    }
    for (int i = 0, n = 0; i < COUNT; i++, n = (n + STEP) % COUNT) {
        struct weir__record *record;

        snprintf(value, sizeof value, "%d", n);
        record = take(&keys, value);
        CU_ASSERT_FATAL(record != NULL);
        CU_ASSERT_EQUAL(record->key.length, strlen(value));
        free(record);
    }
    CU_ASSERT_EQUAL(keys.count, 0);
    weir__keys_clear(&keys);
}

static void long_keys_differ_by_their_last_byte(void)
{
    enum { LENGTH = 100000 };
    struct weir__keys keys = {0};
    char *value = malloc(LENGTH + 1);
    struct weir__record *one, *other;

    CU_ASSERT_FATAL(value != NULL);
    memset(value, 'k', LENGTH);
    value[0] = value[LENGTH - 1] = '"';
    value[LENGTH] = '\0';
    one = add(&keys, value);
    value[LENGTH - 2] = 'l';
    other = add(&keys, value);
    CU_ASSERT(take(&keys, value) == other);
    CU_ASSERT(take(&keys, value) == NULL);
    value[LENGTH - 2] = 'k';
    CU_ASSERT(take(&keys, value) == one);
    free(one);
    free(other);
    free(value);
    weir__keys_clear(&keys);
}

int main(void)
{
    CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(a_record_is_found_once),
        TEST(it_knows_whether_there_is_one_with_the_same_key),
        TEST(of_two_with_one_key_the_older_is_taken_first),
        TEST(thousands_are_found_in_any_order),
        TEST(long_keys_differ_by_their_last_byte),
        CU_TEST_INFO_NULL,
    };

    return run_suite("record_keys", tests);
}
