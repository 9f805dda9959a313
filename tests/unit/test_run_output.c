/* weir_run(): captured output, its bounds and its decoding. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/harness.h"
#include "support/running.h"
#include "support/scratch.h"

/* --- 8: too much output ---------------------------------------------------- */

static long resident_kb(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;

    if (file != NULL && fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void endless_output_keeps_head_and_tail_in_bounded_memory(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    long before_kb = resident_kb();
    struct weir_result result;
    const char *text;

    options.max_output = 1000;
    result =
        run(weir, ARGV("sh", "-c", "echo first; yes | head -c 200000000; echo last"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL(result.out.total, 200000000 + 6 + 5);
    CU_ASSERT(result.out.truncated);
    CU_ASSERT_EQUAL(result.out.kept, 1000);
    CU_ASSERT(result.out.head > 0 && result.out.head < 1000);
    text = result.out.text;
    CU_ASSERT_EQUAL(strncmp(text, "first\ny\ny\n", 10), 0);
    CU_ASSERT_STRING_EQUAL(text + strlen(text) - 9, "y\ny\nlast\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n[... 199999011 bytes left out ...]\n"));
    CU_ASSERT(resident_kb() - before_kb < 8192);
    weir_result_clear(&result);
    weir_close(weir);
}

static void the_bound_holds_at_its_edges(void)
{
    static const char wanted[] = "abcdefgh";
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();

    for (size_t max = 0; max <= 10; max++) {
        struct weir_result result;

        options.max_output = max;
        result = run(weir, ARGV("printf", "%s", wanted), &options);
        CU_ASSERT_EQUAL(result.out.total, 8);
        CU_ASSERT_EQUAL(result.out.kept, max < 8 ? max : 8);
        CU_ASSERT_EQUAL(result.out.truncated, max < 8);
        CU_ASSERT_EQUAL(memcmp(result.out.bytes, wanted, result.out.head), 0);
        CU_ASSERT_EQUAL(memcmp(result.out.bytes + result.out.head,
                               wanted + 8 - (result.out.kept - result.out.head),
                               result.out.kept - result.out.head),
                        0);
        CU_ASSERT_EQUAL(result.out.bytes[result.out.kept], '\0');
        weir_result_clear(&result);
    }
    weir_close(weir);
}

static void overflow_may_stop_the_run(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.max_output = 100000;
    options.overflow = WEIR_OVERFLOW_STOP;
    result = run(weir, ARGV("yes"), &options);
    CU_ASSERT_EQUAL(result.why, WEIR_STOP_OVERFLOW);
    CU_ASSERT_EQUAL(weir_result_status(&result), 125);
    CU_ASSERT(result.out.truncated);
    CU_ASSERT_EQUAL(result.out.kept, 100000);
    weir_result_clear(&result);
    result = run(weir, ARGV("head", "-c", "100000", "/dev/zero"), &options); /* just fits */
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT(!result.out.truncated);
    weir_result_clear(&result);
    weir_close(weir);
}

static int count_files(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int count = 0;

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        count += entry->d_name[0] != '.';
    if (dir != NULL)
        closedir(dir);
    return count;
}

/* A directory that nothing else uses. */
static const char *spool_dir(void)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/spool", scratch_dir());
    mkdir(path, 0700);
    return path;
}

static void overflow_may_go_to_a_file(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    char *bytes = noise(3000000), *back = malloc(3000001);
    struct weir_result result;
    struct stat file;
    int fd;

    setenv("TMPDIR", spool_dir(), 1);
    options = with_input(bytes, 3000000);
    options.max_output = 100000;
    options.overflow = WEIR_OVERFLOW_SPOOL;
    options.charset = "binary";
    result = run(weir, ARGV("cat"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_EQUAL(result.out.total, 3000000);
    CU_ASSERT_EQUAL(result.out.kept, 100000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(result.out.spooled);
    fd = open(result.out.spooled, O_RDONLY | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(fstat(fd, &file), 0);
    CU_ASSERT_EQUAL(file.st_size, 3000000);
    CU_ASSERT_EQUAL(file.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL(read(fd, back, 3000001), 3000000);
    CU_ASSERT_EQUAL(memcmp(back, bytes, 3000000), 0);
    close(fd);
    unlink(result.out.spooled);
    weir_result_clear(&result);
    /* What fits leaves no file, not even at the very bound. */
    options.input_length = 100000;
    result = run(weir, ARGV("cat"), &options);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_PTR_NULL(result.out.spooled);
    weir_result_clear(&result);
    CU_ASSERT_EQUAL(count_files(spool_dir()), 0);
    rmdir(spool_dir());
    unsetenv("TMPDIR");
    free(bytes);
    free(back);
    weir_close(weir);
}

static void a_full_disk_under_the_spool_is_an_error_and_leaves_no_file(void)
{
    const struct rlimit small = {500000, RLIM_INFINITY};
    struct weir_run_options options = run_options();
    struct weir_command command = command_of(ARGV("head", "-c", "2000000", "/dev/zero"));
    struct weir_result result = {0};
    struct weir_error error = {0};
    struct sigaction old;
    struct rlimit before;
    weir_t *weir = open_weir();

    setenv("TMPDIR", spool_dir(), 1);
    sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, &old);
    getrlimit(RLIMIT_FSIZE, &before);
    setrlimit(RLIMIT_FSIZE, &small);
    options.max_output = 1000;
    options.overflow = WEIR_OVERFLOW_SPOOL;
    CU_ASSERT_EQUAL(weir_run(weir, &command, &options, &result, &error), WEIR_ERR_SYSTEM);
    CU_ASSERT_EQUAL(error.sys_errno, EFBIG);
    CU_ASSERT_PTR_NULL(result.argv); /* outputs change only on success */
    CU_ASSERT_EQUAL(count_files(spool_dir()), 0);
    rmdir(spool_dir());
    setrlimit(RLIMIT_FSIZE, &before);
    sigaction(SIGXFSZ, &old, NULL);
    unsetenv("TMPDIR");
    weir_close(weir);
}

static void a_line_of_a_hundred_megabytes_takes_linear_time(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    int64_t ns[2] = {INT64_MAX, INT64_MAX}; /* the best of three: others run, too */

    for (int i = 0; i < 6; i++) {
        int is_long = i % 2;
        int64_t began_ns = weir__clock_ns(), took_ns;
        struct weir_result result;

        options.max_output = is_long ? 100000000 : 50000000;
        result = run(weir, ARGV("head", "-c", is_long ? "100000000" : "50000000", "/dev/zero"),
                     &options);
        took_ns = weir__clock_ns() - began_ns;
        ns[is_long] = took_ns < ns[is_long] ? took_ns : ns[is_long];
        CU_ASSERT(exited_with(&result, 0));
        CU_ASSERT_EQUAL(result.out.text_length, options.max_output);
        weir_result_clear(&result);
    }
    CU_ASSERT(ns[1] < 8 * ns[0]); /* quadratic would be 4 times and more for each doubling below */
    weir_close(weir);
}

/* --- 9: text --------------------------------------------------------------- */

static void check_text(weir_t *weir, const char *const *argv, const char *charset,
                       enum weir_on_error on_error, const char *text, uint64_t replaced,
                       int64_t invalid_at)
{
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.charset = charset;
    options.on_error = on_error;
    result = run(weir, argv, &options);
    CU_ASSERT(exited_with(&result, 0));
    if (text == NULL) {
        CU_ASSERT_PTR_NULL(result.out.text);
    } else {
        CU_ASSERT_PTR_NOT_NULL_FATAL(result.out.text);
        if (strcmp(result.out.text, text) != 0)
            printf("# wanted '%s', got '%s'\n", text, result.out.text);
        CU_ASSERT_STRING_EQUAL(result.out.text, text);
    }
    CU_ASSERT_EQUAL(result.out.replaced, replaced);
    CU_ASSERT_EQUAL(result.out.invalid_at, invalid_at);
    weir_result_clear(&result);
}

static void text_is_whole_wherever_the_writes_were_split(void)
{
    weir_t *weir = open_weir();
    char hex[4200];

    /* child_path() has one buffer: a copy for the list. */
    snprintf(hex, sizeof hex, "%s", child_path("writes_hex"));
    check_text(weir, ARGV(hex, "61e2", "82", "ac62"), NULL, WEIR_REPLACE,
               "a\xe2\x82\xac"
               "b",
               0, -1);
    check_text(weir, ARGV(hex, "f0", "9f", "98", "80"), NULL, WEIR_REPLACE, "\xf0\x9f\x98\x80", 0,
               -1);
    /* Invalid: a lone byte, a surrogate, an overlong form, one cut by the end. */
    check_text(weir, ARGV(hex, "61ff62"), NULL, WEIR_REPLACE,
               "a\xef\xbf\xbd"
               "b",
               1, 1);
    check_text(weir, ARGV(hex, "ed", "a080"), NULL, WEIR_REPLACE,
               "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 3, 0);
    check_text(weir, ARGV(hex, "c0af"), NULL, WEIR_REPLACE, "\xef\xbf\xbd\xef\xbf\xbd", 2, 0);
    check_text(weir, ARGV(hex, "61e2", "82"), NULL, WEIR_REPLACE, "a\xef\xbf\xbd", 1, 1);
    check_text(weir, ARGV(hex, "61ff62"), NULL, WEIR_BACKSLASHREPLACE, "a\\xffb", 1, 1);
    check_text(weir, ARGV(hex, "c4", "e3bac3"), "gb18030", WEIR_REPLACE, "\xe4\xbd\xa0\xe5\xa5\xbd",
               0, -1);
    check_text(weir, ARGV(hex, "ff", "fe4100", "ac20"), "utf-16", WEIR_REPLACE, "A\xe2\x82\xac", 0,
               -1);
    check_text(weir, ARGV(hex, "feff0041"), "utf-16", WEIR_REPLACE, "A", 0, -1);
    check_text(weir, ARGV(hex, "e9"), "latin1", WEIR_REPLACE, "\xc3\xa9", 0, -1);
    weir_close(weir);
}

static void strict_decoding_keeps_the_bytes_and_says_where(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result;

    options.on_error = WEIR_STRICT;
    result = run(weir, ARGV(child_path("writes_hex"), "616263ff64"), &options);
    CU_ASSERT(exited_with(&result, 0)); /* no failure of the program */
    CU_ASSERT_PTR_NULL(result.out.text);
    CU_ASSERT_EQUAL(result.out.invalid_at, 3);
    CU_ASSERT_EQUAL(result.out.kept, 5);
    CU_ASSERT_EQUAL(memcmp(result.out.bytes,
                           "abc\xff"
                           "d",
                           6),
                    0);
    weir_result_clear(&result);
    weir_close(weir);
}

static void nul_bytes_stay(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_result result = run(weir, ARGV(child_path("writes_hex"), "61006200"), &options);

    CU_ASSERT_EQUAL(result.out.text_length, 4);
    CU_ASSERT_EQUAL(memcmp(result.out.text, "a\0b\0", 5), 0);
    weir_result_clear(&result);
    options.charset = "binary";
    result = run(weir, ARGV(child_path("writes_hex"), "6100ff"), &options);
    CU_ASSERT_PTR_NULL(result.out.text);
    CU_ASSERT_EQUAL(memcmp(result.out.bytes, "a\0\xff", 4), 0);
    CU_ASSERT_STRING_EQUAL(result.out.charset, "binary");
    weir_result_clear(&result);
    weir_close(weir);
}

static void a_cut_between_head_and_tail_breaks_no_character(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();

    for (size_t max = 8; max < 40; max++) {
        struct weir_result result;

        options.max_output = max;
        result = run(weir,
                     ARGV("printf", "%s%s%s", "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
                          "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80",
                          "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"),
                     &options);
        CU_ASSERT_EQUAL(result.out.replaced, 0);
        CU_ASSERT_EQUAL(result.out.invalid_at, -1);
        CU_ASSERT(result.out.kept <= max);
        weir_result_clear(&result);
    }
    weir_close(weir);
}

static void utf_16_survives_the_cut(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    char bytes[2002] = {(char)0xfe, (char)0xff};

    for (int i = 1; i <= 1000; i++)
        bytes[2 * i + 1] = 'a'; /* big-endian */
    for (size_t max = 100; max < 104; max++) {
        struct weir_result result;

        options = with_input(bytes, sizeof bytes);
        options.charset = "utf-16";
        options.max_output = max;
        result = run(weir, ARGV("cat"), &options);
        CU_ASSERT(result.out.truncated);
        CU_ASSERT_EQUAL(result.out.replaced, 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(result.out.text);
        CU_ASSERT_EQUAL(strspn(result.out.text, "a"), strcspn(result.out.text, "\n"));
        CU_ASSERT_STRING_EQUAL(result.out.text + result.out.text_length - 10, "aaaaaaaaaa");
        weir_result_clear(&result);
    }
    weir_close(weir);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"endless output keeps head and tail in bounded memory",
         endless_output_keeps_head_and_tail_in_bounded_memory},
        {"the bound holds at its edges", the_bound_holds_at_its_edges},
        {"overflow may stop the run", overflow_may_stop_the_run},
        {"overflow may go to a file", overflow_may_go_to_a_file},
        {"a full disk under the spool is an error and leaves no file",
         a_full_disk_under_the_spool_is_an_error_and_leaves_no_file},
        {"a line of a hundred megabytes takes linear time",
         a_line_of_a_hundred_megabytes_takes_linear_time},
        {"text is whole wherever the writes were split",
         text_is_whole_wherever_the_writes_were_split},
        {"strict decoding keeps the bytes and says where",
         strict_decoding_keeps_the_bytes_and_says_where},
        {"NUL bytes stay", nul_bytes_stay},
        {"a cut between head and tail breaks no character",
         a_cut_between_head_and_tail_breaks_no_character},
        {"UTF-16 survives the cut", utf_16_survives_the_cut},
        CU_TEST_INFO_NULL,
    };

    return run_suite("run_output", tests);
}
