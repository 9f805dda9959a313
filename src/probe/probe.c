#include "config.h"

#include "probe/probe.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <weir/run.h>
#include <weir/weir.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json_tree.h"
#include "probe/activation.h"
#include "probe/child_env.h"
#include "probe/environment.h"
#include "probe/tool_report.h"
#include "probe/json_values.h"

/* What a run may print: more is read and not kept.  A list of conda's packages is about
 * 1 MiB; the file of a virtual machine is no answer. */
enum { MAX_OUTPUT = 8 * 1024 * 1024, GRACE_MS = 500, DRAIN_MS = 500 };

struct weir__probe {
    weir_t *weir;
    struct weir__probe_options options;
    void (*done)(void *context);
    void *context;

    struct weir__tool_report *tools; /* one a detector */
    struct weir__activation activation;
    struct weir__child_envs children;
    char *const *environment; /* that tools are looked for in */
    int64_t started_ns, started_wall_ns, ended_ns;

    struct task *tasks;
    size_t running; /* tasks, and 1 while the probe itself starts some */
    int over, cancelled;
    int no_memory; /* sticky: what was found is not all that there is */
};

/* One program that runs for the probe. */
struct task {
    struct task *next, **link;
    struct weir__probe *probe;
    struct weir__tool_report *tool; /* NULL: the activation's or a child's */
    size_t candidate, position;
    const struct weir__detector_run *run; /* NULL: it tells what is behind a shim */
    struct weir__child_env *child;
    weir_run_t *handle;
};

/* --- Tasks -------------------------------------------------------------------- */

static void start_all(struct weir__probe *probe);
static void start_child(struct weir__probe *probe, struct weir__child_env *child);

static void free_task(struct task *task)
{
    *task->link = task->next;
    if (task->next != NULL)
        task->next->link = task->link;
    weir_run_free(task->handle);
    free(task);
}

/* The last one out ends the probe. */
static void release_probe(struct weir__probe *probe)
{
    if (--probe->running > 0)
        return;
    probe->ended_ns = weir__clock_ns();
    probe->over = 1;
    if (probe->done != NULL)
        probe->done(probe->context);
}

static void read_result(struct task *task, const struct weir_result *result)
{
    struct weir__probe *probe = task->probe;

    if (task->child != NULL) {
        weir__child_env_read(task->child, result, probe->environment);
        if (!probe->cancelled)
            start_child(probe, task->child);
    } else if (task->tool == NULL) {
        weir__activation_read(&probe->activation, result);
        if (probe->activation.after != NULL && !probe->cancelled) {
            probe->environment = probe->activation.after;
            start_all(probe);
        }
    } else if (task->run != NULL) {
        weir__tool_report_add_run(task->tool, task->candidate, task->run, task->position, result);
    } else {
        weir__tool_report_set_real(task->tool, task->candidate, task->position, result);
    }
}

static void start_runs(struct weir__probe *probe, struct weir__tool_report *tool, size_t index,
                       int second_tries);

/* One of a candidate's runs has ended.  When that was the last, it is tried again in another way
 * where it has told no version. */
static void end_run(const struct task *task)
{
    struct weir__path_candidate *candidate = &task->tool->candidates.items[task->candidate];

    if (--candidate->running > 0 || task->probe->cancelled)
        return;
    if (!task->run->is_fallback && !task->tool->absent && candidate->version[0] == '\0')
        start_runs(task->probe, task->tool, task->candidate, 1);
    if (candidate->running == 0)
        weir__tool_report_end_runs(task->tool, task->candidate, task->probe->environment);
}

static void report_problem(struct task *task, const char *text, int is_memory)
{
    task->probe->no_memory |= is_memory;
    if (task->tool != NULL)
        weir__tool_report_problem(task->tool, task->candidate,
                                  task->run != NULL ? task->run->label : "which", "%s", text);
    else if (task->child != NULL)
        weir__child_env_fail(task->child, text);
    else
        snprintf(task->probe->activation.problem, sizeof task->probe->activation.problem, "%s",
                 text);
}

static void on_done(weir_run_t *run, const struct weir_result *result,
                    const struct weir_error *error, void *context)
{
    struct task *task = context;
    struct weir__probe *probe = task->probe;

    task->handle = run;
    if (error != NULL)
        report_problem(task, error->text, error->status == WEIR_ERR_NOMEM);
    else
        read_result(task, result);
    if (task->tool != NULL && task->run != NULL)
        end_run(task);
    free_task(task);
    release_probe(probe);
}

/* The environment with one variable set; the strings are borrowed.  NULL when memory is short. */
static char *const *with_variable(char *const *environment, const char *variable)
{
    size_t count = 0, name = strcspn(variable, "="), kept = 0;
    char **list;

    while (environment[count] != NULL)
        count++;
    list = calloc(count + 2, sizeof *list);
    for (size_t i = 0; list != NULL && i < count; i++)
        if (strncmp(environment[i], variable, name + 1) != 0)
            list[kept++] = environment[i];
    if (list != NULL)
        list[kept] = (char *)variable;
    return list;
}

