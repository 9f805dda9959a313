/* Identifies the input and the work of a checkpoint, to detect changes. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "map/checkpoint.h"
#include "base/portable.h"
#include "map/each.h"
#include "map/map.h"

enum { LOOKED_AT = 64 * 1024 }; /* bytes of head and tail that are part of an identity */

/* 64-bit FNV-1a: detects mistakes, not attacks. */
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
    struct timespec changed = weir__changed(file);
    off_t at[2] = {0, file->st_size > LOOKED_AT ? file->st_size - LOOKED_AT : 0};
    char bytes[LOOKED_AT];

    for (int i = 0; i < 2; i++) {
        ssize_t count = pread(map->in.fd, bytes, sizeof bytes, at[i]);

        if (count > 0)
            hash = mix(hash, bytes, (size_t)count);
    }
    snprintf(text, size, "%lld bytes, changed %lld.%09ld, %016llx", (long long)file->st_size,
             (long long)changed.tv_sec, changed.tv_nsec, (unsigned long long)hash);
}

static uint64_t mix_each(uint64_t hash, const struct weir_each_options *each)
{
    const int choices[] = {each->to_stdin, each->is_shell, each->output};

    hash = mix_text(hash, each->replace);
    hash = mix_text(hash, each->results);
    hash = mix(hash, choices, sizeof choices);
    hash = mix(hash, &each->max_output, sizeof each->max_output);
    return mix(hash, each->ok_exits, each->ok_exit_count * sizeof *each->ok_exits);
}

/* Everything that affects a record's outcome and destination. */
static void identify_work(const struct weir_map *map, char *text, size_t size)
{
    const struct weir_map_options *options = &map->options;
    const int choices[] = {options->unordered,         (int)options->retries,
                           (int)options->on_error,     options->unchecked,
                           (int)options->encoding,     options->drop_null,
                           options->command->env_clear};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    hash = mix_list(hash, options->command->argv);
    hash = mix_list(hash, options->command->env);
    hash = mix_list(hash, options->command->env_pass);
    hash = mix_text(hash, options->command->cwd);
    if (options->call != NULL)
        hash = mix_text(hash, options->call);
    if (options->dialect != 0)
        hash = mix(hash, &options->dialect, sizeof options->dialect);
    if (options->key != NULL) {
        hash = mix_text(hash, options->key);
        hash = mix(hash, &options->drop_missing, sizeof options->drop_missing);
    }
    if (options->format != WEIR_MAP_NDJSON)
        hash = mix(hash, &options->format, sizeof options->format);
    if (map->each != NULL)
        hash = mix_each(hash, &map->each->options);
    hash = mix_text(hash, options->output);
    hash = mix_text(hash, options->dead_letter);
    hash = mix(hash, choices, sizeof choices);
    hash = mix(hash, &options->max_record, sizeof options->max_record);
    snprintf(text, size, "%016llx", (unsigned long long)hash);
}

void weir__checkpoint_identify(struct weir_map *map, const struct stat *file)
{
    struct weir__checkpoint *checkpoint = &map->checkpoint;

    identify_input(map, file, checkpoint->input_identity, sizeof checkpoint->input_identity);
    identify_work(map, checkpoint->work_identity, sizeof checkpoint->work_identity);
}
