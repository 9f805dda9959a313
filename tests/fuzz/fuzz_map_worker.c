/* What a worker says to a map, by calls or by lines: the accounts add up, every line
 * written is JSON.
 *
 * Input: a byte of choices, the size of pieces, then what the workers say. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/map.h>

#include "fuzz/pretend.h"
#include "fuzz/replay.h"

enum {
    BY_LINES = 1,
    SAYS_HELLO = 2,
    UNORDERED = 4,
    DROPS_NULL = 8,
    RETRIES = 16,
    IS_STREAM = 32,
    SKIPS = 64,
    TWO_WORKERS = 128,
    HAS_KEY = BY_LINES | IS_STREAM,
    DROPS_MISSING = 2, /* with a key */
};

static const char records[] = "[1]\n{\"a\":2}\n\"x\"\n\n[4]\nno JSON\n5\n[6]\n";

static const char keyed_records[] =
    "{\"id\":1}\n{\"id\":2}\n{\"id\":\"x\"}\n\n{}\nno JSON\n{\"id\":1}\n{\"id\":4}\n";

#define HELLO(METHODS)                                                                             \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"version\":1,\"methods\":" METHODS                 \
    ",\"concurrency\":3}}\n"

static void say_hello(struct pretend_job *job, const char *line, size_t length, const char *hello)
{
    if (memmem(line, length, "weir/hello", 10) != NULL)
        pretend_say(job, hello, strlen(hello));
}

static void be_a_function(struct pretend_job *job, const char *line, size_t length)
{
    say_hello(job, line, length, HELLO("{\"f\":{}}"));
}

static void be_a_stream(struct pretend_job *job, const char *line, size_t length)
{
    say_hello(job, line, length, HELLO("{\"f\":{\"stream\":\"out\"}}"));
}

static void check(const struct weir_map_report *report, int out, int letters)
{
    struct weir__buffer written = pretend_read_back(out), dead = pretend_read_back(letters);

    HOLDS(report->records == report->answered + report->dropped + report->dead + report->unsettled);
    HOLDS(pretend_check_lines(&written) == report->records_out);
    HOLDS(written.length == report->bytes_out);
    HOLDS(pretend_check_lines(&dead) <= report->dead);
    weir__buffer_clear(&written);
    weir__buffer_clear(&dead);
}

static int has_key(unsigned choices)
{
    return (choices & HAS_KEY) == HAS_KEY;
}

static struct weir_map_options choose(unsigned choices)
{
    static const char *const argv[] = {"worker", NULL};
    static struct weir_command command;
    struct weir_map_options options;

    weir_map_options_init(&options);
    weir_command_init(&command);
    command.argv = argv;
    options.command = &command;
    options.call = choices & BY_LINES ? NULL : "f";
    options.unordered = (choices & UNORDERED) != 0;
    options.drop_null = (choices & DROPS_NULL) != 0 && !has_key(choices); /* it is refused */
    options.retries = choices & RETRIES ? 1 : 0;
    options.workers = choices & TWO_WORKERS ? 2 : 1;
    options.on_error = choices & SKIPS ? WEIR_MAP_SKIP : WEIR_MAP_DEAD_LETTER;
    options.max_record = 4096;
    options.stderr_fd = -1;
    options.input_fd = pretend_file(records, sizeof records - 1);
    if (has_key(choices)) {
        options.key = "/id";
        options.drop_missing = (choices & DROPS_MISSING) != 0;
        close(options.input_fd);
        options.input_fd = pretend_file(keyed_records, sizeof keyed_records - 1);
    }
    options.output_fd = pretend_file("", 0);
    return options;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct weir_map_options options;
    struct weir_map_report report = {0};
    struct pretend pretend = {0};
    char path[64];
    int letters;
    weir_map_t *map;

    if (length < 2)
        return 0;
    options = choose(bytes[0]);
    letters = pretend_file("", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", letters);
    if (options.on_error == WEIR_MAP_DEAD_LETTER)
        options.dead_letter = path;
    if (bytes[0] & SAYS_HELLO && options.call != NULL)
        pretend.on_line = bytes[0] & IS_STREAM ? be_a_stream : be_a_function;
    pretend_open(&pretend);
    map = weir_map_start(pretend.weir, &options, NULL, NULL, NULL);
    HOLDS(map != NULL);
    pretend_turn(&pretend);
    pretend_say_in_pieces(&pretend, bytes + 2, length - 2, 1 + bytes[1] * 4);
    if (pretend.jobs != NULL)
        pretend_end(pretend.jobs, 3, 0);
    pretend_turn(&pretend);
    weir_map_cancel(map, SIGTERM);
    weir_map_cancel(map, SIGTERM); /* at once */
    HOLDS(weir_map_wait(map, &report, NULL) == 0);
    check(&report, options.output_fd, letters);
    free(weir_map_report_json(&report));
    weir_map_report_clear(&report);
    weir_map_free(map);
    close(options.input_fd);
    pretend_close(&pretend);
    return 0;
}
