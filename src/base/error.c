#include "config.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/printable.h"

int weir__fail(struct weir_error *error, enum weir_status status, int sys_errno, const char *format,
               ...)
{
    if (error != NULL) {
        char why[200] = "", text[2 * sizeof error->text];
        va_list args;

        if (sys_errno != 0)
            snprintf(why, sizeof why, ": %s", strerror(sys_errno));
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        error->status = status;
        error->sys_errno = sys_errno;
        weir__sentence(error->text, sizeof error->text, "%s%s", text, why);
    }
    return status;
}

const char *weir_status_name(enum weir_status status)
{
    static const struct {
        enum weir_status status;
        const char *name;
    } names[] = {
#define NAME(s) {s, #s}
        NAME(WEIR_OK),          NAME(WEIR_ERR_SYSTEM),   NAME(WEIR_ERR_NOMEM),
        NAME(WEIR_ERR_INVALID), NAME(WEIR_ERR_TOO_LONG), NAME(WEIR_ERR_CHARSET),
        NAME(WEIR_ERR_DECODE),  NAME(WEIR_ERR_SPEC),     NAME(WEIR_ERR_SPAWNER),
        NAME(WEIR_ERR_BUSY),    NAME(WEIR_ERR_WORKER),   NAME(WEIR_ERR_TIMEOUT),
#undef NAME
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].status == status)
            return names[i].name;
    return "WEIR_ERR_UNKNOWN";
}
