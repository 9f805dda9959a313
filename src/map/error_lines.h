/* map/error_lines.h - what comes on a stderr, told line by line. */
#ifndef WEIR_MAP_ERROR_LINES_H
#define WEIR_MAP_ERROR_LINES_H

#include <weir/lines.h>

/* All zero: nobody wants lines. */
struct weir__error_lines {
    weir_lines *lines;
    void (*tell)(void *owner, const struct weir_line *line);
    void *owner;
};

void weir__error_lines_init(struct weir__error_lines *errors,
                            void (*tell)(void *owner, const struct weir_line *line), void *owner);

/* Tells the lines that are complete; of one that is too long, that it is left out. */
void weir__error_lines_feed(struct weir__error_lines *errors, const char *bytes, size_t length);

/* There is no more: tells what is left. */
void weir__error_lines_end(struct weir__error_lines *errors);

void weir__error_lines_clear(struct weir__error_lines *errors);

#endif
