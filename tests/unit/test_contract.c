#include "config.h"

#include "probe/contract.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/tolerance.h"
#include "probe/compare.h"
#include "support/harness.h"

#define PM "\xc2\xb1" /* ± */

static json_t *json_of(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    if (value == NULL)
        printf("# no JSON: %s\n", text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    return value;
}

static struct weir__contract *contract_of(const char *text, struct weir_error *error)
{
    json_t *document = json_of(text);
    struct weir__contract *contract = weir__contract_new(document, error);

    json_decref(document);
    return contract;
}

/* --- Contracts ------------------------------------------------------------------- */

static void a_contract_that_cannot_be_is_refused_with_its_place(void)
{
    static const char *const cases[][2] = {
        {"{\"requird\":[]}", "/requird: "},
        {"{\"libs\":{}}", "/libs: "},
        {"{\"libs\":[1]}", "/libs/0: "},
        {"{\"libs\":[{\"path\":\"x.so\"}]}", "/libs/0: "},
        {"{\"libs\":[{\"path\":\"/x\"},{\"path\":\"/y\",\"sha256\":\"AB\"}]}", "/libs/1/sha256: "},
        {"{\"libs\":[{\"path\":\"/x\",\"sha1\":\"a\"}]}", "/libs/0: unknown member \"sha1\""},
        {"{\"properties\":{\"a\":{\"libs\":[]}}}", "/properties/a/libs: unknown keyword"},
        {"[]", "a schema must be an object"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir_error error = {0};

        CU_ASSERT_PTR_NULL(contract_of(cases[i][0], &error));
        CU_ASSERT(error.status == WEIR_ERR_SPEC);
        CU_ASSERT(strncmp(error.text, cases[i][1], strlen(cases[i][1])) == 0);
        if (strncmp(error.text, cases[i][1], strlen(cases[i][1])) != 0)
            printf("# %s: %s\n", cases[i][0], error.text);
    }
    weir__contract_free(NULL);
}

/* What is found of a report, texts alone, a line each. */
static char *found_in(const struct weir__contract *contract, const json_t *report)
{
    struct weir__findings findings = {0};
    char *lines = calloc(1, 8192);

    CU_ASSERT(weir__contract_check(contract, report, &findings, NULL) == 0);
    for (size_t i = 0; i < weir__findings_kept(&findings); i++) {
        const struct weir__finding *finding = weir__finding_at(&findings, i);

        snprintf(lines + strlen(lines), 8192 - strlen(lines), "%s %s: %s\n", finding->instance,
                 finding->schema, finding->text);
    }
    weir__findings_clear(&findings);
    return lines;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

/* The same name, another content: what two images differ by. */
static void an_unequal_or_missing_library_is_found(void)
{
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    char dir[] = "/tmp/weir-test.XXXXXX", lib[64], text[512], wanted[1024];
    struct weir__contract *contract;
    json_t *report = json_object(), *libs;
    char *found;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(lib, sizeof lib, "%s/libx.so", dir);
    snprintf(text, sizeof text, "{\"libs\":[{\"path\":\"%s\",\"sha256\":\"%s\"}]}", lib, abc);
    contract = contract_of(text, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(contract);

    found = found_in(contract, report);
    snprintf(
        wanted, sizeof wanted,
        "/libs /libs/0: %s was not hashed for this report: run weir probe with this contract\n",
        lib);
    CU_ASSERT_STRING_EQUAL(found, wanted);
    free(found);

    json_object_set_new(report, "libs", weir__contract_hash(contract, NULL));
    found = found_in(contract, report);
    snprintf(wanted, sizeof wanted, "/libs/0 /libs/0: %s could not be read: ENOENT\n", lib);
    CU_ASSERT_STRING_EQUAL(found, wanted);
    free(found);

    write_file(lib, "abc");
    json_object_set_new(report, "libs", weir__contract_hash(contract, NULL));
    found = found_in(contract, report);
    CU_ASSERT_STRING_EQUAL(found, "");
    free(found);

    write_file(lib, "abd");
    libs = weir__contract_hash(contract, NULL);
    json_object_set(report, "libs", libs);
    found = found_in(contract, report);
    CU_ASSERT_PTR_NOT_NULL(strstr(found, "is a different file: its SHA-256 is a52d159f"));
    CU_ASSERT_PTR_NOT_NULL(strstr(found, abc));
    free(found);

    json_decref(libs);
    json_decref(report);
    weir__contract_free(contract);
    unlink(lib);
    rmdir(dir);
}

/* Neither a FIFO that nobody writes to, nor a directory. */
static void what_is_no_file_is_not_waited_for(void)
{
    char dir[] = "/tmp/weir-test.XXXXXX", fifo[64], text[512];
    struct weir__contract *contract;
    json_t *libs;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(fifo, sizeof fifo, "%s/fifo", dir);
    CU_ASSERT(mkfifo(fifo, 0600) == 0);
    snprintf(text, sizeof text, "{\"libs\":[{\"path\":\"%s\"},{\"path\":\"%s\"}]}", fifo, dir);
    contract = contract_of(text, NULL);
    libs = weir__contract_hash(contract, NULL);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json_array_get(libs, 0), "error")),
                           "EINVAL");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json_array_get(libs, 1), "error")),
                           "EISDIR");
    json_decref(libs);
    weir__contract_free(contract);
    unlink(fifo);
    rmdir(dir);
}

