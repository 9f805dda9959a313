#include "config.h"

#include "proc/operation.h"

#include "base/error.h"

static void destroy(struct weir__operation *operation)
{
    weir__context_leave(&operation->member);
    operation->ops->destroy(operation);
}

static void free_member(struct weir__member *member)
{
    weir__operation_free((struct weir__operation *)member);
}

struct beginning {
    struct weir__operation *operation;
    int (*begin)(void *data);
    void *data;
};

static void do_begin(void *data)
{
    struct beginning *beginning = data;
    struct weir__operation *operation = beginning->operation;
    int status = beginning->begin(beginning->data);

    if (status < 0)
        operation->failed = status;
    else
        weir__context_join(operation->weir, &operation->member, free_member);
}

int weir__operation_begin(struct weir__operation *operation, int (*begin)(void *data), void *data,
                          int waits, struct weir_error *error)
{
    struct beginning beginning = {operation, begin, data};
    int status = weir__context_check(operation->weir, error);

    if (status < 0) {
        destroy(operation);
        return status;
    }
    (waits ? weir__context_do_then_wait : weir__context_do)(operation->weir, do_begin, &beginning);
    status = operation->failed;
    if (status >= 0)
        return 0;
    if (error != NULL)
        *error = operation->error;
    destroy(operation);
    return status;
}

void weir__operation_fail(struct weir__operation *operation, const struct weir_error *error)
{
    if (operation->failed == 0) {
        operation->error = *error;
        operation->failed = error->status;
    }
}

void weir__operation_hold(struct weir__operation *operation)
{
    operation->holds++;
}

int weir__operation_release(struct weir__operation *operation)
{
    if (--operation->holds > 0)
        return 0;
    if (operation->freed)
        destroy(operation);
    else if (operation->over)
        weir__context_done(operation->weir,
                           &operation->finished); /* a thread that waits may free it now */
    else
        return 0;
    return 1;
}

void weir__operation_end(struct weir__operation *operation)
{
    operation->over = 1;
    weir__operation_hold(operation);
    operation->ops->tell(operation);
    weir__operation_release(operation);
}

int weir__operation_check(const struct weir__operation *operation, struct weir_error *error)
{
    if (!operation->over)
        return weir__fail(error, WEIR_ERR_BUSY, 0, "%s is not over", operation->ops->noun);
    if (operation->failed < 0 && error != NULL)
        *error = operation->error;
    return operation->failed;
}

int weir__operation_wait(struct weir__operation *operation, struct weir_error *error)
{
    int status = weir__context_wait(operation->weir, &operation->finished, error);

    return status < 0 ? status : weir__operation_check(operation, error);
}

static void do_free(void *data)
{
    struct weir__operation *operation = data;

    if (!operation->over) {
        operation->over = 1;
        operation->ops->abandon(operation);
    }
    operation->freed = 1;
    weir__context_leave(&operation->member);
    weir__operation_hold(operation);
    weir__operation_release(operation);
}

void weir__operation_free(struct weir__operation *operation)
{
    if (weir__context_check(operation->weir, NULL) < 0)
        return; /* what the parent started goes on */
    if (weir__context_is_done(operation->weir, &operation->finished))
        destroy(operation);
    else
        weir__context_do(operation->weir, do_free, operation);
}
