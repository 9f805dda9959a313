/* Output and stderr of a pipeline's stages. */
#include "config.h"

#include "pipeline/pipe.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"

static void output_passed(void *owner, size_t length)
{
    struct weir__pipe_stage *stage = owner;

    (void)length;
    if (stage->idle != NULL)
        stage->last_output_ns = weir__clock_ns();
    if (stage->pipe->emits)
        weir__pipe_report_progress(stage);
}

static void output_ended(void *owner, int failed)
{
    struct weir__pipe_stage *stage = owner;
    struct weir_pipeline_run *pipe = stage->pipe;
    struct weir_error error;

    /* EPIPE is legitimate: the reader closed. The stage gets it as its own. */
    if (failed != 0 && failed != EPIPE) {
        weir__fail(&error, WEIR_ERR_SYSTEM, failed, "cannot pass on the output of %s",
                   stage->report.name);
        weir__operation_fail(&pipe->operation, &error);
        weir__pipe_stop(pipe, (int)(stage - pipe->stages), WEIR_STOP_CANCELLED,
                        pipe->settings.grace_ms);
    }
    weir__pipe_stop_rest(pipe);
    weir__pipe_finish(pipe);
}

static void stderr_line_came(void *owner, const struct weir_line *line)
{
    struct weir__pipe_stage *stage = owner;

    weir__pipe_emit(stage->pipe, (int)(stage - stage->pipe->stages), WEIR_EVENT_STDERR_LINE,
                    stage->passes_errors, line->bytes, line->length);
}

static void stderr_came(void *owner, const char *bytes, size_t length)
{
    struct weir__pipe_stage *stage = owner;

    weir__stderr_source_take(&stage->stderr_source, bytes, length);
}

static void stderr_ended(void *owner)
{
    struct weir__pipe_stage *stage = owner;

    weir__stderr_source_end(&stage->stderr_source);
    weir__pipe_stop_rest(stage->pipe);
    weir__pipe_finish(stage->pipe);
}

static void stderr_is_forwarded(void *owner)
{
    weir__pipe_finish(owner);
}

int weir__pipe_open_outputs(struct weir__pipe_stage *stage, const struct weir_stage *view,
                            struct weir__ends *ends)
{
    struct weir_pipeline_run *pipe = stage->pipe;
    weir_decoder_t *decoder = NULL;
    int status = 0, from = ends->relay_from, to = ends->relay_to, errors = ends->errors;

    ends->relay_from = ends->relay_to = ends->errors = -1; /* taken from here on */
    if (errors >= 0) {
        stage->errors.owner = stage;
        stage->errors.on_bytes = stderr_came;
        stage->errors.on_end = stderr_ended;
        status = weir__capture_start(&stage->errors, pipe->operation.weir->loop, errors,
                                     pipe->settings.max_stderr, 0, &pipe->operation.error);
        stage->stderr_source = (struct weir__stderr_source){
            .capture = &stage->errors,
            .name = stage->report.name,
            .is_quiet = !stage->passes_errors,
            .on_line = pipe->operation.weir->on_event != NULL ? stderr_line_came : NULL,
            .owner = stage,
        };
        if (status == 0) /* held until the start has been reported */
            weir__stderr_source_add(&stage->stderr_source, &pipe->forwarder);
    }
    if (from >= 0 && view->charset != NULL) {
        decoder = weir_decoder_new(view->charset, WEIR_REPLACE, NULL, &pipe->operation.error);
        if (decoder == NULL && status == 0)
            status = WEIR_ERR_CHARSET;
    }
    if (from >= 0 && status == 0) {
        stage->relay.owner = stage;
        stage->relay.on_bytes = output_passed;
        stage->relay.on_end = output_ended;
        stage->last_output_ns = weir__clock_ns();
        status = weir__relay_start(&stage->relay, pipe->operation.weir->loop, from, to,
                                   ends->relay_to_is_ours, decoder, &pipe->operation.error);
    } else if (from >= 0) {
        weir__close(&from);
        if (ends->relay_to_is_ours)
            weir__close(&to);
        weir_decoder_free(decoder);
    }
    return status;
}

int weir__pipe_open_forwarder(struct weir_pipeline_run *pipe)
{
    pipe->forwarder.owner = pipe;
    pipe->forwarder.on_empty = stderr_is_forwarded;
    pipe->forwarder.is_held = 1;
    return weir__stderr_forwarder_open(&pipe->forwarder, pipe->operation.weir->loop,
                                       pipe->settings.stderr_fd, &pipe->operation.error);
}
