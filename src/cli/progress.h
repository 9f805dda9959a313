/* cli/progress.h - what a job is doing, on standard error, while it does it.
 *
 * Of a pipeline that is cli/progress_pipe.h, of a map cli/progress_map.h; each is drawn on
 * a terminal, or told as a JSON object a line.
 */
#ifndef WEIR_CLI_PROGRESS_H
#define WEIR_CLI_PROGRESS_H

#include <weir/weir.h>

#include "cli/watch.h"

enum progress_style { PROGRESS_AUTO, PROGRESS_TTY, PROGRESS_JSON, PROGRESS_NONE };

/* What auto means here: tty, or none.  to_terminal: the data goes to standard
 * output, which may be the same terminal. */
enum progress_style progress_choose(enum progress_style asked, int to_terminal);

struct progress;

struct progress_ops {
    /* Takes news in. */
    void (*event)(struct progress *progress, const struct weir_event *event);
    /* Shows what is due.  Returns milliseconds until there is more to show, -1 for
     * only when there is news. */
    int (*tick)(struct progress *progress);
    /* Takes the drawing off the terminal; it comes back with the next tick. */
    void (*hide)(struct progress *progress);
    /* Says a message of weir's in the style's way. */
    void (*say)(struct progress *progress, const char *kind, const char *message);
    void (*free)(struct progress *progress);
};

/* The first member of what shows one. */
struct progress {
    const struct progress_ops *ops;
};

/* The watch tells it what happens, and gives it its time.  NULL: nothing is shown. */
void progress_watch(struct progress *progress, struct watch *watch);

/* Accepts NULL. */
void progress_free(struct progress *progress);

/* Writes to standard error, also from the background of a terminal. */
void progress_put(const char *text, size_t length);

/* What a subcommand says goes the way of its progress where that is shown. */
struct voice {
    const struct cli_command *command;
    struct progress *progress; /* NULL: none is shown */
};

/* Says a message.  Returns status. */
int voice_say(const struct voice *voice, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
