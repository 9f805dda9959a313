/* weir serve - keep workers warm behind a socket. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/weir.h>

#include "base/fd.h"
#include "cli/opts_serve.h"
#include "cli/audit_common.h"
#include "cli/files.h"
#include "cli/notify.h"
#include "cli/output.h"
#include "cli/pool_leave.h"
#include "cli/signals.h"
#include "cli/cli.h"
#include "pool/pool.h"
#include "pool/server.h"
#include "text/shell_words.h"

enum { FLUSH_MS = 2000 }; /* for the last answers to slow clients */

/*   STARTING --workers ready--> SERVING --signal--> DRAINING --no call left--> over
 *       |                                               |
 *       +--they cannot be, signal--> over               +--second signal--> over      */
enum state { STARTING, SERVING, DRAINING, OVER };

struct errand {
    struct serve_values values;
    struct cli_parsed parsed;
    char ***words; /* of each worker */
    char **launcher;
    char *path; /* NULL: the socket was passed to us */
    int fd;
    weir_t *weir;
    weir_pool_t *pool;
    struct weir__server server;
    struct audit audit;
    char said[600]; /* what went wrong, for the audit log */
    enum state state;
    int status;
    int hurries; /* there was a second signal */
};

static int say(struct errand *errand, int status, const char *sentence)
{
    snprintf(errand->said, sizeof errand->said, "%s", sentence);
    cli_say(&cli_serve, "%s", sentence);
    return status;
}

static void end(struct errand *errand, int status)
{
    errand->status = status;
    errand->state = OVER;
}

/* --- What was asked -------------------------------------------------------- */

static int split(const char *option, const char *text, char ***words)
{
    struct weir_error error;
    size_t count = 0;

    if (weir__words_split(text, words, &count, &error) < 0) {
        cli_say(&cli_serve, "%s: %s", option, error.text);
        return error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE;
    }
    if (count > 0)
        return 0;
    cli_say(&cli_serve, "%s has no word in it: give a program", option);
    return CLI_USAGE;
}

/* Returns 0, or the status to exit with. */
static int read_command_line(struct errand *errand)
{
    const struct serve_values *values = &errand->values;
    int status = 0;

    if (errand->parsed.words.count > 0)
        return cli_bad_usage(&cli_serve,
                             "\"%.100s\" has no meaning here: a worker's program goes "
                             "behind -w, as one word",
                             errand->parsed.words.items[0]);
    if (values->workers.count == 0)
        return cli_bad_usage(&cli_serve, "no worker was given");
    errand->words = calloc(values->workers.count + 1, sizeof *errand->words);
    if (errand->words == NULL)
        return say(errand, CLI_FAILED, "no memory");
    for (size_t i = 0; status == 0 && i < values->workers.count; i++)
        status = split("--worker", values->workers.items[i], &errand->words[i]);
    if (status == 0 && values->launcher != NULL)
        status = split("--launcher", values->launcher, &errand->launcher);
    if (status == 0 && values->min_ready > 0 && values->count > 0
        && values->min_ready > values->count) {
        cli_say(&cli_serve, "--min-ready %llu is more than the --workers %llu",
                (unsigned long long)values->min_ready, (unsigned long long)values->count);
        status = CLI_USAGE;
    }
    if (status == 0 && values->max_memory < WEIR__MAX_MEMORY_LEAST) {
        cli_say(&cli_serve, "--max-memory must be at least 1M");
        status = CLI_USAGE;
    }
    return status;
}

static void fill_command(const struct serve_values *values, char **words,
                         struct weir_command *command)
{
    weir_command_init(command);
    command->argv = (const char *const *)words;
    command->cwd = values->cwd;
    command->env = values->env.items;
    memcpy(command->limits, values->limits, sizeof values->limits);
}

static void fill_options(const struct errand *errand, struct weir_pool_options *options)
{
    const struct serve_values *values = &errand->values;

    weir_pool_options_init(options);
    options->command_count = values->workers.count;
    options->launcher = (const char *const *)errand->launcher;
    options->workers = (unsigned)values->count;
    options->window = (unsigned)values->window;
    options->max_queue = (size_t)values->max_queue;
    options->start_timeout_ms = values->start_timeout_ms;
    options->grace_ms = values->grace_ms;
    options->cancel_grace_ms = values->grace_ms;
    options->recycle_calls = values->recycle_calls;
    options->recycle_age_ms = values->recycle_age_ms;
    options->recycle_rss_kb = values->recycle_rss / 1024;
}

