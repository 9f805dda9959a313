/* A host that calls add() in a worker on request, in one of several ways:
 *
 *     call_contestant bare WORKER [ARGUMENT...]         one pipe each way, no weir
 *     call_contestant floor WORKER [ARGUMENT...]        the worker fed from a file, no weir
 *     call_contestant pool WORKER [ARGUMENT...]         weir_call()
 *     call_contestant window=N,WORKERS WORKER [...]     weir_call_start(), N under way
 *     call_contestant map WORKER [ARGUMENT...]          weir/map, 1000 items a message
 *     call_contestant idle=WORKERS WORKER [ARGUMENT...] weir_call(), and the host's memory
 *     call_contestant callers=WORKERS WORKER [...]      weir_call() in several threads
 *     call_contestant trace=FILE WAY WORKER [...]       as WAY says, with a trace
 *
 * For each line "N" on stdin it makes N calls and prints a line: microseconds a call,
 * P50 and P99 (bare, pool), or of all (floor, window, map); idle prints the KiB that
 * the host has in memory before and after.  For callers, lines are "N THREADS", and calls per
 * second are printed, too.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/weir.h>

#include "base/clock.h"
#include "base/trace.h"
#include "proc/context.h"

extern char **environ;

enum { MAP_ITEMS = 1000, READY_MS = 60000 };

static struct weir__trace *trace;
static weir_t *weir;
static weir_pool_t *pool;
static char **worker;
static int to_worker = -1, from_worker = -1;
static unsigned window = 1;
static int under_way, left_to_start, threads;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "call_contestant: %s: %s\n", what, why);
    exit(1);
}

/* --- Without weir ----------------------------------------------------------- */

