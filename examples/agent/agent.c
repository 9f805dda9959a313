/* An agent that runs checks written in Python, as monitoring agents do: every file NAME.py in a
 * directory is a check, also one that is put there while the agent runs.
 *
 *     agent DIRECTORY [SECONDS [ROUNDS]]
 *
 * Each check has a worker of its own.  One that hangs is stopped at its deadline, one
 * that crashes costs its own call, one that leaks is replaced, one that was edited is
 * loaded anew; the agent and the other checks go on. */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <weir/weir.h>

enum { DEADLINE_MS = 1000, LARGEST_KB = 64 * 1024, NAME_SIZE = 64 };

struct check {
    struct check *next;
    char name[NAME_SIZE], path[4096];
    struct timespec changed;
    weir_pool_t *pool;
    weir_call_t *call; /* under way */
    int is_there;      /* its file was seen in this round */
};

static struct check *checks;
static int running; /* calls */

static void call_is_over(weir_call_t *call, const struct weir_reply *reply, void *context)
{
    struct check *check = context;

    if (reply->outcome == WEIR_CALL_RETURNED)
        printf("%-10s %s\n", check->name, reply->result);
    else
        printf("%-10s %s: %s\n", check->name, weir_outcome_name(reply->outcome),
               reply->message != NULL ? reply->message : "");
    fflush(stdout);
    check->call = NULL;
    running--;
    weir_call_free(call);
}

static void begin_call(struct check *check)
{
    struct weir_call_sink sink = {.size = sizeof sink, .on_done = call_is_over, .context = check};
    struct weir_call_options options;
    struct weir_error error;

    weir_call_options_init(&options);
    options.timeout_ms = DEADLINE_MS;
    check->call = weir_call_start(check->pool, "check", NULL, 0, &options, &sink, &error);
    if (check->call == NULL)
        fprintf(stderr, "agent: %s: %s\n", check->name, error.text);
    else
        running++;
}

static int load(weir_t *weir, struct check *check)
{
    const char *argv[] = {"python3", "-m", "weir_worker", check->path, NULL};
    struct weir_pool_options options;
    struct weir_command command;
    struct weir_error error;

    weir_command_init(&command);
    command.argv = argv;
    weir_pool_options_init(&options);
    options.commands = (const struct weir_command *[]){&command};
    options.command_count = 1;
    options.workers = 1;
    options.recycle_rss_kb = LARGEST_KB;
    options.cancel_grace_ms = 200;    /* a check that does not let itself be cancelled */
    options.interrupt_grace_ms = 200; /* has this long, and then this */
    options.grace_ms = 200;
    options.stderr_fd = -1;
    check->pool = weir_pool_open(weir, &options, &error);
    if (check->pool == NULL)
        fprintf(stderr, "agent: %s: %s\n", check->name, error.text);
    return check->pool != NULL;
}

static void unload(struct check *check)
{
    char *stats = weir_pool_stats(check->pool);

    printf("%-10s unloaded: %s\n", check->name, stats != NULL ? stats : "");
    free(stats);
    if (check->call != NULL)
        running--;
    weir_call_free(check->call);
    weir_pool_close(check->pool, 0);
    free(check);
}

static struct check *find(const char *name)
{
    struct check *check = checks;

    while (check != NULL && strcmp(check->name, name) != 0)
        check = check->next;
    return check;
}

static int is_check(const char *name)
{
    size_t length = strlen(name);

    return length > 3 && length - 3 < NAME_SIZE && name[0] != '.' && name[0] != '_'
           && strcmp(name + length - 3, ".py") == 0;
}

static void see_file(weir_t *weir, const char *directory, const char *file)
{
    struct check *check, *fresh;
    struct stat now;
    char name[NAME_SIZE];

    snprintf(name, sizeof name, "%.*s", (int)strlen(file) - 3, file);
    fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL)
        return;
    memcpy(fresh->name, name, sizeof name);
    snprintf(fresh->path, sizeof fresh->path, "%s/%s", directory, file);
    check = find(name);
    if (stat(fresh->path, &now) < 0) {
        free(fresh);
        return;
    }
    if (check != NULL && memcmp(&check->changed, &now.st_mtim, sizeof now.st_mtim) == 0) {
        check->is_there = 1;
        free(fresh);
        return;
    }
    /* New, or edited: then the old one is not there any more. */
    fresh->changed = now.st_mtim;
    fresh->is_there = 1;
    if (!load(weir, fresh)) {
        free(fresh);
        return;
    }
    fresh->next = checks;
    checks = fresh;
}

static void look_at_files(weir_t *weir, const char *directory)
{
    DIR *files = opendir(directory);
    struct dirent *file;

    for (struct check *check = checks; check != NULL; check = check->next)
        check->is_there = 0;
    while (files != NULL && (file = readdir(files)) != NULL)
        if (is_check(file->d_name))
            see_file(weir, directory, file->d_name);
    if (files != NULL)
        closedir(files);
    for (struct check **link = &checks; *link != NULL;) {
        struct check *check = *link;

        if (check->is_there) {
            link = &check->next;
            continue;
        }
        *link = check->next;
        unload(check);
    }
}

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* The agent's own loop: weir is one descriptor in it.  A real one has others too. */
static void serve_until(weir_t *weir, long long until_ms, int or_idle)
{
    long long left_ms;

    while ((left_ms = until_ms - now_ms()) > 0 && !(or_idle && running == 0)) {
        struct pollfd fd = {.fd = weir_fd(weir), .events = POLLIN};
        int next_ms = weir_timeout_ms(weir);

        poll(&fd, 1, next_ms >= 0 && next_ms < left_ms ? next_ms : (int)left_ms);
        weir_dispatch(weir, NULL);
    }
}

int main(int argc, char **argv)
{
    double every = argc > 2 ? atof(argv[2]) : 5;
    long rounds = argc > 3 ? atol(argv[3]) : -1;
    struct weir_error error;
    weir_t *weir;

    if (argc < 2) {
        fprintf(stderr, "usage: agent DIRECTORY [SECONDS [ROUNDS]]\n");
        return 2;
    }
    weir = weir_open(NULL, &error);
    if (weir == NULL) {
        fprintf(stderr, "agent: %s\n", error.text);
        return 1;
    }
    for (long round = 0; rounds < 0 || round < rounds; round++) {
        long long next_ms = now_ms() + (long long)(every * 1000);

        look_at_files(weir, argv[1]);
        for (struct check *check = checks; check != NULL; check = check->next)
            if (check->call == NULL)
                begin_call(check);
        serve_until(weir, next_ms, 0);
    }
    serve_until(weir, now_ms() + 10LL * DEADLINE_MS, 1);
    while (checks != NULL) {
        struct check *check = checks;

        checks = check->next;
        unload(check);
    }
    weir_close(weir);
    return 0;
}
