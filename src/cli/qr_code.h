/* cli/qr_code.h - QR codes (ISO/IEC 18004), encoded by libqrencode, and their drawings. */
#ifndef WEIR_CLI_QR_CODE_H
#define WEIR_CLI_QR_CODE_H

#include "base/buffer.h"

struct qr_code {
    unsigned char *modules; /* width rows of width; 1: dark */
    int width;
};

/* Encodes the bytes of text.  Errors: SYSTEM (no libqrencode), TOO_LONG, NOMEM. */
int qr_code_make(struct qr_code *code, const char *text, struct weir_error *error);
void qr_code_clear(struct qr_code *code);

/* The modules of a side with the light border that a reader needs. */
int qr_code_side(const struct qr_code *code);

/* Appends a drawing: text of half blocks, two rows a line; SVG; PNG.  Errors: NOMEM. */
int qr_code_text(const struct qr_code *code, int has_colours, struct weir__buffer *to);
int qr_code_svg(const struct qr_code *code, struct weir__buffer *to);
int qr_code_png(const struct qr_code *code, struct weir__buffer *to);

#endif