static void a_contract_without_libraries_hashes_nothing(void)
{
    struct weir__contract *contract = contract_of("{}", NULL);
    struct weir_error error = {0};

    CU_ASSERT_PTR_NULL(weir__contract_hash(contract, &error));
    CU_ASSERT(error.status == WEIR_OK);
    weir__contract_free(contract);
}

/* --- How far values may differ ------------------------------------------------------ */

static void allowances_say_how_far(void)
{
    static const struct {
        const char *tolerance, *a, *b;
        int holds;
    } cases[] = {
        {"exact", "1", "1", 1},
        {"exact", "1", "2", 0},
        {"any", "1", "\"x\"", 1},
        {"minor", "\"1.22.1\"", "\"1.23\"", 1},
        {"minor", "\"1.22\"", "\"2.0\"", 0},
        {"patch", "\"1.22.1\"", "\"go1.22.9\"", 1},
        {"patch", "\"1.22.1\"", "\"1.23.1\"", 0},
        {"minor", "\"x\"", "\"y\"", 0},
        {"minor", "1", "2", 0},
        {PM "15%", "100", "115", 1},
        {PM "15%", "100", "85.0", 1},
        {PM "15%", "100", "115.01", 0},
        {PM "15%", "-100", "-114", 1},
        {"+-2.5%", "1000", "1025", 1},
        {"+/-2.5%", "1000", "1026", 0},
        {PM "15%", "0", "0.1", 0},
        {PM "15%", "\"100\"", "\"101\"", 0},
        {PM "0%", "5", "5.0", 1},
        {PM "10%", "0.3", "0.33", 1},
    };
    static const char *const refused[] = {"",        "15%",   PM "15", PM "%",   PM "-1%",
                                          PM "1e3%", "Exact", "major", PM "1.%", PM " 5%"};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *a = json_of(cases[i].a), *b = json_of(cases[i].b);
        struct weir__tolerance tolerance;

        CU_ASSERT_FATAL(weir__tolerance_parse(cases[i].tolerance, &tolerance, NULL) == 0);
        CU_ASSERT(weir__tolerance_holds(&tolerance, a, b) == (cases[i].holds != 0));
        if (weir__tolerance_holds(&tolerance, a, b) != (cases[i].holds != 0))
            printf("# %s: %s and %s\n", cases[i].tolerance, cases[i].a, cases[i].b);
        json_decref(a);
        json_decref(b);
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct weir__tolerance tolerance;
        struct weir_error error = {0};

        CU_ASSERT(weir__tolerance_parse(refused[i], &tolerance, &error) == WEIR_ERR_INVALID);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "\"exact\""));
    }
}

/* --- Comparing ------------------------------------------------------------------------- */

/* All of both. */
static int compare(struct weir__comparison *comparison, const json_t *a, const json_t *b,
                   const struct weir__contract *contract, const char *env)
{
    return weir__compare(comparison, &(struct weir__compared){a, NULL},
                         &(struct weir__compared){b, NULL}, contract, env, NULL);
}

