/* pipeline/pipeline.h - the inside of a weir_pipeline: plain data, all of it its own. */
#ifndef WEIR_PIPELINE_PIPELINE_H
#define WEIR_PIPELINE_PIPELINE_H

#include <stddef.h>

#include <weir/pipeline.h>

#include "base/file_set.h"
#include "base/datagram.h"

/* A start is one message to the spawner, with up to four descriptors a stage:
 * stdin, stdout, stderr and the directory; one more is for the terminal. */
enum { WEIR__STAGES_MAX = (WEIR__MESSAGE_FDS - 1) / 4 };

struct weir__stage {
    struct weir_stage view; /* what is to be read; its pointers are to what follows */

    struct weir_command command; /* view.command is not used */
    char *name;
    int named;                      /* the name was given: a derived one makes way for it */
    char **argv, **env_pass, **env; /* NULL-terminated, or NULL */
    char *cwd, *charset;
    unsigned char *ok_exit;
    int is_map;
    struct weir_map_options map;
    char *call, *dead_letter, **launcher, **launcher_stop;
};

struct weir_pipeline {
    struct weir__stage *stages;
    size_t count;

    struct weir_pipeline_settings settings; /* its strings are the following */
    char *input, *output, *report;
};

/* Puts all files of a pipeline into a set.  settings count more than the pipeline's own; from_spec:
 * bits 1, 2, 4 for its input, output and report: they are called as a spec calls them, the others
 * as an option is. */
void weir__pipeline_files(struct weir__file_set *set, const weir_pipeline_t *pipeline,
                          const struct weir_pipeline_settings *settings, int from_spec);

/* The stage's map, or NULL.  (Stages move in memory; view.map is not used.) */
const struct weir_map_options *weir__stage_map(const struct weir__stage *stage);

#endif
