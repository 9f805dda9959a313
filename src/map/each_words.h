/* map/each_words.h - the placeholders in the words of `weir each`, and what a record makes of
 * them.
 *
 *   {}  the record        {/}   its base name                 {#}     its number, from 1
 *   {.} without extension {/.}  both                          {%}     the slot, from 1
 *                         {//}  its directory                 {@/a/b} a member of a JSON record
 *
 * Anything else in braces is left alone.
 */
#ifndef WEIR_MAP_EACH_WORDS_H
#define WEIR_MAP_EACH_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct weir__each_part;

struct weir__each_words {
    struct weir__each_part *parts;
    size_t part_count, part_room;
    size_t *ends; /* for each word: the number of parts up to its end */
    size_t count; /* words */
    struct weir__buffer bytes;
    size_t *starts; /* of the words in bytes */
    const char **argv;
};

/* The values of one record. */
struct weir__each_values {
    const char *record;
    size_t length;
    uint64_t number;
    unsigned slot;
};

enum weir__each_style {
    WEIR__EACH_PLAIN,
    WEIR__EACH_SHELL, /* the last word is a text for a shell: values are quoted in it */
};

struct weir__each_syntax {
    const char *replace; /* in place of {}; NULL: none */
    enum weir__each_style style;
    int appends; /* without a placeholder, the record is the last argument */
};

/* Reads argv, which is copied. Errors: INVALID (a bad placeholder, or one at a place in a shell
 * text where no quoting is safe), NOMEM; *words must then still be cleared. */
int weir__each_words_read(struct weir__each_words *words, const char *const *argv,
                          const struct weir__each_syntax *syntax, struct weir_error *error);

/* Sets words->argv to the words of this record, valid until the next call. Returns 1 if the
 * record has none, with the reason in fault, such as "member: there is no /a". Errors: NOMEM. */
int weir__each_words_fill(struct weir__each_words *words, const struct weir__each_values *values,
                          char *fault, size_t size);

/* Whether a placeholder names a member: it needs JSON records. */
int weir__each_words_have_member(const struct weir__each_words *words);

void weir__each_words_clear(struct weir__each_words *words);

#endif
