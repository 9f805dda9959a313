#include "config.h"

#include "map/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_parse.h"
#include "base/json_writer.h"
#include "base/atomic_file.h"
#include "map/map.h"

enum {
    SAVE_MS = 500,   /* time between two checkpoints */
    SAVE_SHARE = 30, /* or this many times the duration of the last save, if less */
};

/* --- The file ------------------------------------------------------------- */

static uint64_t number(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

static void refuse(struct weir_map *map, const char *why)
{
    weir__map_end(map, 6, WEIR_STOP_NONE, "%s: %s", map->options.checkpoint, why);
}

static int same(const json_t *object, const char *key, const char *text)
{
    const char *there = json_string_value(json_object_get(object, key));

    return there != NULL && strcmp(there, text) == 0;
}

static int take_numbers(struct weir_map *map, const json_t *root)
{
    struct weir__reorder *order = &map->reorder;
    const json_t *ahead = json_object_get(root, "ahead");

    order->next = number(root, "seq");
    order->next_line = number(root, "line");
    order->next_offset = number(root, "offset");
    order->tally = (struct weir__tally){
        .records_out = number(root, "records_out"),
        .bytes_out = number(root, "bytes_out"),
        .answered = number(root, "answered"),
        .dropped = number(root, "dropped"),
        .dead = number(root, "dead"),
        .invalid = number(root, "invalid"),
        .oversize = number(root, "oversize"),
        .missing = number(root, "missing"),
        .blank = number(root, "blank"),
    };
    map->checkpoint.output_length = number(root, "bytes_out");
    map->checkpoint.letters_length = number(root, "letters");
    map->checkpoint.ahead = calloc(json_array_size(ahead) + 1, sizeof *map->checkpoint.ahead);
    if (map->checkpoint.ahead == NULL)
        return WEIR_ERR_NOMEM;
    for (size_t i = 0; i < json_array_size(ahead); i++)
        map->checkpoint.ahead[map->checkpoint.ahead_count++] =
            (uint64_t)json_integer_value(json_array_get(ahead, i));
    map->report.answered = order->tally.answered;
    map->report.dropped = order->tally.dropped;
    map->report.dead = order->tally.dead;
    map->report.invalid = order->tally.invalid;
    map->report.oversize = order->tally.oversize;
    map->report.missing = order->tally.missing;
    return 0;
}

/* Opens the checkpoint or creates an empty one. Returns a descriptor, or -1 with errno. */
static int open_or_make(struct weir_map *map)
{
    const char *path = map->options.checkpoint;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    map->checkpoint.is_new = fd < 0 && errno == ENOENT;
    return map->checkpoint.is_new ? open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0666) : fd;
}

/* A save replaces the file: the locked file must still be the one with the name. */
static int has_the_name(int fd, const char *path)
{
    struct stat locked, named;

    return fstat(fd, &locked) == 0 && stat(path, &named) == 0 && locked.st_dev == named.st_dev
           && locked.st_ino == named.st_ino;
}

/* Also returns 0 if another process holds the lock: the map then ends with status 6. */
static int lock(struct weir_map *map, struct weir_error *error)
{
    const char *path = map->options.checkpoint;
    struct stat file;

    for (;;) {
        int fd = open_or_make(map);

        if (fd < 0 || weir__fd_above_stdio(&fd, NULL) < 0)
            return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot open the checkpoint %s", path);
        if (fstat(fd, &file) == 0 && !S_ISREG(file.st_mode)) {
            weir__close(&fd);
            return weir__fail(error, WEIR_ERR_INVALID, 0,
                              "the checkpoint %s must be a regular file", path);
        }
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            weir__close(&fd);
            refuse(map, "another weir map uses it");
            return 0;
        }
        if (has_the_name(fd, path)) {
            map->checkpoint.fd = fd;
            weir__atomic_file_sweep(path);
            return 0;
        }
        weir__close(&fd);
    }
}

void weir__checkpoint_close(struct weir_map *map)
{
    if (map->checkpoint.fd >= 0 && map->checkpoint.is_new)
        unlink(map->options.checkpoint);
    weir__close(&map->checkpoint.fd);
    free(map->checkpoint.ahead);
    map->checkpoint.ahead = NULL;
    free(map->checkpoint.first);
    map->checkpoint.first = NULL;
    map->checkpoint.ahead_count = 0;
}

