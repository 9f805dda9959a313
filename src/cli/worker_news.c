#include "config.h"

#include "cli/worker_news.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/plain.h"

void worker_news_tell(const struct cli_command *command, const struct weir_event *event)
{
    const char *before;
    char *text = NULL;
    size_t length = 0;
    FILE *plain;

    switch (event->kind) {
    case WEIR_EVENT_WORKER_RESTART:
        before = "it ";
        break;
    case WEIR_EVENT_LOG:
        before = "";
        break;
    case WEIR_EVENT_NOISE:
        before = "it printed a line that is no message: ";
        break;
    default:
        return;
    }
    plain = open_memstream(&text, &length);
    if (plain == NULL)
        return;
    fputs(before, plain);
    plain_print(event->text, event->length, plain);
    fclose(plain);
    if (text != NULL && event->kind == WEIR_EVENT_LOG)
        cli_say(command, "worker %ld: %s: %s", (long)event->pid, event->name, text);
    else if (text != NULL && event->pid > 0)
        cli_say(command, "worker %ld: %s", (long)event->pid, text);
    else if (text != NULL)
        cli_say(command, "a worker: %s", text);
    free(text);
}
