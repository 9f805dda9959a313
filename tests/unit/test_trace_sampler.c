/* Which of many calls or records a trace takes, at made-up times. */
#include "config.h"

#include "base/trace_sampler.h"
#include "support/harness.h"

enum { US = 1000, MS = 1000000 };
static const int64_t second = 1000 * (int64_t)MS, begin = 5000 * (int64_t)MS;

/* How many of those that come each_ns apart are taken until end_ns. */
static int taken(struct weir__trace_sampler *sampler, int64_t *now_ns, int64_t end_ns,
                 int64_t each_ns, int64_t *stood_for)
{
    int count = 0;

    for (; *now_ns < end_ns; *now_ns += each_ns) {
        int64_t stands_for = 0;

        if (weir__sampler_offer(sampler, *now_ns, 10 * US))
            stands_for = weir__sampler_take(sampler, *now_ns, 0);
        if (stands_for > 0)
            weir__sampler_took(sampler, 10 * US);
        CU_ASSERT(stands_for >= 0);
        count += stands_for > 0;
        *stood_for += stands_for;
    }
    return count;
}

static void few_are_all_taken(void)
{
    struct weir__trace_sampler sampler = {0};
    int64_t now_ns = begin, stood_for = 0;

    CU_ASSERT_EQUAL(taken(&sampler, &now_ns, begin + second, 3 * MS, &stood_for), 334);
    CU_ASSERT_EQUAL(weir__sampler_passed(&sampler), 0);
}

static void the_first_few_of_many_are_all_taken(void)
{
    struct weir__trace_sampler sampler = {0};
    int64_t now_ns = begin, stood_for = 0;

    CU_ASSERT_EQUAL(taken(&sampler, &now_ns, begin + 50 * US, 1 * US, &stood_for), 50);
}

static void of_many_about_one_a_millisecond_is_taken(void)
{
    static const int64_t spacings[] = {100, 1 * US, 30 * US, 300 * US};

    for (size_t i = 0; i < sizeof spacings / sizeof spacings[0]; i++) {
        struct weir__trace_sampler sampler = {0};
        int64_t now_ns = begin, stood_for = 0;
        int count = taken(&sampler, &now_ns, begin + second, spacings[i], &stood_for);

        CU_ASSERT(count >= 450 && count <= 1200);
        CU_ASSERT_EQUAL((uint64_t)count + weir__sampler_passed(&sampler),
                        (uint64_t)((second + spacings[i] - 1) / spacings[i]));
        CU_ASSERT(stood_for <= second / spacings[i] + 1);
        CU_ASSERT(stood_for >= (second - 10 * MS) / spacings[i]);
    }
}

static void when_they_become_few_all_are_taken_soon(void)
{
    struct weir__trace_sampler sampler = {0};
    int64_t now_ns = begin, stood_for = 0;

    taken(&sampler, &now_ns, begin + second, 100, &stood_for);
    taken(&sampler, &now_ns, now_ns + 30 * MS, 5 * MS, &stood_for);
    CU_ASSERT_EQUAL(taken(&sampler, &now_ns, now_ns + second, 5 * MS, &stood_for), 200);
}

static void what_took_long_is_taken_beside_its_turn(void)
{
    struct weir__trace_sampler sampler = {0};
    int64_t now_ns = begin, stood_for = 0;
    uint64_t passed;
    int count = 0;

    taken(&sampler, &now_ns, begin + second, 1 * US, &stood_for);
    passed = weir__sampler_passed(&sampler);
    CU_ASSERT(weir__sampler_offer(&sampler, now_ns, 20 * MS));
    CU_ASSERT(weir__sampler_is_slow(&sampler, now_ns, 20 * MS));
    CU_ASSERT_EQUAL(weir__sampler_take(&sampler, now_ns, 1), WEIR__SAMPLER_BESIDE);
    CU_ASSERT_EQUAL(weir__sampler_passed(&sampler), passed);
    CU_ASSERT(!weir__sampler_is_slow(&sampler, now_ns, 20 * MS)); /* of the same read */
    CU_ASSERT(weir__sampler_is_slow(&sampler, now_ns + 1, 20 * MS));
    while (weir__sampler_take_beside(&sampler, now_ns) != 0)
        count++;
    CU_ASSERT_EQUAL(count, 999); /* a second */
    CU_ASSERT_EQUAL(weir__sampler_passed(&sampler), passed - 999);
    CU_ASSERT_EQUAL(weir__sampler_take_beside(&sampler, now_ns + second), WEIR__SAMPLER_BESIDE);
}

static void what_takes_as_long_as_the_others_is_not_slow(void)
{
    struct weir__trace_sampler sampler = {0};

    for (int i = 0; i < 200; i++)
        weir__sampler_took(&sampler, second);
    sampler.left = sampler.each = 1000;
    sampler.due_ns = begin + second;
    CU_ASSERT(!weir__sampler_offer(&sampler, begin, 2 * second));
    CU_ASSERT(weir__sampler_offer(&sampler, begin, 9 * second));
}

int main(void)
{
    CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(few_are_all_taken),
        TEST(the_first_few_of_many_are_all_taken),
        TEST(of_many_about_one_a_millisecond_is_taken),
        TEST(when_they_become_few_all_are_taken_soon),
        TEST(what_took_long_is_taken_beside_its_turn),
        TEST(what_takes_as_long_as_the_others_is_not_slow),
        CU_TEST_INFO_NULL,
    };

    return run_suite("trace sampler", tests);
}
