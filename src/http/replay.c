#include "config.h"

#include "http/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

enum { FIRST_SIZE = 256 };

void weir__replay_id(const char *jti, unsigned char id[WEIR__REPLAY_ID])
{
    char hex[WEIR__DIGEST_SIZE];

    weir__sha256(jti, strlen(jti), hex);
    for (size_t i = 0; i < WEIR__REPLAY_ID; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        id[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
}

/* Where it is, or the empty slot where it would be.  The ids are digests: any part spreads. */
static struct weir__replay_entry *find(struct weir__replay_entry *slots, size_t size,
                                       const unsigned char *id)
{
    size_t at;

    memcpy(&at, id, sizeof at);
    for (at &= size - 1; slots[at].exp != 0; at = (at + 1) & (size - 1))
        if (memcmp(slots[at].id, id, WEIR__REPLAY_ID) == 0)
            break;
    return &slots[at];
}

/* Makes room: drops what expired, and grows if that is not enough. */
static int rebuild(struct weir__replay *replay, int64_t now)
{
    size_t alive = 0, size = FIRST_SIZE;
    struct weir__replay_entry *slots;

    for (size_t i = 0; i < replay->size; i++)
        alive += replay->slots[i].exp > now;
    if (alive >= WEIR__REPLAY_MAX)
        return -1;
    while (size < 4 * alive && size < 2 * WEIR__REPLAY_MAX)
        size *= 2;
    slots = calloc(size, sizeof *slots);
    if (slots == NULL)
        return -1;
    for (size_t i = 0; i < replay->size; i++)
        if (replay->slots[i].exp > now)
            *find(slots, size, replay->slots[i].id) = replay->slots[i];
    free(replay->slots);
    *replay = (struct weir__replay){slots, size, alive};
    return 0;
}

enum weir__replay_verdict weir__replay_spend(struct weir__replay *replay,
                                             const unsigned char id[WEIR__REPLAY_ID], int64_t exp,
                                             int64_t now)
{
    struct weir__replay_entry *entry;

    if (replay->size > 0 && find(replay->slots, replay->size, id)->exp != 0)
        return WEIR__REPLAY_USED;
    if ((replay->size == 0 || 2 * replay->count >= replay->size) && rebuild(replay, now) < 0)
        return WEIR__REPLAY_FULL;
    entry = find(replay->slots, replay->size, id);
    memcpy(entry->id, id, WEIR__REPLAY_ID);
    entry->exp = exp;
    replay->count++;
    return WEIR__REPLAY_NEW;
}

void weir__replay_clear(struct weir__replay *replay)
{
    free(replay->slots);
    *replay = (struct weir__replay){0};
}
