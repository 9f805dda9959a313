#include "config.h"

#include "flow/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/outfile.h"
#include "flow/map.h"

enum { LOOKED_AT = 64 * 1024 }; /* bytes of head and tail that go into an identity */

/* --- Identities ----------------------------------------------------------- */

/* FNV-1a, 64 bits: against mistakes, not against malice. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t length)
{
    const unsigned char *next = bytes;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ next[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
    return text != NULL ? mix(hash, text, strlen(text) + 1) : mix(hash, "\xff", 1);
}

static uint64_t mix_list(uint64_t hash, const char *const *list)
{
    for (; list != NULL && *list != NULL; list++)
        hash = mix_text(hash, *list);
    return mix(hash, "\xfe", 1);
}

static void identify_input(const struct weir_map *map, const struct stat *file, char *text,
                           size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    off_t at[2] = {0, file->st_size > LOOKED_AT ? file->st_size - LOOKED_AT : 0};
    char bytes[LOOKED_AT];

    for (int i = 0; i < 2; i++) {
        ssize_t count = pread(map->in_fd, bytes, sizeof bytes, at[i]);

        if (count > 0)
            hash = mix(hash, bytes, (size_t)count);
    }
    snprintf(text, size, "%lld bytes, changed %lld.%09ld, %016llx", (long long)file->st_size,
             (long long)file->st_mtim.tv_sec, file->st_mtim.tv_nsec, (unsigned long long)hash);
}

/* All that decides what becomes of a record, and where. */
static void identify_work(const struct weir_map *map, char *text, size_t size)
{
    const struct weir_map_options *options = &map->options;
    const int choices[] = {options->unordered,        (int)options->retries,
                           (int)options->on_error,    options->unchecked,
                           (int)options->encoding,    options->drop_null,
                           options->command.env_clear};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    hash = mix_list(hash, (const char *const *)map->argv);
    hash = mix_list(hash, options->command.env);
    hash = mix_list(hash, options->command.env_pass);
    hash = mix_text(hash, options->command.cwd);
    if (options->call != NULL)
        hash = mix_text(hash, options->call);
    hash = mix_text(hash, options->output);
    hash = mix_text(hash, options->dead_letter);
    hash = mix(hash, choices, sizeof choices);
    hash = mix(hash, &options->max_record, sizeof options->max_record);
    snprintf(text, size, "%016llx", (unsigned long long)hash);
}

/* --- The file ------------------------------------------------------------- */

static uint64_t number(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

static void refuse(struct weir_map *map, const char *why)
{
    weir__map_end(map, 6, WEIR_WHY_NONE, "%s: %s", map->options.checkpoint, why);
}

static int same(const json_t *object, const char *key, const char *text)
{
    const char *there = json_string_value(json_object_get(object, key));

    return there != NULL && strcmp(there, text) == 0;
}

static void take_numbers(struct weir_map *map, const json_t *root)
{
    struct weir__order *order = &map->order;
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
        .blank = number(root, "blank"),
    };
    map->resume_bytes = number(root, "bytes_out");
    map->resume_letters = number(root, "letters");
    map->ahead = calloc(json_array_size(ahead) + 1, sizeof *map->ahead);
    for (size_t i = 0; map->ahead != NULL && i < json_array_size(ahead); i++)
        map->ahead[map->ahead_count++] = (uint64_t)json_integer_value(json_array_get(ahead, i));
    map->report.answered = order->tally.answered;
    map->report.dropped = order->tally.dropped;
    map->report.dead = order->tally.dead;
    map->report.invalid = order->tally.invalid;
    map->report.oversize = order->tally.oversize;
}

/* Opens the checkpoint, or makes an empty one.  Returns a descriptor, or -1 with errno. */
static int open_or_make(struct weir_map *map)
{
    const char *path = map->options.checkpoint;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    map->checkpoint_is_new = fd < 0 && errno == ENOENT;
    return map->checkpoint_is_new ? open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0666) : fd;
}

/* Whoever saves puts another file in its place: what is locked must still be the
 * one that has the name. */
static int has_the_name(int fd, const char *path)
{
    struct stat locked, named;

    return fstat(fd, &locked) == 0 && stat(path, &named) == 0 && locked.st_dev == named.st_dev
           && locked.st_ino == named.st_ino;
}

