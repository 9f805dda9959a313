#include "config.h"

#include "cli/serve_audit.h"

#include "base/fd.h"

static enum weir__audit_outcome outcome_of(enum weir_outcome outcome)
{
    switch (outcome) {
    case WEIR_CALL_RETURNED:
        return WEIR__AUDIT_OK;
    case WEIR_CALL_CANCELLED:
        return WEIR__AUDIT_CANCELLED;
    case WEIR_CALL_DEADLINE:
        return WEIR__AUDIT_TIMED_OUT;
    case WEIR_CALL_UNKNOWN:
        return WEIR__AUDIT_LOST;
    case WEIR_CALL_NO_WORKER:
    case WEIR_CALL_REFUSED:
        return WEIR__AUDIT_NOT_STARTED;
    default:
        return WEIR__AUDIT_FAILED;
    }
}

static struct weir__audit_call record_of(const struct serve_audit *calls,
                                         const struct weir__served_call *call)
{
    return (struct weir__audit_call){
        .door = call->door,
        .connection = call->connection,
        .client = call->client,
        .label = call->label,
        .method = call->method,
        .traceparent = call->traceparent,
        .arguments = call->params.bytes,
        .arguments_length = call->params.length,
        .keeps_arguments = calls->keeps_arguments,
        .result = call->result.bytes,
        .result_length = call->result.length,
        .outcome = outcome_of(call->outcome),
        .wall_ns = call->wall_ns,
        .pid = call->pid,
    };
}

static void on_call(const struct weir__served_call *call, void *context)
{
    struct serve_audit *calls = context;
    struct weir__audit_call record = record_of(calls, call);

    if (record.arguments == NULL)
        record.arguments = "";
    audit_add_call(&calls->audit, &record);
}

static int fail(const struct weir_error *error)
{
    cli_say(&cli_serve, "%s", error->text);
    return CLI_FAILED;
}

int serve_audit_begin(struct serve_audit *calls, const struct serve_values *values,
                      const struct cli_parsed *parsed, const char *program,
                      struct weir__server *server)
{
    struct weir_error error;
    int status = audit_begin(&calls->audit, &cli_serve, parsed, program);

    if (status != 0)
        return status;
    if (calls->audit.log == NULL)
        return values->audit_arguments
                   ? cli_bad_usage(&cli_serve, "--audit-arguments requires --audit FILE")
                   : 0;
    if (weir__pipe(calls->failed, &error) < 0 || weir__pipe(calls->written, &error) < 0)
        return fail(&error);
    weir__fd_set_nonblocking(calls->failed[1]);
    weir__fd_set_nonblocking(calls->written[0]);
    weir__fd_set_nonblocking(calls->written[1]);
    calls->keeps_arguments = values->audit_arguments;
    server->on_call = on_call;
    server->on_call_context = calls;
    return audit_begin_calls(
        &calls->audit, parsed,
        (struct weir__audit_bells){.failed = calls->failed[1], .written = calls->written[1]},
        &calls->waits);
}

#ifdef WEIR_HTTP
static uint64_t on_web_call(const struct weir__web_call *call, void *context)
{
    struct serve_audit *calls = context;
    struct weir__audit_request request = {
        .id = call->id,
        .peer = call->caller.peer,
        .token = call->caller.token,
        .subject = call->caller.subject,
        .status = call->status,
    };
    struct weir__audit_call record = record_of(calls, &call->made);
    uint64_t number;

    record.request = &request;
    number = audit_add_call(&calls->audit, &record);

    return calls->waits ? number : 0;
}

static uint64_t count_written(void *context)
{
    const struct serve_audit *calls = context;

    return weir__audit_journal_written(calls->audit.journal);
}

void serve_audit_web(struct serve_audit *calls, struct weir__web_options *options)
{
    if (calls->audit.journal == NULL)
        return;
    options->on_call = on_web_call;
    options->count_written = count_written;
    options->written_fd = calls->waits ? calls->written[0] : -1;
    options->call_context = calls;
}
#endif

int serve_audit_failed(struct serve_audit *calls, struct weir_error *error)
{
    if (calls->failed[0] < 0 || weir__audit_journal_failure(calls->audit.journal, error) == 0)
        return 0;
    weir__close(&calls->failed[0]); /* it is said once */
    return 1;
}

int serve_audit_end(struct serve_audit *calls, enum weir__audit_outcome outcome, int status,
                    const char *detail)
{
    status = audit_end(&calls->audit, outcome, status, detail);
    for (int i = 0; i < 2; i++) {
        weir__close(&calls->failed[i]);
        weir__close(&calls->written[i]);
    }
    return status;
}
