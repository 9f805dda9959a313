/* The output of programs that run for one record: kept, made a document, written in turn. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/json_writer.h"
#include "map/each.h"
#include "map/map.h"
#include "proc/result_json.h"

enum { LONGEST_LINE = 64 * 1024 }; /* live: what is longer is cut */

/* --- Bytes ------------------------------------------------------------------- */

static void no_memory(struct weir_map *map)
{
    struct weir_error error;

    weir__fail(&error, WEIR_ERR_NOMEM, 0, "no memory for an output");
    weir__map_fail(map, &error);
}

static void spool(struct weir_map *map, struct weir__spooled *output, const char *bytes,
                  size_t length)
{
    int failed = weir__spooled_add(output, &map->each->spool, bytes, length);

    if (failed != 0) {
        weir__map_end(map, 5, WEIR_STOP_NONE,
                      "cannot keep the output of a program: %s: free space in $TMPDIR",
                      strerror(failed));
        map->changed(map);
    }
}

/* Keeps head and tail, as proc/capture.h does. Errors: NOMEM. */
static int keep(struct weir__each_job *job, size_t most, const char *bytes, size_t length)
{
    size_t head = most / 2, ring = most - head;

    while (length > 0) {
        size_t at = job->kept.length, now = most - at;

        if (at < most) {
            now = length < now ? length : now;
            if (weir__buffer_add(&job->kept, bytes, now, NULL) < 0)
                return WEIR_ERR_NOMEM;
        } else {
            at = (size_t)((job->out_total - head) % ring);
            now = length < ring - at ? length : ring - at;
            memcpy(job->kept.bytes + head + at, bytes, now);
        }
        job->out_total += now;
        bytes += now;
        length -= now;
    }
    return 0;
}

/* Writes one line, with its tag. */
static void emit(struct weir__map_worker *worker, int is_err, const char *line, size_t length)
{
    struct weir_map *map = worker->map;
    const struct weir__buffer *tag = &worker->each->tag;
    struct weir__buffer *to = is_err ? &map->scratch : &map->out.replies;
    int status;

    if (is_err)
        to->length = 0;
    status = weir__buffer_reserve(to, tag->length + length + 1, NULL);
    if (status < 0) {
        no_memory(map);
        return;
    }
    if (tag->length > 0)
        weir__buffer_add(to, tag->bytes, tag->length, NULL);
    if (length > 0)
        weir__buffer_add(to, line, length, NULL);
    weir__buffer_add(to, "\n", 1, NULL);
    if (is_err)
        weir__stderr_source_take(&map->each->source, to->bytes, to->length);
    else
        map->reorder.tally.bytes_out += tag->length + length + 1;
}

/* Emits the lines that are complete; begun has an incomplete one. */
static void cut_lines(struct weir__map_worker *worker, int is_err, struct weir__buffer *begun,
                      const char *bytes, size_t length)
{
    while (length > 0) {
        const char *lf = memchr(bytes, '\n', length);
        size_t now = lf != NULL ? (size_t)(lf - bytes) : length;

        if (now > LONGEST_LINE - begun->length) {
            now = LONGEST_LINE - begun->length;
            lf = NULL;
        }
        if (begun->length == 0 && lf != NULL) {
            emit(worker, is_err, bytes, now);
        } else {
            if (now > 0 && weir__buffer_add(begun, bytes, now, NULL) < 0) {
                no_memory(worker->map);
                return;
            }
            if (lf != NULL || begun->length == LONGEST_LINE) {
                emit(worker, is_err, begun->bytes, begun->length);
                begun->length = 0;
            }
        }
        bytes += now + (lf != NULL);
        length -= now + (lf != NULL);
    }
}

void weir__each_out_came(struct weir__map_worker *worker, const char *bytes, size_t length)
{
    struct weir_map *map = worker->map;
    struct weir__each_job *job = worker->each;

    switch (map->each->options.output) {
    case WEIR_EACH_LIVE:
        if (map->out.failed)
            break;
        cut_lines(worker, 0, &job->outputs->out.bytes, bytes, length);
        map->changed(map);
        break;
    case WEIR_EACH_JSON:
        if (keep(job, map->each->options.max_output, bytes, length) < 0)
            no_memory(map);
        break;
    case WEIR_EACH_WHOLE:
    case WEIR_EACH_FILES:
        spool(map, &job->outputs->out, bytes, length);
        break;
    }
}

void weir__each_err_came(struct weir__map_worker *worker, const char *bytes, size_t length)
{
    struct weir_map *map = worker->map;

    switch (map->each->options.output) {
    case WEIR_EACH_LIVE:
        cut_lines(worker, 1, &worker->each->outputs->err.bytes, bytes, length);
        if (weir__stderr_forwarder_is_full(&map->forwarder))
            weir__capture_pause(&worker->process.errors, 1);
        break;
    case WEIR_EACH_JSON:
        break; /* the capture keeps it */
    case WEIR_EACH_WHOLE:
    case WEIR_EACH_FILES:
        spool(map, &worker->each->outputs->err, bytes, length);
        break;
    }
}

