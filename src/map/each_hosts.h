/* map/each_hosts.h - the machines whose slots programs take: a host and its slots a line.
 *
 *     # slots 0 to 3, then 4 and 5 here
 *     node1 4
 *     : 2
 */
#ifndef WEIR_MAP_EACH_HOSTS_H
#define WEIR_MAP_EACH_HOSTS_H

#include <stddef.h>

#include <weir/error.h>

struct weir__each_hosts {
    char *text;         /* of the file */
    const char **slots; /* the host of each slot, in text; ":" is this machine */
    size_t count;
};

/* Reads a file. Errors: SYSTEM, INVALID (with the line), NOMEM. */
int weir__each_hosts_read(struct weir__each_hosts *hosts, const char *path,
                          struct weir_error *error);
void weir__each_hosts_clear(struct weir__each_hosts *hosts);

#endif
