#include "config.h"

#include "pipeline/spec_errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/printable.h"

/* What becomes of a weir_error's 512 bytes: the file, the pointer and the message. */
enum { FILE_LENGTH = 120, POINTER_SIZE = 120, MESSAGE_SIZE = 512 };

struct fault {
    size_t at;    /* offset in the text */
    size_t order; /* of being found, for those at one place */
    char *text;   /* "/stages/1/timeout_s: what: what to do" */
};

/* Cuts text to fewer than size bytes, between two characters, with "..." at the end. */
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

/* "POINTER: message"; just the message for the document itself.  NULL when memory
 * is short.  The caller owns it. */
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

void weir__fault(struct weir__faults *faults, size_t node, enum weir__fault_at at,
                 const char *format, ...)
{
    const struct weir__position *position = weir__positions_node(&faults->positions, node);
    struct fault fault = {.order = faults->count++};
    char message[MESSAGE_SIZE];
    char *pointer = NULL;
    va_list args;

    if (fault.order >= WEIR__FAULTS_KEPT || position == NULL)
        return;
    va_start(args, format);
    weir__sentence_list(message, sizeof message, format, args);
    va_end(args);
    fault.at = at == WEIR__AT_KEY ? position->key_at : position->value_at;
    pointer = weir__positions_pointer(&faults->positions, node);
    if (pointer != NULL)
        fault.text = with_pointer(pointer, message);
    if (fault.text == NULL || weir__buffer_add(&faults->kept, &fault, sizeof fault, NULL) < 0) {
        faults->short_of_memory = 1;
        free(fault.text);
    }
    free(pointer);
}

/* The end of a long file name tells more than its beginning. */
static const char *shown_file(const struct weir__faults *faults)
{
    const char *file = faults->file != NULL ? faults->file : "spec";
    size_t length = strlen(file);

    if (length <= FILE_LENGTH)
        return file;
    for (file += length - FILE_LENGTH; ((unsigned char)*file & 0xC0) == 0x80; file++)
        ;
    return file;
}

static struct weir_error fault_error(const struct weir__faults *faults, size_t line, size_t column,
                                     const char *message)
{
    struct weir_error made = {.status = WEIR_ERR_SPEC};
    char whole[2 * sizeof made.text];

    weir__sentence(whole, sizeof whole, "%s:%zu:%zu: %s", shown_file(faults), line, column,
                   message);
    cut(made.text, sizeof made.text, whole);
    return made;
}

/* Fills error after all faults were told: first is one of them. */
static int sum_up(const struct weir__faults *faults, size_t count, weir_spec_fault on_fault,
                  const struct weir_error *first, struct weir_error *error)
{
    if (on_fault != NULL)
        return weir__fail(error, WEIR_ERR_SPEC, 0, "%s has %zu fault%s", shown_file(faults), count,
                          count == 1 ? "" : "s");
    if (error != NULL)
        *error = *first;
    return WEIR_ERR_SPEC;
}

int weir__fault_tell(const struct weir__faults *faults, size_t line, size_t column,
                     const char *message, weir_spec_fault on_fault, void *context,
                     struct weir_error *error)
{
    struct weir_error told = fault_error(faults, line, column, message);

    if (on_fault != NULL)
        on_fault(&told, context);
    return sum_up(faults, 1, on_fault, &told, error);
}

static int in_order(const void *left, const void *right)
{
    const struct fault *a = left, *b = right;

    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

int weir__faults_tell(struct weir__faults *faults, weir_spec_fault on_fault, void *context,
                      struct weir_error *error)
{
    struct fault *kept = (struct fault *)(void *)faults->kept.bytes;
    size_t count = faults->kept.length / sizeof *kept;
    struct weir__place place = {0, 1, 1};
    struct weir_error first = {.status = WEIR_ERR_SPEC};

    if (faults->short_of_memory)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory to read the spec");
    if (count == 0)
        return 0;
    qsort(kept, count, sizeof *kept, in_order);
    for (size_t i = 0; i < count; i++) {
        struct weir_error told;

        weir__place_move(&place, faults->text, kept[i].at);
        told = fault_error(faults, place.line, place.column, kept[i].text);
        if (i == 0)
            first = told;
        if (on_fault != NULL)
            on_fault(&told, context);
    }
    return sum_up(faults, faults->count, on_fault, &first, error);
}

void weir__faults_clear(struct weir__faults *faults)
{
    struct fault *kept = (struct fault *)(void *)faults->kept.bytes;

    for (size_t i = 0; i < faults->kept.length / sizeof *kept; i++)
        free(kept[i].text);
    weir__buffer_clear(&faults->kept);
    weir__positions_clear(&faults->positions);
}