/* Returns 0 or an errno value. */
static int read_bytes(int fd, struct weir__buffer *text)
{
    struct stat file;
    ssize_t count;

    if (fstat(fd, &file) < 0)
        return errno;
    if (weir__buffer_reserve(text, (size_t)file.st_size + 1, NULL) < 0)
        return ENOMEM;
    do {
        count = pread(fd, text->bytes + text->length, text->capacity - text->length,
                      (off_t)text->length);
        if (count > 0)
            text->length += (size_t)count;
    } while ((count > 0 && text->length < text->capacity) || (count < 0 && errno == EINTR));
    return count < 0 ? errno : 0;
}

static int read_file(struct weir_map *map, struct weir_error *error)
{
    const char *path = map->options.checkpoint;
    struct weir__buffer text = {0};
    int failed = read_bytes(map->checkpoint.fd, &text), is_empty = text.length == 0;
    json_error_t fault;
    json_t *root;
    int status = 0;

    if (failed != 0) {
        weir__buffer_clear(&text);
        return weir__fail(error, failed == ENOMEM ? WEIR_ERR_NOMEM : WEIR_ERR_SYSTEM, failed,
                          "cannot read the checkpoint %s", path);
    }
    root = weir__json_parse(text.bytes, text.length, 0, &fault);
    weir__buffer_clear(&text);
    if (is_empty)
        return 0; /* nothing was saved */
    if (root == NULL)
        return weir__fail(error,
                          json_error_code(&fault) == json_error_out_of_memory ? WEIR_ERR_NOMEM
                                                                              : WEIR_ERR_SYSTEM,
                          0, "cannot read the checkpoint %s: %s", path, fault.text);
    if (!json_is_integer(json_object_get(root, "weir")) || !same(root, "kind", "map-checkpoint"))
        refuse(map, "it is not a checkpoint: choose another name");
    else if (!same(root, "input", map->checkpoint.input_identity))
        refuse(map, "the input has changed: remove the checkpoint to start over");
    else if (!same(root, "work", map->checkpoint.work_identity))
        refuse(map, "the command or its options have changed: use the same ones, or remove the "
                    "checkpoint to start over");
    else if (number(root, "untrusted_line") > 0)
        weir__map_end(map, 6, WEIR_STOP_NONE,
                      "%s: a worker got out of step: the output from the record in line %llu on "
                      "cannot be trusted: remove the checkpoint to start over",
                      path, (unsigned long long)number(root, "untrusted_line"));
    else
        status = take_numbers(map, root);
    map->checkpoint.resumes = map->end.status == 0;
    map->checkpoint.was_finished =
        map->checkpoint.resumes && json_is_true(json_object_get(root, "finished"));
    json_decref(root);
    if (status < 0)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for the checkpoint %s", path);
    return 0;
}

int weir__checkpoint_load(struct weir_map *map, struct weir_error *error)
{
    struct stat file;
    int status;

    if (fstat(map->in.fd, &file) < 0 || !S_ISREG(file.st_mode))
        return weir__fail(
            error, WEIR_ERR_INVALID, 0,
            "a checkpoint needs a regular file as input: a pipe cannot be read again");
    weir__checkpoint_identify(map, &file);
    status = lock(map, error);
    if (status == 0 && map->end.status == 0)
        status = read_file(map, error);
    return status;
}

int weir__checkpoint_open(struct weir_map *map, const char *path)
{
    int resumes = map->checkpoint.resumes;
    int fd = open(path, O_RDWR | O_CLOEXEC | (resumes ? 0 : O_CREAT), 0666);

    if (fd < 0 && errno == ENOENT && resumes)
        weir__map_end(
            map, 6, WEIR_STOP_NONE,
            "%s is missing, but the checkpoint refers to it: remove the checkpoint to start over",
            path);
    return fd;
}

/* Whether a file is as long as the checkpoint says; otherwise the map ends with status 6. */
static int is_long_enough(struct weir_map *map, int fd, uint64_t length, const char *what)
{
    struct stat file;

    if (fstat(fd, &file) == 0 && (uint64_t)file.st_size >= length)
        return 1;
    weir__map_end(map, 6, WEIR_STOP_NONE,
                  "%s is shorter than the checkpoint says: it has been changed, or emptied by "
                  "the shell's \">\": use --output, and remove the checkpoint to start over",
                  what);
    return 0;
}

