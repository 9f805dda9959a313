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
    switch (status) {
#define CASE(name, value, text)                                                                    \
    case WEIR_##name:                                                                              \
        return "WEIR_" #name;
        WEIR_STATUS_MAP(CASE)
#undef CASE
    }
    return "WEIR_ERR_UNKNOWN";
}

const char *weir_strstatus(enum weir_status status)
{
    switch (status) {
#define CASE(name, value, text)                                                                    \
    case WEIR_##name:                                                                              \
        return text;
        WEIR_STATUS_MAP(CASE)
#undef CASE
    }
    return "unknown status";
}
