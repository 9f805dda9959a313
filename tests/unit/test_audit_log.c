/* The audit log: its key, its files and its lock. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/journal.h"
#include "audit/key.h"
#include "audit/log.h"
#include "audit/rotation.h"
#include "audit/verify.h"
#include "base/fd.h"
#include "support/harness.h"

/* --- Keys ------------------------------------------------------------------------- */

struct place {
    char directory[64], log[96], key[96];
};

static void place_open(struct place *place)
{
    snprintf(place->directory, sizeof place->directory, "/tmp/weir-audit.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(place->directory));
    snprintf(place->log, sizeof place->log, "%s/log", place->directory);
    snprintf(place->key, sizeof place->key, "%s/key", place->directory);
}

static void place_close(struct place *place)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", place->directory);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void write_file(const char *path, const char *bytes, size_t length, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(weir__write_all(fd, bytes, length), 0);
    CU_ASSERT_EQUAL(fchmod(fd, mode), 0);
    close(fd);
}

static void a_key_is_read_only_from_a_file_of_ones_own(void)
{
    static const char bytes[] = "0123456789abcdef0123456789abcdef\n";
    static const mode_t bad[] = {0640, 0604, 0620, 0660, 0666, 0601, 0610};
    struct place place;
    struct weir__audit_key key;
    struct weir_error error;
    char id[WEIR__AUDIT_KEY_ID_SIZE];

    place_open(&place);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_file(place.key, bytes, sizeof bytes - 1, bad[i]);
        CU_ASSERT_EQUAL(weir__audit_key_open(&key, place.key, &error), WEIR_ERR_INVALID);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "open to others"));
    }
    write_file(place.key, bytes, sizeof bytes - 1, 0400);
    CU_ASSERT_EQUAL_FATAL(weir__audit_key_open(&key, place.key, NULL), 0);
    strcpy(id, key.id);
    CU_ASSERT_EQUAL(strlen(id), 16);
    weir__audit_key_clear(&key);
    unlink(place.key);
    write_file(place.key, bytes, sizeof bytes - 2, 0600); /* the newline does not count */
    CU_ASSERT_EQUAL_FATAL(weir__audit_key_open(&key, place.key, NULL), 0);
    CU_ASSERT_STRING_EQUAL(key.id, id);
    weir__audit_key_clear(&key);
    write_file(place.key, "short", 5, 0600);
    CU_ASSERT_EQUAL(weir__audit_key_open(&key, place.key, &error), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(weir__audit_key_open(&key, place.directory, &error), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(weir__audit_key_open(&key, "/nowhere/key", &error), WEIR_ERR_SYSTEM);
    place_close(&place);
}

/* --- The log ----------------------------------------------------------------------- */

static int append(const struct weir__audit_options *options, struct weir_error *error)
{
    struct weir__audit_log *log = weir__audit_open(options, error);
    json_t *record = json_pack("{s:s}", "event", "started");
    int status = log != NULL ? weir__audit_append(log, record, error) : error->status;

    json_decref(record);
    weir__audit_close(log);
    return status;
}

static struct weir__audit_verdict verify_file(const char *path, const char *key_path)
{
    struct weir__audit_file file = {.fd = open(path, O_RDONLY | O_CLOEXEC), .name = path};
    struct weir__audit_verdict verdict = {.fault = WEIR__AUDIT_CUT};
    struct weir__audit_key key;

    CU_ASSERT_EQUAL_FATAL(weir__audit_key_open(&key, key_path, NULL), 0);
    weir__audit_verify(&file, 1, &key, &(struct weir__audit_expected){0}, &verdict, NULL);
    weir__audit_key_clear(&key);
    close(file.fd);
    return verdict;
}

static void a_chain_has_one_key(void)
{
    struct place place;
    struct weir__audit_options plain, keyed;
    struct weir_error error;

    place_open(&place);
    write_file(place.key, "0123456789abcdefghij", 20, 0600);
    plain = (struct weir__audit_options){.path = place.log, .no_sync = 1};
    keyed = plain;
    keyed.key_file = place.key;
    CU_ASSERT_EQUAL(append(&keyed, &error), 0);
    CU_ASSERT_EQUAL(append(&keyed, &error), 0);
    CU_ASSERT_EQUAL(append(&plain, &error), WEIR_ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "does not belong to this chain"));
    CU_ASSERT_EQUAL(verify_file(place.log, place.key).fault, WEIR__AUDIT_SOUND);
    CU_ASSERT_EQUAL(verify_file(place.log, place.key).records, 2);
    write_file(place.key, "another key of mine!", 20, 0600);
    CU_ASSERT_EQUAL(append(&keyed, &error), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(verify_file(place.log, place.key).fault, WEIR__AUDIT_CHANGED);
    unlink(place.log);
    CU_ASSERT_EQUAL(append(&plain, &error), 0);
    CU_ASSERT_EQUAL(append(&keyed, &error), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(verify_file(place.log, place.key).fault, WEIR__AUDIT_CHANGED);
    CU_ASSERT_EQUAL(verify_file(place.log, NULL).fault, WEIR__AUDIT_SOUND);
    place_close(&place);
}

static void nothing_is_written_behind_a_torn_tail(void)
{
    struct place place;
    struct weir__audit_options options;
    struct weir_error error;
    struct weir__audit_verdict verdict;
    struct stat before, after;
    int fd;

    place_open(&place);
    options = (struct weir__audit_options){.path = place.log, .no_sync = 1};
    CU_ASSERT_EQUAL(append(&options, &error), 0);
    CU_ASSERT_EQUAL(stat(place.log, &before), 0);
    fd = open(place.log, O_RDWR | O_APPEND | O_CLOEXEC);
    CU_ASSERT_EQUAL(weir__write_all(fd, "{\"alg\":\"sha", 11), 0);
    CU_ASSERT_EQUAL(append(&options, &error), WEIR_ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "--repair-tail"));
    verdict = verify_file(place.log, NULL);
    CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_CUT);
    CU_ASSERT_EQUAL(weir__audit_repair(fd, "log", &verdict, &error), 11);
    CU_ASSERT_EQUAL(weir__audit_repair(fd, "log", &verdict, &error), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(stat(place.log, &after), 0);
    CU_ASSERT_EQUAL(before.st_size, after.st_size);
    CU_ASSERT_EQUAL(append(&options, &error), 0);
    CU_ASSERT_EQUAL(verify_file(place.log, NULL).records, 2);
    close(fd);
    place_close(&place);
}

static void nothing_is_written_behind_a_changed_record(void)
{
    struct place place;
    struct weir__audit_options options;
    struct weir_error error;
    int fd;

    place_open(&place);
    options = (struct weir__audit_options){.path = place.log, .no_sync = 1};
    CU_ASSERT_EQUAL(append(&options, &error), 0);
    fd = open(place.log, O_RDWR | O_CLOEXEC);
    CU_ASSERT_EQUAL(pwrite(fd, "[", 1, 0), 1);
    close(fd);
    CU_ASSERT_EQUAL(append(&options, &error), WEIR_ERR_INVALID);
    place_close(&place);
}

static void a_log_is_a_regular_file(void)
{
    struct weir__audit_options options = {.path = "/dev/null"};
    struct weir_error error;

    CU_ASSERT_EQUAL(append(&options, &error), WEIR_ERR_INVALID);
    options.path = "/nowhere/log";
    CU_ASSERT_EQUAL(append(&options, &error), WEIR_ERR_SYSTEM);
}

/* Rotated at every record, and between any two the file may not be there: the chain
 * goes on from the newest that is. */
static void the_chain_goes_on_over_files(void)
{
    struct place place;
    struct weir__audit_options options;
    struct weir__audit_file files[4];
    struct weir__audit_verdict verdict;
    struct weir__audit_key key;
    struct weir_error error;
    uint64_t *numbers = NULL;
    size_t count = 0;

    place_open(&place);
    options = (struct weir__audit_options){.path = place.log, .no_sync = 1, .max_size = 1};
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(append(&options, &error), 0);
    CU_ASSERT_EQUAL(weir__audit_rotated(place.log, &numbers, &count, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(count, 3);
    CU_ASSERT_EQUAL(numbers[0], 1);
    CU_ASSERT_EQUAL(numbers[2], 3);
    free(numbers);
    for (int i = 0; i < 4; i++) {
        char *name =
            i < 3 ? weir__audit_rotated_name(place.log, (uint64_t)i + 1) : strdup(place.log);

        files[i] = (struct weir__audit_file){.fd = open(name, O_RDONLY | O_CLOEXEC), .name = "f"};
        if (i == 2)
            CU_ASSERT_EQUAL(strcmp(name + strlen(name) - 7, ".000003"), 0);
        free(name);
    }
    CU_ASSERT_EQUAL_FATAL(weir__audit_key_open(&key, NULL, NULL), 0);
    CU_ASSERT_EQUAL(
        weir__audit_verify(files, 4, &key, &(struct weir__audit_expected){0}, &verdict, NULL), 0);
    CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_SOUND);
    CU_ASSERT_EQUAL(verdict.records, 4);
    for (int i = 0; i < 4; i++)
        close(files[i].fd);
    unlink(place.log); /* as if killed between the rename and the new file */
    CU_ASSERT_EQUAL(append(&options, &error), 0);
    CU_ASSERT_EQUAL(verify_file(place.log, NULL).fault, WEIR__AUDIT_MISSING);
    weir__audit_key_clear(&key);
    place_close(&place);
}

/* Verify may come upon a record that is just being written: it waits for the writer. */
static void a_record_on_its_way_is_no_torn_tail(void)
{
    struct place place;
    struct weir__audit_options options;
    struct weir_error error;
    struct weir__audit_verdict verdict;
    char byte = 0;
    int fd, ends[2];
    pid_t writer;

    place_open(&place);
    options = (struct weir__audit_options){.path = place.log, .no_sync = 1};
    CU_ASSERT_EQUAL(append(&options, &error), 0);
    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    fd = open(place.log, O_RDWR | O_APPEND | O_CLOEXEC);
    CU_ASSERT_EQUAL(ftruncate(fd, lseek(fd, 0, SEEK_END) - 1), 0); /* all but its newline */
    close(fd);
    writer = fork();
    if (writer == 0) {
        int own = open(place.log, O_RDWR | O_APPEND | O_CLOEXEC);

        flock(own, LOCK_EX);
        (void)!write(ends[FD_WRITE_END], "x", 1);
        usleep(50000);
        (void)!write(own, "\n", 1);
        _exit(0);
    }
    CU_ASSERT_EQUAL(read(ends[FD_READ_END], &byte, 1), 1);
    verdict = verify_file(place.log, NULL);
    CU_ASSERT_EQUAL(verdict.fault, WEIR__AUDIT_SOUND);
    CU_ASSERT_EQUAL(verdict.records, 1);
    waitpid(writer, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    place_close(&place);
}

/* --- The journal --------------------------------------------------------------------- */

static void behind_a_lost_record_there_is_none(void)
{
    struct place place;
    struct weir__audit_options options = {0};
    struct weir__audit_bells bells = {-1, -1};
    struct weir__audit_journal *journal;
    struct weir_error error;
    int failed[2], written[2];
    char bytes[8];

    place_open(&place);
    options.path = place.log;
    CU_ASSERT_EQUAL_FATAL(weir__pipe(failed, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(weir__pipe(written, NULL), 0);
    bells.failed = failed[FD_WRITE_END];
    bells.written = written[FD_WRITE_END];
    journal = weir__audit_journal_open(&options, bells, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(journal);
    CU_ASSERT_EQUAL(weir__audit_journal_add(journal, json_pack("{s:s}", "event", "started")), 1);
    CU_ASSERT_EQUAL(read(written[FD_READ_END], bytes, sizeof bytes), 8);
    CU_ASSERT_EQUAL(weir__audit_journal_written(journal), 1);
    CU_ASSERT_EQUAL(weir__audit_journal_add(journal, json_pack("{s:s}", "event", "call")), 2);
    CU_ASSERT_EQUAL(weir__audit_journal_add(journal, NULL), UINT64_MAX);
    CU_ASSERT_EQUAL(weir__audit_journal_add(journal, json_pack("{s:s}", "event", "call")),
                    UINT64_MAX);
    CU_ASSERT_EQUAL(read(failed[FD_READ_END], bytes, sizeof bytes), 8);
    CU_ASSERT_EQUAL(weir__audit_journal_failure(journal, &error), WEIR_ERR_NOMEM);
    CU_ASSERT_EQUAL(weir__audit_journal_close(journal, &error), WEIR_ERR_NOMEM);
    CU_ASSERT_EQUAL(verify_file(place.log, NULL).records, 2);
    for (int i = 0; i < 2; i++) {
        close(failed[i]);
        close(written[i]);
    }
    place_close(&place);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"a_key_is_read_only_from_a_file_of_ones_own", a_key_is_read_only_from_a_file_of_ones_own},
        {"a_chain_has_one_key", a_chain_has_one_key},
        {"nothing_is_written_behind_a_torn_tail", nothing_is_written_behind_a_torn_tail},
        {"nothing_is_written_behind_a_changed_record", nothing_is_written_behind_a_changed_record},
        {"a_log_is_a_regular_file", a_log_is_a_regular_file},
        {"the_chain_goes_on_over_files", the_chain_goes_on_over_files},
        {"a_record_on_its_way_is_no_torn_tail", a_record_on_its_way_is_no_torn_tail},
        {"behind_a_lost_record_there_is_none", behind_a_lost_record_there_is_none},
        CU_TEST_INFO_NULL,
    };

    return run_suite("audit_log", tests);
}
