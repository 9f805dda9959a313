/* What weir itself has to say goes to stderr, a line a message. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/cli.h"
#include "cli/help.h"

/* One write a message, so that lines of several programs do not mix. */
static void say(const struct cli_command *command, const char *format, va_list args)
{
    char line[2048];
    int used = snprintf(line, sizeof line, "%s: ", help_words(command).text);

    vsnprintf(line + used, sizeof line - (size_t)used - 1, format, args);
    used = (int)strlen(line);
    line[used++] = '\n';
    weir__write_all(STDERR_FILENO, line, (size_t)used);
}

void cli_say(const struct cli_command *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(command, format, args);
    va_end(args);
}

int cli_bad_usage(const struct cli_command *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(command, format, args);
    va_end(args);
    help_usage(command, stderr);
    return command->usage_status;
}

int cli_flush(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    clearerr(stdout);
    return errno != 0 ? errno : EIO;
}
