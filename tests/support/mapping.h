/* support/mapping.h - what tests of maps say over and over: input from memory,
 * output and dead letters back to memory, the accounts checked. */
#ifndef WEIR_TESTS_MAPPING_H
#define WEIR_TESTS_MAPPING_H

#include <weir/map.h>

#include "base/buffer.h"

/* What came of a map.  Cleared by mapped_clear(). */
struct mapped {
    int status;  /* of weir_map_run() */
    int is_flat; /* of a record there may be any number of lines */
    struct weir_error error;
    struct weir_map_report report;
    struct weir__buffer out, letters; /* with a NUL byte behind their length */
};

/* The command of map_options(): the latest call's. */
extern struct weir_command map_command;

/* Options for two workers that run argv, silently, with dead records skipped. */
struct weir_map_options map_options(const char *const *argv);

/* argv for tests/children/map_worker with these options.  Valid until the next
 * call. */
const char *const *map_worker(const char *option, const char *value);

/* Gives the workers a fresh $MARKS in a directory of the test's own. */
void mark(struct weir_map_options *options);

/* The file $MARKS.NAME. */
const char *mark_path(const char *name);

/* Makes the file $MARKS.go. */
void open_gate(void);

void remove_marks(void);

/* Appends as printf() does. */
void add(struct weir__buffer *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Records {"n":N} for N from first on. */
void add_plain(struct weir__buffer *to, long first, long count);

/* Their replies from tests/children/map_worker. */
void add_replies(struct weir__buffer *to, long first, long count);

/* A file in memory that holds the bytes, read from its beginning. */
int memory_file(const char *bytes, size_t length);

/* All bytes of a file, from its beginning. */
void read_back(int fd, struct weir__buffer *to);

/* Maps input to memory.  Output, dead letters (where on_error asks for them) and
 * input of *options are replaced.  The accounts are checked; the test fails with
 * the reason when weir itself fails. */
struct mapped map_bytes(weir_t *weir, const struct weir_map_options *options, const char *bytes,
                        size_t length);
struct mapped map_text(weir_t *weir, const struct weir_map_options *options, const char *text);
/* The same, and clears input. */
struct mapped map_buffer(weir_t *weir, const struct weir_map_options *options,
                         struct weir__buffer *input);

/* That the report adds up, and is what the output says. */
void check_accounts(const struct mapped *mapped);

/* Whether the run ended with this status; says what it was when not. */
int ended_with(const struct mapped *mapped, int status);

/* Whether the output is just this; says where it differs. */
int out_is(const struct mapped *mapped, const char *text);

/* Whether the output is the replies to {"n":first}... as map_worker gives them. */
int out_is_replies(const struct mapped *mapped, long first, long count);

int holds_text(const struct weir__buffer *buffer, const char *text);
size_t count_lines(const struct weir__buffer *buffer);

void mapped_clear(struct mapped *mapped);

/* Does what the context has to do until done(data) says so.  Returns 1, or 0
 * when PATIENCE_MS are over. */
int dispatch_until(weir_t *weir, int (*done)(void *data), void *data);

/* For so long. */
void dispatch_for(weir_t *weir, int ms);

/* Forgets the peak of this process's memory; 0 where that cannot be done, or a
 * sanitizer makes memory meaningless. */
int memory_can_be_measured(void);

/* KiB by which memory has grown beyond what it was then, at most. */
long peak_growth_kb(void);

enum { KB = 1024, MB = 1024 * 1024, GB = 1024 * 1024 * 1024 };

/* Replies of 1,000 bytes that a map takes while no process reads it: 256 KiB of its own. */
enum { HELD = 250 };

/* A map that runs while the test does something else. */
struct running_map {
    weir_t *weir;
    weir_map_t *map;
    int out[2];      /* a pipe, or a file in memory at both */
    uint64_t wanted; /* of records, for await_map_settled() */
};

/* Starts a map of these bytes, with its output in a pipe.  Give it to finish_map(). */
struct running_map start_map(const struct weir_map_options *given, const char *bytes,
                             size_t length);

/* The same, and clears input. */
struct running_map start_map_buffer(const struct weir_map_options *options,
                                    struct weir__buffer *input);

/* Waits until the map has settled this many records.  Returns 1, or 0 after PATIENCE_MS. */
int await_map_settled(struct running_map *running, uint64_t count);

/* Whether a running map has come to rest: for dispatch_until(). */
int map_takes_no_more(void *data);

/* Reads what comes until the end of the output, then ends the run. */
struct mapped finish_map(struct running_map *running);

/* Adds begin, length times fill, and end. */
void add_fill(struct weir__buffer *to, const char *begin, char fill, size_t length,
              const char *end);

/* Enough records of about 100 bytes that none of it fits anywhere. */
void add_much(struct weir__buffer *input, const char *first, long count);

#endif
