#include "config.h"

#include "proc/operation.h"

#include <string.h>

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
    const void *given;
};

static void do_begin(void *data)
{
    struct beginning *beginning = data;
    struct weir__operation *operation = beginning->operation;
    int status = operation->ops->begin(operation, beginning->given);

    if (status < 0)
        operation->failed = status;
    else
        weir__context_join(operation->weir, &operation->member, free_member);
}

int weir__operation_begin(struct weir__operation *operation, const void *given, int waits,
                          struct weir_error *error)
{
    struct beginning beginning = {operation, given};
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
    operation->ops->report(operation);
    weir__operation_release(operation);
}

int weir__operation_take(struct weir__operation *operation, void *result, struct weir_error *error)
{
    const struct weir__operation_ops *ops = operation->ops;
    char *ours = (char *)operation + ops->result_at;

    if (!operation->over)
        return weir__fail(error, WEIR_ERR_BUSY, 0, "%s is not over", ops->noun);
    if (operation->failed < 0) {
        if (error != NULL)
            *error = operation->error;
        return operation->failed;
    }
    if (ops->result_size > 0) {
        memcpy(result, ours, ops->result_size);
        memset(ours, 0, ops->result_size);
    }
    return 0;
}

int weir__operation_wait(struct weir__operation *operation, void *result, struct weir_error *error)
{
    int status = weir__context_wait(operation->weir, &operation->finished, error);

    return status < 0 ? status : weir__operation_take(operation, result, error);
}

int weir__operation_wait_interruptible(struct weir__operation *operation, void *result,
                                       struct weir_error *error)
{
    int status = weir__context_wait_interruptible(operation->weir, &operation->finished, error);

    return status < 0 ? status : weir__operation_take(operation, result, error);
}

int weir__operation_finish(struct weir__operation *operation, void *result,
                           const struct weir_error *why, struct weir_error *error)
{
    struct weir_error failure;
    int status;

    if (operation == NULL) {
        status = (int)why->status;
    } else {
        status = weir__operation_wait(operation, result, &failure);
        why = &failure;
        weir__operation_free(operation);
    }
    if (status < 0 && error != NULL)
        *error = *why;
    return status;
}

struct request {
    struct weir__operation *operation;
    void (*act)(struct weir__operation *operation, int number);
    int number;
};

static void do_ask(void *data)
{
    struct request *request = data;

    if (!request->operation->over)
        request->act(request->operation, request->number);
}

void weir__operation_ask(struct weir__operation *operation,
                         void (*act)(struct weir__operation *operation, int number), int number)
{
    struct request request = {operation, act, number};

    weir__context_do(operation->weir, do_ask, &request);
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
