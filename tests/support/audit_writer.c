/* Appends records to an audit log, as fast as it can:
 *
 *     audit_writer FILE COUNT BYTES MAX_SIZE always|never [KEY_FILE]
 *
 * BYTES is about how long each is; a MAX_SIZE of 0 is none.  Says on stdout, a line
 * each, how many are there.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/log.h"
#include "audit/record.h"

static int fail(const struct weir_error *error)
{
    fprintf(stderr, "audit_writer: %s\n", error->text);
    return 1;
}

int main(int argc, char **argv)
{
    struct weir__audit_options options = {0};
    struct weir__audit_command command = {.subcommand = "run", .target = "x"};
    struct weir__audit_log *log;
    struct weir_error error;
    json_t *record;
    char *words[4] = {"run", "--", NULL, NULL};
    size_t bytes;

    if (argc < 6)
        return 2;
    options.path = argv[1];
    options.max_size = strtoull(argv[4], NULL, 10);
    options.no_sync = strcmp(argv[5], "never") == 0;
    options.key_file = argc > 6 ? argv[6] : NULL;
    bytes = strtoul(argv[3], NULL, 10);
    words[2] = malloc(bytes + 1);
    memset(words[2], 'a', bytes);
    words[2][bytes] = '\0';
    command.argv = words;
    log = weir__audit_open(&options, &error);
    if (log == NULL)
        return fail(&error);
    record = weir__audit_started(&command, &error);
    if (record == NULL)
        return fail(&error);
    for (long i = 0; i < atol(argv[2]); i++) {
        if (weir__audit_append(log, record, &error) < 0)
            return fail(&error);
        printf("%ld\n", i + 1);
        fflush(stdout);
    }
    json_decref(record);
    weir__audit_close(log);
    free(words[2]);
    return 0;
}