/* Compares, and tells a line each: "! PLACE KIND" beyond, "  PLACE KIND ALLOWED" within. */
static void expect_differences(const char *contract_text, const char *env, const char *a_text,
                               const char *b_text, const char *wanted)
{
    struct weir__contract *contract =
        contract_text != NULL ? contract_of(contract_text, NULL) : NULL;
    json_t *a = json_of(a_text), *b = json_of(b_text), *document;
    struct weir__comparison comparison;
    char lines[4096] = "";

    CU_ASSERT((contract == NULL) == (contract_text == NULL));
    CU_ASSERT_FATAL(compare(&comparison, a, b, contract, env) == 0);
    for (size_t i = 0; i < weir__comparison_count(&comparison); i++) {
        const struct weir__difference *difference = weir__comparison_at(&comparison, i);

        snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "%s%s %s%s%s\n",
                 difference->within ? "" : "! ", difference->place,
                 weir__difference_name(difference->kind), difference->allowed != NULL ? " " : "",
                 difference->allowed != NULL ? difference->allowed : "");
    }
    CU_ASSERT_STRING_EQUAL(lines, wanted);
    if (strcmp(lines, wanted) != 0)
        printf("# found:\n%s# wanted:\n%s", lines, wanted);
    document = weir__comparison_json(&comparison, env);
    CU_ASSERT(json_array_size(json_object_get(document, "differences"))
              == weir__comparison_count(&comparison));
    CU_ASSERT(json_is_true(json_object_get(document, "ok")) == (comparison.beyond == 0));
    CU_ASSERT(comparison.beyond + comparison.within == weir__comparison_count(&comparison));
    json_decref(document);
    weir__comparison_clear(&comparison);
    weir__contract_free(contract);
    json_decref(a);
    json_decref(b);
}

static void equal_reports_have_no_differences(void)
{
    expect_differences(NULL, NULL, "{\"a\":1,\"b\":[1,{\"c\":2}]}",
                       "{\"b\":[1.0,{\"c\":2.0}],\"a\":1.0}", "");
    expect_differences(NULL, NULL, "[{\"name\":\"x\",\"v\":1},{\"name\":\"y\",\"v\":2}]",
                       "[{\"name\":\"y\",\"v\":2},{\"name\":\"x\",\"v\":1}]", "");
}

static void differences_come_by_their_weight(void)
{
    expect_differences(
        NULL, NULL,
        "{\"go\":\"1.22.1\",\"py\":\"3.11.2\",\"cc\":\"12.2.0\",\"gone\":1,\"type\":1,\"n\":100,"
        "\"m\":100,\"s\":\"x\",\"rc\":\"1.0rc1\",\"sp\":\"1.0\",\"l\":[1,2],\"set\":[1,1,2]}",
        "{\"go\":\"2.0\",\"py\":\"3.12.0\",\"cc\":\"12.2.1\",\"new\":1,\"type\":\"1\",\"n\":101,"
        "\"m\":-100,\"s\":\"y\",\"rc\":\"1.0rc2\",\"sp\":\"1.0.0\",\"l\":[2,1],\"set\":[1,3,1]}",
        "! /go major\n! /gone gone\n! /set/2 gone\n! /new new\n! /set/1 new\n! /type type\n"
        "! /py minor\n! /s value\n! /m number\n! /cc patch\n! /rc prerelease\n! /n number\n"
        "! /sp spelling\n! /l order\n");
}

static void elements_are_compared_by_their_name(void)
{
    expect_differences(NULL, NULL,
                       "{\"p\":[{\"name\":\"numpy\",\"version\":\"1.2.0\"},{\"name\":\"a/b\"}]}",
                       "{\"p\":[{\"name\":\"pip\"},{\"name\":\"numpy\",\"version\":\"1.3.0\"}]}",
                       "! /p/a~1b gone\n! /p/pip new\n! /p/numpy/version minor\n");
    /* Names that are doubled name nothing. */
    expect_differences(NULL, NULL, "[{\"name\":\"x\"},{\"name\":\"x\",\"v\":1}]",
                       "[{\"name\":\"x\"},{\"name\":\"x\",\"v\":2}]", "! /1/v number\n");
    expect_differences(NULL, NULL, "[{\"path\":\"/a\",\"v\":1}]", "[{\"path\":\"/a\",\"v\":true}]",
                       "! /~1a/v type\n");
}

static void the_contract_says_what_may_differ(void)
{
    static const char contract[] =
        "{\"properties\":{"
        "\"cpus\":{\"x-env-diff\":{\"dev\":\"" PM "15%\",\"prod\":\"" PM "2%\"}},"
        "\"go\":{\"x-version\":\">=1.22\",\"x-env-diff\":{\"dev\":\"minor\",\"prod\":\"exact\"}},"
        "\"pkgs\":{\"x-env-diff\":{\"dev\":\"minor\"},\"items\":{\"properties\":{"
        "\"hash\":{\"x-env-diff\":{\"dev\":\"any\"}}}}},"
        "\"more\":{\"x-env-diff\":{\"dev\":\"any\"}}}}";
    static const char a[] =
        "{\"cpus\":100,\"go\":\"1.22.1\",\"pkgs\":[{\"name\":\"x\",\"v\":\"1.0\","
        "\"hash\":1}],\"other\":1}";
    static const char b[] =
        "{\"cpus\":110,\"go\":\"1.21.0\",\"pkgs\":[{\"name\":\"y\",\"v\":\"2.0\"},"
        "{\"name\":\"x\",\"v\":\"1.1\",\"hash\":2}],\"other\":2,\"more\":{\"z\":1}}";

    expect_differences(contract, "dev", a, b,
                       "! /pkgs/y new minor\n! /other number\n/more new any\n/go minor minor\n"
                       "/pkgs/x/v minor minor\n/pkgs/x/hash number any\n/cpus number " PM "15%\n");
    expect_differences(contract, "prod", a, b,
                       "! /more new\n! /pkgs/y new\n! /go minor exact\n! /pkgs/x/v minor\n"
                       "! /other number\n! /pkgs/x/hash number\n! /cpus number " PM "2%\n");
    expect_differences(contract, "test", "{\"cpus\":100}", "{\"cpus\":101}", "! /cpus number\n");
    expect_differences(contract, NULL, "{\"cpus\":100}", "{\"cpus\":101}", "! /cpus number\n");
}

