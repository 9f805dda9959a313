/* pipeline/spec_errors.h - what is wrong with a spec: gathered in any order, told in the
 * order of the text, all at once.
 */
#ifndef WEIR_PIPELINE_SPEC_ERRORS_H
#define WEIR_PIPELINE_SPEC_ERRORS_H

#include <stddef.h>

#include <weir/error.h>
#include <weir/pipeline.h>

#include "base/buffer.h"
#include "text/json_positions.h"

/* More than this many are counted, but not kept. */
enum { WEIR__FAULTS_KEPT = 1000 };

/* A text under examination.  text and file are borrowed. */
struct weir__faults {
    const char *text;
    size_t length;
    const char *file; /* names it in messages */
    struct weir__positions positions;

    struct weir__buffer kept; /* struct fault, of spec_errors.c */
    size_t count;
    int short_of_memory; /* a fault could not be kept */
};

/* Which part of a value's place a fault points at. */
enum weir__fault_at { WEIR__AT_VALUE, WEIR__AT_KEY };

/* Adds a fault of the value at a node: what is wrong, and what to do. */
void weir__fault(struct weir__faults *faults, size_t node, enum weir__fault_at at,
                 const char *format, ...) __attribute__((format(printf, 4, 5), cold));

/* Tells the one fault of a text that is no JSON.  Returns SPEC. */
int weir__fault_tell(const struct weir__faults *faults, size_t line, size_t column,
                     const char *message, weir_spec_fault on_fault, void *context,
                     struct weir_error *error);

/* Tells all faults in their order in the text, and fills error with how many
 * there are, or, with nobody to tell them to, with the first.  Returns SPEC or
 * NOMEM, or 0 when there is none. */
int weir__faults_tell(struct weir__faults *faults, weir_spec_fault on_fault, void *context,
                      struct weir_error *error);

void weir__faults_clear(struct weir__faults *faults);

/* Text from the spec as a message shows it: cut at a whole character when long. */
struct weir__shown {
    char text[64];
};
struct weir__shown weir__shown(const char *text);

#endif
