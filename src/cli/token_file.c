#include "config.h"

#include "cli/token_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json_tree.h"
#include "base/portable.h"
#include "base/secret_file.h"
#include "cli/output.h"

int token_random(size_t bytes, char text[TOKEN_RANDOM_MAX], struct weir_error *error)
{
    unsigned char random[32];
    struct weir__buffer to = {0};
    int status;

    if (weir__random(random, bytes) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "the system has no random bytes");
    status = weir__base64url_encode(random, bytes, &to);
    if (status < 0)
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a token");
    else
        memcpy(text, to.bytes, to.length);
    text[status < 0 ? 0 : to.length] = '\0';
    weir__wipe(random, sizeof random);
    weir__secret_clear(&to);
    return status < 0 ? status : 0;
}

static int is_missing(const char *path)
{
    return access(path, F_OK) < 0 && errno == ENOENT;
}

int token_file_read(const char *path, struct weir__tokens *tokens, struct weir_error *error)
{
    *tokens = (struct weir__tokens){0};
    return is_missing(path) ? 0 : weir__tokens_read(tokens, path, error);
}

/* Returns NULL and sets error. */
static json_t *read_document(const char *path, struct weir_error *error)
{
    json_t *document;

    if (!is_missing(path))
        return weir__tokens_document(path, error);
    document = json_object();
    if (document == NULL)
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a token");
    return document;
}

static int write_document(const char *path, const char *text, struct weir_error *error)
{
    struct weir__atomic_file file;
    mode_t before = umask(S_IRWXG | S_IRWXO);
    int status = output_open_file(&file, path, error), failed;

    umask(before);
    if (status < 0)
        return status;
    failed = output_write(file.fd, text, strlen(text));
    if (failed == 0)
        failed = output_write(file.fd, "\n", 1);
    if (failed == 0)
        return weir__atomic_file_commit(&file, error);
    weir__atomic_file_discard(&file);
    return weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot write %.300s", path);
}

int token_file_add(const char *path, const char *list, json_t *entry, struct weir_error *error)
{
    json_t *document = read_document(path, error), *entries;
    char *text;
    int status;

    if (document == NULL) {
        json_decref(entry);
        return error->status;
    }
    entries = json_incref(json_object_get(document, list));
    if (entries == NULL)
        entries = json_array();
    weir__tree_append(&entries, entry);
    weir__tree_set(&document, list, entries);
    text = weir__tree_text(document, JSON_INDENT(2));
    if (text == NULL) {
        status = weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a token");
    } else {
        status = write_document(path, text, error);
        weir__wipe(text, strlen(text));
        free(text);
    }
    json_decref(document);
    return status;
}
