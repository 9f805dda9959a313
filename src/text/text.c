/* weir_decode: a whole text at once. */
#include "config.h"

#include <weir/text.h>

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

struct gathering {
    struct weir__buffer utf8;
    struct weir_error *error;
};

static int gather(const char *utf8, size_t length, void *context)
{
    struct gathering *gathering = context;

    return weir__buffer_add(&gathering->utf8, utf8, length, gathering->error);
}

static int decode_all(weir_decoder_t *decoder, const void *bytes, size_t length,
                      struct gathering *gathering)
{
    /* Most text is as long in UTF-8; the byte more is for the NUL. */
    int status = weir__buffer_reserve(&gathering->utf8, length + 1, gathering->error);

    if (status == 0)
        status = weir_decoder_feed(decoder, bytes, length, gather, gathering, gathering->error);
    if (status == 0)
        status = weir_decoder_finish(decoder, gather, gathering, gathering->error);
    if (status == 0) /* now, so that taking the bytes over cannot fail */
        status = weir__buffer_reserve(&gathering->utf8, 1, gathering->error);
    return status;
}

int weir_decode(const void *bytes, size_t length, const char *charset, enum weir_on_error on_error,
                const char *fallback, struct weir_text *text, struct weir_error *error)
{
    struct gathering gathering = {.error = error};
    weir_decoder_t *decoder;
    struct weir_error failure;
    int status;

    decoder = weir_decoder_new(charset, on_error, fallback, &failure);
    if (decoder == NULL) {
        if (error != NULL)
            *error = failure;
        return failure.status;
    }
    status = decode_all(decoder, bytes, length, &gathering);
    if (status == 0 || status == WEIR_ERR_DECODE) {
        const struct weir_decode_counts *counts = weir_decoder_counts(decoder);

        *text = (struct weir_text){.replaced = counts->replaced, .invalid_at = counts->invalid_at};
        memcpy(text->charset, counts->charset, sizeof text->charset);
        if (status == 0)
            text->bytes = weir__buffer_take(&gathering.utf8, &text->length);
    }
    weir__buffer_clear(&gathering.utf8);
    weir_decoder_free(decoder);
    return status;
}

void weir_text_clear(struct weir_text *text)
{
    free(text->bytes);
    *text = (struct weir_text){.invalid_at = -1};
}