static int cut(int fd, uint64_t length, const char *what, struct weir_error *error)
{
    if (ftruncate(fd, (off_t)length) < 0 || lseek(fd, (off_t)length, SEEK_SET) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot resume in %s", what);
    return 0;
}

/* Writes the records that settled ahead of the next one. */
static void write_ahead(struct weir__json_writer *json, const struct weir_map *map)
{
    if (map->reorder.ordered)
        return;
    for (uint64_t seq = map->reorder.next; seq < map->in.reader.seq; seq++)
        if (weir__reorder_has(&map->reorder, seq))
            weir__json_integer(json, NULL, (int64_t)seq);
    /* Records that an earlier run settled and this one has not reached yet. */
    for (size_t i = 0; i < map->checkpoint.ahead_count; i++)
        if (map->checkpoint.ahead[i] >= map->in.reader.seq)
            weir__json_integer(json, NULL, (int64_t)map->checkpoint.ahead[i]);
}

static char *make_text(const struct weir_map *map, int finished, int status, size_t *length)
{
    const struct weir__reorder *order = &map->reorder;
    const struct weir__tally *tally = &order->tally;
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {
        {"seq", order->next},
        {"line", order->next_line},
        {"offset", order->next_offset},
        {"records_out", tally->records_out},
        {"bytes_out", tally->bytes_out},
        {"letters", map->out.letters.length},
        {"answered", tally->answered},
        {"dropped", tally->dropped},
        {"dead", tally->dead},
        {"invalid", tally->invalid},
        {"oversize", tally->oversize},
        {"missing", tally->missing},
        {"blank", tally->blank},
        {"untrusted_line", map->end.untrusted_line},
    };
    struct weir__json_writer json = {0};

    weir__json_open(&json, NULL, '{');
    weir__json_integer(&json, "weir", 1);
    weir__json_string(&json, "kind", "map-checkpoint");
    weir__json_string(&json, "input", map->checkpoint.input_identity);
    weir__json_string(&json, "work", map->checkpoint.work_identity);
    weir__json_boolean(&json, "finished", finished);
    weir__json_integer(&json, "status", status);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        weir__json_integer(&json, numbers[i].key, (int64_t)numbers[i].value);
    weir__json_open(&json, "ahead", '[');
    write_ahead(&json, map);
    weir__json_close(&json, ']');
    weir__json_close(&json, '}');
    return weir__json_take(&json, length);
}

/* Prepares what to save before the first dead letter: the length of the file. */
static int keep_first(struct weir_map *map, struct weir_error *error)
{
    size_t length;

    map->checkpoint.first = make_text(map, 0, 0, &length);
    return map->checkpoint.first != NULL
               ? 0
               : weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a checkpoint");
}

int weir__checkpoint_resume(struct weir_map *map, struct weir_error *error)
{
    static const char output[] = "the output", letters[] = "the dead-letter file";
    struct weir__reorder *order = &map->reorder;
    struct stat file;
    int status;

    if (fstat(map->out.fd, &file) < 0 || !S_ISREG(file.st_mode))
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "a checkpoint needs a regular file as output: give --output FILE");
    if (!map->checkpoint.resumes && map->options.output == NULL && file.st_size > 0)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the output is not empty, and its contents would be lost: give "
                          "--output FILE");
    if (flock(map->out.fd, LOCK_EX | LOCK_NB) < 0) {
        refuse(map, "another weir map uses the same output");
        return 0;
    }
    if (!map->checkpoint.resumes) /* existing contents stay */
        map->checkpoint.letters_length = map->out.letters.length;
    if (!is_long_enough(map, map->out.fd, map->checkpoint.output_length, output)
        || (map->out.letters.fd >= 0
            && !is_long_enough(map, map->out.letters.fd, map->checkpoint.letters_length, letters)))
        return 0; /* before either file is cut */
    status = cut(map->out.fd, map->checkpoint.output_length, output, error);
    if (status == 0 && map->out.letters.fd >= 0)
        status = cut(map->out.letters.fd, map->checkpoint.letters_length, letters, error);
    if (status < 0)
        return status;
    if (lseek(map->in.fd, (off_t)order->next_offset, SEEK_SET) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot resume in the input");
    map->in.reader.seq = order->next;
    map->in.reader.line = order->next_line;
    map->in.reader.offset = map->in.reader.bytes_in = order->next_offset;
    map->in.reader.blank = order->tally.blank;
    map->out.letters.length = map->checkpoint.letters_length;
    return map->checkpoint.resumes || map->out.letters.fd < 0 ? 0 : keep_first(map, error);
}

