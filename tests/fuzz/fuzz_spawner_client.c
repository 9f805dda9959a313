/* What the spawner answers, be it nonsense: a run, a pipeline and a pool live through it.
 *
 * Input: datagrams, a line each; "M" alone promises a file that does not come. */
#include "config.h"

#include <string.h>
#include <sys/socket.h>
#include <weir/pipeline.h>
#include <weir/pool.h>
#include <weir/run.h>

#include "base/datagram.h"
#include "fuzz/pretend.h"
#include "fuzz/replay.h"

/* Takes what is asked of the spawner, and leaves it undone. */
static void forget(const struct pretend *pretend)
{
    struct weir__datagram message;

    while (weir__datagram_receive(&pretend->link, &message, MSG_DONTWAIT) > 0)
        weir__datagram_clear(&message);
}

static weir_pipeline_run_t *start_pipe(weir_t *weir)
{
    weir_pipeline_t *pipeline = weir_pipeline_new();
    struct weir_pipeline_settings settings;
    weir_pipeline_run_t *pipe;

    for (int i = 0; i < 3; i++) {
        struct weir_command command;
        struct weir_stage stage;

        weir_command_init(&command);
        command.argv = (const char *const[]){"stage", NULL};
        weir_stage_init(&stage);
        stage.command = &command;
        stage.err = WEIR_STDERR_KEEP;
        stage.meter = i == 1;
        HOLDS(weir_pipeline_add(pipeline, &stage, NULL) == 0);
    }
    weir_pipeline_get(pipeline, &settings);
    settings.input_fd = settings.output_fd = settings.stderr_fd = -1;
    HOLDS(weir_pipeline_set(pipeline, &settings, NULL) == 0);
    pipe = weir_pipeline_start(weir, pipeline, NULL, NULL, NULL);
    weir_pipeline_free(pipeline);
    HOLDS(pipe != NULL);
    return pipe;
}

static weir_pool_t *start_pool(weir_t *weir)
{
    struct weir_command command;
    struct weir_pool_options options;

    weir_command_init(&command);
    command.argv = (const char *const[]){"worker", NULL};
    weir_pool_options_init(&options);
    options.commands = (const struct weir_command *[]){&command};
    options.command_count = 1;
    options.workers = 2;
    options.start_attempts = 1;
    options.stderr_fd = -1;
    return weir_pool_open(weir, &options, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const char *line = (const char *)bytes, *end = line + length;
    struct weir_command command;
    struct weir_run_options options;
    struct pretend pretend = {0};
    weir_run_t *run;
    weir_pipeline_run_t *pipe;

    pretend_open(&pretend);
    weir__watch_set(pretend.watch, 0);
    weir_command_init(&command);
    command.argv = (const char *const[]){"program", NULL};
    weir_run_options_init(&options);
    run = weir_run_start(pretend.weir, &command, &options, NULL, NULL, NULL);
    HOLDS(run != NULL);
    pipe = start_pipe(pretend.weir);
    HOLDS(start_pool(pretend.weir) != NULL); /* freed with its context */
    for (const char *lf; line < end; line = lf + 1) {
        lf = memchr(line, '\n', (size_t)(end - line));
        lf = lf != NULL ? lf : end;
        forget(&pretend);
        if (lf > line) /* an empty one would be the end */
            weir__datagram_send(&pretend.link, line, (size_t)(lf - line), NULL, 0, MSG_DONTWAIT);
        weir_dispatch(pretend.weir, NULL);
        weir_dispatch(pretend.weir, NULL);
    }
    weir_run_free(run);
    weir_pipeline_run_free(pipe);
    pretend_close(&pretend);
    return 0;
}