/* --- Life ------------------------------------------------------------------ */

static void be_ready(weir_pool_t *pool, const struct weir_error *error, void *context)
{
    struct errand *errand = context;

    (void)pool;
    if (errand->state != STARTING)
        return;
    if (error != NULL)
        end(errand,
            say(errand, error->status == WEIR_ERR_INVALID ? CLI_USAGE : CLI_FAILED, error->text));
    else
        errand->state = SERVING;
}

static void be_drained(weir_pool_t *pool, void *context)
{
    struct errand *errand = context;

    (void)pool;
    if (errand->state == DRAINING)
        errand->state = OVER;
}

static void leave_place(struct errand *errand)
{
    if (errand->path != NULL && errand->server.weir != NULL)
        weir__socket_unbind(errand->path, errand->fd);
    free(errand->path);
    errand->path = NULL;
}

static void start_draining(struct errand *errand)
{
    notify_send("STOPPING=1");
    errand->state = DRAINING;
    leave_place(errand);
    weir__server_stop(&errand->server);
    weir_pool_drain(errand->pool, errand->values.drain_ms, be_drained, errand);
}

static void heed_signals(struct errand *errand)
{
    struct caught caught;

    while (signals_take(&caught)) {
        switch (caught.number) {
        case SIGTSTP:
        case SIGTTIN:
        case SIGTTOU:
            signals_stop(caught.number);
            break;
        case SIGHUP:
            if (errand->state == SERVING)
                weir_pool_replace(errand->pool);
            break;
        default:
            if (errand->state == SERVING) {
                start_draining(errand);
                break;
            }
            errand->hurries = errand->state == DRAINING;
            end(errand, CLI_SIGNALED + caught.number);
        }
    }
}

static void run_until(struct errand *errand, enum state left)
{
    struct pollfd fds[] = {
        {.fd = weir_fd(errand->weir), .events = POLLIN},
        {.fd = signals_fd(), .events = POLLIN},
    };

    while (errand->state == left) {
        poll(fds, 2, weir_timeout_ms(errand->weir));
        weir_dispatch(errand->weir, NULL);
        heed_signals(errand);
    }
}

/* Returns 0, or the status to exit with. */
static int take_place(struct errand *errand)
{
    struct weir_error error;

    errand->fd = notify_take_socket();
    if (errand->fd == -2)
        return say(errand, CLI_FAILED,
                   "LISTEN_FDS: exactly one listening stream socket can be served");
    if (errand->fd >= 0)
        return 0;
    errand->path = socket_path(errand->values.socket, &error);
    if (errand->path == NULL)
        return say(errand, error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE, error.text);
    return 0;
}

/* What happens to workers is told as it happens: nobody sees a crash but us. */
static void hear(const struct weir_event *event, void *context)
{
    struct errand *errand = context;

    audit_hear(&errand->audit, event);
    cli_say_worker(&cli_serve, event);
}

/* Returns 0, or the status to exit with. */
static int start_workers(struct errand *errand, struct weir_error *error)
{
    size_t count = errand->values.workers.count;
    struct weir_command *commands = calloc(count, sizeof *commands);
    struct weir_pool_options options;
    struct weir_options context;

    if (commands == NULL)
        return say(errand, CLI_FAILED, "no memory");
    fill_options(errand, &options);
    for (size_t i = 0; i < count; i++)
        fill_command(&errand->values, errand->words[i], &commands[i]);
    options.commands = commands;
    weir_options_init(&context);
    context.spawner_stays_child = 1; /* weir waits for nobody else */
    context.on_event = hear;
    context.event_context = errand;
    errand->weir = weir_open(&context, error);
    if (errand->weir != NULL)
        errand->pool = weir_pool_open(errand->weir, &options, error);
    free(commands);
    if (errand->pool == NULL)
        return say(errand, error->status == WEIR_ERR_INVALID ? CLI_USAGE : CLI_FAILED, error->text);
    weir_pool_on_ready(errand->pool, (unsigned)errand->values.min_ready, be_ready, errand);
    return 0;
}

