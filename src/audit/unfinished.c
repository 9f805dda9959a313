#include "config.h"

#include "audit/unfinished.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2 * WEIR__AUDIT_UNFINISHED, JOB_LENGTH = 32 };

struct slot {
    char job[JOB_LENGTH]; /* job[0] == '\0': empty */
    struct weir__audit_place place;
};

/* A hash table with open addresses; ids are random, so their digits are the hash. */
struct weir__audit_unfinished {
    struct slot slots[SLOTS];
    size_t used;
    uint64_t more;
    struct weir__audit_place list[WEIR__AUDIT_UNFINISHED];
};

struct weir__audit_unfinished *weir__audit_unfinished_new(void)
{
    return calloc(1, sizeof(struct weir__audit_unfinished));
}

void weir__audit_unfinished_free(struct weir__audit_unfinished *jobs)
{
    free(jobs);
}

static size_t home_of(const char *job)
{
    size_t hash = 0;

    for (int i = 0; i < 8; i++)
        hash = hash * 31 + (unsigned char)job[i];
    return hash % SLOTS;
}

/* The job's slot, or the empty one where it would be. */
static size_t find(const struct weir__audit_unfinished *jobs, const char *job)
{
    size_t at = home_of(job);

    while (jobs->slots[at].job[0] != '\0' && memcmp(jobs->slots[at].job, job, JOB_LENGTH) != 0)
        at = (at + 1) % SLOTS;
    return at;
}

/* Empties a slot, and moves up what was put behind it for want of room. */
static void release(struct weir__audit_unfinished *jobs, size_t hole)
{
    size_t at = hole;

    for (;;) {
        size_t home;

        at = (at + 1) % SLOTS;
        if (jobs->slots[at].job[0] == '\0')
            break;
        home = home_of(jobs->slots[at].job);
        /* It may go to the hole unless its home lies behind that, up to where it is. */
        if ((at + SLOTS - home) % SLOTS < (at + SLOTS - hole) % SLOTS)
            continue;
        jobs->slots[hole] = jobs->slots[at];
        hole = at;
    }
    jobs->slots[hole].job[0] = '\0';
    jobs->used--;
}

void weir__audit_unfinished_note(struct weir__audit_unfinished *jobs,
                                 const struct weir__audit_entry *entry,
                                 const struct weir__audit_place *place)
{
    const char *job = json_string_value(json_object_get(entry->record, "job"));
    const char *event = json_string_value(json_object_get(entry->record, "event"));
    size_t at;
    int is_there;

    if (job == NULL || event == NULL || strlen(job) != JOB_LENGTH)
        return;
    at = find(jobs, job);
    is_there = jobs->slots[at].job[0] != '\0';
    if (strcmp(event, "ended") == 0 && is_there) {
        release(jobs, at);
    } else if (strcmp(event, "ended") == 0 && jobs->more > 0) {
        jobs->more--; /* one of those that were only counted */
    } else if (strcmp(event, "started") == 0 && jobs->used == WEIR__AUDIT_UNFINISHED) {
        jobs->more++;
    } else if (strcmp(event, "started") == 0 && !is_there) {
        memcpy(jobs->slots[at].job, job, JOB_LENGTH);
        jobs->slots[at].place = *place;
        jobs->used++;
    }
}

static int compare(const void *a, const void *b)
{
    const struct weir__audit_place *first = a, *second = b;

    if (first->file != second->file)
        return first->file < second->file ? -1 : 1;
    return first->offset < second->offset ? -1 : first->offset > second->offset;
}

const struct weir__audit_place *weir__audit_unfinished_list(struct weir__audit_unfinished *jobs,
                                                            size_t *count, uint64_t *more)
{
    size_t used = 0;

    for (size_t i = 0; i < SLOTS; i++)
        if (jobs->slots[i].job[0] != '\0')
            jobs->list[used++] = jobs->slots[i].place;
    qsort(jobs->list, used, sizeof jobs->list[0], compare);
    *count = used;
    *more = jobs->more;
    return jobs->list;
}
