#include "config.h"

#include "cli/serve_guard.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"
#include "pool/worker_group.h"

static const struct weir__breaker_spec usual = {
    .calls = 20, .percent = 50, .window_ms = 10000, .open_ms = 5000};

/* --- Reading -------------------------------------------------------------------- */

/* Returns 0, or -1. */
static int read_number(const char *text, unsigned most, unsigned *number)
{
    unsigned long value = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9' && at - text < 8; at++)
        value = value * 10 + (unsigned long)(*at - '0');
    *number = (unsigned)value;
    return at > text && *at == '\0' && value >= 1 && value <= most ? 0 : -1;
}

static int read_time(const char *text, int64_t *ms)
{
    return weir__duration_parse(text, ms) == 0 && *ms > 0 && *ms <= INT_MAX ? 0 : -1;
}

/* "calls=20,percent=50".  Returns what is wrong, or NULL. */
static const char *read_spec(char *text, struct weir__breaker_spec *spec)
{
    char *rest = text, *part;

    *spec = usual;
    while ((part = strsep(&rest, ",")) != NULL) {
        char *value = strchr(part, '=');
        int status = -1;

        if (value == NULL)
            return part;
        *value++ = '\0';
        if (strcmp(part, "calls") == 0)
            status = read_number(value, 1000000, &spec->calls);
        else if (strcmp(part, "percent") == 0)
            status = read_number(value, 100, &spec->percent);
        else if (strcmp(part, "window") == 0)
            status = read_time(value, &spec->window_ms);
        else if (strcmp(part, "open") == 0)
            status = read_time(value, &spec->open_ms);
        else if (strcmp(part, "slow") == 0)
            status = read_time(value, &spec->slow_ms);
        if (status < 0)
            return part;
    }
    return NULL;
}

/* Where a spec begins in "METHOD=calls=20,...": its first key follows the last '=' before its own.
 */
static char *find_spec(char *text)
{
    static const char *const keys[] = {"calls=", "percent=", "window=", "open=", "slow="};
    char *first = NULL;

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strncmp(text, keys[i], strlen(keys[i])) == 0)
            return text;
        for (char *at = text; (at = strstr(at, keys[i])) != NULL; at++)
            if (at[-1] == '=' && (first == NULL || at < first))
                first = at;
    }
    return first;
}

static int read_breaker(char *text, struct weir__guarded_method *made)
{
    char *spec = find_spec(text);
    const char *wrong;

    *made = (struct weir__guarded_method){NULL, usual};
    if (spec == NULL) { /* METHOD=, with the usual values */
        size_t length = strlen(text);

        if (length < 2 || text[length - 1] != '=')
            return cli_bad_usage(&cli_serve,
                                 "--breaker \"%.100s\": expected [METHOD=]SPEC, such as "
                                 "calls=20,percent=50",
                                 text);
        text[length - 1] = '\0';
        made->method = text;
        return 0;
    }
    if (spec > text) {
        spec[-1] = '\0';
        made->method = text;
    }
    wrong = read_spec(spec, &made->spec);
    if (wrong == NULL)
        return 0;
    return cli_bad_usage(&cli_serve,
                         "--breaker: \"%.100s\" is not one of calls=N, percent=1..100, window=D, "
                         "open=D, slow=D",
                         wrong);
}

static int read_fallback(char *text, struct weir__fallback *made)
{
    char *equals = strchr(text, '=');

    if (equals == NULL || equals == text || equals[1] == '\0')
        return cli_bad_usage(&cli_serve, "--fallback \"%.100s\": expected METHOD=OTHER", text);
    *equals = '\0';
    *made = (struct weir__fallback){text, equals + 1};
    return 0;
}

