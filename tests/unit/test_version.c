#include "config.h"

#include "schema/range.h"

#include <string.h>

#include "support/harness.h"

/* text is read, and means wanted in its one form. */
static void expect_version(const char *text, const char *wanted)
{
    char made[WEIR__VERSION_TEXT];
    struct weir__version version;

    if (weir__version_parse(text, &version) < 0)
        strcpy(made, "nothing");
    else
        weir__version_text(&version, made);
    CU_ASSERT_STRING_EQUAL(made, wanted);
    if (strcmp(made, wanted) != 0)
        printf("# %s is %s, not %s\n", text, made, wanted);
}

static void versions_are_read_as_tools_write_them(void)
{
    static const char *const cases[][2] = {
        {"1.22.3", "1.22.3"},
        {"1.22", "1.22.0"},
        {"7", "7.0.0"},
        {"v20.1.0", "20.1.0"},
        {"go1.22.3", "1.22.3"},
        {"go1.23rc2", "1.23.0-rc2"},
        {"3.12.0b4", "3.12.0-b4"},
        {"3.14.0.dev0", "3.14.0-dev0"},
        {"3.11.2+", "3.11.2"},
        {"1.0.0-beta.2+exp.5", "1.0.0-beta.2+exp.5"},
        {"1.0.0-x-y-z", "1.0.0-x-y-z"},
        {"2.36-9+deb12u14", "2.36.0+9+deb12u14"},
        {"12.2.0-14", "12.2.0+14"},
        {"1.0~rc1", "1.0.0-rc1"},
        {"1.1.1w", "1.1.1+w"},
        {"1.0.2c", "1.0.2+c"},
        {"1.0c1", "1.0.0-c1"},
        {"1.0.post1", "1.0.0+post1"},
        {"1.2.3.4", "1.2.3.4"},
        {"18446744073709551615.0", "18446744073709551615.0.0"},
        {"18446744073709551616.0", "nothing"},
        {"1.2.3.4.5", "nothing"},
        {"", "nothing"},
        {"v", "nothing"},
        {"go", "nothing"},
        {"x1.2", "nothing"},
        {"1.2 ", "nothing"},
        {" 1.2", "nothing"},
        {"1.2.", "nothing"},
        {"1..2", "nothing"},
        {"1!2.0", "nothing"},
        {"-1.2", "nothing"},
        {"1.2-", "nothing"},
        {"1.2(3)", "nothing"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_version(cases[i][0], cases[i][1]);
}

/* A word that does not fit is no version, rather than another one. */
static void a_word_that_is_too_long_is_refused(void)
{
    struct weir__version version = {.count = 77};
    char text[WEIR__VERSION_WORD + 8];

    memset(text, 'x', sizeof text);
    memcpy(text, "1.2-", 4);
    text[4 + WEIR__VERSION_WORD] = '\0';
    CU_ASSERT(weir__version_parse(text, &version) == -1);
    CU_ASSERT(version.count == 77);
    text[4 + WEIR__VERSION_WORD - 1] = '\0';
    CU_ASSERT(weir__version_parse(text, &version) == 0);
    CU_ASSERT(strlen(version.prerelease) == WEIR__VERSION_WORD - 1);
}

static void a_version_is_found_in_what_tools_print(void)
{
    static const char *const cases[][2] = {
        {"go version go1.22.3 linux/amd64", "1.22.3"},
        {"go version devel go1.24-abcdef Mon linux/amd64", "1.24.0-abcdef"},
        {"Python 3.11.2\n", "3.11.2"},
        {"Python 3.13.0rc1", "3.13.0-rc1"},
        {"gcc (Debian 12.2.0-14+deb12u1) 12.2.0\nCopyright (C) 2022", "12.2.0+14+deb12u1"},
        {"ldd (Debian GLIBC 2.36-9+deb12u14) 2.36", "2.36.0+9+deb12u14"},
        {"GNU Make 4.3\nBuilt for x86_64-pc-linux-gnu", "4.3.0"},
        {"pip 23.0.1 from /usr/lib/python3.11/pip (python 3.11)", "23.0.1"},
        {"uv 0.4.18 (7b55e9790 2024-10-01)", "0.4.18"},
        {"loaded /opt/lib-2.1/x.so\nthis is 1.5.8.", "1.5.8"},
        {"Apple clang version 15.0.0 (clang-1500.1.0.2.5)", "15.0.0"},
        {"\xb0\xe6\xb1\xbe 24.1.2", "24.1.2"},
        {"on 2024-10-01 at 12", NULL},
        {"192.168.1.2.3", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char made[WEIR__VERSION_TEXT] = "";
        struct weir__version version;
        int status = weir__version_find(cases[i][0], strlen(cases[i][0]), &version);

        CU_ASSERT(status == (cases[i][1] != NULL ? 0 : -1));
        if (status < 0 || cases[i][1] == NULL)
            continue;
        CU_ASSERT_STRING_EQUAL(weir__version_text(&version, made), cases[i][1]);
    }
}

/* What comes behind the length does not count. */
static void a_version_is_found_within_its_length(void)
{
    struct weir__version version;

    CU_ASSERT(weir__version_find("x 1.234", 6, &version) == 0);
    CU_ASSERT(version.number[1] == 23);
    CU_ASSERT(weir__version_find("x 1.234", 3, &version) == -1);
    CU_ASSERT(weir__version_find("\0 1.2\0", 7, &version) == 0);
}

/* Each comes before the next. */
static void versions_are_in_order(void)
{
    static const char *const rising[] = {
        "0.9",        "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
        "1.0.0-beta", "1.0.0-beta2", "1.0.0-beta.11", "1.0.0-rc.1",
        "1.0.0",      "1.0.0.1",     "1.0.1",         "1.2",
        "1.10",       "2.0a1",       "2.0b1",         "2.0rc2",
        "2.0rc009",   "2.0rc10",     "2.0",           "10.0",
    };

    for (size_t i = 0; i < sizeof rising / sizeof rising[0]; i++)
        for (size_t j = 0; j < sizeof rising / sizeof rising[0]; j++) {
            struct weir__version a, b;
            int order;

            CU_ASSERT_FATAL(weir__version_parse(rising[i], &a) == 0);
            CU_ASSERT_FATAL(weir__version_parse(rising[j], &b) == 0);
            order = weir__version_compare(&a, &b);
            CU_ASSERT((order > 0) - (order < 0) == (i > j) - (i < j));
            if ((order > 0) - (order < 0) != (i > j) - (i < j))
                printf("# %s and %s\n", rising[i], rising[j]);
        }
}

static void a_build_and_a_number_not_said_do_not_count(void)
{
    static const char *const equal[] = {"1.2",   "1.2.0",   "v1.2.0.0",
                                        "1.2-7", "1.2.0+x", "1.2.post3"};
    struct weir__version first, other;

    CU_ASSERT_FATAL(weir__version_parse(equal[0], &first) == 0);
    for (size_t i = 1; i < sizeof equal / sizeof equal[0]; i++) {
        CU_ASSERT_FATAL(weir__version_parse(equal[i], &other) == 0);
        CU_ASSERT(weir__version_compare(&first, &other) == 0);
    }
}

static void a_range_holds_what_it_says(void)
{
    static const struct {
        const char *range, *inside, *outside; /* versions between blanks */
    } cases[] = {
        {">=1.22 <2", "1.22.0 1.22 1.22.7 1.99 1.23rc1", "1.21.9 1.22rc1 2.0 2.0.0-rc.1 0.1"},
        {">=1.22,<2", "1.22.0", "2.0"},
        {">= 1.22 , < 2", "1.22.0", "2.0"},
        {">1.22", "1.23 2", "1.22 1.22.9"},
        {">1.22.3", "1.22.4 1.22.3.1", "1.22.3 1.22.3-9"},
        {"<=1.22", "1.22.9 1", "1.23 1.23rc1"},
        {"<=1.22.3", "1.22.3 1.22.3rc1", "1.22.4 1.22.3.1"},
        {"<1.22.0-rc2", "1.22rc1 1.21", "1.22rc2 1.22"},
        {">=1.22-rc1", "1.22rc1 1.22rc2 1.22", "1.22-beta 1.21"},
        {"1.22", "1.22 1.22.5 1.22.5-3", "1.23 1.21.9 1.22rc1"},
        {"=1.22.3", "1.22.3 1.22.3+7", "1.22.4 1.22.2"},
        {"==3.11.*", "3.11 3.11.9", "3.12 3.1"},
        {"3.X", "3.0 3.99", "2.9 4.0"},
        {"*", "0 99 1.0rc1", ""},
        {"!=1.22", "1.21 1.23 1.23rc1 1.22rc1", "1.22 1.22.9"},
        {"!=1.22.3", "1.22.2 1.22.4 1.22.3rc1", "1.22.3"},
        {"^1.2.3", "1.2.3 1.9", "1.2.2 2 2.0rc1"},
        {"^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3"},
        {"^0.0.3", "0.0.3", "0.0.4 0.0.2"},
        {"^0", "0.9", "1.0"},
        {"~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3"},
        {"~1", "1.0 1.9", "2 0.9"},
        {"~=1.2", "1.2 1.9", "1.1 2.0"},
        {"~=1.2.3", "1.2.3 1.2.9", "1.3 1.2.2"},
        {"<1.0 || >=2 <3 || 5", "0.9 2.5 5.1", "1.5 3 4.9 6"},
        {">=1.2||<0.5", "1.3 0.4", "0.9"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__range *range = weir__range_new(cases[i].range, NULL);

        CU_ASSERT_PTR_NOT_NULL_FATAL(range);
        for (int outside = 0; outside < 2; outside++) {
            char list[128], *rest = list, *text;

            strcpy(list, outside ? cases[i].outside : cases[i].inside);
            while ((text = strtok_r(rest, " ", &rest)) != NULL) {
                struct weir__version version;

                CU_ASSERT_FATAL(weir__version_parse(text, &version) == 0);
                CU_ASSERT(weir__range_holds(range, &version) == !outside);
                if (weir__range_holds(range, &version) != !outside)
                    printf("# %s in %s\n", text, cases[i].range);
            }
        }
        weir__range_free(range);
    }
}

static void what_is_no_range_is_refused_and_named(void)
{
    static const char *const cases[][2] = {
        {"", "\"\""},
        {"  ", "\"  \""},
        {"new", "\"new\""},
        {">=1.22 <", "\"<\""},
        {">=", "\">=\""},
        {">=*", "\">=*\""},
        {"1.2 ||", "\"1.2\""},
        {"|| 1.2", "invalid version condition"},
        {"1.2 | 1.3", "invalid version condition"},
        {"1.2 |||| 1.3", "invalid version condition"},
        {"=>1.2", "invalid version condition"},
        {"1.2rc1.*", "\"1.2rc1.*\""},
        {"~=1", "\"~=1\""},
        {"1.2.3.4.5", "\"1.2.3.4.5\""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir_error error = {0};

        CU_ASSERT_PTR_NULL_FATAL(weir__range_new(cases[i][0], &error));
        CU_ASSERT(error.status == WEIR_ERR_INVALID);
        CU_ASSERT(strstr(error.text, cases[i][1]) != NULL);
        CU_ASSERT(strstr(error.text, ">=1.22 <2") != NULL);
        if (strstr(error.text, cases[i][1]) == NULL)
            printf("# %s: %s\n", cases[i][0], error.text);
    }
    weir__range_free(NULL);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"versions are read as tools write them", versions_are_read_as_tools_write_them},
        {"a word that is too long is refused", a_word_that_is_too_long_is_refused},
        {"a version is found in what tools print", a_version_is_found_in_what_tools_print},
        {"a version is found within its length", a_version_is_found_within_its_length},
        {"versions are in order", versions_are_in_order},
        {"a build and a number not said do not count", a_build_and_a_number_not_said_do_not_count},
        {"a range holds what it says", a_range_holds_what_it_says},
        {"what is no range is refused and named", what_is_no_range_is_refused_and_named},
        CU_TEST_INFO_NULL,
    };

    return run_suite("version", tests);
}
