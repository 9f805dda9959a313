#include "config.h"

#include "pipeline/spec_errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/printable.h"

/* Shares of the 512 bytes of a weir_error: file, pointer and message. */
enum { FILE_LENGTH = 120, POINTER_SIZE = 120, MESSAGE_SIZE = 512 };

struct spec_error {
    size_t at;    /* offset in the text */
    size_t order; /* order of discovery, for errors at the same place */
    char *text;   /* "/stages/1/timeout_s: what: what to do" */
};

/* Copies text, cut to fewer than size bytes between two characters, with "..." at the end. */
static void cut(char *to, size_t size, const char *text)
{
    size_t length = strlen(text);

    if (length < size) {
        memcpy(to, text, length + 1);
        return;
    }
    length = size - sizeof "...";
    while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
        length--;
    memcpy(to, text, length);
    memcpy(to + length, "...", sizeof "...");
}

struct weir__shown weir__shown(const char *text)
{
    struct weir__shown shown;

    cut(shown.text, sizeof shown.text, text);
    return shown;
}

/* Returns "POINTER: message", or just the message for the document itself. NULL if out of
 * memory. The caller owns it. */
static char *with_pointer(const char *pointer, const char *message)
{
    char shown[POINTER_SIZE];
    size_t size;
    char *text;

    cut(shown, sizeof shown, pointer);
    size = strlen(shown) + sizeof ": " + strlen(message);
    text = malloc(size);
    if (text != NULL)
        snprintf(text, size, "%s%s%s", shown, *shown != '\0' ? ": " : "", message);
    return text;
}

void weir__spec_error(struct weir__spec_errors *errors, size_t node, enum weir__spec_error_at at,
                      const char *format, ...)
{
    const struct weir__position *position = weir__positions_node(&errors->positions, node);
    struct spec_error entry = {.order = errors->count++};
    char message[MESSAGE_SIZE];
    char *pointer = NULL;
    va_list args;

    if (entry.order >= WEIR__SPEC_ERRORS_KEPT || position == NULL)
        return;
    va_start(args, format);
    weir__sentence_list(message, sizeof message, format, args);
    va_end(args);
    entry.at = at == WEIR__AT_KEY ? position->key_at : position->value_at;
    pointer = weir__positions_pointer(&errors->positions, node);
    if (pointer != NULL)
        entry.text = with_pointer(pointer, message);
    if (entry.text == NULL || weir__buffer_add(&errors->kept, &entry, sizeof entry, NULL) < 0) {
        errors->short_of_memory = 1;
        free(entry.text);
    }
    free(pointer);
}

/* Shows the end of a long file name, which says more than its beginning. */
static const char *shown_file(const struct weir__spec_errors *errors)
{
    const char *file = errors->file != NULL ? errors->file : "spec";
    size_t length = strlen(file);

    if (length <= FILE_LENGTH)
        return file;
    for (file += length - FILE_LENGTH; ((unsigned char)*file & 0xC0) == 0x80; file++)
        ;
    return file;
}

static struct weir_error make_error(const struct weir__spec_errors *errors, size_t line,
                                    size_t column, const char *message)
{
    struct weir_error made = {.status = WEIR_ERR_SPEC};
    char whole[2 * sizeof made.text];

    weir__sentence(whole, sizeof whole, "%s:%zu:%zu: %s", shown_file(errors), line, column,
                   message);
    cut(made.text, sizeof made.text, whole);
    return made;
}

/* Fills error after all errors have been reported; first is one of them. */
static int sum_up(const struct weir__spec_errors *errors, size_t count, weir_spec_fault on_fault,
                  const struct weir_error *first, struct weir_error *error)
{
    if (on_fault != NULL)
        return weir__fail(error, WEIR_ERR_SPEC, 0, "%s has %zu error%s", shown_file(errors), count,
                          count == 1 ? "" : "s");
    if (error != NULL)
        *error = *first;
    return WEIR_ERR_SPEC;
}

int weir__spec_error_report(const struct weir__spec_errors *errors, size_t line, size_t column,
                            const char *message, weir_spec_fault on_fault, void *context,
                            struct weir_error *error)
{
    struct weir_error reported = make_error(errors, line, column, message);

    if (on_fault != NULL)
        on_fault(&reported, context);
    return sum_up(errors, 1, on_fault, &reported, error);
}

static int in_order(const void *left, const void *right)
{
    const struct spec_error *a = left, *b = right;

    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

int weir__spec_errors_report(struct weir__spec_errors *errors, weir_spec_fault on_fault,
                             void *context, struct weir_error *error)
{
    struct spec_error *kept = (struct spec_error *)(void *)errors->kept.bytes;
    size_t count = errors->kept.length / sizeof *kept;
    struct weir__place place = {0, 1, 1};
    struct weir_error first = {.status = WEIR_ERR_SPEC};

    if (errors->short_of_memory)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory to read the spec");
    if (count == 0)
        return 0;
    qsort(kept, count, sizeof *kept, in_order);
    for (size_t i = 0; i < count; i++) {
        struct weir_error reported;

        weir__place_move(&place, errors->text, kept[i].at);
        reported = make_error(errors, place.line, place.column, kept[i].text);
        if (i == 0)
            first = reported;
        if (on_fault != NULL)
            on_fault(&reported, context);
    }
    return sum_up(errors, errors->count, on_fault, &first, error);
}

void weir__spec_errors_clear(struct weir__spec_errors *errors)
{
    struct spec_error *kept = (struct spec_error *)(void *)errors->kept.bytes;

    for (size_t i = 0; i < errors->kept.length / sizeof *kept; i++)
        free(kept[i].text);
    weir__buffer_clear(&errors->kept);
    weir__positions_clear(&errors->positions);
}
