/* pipeline/spec_errors.h - the errors of a spec: collected in any order, reported together in
 * the order of the text. */
#ifndef WEIR_PIPELINE_SPEC_ERRORS_H
#define WEIR_PIPELINE_SPEC_ERRORS_H

#include <stddef.h>

#include <weir/error.h>
#include <weir/pipeline.h>

#include "base/buffer.h"
#include "text/json_positions.h"

/* Further errors are counted but not stored. */
enum { WEIR__SPEC_ERRORS_KEPT = 1000 };

/* The errors of a text. text and file are borrowed. */
struct weir__spec_errors {
    const char *text;
    size_t length;
    const char *file; /* its name in messages */
    struct weir__positions positions;

    struct weir__buffer kept; /* of struct spec_error, see spec_errors.c */
    size_t count;
    int short_of_memory; /* an error could not be stored */
};

/* Whether an error points at a value or at its key. */
enum weir__spec_error_at { WEIR__AT_VALUE, WEIR__AT_KEY };

/* Adds an error at a node: what is wrong, and what to do. */
void weir__spec_error(struct weir__spec_errors *errors, size_t node, enum weir__spec_error_at at,
                      const char *format, ...) __attribute__((format(printf, 4, 5), cold));

/* Reports a syntax error of the text. Returns SPEC. */
int weir__spec_error_report(const struct weir__spec_errors *errors, size_t line, size_t column,
                            const char *message, weir_spec_fault on_fault, void *context,
                            struct weir_error *error);

/* Reports all errors in the order of the text. Fills error with their number or, if on_fault is
 * NULL, with the first one. Returns SPEC, NOMEM, or 0 if there are no errors. */
int weir__spec_errors_report(struct weir__spec_errors *errors, weir_spec_fault on_fault,
                             void *context, struct weir_error *error);

void weir__spec_errors_clear(struct weir__spec_errors *errors);

/* Text of the spec as shown in messages: cut between two characters if long. */
struct weir__shown {
    char text[64];
};
struct weir__shown weir__shown(const char *text);

#endif