/* What does not count is left out, unless the contract speaks of it; what counts is
 * compared as it counts. */
static void what_does_not_count_is_compared_only_where_the_contract_says(void)
{
    static const char text[] = "{\"properties\":{\"v\":{\"x-env-diff\":{\"dev\":\"exact\"}},\"ms\":"
                               "{\"x-env-diff\":{\"dev\":\"" PM "10%\"}},\"l\":{\"items\":{"
                               "\"properties\":{\"n\":{\"x-env-diff\":{\"dev\":\"exact\"}}}}}}}";
    struct weir__contract *contract = contract_of(text, NULL);
    json_t *a = json_of("{\"junk\":{\"x\":{}},\"ms\":1,\"at\":\"x\",\"v\":\"/home/a/"
                        "b\",\"l\":[{\"m\":1},{\"n\":1}]}");
    json_t *b = json_of("{\"ms\":9,\"at\":\"y\",\"v\":\"/home/c/b\",\"l\":[{\"m\":2},{\"n\":2}]}");
    json_t *counted = json_of("{\"v\":\"~/b\"}");
    struct weir__compared left = {a, counted}, right = {b, counted};
    struct weir__comparison comparison;

    CU_ASSERT(weir__compare(&comparison, &left, &right, contract, NULL, NULL) == 0);
    CU_ASSERT(weir__comparison_count(&comparison) == 0);
    weir__comparison_clear(&comparison);
    CU_ASSERT(weir__compare(&comparison, &left, &right, contract, "dev", NULL) == 0);
    CU_ASSERT_FATAL(weir__comparison_count(&comparison) == 2);
    CU_ASSERT_STRING_EQUAL(weir__comparison_at(&comparison, 0)->place, "/ms");
    CU_ASSERT_STRING_EQUAL(weir__comparison_at(&comparison, 1)->place, "/l/1/n");
    weir__comparison_clear(&comparison);
    weir__contract_free(contract);
    json_decref(a);
    json_decref(b);
    json_decref(counted);
}

/* A report from elsewhere may be nested as deep as JSON gets. */
static void deep_reports_are_compared(void)
{
    char a[4200] = "", b[4200] = "";
    struct weir__comparison comparison;
    json_t *left, *right;

    memset(a, '[', 2000);
    memset(a + 2001, ']', 2000);
    memcpy(b, a, sizeof b);
    a[2000] = '1';
    b[2000] = '2';
    left = json_of(a);
    right = json_of(b);
    CU_ASSERT(compare(&comparison, left, right, NULL, NULL) == 0);
    CU_ASSERT(comparison.beyond == 2);
    weir__comparison_clear(&comparison);
    json_decref(left);
    json_decref(right);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"a contract that cannot be is refused with its place",
         a_contract_that_cannot_be_is_refused_with_its_place},
        {"an unequal or missing library is found", an_unequal_or_missing_library_is_found},
        {"what is no file is not waited for", what_is_no_file_is_not_waited_for},
        {"a contract without libraries hashes nothing",
         a_contract_without_libraries_hashes_nothing},
        {"allowances say how far", allowances_say_how_far},
        {"equal reports have no differences", equal_reports_have_no_differences},
        {"differences come by their weight", differences_come_by_their_weight},
        {"elements are compared by their name", elements_are_compared_by_their_name},
        {"the contract says what may differ", the_contract_says_what_may_differ},
        {"what does not count is compared only where the contract says",
         what_does_not_count_is_compared_only_where_the_contract_says},
        {"deep reports are compared", deep_reports_are_compared},
        CU_TEST_INFO_NULL,
    };

    return run_suite("contract", tests);
}
