#include "config.h"

#include "base/json_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buffer.h"
#include "base/utf8.h"

static void drop_if(int failed, json_t **tree)
{
    if (!failed)
        return;
    json_decref(*tree);
    *tree = NULL;
}

void weir__tree_set(json_t **object, const char *key, json_t *value)
{
    drop_if(json_object_set_new(*object, key, value) < 0, object);
}

void weir__tree_append(json_t **array, json_t *value)
{
    drop_if(json_array_append_new(*array, value) < 0, array);
}

void weir__tree_replace(json_t **array, size_t index, json_t *value)
{
    drop_if(json_array_set_new(*array, index, value) < 0, array);
}

void weir__tree_update(json_t **object, json_t *members)
{
    int failed = *object == NULL || members == NULL || json_object_update(*object, members) < 0;

    json_decref(members);
    drop_if(failed, object);
}

json_t *weir__tree_copy(const json_t *object)
{
    json_t *copy = json_object();

    weir__tree_update(&copy, json_incref((json_t *)object));
    return copy;
}

/* What is being printed. */
struct printing {
    struct weir__buffer text;
    int failed;
};

static int print(const char *bytes, size_t length, void *data)
{
    struct printing *printing = data;

    if (!printing->failed)
        printing->failed = weir__buffer_add(&printing->text, bytes, length, NULL) < 0;
    return printing->failed ? -1 : 0;
}

char *weir__tree_text(const json_t *value, size_t flags)
{
    struct printing printing = {0};
    char *text = NULL;

    if (value != NULL && json_dump_callback(value, print, &printing, flags) == 0
        && !printing.failed)
        text = weir__buffer_take(&printing.text, NULL);
    weir__buffer_clear(&printing.text);
    return text;
}

json_t *weir__tree_bytes(const char *bytes)
{
    json_t *value;
    char *text;

    if (weir__utf8_valid(bytes, strlen(bytes)))
        return json_string(bytes);
    if (weir__base64_encode(bytes, strlen(bytes), &text, NULL) < 0)
        return NULL;
    value = json_pack("{s:s}", "base64", text);
    free(text);
    return value;
}

char *weir__tree_bytes_take(const json_t *value)
{
    const json_t *base64 = json_object_get(value, "base64");
    struct weir__buffer buffer = {0};
    struct weir_error error;
    size_t length = 0;
    char *bytes = NULL;
    int failed = EINVAL;

    if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value)) {
        bytes = strdup(json_string_value(value));
        failed = ENOMEM;
    } else if (json_is_string(base64)) {
        int status = weir__base64_decode(json_string_value(base64), json_string_length(base64),
                                         &buffer, &error);

        if (status == 0)
            bytes = weir__buffer_take(&buffer, &length);
        if (bytes != NULL && strlen(bytes) != length) {
            free(bytes);
            bytes = NULL;
        } else if (status == 0 || status == WEIR_ERR_NOMEM) {
            failed = ENOMEM;
        }
        weir__buffer_clear(&buffer);
    }
    if (bytes == NULL)
        errno = failed;
    return bytes;
}