/* Returns 0 also where somebody else has it: then the map ends with status 6. */
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
            refuse(map, "another weir map is at work with it");
            return 0;
        }
        if (has_the_name(fd, path)) {
            map->checkpoint_fd = fd;
            weir__outfile_sweep(path);
            return 0;
        }
        weir__close(&fd);
    }
}

void weir__checkpoint_close(struct weir_map *map)
{
    if (map->checkpoint_fd >= 0 && map->checkpoint_is_new)
        unlink(map->options.checkpoint);
    weir__close(&map->checkpoint_fd);
}

static int read_file(struct weir_map *map, struct weir_error *error)
{
    const char *path = map->options.checkpoint;
    json_error_t fault;
    json_t *root = json_loadfd(map->checkpoint_fd, 0, &fault);

    if (root == NULL && lseek(map->checkpoint_fd, 0, SEEK_END) == 0)
        return 0; /* empty: nothing was saved */
    if (root == NULL)
        return weir__fail(error, WEIR_ERR_SYSTEM, 0, "cannot read the checkpoint %s: %s", path,
                          fault.text);
    if (!json_is_integer(json_object_get(root, "weir")) || !same(root, "kind", "map-checkpoint"))
        refuse(map, "it is no checkpoint: give another name");
    else if (!same(root, "input", map->input_identity))
        refuse(map, "the input has changed since: remove the checkpoint to begin again");
    else if (!same(root, "work", map->work_identity))
        refuse(map, "the command has changed since: remove the checkpoint to begin again");
    else
        take_numbers(map, root);
    map->resumes = map->end.status == 0;
    map->was_finished = map->resumes && json_is_true(json_object_get(root, "finished"));
    map->was_status = (int)number(root, "status");
    json_decref(root);
    return 0;
}

int weir__checkpoint_load(struct weir_map *map, struct weir_error *error)
{
    struct stat file;
    int status;

    if (fstat(map->in_fd, &file) < 0 || !S_ISREG(file.st_mode))
        return weir__fail(
            error, WEIR_ERR_INVALID, 0,
            "a checkpoint needs a regular file as input: a pipe cannot be read again");
    identify_input(map, &file, map->input_identity, sizeof map->input_identity);
    identify_work(map, map->work_identity, sizeof map->work_identity);
    status = lock(map, error);
    if (status == 0 && map->end.status == 0)
        status = read_file(map, error);
    return status;
}

int weir__checkpoint_open(struct weir_map *map, const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | (map->resumes ? 0 : O_CREAT), 0666);

    if (fd < 0 && errno == ENOENT && map->resumes)
        weir__map_end(map, 6, WEIR_WHY_NONE,
                      "%s is gone, and the checkpoint speaks of it: remove the checkpoint to begin "
                      "again",
                      path);
    return fd;
}

/* Whether a file has what the checkpoint speaks of; else the map ends with 6. */
static int is_long_enough(struct weir_map *map, int fd, uint64_t length, const char *what)
{
    struct stat file;

    if (fstat(fd, &file) == 0 && (uint64_t)file.st_size >= length)
        return 1;
    weir__map_end(map, 6, WEIR_WHY_NONE,
                  "%s is shorter than the checkpoint says: it has been changed, or emptied by "
                  "the shell's \">\": use --output, and remove the checkpoint to begin again",
                  what);
    return 0;
}