/* --- Documents ----------------------------------------------------------------- */

/* Takes what was kept of stdout, in order. Errors: NOMEM. */
static int take_out(struct weir__each_job *job, size_t most, struct weir_output *output)
{
    size_t kept = job->kept.length, head = most / 2, ring = most - head;
    int is_cut = job->out_total > kept;
    char *bytes = malloc(kept + 1);

    if (bytes == NULL)
        return WEIR_ERR_NOMEM;
    if (!is_cut) {
        head = kept;
        if (kept > 0)
            memcpy(bytes, job->kept.bytes, kept);
    } else {
        size_t oldest = (size_t)((job->out_total - head) % ring);

        memcpy(bytes, job->kept.bytes, head + 0);
        memcpy(bytes + head, job->kept.bytes + head + oldest, ring - oldest);
        memcpy(bytes + head + ring - oldest, job->kept.bytes + head, oldest);
    }
    bytes[kept] = '\0';
    *output = (struct weir_output){
        .bytes = bytes,
        .kept = kept,
        .head = head,
        .total = job->out_total,
        .truncated = is_cut,
        .invalid_at = -1,
    };
    return 0;
}

/* Copies what is kept of stderr. Errors: NOMEM. */
static int take_err(const struct weir__capture *errors, struct weir_output *output)
{
    size_t kept = errors->total < errors->max ? (size_t)errors->total : errors->max;
    char *bytes = malloc(kept + 1);

    if (bytes == NULL)
        return WEIR_ERR_NOMEM;
    if (errors->bytes != NULL)
        weir__capture_look(errors, bytes);
    bytes[kept] = '\0';
    *output = (struct weir_output){
        .bytes = bytes,
        .kept = kept,
        .head = errors->total > kept ? errors->head_size : kept,
        .total = errors->total,
        .truncated = errors->total > kept,
        .invalid_at = -1,
    };
    return 0;
}

/* The result's document with seq, record and attempts, and a newline. The caller owns it; NULL:
 * no memory. */
static char *document(const struct weir_map *map, const struct weir_result *result,
                      const struct weir__record *record, unsigned attempts, size_t *length)
{
    char *text = weir_result_json(result), *more, *joined = NULL;
    size_t text_length = text != NULL ? strlen(text) : 0, more_length = 0;
    struct weir__json_writer json = {0};

    weir__json_open(&json, NULL, '{');
    weir__json_integer(&json, "seq", (int64_t)record->seq);
    weir__record_write(&json, record, map->in.reader.is_opaque);
    weir__json_integer(&json, "attempts", attempts);
    weir__json_close(&json, '}');
    more = weir__json_take(&json, &more_length);
    if (text != NULL && more != NULL)
        joined = malloc(text_length + more_length);
    if (joined != NULL) { /* text ends with "}\n", more begins with "{" */
        memcpy(joined, text, text_length - 2);
        joined[text_length - 2] = ',';
        memcpy(joined + text_length - 1, more + 1, more_length - 1);
        joined[text_length + more_length - 2] = '\n';
        *length = text_length + more_length - 1;
    }
    free(text);
    free(more);
    return joined;
}

/* Makes the document what is written. Returns 0 or an errno value. */
static int end_json(struct weir__map_worker *worker, const struct weir__record *record,
                    unsigned attempts)
{
    struct weir_map *map = worker->map;
    struct weir__each_job *job = worker->each;
    struct weir_result *result = &worker->process.result;
    struct weir_error error;
    size_t length = 0;
    char *text;
    int failed;

    if (take_out(job, map->each->options.max_output, &result->out) < 0
        || take_err(&worker->process.errors, &result->err) < 0
        || weir__output_decode(&result->out, NULL, WEIR_REPLACE, NULL, &error) < 0
        || weir__output_decode(&result->err, NULL, WEIR_REPLACE, NULL, &error) < 0)
        return ENOMEM;
    text = document(map, result, record, attempts, &length);
    if (text == NULL)
        return ENOMEM;
    failed = weir__spooled_add(&job->outputs->out, &map->each->spool, text, length);
    free(text);
    return failed;
}

/* Describes an output that is in a file. Errors: NOMEM. */
static int describe_file(const struct weir__map_worker *worker, const struct weir__record *record,
                         const char *name, struct weir_output *output)
{
    const char *results = worker->map->each->options.results;
    size_t size = strlen(results) + 40;
    struct stat file;

    *output = (struct weir_output){.invalid_at = -1, .spooled = malloc(size)};
    if (output->spooled == NULL)
        return WEIR_ERR_NOMEM;
    snprintf(output->spooled, size, "%s/%llu/%s", results, (unsigned long long)record->seq + 1,
             name);
    if (fstatat(worker->each->directory, name, &file, AT_SYMLINK_NOFOLLOW) == 0)
        output->total = (uint64_t)file.st_size;
    output->truncated = output->total > 0;
    return 0;
}

