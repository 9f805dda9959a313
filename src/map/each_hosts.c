#include "config.h"

#include "map/each_hosts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/whole_file.h"

enum {
    FILE_MOST = 1024 * 1024,
    FILE_MS = 10000, /* for a FIFO whose writer does not come */
    SLOTS_MOST = 100000
};

/* Returns the text of a file with a NUL byte at its end. Errors: SYSTEM, TIMEOUT, INVALID, NOMEM.
 */
static char *read_text(const char *path, struct weir_error *error)
{
    struct weir__patience patience = weir__patience_of(FILE_MS);
    struct weir__buffer bytes = {0};
    int failed = weir__whole_file_read(path, FILE_MOST, &patience, &bytes);
    int is_text = bytes.length == 0 || memchr(bytes.bytes, '\0', bytes.length) == NULL;
    char *text = failed == 0 && is_text ? weir__buffer_take(&bytes, NULL) : NULL;

    if (failed == 0 && !is_text)
        weir__fail(error, WEIR_ERR_INVALID, 0, "%s is not a list of hosts: it contains NUL", path);
    else if (failed == EFBIG)
        weir__fail(error, WEIR_ERR_INVALID, 0, "%s is too long for a list of hosts", path);
    else if (failed == ENOMEM || (failed == 0 && text == NULL))
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for the hosts in %s", path);
    else if (failed != 0)
        weir__peer_fail(error, failed, "read the hosts in", path);
    weir__buffer_clear(&bytes);
    return text;
}

static int add(struct weir__each_hosts *hosts, const char *host, size_t count)
{
    const char **slots = realloc(hosts->slots, (hosts->count + count) * sizeof *slots);

    if (slots == NULL)
        return WEIR_ERR_NOMEM;
    hosts->slots = slots;
    while (count-- > 0)
        hosts->slots[hosts->count++] = host;
    return 0;
}

/* Reads a line, whose newline is a NUL byte by now. */
static int read_line(struct weir__each_hosts *hosts, char *line, const char *path, size_t number,
                     struct weir_error *error)
{
    static const char blanks[] = " \t\r";
    char *place = NULL, *host = strtok_r(line, blanks, &place), *end = NULL;
    const char *count = host != NULL && *host != '#' ? strtok_r(NULL, blanks, &place) : NULL;
    unsigned long slots =
        count != NULL && *count >= '0' && *count <= '9' ? strtoul(count, &end, 10) : 0;

    if (host == NULL || *host == '#')
        return 0;
    if (slots == 0 || *end != '\0' || strtok_r(NULL, blanks, &place) != NULL || *host == '-')
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "line %zu of %s is not a host and its slots, such as node1 4", number,
                          path);
    if (slots > SLOTS_MOST - hosts->count)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "line %zu of %s: more than %d slots", number,
                          path, SLOTS_MOST);
    if (add(hosts, host, slots) < 0)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for hosts");
    return 0;
}

int weir__each_hosts_read(struct weir__each_hosts *hosts, const char *path,
                          struct weir_error *error)
{
    size_t number = 0;
    int status = 0;
    char *next;

    hosts->text = read_text(path, error);
    if (hosts->text == NULL)
        return error != NULL ? error->status : WEIR_ERR_SYSTEM;
    next = hosts->text;
    while (next != NULL && status == 0) {
        char *line = strsep(&next, "\n");

        status = read_line(hosts, line, path, ++number, error);
    }
    if (status == 0 && hosts->count == 0)
        status = weir__fail(error, WEIR_ERR_INVALID, 0, "there is no host in %s", path);
    return status;
}

void weir__each_hosts_clear(struct weir__each_hosts *hosts)
{
    free(hosts->text);
    free(hosts->slots);
    *hosts = (struct weir__each_hosts){0};
}