static int cut(int fd, uint64_t length, const char *what, struct weir_error *error)
{
    if (ftruncate(fd, (off_t)length) < 0 || lseek(fd, (off_t)length, SEEK_SET) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot go on in %s", what);
    return 0;
}

int weir__checkpoint_resume(struct weir_map *map, struct weir_error *error)
{
    static const char output[] = "the output", letters[] = "the dead-letter file";
    struct weir__order *order = &map->order;
    struct stat file;
    int status;

    if (fstat(map->out_fd, &file) < 0 || !S_ISREG(file.st_mode))
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "a checkpoint needs a regular file as output: give --output FILE");
    if (!map->resumes && map->options.output == NULL && file.st_size > 0)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the output has something in it already, which would be lost: give "
                          "--output FILE");
    if (map->letters_fd >= 0 && (fstat(map->letters_fd, &file) < 0 || !S_ISREG(file.st_mode)))
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "a checkpoint needs a regular file for dead letters");
    if (flock(map->out_fd, LOCK_EX | LOCK_NB) < 0) {
        refuse(map, "another weir map is at work on the same output");
        return 0;
    }
    if (!is_long_enough(map, map->out_fd, map->resume_bytes, output)
        || (map->letters_fd >= 0
            && !is_long_enough(map, map->letters_fd, map->resume_letters, letters)))
        return 0; /* before either is cut */
    status = cut(map->out_fd, map->resume_bytes, output, error);
    if (status == 0 && map->letters_fd >= 0)
        status = cut(map->letters_fd, map->resume_letters, letters, error);
    if (status < 0)
        return status;
    if (lseek(map->in_fd, (off_t)order->next_offset, SEEK_SET) < 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot go on in the input");
    map->records.seq = order->next;
    map->records.line = order->next_line;
    map->records.offset = map->records.bytes_in = order->next_offset;
    map->records.blank = order->tally.blank;
    map->letters_written = map->resume_letters;
    return 0;
}

static json_t *list_ahead(const struct weir_map *map)
{
    json_t *list = json_array();

    if (map->order.ordered)
        return list;
    for (uint64_t seq = map->order.next; seq < map->records.seq; seq++)
        if (weir__order_has(&map->order, seq))
            json_array_append_new(list, json_integer((json_int_t)seq));
    /* What an earlier run had settled, and this one has not come to again. */
    for (size_t i = 0; i < map->ahead_count; i++)
        if (map->ahead[i] >= map->records.seq)
            json_array_append_new(list, json_integer((json_int_t)map->ahead[i]));
    return list;
}

/* Locks the file that is to be the checkpoint, on a descriptor that stays.
 * Returns 0, or an errno. */
static int lock_next(const struct weir__outfile *file, int *fd)
{
    *fd = fcntl(file->fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return *fd < 0 || flock(*fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
}

int weir__checkpoint_save(struct weir_map *map, int finished, int status)
{
    const struct weir__order *order = &map->order;
    const struct weir__tally *tally = &order->tally;
    struct weir__outfile file;
    struct weir_error error;
    json_t *root;
    char *text;
    int failed = 0, new_fd = -1;

    if (fsync(map->out_fd) < 0 || (map->letters_fd >= 0 && fsync(map->letters_fd) < 0))
        return errno;
    root = json_pack(
        "{s:i,s:s,s:s,s:s,s:b,s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "weir", 1,
        "kind", "map-checkpoint", "input", map->input_identity, "work", map->work_identity,
        "finished", finished, "status", status, "seq", (json_int_t)order->next, "line",
        (json_int_t)order->next_line, "offset", (json_int_t)order->next_offset, "records_out",
        (json_int_t)tally->records_out, "bytes_out", (json_int_t)tally->bytes_out, "letters",
        (json_int_t)map->letters_written, "answered", (json_int_t)tally->answered, "dropped",
        (json_int_t)tally->dropped, "dead", (json_int_t)tally->dead, "invalid",
        (json_int_t)tally->invalid, "oversize", (json_int_t)tally->oversize, "blank",
        (json_int_t)tally->blank, "ahead", list_ahead(map));
    text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (text == NULL)
        return ENOMEM;
    if (weir__outfile_open(&file, map->options.checkpoint, &error) < 0) {
        failed = error.sys_errno;
    } else {
        failed = weir__write_all(file.fd, text, strlen(text));
        if (failed == 0)
            failed = weir__write_all(file.fd, "\n", 1);
        if (failed == 0)
            failed = lock_next(&file, &new_fd);
        if (failed != 0)
            weir__outfile_discard(&file);
        else if (weir__outfile_commit(&file, &error) < 0)
            failed = error.sys_errno;
    }
    free(text);
    if (failed != 0) {
        weir__close(&new_fd);
        return failed;
    }
    weir__close(&map->checkpoint_fd); /* its name is another file's by now */
    map->checkpoint_fd = new_fd;
    map->checkpoint_is_new = 0;
    return 0;
}

int weir__checkpoint_has(const struct weir_map *map, uint64_t seq)
{
    size_t low = 0, high = map->ahead_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (map->ahead[middle] < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low < map->ahead_count && map->ahead[low] == seq;
}