int weir__each_open_result(int directory, const char *name)
{
    int fd = openat(directory, name,
                    O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0666);
    struct stat file;

    if (fd < 0)
        return -1;
    if (fstat(fd, &file) < 0 || (!S_ISREG(file.st_mode) && !S_ISCHR(file.st_mode))) {
        weir__close(&fd);
        errno = ENXIO; /* as for a FIFO that no process reads */
        return -1;
    }
    fcntl(fd, F_SETFL, 0); /* a program's outputs block */
    return weir__fd_above_stdio(&fd, NULL) < 0 ? -1 : fd;
}

/* Writes the document to the record's directory. Returns 0 or an errno value. */
static int end_files(struct weir__map_worker *worker, const struct weir__record *record,
                     unsigned attempts)
{
    struct weir_result *result = &worker->process.result;
    int fd, failed;
    size_t length = 0;
    char *text = NULL;

    if (describe_file(worker, record, "stdout", &result->out) == 0
        && describe_file(worker, record, "stderr", &result->err) == 0)
        text = document(worker->map, result, record, attempts, &length);
    if (text == NULL)
        return ENOMEM;
    fd = weir__each_open_result(worker->each->directory, "result.json");
    failed = fd < 0 ? errno : weir__write_all(fd, text, length);
    weir__close(&fd);
    free(text);
    return failed;
}

int weir__each_output_end(struct weir__map_worker *worker, const struct weir__record *record,
                          unsigned attempts)
{
    struct weir_map *map = worker->map;
    struct weir__outputs *outputs = worker->each->outputs;
    int failed = 0;

    switch (map->each->options.output) {
    case WEIR_EACH_LIVE:
        for (int i = 0; i < 2; i++) {
            struct weir__buffer *begun = i == 0 ? &outputs->out.bytes : &outputs->err.bytes;

            if (begun->length > 0)
                emit(worker, i, begun->bytes, begun->length);
            weir__buffer_clear(begun);
        }
        return 0;
    case WEIR_EACH_JSON:
        failed = end_json(worker, record, attempts);
        break;
    case WEIR_EACH_FILES:
        failed = end_files(worker, record, attempts);
        break;
    case WEIR_EACH_WHOLE:
        break;
    }
    if (failed == 0)
        failed = weir__spooled_end(&outputs->out, &map->each->spool);
    return failed == 0 ? weir__spooled_end(&outputs->err, &map->each->spool) : failed;
}

/* --- To their destinations -------------------------------------------------------- */

/* Returns whether all of it is written. */
static int write_out(struct weir_map *map, struct weir__outputs *outputs, int *moved)
{
    ssize_t count = outputs->out.total > 0;

    while (!map->out.failed && map->out.replies.length < WEIR__OUTPUT_FULL && count > 0) {
        count = weir__spooled_take(&outputs->out, &map->each->spool, &map->out.replies);
        *moved |= count > 0;
    }
    if (count < 0)
        weir__map_end(map, 5, WEIR_STOP_NONE, "cannot read back the output of a program: %s",
                      strerror((int)-count));
    return count <= 0 || map->out.failed;
}

/* The same for stderr. */
static int write_err(struct weir_map *map, struct weir__outputs *outputs)
{
    ssize_t count = 1;

    if (outputs->err.total == 0)
        return 1;
    while (!weir__stderr_forwarder_is_full(&map->forwarder) && count > 0) {
        map->scratch.length = 0;
        count = weir__spooled_take(&outputs->err, &map->each->spool, &map->scratch);
        if (count > 0)
            weir__stderr_source_take(&map->each->source, map->scratch.bytes, (size_t)count);
    }
    if (count <= 0)
        weir__stderr_source_end(&map->each->source);
    return count <= 0;
}

int weir__each_write(struct weir_map *map)
{
    struct weir__each *each = map->each;
    int moved = 0;

    while (each->first != NULL) {
        struct weir__outputs *outputs = each->first;
        int is_out = write_out(map, outputs, &moved), is_err = write_err(map, outputs);

        if (!is_out || !is_err)
            break;
        each->first = outputs->next;
        if (each->first == NULL)
            each->last = &each->first;
        weir__outputs_free(outputs, &map->each->spool);
    }
    map->reorder.is_held = each->first != NULL;
    return moved;
}

void weir__each_deliver(void *owner, struct weir__outputs *outputs)
{
    struct weir_map *map = owner;

    outputs->next = NULL;
    *map->each->last = outputs;
    map->each->last = &outputs->next;
    weir__each_write(map);
}