/* Starts argv for a task whose place is what the given one has.  A failure is a tool. */
static void start_task(struct weir__probe *probe, struct task given, const char *const *argv,
                       int64_t timeout_ms)
{
    struct task *task = malloc(sizeof *task);
    struct weir_run_options options;
    struct weir_command command;
    struct weir_error error = {.text = "no memory to run it"};
    char *const *variables = probe->environment;

    given.probe = probe;
    if (given.run != NULL && given.run->variable != NULL)
        variables = with_variable(probe->environment, given.run->variable);
    if (task == NULL || variables == NULL) {
        report_problem(&given, error.text, 1);
        free(task);
        return;
    }
    *task = given;
    task->next = probe->tasks;
    task->link = &probe->tasks;
    if (task->next != NULL)
        task->next->link = &task->next;
    probe->tasks = task;
    weir_command_init(&command);
    command.argv = argv;
    command.env_clear = 1;
    command.env = (const char *const *)variables;
    weir_run_options_init(&options);
    options.timeout_ms = timeout_ms;
    options.grace_ms = GRACE_MS;
    options.drain_ms = DRAIN_MS;
    options.max_output = MAX_OUTPUT;
    probe->running++;
    task->handle = weir_run_start(probe->weir, &command, &options, on_done, task, &error);
    if (variables != probe->environment)
        free((void *)variables); /* the command was copied */
    if (task->handle != NULL && given.tool != NULL && given.run != NULL)
        given.tool->candidates.items[given.candidate].running++;
    if (task->handle != NULL)
        return;
    report_problem(task, error.text, error.status == WEIR_ERR_NOMEM);
    free_task(task);
    probe->running--; /* whoever starts something is still there */
}

/* --- Detectors ------------------------------------------------------------------ */

static int64_t timeout_of(const struct weir__probe *probe, const struct weir__detector *detector)
{
    int64_t own = detector->timeout_ms;

    return own > 0 && own < probe->options.timeout_ms ? own : probe->options.timeout_ms;
}

static size_t reserve_run(struct weir__tool_report *tool)
{
    weir__tree_append(&tool->runs, json_null());
    return json_array_size(tool->runs) - 1;
}

static void start_runs(struct weir__probe *probe, struct weir__tool_report *tool, size_t index,
                       int second_tries)
{
    const struct weir__detector *detector = tool->detector;
    const char *argv[WEIR__DETECTOR_WORDS + 2] = {tool->candidates.items[index].path};
    struct task task = {.tool = tool, .candidate = index};

    for (size_t i = 0; i < WEIR__DETECTOR_RUNS && detector->runs[i].label != NULL; i++) {
        task.run = &detector->runs[i];
        if (task.run->is_fallback != second_tries)
            continue;
        task.position = reserve_run(tool);
        memcpy(argv + 1, task.run->arguments, sizeof task.run->arguments);
        start_task(probe, task, argv, timeout_of(probe, detector));
    }
}

static void start_candidate(struct weir__probe *probe, struct weir__tool_report *tool, size_t index)
{
    const struct weir__detector *detector = tool->detector;
    const struct weir__path_candidate *candidate = &tool->candidates.items[index];
    struct task task = {.tool = tool, .candidate = index};

    start_runs(probe, tool, index, 0);
    if (candidate->shim != NULL && !detector->every_candidate) {
        const char *which[] = {candidate->shim, "which", candidate->name, NULL};

        task.position = reserve_run(tool);
        start_task(probe, task, which, timeout_of(probe, detector));
    }
}

static void start_detector(struct weir__probe *probe, struct weir__tool_report *tool)
{
    const struct weir__path_search *list = &tool->candidates;
    size_t winner = list->winner;

    if (!tool->detector->every_candidate) {
        if (winner != WEIR__PATH_SEARCH_NONE)
            start_candidate(probe, tool, winner);
        return;
    }
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].executable && list->items[i].same_as == WEIR__PATH_SEARCH_NONE)
            start_candidate(probe, tool, i);
}

/* What runs of which program a child is asked in the environment after the activation. */
static void start_child(struct weir__probe *probe, struct weir__child_env *child)
{
    const char *argv[WEIR__CHILD_ENV_WORDS];

    if (weir__child_env_next(child, probe->environment, argv))
        start_task(probe, (struct task){.child = child}, argv, probe->options.timeout_ms);
}

/* The environment is known: everything at once. */
static void start_all(struct weir__probe *probe)
{
    for (size_t i = 0; i < probe->options.count; i++) {
        struct weir__tool_report *tool = &probe->tools[i];

        if (weir__tool_report_begin(tool, probe->options.detectors[i], probe->environment) < 0)
            probe->no_memory = 1;
        else
            start_detector(probe, tool);
    }
    if (probe->options.activate != NULL)
        for (size_t i = 0; i < WEIR__CHILD_ENV_COUNT; i++)
            start_child(probe, &probe->children.list[i]);
}

