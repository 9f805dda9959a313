#include "config.h"

#include "work/warm.h"

#include <stdio.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/datagram.h"
#include "base/error.h"
#include "base/fd.h"
#include "proc/command.h"
#include "proc/result.h"

enum {
    CONTROL_NUMBER = 3, /* of its end, in the parent */
    FORKED_AT_ONCE = 16,
};

int weir__warm_is_full(const struct weir__warm *warm)
{
    return warm->forks.waiting >= FORKED_AT_ONCE;
}

static void ignore_bytes(void *owner, const char *bytes, size_t length)
{
    (void)owner, (void)bytes, (void)length;
}

static void ignore(void *owner)
{
    (void)owner;
}

static void say(struct weir__warm *warm, const char *sentence)
{
    char text[500];
    int length = snprintf(text, sizeof text, "weir: --warm: %.470s\n", sentence);

    weir__stderr_source_take(&warm->parent.stderr_source, text, (size_t)length);
    weir__stderr_source_end(&warm->parent.stderr_source);
}

/* Its own words are on stderr already; that it could not start is said by nobody else. */
static void is_over(void *owner)
{
    struct weir__warm *warm = owner;
    char sentence[400];

    warm->is_over = 1;
    weir__close(&warm->control);
    if (warm->parent.result.end != WEIR_NOT_STARTED)
        return;
    weir_result_sentence(&warm->parent.result, sentence, sizeof sentence);
    say(warm, sentence);
}

static const struct weir__worker_ops ops = {
    .on_bytes = ignore_bytes,
    .on_room = ignore,
    .on_over = is_over,
};

static int start(struct weir__warm *warm, weir_t *weir, const struct weir__worker_options *workers,
                 struct weir_error *error)
{
    static const char *const variables[] = {"WEIR_WARM=3", NULL};
    struct weir__worker_options options = *workers;
    struct weir_command command = *workers->command;
    struct weir_descriptor descriptor = {.number = CONTROL_NUMBER};
    const char **env = weir__argv_join(command.env, variables);
    int ends[2], status;

    if (env == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a warm parent");
    status = weir__datagram_socketpair(ends, error);
    if (status < 0) {
        free(env);
        return status;
    }
    command.env = env;
    command.nice = 0; /* each worker has its own */
    for (int i = 0; i < WEIR_LIMITS; i++)
        command.limits[i] = WEIR_NO_LIMIT;
    descriptor.fd = ends[1];
    options.command = &command;
    options.files[0] = options.files[1] = -1;
    options.descriptors = &descriptor;
    options.descriptor_count = 1;
    options.stop = NULL;
    status = weir__worker_start(&warm->parent, weir, &options, &ops, warm, error);
    weir__close(&ends[1]);
    free(env);
    if (status < 0) {
        weir__close(&ends[0]);
        return status;
    }
    warm->control = ends[0];
    warm->is_up = 1;
    return 0;
}

int weir__warm_connect(struct weir__warm *warm, weir_t *weir, struct weir__worker_options *options,
                       struct weir_error *error)
{
    int ends[2], failed, status;

    if (warm->forks.is_stuck && !warm->is_over)
        say(warm, "the warm parent hangs and is replaced");
    if (warm->is_over || warm->forks.is_stuck)
        weir__warm_close(warm);
    if (!warm->is_up && (status = start(warm, weir, options, error)) < 0)
        return status;
    status = weir__datagram_socketpair(ends, error);
    if (status < 0)
        return status;
    /* A parent that is gone and not known to be: then the connection ends at once. */
    failed = weir__datagram_send(&(struct weir__link){.socket = warm->control}, "fork", 4, &ends[1],
                                 1, MSG_DONTWAIT);
    weir__close(&ends[1]);
    if (failed != 0 && failed != EPIPE && failed != ECONNRESET) {
        weir__close(&ends[0]);
        return weir__fail(error, WEIR_ERR_SYSTEM, failed,
                          "cannot ask the warm parent for a worker");
    }
    options->warm = ends[0];
    options->forks = &warm->forks;
    return 0;
}

void weir__warm_close(struct weir__warm *warm)
{
    if (!warm->is_up)
        return;
    weir__close(&warm->control);
    weir__worker_clear(&warm->parent);
    *warm = (struct weir__warm){.forks = {.waiting = warm->forks.waiting}};
}
