#include "config.h"

#include "pool/pins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_canonical.h"
#include "base/json_parse.h"
#include "base/json_tree.h"
#include "base/whole_file.h"

enum { LARGEST_FILE = 16 << 20 };

static const char no_memory[] = "no memory for pinned tools";

/* --- The file -------------------------------------------------------------------- */

/* Returns 0; 1: it does not exist. */
static int read_bytes(const char *path, struct weir__buffer *bytes, struct weir_error *error)
{
    const struct weir__patience patience = weir__patience_of(-1);
    int failed = weir__whole_file_read(path, LARGEST_FILE, &patience, bytes);

    if (failed == ENOENT)
        return 1;
    if (failed == EFBIG)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "%.200s is longer than 16 MiB", path);
    return failed == 0 ? 0 : weir__peer_fail(error, failed, "read", path);
}

static int read_document(struct weir__pins *pins, const char *path,
                         const struct weir__buffer *bytes, struct weir_error *error)
{
    json_error_t fault;
    json_t *document =
        weir__json_parse(bytes->bytes, bytes->length, JSON_REJECT_DUPLICATES, &fault);
    const char *kind = json_string_value(json_object_get(document, "kind"));
    json_t *servers = json_object_get(document, "servers");
    int status = 0;

    if (document == NULL)
        status = weir__fail(error, WEIR_ERR_INVALID, 0, "%.200s: line %d, column %d: %.160s", path,
                            fault.line, fault.column, fault.text);
    else if (kind == NULL || strcmp(kind, "pins") != 0 || !json_is_object(servers))
        status = weir__fail(error, WEIR_ERR_INVALID, 0,
                            "%.200s is not a file of pinned tools: name one that --pin-update has "
                            "written, or will write",
                            path);
    else
        pins->pinned = json_incref(servers);
    json_decref(document);
    return status;
}

int weir__pins_open(struct weir__pins *pins, const char *path, bool accepts,
                    weir__pins_digest *digest, struct weir_error *error)
{
    struct weir__buffer bytes = {0};
    int status = read_bytes(path, &bytes, error);

    *pins = (struct weir__pins){.digest = digest, .accepts = accepts};
    if (status == 0)
        status = read_document(pins, path, &bytes, error);
    else if (status == 1 && !accepts)
        status = weir__fail(error, WEIR_ERR_INVALID, 0,
                            "%.200s does not exist: look at the tools, then pin them with "
                            "--pin-update",
                            path);
    else if (status == 1)
        status = 0;
    weir__buffer_clear(&bytes);
    if (status == 0 && pins->pinned == NULL)
        pins->pinned = json_object();
    pins->seen = json_object();
    if (status == 0 && (pins->pinned == NULL || pins->seen == NULL))
        status = weir__fail(error, WEIR_ERR_NOMEM, 0, "%s", no_memory);
    return status;
}

void weir__pins_clear(struct weir__pins *pins)
{
    json_decref(pins->pinned);
    json_decref(pins->seen);
    *pins = (struct weir__pins){0};
}

int weir__pins_save(struct weir__pins *pins, const char *path, struct weir_error *error)
{
    const struct weir__patience patience = weir__patience_of(-1);
    struct weir__atomic_file file;
    const char *label;
    json_t *tools, *document;
    char *text;
    size_t length;
    int status, failed = 0;

    json_object_foreach(pins->seen, label, tools)
        weir__tree_set(&pins->pinned, label, json_incref(tools));
    pins->accepts = false;
    document = json_pack("{s:i,s:s,s:O}", "weir", 1, "kind", "pins", "servers", pins->pinned);
    text = document != NULL ? weir__tree_text(document, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    json_decref(document);
    if (text == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "%s", no_memory);
    length = strlen(text);
    text[length] = '\n'; /* in place of its NUL byte */
    status = weir__atomic_file_open(&file, path, &patience, error);
    if (status == 0)
        failed = weir__write_all(file.fd, text, length + 1);
    if (failed != 0) {
        status = weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot write %.200s", path);
        weir__atomic_file_discard(&file);
    } else if (status == 0) {
        status = weir__atomic_file_commit(&file, error);
    }
    free(text);
    return status;
}

/* --- Tools ------------------------------------------------------------------------- */

void weir__pins_begin(struct weir__pins *pins, const char *label)
{
    if (pins->accepts)
        weir__tree_set(&pins->seen, label, json_object());
}

static bool accept(struct weir__pins *pins, const char *label, const char *tool, const char *digest)
{
    json_t *tools = json_object_get(pins->seen, label);

    return tools != NULL && json_object_set_new(tools, tool, json_string(digest)) == 0;
}

const char *weir__pins_fault(struct weir__pins *pins, const char *label, const char *tool,
                             const json_t *description)
{
    const char *pinned =
        json_string_value(json_object_get(json_object_get(pins->pinned, label), tool));
    char digest[WEIR__DIGEST_SIZE], *text;
    size_t length;

    text = weir__canonical_text(description, &length);
    if (text == NULL)
        return "cannot be compared: no memory";
    pins->digest(text, length, digest);
    free(text);
    if (pins->accepts)
        return accept(pins, label, tool, digest) ? NULL : "cannot be pinned: no memory";
    if (pinned == NULL)
        return "is new since the tools were pinned";
    return strcmp(pinned, digest) == 0 ? NULL : "has changed since it was pinned";
}
