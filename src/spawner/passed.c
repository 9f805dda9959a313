#include "config.h"

#include "spawner/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

struct passed {
    int fd, number;
};

static int64_t owner; /* the job they are for; 0: there are none */
static int failed;    /* an errno: not all of them arrived */
static struct passed *passed;
static struct passed_move *moves;
static size_t passed_count, move_count;

void passed_clear(void)
{
    for (size_t i = 0; i < passed_count; i++)
        weir__close(&passed[i].fd);
    free(passed);
    free(moves);
    passed = NULL;
    moves = NULL;
    passed_count = move_count = 0;
    failed = 0;
    owner = 0;
}

void passed_add(const struct request *request, struct weir__datagram *message)
{
    struct passed *more;

    if (owner != request->job)
        passed_clear();
    owner = request->job;
    if (message->rights.lost || message->rights.count != request->number_count)
        failed = message->rights.lost ? EMFILE : EPROTO;
    if (failed != 0)
        return;
    more = realloc(passed, (passed_count + message->rights.count) * sizeof *passed);
    if (more == NULL) {
        failed = ENOMEM;
        return;
    }
    passed = more;
    for (size_t i = 0; i < message->rights.count; i++)
        passed[passed_count++] =
            (struct passed){.fd = message->rights.fds[i], .number = request->numbers[i]};
    message->rights.count = 0; /* they are ours */
}

int passed_any(int64_t job)
{
    return owner == job;
}

static int greatest_number(void)
{
    int greatest = 0;

    for (size_t i = 0; i < passed_count; i++)
        if (passed[i].number > greatest)
            greatest = passed[i].number;
    return greatest;
}

static int is_number(int fd)
{
    for (size_t i = 0; i < passed_count; i++)
        if (passed[i].number == fd)
            return 1;
    return 0;
}

int passed_keep_off(int *fd)
{
    int greatest = greatest_number(), moved;

    if (!is_number(*fd))
        return 0;
    moved = fcntl(*fd, F_DUPFD_CLOEXEC, greatest + 1);
    /* There may be no room above: then one between them. */
    for (int next = STDERR_FILENO + 1; moved < 0 && next < greatest; next++) {
        if (is_number(next))
            continue;
        moved = fcntl(*fd, F_DUPFD_CLOEXEC, next);
        if (moved >= 0 && is_number(moved))
            weir__close(&moved);
    }
    if (moved < 0)
        return EMFILE;
    weir__close(fd);
    *fd = moved;
    return 0;
}

static void add_move(int from, int to)
{
    moves[move_count++] = (struct passed_move){.from = from, .to = to};
}

/* Who lies where another one goes is moved first.  That leads on to others, and ends, or
 * comes back to where it began: then that one steps aside.  holder[fd] is 1 + the place of
 * the one that lies at fd and has not moved yet; chain has room for all. */
static void order_moves(size_t *holder, size_t *chain, int spare)
{
    for (size_t first = 0; first < passed_count; first++) {
        size_t length = 0, at = first;
        int from = passed[first].fd;

        if (holder[from] == 0)
            continue; /* it has moved */
        for (;;) {
            size_t next = holder[passed[at].number];

            chain[length++] = at;
            if (next == 0 || next - 1 == at)
                break;
            at = next - 1;
            if (at == first) {
                add_move(from, spare);
                from = spare;
                break;
            }
        }
        while (length-- > 0) {
            at = chain[length];
            add_move(at == first ? from : passed[at].fd, passed[at].number);
            holder[passed[at].fd] = 0;
        }
    }
}

static int plan_moves(int spare)
{
    int greatest = greatest_number();
    size_t *holder, *chain;

    for (size_t i = 0; i < passed_count; i++)
        if (passed[i].fd > greatest)
            greatest = passed[i].fd;
    holder = calloc((size_t)greatest + 1, sizeof *holder);
    chain = malloc(passed_count * sizeof *chain);
    moves = malloc(2 * passed_count * sizeof *moves);
    if (holder != NULL && chain != NULL && moves != NULL) {
        for (size_t i = 0; i < passed_count; i++)
            holder[passed[i].fd] = i + 1;
        order_moves(holder, chain, spare);
    } else {
        failed = ENOMEM;
    }
    free(holder);
    free(chain);
    return failed;
}

int passed_moves(int64_t job, int spare, const struct passed_move **list, size_t *count)
{
    *list = NULL;
    *count = 0;
    if (owner != job || failed != 0 || passed_count == 0)
        return owner == job ? failed : 0;
    free(moves);
    moves = NULL;
    move_count = 0;
    if (plan_moves(spare) != 0)
        return failed;
    *list = moves;
    *count = move_count;
    return 0;
}
