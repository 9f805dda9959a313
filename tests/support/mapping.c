#include "config.h"

#include "support/mapping.h"

#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "support/harness.h"
#include "support/running.h"

struct weir_command map_command;

static char marks[64]; /* "MARKS=/tmp/..." */
static const char *const marked_env[] = {marks, NULL};

struct weir_map_options map_options(const char *const *argv)
{
    struct weir_map_options options;

    weir_map_options_init(&options);
    weir_command_init(&map_command);
    map_command.argv = argv;
    options.command = &map_command;
    options.workers = 2;
    options.stderr_fd = -1;
    options.on_error = WEIR_MAP_SKIP;
    return options;
}

const char *const *map_worker(const char *option, const char *value)
{
    static char path[4096];
    static const char *argv[4];

    snprintf(path, sizeof path, "%s", child_path("map_worker"));
    argv[0] = path;
    argv[1] = option;
    argv[2] = value;
    return argv;
}

/* --- Marks ---------------------------------------------------------------- */

void mark(struct weir_map_options *options)
{
    static unsigned count;

    snprintf(marks, sizeof marks, "MARKS=/tmp/weir-marks-%ld-%u", (long)getpid(), ++count);
    (void)options;
    map_command.env = marked_env;
}

const char *mark_path(const char *name)
{
    static char path[128];

    CU_ASSERT_NOT_EQUAL_FATAL(marks[0], '\0'); /* mark() comes first */
    snprintf(path, sizeof path, "%s.%s", marks + strlen("MARKS="), name);
    return path;
}