/* Returns the end to read from; input is the worker's stdin. */
static int start_worker(int input, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    int out[2], problem;

    if (pipe2(out, O_CLOEXEC) < 0)
        die("pipe", strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    problem = posix_spawnp(pid, worker[0], &actions, NULL, worker, environ);
    if (problem != 0)
        die(worker[0], strerror(problem));
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    return out[0];
}

static void open_bare(void)
{
    int in[2];
    pid_t pid;

    if (pipe2(in, O_CLOEXEC) < 0)
        die("pipe", strerror(errno));
    from_worker = start_worker(in[0], &pid);
    close(in[0]);
    to_worker = in[1];
}

static void call_bare(int number)
{
    char line[256];
    ssize_t count;
    int length =
        snprintf(line, sizeof line,
                 "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"add\",\"params\":[3,4]}\n", number);

    if (write(to_worker, line, (size_t)length) != length)
        die("write", strerror(errno));
    do {
        count = read(from_worker, line, sizeof line);
        if (count <= 0)
            die("read", "the worker is gone");
    } while (line[count - 1] != '\n');
    line[count - 1] = '\0';
    if (strstr(line, "\"result\":7") == NULL)
        die("wrong answer", line);
}

/* From the first answers, so that the worker's start is not in it, to the last. */
static void run_floor(int count)
{
    static char bytes[65536];
    FILE *requests = tmpfile();
    int64_t begin_ns = 0, end_ns = 0;
    int output, answered = 0, at_first = 0;
    ssize_t length;
    pid_t pid;

    if (requests == NULL)
        die("tmpfile", strerror(errno));
    for (int i = 0; i < count; i++)
        fprintf(requests, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"add\",\"params\":[3,4]}\n",
                i + 1);
    fflush(requests);
    rewind(requests);
    output = start_worker(fileno(requests), &pid);
    while ((length = read(output, bytes, sizeof bytes)) > 0) {
        int lines = 0;

        end_ns = weir__clock_ns();
        for (ssize_t i = 0; i < length; i++)
            lines += bytes[i] == '\n';
        if (begin_ns == 0) {
            begin_ns = end_ns;
            at_first = lines;
        }
        answered += lines;
    }
    close(output);
    fclose(requests);
    waitpid(pid, NULL, 0);
    if (answered != count || at_first == count)
        die("floor", "answers are missing, or all came at once");
    printf("%.2f\n", (double)(end_ns - begin_ns) / 1000 / (answered - at_first));
}

/* --- With weir -------------------------------------------------------------- */

static void open_pool(unsigned workers, unsigned pool_window)
{
    struct weir_pool_options options;
    struct weir_command command;
    struct weir_error error;

    weir = weir_open(NULL, &error);
    if (weir == NULL)
        die("weir_open", error.text);
    weir->client.trace = trace;
    weir_command_init(&command);
    command.argv = (const char *const *)worker;
    weir_pool_options_init(&options);
    options.commands = (const struct weir_command *[]){&command};
    options.command_count = 1;
    options.workers = workers;
    options.window = pool_window;
    pool = weir_pool_open(weir, &options, &error);
    if (pool == NULL || weir_pool_wait_ready(pool, 0, READY_MS, &error) < 0)
        die("weir_pool_open", error.text);
}

static void check(const struct weir_reply *reply, const char *answer)
{
    if (reply->outcome != WEIR_CALL_RETURNED)
        die("call", reply->message);
    if (strcmp(reply->result, answer) != 0)
        die("wrong answer", reply->result);
}

static void call_pool(const char *method, const char *params, const char *answer)
{
    struct weir_reply reply = {0};
    struct weir_error error;

    if (weir_call(pool, method, params, NULL, &reply, &error) < 0)
        die("weir_call", error.text);
    check(&reply, answer);
    weir_reply_clear(&reply);
}

static void call_add(int number)
{
    (void)number;
    call_pool("add", "[3,4]", "7");
}

static void start_one(void);

static void be_done(weir_call_t *call, const struct weir_reply *reply, void *context)
{
    (void)context;
    check(reply, "7");
    weir_call_free(call);
    under_way--;
    if (left_to_start > 0)
        start_one();
}

static void start_one(void)
{
    static const struct weir_call_sink sink = {.size = sizeof sink, .on_done = be_done};
    struct weir_error error;

    left_to_start--;
    under_way++;
    if (weir_call_start(pool, "add", "[3,4]", 5, NULL, &sink, &error) == NULL)
        die("weir_call_start", error.text);
}

static void run_window(int count)
{
    int64_t begin_ns = weir__clock_ns();
    struct weir_error error;

    left_to_start = count;
    while (left_to_start > 0 && under_way < (int)window)
        start_one();
    while (under_way > 0) {
        struct pollfd one = {.fd = weir_fd(weir), .events = POLLIN};

        poll(&one, 1, weir_timeout_ms(weir));
        if (weir_dispatch(weir, &error) < 0)
            die("weir_dispatch", error.text);
    }
    printf("%.2f\n", (double)(weir__clock_ns() - begin_ns) / 1000 / count);
}

static void run_map(int count)
{
    static char params[64 + MAP_ITEMS * 6], answer[64 + MAP_ITEMS * 2];
    int64_t begin_ns;
    int rounds = (count + MAP_ITEMS - 1) / MAP_ITEMS;
    char *end = params + sprintf(params, "{\"method\":\"add\",\"items\":[");
    char *answer_end = answer + sprintf(answer, "{\"values\":[");

    for (int i = 0; i < MAP_ITEMS; i++) {
        end += sprintf(end, "%s[3,4]", i > 0 ? "," : "");
        answer_end += sprintf(answer_end, "%s7", i > 0 ? "," : "");
    }
    strcpy(end, "]}");
    strcpy(answer_end, "]}");
    begin_ns = weir__clock_ns();
    for (int i = 0; i < rounds; i++)
        call_pool("weir/map", params, answer);
    printf("%.2f\n", (double)(weir__clock_ns() - begin_ns) / 1000 / rounds / MAP_ITEMS);
}

static long resident_kb(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    long kb = -1;

    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = atol(line + 6);
    if (status != NULL)
        fclose(status);
    return kb;
}

static void run_idle(int count)
{
    long before_kb = resident_kb();

    for (int i = 0; i < count; i++)
        call_add(i);
    printf("%ld %ld\n", before_kb, resident_kb());
}

/* --- Rounds ----------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static void print_times(int64_t *times_ns, int count)
{
    qsort(times_ns, (size_t)count, sizeof *times_ns, compare);
    printf("%.2f %.2f\n", (double)times_ns[count / 2] / 1000,
           (double)times_ns[(int64_t)count * 99 / 100] / 1000);
}

static void run_each(void (*call)(int number), int count)
{
    int64_t *times_ns = calloc((size_t)count, sizeof *times_ns);

    if (times_ns == NULL)
        die("memory", strerror(errno));
    for (int i = 0; i < count; i++) {
        int64_t begin_ns = weir__clock_ns();

        call(i + 1);
        times_ns[i] = weir__clock_ns() - begin_ns;
    }
    print_times(times_ns, count);
    free(times_ns);
}

struct caller {
    pthread_t thread;
    int64_t *times_ns;
    int count;
};

static void *call_some(void *data)
{
    const struct caller *caller = data;

    for (int i = 0; i < caller->count; i++) {
        int64_t begin_ns = weir__clock_ns();

        call_add(i);
        caller->times_ns[i] = weir__clock_ns() - begin_ns;
    }
    return NULL;
}

static void run_callers(int count)
{
    struct caller *callers = calloc((size_t)threads, sizeof *callers);
    int64_t *times_ns = calloc((size_t)count, sizeof *times_ns), begin_ns = weir__clock_ns();
    int each = count / threads;
    double seconds;

    if (callers == NULL || times_ns == NULL)
        die("memory", strerror(errno));
    for (int i = 0; i < threads; i++) {
        callers[i].times_ns = times_ns + i * each;
        callers[i].count = each;
        errno = pthread_create(&callers[i].thread, NULL, call_some, &callers[i]);
        if (errno != 0)
            die("thread", strerror(errno));
    }
    for (int i = 0; i < threads; i++)
        pthread_join(callers[i].thread, NULL);
    seconds = (double)(weir__clock_ns() - begin_ns) / 1e9;
    count = each * threads;
    qsort(times_ns, (size_t)count, sizeof *times_ns, compare);
    printf("%.2f %.2f %.0f\n", (double)times_ns[count / 2] / 1000,
           (double)times_ns[(int64_t)count * 99 / 100] / 1000, count / seconds);
    free(times_ns);
    free(callers);
}

static void run_bare(int count)
{
    run_each(call_bare, count);
}

static void run_pool(int count)
{
    run_each(call_add, count);
}

/* NULL: there is no such way. */
static void (*open_way(const char *way))(int count)
{
    unsigned workers;

    if (strcmp(way, "bare") == 0) {
        open_bare();
        return run_bare;
    }
    if (strcmp(way, "floor") == 0)
        return run_floor;
    if (sscanf(way, "window=%u,%u", &window, &workers) == 2) {
        open_pool(workers, window);
        return run_window;
    }
    if (sscanf(way, "idle=%u", &workers) == 1) {
        open_pool(workers, 0);
        return run_idle;
    }
    if (sscanf(way, "callers=%u", &workers) == 1) {
        open_pool(workers, 0);
        return run_callers;
    }
    if (strcmp(way, "pool") != 0 && strcmp(way, "map") != 0)
        return NULL;
    open_pool(1, 0);
    return way[0] == 'p' ? run_pool : run_map;
}

static void open_trace(const char *path)
{
    struct weir__trace_options options = {
        .path = path, .max_size = 32 << 20, .name = "call_contestant"};
    struct weir_error error;

    trace = weir__trace_open(&options, &error);
    if (trace == NULL)
        die("trace", error.text);
}

int main(int argc, char **argv)
{
    void (*run)(int count);
    struct weir_error error;
    char line[64];

    if (argc > 1 && strncmp(argv[1], "trace=", 6) == 0) {
        open_trace(argv[1] + 6);
        argc--;
        argv++;
    }
    if (argc < 3)
        return 2;
    worker = argv + 2;
    run = open_way(argv[1]);
    if (run == NULL)
        return 2;
    while (fgets(line, sizeof line, stdin) != NULL) {
        int count;

        threads = 1;
        if (sscanf(line, "%d %d", &count, &threads) < 1 || count < 1 || threads < 1)
            return 2;
        run(count);
        fflush(stdout);
    }
    weir_pool_close(pool, 1000);
    weir_close(weir);
    if (trace != NULL && weir__trace_close(trace, 0, NULL, &error) < 0)
        die("trace", error.text);
    return 0;
}