/* Locks the file that will become the checkpoint, on a descriptor that stays open. Returns 0 or
 * an errno value. */
static int lock_next(const struct weir__atomic_file *file, int *fd)
{
    *fd = fcntl(file->fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return *fd < 0 || flock(*fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
}

/* Returns 0 or an errno value. */
static int write_text(struct weir_map *map, const char *text, size_t length)
{
    struct weir__patience at_once = weir__patience_of(0); /* it is a regular file */
    struct weir__atomic_file file;
    struct weir_error error;
    int failed = 0, new_fd = -1;

    if (weir__atomic_file_open(&file, map->options.checkpoint, &at_once, &error) < 0) {
        failed = error.sys_errno != 0 ? error.sys_errno : ENOMEM;
    } else {
        failed = weir__write_all(file.fd, text, length);
        if (failed == 0)
            failed = weir__write_all(file.fd, "\n", 1);
        if (failed == 0)
            failed = lock_next(&file, &new_fd);
        if (failed != 0)
            weir__atomic_file_discard(&file);
        else if (weir__atomic_file_commit(&file, &error) < 0)
            failed = error.sys_errno != 0 ? error.sys_errno : ENOMEM;
    }
    if (failed != 0) {
        weir__close(&new_fd);
        return failed;
    }
    weir__close(&map->checkpoint.fd); /* the name now belongs to another file */
    map->checkpoint.fd = new_fd;
    map->checkpoint.is_new = 0;
    free(map->checkpoint.first);
    map->checkpoint.first = NULL;
    return 0;
}

/* Returns 0 or an errno value. */
static int write_file(struct weir_map *map, int finished, int status)
{
    size_t length;
    char *text;
    int failed;

    if (fsync(map->out.fd) < 0 || (map->out.letters.fd >= 0 && fsync(map->out.letters.fd) < 0))
        return errno;
    text = make_text(map, finished, status, &length);
    if (text == NULL)
        return ENOMEM;
    failed = write_text(map, text, length);
    free(text);
    return failed;
}

int weir__checkpoint_save_first(struct weir_map *map)
{
    const char *first = map->checkpoint.first;

    return first == NULL ? 0 : write_text(map, first, strlen(first));
}

/* Records settled, plus one. */
static uint64_t count_settled(const struct weir_map *map)
{
    return map->report.answered + map->report.dropped + map->report.dead + 1;
}

int weir__checkpoint_is_stale(const struct weir_map *map, int finished)
{
    return map->options.checkpoint != NULL && map->out.fd >= 0 && map->end.status != 6
           && (finished || map->end.untrusted_line != 0
               || count_settled(map) != map->checkpoint.settled_saved);
}

void weir__checkpoint_save(struct weir_map *map, int finished)
{
    struct weir__checkpoint *checkpoint = &map->checkpoint;
    int64_t began_ns = weir__clock_ns(), pause_ns;
    int failed = write_file(map, finished, map->report.dead > 0);

    pause_ns = (weir__clock_ns() - began_ns) * SAVE_SHARE;
    if (began_ns + pause_ns < checkpoint->save_again_ns)
        checkpoint->save_again_ns = began_ns + pause_ns;
    if (failed == 0)
        checkpoint->settled_saved = count_settled(map);
    else
        weir__map_end(map, 5, WEIR_STOP_NONE, "cannot save the checkpoint %s: %s",
                      map->options.checkpoint, strerror(failed));
}

int weir__checkpoint_is_due(struct weir_map *map, int64_t now_ns)
{
    if (now_ns < map->checkpoint.save_again_ns)
        return 0;
    map->checkpoint.save_again_ns = now_ns + (int64_t)SAVE_MS * 1000000;
    return 1;
}

int weir__checkpoint_has(const struct weir_map *map, uint64_t seq)
{
    size_t low = 0, high = map->checkpoint.ahead_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (map->checkpoint.ahead[middle] < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low < map->checkpoint.ahead_count && map->checkpoint.ahead[low] == seq;
}
