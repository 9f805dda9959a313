/* The map stages of a pipeline. */
#include "config.h"

#include "pipeline/pipe.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "map/map.h"
#include "proc/result.h"

static void map_ended(weir_map_t *map, const struct weir_map_report *report,
                      const struct weir_error *error, void *context)
{
    struct weir__pipe_stage *stage = context;
    struct weir_pipeline_run *pipe = stage->pipe;
    struct weir_result *result = &stage->report.result;
    struct weir__exit how = {.at_ns = weir__clock_ns()};

    if (error != NULL)
        weir__operation_fail(&pipe->operation, error);
    if (report != NULL) {
        how.code = report->status;
        for (size_t i = 0; i < report->worker_count; i++) {
            how.user_us += report->workers[i].result.user_us;
            how.system_us += report->workers[i].result.system_us;
            if (report->workers[i].result.max_rss_kb > how.max_rss_kb)
                how.max_rss_kb = report->workers[i].result.max_rss_kb;
        }
        if (report->status != 0 && report->status != 141 && stage->stopping == WEIR_STOP_NONE)
            weir__stderr_forwarder_add_line(&pipe->forwarder, stage->report.name, report->reason,
                                            strlen(report->reason));
        stage->report.map = malloc(sizeof *stage->report.map);
        if (stage->report.map != NULL && weir_map_take(map, stage->report.map, NULL) < 0) {
            free(stage->report.map);
            stage->report.map = NULL;
        }
        if (stage->report.map != NULL)
            stage->report.bytes_out = (int64_t)stage->report.map->bytes_out;
    }
    stage->map = NULL;
    weir_map_free(map);
    result->why = stage->stopping;
    weir__result_exited(result, &how, stage->limits);
    weir__pipe_stage_ended(stage, how.at_ns);
    weir__pipe_emit(pipe, (int)(stage - pipe->stages), WEIR_EVENT_EXITED, how.code, NULL, 0);
    weir__pipe_after_exit(pipe);
    weir__pipe_finish(pipe);
}

static int start_map(struct weir_pipeline_run *pipe, size_t i, const struct weir__stage *given,
                     const struct weir__ends *ends)
{
    struct weir_map_options options = *weir__stage_map(given);
    struct weir__pipe_stage *stage = &pipe->stages[i];

    options.command = &given->command;
    options.each = given->is_each ? &given->each : NULL;
    options.input_fd = ends->stdio[0];
    options.input = ends->stdio[0] < 0 ? "/dev/null" : NULL;
    options.output_fd = ends->stdio[1];
    options.output = ends->stdio[1] < 0 ? "/dev/null" : NULL;
    options.grace_ms = stage->grace_ms;
    options.stop = stage->stop.count > 0 ? stage->stop.steps : NULL;
    options.stop_count = stage->stop.count;
    options.stderr_fd = stage->passes_errors ? pipe->settings.stderr_fd : -1;
    stage->map =
        weir_map_start(pipe->operation.weir, &options, map_ended, stage, &pipe->operation.error);
    if (stage->map == NULL)
        return pipe->operation.error.status;
    stage->map->label = (struct weir__map_label){
        .name = stage->report.name,
        .stage = (int)i,
        .is_quiet = !stage->passes_errors,
    };
    return 0;
}

int weir__pipe_start_maps(struct weir_pipeline_run *pipe, const weir_pipeline_t *pipeline,
                          const struct weir__ends *ends)
{
    int status = 0;

    for (size_t i = 0; i < pipe->count && status == 0; i++)
        if (pipeline->stages[i].is_map && !pipe->stages[i].exited)
            status = start_map(pipe, i, &pipeline->stages[i], &ends[i]);
    return status;
}