static void start_probe(struct weir__probe *probe)
{
    if (probe->options.activate != NULL) {
        const char *const argv[] = {"sh", "-c", probe->activation.script, NULL};

        start_task(probe, (struct task){0}, argv, probe->options.timeout_ms);
    } else {
        start_all(probe);
    }
    release_probe(probe);
}

struct weir__probe *weir__probe_start(weir_t *weir, const struct weir__probe_options *options,
                                      void (*done)(void *context), void *context,
                                      struct weir_error *error)
{
    struct weir__probe *probe = calloc(1, sizeof *probe);

    if (probe == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a probe");
        return NULL;
    }
    *probe = (struct weir__probe){.weir = weir,
                                  .options = *options,
                                  .done = done,
                                  .context = context,
                                  .environment = options->environment,
                                  .running = 1,
                                  .started_ns = weir__clock_ns(),
                                  .started_wall_ns = weir__clock_wall_ns()};
    probe->tools = calloc(options->count + 1, sizeof *probe->tools);
    weir__child_envs_init(&probe->children);
    if (probe->tools == NULL
        || (options->activate != NULL
            && weir__activation_begin(&probe->activation, options->activate) < 0)) {
        weir__probe_free(probe);
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a probe");
        return NULL;
    }
    start_probe(probe);
    return probe;
}

void weir__probe_cancel(struct weir__probe *probe)
{
    probe->cancelled = 1;
    for (struct task *task = probe->tasks; task != NULL; task = task->next)
        weir_run_cancel(task->handle);
}

int weir__probe_wait(struct weir__probe *probe, struct weir_error *error)
{
    struct pollfd wake = {.fd = weir_fd(probe->weir), .events = POLLIN};
    int status = 0;

    while (status == 0 && !probe->over) {
        poll(&wake, 1, weir_timeout_ms(probe->weir));
        status = weir_dispatch(probe->weir, error);
    }
    return status;
}

void weir__probe_free(struct weir__probe *probe)
{
    if (probe == NULL)
        return;
    while (probe->tasks != NULL)
        free_task(probe->tasks);
    for (size_t i = 0; probe->tools != NULL && i < probe->options.count; i++)
        weir__tool_report_clear(&probe->tools[i]);
    free(probe->tools);
    weir__child_envs_clear(&probe->children);
    weir__activation_clear(&probe->activation);
    free(probe);
}

/* --- The report ------------------------------------------------------------------ */

static json_t *host_json(const struct weir__probe *probe)
{
    const char *home = weir__environment_get(probe->options.environment, "HOME");
    struct utsname names;

    if (uname(&names) < 0)
        return json_object();
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "name", weir__text_value(names.nodename),
                     "system", weir__text_value(names.sysname), "release",
                     weir__text_value(names.release), "machine", weir__text_value(names.machine),
                     "os", weir__os_release(), "home",
                     home != NULL ? weir__text_value(home) : json_null());
}

static json_t *tools_json(const struct weir__probe *probe)
{
    json_t *tools = json_object();

    for (size_t i = 0; i < probe->options.count; i++)
        if (probe->tools[i].detector != NULL)
            weir__tree_set(&tools, probe->options.detectors[i]->name,
                           weir__tool_report_json(&probe->tools[i]));
    return tools;
}

/* Whether memory was short for something that was found. */
static int is_incomplete(const struct weir__probe *probe)
{
    int lacks = probe->no_memory || probe->activation.no_memory;

    for (size_t i = 0; i < WEIR__CHILD_ENV_COUNT; i++)
        lacks |= probe->children.list[i].no_memory;
    return lacks;
}

json_t *weir__probe_report(const struct weir__probe *probe)
{
    json_t *report, *activation;
    char started_at[WEIR__TIME_SIZE];

    if (!probe->over || is_incomplete(probe))
        return NULL;
    weir__clock_format(probe->started_wall_ns, started_at);
    activation = probe->options.activate != NULL
                     ? weir__activation_json(&probe->activation, probe->options.environment)
                     : json_null();
    if (json_is_object(activation))
        weir__tree_set(&activation, "children", weir__child_envs_json(&probe->children));
    report =
        json_pack("{s:i,s:s,s:s,s:s,s:s,s:f,s:o,s:o,s:o,s:o}", "weir", 1, "kind", "probe",
                  "version", weir_version(), "fingerprint", "", "started_at", started_at, "wall_ms",
                  (double)((probe->ended_ns - probe->started_ns) / 1000) / 1000.0, "host",
                  host_json(probe), "environment", weir__environment_json(probe->environment),
                  "activation", activation, "tools", tools_json(probe));
    if (report == NULL)
        return NULL;
    /* What was not looked at has no fingerprint. */
    if (probe->options.activate != NULL && probe->activation.after == NULL) {
        weir__tree_set(&report, "fingerprint", json_null());
    } else if (weir__probe_sign(report) < 0) {
        json_decref(report);
        return NULL;
    }
    return report;
}
