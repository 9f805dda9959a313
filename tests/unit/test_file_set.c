#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file_set.h"
#include "support/harness.h"

static char directory[64];

/* A path in the directory, in one of four buffers that take turns. */
static const char *at(const char *name)
{
    static char paths[4][128];
    static int turn;

    turn = (turn + 1) % 4;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", directory, name);
    return paths[turn];
}

static void create(const char *name)
{
    int fd = open(at(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
}

static void enter(void)
{
    strcpy(directory, "/tmp/weir-test-files-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    create("file");
}

static void leave(void)
{
    static const char *const names[] = {"file", "other", "hard", "soft", "fifo", "dangling"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(at(names[i]));
    CU_ASSERT_EQUAL(rmdir(directory), 0);
}

/* Puts in two paths.  Returns the set's status. */
static int two(int first_use, const char *first, int second_use, const char *second,
               struct weir_error *error)
{
    struct weir__file_set set = {0};

    weir__file_set_path(&set, first_use, "--first", first);
    weir__file_set_path(&set, second_use, "--second", second);
    return weir__file_set_end(&set, error);
}

static void check_refused(const char *first, const char *second)
{
    struct weir_error error;

    CU_ASSERT_EQUAL(two(WEIR__FILE_READ, first, WEIR__FILE_WRITTEN, second, &error),
                    WEIR_ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "--first and --second are the same file"));
    CU_ASSERT_EQUAL(two(WEIR__FILE_WRITTEN, first, WEIR__FILE_READ, second, NULL),
                    WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(two(WEIR__FILE_READ, first, WEIR__FILE_READ, second, NULL), 0);
}

static void one_file_is_found_by_any_of_its_names(void)
{
    enter();
    CU_ASSERT_EQUAL(link(at("file"), at("hard")), 0);
    CU_ASSERT_EQUAL(symlink("file", at("soft")), 0);
    check_refused(at("file"), at("file"));
    check_refused(at("file"), at("hard"));
    check_refused(at("file"), at("soft"));
    check_refused(at("hard"), at("soft"));
    check_refused(at("file"), at("./file"));
    create("other");
    CU_ASSERT_EQUAL(two(WEIR__FILE_WRITTEN, at("file"), WEIR__FILE_WRITTEN, at("other"), NULL), 0);
    leave();
}

static void a_file_to_come_is_known_by_its_place(void)
{
    enter();
    CU_ASSERT_EQUAL(symlink("new", at("dangling")), 0);
    check_refused(at("new"), at("new"));
    check_refused(at("new"), at("./new"));
    check_refused(at("new"), at("dangling"));
    CU_ASSERT_EQUAL(two(WEIR__FILE_WRITTEN, at("new"), WEIR__FILE_WRITTEN, at("newer"), NULL), 0);
    leave();
}

static void a_descriptor_counts_by_what_it_is_open_on(void)
{
    struct weir__file_set set = {0};
    struct weir_error error;
    int fd;

    enter();
    fd = open(at("file"), O_WRONLY | O_CLOEXEC);
    weir__file_set_fd(&set, WEIR__FILE_WRITTEN, NULL, fd);
    weir__file_set_path(&set, WEIR__FILE_READ, "--input", at("file"));
    CU_ASSERT_EQUAL(weir__file_set_end(&set, &error), WEIR_ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "descriptor "));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "--input"));
    close(fd);
    weir__file_set_fd(&set, WEIR__FILE_WRITTEN, NULL, fd); /* closed: it is no file */
    weir__file_set_path(&set, WEIR__FILE_READ, "--input", at("file"));
    CU_ASSERT_EQUAL(weir__file_set_end(&set, NULL), 0);
    leave();
}

static void two_standard_descriptors_may_be_one_file(void)
{
    int use = WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD;
    struct weir__file_set set = {0};
    int fd;

    enter();
    fd = open(at("file"), O_WRONLY | O_CLOEXEC);
    weir__file_set_fd(&set, use, "standard output", fd);
    weir__file_set_fd(&set, use, "standard error", fd);
    CU_ASSERT_EQUAL(weir__file_set_end(&set, NULL), 0);
    weir__file_set_fd(&set, use, "standard output", fd);
    weir__file_set_path(&set, WEIR__FILE_WRITTEN, "--output", at("file"));
    CU_ASSERT_EQUAL(weir__file_set_end(&set, NULL), WEIR_ERR_INVALID);
    close(fd);
    leave();
}

static void what_is_no_regular_file_may_be_used_twice(void)
{
    enter();
    CU_ASSERT_EQUAL(mkfifo(at("fifo"), 0600), 0);
    CU_ASSERT_EQUAL(two(WEIR__FILE_READ, at("fifo"), WEIR__FILE_WRITTEN, at("fifo"), NULL), 0);
    CU_ASSERT_EQUAL(two(WEIR__FILE_READ, "/dev/null", WEIR__FILE_WRITTEN, "/dev/null", NULL), 0);
    leave();
}

/* Standard output is what it was, and closed in between. */
static void a_path_to_a_closed_standard_descriptor_is_refused(void)
{
    static const char *const paths[] = {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"};
    int saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    enter();
    CU_ASSERT_EQUAL(symlink("/dev/stdout", at("soft")), 0);
    fflush(stdout);
    for (size_t i = 0; i <= sizeof paths / sizeof paths[0]; i++) {
        const char *path = i < sizeof paths / sizeof paths[0] ? paths[i] : at("soft");
        struct weir__file_set set = {0};
        struct weir_error error = {0};
        int status;

        close(STDOUT_FILENO);
        weir__file_set_path(&set, WEIR__FILE_WRITTEN, "--output", path);
        status = weir__file_set_end(&set, &error);
        dup2(saved, STDOUT_FILENO);
        CU_ASSERT_EQUAL(status, WEIR_ERR_SYSTEM);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "standard output is closed"));
    }
    close(saved);
    leave();
}

static void the_first_error_counts_and_the_set_is_cleared(void)
{
    struct weir__file_set set = {0};
    struct weir_error error;

    enter();
    create("other");
    weir__file_set_path(&set, WEIR__FILE_WRITTEN, "--one", at("file"));
    weir__file_set_path(&set, WEIR__FILE_WRITTEN, "--two", at("file"));
    weir__file_set_path(&set, WEIR__FILE_WRITTEN, "--three", at("other"));
    weir__file_set_path(&set, WEIR__FILE_WRITTEN, "--four", at("other"));
    weir__file_set_path(&set, WEIR__FILE_WRITTEN, "--five", NULL);
    CU_ASSERT_EQUAL(weir__file_set_end(&set, &error), WEIR_ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "--one and --two"));
    CU_ASSERT_EQUAL(set.count, 0);
    CU_ASSERT_EQUAL(weir__file_set_end(&set, &error), 0);
    leave();
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"one file is found by any of its names", one_file_is_found_by_any_of_its_names},
        {"a file to come is known by its place", a_file_to_come_is_known_by_its_place},
        {"a descriptor counts by what it is open on", a_descriptor_counts_by_what_it_is_open_on},
        {"two standard descriptors may be one file", two_standard_descriptors_may_be_one_file},
        {"what is no regular file may be used twice", what_is_no_regular_file_may_be_used_twice},
        {"a path to a closed standard descriptor is refused",
         a_path_to_a_closed_standard_descriptor_is_refused},
        {"the first error counts and the set is cleared",
         the_first_error_counts_and_the_set_is_cleared},
        CU_TEST_INFO_NULL,
    };

    return run_suite("file set", tests);
}