/* Returns 0, or the status to exit with.  Nobody is served yet: a signal ends us. */
static int bind_place(struct errand *errand)
{
    struct caught caught;
    struct weir_error error;

    while ((errand->fd = weir__socket_bind(errand->path, signals_fd(), &error)) < 0) {
        if (error.status != WEIR_ERR_TIMEOUT || !signals_take(&caught))
            return say(errand, CLI_FAILED, error.text);
        if (caught.number == SIGTSTP || caught.number == SIGTTIN || caught.number == SIGTTOU)
            signals_stop(caught.number);
        else if (caught.number != SIGHUP)
            return CLI_SIGNALED + caught.number;
    }
    return 0;
}

/* The socket is there only when somebody can be served. */
static int open_doors(struct errand *errand)
{
    struct weir_error error;

    if (errand->path != NULL) {
        int status = bind_place(errand);

        if (status != 0)
            return status;
    }
    errand->server.limits = (struct weir__server_limits){
        .max_calls = errand->values.max_calls,
        .max_connections = errand->values.max_connections,
        .max_memory = errand->values.max_memory,
    };
    errand->server.concurrency = (unsigned)(errand->values.count * errand->values.workers.count);
    if (weir__server_open(&errand->server, errand->weir, errand->pool, errand->fd, &error) < 0)
        return say(errand, CLI_FAILED, error.text);
    output_say("ready\n", 6);
    notify_send("READY=1");
    return 0;
}

static int serve(struct errand *errand)
{
    struct weir_error error;
    int status = read_command_line(errand), failed;

    if (status == 0)
        status = files_check(&cli_serve, &errand->parsed, 0, 0);
    if (status == 0)
        status = take_place(errand);
    if (status != 0)
        return status;
    failed = signals_catch();
    if (failed != 0) {
        cli_say(&cli_serve, "cannot catch signals: %s", strerror(failed));
        return CLI_FAILED;
    }
    status = audit_begin(&errand->audit, &cli_serve, &errand->parsed, errand->words[0][0]);
    if (status != 0)
        return status;
    status = start_workers(errand, &error);
    if (status != 0)
        return status;
    run_until(errand, STARTING);
    if (errand->state == SERVING) {
        status = open_doors(errand);
        if (status != 0)
            return status;
        run_until(errand, SERVING);
        run_until(errand, DRAINING);
    }
    return errand->status;
}

int cmd_serve(int argc, char **argv)
{
    struct weir_pool_options defaults;
    struct errand errand = {.fd = -1};
    int status, cut_by;

    weir_pool_options_init(&defaults);
    errand.values = (struct serve_values){
        .count = defaults.workers,
        .max_queue = defaults.max_queue,
        .max_calls = WEIR__MAX_CALLS,
        .max_connections = WEIR__MAX_CONNECTIONS,
        .max_memory = WEIR__MAX_MEMORY,
        .start_timeout_ms = defaults.start_timeout_ms,
        .grace_ms = defaults.grace_ms,
        .recycle_age_ms = defaults.recycle_age_ms,
        .drain_ms = 30000,
    };
    for (int i = 0; i < WEIR_LIMIT_COUNT; i++)
        errand.values.limits[i] = WEIR_NO_LIMIT;
    status = cli_parse(&cli_serve, argc, argv, &errand.values, &errand.parsed);
    if (status != CLI_GO_ON) {
        free(errand.values.workers.items);
        free(errand.values.env.items);
        return status;
    }
    status = serve(&errand);
    leave_place(&errand);
    weir__server_close(&errand.server, status == 0 ? FLUSH_MS : 0, signals_fd());
    cut_by = pool_leave(errand.weir, errand.pool, errand.hurries);
    if (cut_by != 0)
        status = CLI_SIGNALED + cut_by;
    weir_close(errand.weir);
    status = audit_end(&errand.audit,
                       status == 0             ? WEIR__AUDIT_OK
                       : status > CLI_SIGNALED ? WEIR__AUDIT_CANCELLED
                                               : WEIR__AUDIT_ERROR,
                       status, errand.said);
    for (char ***words = errand.words; words != NULL && *words != NULL; words++)
        weir__words_free(*words);
    free(errand.words);
    weir__words_free(errand.launcher);
    free(errand.values.workers.items);
    free(errand.values.env.items);
    cli_parsed_clear(&errand.parsed);
    return status;
}
