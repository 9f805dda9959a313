/* probe/path_search.h - the files that could be meant by a program's name.
 *
 * All that are on the PATH, in its order, also those that cannot be executed: they
 * are why another one wins.  Then, for some programs, those in places of their own
 * (a venv, pyenv's versions), which win nothing.
 */
#ifndef WEIR_PROBE_PATH_SEARCH_H
#define WEIR_PROBE_PATH_SEARCH_H

#include <stddef.h>
#include <sys/stat.h>

#include <jansson.h>

#include "schema/version.h"

#define WEIR__PATH_SEARCH_NONE ((size_t)-1)

enum { WEIR__RAW_SIZE = 256 };

struct weir__path_candidate {
    char *name, *path;
    char *real;       /* behind symbolic links, and behind a shim once that is known; may be NULL */
    const char *from; /* "PATH", or the place that it was found in */
    const char *kind; /* "system", "home", "venv", "conda", "pyenv", "uv"... */
    const char *shim; /* the manager whose shim it is; NULL: it is none */
    mode_t mode;
    int executable;
    int sys_errno;  /* why it cannot be looked at or executed; 0 */
    size_t same_as; /* the candidate that it is the same program as; WEIR__PATH_SEARCH_NONE */

    size_t running; /* of its runs */

    /* What running it told. */
    json_t *facts;
    char version[WEIR__VERSION_TEXT]; /* "" unknown */
    char raw[WEIR__RAW_SIZE];         /* the line the version was read from */
};

struct weir__path_search {
    struct weir__path_candidate *items;
    size_t count, capacity;
    size_t winner; /* WEIR__PATH_SEARCH_NONE: none can be executed */
};

/* Which names in a directory are candidates; NULL: just the programs named. */
typedef int weir__path_filter(const char *name);

/* Finds candidates for programs (NULL-terminated, the preferred one first), and who
 * of them wins: the first executable one of the first program that has one, as
 * execvp(3) would choose.  Returns 0, or -1 when memory is short; to be cleared in
 * any case. */
int weir__path_search_run(struct weir__path_search *candidates, const char *const *programs,
                          weir__path_filter *is_candidate, char *const *environment);

/* Adds those in the directory, as found in the place "from".  Returns as above. */
int weir__path_search_directory(struct weir__path_search *candidates, const char *directory,
                                const char *from, weir__path_filter *is_candidate,
                                char *const *environment);

/* The interpreters of Python that are not on the PATH: the active venv and one in the
 * current directory, pyenv's versions, uv's, conda's environment. */
int weir__path_search_pythons(struct weir__path_search *candidates, weir__path_filter *is_candidate,
                              char *const *environment);

void weir__path_search_clear(struct weir__path_search *candidates);

#endif
