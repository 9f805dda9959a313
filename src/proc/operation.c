#include "config.h"

#include "proc/operation.h"

#include "base/error.h"

static void destroy(struct weir__life *life)
{
    weir__context_leave(&life->member);
    life->ops->destroy(life);
}

static void free_member(struct weir__member *member)
{
    weir__life_free((struct weir__life *)member);
}

struct beginning {
    struct weir__life *life;
    int (*begin)(void *data);
    void *data;
};

static void do_begin(void *data)
{
    struct beginning *beginning = data;
    struct weir__life *life = beginning->life;
    int status = beginning->begin(beginning->data);

    if (status < 0)
        life->failed = status;
    else
        weir__context_join(life->weir, &life->member, free_member);
}

int weir__life_begin(struct weir__life *life, int (*begin)(void *data), void *data, int waits,
                     struct weir_error *error)
{
    struct beginning beginning = {life, begin, data};
    int status = weir__context_check(life->weir, error);

    if (status < 0) {
        destroy(life);
        return status;
    }
    (waits ? weir__context_do_then_wait : weir__context_do)(life->weir, do_begin, &beginning);
    status = life->failed;
    if (status >= 0)
        return 0;
    if (error != NULL)
        *error = life->error;
    destroy(life);
    return status;
}

void weir__life_fail(struct weir__life *life, const struct weir_error *error)
{
    if (life->failed == 0) {
        life->error = *error;
        life->failed = error->status;
    }
}

void weir__life_hold(struct weir__life *life)
{
    life->holds++;
}

int weir__life_release(struct weir__life *life)
{
    if (--life->holds > 0)
        return 0;
    if (life->freed)
        destroy(life);
    else if (life->over)
        weir__context_done(life->weir, &life->finished); /* a thread that waits may free it now */
    else
        return 0;
    return 1;
}

void weir__life_end(struct weir__life *life)
{
    life->over = 1;
    weir__life_hold(life);
    life->ops->tell(life);
    weir__life_release(life);
}

int weir__life_check(const struct weir__life *life, struct weir_error *error)
{
    if (!life->over)
        return weir__fail(error, WEIR_ERR_BUSY, 0, "%s is not over", life->ops->noun);
    if (life->failed < 0 && error != NULL)
        *error = life->error;
    return life->failed;
}

int weir__life_wait(struct weir__life *life, struct weir_error *error)
{
    int status = weir__context_wait(life->weir, &life->finished, error);

    return status < 0 ? status : weir__life_check(life, error);
}

static void do_free(void *data)
{
    struct weir__life *life = data;

    if (!life->over) {
        life->over = 1;
        life->ops->abandon(life);
    }
    life->freed = 1;
    weir__context_leave(&life->member);
    weir__life_hold(life);
    weir__life_release(life);
}

void weir__life_free(struct weir__life *life)
{
    if (weir__context_check(life->weir, NULL) < 0)
        return; /* what the parent started goes on */
    if (weir__context_is_done(life->weir, &life->finished))
        destroy(life);
    else
        weir__context_do(life->weir, do_free, life);
}
