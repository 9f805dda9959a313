/* Probes on request, inside one process: "weir" of tests/bench/probe.py.
 *
 *     probe_contestant PROGRAM [ARGUMENT...]
 *
 * For each line "N M" on stdin it probes PROGRAM N times, M at a time, and prints the
 * nanoseconds of each on one line, on the next those beyond the program's own time, then: errors,
 * nanoseconds on the processor of this process and its spawner, and this process's KiB in memory.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/weir.h>

#include "base/clock.h"
#include "probe/probe.h"

extern char **environ;

/* What a process had of the processor; the first number of its schedstat. */
static long long busy_ns(const char *who)
{
    char path[64];
    long long ns = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%s/schedstat", who);
    file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%lld", &ns) != 1)
            ns = 0;
        fclose(file);
    }
    return ns;
}

static long resident_kb(void)
{
    long size, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file != NULL) {
        if (fscanf(file, "%ld %ld", &size, &resident) != 2)
            resident = 0;
        fclose(file);
    }
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* The pid of the spawner: it stays the only child. */
static void find_spawner(char who[16])
{
    FILE *file = fopen("/proc/thread-self/children", "re");

    strcpy(who, "0");
    if (file != NULL) {
        if (fscanf(file, "%15s", who) != 1)
            strcpy(who, "0");
        fclose(file);
    }
}

/* Waits for a probe, and ends it.  Returns whether the tool was found well, and how long
 * it ran by itself. */
static int finish(struct weir__probe *probe, const char *name, int64_t *own_ns)
{
    json_t *report = weir__probe_wait(probe, NULL) == 0 ? weir__probe_report(probe) : NULL;
    const json_t *tool = json_object_get(json_object_get(report, "tools"), name);
    const char *state = json_string_value(json_object_get(tool, "state"));
    const json_t *run = json_array_get(json_object_get(tool, "runs"), 0);
    int well = state != NULL && strcmp(state, "ok") == 0;

    *own_ns = (int64_t)(json_number_value(json_object_get(run, "wall_ms")) * 1e6);
    json_decref(report);
    weir__probe_free(probe);
    return well;
}

struct one {
    struct weir__probe *probe;
    int64_t began, ended, own_ns;
};

static void be_over(void *context)
{
    struct one *one = context;

    one->ended = weir__clock_ns();
}

static void serve(weir_t *weir, const struct weir__detector *detector, const char *spawner)
{
    const struct weir__detector *list[] = {detector};
    struct weir__probe_options options = {
        .detectors = list, .count = 1, .timeout_ms = 60000, .environment = environ};
    int count, at_a_time;

    while (scanf("%d %d", &count, &at_a_time) == 2) {
        struct one *all = calloc((size_t)count + 1, sizeof *all);
        long long before = busy_ns("self") + busy_ns(spawner);
        int errors = 0;

        for (int i = 0; all != NULL && i < count; i += at_a_time) {
            for (int j = i; j < i + at_a_time && j < count; j++) {
                all[j].began = weir__clock_ns();
                all[j].probe = weir__probe_start(weir, &options, be_over, &all[j], NULL);
            }
            for (int j = i; j < i + at_a_time && j < count; j++)
                errors +=
                    all[j].probe == NULL || !finish(all[j].probe, detector->name, &all[j].own_ns);
        }
        for (int i = 0; all != NULL && i < count; i++)
            printf("%lld ", (long long)(all[i].ended - all[i].began));
        printf("\n");
        for (int i = 0; all != NULL && i < count; i++)
            printf("%lld ", (long long)(all[i].ended - all[i].began - all[i].own_ns));
        printf("\n%d %lld %ld\n", errors, busy_ns("self") + busy_ns(spawner) - before,
               resident_kb());
        fflush(stdout);
        free(all);
    }
}

int main(int argc, char **argv)
{
    json_t *words = json_array(), *document;
    struct weir__detector *detector;
    struct weir_options options;
    struct weir_error error;
    char *text, spawner[16];
    weir_t *weir;

    for (int i = 1; i < argc; i++)
        json_array_append_new(words, json_string(argv[i]));
    document = json_pack("{s:s,s:o}", "name", "tool", "argv", words);
    text = json_dumps(document, 0);
    detector = weir__detector_parse(text, strlen(text), "command line", &error);
    weir_options_init(&options);
    options.spawner_stays_child = 1;
    weir = detector != NULL ? weir_open(&options, &error) : NULL;
    if (weir == NULL) {
        fprintf(stderr, "probe_contestant: %s\n", error.text);
        return 1;
    }
    find_spawner(spawner);
    serve(weir, detector, spawner);
    weir_close(weir);
    weir__detector_free(detector);
    free(text);
    json_decref(document);
    return 0;
}
