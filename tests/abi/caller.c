/* A host of libweir, compiled by abi.sh with headers of several ages: caller INPUT OUTPUT WORKER.
 * Each options struct has guard bytes behind it.  With -DNEWER the headers have a member,
 * from_the_future, at the end of each: it may be 0 and nothing else.  Prints what is wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

enum { GUARD = 0xA5 };

static int failed;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("line %d: %s: %s\n", __LINE__, #condition, error.text);                         \
            failed = 1;                                                                            \
        }                                                                                          \
    } while (0)

#define GUARDED(type, name)                                                                        \
    struct {                                                                                       \
        type value;                                                                                \
        unsigned char guard[512];                                                                  \
    } name;                                                                                        \
    memset(&(name), GUARD, sizeof(name))

/* NULL on success: the struct has the caller's size, and nothing behind it was written. */
static const char *find_fault(const void *value, size_t size, const unsigned char *guard)
{
    if (memcmp(value, &size, sizeof size) != 0)
        return "does not have the size of the caller";
    for (size_t i = 0; i < 512; i++)
        if (guard[i] != GUARD)
            return "was written beyond its end";
    return NULL;
}

#define CHECK_GUARD(name)                                                                          \
    do {                                                                                           \
        const char *fault = find_fault(&(name).value, sizeof(name).value, (name).guard);           \
        if (fault != NULL) {                                                                       \
            printf("line %d: %s %s\n", __LINE__, #name, fault);                                    \
            failed = 1;                                                                            \
        }                                                                                          \
    } while (0)

/* The call must be refused while the member that the library cannot know is set. */
#ifdef NEWER
#define EXPECT_REFUSED(name, call)                                                                 \
    do {                                                                                           \
        (name).value.from_the_future = 1;                                                          \
        EXPECT(call);                                                                              \
        EXPECT(error.status == WEIR_ERR_INVALID);                                                  \
        EXPECT(strstr(error.text, "does not know") != NULL);                                       \
        (name).value.from_the_future = 0;                                                          \
    } while (0)
#else
#define EXPECT_REFUSED(name, call) (void)0
#endif

static struct weir_error error;
static int events, dones;

static void count_event(const struct weir_event *event, void *context)
{
    (void)context;
    events += event->kind == WEIR_EVENT_STARTED;
}

static void count_done(weir_call_t *call, const struct weir_reply *reply, void *context)
{
    (void)call;
    (void)context;
    dones += reply->outcome == WEIR_CALL_RETURNED;
}

static weir_t *open_context(void)
{
    GUARDED(struct weir_options, options);
    weir_t *weir;

    weir_options_init(&options.value);
    options.value.on_event = count_event;
    EXPECT_REFUSED(options, weir_open(&options.value, &error) == NULL);
    weir = weir_open(&options.value, &error);
    EXPECT(weir != NULL);
    CHECK_GUARD(options);
    return weir;
}

static void run_a_program(weir_t *weir)
{
    const char *const argv[] = {"echo", "hello", NULL};
    struct weir_result result;
    int status;
    GUARDED(struct weir_command, command);
    GUARDED(struct weir_run_options, options);

    weir_command_init(&command.value);
    command.value.argv = argv;
    weir_run_options_init(&options.value);
    options.value.timeout_ms = 60000;
    EXPECT_REFUSED(command, weir_run(weir, &command.value, &options.value, &result, &error) < 0);
    EXPECT_REFUSED(options, weir_run(weir, &command.value, &options.value, &result, &error) < 0);
    status = weir_run(weir, &command.value, &options.value, &result, &error);
    EXPECT(status == 0);
    if (status == 0) {
        EXPECT(weir_result_status(&result) == 0 && strcmp(result.out.text, "hello\n") == 0);
        weir_result_clear(&result);
    }
    options.value.size = 3;
    EXPECT(weir_run(weir, &command.value, &options.value, &result, &error) == WEIR_ERR_INVALID);
    EXPECT(strstr(error.text, "weir_run_options_init()") != NULL);
    options.value.size = sizeof options.value;
    CHECK_GUARD(command);
    CHECK_GUARD(options);
}

static void run_a_pipeline(weir_t *weir)
{
    const char *const argv[] = {"cat", NULL};
    weir_pipeline_t *pipeline = weir_pipeline_new();
    struct weir_pipeline_report report;
    int status;
    GUARDED(struct weir_command, command);
    GUARDED(struct weir_stage, stage);
    GUARDED(struct weir_pipeline_settings, settings);

    weir_command_init(&command.value);
    command.value.argv = argv;
    weir_stage_init(&stage.value);
    stage.value.command = &command.value;
    EXPECT_REFUSED(command, weir_pipeline_add(pipeline, &stage.value, &error) < 0);
    EXPECT_REFUSED(stage, weir_pipeline_add(pipeline, &stage.value, &error) < 0);
    EXPECT(weir_pipeline_add(pipeline, &stage.value, &error) == 0);
    EXPECT(weir_pipeline_add_line(pipeline, "wc -l", NULL, &error) == 0);
    weir_pipeline_settings_init(&settings.value);
    CHECK_GUARD(settings);
    weir_pipeline_get(pipeline, &settings.value);
    settings.value.input_fd = settings.value.output_fd = -1;
    EXPECT_REFUSED(settings, weir_pipeline_set(pipeline, &settings.value, &error) < 0);
    EXPECT(weir_pipeline_set(pipeline, &settings.value, &error) == 0);
    status = weir_pipeline_run(weir, pipeline, &report, &error);
    EXPECT(status == 0);
    if (status == 0) {
        EXPECT(report.ok && report.stage_count == 2 && strcmp(report.stages[1].name, "wc") == 0);
        weir_pipeline_report_clear(&report);
    }
    weir_pipeline_free(pipeline);
    CHECK_GUARD(command);
    CHECK_GUARD(stage);
    CHECK_GUARD(settings);
}

static void run_a_map(weir_t *weir, const char *input, const char *output)
{
    const char *const argv[] = {"cat", NULL};
    struct weir_map_report report;
    weir_map_t *map;
    GUARDED(struct weir_command, command);
    GUARDED(struct weir_map_options, options);
    GUARDED(struct weir_map_progress, progress);

    weir_command_init(&command.value);
    command.value.argv = argv;
    weir_map_options_init(&options.value);
    options.value.command = &command.value;
    options.value.workers = 1;
    options.value.input = input;
    options.value.output = output;
    EXPECT_REFUSED(command, weir_map_start(weir, &options.value, NULL, NULL, &error) == NULL);
    EXPECT_REFUSED(options, weir_map_start(weir, &options.value, NULL, NULL, &error) == NULL);
    map = weir_map_start(weir, &options.value, NULL, NULL, &error);
    EXPECT(map != NULL);
    if (map != NULL) {
        int status;

        weir_map_look(map, &progress.value);
        CHECK_GUARD(progress);
        status = weir_map_wait(map, &report, &error);
        EXPECT(status == 0);
        if (status == 0) {
            EXPECT(report.status == 0 && report.answered == 2 && report.worker_count == 1);
            weir_map_report_clear(&report);
        }
        weir_map_free(map);
    }
    CHECK_GUARD(command);
    CHECK_GUARD(options);
}

static void call_a_function(weir_t *weir, const char *worker)
{
    const char *argv[] = {worker, NULL};
    struct weir_reply reply;
    weir_pool_t *pool;
    weir_call_t *call;
    GUARDED(struct weir_command, command);
    const struct weir_command *const commands[] = {&command.value};
    GUARDED(struct weir_pool_options, options);
    GUARDED(struct weir_call_options, how);
    GUARDED(struct weir_call_sink, sink);

    weir_command_init(&command.value);
    command.value.argv = argv;
    weir_pool_options_init(&options.value);
    options.value.commands = commands;
    options.value.command_count = 1;
    options.value.workers = 1;
    EXPECT_REFUSED(command, weir_pool_open(weir, &options.value, &error) == NULL);
    EXPECT_REFUSED(options, weir_pool_open(weir, &options.value, &error) == NULL);
    pool = weir_pool_open(weir, &options.value, &error);
    EXPECT(pool != NULL);
    if (pool == NULL)
        return;
    weir_call_options_init(&how.value);
    weir_call_sink_init(&sink.value);
    sink.value.on_done = count_done;
    EXPECT_REFUSED(how, weir_call(pool, "add", "[3,4]", &how.value, &reply, &error) < 0);
    EXPECT_REFUSED(sink,
                   weir_call_start(pool, "add", "[3,4]", 5, NULL, &sink.value, &error) == NULL);
    EXPECT(weir_call(pool, "add", "[3,4]", &how.value, &reply, &error) == 0
           && strcmp(reply.result, "7") == 0);
    weir_reply_clear(&reply);
    call = weir_call_start(pool, "add", "[3,4]", 5, &how.value, &sink.value, &error);
    EXPECT(call != NULL && weir_call_wait(call, &reply, &error) == 0 && dones == 1);
    weir_reply_clear(&reply);
    weir_call_free(call);
    weir_pool_close(pool, WEIR_FOREVER);
    CHECK_GUARD(command);
    CHECK_GUARD(options);
    CHECK_GUARD(how);
    CHECK_GUARD(sink);
}

int main(int argc, char **argv)
{
    weir_t *weir;

    if (argc != 4)
        return 2;
    EXPECT(strcmp(weir_strstatus(WEIR_ERR_NOMEM), "out of memory") == 0);
    EXPECT(strcmp(weir_status_name(WEIR_ERR_NOMEM), "WEIR_ERR_NOMEM") == 0);
    weir = open_context();
    if (weir == NULL)
        return 1;
    run_a_program(weir);
    run_a_pipeline(weir);
    run_a_map(weir, argv[1], argv[2]);
    call_a_function(weir, argv[3]);
    EXPECT(events >= 3);
    weir_close(weir);
    return failed;
}
