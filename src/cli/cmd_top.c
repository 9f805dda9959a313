/* weir top - watch a server. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/weir.h>

#include "base/clock.h"
#include "base/json_parse.h"
#include "base/json_tree.h"
#include "base/printable.h"
#include "cli/files.h"
#include "cli/opts_top.h"
#include "cli/output.h"
#include "cli/screen.h"
#include "cli/signals.h"
#include "cli/top_view.h"

enum {
    CONNECT_MS = 10000,
    ANSWER_MS = 10000, /* for weir/stats and weir/recycle */
    WRITE_MS = 2000,
    EVERY_MS = 1000,
};

struct request {
    weir_call_t *call; /* NULL: none is under way */
    int is_over;
};

struct top {
    struct top_values values;
    struct cli_parsed parsed;
    weir_t *weir;
    weir_client_t *client;
    struct request stats, recycle;
    struct top_view view;
    int is_drawn, reads_keys;
    int64_t next_ns; /* when to ask again */
    uint64_t answers;
    char lost[300]; /* why the connection was lost */
    int over, status, ended_by, by_terminal;
};

static void end(struct top *top, int status)
{
    if (!top->over)
        top->status = status;
    top->over = 1;
}

static void fail(struct top *top, const char *sentence)
{
    screen_leave();
    if (!top->over)
        cli_say(&cli_top, "%s", sentence);
    end(top, CLI_FAILED);
}

/* --- Output ---------------------------------------------------------------- */

static void write_out(struct top *top, struct weir__buffer *text)
{
    int failed;

    output_set_deadline(weir__clock_ns(), WRITE_MS);
    failed = output_write(STDOUT_FILENO, text->bytes, text->length);
    weir__buffer_clear(text);
    if (failed == 0 || failed == ECANCELED) /* the signal is taken by the loop */
        return;
    if (failed == EPIPE) {
        end(top, CLI_SIGNALED + SIGPIPE);
        return;
    }
    screen_leave();
    cli_say(&cli_top, "cannot write to standard output: %s", output_error(failed));
    end(top, CLI_FAILED);
}

static void draw(struct top *top)
{
    struct weir__buffer text = {0};
    int columns, rows;

    if (!top->is_drawn || top->over)
        return;
    screen_size(&columns, &rows);
    top_view_draw(&top->view, &text, columns, rows);
    write_out(top, &text);
}

