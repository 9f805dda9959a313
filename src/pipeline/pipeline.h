/* pipeline/pipeline.h - internals of weir_pipeline_t: plain data that it owns. */
#ifndef WEIR_PIPELINE_PIPELINE_H
#define WEIR_PIPELINE_PIPELINE_H

#include <stddef.h>

#include <weir/each.h>
#include <weir/pipeline.h>

#include "base/datagram.h"
#include "base/file_set.h"
#include "proc/stop_sequence.h"

/* A start is one datagram to the spawner with up to four descriptors per stage (stdin, stdout,
 * stderr, directory), plus one for the terminal. */
enum { WEIR__STAGES_MAX = (WEIR__DATAGRAM_FDS - 1) / 4 };

struct weir__stage {
    struct weir_stage view; /* the public view; points into the fields below */

    struct weir_command command; /* in place of view.command */
    char *name;
    int named;                      /* the name was given, not derived */
    char **argv, **env_pass, **env; /* NULL-terminated, or NULL */
    char *cwd, *charset;
    unsigned char *ok_exit;
    int has_stop; /* view.grace_ms is its time */
    struct weir__stop_sequence stop;
    int is_map;
    struct weir_map_options map;
    char *call, *key, *node_from, *dead_letter, **launcher, **launcher_stop;
    int is_each; /* a program for each record */
    struct weir_each_options each;
};

struct weir_pipeline {
    struct weir__stage *stages;
    size_t count;

    struct weir_pipeline_settings settings; /* points to the strings below */
    char *input, *output, *report;
    struct weir__stop_sequence stop;
};

/* Adds all files of a pipeline to a set. settings override the pipeline's own. from_spec: bits
 * 1, 2 and 4 say that input, output and report are named as in a spec, not as options. */
void weir__pipeline_files(struct weir__file_set *set, const weir_pipeline_t *pipeline,
                          const struct weir_pipeline_settings *settings, int from_spec);

/* Returns the stage's map options, or NULL. (Stages move in memory, so view.map is not used.) */
const struct weir_map_options *weir__stage_map(const struct weir__stage *stage);

#endif
