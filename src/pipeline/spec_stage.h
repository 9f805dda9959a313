/* pipeline/spec_stage.h - reads one stage of a spec. */
#ifndef WEIR_PIPELINE_SPEC_STAGE_H
#define WEIR_PIPELINE_SPEC_STAGE_H

#include <jansson.h>

#include <weir/pipeline.h>

#include "pipeline/spec_read.h"

/* Reads the object of stage number index. Errors go to spot->errors; if the spec has none so
 * far, the stage is added to pipeline. names collects the given names, each with its stage's
 * index. */
void weir__spec_stage(const struct weir__spot *spot, size_t index, weir_pipeline_t *pipeline,
                      json_t *names);

#endif