void open_gate(void)
{
    int fd = open(mark_path("go"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
}

void remove_marks(void)
{
    glob_t found;

    if (marks[0] == '\0') /* without marks the pattern would be that of all hidden files here */
        return;
    if (glob(mark_path("*"), 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        unlink(found.gl_pathv[i]);
    globfree(&found);
}

/* --- Bytes ---------------------------------------------------------------- */

void add(struct weir__buffer *to, const char *format, ...)
{
    char text[1024];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CU_ASSERT_FATAL(length >= 0 && (size_t)length < sizeof text);
    CU_ASSERT_EQUAL_FATAL(weir__buffer_add(to, text, (size_t)length, NULL), 0);
}

void add_plain(struct weir__buffer *to, long first, long count)
{
    for (long n = first; n < first + count; n++)
        add(to, "{\"n\":%ld}\n", n);
}

void add_replies(struct weir__buffer *to, long first, long count)
{
    for (long n = first; n < first + count; n++)
        add(to, "{\"r\":%ld}\n", n);
}

int memory_file(const char *bytes, size_t length)
{
    int fd = memfd_create("weir-test", MFD_CLOEXEC);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL_FATAL(weir__write_all(fd, bytes, length), 0);
    CU_ASSERT_EQUAL_FATAL(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

void read_back(int fd, struct weir__buffer *to)
{
    ssize_t count;

    lseek(fd, 0, SEEK_SET);
    do {
        CU_ASSERT_EQUAL_FATAL(weir__buffer_reserve(to, 65536, NULL), 0);
        count = read(fd, to->bytes + to->length, 65535);
        CU_ASSERT_FATAL(count >= 0);
        to->length += (size_t)count;
    } while (count > 0);
    to->bytes[to->length] = '\0';
}

size_t count_lines(const struct weir__buffer *buffer)
{
    size_t count = 0;

    for (size_t i = 0; i < buffer->length; i++)
        count += buffer->bytes[i] == '\n';
    return count;
}

int holds_text(const struct weir__buffer *buffer, const char *text)
{
    if (memmem(buffer->bytes, buffer->length, text, strlen(text)) != NULL)
        return 1;
    printf("# not there: %s\n# but: %.300s\n", text, buffer->bytes);
    return 0;
}

/* --- Mapping -------------------------------------------------------------- */

struct mapped map_bytes(weir_t *weir, const struct weir_map_options *given, const char *bytes,
                        size_t length)
{
    struct weir_map_options options = *given;
    struct mapped mapped = {0};
    int out = memory_file("", 0), letters = memory_file("", 0);
    char path[64];

    options.input_fd = memory_file(bytes, length);
    options.output_fd = out;
    snprintf(path, sizeof path, "/proc/self/fd/%d", letters);
    if (options.on_error == WEIR_MAP_DEAD_LETTER)
        options.dead_letter = path;
    mapped.is_flat = options.call != NULL;
    mapped.status = weir_map_run(weir, &options, &mapped.report, &mapped.error);
    if (mapped.status < 0)
        printf("# %s: %s\n", weir_status_name(mapped.error.status), mapped.error.text);
    CU_ASSERT_EQUAL(mapped.status, 0);
    read_back(out, &mapped.out);
    read_back(letters, &mapped.letters);
    close(options.input_fd);
    close(out);
    close(letters);
    check_accounts(&mapped);
    if (options.command->env == marked_env)
        remove_marks();
    return mapped;
}

struct mapped map_text(weir_t *weir, const struct weir_map_options *options, const char *text)
{
    return map_bytes(weir, options, text, strlen(text));
}

struct mapped map_buffer(weir_t *weir, const struct weir_map_options *options,
                         struct weir__buffer *input)
{
    struct mapped mapped = map_bytes(weir, options, input->bytes, input->length);

    weir__buffer_clear(input);
    return mapped;
}

void check_accounts(const struct mapped *mapped)
{
    const struct weir_map_report *report = &mapped->report;

    if (mapped->status < 0)
        return;
    CU_ASSERT_EQUAL(report->records,
                    report->answered + report->dropped + report->dead + report->unsettled);
    CU_ASSERT(report->unsettled == 0 || report->status > 1);
    CU_ASSERT((report->status == 0) == (report->dead == 0 && report->reason[0] == '\0'));
    CU_ASSERT(report->invalid + report->oversize <= report->dead);
    CU_ASSERT_EQUAL(report->records_out, count_lines(&mapped->out));
    CU_ASSERT_EQUAL(report->bytes_out, mapped->out.length);
    if (report->status <= 1 && !mapped->is_flat)
        CU_ASSERT_EQUAL(report->records_out, report->answered);
}

int ended_with(const struct mapped *mapped, int status)
{
    if (mapped->report.status == status)
        return 1;
    printf("# status %d: %s\n", mapped->report.status, mapped->report.reason);
    return 0;
}

int out_is(const struct mapped *mapped, const char *text)
{
    const char *bytes = mapped->out.bytes;
    size_t at = 0;

    if (mapped->out.length == strlen(text) && memcmp(bytes, text, strlen(text)) == 0)
        return 1;
    while (at < mapped->out.length && bytes[at] == text[at])
        at++;
    printf("# at byte %zu: %.60s\n#   and not: %.60s\n", at, bytes + at, text + at);
    return 0;
}

int out_is_replies(const struct mapped *mapped, long first, long count)
{
    struct weir__buffer wanted = {0};
    int same;

    add_replies(&wanted, first, count);
    add(&wanted, "%c", '\0');
    same = out_is(mapped, wanted.bytes);
    weir__buffer_clear(&wanted);
    return same;
}

void mapped_clear(struct mapped *mapped)
{
    weir_map_report_clear(&mapped->report);
    weir__buffer_clear(&mapped->out);
    weir__buffer_clear(&mapped->letters);
}

/* --- Waiting -------------------------------------------------------------- */

static void dispatch(weir_t *weir, int wait_ms)
{
    if (await_news(weir, wait_ms))
        weir_dispatch(weir, NULL);
}

int dispatch_until(weir_t *weir, int (*done)(void *data), void *data)
{
    int64_t until_ns = weir__clock_ns() + (int64_t)PATIENCE_MS * 1000000;

    while (!done(data)) {
        if (weir__clock_ns() > until_ns)
            return 0;
        dispatch(weir, 50);
    }
    return 1;
}

void dispatch_for(weir_t *weir, int ms)
{
    int64_t until_ns = weir__clock_ns() + (int64_t)ms * 1000000;

    while (weir__clock_ns() < until_ns)
        dispatch(weir, 10);
}

/* --- Memory --------------------------------------------------------------- */

static long memory_before_kb;

static long memory_kb(const char *key)
{
    struct weir__buffer status = {0};
    const char *at;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t count;
    long kb = -1;

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL_FATAL(weir__buffer_reserve(&status, 16384, NULL), 0);
    count = read(fd, status.bytes, 16383);
    status.bytes[count > 0 ? count : 0] = '\0';
    at = strstr(status.bytes, key);
    if (at != NULL)
        kb = atol(at + strlen(key));
    close(fd);
    weir__buffer_clear(&status);
    return kb;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MEANINGFUL = 0 };
#else
enum { MEANINGFUL = 1 };
#endif

int memory_can_be_measured(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    int cleared = fd >= 0 && write(fd, "5", 1) == 1;

    if (fd >= 0)
        close(fd);
    memory_before_kb = memory_kb("VmRSS:");
    return MEANINGFUL && !is_under_valgrind() && cleared && memory_before_kb > 0
           && memory_kb("VmHWM:") > 0;
}

long peak_growth_kb(void)
{
    return memory_kb("VmHWM:") - memory_before_kb;
}

struct running_map start_map(const struct weir_map_options *given, const char *bytes, size_t length)
{
    struct running_map running = {.weir = open_weir()};
    struct weir_map_options options = *given;
    struct weir_error error = {0};

    CU_ASSERT_EQUAL_FATAL(weir__pipe(running.out, NULL), 0);
    options.input_fd = memory_file(bytes, length);
    options.output_fd = running.out[FD_WRITE_END];
    running.map = weir_map_start(running.weir, &options, NULL, NULL, &error);
    if (running.map == NULL)
        printf("# %s\n", error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(running.map);
    close(options.input_fd);
    close(running.out[FD_WRITE_END]);
    return running;
}

struct running_map start_map_buffer(const struct weir_map_options *options,
                                    struct weir__buffer *input)
{
    struct running_map running = start_map(options, input->bytes, input->length);

    weir__buffer_clear(input);
    return running;
}

static int map_has_settled(void *data)
{
    const struct running_map *running = data;
    struct weir_map_progress progress;

    weir_map_look(running->map, &progress);
    return progress.settled >= running->wanted;
}

int await_map_settled(struct running_map *running, uint64_t count)
{
    running->wanted = count;
    return dispatch_until(running->weir, map_has_settled, running);
}

int map_takes_no_more(void *data)
{
    struct running_map *running = data;
    struct weir_map_progress before, after;

    weir_map_look(running->map, &before);
    dispatch_for(running->weir, 100);
    weir_map_look(running->map, &after);
    return after.settled == before.settled && after.records == before.records;
}

struct mapped finish_map(struct running_map *running)
{
    struct mapped mapped = {0};
    int flags = fcntl(running->out[FD_READ_END], F_GETFL);
    ssize_t count = 1;

    fcntl(running->out[FD_READ_END], F_SETFL, flags | O_NONBLOCK);
    while (count != 0) {
        weir_dispatch(running->weir, NULL);
        CU_ASSERT_EQUAL_FATAL(weir__buffer_reserve(&mapped.out, 64 * KB + 1, NULL), 0);
        count = read(running->out[FD_READ_END], mapped.out.bytes + mapped.out.length, 64 * KB);
        if (count > 0) {
            mapped.out.length += (size_t)count;
        } else if (count < 0) {
            struct pollfd due[2] = {{.fd = running->out[FD_READ_END], .events = POLLIN},
                                    {.fd = weir_fd(running->weir), .events = POLLIN}};

            poll(due, 2, weir_timeout_ms(running->weir));
        }
    }
    mapped.out.bytes[mapped.out.length] = '\0';
    mapped.status = weir_map_wait(running->map, &mapped.report, &mapped.error);
    CU_ASSERT_EQUAL(mapped.status, 0);
    weir_map_free(running->map);
    close(running->out[FD_READ_END]);
    weir_close(running->weir);
    remove_marks();
    return mapped;
}

void add_fill(struct weir__buffer *to, const char *begin, char fill, size_t length, const char *end)
{
    add(to, "%s", begin);
    CU_ASSERT_EQUAL_FATAL(weir__buffer_reserve(to, length, NULL), 0);
    memset(to->bytes + to->length, fill, length);
    to->length += length;
    add(to, "%s", end);
}

void add_much(struct weir__buffer *input, const char *first, long count)
{
    add(input, "%s", first);
    for (long n = 1; n < count; n++)
        add(input, "{\"n\":%ld,\"do\":\"big\",\"x\":1000}\n", n);
}
