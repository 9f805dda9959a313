#include "config.h"

#include "cli/worker_news.h"

#include "base/printable.h"

void worker_news_tell(const struct cli_command *command, const struct weir_event *event)
{
    const char *before;
    char text[4096];

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
    weir__printable(text, sizeof text, event->text, event->length, WEIR__ONE_LINE);
    if (event->kind == WEIR_EVENT_LOG)
        cli_note(command, "worker %ld: %s: %s", (long)event->pid, event->name, text);
    else if (event->pid > 0)
        cli_note(command, "worker %ld: %s%s", (long)event->pid, before, text);
    else
        cli_note(command, "a worker: %s%s", before, text);
}
