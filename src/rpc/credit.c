#include "config.h"

#include "rpc/credit.h"

bool weir__sender_grant(struct weir__sender *sender, int64_t n)
{
    if (n < 1 || n > WEIR__CREDIT_MAX)
        return false;
    sender->credit = sender->credit > WEIR__CREDIT_MAX - n ? WEIR__CREDIT_MAX : sender->credit + n;
    return true;
}

bool weir__sender_take(struct weir__sender *sender)
{
    if (sender->is_closed || sender->credit == 0)
        return false;
    sender->credit--;
    return true;
}

bool weir__receiver_take(struct weir__receiver *receiver)
{
    if (receiver->is_closed || receiver->granted == 0)
        return false;
    receiver->granted--;
    return true;
}

int64_t weir__receiver_consume(struct weir__receiver *receiver)
{
    int64_t n = ++receiver->consumed;

    if (receiver->is_closed || n < (receiver->window + 1) / 2)
        return 0;
    receiver->consumed = 0;
    receiver->granted += n;
    return n;
}