/* One that answers for others has none itself, and a method has one. */
static int check_fallbacks(const struct weir__guard *guard)
{
    for (size_t i = 0; i < guard->fallback_count; i++)
        for (size_t other = 0; other < guard->fallback_count; other++) {
            const char *method = guard->fallbacks[other].method;

            if (strcmp(guard->fallbacks[i].other, method) == 0)
                return cli_bad_usage(&cli_serve,
                                     "--fallback: \"%.100s\" answers in place of another, and "
                                     "cannot have a fallback itself",
                                     method);
            if (i < other && strcmp(guard->fallbacks[i].method, method) == 0)
                return cli_bad_usage(&cli_serve, "--fallback: \"%.100s\" has two", method);
        }
    return 0;
}

static int copy_texts(struct serve_guard *guard, const struct cli_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        guard->texts[guard->text_count] = strdup(list->items[i]);
        if (guard->texts[guard->text_count++] == NULL)
            return -1;
    }
    return 0;
}

int serve_guard_read(struct serve_guard *guard, const struct serve_values *values)
{
    size_t breakers = values->breakers.count, fallbacks = values->fallbacks.count;
    int status = 0;

    guard->breakers = calloc(breakers + 1, sizeof *guard->breakers);
    guard->fallbacks = calloc(fallbacks + 1, sizeof *guard->fallbacks);
    guard->texts = calloc(breakers + fallbacks + 1, sizeof *guard->texts);
    if (guard->breakers == NULL || guard->fallbacks == NULL || guard->texts == NULL
        || copy_texts(guard, &values->breakers) < 0 || copy_texts(guard, &values->fallbacks) < 0) {
        cli_say(&cli_serve, "no memory");
        return CLI_FAILED;
    }
    for (size_t i = 0; i < breakers && status == 0; i++)
        status = read_breaker(guard->texts[i], &guard->breakers[i]);
    for (size_t i = 0; i < fallbacks && status == 0; i++)
        status = read_fallback(guard->texts[breakers + i], &guard->fallbacks[i]);
    guard->guard = (struct weir__guard){guard->breakers, breakers, guard->fallbacks, fallbacks};
    return status == 0 ? check_fallbacks(&guard->guard) : status;
}

/* --- In the pool ------------------------------------------------------------------- */

void serve_guard_begin(const struct serve_guard *guard, weir_pool_t *pool)
{
    if (guard->guard.breaker_count > 0 || guard->guard.fallback_count > 0)
        pool->guard = &guard->guard;
}

/* A worker that does not say which methods it has may have any. */
static int may_be_there(const weir_pool_t *pool, const char *method)
{
    for (size_t i = 0; i < pool->group_count; i++)
        if (pool->groups[i].methods == NULL
            || weir__worker_group_method(&pool->groups[i], method) != NULL)
            return 1;
    return 0;
}

int serve_guard_check(const struct serve_guard *guard, const weir_pool_t *pool,
                      struct weir_error *error)
{
    for (size_t i = 0; i < guard->guard.breaker_count; i++) {
        const char *method = guard->breakers[i].method;

        if (method != NULL && !may_be_there(pool, method))
            return weir__fail(error, WEIR_ERR_INVALID, 0,
                              "--breaker: no worker has the function \"%.100s\"", method);
    }
    for (size_t i = 0; i < guard->guard.fallback_count; i++) {
        const struct weir__fallback *fallback = &guard->fallbacks[i];
        const char *missing = !may_be_there(pool, fallback->method)  ? fallback->method
                              : !may_be_there(pool, fallback->other) ? fallback->other
                                                                     : NULL;

        if (missing != NULL)
            return weir__fail(error, WEIR_ERR_INVALID, 0,
                              "--fallback: no worker has the function \"%.100s\"", missing);
        if (strcmp(weir__pool_streams(pool, fallback->method),
                   weir__pool_streams(pool, fallback->other))
            != 0)
            return weir__fail(error, WEIR_ERR_INVALID, 0,
                              "--fallback: \"%.100s\" and \"%.100s\" have different streams",
                              fallback->method, fallback->other);
    }
    return 0;
}

void serve_guard_clear(struct serve_guard *guard)
{
    for (size_t i = 0; i < guard->text_count; i++)
        free(guard->texts[i]);
    free(guard->texts);
    free(guard->breakers);
    free(guard->fallbacks);
    *guard = (struct serve_guard){0};
}
