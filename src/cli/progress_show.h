/* cli/progress_show.h - the two ways to show a pipeline's progress, as tables of functions. */
#ifndef WEIR_CLI_PROGRESS_SHOW_H
#define WEIR_CLI_PROGRESS_SHOW_H

#include <stddef.h>
#include <stdint.h>

#include <weir/weir.h>

enum show_state { SHOW_WAITING, SHOW_RUNNING, SHOW_ENDED };

struct show_stage {
    char name[80];
    enum show_state state;
    enum weir_end end; /* of one that has ended */
    int number;        /* exit code, signal, or errno, as end says */
    int metered;
    uint64_t bytes, told_bytes;
    int64_t began_ns, ended_ns;
};

struct show {
    struct show_stage *stages;
    size_t count;
    int64_t started_ns;
    int lines; /* of the drawing that stand on the terminal */
    int drawn; /* there was one at all */
};

struct show_style {
    int shows_time; /* it changes without news */
    void (*event)(struct show *show, const struct weir_event *event);
    void (*draw)(struct show *show);
    void (*hide)(struct show *show);
    void (*say)(struct show *show, const char *kind, const char *message);
    void (*settle)(struct show *show);
    void (*end)(struct show *show, const struct weir_pipe_report *report, int status);
};

extern const struct show_style show_tty, show_json;

#endif
