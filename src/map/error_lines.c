#include "config.h"

#include "map/error_lines.h"

enum { LONGEST = 64 * 1024 };

void weir__error_lines_init(struct weir__error_lines *errors,
                            void (*tell)(void *owner, const struct weir_line *line), void *owner)
{
    errors->lines = weir_lines_new(LONGEST);
    errors->tell = tell;
    errors->owner = owner;
}

void weir__error_lines_feed(struct weir__error_lines *errors, const char *bytes, size_t length)
{
    static const char left_out[] = "[... a line over 64 KiB ...]";
    static const char no_memory[] = "[... no memory for a line ...]";
    struct weir_line line;
    int status;

    if (errors->tell == NULL) /* nobody wants these lines */
        return;
    if (errors->lines == NULL || weir_lines_feed(errors->lines, bytes, length, NULL) < 0) {
        line = (struct weir_line){.bytes = no_memory, .length = sizeof no_memory - 1};
        errors->tell(errors->owner, &line);
        return;
    }
    while ((status = weir_lines_next(errors->lines, &line, NULL)) == 1)
        errors->tell(errors->owner, &line);
    if (status == 0)
        return;
    weir_lines_free(errors->lines);
    errors->lines = weir_lines_new(LONGEST);
    line = (struct weir_line){.bytes = left_out, .length = sizeof left_out - 1};
    errors->tell(errors->owner, &line);
}

void weir__error_lines_end(struct weir__error_lines *errors)
{
    struct weir_line line;

    if (errors->lines != NULL && weir_lines_rest(errors->lines, &line, NULL) == 1)
        errors->tell(errors->owner, &line);
}

void weir__error_lines_clear(struct weir__error_lines *errors)
{
    weir_lines_free(errors->lines);
    errors->lines = NULL;
}
