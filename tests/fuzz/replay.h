/* fuzz/replay.h - what a fuzz target is: one function that takes any bytes, and
 * aborts where a property does not hold.  Its seeds are in corpus/NAME/. */
#ifndef WEIR_TESTS_FUZZ_REPLAY_H
#define WEIR_TESTS_FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* libFuzzer calls it with what it makes up, replay.c with what is in files. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* Ends the run and names the property, in any build. */
#define HOLDS(property)                                                                            \
    ((property) ? (void)0                                                                          \
                : (fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #property),   \
                   abort()))

#endif
