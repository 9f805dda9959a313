/* embed - a program with weir inside: three ways to run others.
 *
 *   1. one program, waited for
 *   2. a pipeline, waited for, with a verdict
 *   3. programs that run beside the loop of a host that polls for itself
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir/weir.h>

/* --- 1. One program --------------------------------------------------------- */

static int run_one(weir_t *weir)
{
    const char *argv[] = {"sort", "-u", NULL};
    struct weir_command command;
    struct weir_run_options options;
    struct weir_result result;
    struct weir_error error;

    weir_command_init(&command);
    command.argv = argv;
    weir_run_options_init(&options);
    options.timeout_ms = 10000;
    options.input = WEIR_INPUT_BYTES;
    options.input_bytes = "pear\napple\npear\n";
    options.input_length = strlen(options.input_bytes);
    if (weir_run(weir, &command, &options, &result, &error) < 0) {
        fprintf(stderr, "embed: %s\n", error.text);
        return -1;
    }
    printf("1. sort exited with %d and wrote:\n%s", result.code, result.out.text);
    weir_result_clear(&result);
    return 0;
}

/* --- 2. A pipeline ----------------------------------------------------------- */

static int run_pipeline(weir_t *weir)
{
    static const char *const lines[] = {"yes ho", "head -3", "sh -c 'cat; exit 3'"};
    weir_pipeline_t *pipeline = weir_pipeline_new();
    struct weir_pipeline_report report;
    struct weir_error error;
    int status = pipeline != NULL ? 0 : WEIR_ERR_NOMEM;

    for (size_t i = 0; i < sizeof lines / sizeof lines[0] && status == 0; i++)
        status = weir_pipeline_add_line(pipeline, lines[i], NULL, &error);
    printf("2. a pipeline writes for itself:\n");
    fflush(stdout); /* the last stage's stdout is ours */
    if (status == 0)
        status = weir_pipeline_run(weir, pipeline, &report, &error);
    if (status < 0) {
        fprintf(stderr, "embed: %s\n", status == WEIR_ERR_NOMEM ? "no memory" : error.text);
    } else {
        if (!report.ok)
            printf("   status %d: %s %s\n", report.status, report.stages[report.decided_by].name,
                   report.reason);
        for (size_t i = 0; i < report.stage_count; i++) {
            char sentence[100];

            weir_result_sentence(&report.stages[i].result, sentence, sizeof sentence);
            printf("   %s: %s%s\n", report.stages[i].name, sentence,
                   report.stages[i].forgiven ? " (forgiven)" : "");
        }
        weir_pipeline_report_clear(&report);
    }
    weir_pipeline_free(pipeline);
    return status;
}

/* --- 3. Beside the host's own loop -------------------------------------------- */

struct host {
    int running; /* programs that have not ended */
    int beats;   /* of its own timer, meanwhile */
};

static void program_ended(weir_run_t *run, const struct weir_result *result,
                          const struct weir_error *error, void *context)
{
    struct host *host = context;
    char sentence[200];

    if (error != NULL) {
        printf("   weir failed: %s\n", error->text);
    } else {
        weir_result_sentence(result, sentence, sizeof sentence);
        printf("   %s: %s\n", result->argv[0], sentence);
    }
    host->running--;
    weir_run_free(run);
}

static void start(weir_t *weir, struct host *host, const char *const *argv, int64_t timeout_ms)
{
    struct weir_command command;
    struct weir_run_options options;
    struct weir_error error;

    weir_command_init(&command);
    command.argv = argv;
    weir_run_options_init(&options);
    options.timeout_ms = timeout_ms;
    if (weir_run_start(weir, &command, &options, program_ended, host, &error) != NULL)
        host->running++;
    else
        fprintf(stderr, "embed: %s\n", error.text);
}

/* The host's own source of events: a process that writes into a pipe would do,
 * a timer, a window system.  Here it is a pipe that the host fills itself. */
static int loop(weir_t *weir)
{
    static const char *const slow[] = {"sleep", "60", NULL};
    static const char *const quick[] = {"sh", "-c", "sleep 0.2; exit 7", NULL};
    static const char *const absent[] = {"no-such-program", NULL};
    struct host host = {0, 0};
    int own[2];

    if (pipe(own) < 0)
        return -1;
    printf("3. three programs beside a loop of our own:\n");
    start(weir, &host, slow, 500);
    start(weir, &host, quick, WEIR_FOREVER);
    start(weir, &host, absent, WEIR_FOREVER);
    if (write(own[1], "!", 1) != 1)
        return -1;
    while (host.running > 0) {
        struct pollfd watched[] = {{.fd = weir_fd(weir), .events = POLLIN},
                                   {.fd = own[0], .events = POLLIN}};
        char byte;

        /* weir's deadlines come through its descriptor, but for systems without timerfd. */
        if (poll(watched, 2, weir_timeout_ms(weir)) < 0)
            return -1;
        weir_dispatch(weir, NULL);
        if (watched[1].revents != 0 && read(own[0], &byte, 1) == 1) {
            host.beats++;
            if (host.beats < 1000 && write(own[1], "!", 1) != 1)
                return -1;
        }
    }
    printf("   and the host's own pipe was served %d times meanwhile\n", host.beats);
    close(own[0]);
    close(own[1]);
    return 0;
}

int main(void)
{
    struct weir_error error;
    weir_t *weir = weir_open(NULL, &error);
    int status;

    if (weir == NULL) {
        fprintf(stderr, "embed: %s\n", error.text);
        return EXIT_FAILURE;
    }
    status = run_one(weir);
    if (status == 0)
        status = run_pipeline(weir);
    if (status == 0)
        status = loop(weir);
    weir_close(weir);
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
