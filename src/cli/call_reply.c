/* weir call: what the remote reports. */
/* weir call: what the remote reports. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/json_parse.h"
#include "cli/arguments.h"
#include "cli/call_cmd.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "rpc/rpc_write.h"

enum {
    OUTPUT_WINDOW = 64, /* values in flight */
    NO_METHOD = -32601, /* of docs/protocol.md */
    BAD_ARGUMENTS = -32602,
};

static void on_value(void *owner, struct weir__slice value)
{
    struct call_cmd *cmd = owner;

    if (cmd->over || cmd->is_done)
        return;
    call_put_line(cmd, value);
    cmd->pending_credit += weir__receiver_consume(&cmd->output);
}

/* Arguments were refused, perhaps because one that looks like a number should be text. */
static void suggest_text(const struct call_cmd *cmd, const json_t *error, const char *message)
{
    const struct cli_list *words = &cmd->parsed.words;
    const char *word = NULL, *value;

    if (json_integer_value(json_object_get(error, "code")) == BAD_ARGUMENTS
        || json_is_true(json_object_get(json_object_get(error, "data"), "isError")))
        word = arguments_find_typed(words->items + 1, words->count - 1, message);
    if (word == NULL)
        return;
    value = strchr(word, '=') + 1;
    cli_say(&cli_call, "%.100s is not passed as text: for text, write %.*s='\"%.100s\"'", word,
            (int)(value - word - 1), word, value);
}

static void report_failure(struct call_cmd *cmd, const struct weir_reply *reply)
{
    json_t *error = reply->error != NULL
                        ? weir__json_parse(reply->error, strlen(reply->error), JSON_ALLOW_NUL, NULL)
                        : NULL;
    const json_t *data = json_object_get(error, "data");
    const json_t *traceback = json_object_get(data, "traceback");
    const char *type = json_string_value(json_object_get(data, "type"));
    const char *message = reply->message != NULL ? reply->message : "";

    call_hide_progress(cmd);
    snprintf(cmd->error_text, sizeof cmd->error_text, "%s", message);
    if (json_is_string(traceback))
        cli_say_lines(json_string_value(traceback), json_string_length(traceback));
    if (reply->outcome == WEIR_CALL_FAILED)
        cli_say(&cli_call, "%s%s%s%s%s", type != NULL ? type : "", type != NULL ? ": " : "",
                message, *message == '\0' ? "the function failed" : "",
                json_integer_value(json_object_get(error, "code")) == NO_METHOD
                    ? ": --list shows what is available"
                    : "");
    else
        cli_say(&cli_call, "%s%s%s", weir_outcome_name(reply->outcome),
                *message != '\0' ? ": " : "", message);
    if (reply->outcome == WEIR_CALL_FAILED)
        suggest_text(cmd, error, message);
    if (cmd->values.json && reply->error != NULL)
        call_put_line(cmd, weir__slice_of(reply->error));
    json_decref(error);
}

static int status_of_reply(const struct call_cmd *cmd, const struct weir_reply *reply)
{
    switch (reply->outcome) {
    case WEIR_CALL_RETURNED:
        return CLI_OK;
    case WEIR_CALL_FAILED:
        return CALL_FUNCTION_FAILED;
    case WEIR_CALL_CANCELLED:
        return cmd->ended_by != 0 ? CLI_SIGNALED + cmd->ended_by : CLI_FAILED;
    case WEIR_CALL_DEADLINE:
        return CALL_DEADLINE;
    case WEIR_CALL_UNKNOWN: /* of one that was to be cancelled */
        return cmd->ended_by != 0 ? CLI_SIGNALED + cmd->ended_by : CLI_FAILED;
    default:
        return CLI_FAILED;
    }
}

static void on_done(void *owner, const struct weir_reply *reply)
{
    struct call_cmd *cmd = owner;
    struct weir__slice result = {reply->result, reply->length};

    if (cmd->over || cmd->is_done)
        return;
    if (reply->outcome != WEIR_CALL_RETURNED)
        report_failure(cmd, reply);
    else if (!cmd->has_output_stream || weir__slice_type(result) != 'n')
        call_put_line(cmd, result);
    call_finish(cmd, status_of_reply(cmd, reply));
}

