/* libqrencode is loaded when a code is wanted: the other subcommands start faster without it. */
#include "config.h"

#include "cli/qr_code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#ifdef WEIR_QRENCODE
#include <dlfcn.h>
#include <qrencode.h>

/* Its functions, as qrencode.h declares them. */
struct library {
    void *handle;
    QRcode *(*encode)(int, const unsigned char *, int, QRecLevel);
    void (*free)(QRcode *);
};

static int load(struct library *library, struct weir_error *error)
{
#ifdef __APPLE__
    static const char name[] = "libqrencode.4.dylib";
#else
    static const char name[] = "libqrencode.so.4";
#endif
    void *encode = NULL, *release = NULL;

    library->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library->handle != NULL) {
        encode = dlsym(library->handle, "QRcode_encodeData");
        release = dlsym(library->handle, "QRcode_free");
    }
    if (encode == NULL || release == NULL) {
        if (library->handle != NULL)
            dlclose(library->handle);
        return weir__fail(error, WEIR_ERR_SYSTEM, ENOENT,
                          "QR codes need %s: install libqrencode (Debian: libqrencode4)", name);
    }
    /* ISO C has no conversion from a pointer to an object. */
    memcpy(&library->encode, &encode, sizeof encode);
    memcpy(&library->free, &release, sizeof release);
    return 0;
}

int qr_code_make(struct qr_code *code, const char *text, struct weir_error *error)
{
    struct library library = {NULL, NULL, NULL};
    QRcode *made;
    int status = load(&library, error);

    *code = (struct qr_code){0};
    if (status < 0)
        return status;
    made = library.encode((int)strlen(text), (const unsigned char *)text, 0, QR_ECLEVEL_L);
    if (made == NULL && errno == ERANGE) {
        status = weir__fail(error, WEIR_ERR_TOO_LONG, 0, "%zu bytes are too long for a QR code",
                            strlen(text));
    } else if (made == NULL
               || (code->modules = malloc((size_t)made->width * (size_t)made->width)) == NULL) {
        status = weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a QR code");
    } else {
        code->width = made->width;
        for (int i = 0; i < made->width * made->width; i++)
            code->modules[i] = made->data[i] & 1;
    }
    if (made != NULL)
        library.free(made);
    dlclose(library.handle);
    return status;
}
#else
int qr_code_make(struct qr_code *code, const char *text, struct weir_error *error)
{
    (void)text;
    *code = (struct qr_code){0};
    return weir__fail(error, WEIR_ERR_SYSTEM, 0,
                      "this weir was built without QR codes: build it with libqrencode "
                      "(configure --with-qrencode)");
}
#endif

void qr_code_clear(struct qr_code *code)
{
    free(code->modules);
    *code = (struct qr_code){0};
}
