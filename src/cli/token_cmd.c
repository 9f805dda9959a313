#include "config.h"

#include "cli/token_cmd.h"

#include <string.h>

#include "base/utf8.h"
#include "cli/arguments.h"
#include "cli/output.h"

int token_report(const struct weir_error *error)
{
    cli_say(&cli_token, "%s", error->text);
    return error->status == WEIR_ERR_INVALID || error->status == WEIR_ERR_TOO_LONG ? CLI_USAGE
                                                                                   : CLI_FAILED;
}

int token_no_memory(void)
{
    cli_say(&cli_token, "no memory");
    return CLI_FAILED;
}

int token_refuse(const char *text)
{
    cli_say(&cli_token, "%s", text);
    return CLI_USAGE;
}

int token_body(char *const *words, size_t count, struct weir__buffer *body)
{
    struct weir_error error;

    if (*words[0] == '\0' || !weir__utf8_valid(words[0], strlen(words[0])))
        return token_refuse("the name of a function is not empty, and is UTF-8");
    if (count < 2) /* none: no body */
        return 0;
    return arguments_params(words + 1, count - 1, body, &error) < 0 ? token_report(&error) : 0;
}
