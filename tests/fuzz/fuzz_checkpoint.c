/* A checkpoint, whatever is in it: a map refuses it, or goes on to its end, and what it
 * then saves it finishes from.
 *
 * Input: a byte of choices, then the checkpoint.  Its "input" and "work" are put right
 * where it has them, or nearly all would be refused for those. */
#include "config.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/map.h>

#include "base/fd.h"
#include "fuzz/pretend.h"
#include "fuzz/replay.h"

enum { UNORDERED = 1, DEAD_LETTERS = 2, RIGHT_NAMES = 4 };

static const char records[] = "{\"n\":0}\n{\"n\":1}\n\n{\"n\":2}\n!\n{\"n\":3}\n";
static char directory[] = "/tmp/weir-fuzz-XXXXXX", checkpoint[64], input[64], output[64],
            letters[64];

static void remove_files(void)
{
    const char *const all[] = {checkpoint, input, output, letters};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        unlink(all[i]);
    rmdir(directory);
}

static void put(const char *path, const void *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    HOLDS(fd >= 0 && weir__write_all(fd, bytes, length) == 0);
    close(fd);
}

static void make_files(void)
{
    HOLDS(mkdtemp(directory) != NULL);
    atexit(remove_files);
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint", directory);
    snprintf(input, sizeof input, "%s/input", directory);
    snprintf(output, sizeof output, "%s/output", directory);
    snprintf(letters, sizeof letters, "%s/letters", directory);
    put(input, records, sizeof records - 1);
}

static void echo(struct pretend_job *job, const char *line, size_t length)
{
    pretend_say(job, line, length);
    pretend_say(job, "\n", 1);
}

/* Returns the status of the run, or a negative one. */
static int map(unsigned choices, struct weir_map_report *report)
{
    static const char *const argv[] = {"worker", NULL};
    static struct weir_command command;
    struct pretend pretend = {.on_line = echo};
    struct weir_map_options options;
    int status;

    weir_map_options_init(&options);
    weir_command_init(&command);
    command.argv = argv;
    options.command = &command;
    options.workers = 1;
    options.unordered = (choices & UNORDERED) != 0;
    options.on_error = choices & DEAD_LETTERS ? WEIR_MAP_DEAD_LETTER : WEIR_MAP_SKIP;
    options.dead_letter = choices & DEAD_LETTERS ? letters : NULL;
    options.input = input;
    options.output = output;
    options.checkpoint = checkpoint;
    options.stderr_fd = -1;
    pretend_open(&pretend);
    *report = (struct weir_map_report){0};
    status = weir_map_run(pretend.weir, &options, report, NULL);
    pretend_close(&pretend);
    return status < 0 ? status : report->status;
}

/* Puts right what names the input and the work: as a map that begins has them. */
static void put_right(json_t *given, unsigned choices)
{
    struct weir_map_report report;
    json_t *saved;

    unlink(checkpoint);
    HOLDS(map(choices, &report) == 1);
    weir_map_report_clear(&report);
    saved = json_load_file(checkpoint, 0, NULL);
    HOLDS(saved != NULL);
    json_object_set(given, "input", json_object_get(saved, "input"));
    json_object_set(given, "work", json_object_get(saved, "work"));
    json_decref(saved);
    HOLDS(json_dump_file(given, checkpoint, JSON_COMPACT) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct weir_map_report report;
    json_t *given;
    int status;

    if (checkpoint[0] == '\0')
        make_files();
    if (length < 1)
        return 0;
    given = json_loadb((const char *)bytes + 1, length - 1, 0, NULL);
    if (bytes[0] & RIGHT_NAMES && json_is_object(given))
        put_right(given, bytes[0]);
    else
        put(checkpoint, bytes + 1, length - 1);
    json_decref(given);
    put(output, records, sizeof records - 1);
    put(letters, records, sizeof records - 1);
    status = map(bytes[0], &report);
    HOLDS(status < 0 || status == 0 || status == 1 || status == 5 || status == 6
          || report.reason[0] != '\0');
    weir_map_report_clear(&report);
    if (status == 0 || status == 1) {
        HOLDS(map(bytes[0], &report) == status); /* it is finished */
        weir_map_report_clear(&report);
    }
    return 0;
}
