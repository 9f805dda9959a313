/* weir's messages go to stderr, one line each. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/printable.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/output.h"

enum { LINES_MOST = 256 * 1024 }; /* maximum bytes of a traceback */

/* One write for each message, so that lines of several programs do not mix. */
static void print_message(const struct cli_command *command, int waits, const char *format,
                          va_list args)
{
    char line[4096];
    size_t used =
        command != NULL ? weir__sentence(line, sizeof line, "%s: ", help_words(command).text) : 0;

    used += weir__sentence_list(line + used, sizeof line - used - 1, format, args);
    line[used++] = '\n';
    if (waits)
        output_write(STDERR_FILENO, line, used);
    else
        output_say(line, used);
}

void cli_say(const struct cli_command *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_message(command, 1, format, args);
    va_end(args);
}

void cli_line(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_message(NULL, 1, format, args);
    va_end(args);
}

void cli_note(const struct cli_command *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_message(command, 0, format, args);
    va_end(args);
}

int cli_bad_usage(const struct cli_command *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_message(command, 1, format, args);
    va_end(args);
    help_usage(command, stderr);
    return command->usage_status;
}

void cli_put(FILE *out, const char *format, ...)
{
    size_t length = strlen(format), used;
    int ends_line = length > 0 && format[length - 1] == '\n';
    char piece[4096];
    va_list args;

    va_start(args, format);
    used = weir__sentence_list(piece, sizeof piece, format, args);
    va_end(args);
    if (ends_line && used >= 2 && memcmp(piece + used - 2, "\\n", 2) == 0)
        used -= 2;
    fwrite(piece, 1, used, out);
    if (ends_line)
        fputc('\n', out);
}

void cli_say_lines(const char *text, size_t length)
{
    char *lines = NULL;
    size_t size = 0;
    FILE *out;

    if (length > LINES_MOST)
        length = LINES_MOST;
    out = open_memstream(&lines, &size);
    for (size_t at = 0; out != NULL && at < length;) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t line = end != NULL ? (size_t)(end - text) - at : length - at;

        if (line >= 4 && memcmp(text + at, "weir", 4) == 0)
            fputs("  ", out);
        weir__printable_put(out, text + at, line, WEIR__ONE_LINE);
        fputc('\n', out);
        at += line + 1;
    }
    if (out != NULL && fclose(out) == 0)
        output_write(STDERR_FILENO, lines, size);
    free(lines);
}

int cli_check_stdout(const struct cli_command *command, int status)
{
    if (weir__fd_may(STDOUT_FILENO, O_WRONLY))
        return 0;
    cli_say(command, "cannot write to standard output: it is closed or not open for writing: "
                     "nothing was started");
    return status;
}

int cli_flush(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    clearerr(stdout);
    return errno != 0 ? errno : EIO;
}

void cli_say_worker(const struct cli_command *command, const struct weir_event *event)
{
    const char *before;
    char text[4096];

    switch (event->kind) {
    case WEIR_EVENT_BREAKER:
        weir__printable(text, sizeof text, event->name, strlen(event->name), WEIR__ONE_LINE);
        cli_note(command, "the breaker of \"%s\" is %s", text,
                 strcmp(event->text, "half_open") == 0 ? "half open" : event->text);
        return;
    case WEIR_EVENT_WORKER_RESTART:
        before = "it ";
        break;
    case WEIR_EVENT_LOG:
        before = "";
        break;
    case WEIR_EVENT_NOISE:
        before = "it printed a line that is not a message: ";
        break;
    default:
        return;
    }
    weir__printable(text, sizeof text, event->text, event->length, WEIR__ONE_LINE);
    if (event->kind == WEIR_EVENT_LOG)
        cli_note(command, "worker %ld: %s: %s", (long)event->pid, event->name, text);
    else if (event->pid > 0)
        cli_note(command, "worker %ld: %s%s", (long)event->pid, before, text);
    else
        cli_note(command, "a worker: %s%s", before, text);
}