static void on_lost(void *owner, const char *sentence)
{
    struct call_cmd *cmd = owner;

    if (cmd->over || cmd->is_done)
        return;
    call_fail(cmd, 0, sentence);
    call_finish(cmd, cmd->ended_by != 0 ? CLI_SIGNALED + cmd->ended_by : CLI_FAILED);
}

/* --- The call -------------------------------------------------------------- */

static void print_list(struct call_cmd *cmd, struct weir__slice methods)
{
    size_t length = 0;
    char *text = NULL;
    FILE *stream = open_memstream(&text, &length);
    int status = stream != NULL ? method_list_print(methods, stream) : -1;

    if (stream != NULL && ferror(stream))
        status = -1;
    if (stream != NULL && fclose(stream) != 0)
        status = -1;
    if (status < 0 || text == NULL) /* NULL: glibc's fclose() does not say that memory is short */
        call_end(cmd, call_fail(cmd, CLI_FAILED, "cannot read the list of functions"));
    else if (length > 0) /* without its last line end */
        call_put_line(cmd, (struct weir__slice){text, length - 1});
    free(text);
}

/* The tools of an MCP server as it describes them. */
static void put_tools(struct call_cmd *cmd, struct weir__slice methods)
{
    static const char *const names[] = {"tool"};
    struct weir__buffer *out = &cmd->out;
    struct weir__slice key, method, tool;
    size_t before = out->length;
    int status = 0;

    while (status >= 0 && weir__member_next(&methods, &key, &method)) {
        weir__object_get(method, names, &tool, 1);
        status =
            WEIR__PUT(out, out->length > before ? WEIR__LITERAL(",") : WEIR__LITERAL("["), tool);
    }
    if (status >= 0 && out->length == before)
        status = WEIR__PUT(out, WEIR__LITERAL("["));
    if (status >= 0)
        status = WEIR__PUT(out, WEIR__LITERAL("]\n"));
    if (status < 0)
        call_end(cmd, call_fail(cmd, CLI_FAILED, "no memory for the output"));
}

static void list_methods(struct call_cmd *cmd, struct weir__slice methods)
{
    if (cmd->values.json && cmd->values.protocol == WEIR_DIALECT_MCP)
        put_tools(cmd, methods);
    else if (cmd->values.json)
        call_put_line(cmd, methods);
    else
        print_list(cmd, methods);
    call_finish(cmd, CLI_OK);
}

/* Whether the function has a stream in this direction: "in" or "out". */
static int has_stream(struct weir__slice methods, const char *method, const char *direction)
{
    static const char *const names[] = {"stream"};
    struct weir__slice description, stream;

    weir__object_get(methods, &method, &description, 1);
    weir__object_get(description, names, &stream, 1);
    return weir__slice_is(stream, direction) || weir__slice_is(stream, "both");
}

static void on_ready(void *owner, struct weir__slice methods)
{
    struct call_cmd *cmd = owner;
    struct remote_call call = {
        .timeout_ms = cmd->values.timeout_ms,
        .input = cmd->values.input,
        .whole = cmd->values.whole,
        .credit = OUTPUT_WINDOW,
    };
    struct weir_error error;

    if (cmd->over || cmd->is_done)
        return;
    if (cmd->values.list) {
        list_methods(cmd, methods);
        return;
    }
    call.method = cmd->parsed.words.items[0];
    call.params = (struct weir__slice){cmd->params.bytes, cmd->params.length};
    if (!call.input && has_stream(methods, call.method, "in")) {
        call_end(cmd, call_fail(cmd, CLI_USAGE, "the function reads a stream: use --stdin"));
        return;
    }
    cmd->has_output_stream = has_stream(methods, call.method, "out");
    cmd->output = (struct weir__receiver){.window = OUTPUT_WINDOW, .granted = OUTPUT_WINDOW};
    if (cmd->remote->kind->call(cmd->remote, &call, &error) < 0)
        call_end(cmd, call_fail(cmd, error.status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE,
                                error.text));
    else
        cmd->called = 1;
    if (cmd->deadline_ns == 0 && call.timeout_ms != WEIR_FOREVER)
        cmd->deadline_ns = weir__clock_ns() + call.timeout_ms * 1000000;
}

const struct remote_owner call_owner = {
    .on_ready = on_ready,
    .on_value = on_value,
    .on_progress = call_on_progress,
    .on_done = on_done,
    .on_lost = on_lost,
};
