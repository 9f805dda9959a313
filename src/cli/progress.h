/* cli/progress.h - progress of a running job on standard error.
 *
 * One model: progress.c takes events and decides when to show, progress_pipe.c and
 * progress_map.c know what there is to show, and there are two renderers: progress_tty.c draws
 * a block of lines in place, progress_json.c prints a JSON object a line, as
 * docs/schemas/progress-line.schema.json describes.
 */
#ifndef WEIR_CLI_PROGRESS_H
#define WEIR_CLI_PROGRESS_H

#include <jansson.h>
#include <weir/weir.h>

#include "base/buffer.h"
#include "cli/watch.h"

enum progress_style { PROGRESS_AUTO, PROGRESS_TTY, PROGRESS_JSON, PROGRESS_NONE };

/* Resolves auto to tty or none. to_terminal: the data goes to standard output, which may be the
 * same terminal. */
enum progress_style progress_choose(enum progress_style asked, int to_terminal);

struct progress;

/* The progress of a subcommand. Functions may be NULL where marked. */
struct progress_ops {
    const struct cli_command *command;
    int json_ms;    /* time between two JSON lines */
    int has_stages; /* events name the stage they are about */
    void (*take_event)(struct progress *progress, const struct weir_event *event); /* NULL */
    /* Appends at most rows lines of at most columns each.  Returns how many. */
    int (*draw)(struct progress *progress, struct weir__buffer *text, int columns, int rows);
    int (*has_changed)(const struct progress *progress); /* since describe(); NULL: always */
    /* Adds the members of a line of progress, or of the last line. */
    void (*describe)(struct progress *progress, json_t **line);
    void (*describe_end)(struct progress *progress, json_t **line);
    void (*free)(struct progress *progress);
};

/* The first member of a subcommand's own. */
struct progress {
    const struct progress_ops *ops;
    int is_json;
    int64_t started_ns, next_ns;
    int lines; /* of the drawing that are on the terminal now */
    int was_drawn;
};

/* style: tty or json.  The first drawing comes after delay_ms. */
void progress_init(struct progress *progress, const struct progress_ops *ops,
                   enum progress_style style, int delay_ms);

/* Connects the progress to a watch's events and ticks. Accepts NULL. */
void progress_watch(struct progress *progress, struct watch *watch);

/* The run is over: the last drawing stays, and messages follow below. */
void progress_settle(struct progress *progress);

/* Prints the last JSON line. */
void progress_end(struct progress *progress, int status, enum weir_stop_reason why);

/* Accepts NULL. */
void progress_free(struct progress *progress);

/* Prints a message of weir; kind is that of the JSON line. */
void progress_say(struct progress *progress, const char *kind, const char *message);

/* Messages go through the progress if it is shown. */
struct voice {
    const struct cli_command *command;
    struct progress *progress; /* NULL: none is shown */
};

/* Says a message.  Returns status. */
int voice_say(const struct voice *voice, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- progress_tty.c ------------------------------------------------------------ */

void progress_tty_draw(struct progress *progress);
void progress_tty_erase(struct progress *progress);
void progress_tty_event(struct progress *progress, const struct weir_event *event);
void progress_tty_say(struct progress *progress, const char *message);

/* Formats numbers and trusted text. Drops text if memory is short. */
void progress_add(struct weir__buffer *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- progress_json.c ----------------------------------------------------------- */

void progress_json_draw(struct progress *progress);
void progress_json_event(const struct progress *progress, const struct weir_event *event);
void progress_json_say(const struct progress *progress, const char *kind, const char *message);
void progress_json_end(struct progress *progress, int status, enum weir_stop_reason why);

#endif