static void print_line(struct top *top)
{
    struct weir__buffer text = {0};
    char at[WEIR__TIME_SIZE], *line = NULL;
    json_t *document = json_object();

    weir__clock_format(weir__clock_wall_ns(), at);
    weir__tree_set(&document, "at", json_string(at));
    if (document != NULL && json_object_update(document, top->view.stats) == 0)
        line = weir__tree_text(document, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(document);
    if (line == NULL || weir__buffer_add(&text, line, strlen(line), NULL) < 0
        || weir__buffer_add(&text, "\n", 1, NULL) < 0)
        fail(top, "no memory for a line");
    else
        write_out(top, &text);
    free(line);
    weir__buffer_clear(&text);
}

static void show(struct top *top)
{
    struct weir__buffer text = {0};

    if (top->is_drawn) {
        draw(top);
    } else if (top->values.json) {
        print_line(top);
    } else {
        if (top->answers > 1)
            weir__buffer_add(&text, "\n", 1, NULL);
        top_view_print(&top->view, &text);
        write_out(top, &text);
    }
}

/* --- The server ------------------------------------------------------------ */

static void on_done(weir_call_t *call, const struct weir_reply *reply, void *context)
{
    struct request *request = context;

    (void)call;
    (void)reply; /* weir_call_wait() gives one that is ours */
    request->is_over = 1;
}

static void on_lost(weir_client_t *client, const char *why, void *context)
{
    struct top *top = context;

    (void)client;
    weir__sentence(top->lost, sizeof top->lost, "the server %s", why);
}

static void ask(struct top *top, struct request *request, const char *method, const char *params)
{
    struct weir_call_options options;
    struct weir_call_sink sink;
    struct weir_error error;

    weir_call_options_init(&options);
    options.timeout_ms = ANSWER_MS;
    weir_call_sink_init(&sink);
    sink.on_done = on_done;
    sink.context = request;
    request->is_over = 0;
    request->call = weir_client_start(top->client, method, params,
                                      params != NULL ? strlen(params) : 0, &options, &sink, &error);
    if (request->call == NULL)
        fail(top, error.text);
}

/* Whether the request has ended; then its reply is the caller's. */
static int take_reply(struct request *request, struct weir_reply *reply)
{
    struct weir_error error;
    int status;

    if (request->call == NULL || !request->is_over)
        return 0;
    status = weir_call_wait(request->call, reply, &error);
    weir_call_free(request->call);
    request->call = NULL;
    return status >= 0;
}

static void take_stats(struct top *top)
{
    struct weir_reply reply;
    json_t *stats = NULL;

    if (!take_reply(&top->stats, &reply))
        return;
    top->next_ns = weir__clock_in_ms(top->values.every_ms);
    if (reply.outcome == WEIR_CALL_RETURNED)
        stats = weir__json_parse(reply.result, reply.length, 0, NULL);
    if (top->lost[0] != '\0')
        fail(top, top->lost);
    else if (reply.outcome == WEIR_CALL_DEADLINE)
        fail(top, "the server does not respond: is it stopped or overloaded?");
    else if (reply.outcome != WEIR_CALL_RETURNED)
        fail(top, reply.message != NULL ? reply.message : weir_outcome_name(reply.outcome));
    else if (stats == NULL || top_view_take(&top->view, stats, weir__clock_ns()) < 0)
        fail(top, "the server's answer to weir/stats cannot be read");
    weir_reply_clear(&reply);
    if (top->over)
        return;
    top->answers++;
    show(top);
    if (top->values.count > 0 && top->answers >= top->values.count)
        end(top, CLI_OK);
}

static void take_recycled(struct top *top)
{
    struct weir_reply reply;

    if (!take_reply(&top->recycle, &reply))
        return;
    if (reply.outcome == WEIR_CALL_RETURNED)
        snprintf(top->view.message, sizeof top->view.message,
                 "the worker exits once another is ready");
    else
        weir__sentence(top->view.message, sizeof top->view.message, "not recycled: %s",
                       reply.message != NULL ? reply.message : weir_outcome_name(reply.outcome));
    weir_reply_clear(&reply);
    draw(top);
}

static void recycle(struct top *top)
{
    const struct top_view *view = &top->view;
    const struct top_worker *worker;
    json_t *params;
    char *text;

    if (view->chosen >= view->worker_count || top->recycle.call != NULL)
        return;
    worker = &view->workers[view->chosen];
    params = json_pack("{s:I,s:s?}", "pid", (json_int_t)worker->pid, "node", worker->node);
    text = params != NULL ? weir__tree_text(params, JSON_COMPACT) : NULL;
    if (text != NULL)
        ask(top, &top->recycle, "weir/recycle", text);
    free(text);
    json_decref(params);
}

/* --- Keys and signals ------------------------------------------------------ */

static void choose(struct top *top, int step)
{
    struct top_view *view = &top->view;

    if (step < 0 && view->chosen > 0)
        view->chosen--;
    if (step > 0 && view->chosen + 1 < view->worker_count)
        view->chosen++;
}

static void take_key(struct top *top, char key)
{
    static const char sorts[TOP_SORTS + 1] = "crmps";
    const char *sort = memchr(sorts, key, TOP_SORTS);

    top->view.message[0] = '\0';
    if (sort != NULL)
        top_view_sort(&top->view, (enum top_sort)(sort - sorts));
    else if (key == 'q')
        end(top, CLI_OK);
    else if (key == 'k' || key == 'j')
        choose(top, key == 'j' ? 1 : -1);
    else if (key == 'R')
        recycle(top);
    else if (key == ' ')
        top->next_ns = 0;
}

static void read_keys(struct top *top)
{
    char keys[64];
    ssize_t count = read(STDIN_FILENO, keys, sizeof keys);

    if (count < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (count <= 0) { /* the terminal is gone */
        end(top, CLI_SIGNALED + SIGHUP);
        return;
    }
    for (ssize_t i = 0; i < count && !top->over; i++) {
        if (keys[i] != '\033' || count - i < 3 || keys[i + 1] != '[') {
            take_key(top, keys[i]);
            continue;
        }
        choose(top, keys[i + 2] == 'B' ? 1 : keys[i + 2] == 'A' ? -1 : 0);
        i += 2;
    }
    draw(top);
}

static void pause_here(struct top *top, int number)
{
    screen_leave();
    signals_stop(number);
    if (top->is_drawn)
        screen_enter();
    draw(top);
}

static void take_signals(struct top *top)
{
    struct caught caught;

    while (!top->over && signals_take(&caught)) {
        if (caught.number == SIGTSTP || caught.number == SIGTTIN || caught.number == SIGTTOU) {
            pause_here(top, caught.number);
        } else if (caught.number == SIGWINCH) {
            draw(top);
        } else {
            top->ended_by = caught.number;
            top->by_terminal = caught.by_kernel;
            end(top, CLI_SIGNALED + caught.number);
        }
    }
}

/* --- The loop -------------------------------------------------------------- */

static int until_next_ms(struct top *top)
{
    int64_t left_ms = (top->next_ns - weir__clock_ns()) / 1000000 + 1;

    if (top->stats.call != NULL)
        return -1;
    return left_ms < 0 ? 0 : left_ms < 60000 ? (int)left_ms : 60000;
}

static void run_loop(struct top *top)
{
    struct pollfd fds[] = {
        {.fd = weir_fd(top->weir), .events = POLLIN},
        {.fd = signals_fd(), .events = POLLIN},
        {.fd = top->reads_keys ? STDIN_FILENO : -1, .events = POLLIN},
        {.fd = top->is_drawn ? -1 : STDOUT_FILENO}, /* an error: its reader has closed it */
    };

    draw(top);
    while (!top->over) {
        int timeout_ms, weir_ms;

        if (top->stats.call == NULL && weir__clock_ns() >= top->next_ns)
            ask(top, &top->stats, "weir/stats", NULL);
        if (top->over)
            return;
        timeout_ms = until_next_ms(top);
        weir_ms = weir_timeout_ms(top->weir);
        if (timeout_ms < 0 || (weir_ms >= 0 && weir_ms < timeout_ms))
            timeout_ms = weir_ms;
        poll(fds, 4, timeout_ms);
        if (fds[3].revents & (POLLERR | POLLHUP)) {
            end(top, CLI_SIGNALED + SIGPIPE);
            return;
        }
        weir_dispatch(top->weir, NULL);
        take_signals(top);
        if (!top->over && fds[2].revents != 0)
            read_keys(top);
        if (!top->over)
            take_recycled(top);
        if (!top->over)
            take_stats(top);
        if (!top->over && top->lost[0] != '\0')
            fail(top, top->lost);
    }
}

static int open_client(struct top *top)
{
    struct weir_options options;
    struct weir_error error;

    weir_options_init(&options);
    options.spawner_on_demand = 1; /* nothing is started */
    top->weir = weir_open(&options, &error);
    if (top->weir != NULL) /* a signal ends weir here: nothing is to be restored yet */
        top->client = weir_client_connect(top->weir, top->values.socket, CONNECT_MS, &error);
    if (top->client != NULL) {
        weir_client_on_lost(top->client, on_lost, top);
        return CLI_OK;
    }
    cli_say(&cli_top, "%s", error.text);
    return error.status == WEIR_ERR_INVALID ? CLI_USAGE : CLI_FAILED;
}

static int execute(struct top *top)
{
    int status = cli_check_stdout(&cli_top, CLI_FAILED), failed;

    if (status == 0)
        status = open_client(top);
    if (status != 0)
        return status;
    failed = signals_catch();
    if (failed != 0) {
        cli_say(&cli_top, "cannot catch signals: %s", strerror(failed));
        return CLI_FAILED;
    }
    top->is_drawn = !top->values.json && screen_is_there();
    top->reads_keys = top->is_drawn && isatty(STDIN_FILENO);
    if (!top->is_drawn && !top->values.json && top->values.count == 0)
        top->values.count = 1;
    if (top->is_drawn) {
        signals_catch_window();
        screen_enter();
    }
    run_loop(top);
    screen_leave();
    return top->status;
}

int cmd_top(int argc, char **argv)
{
    struct top top = {.values = {.every_ms = EVERY_MS}, .view = {.rate = -1}};
    int status = cli_parse(&cli_top, argc, argv, &top.values, &top.parsed);

    if (status != CLI_GO_ON)
        return status;
    top.view.sort = (enum top_sort)top.values.sort;
    if (top.parsed.words.count > 0)
        status =
            cli_bad_usage(&cli_top, "unexpected argument \"%.80s\"", top.parsed.words.items[0]);
    else
        status = execute(&top);
    weir_call_free(top.stats.call);
    weir_call_free(top.recycle.call);
    weir_client_close(top.client);
    weir_close(top.weir);
    top_view_clear(&top.view);
    cli_parsed_clear(&top.parsed);
    if (top.ended_by == SIGINT && top.by_terminal)
        signals_die(SIGINT); /* so that a shell's loop around it ends too */
    return status;
}
