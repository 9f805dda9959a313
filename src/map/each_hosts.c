#include "config.h"

#include "map/each_hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/fd.h"

enum { FILE_MOST = 1024 * 1024, SLOTS_MOST = 100000 };

/* Returns the text of a file with a NUL byte at its end. Errors: SYSTEM, INVALID, NOMEM. */
static char *read_text(const char *path, struct weir_error *error)
{
    struct weir__buffer text = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t count = fd >= 0 ? 1 : -1;

    while (count > 0 && text.length < FILE_MOST && weir__buffer_reserve(&text, 4096, error) == 0) {
        count = read(fd, text.bytes + text.length, 4096);
        if (count < 0 && errno == EINTR)
            count = 1;
        else if (count > 0)
            text.length += (size_t)count;
    }
    if (count < 0)
        weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot read the hosts in %s", path);
    else if (count > 0)
        weir__fail(error, WEIR_ERR_INVALID, 0, "%s is too long for a list of hosts", path);
    weir__close(&fd);
    if (count == 0)
        return weir__buffer_take(&text, NULL);
    weir__buffer_clear(&text);
    return NULL;
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
