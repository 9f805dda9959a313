/* pipeline/spec_map.h - the "map" of a stage in a spec, with the options of weir map, and its
 * "each", with those of weir each. */
#ifndef WEIR_PIPELINE_SPEC_MAP_H
#define WEIR_PIPELINE_SPEC_MAP_H

#include <weir/each.h>
#include <weir/map.h>

#include "pipeline/spec_read.h"

struct weir__spec_map {
    struct weir_map_options options; /* points into the document and the lists below */
    struct weir__spec_list launcher, launcher_stop;
    struct weir_each_options each; /* if options.each points here */
    int ok_exits[256];
};

void weir__spec_map_init(struct weir__spec_map *map);
void weir__spec_map_clear(struct weir__spec_map *map);

/* Reads the object. Errors go to spot->errors. */
void weir__spec_map(const struct weir__spot *spot, struct weir__spec_map *map);

/* The same for "each". */
void weir__spec_map_each(const struct weir__spot *spot, struct weir__spec_map *map);

#endif
