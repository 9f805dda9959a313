/* clang-format off */
//go:build ignore
/* clang-format on */

/* Files of a directory that are not what they were, told by a worker in Go: caller DIRECTORY
 * Run it where checksig is.  Exits 0 when all are right, 1 when one is not, 2 when that
 * cannot be said.
 *
 * The go:build above keeps go from taking this file for a part of the worker. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <weir/weir.h>

enum { ALL_RIGHT, ONE_IS_WRONG, CANNOT_SAY };

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "caller: %s: %s\n", what, why);
    exit(CANNOT_SAY);
}

static weir_pool_t *open_pool(weir_t *weir)
{
    static const char *const argv[] = {"./checksig", NULL};
    struct weir_pool_options options;
    struct weir_command command;
    struct weir_error error;
    weir_pool_t *pool;

    weir_command_init(&command);
    command.argv = argv;
    weir_pool_options_init(&options);
    options.commands = (const struct weir_command *[]){&command};
    options.command_count = 1;
    options.workers = 1; /* it hashes side by side itself */
    pool = weir_pool_open(weir, &options, &error);
    if (pool == NULL || weir_pool_wait_ready(pool, 1, 30000, &error) < 0)
        fail("the worker", error.text);
    return pool;
}

/* Names a file that is not right.  Returns whether it is. */
static int is_right(const char *bytes, size_t length)
{
    const char *path, *found = NULL, *why = NULL;
    json_error_t error;
    json_t *file = json_loadb(bytes, length, 0, &error);
    int ok;

    if (file == NULL
        || json_unpack_ex(file, &error, 0, "{s:s, s:b, s?s, s?s}", "path", &path, "ok", &ok,
                          "found", &found, "error", &why)
               < 0)
        fail("a result", error.text);
    if (!ok && found != NULL)
        printf("%s: its sum is %s\n", path, found);
    else if (!ok)
        printf("%s: %s\n", path, why != NULL ? why : "not right");
    json_decref(file);
    return ok;
}

/* Takes the results as they come: no more than a few are under way. */
static int check(weir_pool_t *pool, const char *directory)
{
    json_t *list = json_pack("[s]", directory);
    char *params = list != NULL ? json_dumps(list, JSON_COMPACT) : NULL;
    int more, status = ALL_RIGHT;
    struct weir_reply reply;
    struct weir_error error;
    const char *bytes;
    weir_call_t *call;
    size_t length;

    if (params == NULL)
        fail(directory, "no UTF-8");
    call = weir_call_start(pool, "check", params, strlen(params), NULL, NULL, &error);
    free(params);
    json_decref(list);
    if (call == NULL)
        fail("check", error.text);
    while ((more = weir_call_next(call, &bytes, &length, &error)) == 1)
        if (!is_right(bytes, length))
            status = ONE_IS_WRONG;
    if (more < 0 || weir_call_wait(call, &reply, &error) < 0)
        fail("check", error.text);
    weir_call_free(call);
    if (reply.outcome != WEIR_CALL_RETURNED) {
        fprintf(stderr, "caller: %s: %s\n", weir_outcome_name(reply.outcome), reply.message);
        status = CANNOT_SAY;
    }
    weir_reply_clear(&reply);
    return status;
}

int main(int argc, char **argv)
{
    struct weir_error error;
    weir_pool_t *pool;
    weir_t *weir;
    int status;

    if (argc != 2)
        fail("usage", "caller DIRECTORY");
    weir = weir_open(NULL, &error);
    if (weir == NULL)
        fail("weir", error.text);
    pool = open_pool(weir);
    status = check(pool, argv[1]);
    weir_pool_close(pool, 1000);
    weir_close(weir);
    return status;
}
