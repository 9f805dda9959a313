/* weir/each.h - run a program once for each record of a stream.
 *
 * This is a map (weir/map.h) whose workers live for one record: input, order, retries, dead
 * letters, checkpoint, report and progress are those of a map.  The command's arguments may have
 * placeholders:
 *
 *     {}     the record                      {#}     its number, from 1
 *     {.}    without its extension           {%}     the slot that runs it, from 1
 *     {/}    its base name                   {@/a/b} a member of a JSON record, by JSON Pointer:
 *     {//}   its directory                           a string as its text, anything else as JSON
 *     {/.}   its base name without extension
 *
 * Without a placeholder the record is the last argument.  Other text in braces stays as it is.
 *
 *     struct weir_map_options options;
 *     struct weir_each_options each;
 *
 *     weir_each_options_init(&each);
 *     weir_map_options_init(&options);
 *     weir_each_set_up(&options, &each);    // its defaults: lines, no retries, skip
 *     options.command = &command;           // gzip, {}
 *     options.workers = 8;
 *     if (weir_map_run(weir, &options, &report, &error) == 0)
 *         ...                               // report.slots; report.status is 1 if some failed
 *     weir_map_report_clear(&report);
 *
 * A record has failed if its program ends with a status outside ok_exits, is killed by a signal,
 * takes longer than record_timeout_ms or does not start.  It is answered if its program
 * succeeded, and dead after options.retries more failures.  Each program's output is written
 * whole when it has ended, in the order of the records unless options.unordered is set; also
 * that of a failed one, unless it is run again.
 *
 * The programs have in their environment WEIR_SEQ, the number of the record from 0, and
 * WEIR_SLOT, that of the slot from 0.
 *
 * Threads: see weir/context.h.
 */
#ifndef WEIR_EACH_H
#define WEIR_EACH_H

#include <stddef.h>
#include <stdint.h>

#include <weir/map.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is written of each program's output. */
enum weir_each_output {
    WEIR_EACH_WHOLE, /* stdout to the output and stderr to stderr_fd, once it has ended */
    WEIR_EACH_LIVE,  /* each line at once, after a tag; not with a checkpoint or WEIR_MAP_FED */
    WEIR_EACH_JSON,  /* a document a line: docs/schemas/run-report.schema.json, with seq, record
                      * and attempts */
    WEIR_EACH_FILES, /* nothing: each record has a directory in results, named by its number from
                      * 1, with the files stdout, stderr and result.json */
};

/* All strings are copied. */
struct weir_each_options {
    size_t size;         /* sizeof (struct weir_each_options); set by weir_each_options_init() */
    const char *replace; /* in place of {}; NULL: {} */
    int to_stdin;        /* the record, with its newline, is the program's stdin, and is an argument
                          * only where a placeholder asks for it. Otherwise stdin is /dev/null */
    int is_shell;        /* the last word of the command is a text for a shell, after -c: values are
                          * quoted in it */
    enum weir_each_output output; /* WEIR_EACH_WHOLE */
    const char *tag;     /* with WEIR_EACH_LIVE: before each line; may have placeholders. NULL:
                          * "{#}: " */
    const char *results; /* with WEIR_EACH_FILES: a directory, created if it does not exist */
    size_t max_output;   /* with WEIR_EACH_JSON: bytes kept of each output; 1 MiB */
    const int *ok_exits; /* statuses of success; NULL: 0 alone. Borrowed until the start returns */
    size_t ok_exit_count;
    int64_t retry_delay_ms; /* before the first retry; doubled with each, and up to a half longer
                             * at random. 0 */
    const char *hosts;      /* file with a host and its slots a line, such as "node1 4"; ":" is this
                             * machine, and # begins a comment. Each slot's programs run behind the
                             * launcher and its host's name; without a launcher that is ssh, with
                             * quoted words. workers is at most the number of slots. NULL: none */
    int dry_run;            /* start nothing: the output is the commands, quoted for a shell */

    /* Nothing starts while one of these says no. */
    int64_t delay_ms;      /* least time between two starts; 0 */
    int64_t interval_ns;   /* mean time between two starts: 1e9 over the rate; 0 */
    double max_load;       /* while the load average of one minute is above; 0: no limit */
    uint64_t memory_free;  /* while less memory is available, in bytes; 0: no limit */
    const char *jobserver; /* make's jobserver, as in --jobserver-auth: "fifo:PATH" or "R,W". Each
                            * program but one takes a token. NULL: none */
};

void weir_each_options_init_sized(struct weir_each_options *options, size_t size);
#define weir_each_options_init(options) weir_each_options_init_sized((options), sizeof *(options))

/* Makes an initialised map run a program for each record: sets each (borrowed until the start
 * returns), and the defaults that differ: format WEIR_MAP_LINE, retries 0, on_error
 * WEIR_MAP_SKIP. */
void weir_each_set_up(struct weir_map_options *options, const struct weir_each_options *each);

#ifdef __cplusplus
}
#endif
#endif
