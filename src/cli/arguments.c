#include "config.h"

#include "cli/arguments.h"

#include <ctype.h>
#include <string.h>

#include "base/error.h"
#include "rpc/rpc_write.h"
#include "text/json_validate.h"
#include "base/utf8.h"

/* The bytes before "=" where the word is NAME=ARGUMENT, else 0. */
static size_t name_length(const char *word)
{
    size_t length = 0;

    if (isalpha((unsigned char)word[0]) || word[0] == '_')
        while (isalnum((unsigned char)word[length]) || word[length] == '_')
            length++;
    return word[length] == '=' ? length : 0;
}

static int add_value(struct weir__buffer *params, const char *text, struct weir_error *error)
{
    struct weir__buffer flat = {0};
    struct weir__slice value;
    int status;

    if (!weir__utf8_valid(text, strlen(text)))
        return weir__fail(error, WEIR_ERR_INVALID, 0, "an argument is not UTF-8");
    if (!weir__json_syntax_utf8(text, strlen(text), NULL))
        return weir__write_string(params, text, strlen(text));
    status = weir__value_check(text, strlen(text), "an argument", &flat, &value, error);
    if (status >= 0)
        status = weir__buffer_add(params, value.bytes, value.length, error);
    weir__buffer_clear(&flat);
    return status;
}

static int is_doubled(char *const *words, size_t at, size_t length)
{
    for (size_t i = 0; i < at; i++)
        if (strncmp(words[i], words[at], length + 1) == 0)
            return 1;
    return 0;
}

int arguments_params(char *const *words, size_t count, struct weir__buffer *params,
                     struct weir_error *error)
{
    int by_name = count > 0 && name_length(words[0]) > 0;
    int status = weir__buffer_add(params, by_name ? "{" : "[", 1, error);

    for (size_t i = 0; status >= 0 && i < count; i++) {
        size_t length = name_length(words[i]);

        if ((length > 0) != by_name)
            return weir__fail(error, WEIR_ERR_INVALID, 0,
                              "\"%.100s\" is %s: give all arguments by name or none; "
                              "a string with = in it: '\"%.100s\"'",
                              words[i],
                              length > 0 ? "by name, others are not" : "not by name, others are",
                              words[i]);
        if (by_name && is_doubled(words, i, length))
            return weir__fail(error, WEIR_ERR_INVALID, 0, "\"%.*s\" is given twice", (int)length,
                              words[i]);
        if (i > 0)
            status = weir__buffer_add(params, ",", 1, error);
        if (status >= 0 && by_name) {
            status = weir__write_string(params, words[i], length);
            if (status >= 0)
                status = weir__buffer_add(params, ":", 1, error);
        }
        if (status >= 0)
            status = add_value(params, words[i] + (by_name ? length + 1 : 0), error);
    }
    if (status >= 0)
        status = weir__buffer_add(params, by_name ? "}" : "]", 1, error);
    return status < 0 ? status : 0;
}
