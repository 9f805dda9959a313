#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <weir/lines.h>

#include "rpc/credit.h"
#include "rpc/rpc_parse.h"
#include "rpc/rpc_write.h"
#include "support/harness.h"

static struct weir__message scanned(const char *line)
{
    struct weir__message message;

    weir__message_scan(line, strlen(line), &message);
    return message;
}

static int is_text(struct weir__slice slice, const char *text)
{
    if (slice.bytes == NULL || text == NULL)
        return slice.bytes == NULL && text == NULL;
    return slice.length == strlen(text) && memcmp(slice.bytes, text, slice.length) == 0;
}

static int is_same(struct weir__slice slice, struct weir__slice other)
{
    return (slice.bytes == NULL) == (other.bytes == NULL) && slice.length == other.length
           && (slice.bytes == NULL || memcmp(slice.bytes, other.bytes, slice.length) == 0);
}

/* Results as weir's workers write them are read in a shorter way, which a space in front prevents.
 */
static void a_usual_result_is_read_like_any_other(void)
{
#define USUAL "{\"jsonrpc\":\"2.0\",\"id\":"
    static const char *const lines[] = {
        USUAL "1,\"result\":7}",
        USUAL "1,\"result\":null}",
        USUAL "9007199254740991,\"result\":[1,{\"a\":\"}\"}]}",
        USUAL "9007199254740993,\"result\":{}}",
        USUAL "123456789012345678901234567890,\"result\":{}}",
        USUAL "0,\"result\":\"a\"}",
        USUAL "01,\"result\":7}",
        USUAL "-1,\"result\":7}",
        USUAL "\"1\",\"result\":7}",
        USUAL "1.5,\"result\":7}",
        USUAL "1,\"result\":7,\"error\":{}}",
        USUAL "1,\"result\":7,\"result\":8}",
        USUAL "1,\"result\":7,\"id\":8}",
        USUAL "1,\"result\":7}}",
        USUAL "1,\"result\":7} ",
        USUAL "1,\"result\": 7}",
        USUAL "1,\"result\":7 }",
        USUAL "1,\"result\":}",
        USUAL "1,\"result\":",
        USUAL "1,\"result\":\"}",
        USUAL "1,\"result\":\"\\\"}",
        USUAL "1,\"result\":\"\xff\"}",
        USUAL "1,\"result\":01}",
        USUAL "1,\"resul\":7}",
        USUAL "1,\"results\":7}",
        USUAL "1}",
        USUAL "}",
        USUAL "1,\"method\":7}",
        USUAL "12345678901}",
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        size_t length = strlen(lines[i]);
        char *exact = malloc(length), behind[200] = " ";
        struct weir__message message, usual;

        CU_ASSERT_FATAL(exact != NULL && length < sizeof behind - 1);
        memcpy(exact, lines[i], length);
        memcpy(behind + 1, lines[i], length + 1);
        weir__message_scan(exact, length, &usual);
        message = scanned(behind);
        CU_ASSERT_EQUAL(usual.kind, message.kind);
        CU_ASSERT_EQUAL(usual.number, message.number);
        CU_ASSERT(is_same(usual.id, message.id));
        CU_ASSERT(is_same(usual.result, message.result));
        CU_ASSERT(is_same(usual.error, message.error));
        CU_ASSERT(is_same(usual.method, message.method));
        free(exact);
    }
#undef USUAL
}

/* The deepest value is one level less deep than the line. */
static void a_usual_result_is_as_deep_as_any_other(void)
{
    static const char begin[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":";
    char line[4000];

    for (size_t depth = 1022; depth <= 1024; depth++) {
        size_t length = strlen(begin) + 2 * depth;

        memcpy(line, begin, strlen(begin));
        memset(line + strlen(begin), '[', depth);
        memset(line + strlen(begin) + depth, ']', depth);
        memcpy(line + length, "}", 2);
        CU_ASSERT_EQUAL(scanned(line).kind,
                        depth < 1024 ? WEIR__MESSAGE_RESULT : WEIR__MESSAGE_NOT_JSON);
    }
}

static void every_kind_is_distinguished(void)
{
    static const struct {
        const char *line;
        enum weir__message_kind kind;
        const char *id;
    } rows[] = {
        {"", WEIR__MESSAGE_BLANK, NULL},
        {" \t\r", WEIR__MESSAGE_BLANK, NULL},
        {"hello", WEIR__MESSAGE_NOISE, NULL},
        {"7", WEIR__MESSAGE_NOISE, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}", WEIR__MESSAGE_REQUEST, "1"},
        {"{\"id\":\"x\",\"method\":\"a\",\"jsonrpc\":\"2.0\"}", WEIR__MESSAGE_REQUEST, "\"x\""},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"a\"}", WEIR__MESSAGE_NOTIFICATION, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}", WEIR__MESSAGE_RESULT, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":-1,\"error\":{}}", WEIR__MESSAGE_ERROR, "-1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{}}", WEIR__MESSAGE_ERROR, "null"},
        {"[]", WEIR__MESSAGE_BATCH, NULL},
        {"{}", WEIR__MESSAGE_NOT_RPC, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":1}", WEIR__MESSAGE_NOT_RPC, "1"},
        {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"a\"}", WEIR__MESSAGE_NOT_RPC, "1"},
        {"{\"id\":1,\"method\":\"a\"}", WEIR__MESSAGE_NOT_RPC, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}", WEIR__MESSAGE_NOT_RPC, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"params\":5}", WEIR__MESSAGE_NOT_RPC,
         "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"weir\":[]}", WEIR__MESSAGE_NOT_RPC, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"a\"}", WEIR__MESSAGE_NOT_RPC, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"a\"}", WEIR__MESSAGE_NOT_RPC, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"a\"}", WEIR__MESSAGE_NOT_RPC, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":1}", WEIR__MESSAGE_NOT_RPC, NULL},
        {"{\"jsonrpc\":\"2.0\",\"result\":1}", WEIR__MESSAGE_NOT_RPC, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1,\"error\":{}}", WEIR__MESSAGE_NOT_RPC, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":5}", WEIR__MESSAGE_NOT_RPC, "1"},
        {"{\"id\":1,", WEIR__MESSAGE_NOT_JSON, "1"},
        {"{\"id\":1", WEIR__MESSAGE_NOT_JSON, NULL},
        {"{\"id\":\"a", WEIR__MESSAGE_NOT_JSON, NULL},
        {"{\"id\":\"a\\\"", WEIR__MESSAGE_NOT_JSON, NULL},
        {"{\"x\":{\"id\":2},\"id\":\"a\",\"params\":[\"\xff\"]}", WEIR__MESSAGE_NOT_JSON, "\"a\""},
        {"{\"id\":null,!", WEIR__MESSAGE_NOT_JSON, NULL},
        {"{", WEIR__MESSAGE_NOT_JSON, NULL},
        {"[", WEIR__MESSAGE_NOT_JSON, NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct weir__message message = scanned(rows[i].line);

        if (message.kind != rows[i].kind || !is_text(message.id, rows[i].id))
            printf("# %s\n", rows[i].line);
        CU_ASSERT_EQUAL(message.kind, rows[i].kind);
        CU_ASSERT(is_text(message.id, rows[i].id));
    }
}

static void payloads_are_slices_byte_for_byte(void)
{
    struct weir__message message = scanned(
        " { \"jsonrpc\" : \"2.0\" , \"id\" : 12 , \"method\" : \"a\\u0062\" ,"
        " \"params\" : [1e400, \"]}\\\\\\\"\", {\"id\":3}, 0.10 ] , \"weir\":{\"credit\":4} } ");

    CU_ASSERT_EQUAL(message.kind, WEIR__MESSAGE_REQUEST);
    CU_ASSERT_EQUAL(message.number, 12);
    CU_ASSERT(weir__slice_is(message.method, "ab"));
    CU_ASSERT(!weir__slice_is(message.method, "a"));
    CU_ASSERT(is_text(message.params, "[1e400, \"]}\\\\\\\"\", {\"id\":3}, 0.10 ]"));
    CU_ASSERT(is_text(message.weir, "{\"credit\":4}"));
}

static void of_a_doubled_member_the_last_counts(void)
{
    struct weir__message message =
        scanned("{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"result\":1,\"result\":[2]}");

    CU_ASSERT_EQUAL(message.number, 2);
    CU_ASSERT(is_text(message.result, "[2]"));
}

static void a_batch_is_stepped_through(void)
{
    struct weir__message message = scanned(" [ {\"a\":[1,2]} ,5, \"x,]\" ] ");
    struct weir__slice element;

    CU_ASSERT_EQUAL(message.kind, WEIR__MESSAGE_BATCH);
    CU_ASSERT_EQUAL(weir__message_next(&message.params, &element), 1);
    CU_ASSERT(is_text(element, "{\"a\":[1,2]}"));
    CU_ASSERT_EQUAL(weir__message_next(&message.params, &element), 1);
    CU_ASSERT(is_text(element, "5"));
    CU_ASSERT_EQUAL(weir__message_next(&message.params, &element), 1);
    CU_ASSERT(is_text(element, "\"x,]\""));
    CU_ASSERT_EQUAL(weir__message_next(&message.params, &element), 0);
    CU_ASSERT_EQUAL(weir__message_next(&message.params, &element), 0);
    message = scanned("[]");
    CU_ASSERT_EQUAL(weir__message_next(&message.params, &element), 0);
}

static void numbers_have_their_bounds(void)
{
    CU_ASSERT_EQUAL(weir__slice_number(weir__slice_of("9007199254740991")),
                    INT64_C(9007199254740991));
    CU_ASSERT_EQUAL(weir__slice_number(weir__slice_of("9007199254740992")), -1);
    CU_ASSERT_EQUAL(weir__slice_number(weir__slice_of("-1")), -1);
    CU_ASSERT_EQUAL(weir__slice_number(weir__slice_of("1.0")), -1);
    CU_ASSERT_EQUAL(weir__slice_number(weir__slice_of("99999999999999999999")), -1);
    CU_ASSERT_EQUAL(weir__slice_number((struct weir__slice){NULL, 0}), -1);
}

static void strings_lose_their_escapes(void)
{
    static const struct {
        const char *raw, *text;
        size_t length;
    } rows[] = {
        {"\"\"", "", 0},
        {"\"a\\n\\t\\\\\\/\\\"\\b\\f\\r\"", "a\n\t\\/\"\b\f\r", 9},
        {"\"\\u00e9\\u20ac\\uD83D\\ude00\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9},
        {"\"\\ud83d\"", "\xef\xbf\xbd", 3},
        {"\"\\ud83d\\u0041\"",
         "\xef\xbf\xbd"
         "A",
         4},
        {"\"a\\u0000b\"", "a\0b", 3},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t length = 99;
        char *text = weir__slice_string(weir__slice_of(rows[i].raw), &length);

        CU_ASSERT_PTR_NOT_NULL_FATAL(text);
        CU_ASSERT_EQUAL(length, rows[i].length);
        CU_ASSERT(memcmp(text, rows[i].text, rows[i].length + 1) == 0);
        free(text);
    }
    CU_ASSERT_PTR_NULL(weir__slice_string(weir__slice_of("5"), NULL));
}

static void messages_are_written_as_the_protocol_shows_them(void)
{
    struct weir__buffer to = {0};
    struct weir__call_terms none = {.deadline_ms = -1};
    struct weir__call_terms all = {.deadline_ms = 1500,
                                   .credit = 16,
                                   .input = 1,
                                   .traceparent = "00-ab",
                                   .tracestate = "k=\"v\""};
    struct weir__slice id = weir__slice_of("7"), nothing = {NULL, 0};
    static const char wanted[] =
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"add\",\"params\":[3,4]}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"a\\\"\\u0001\xef\xbf\xbd\",\"weir\":{"
        "\"deadline_ms\":1500,"
        "\"credit\":16,\"stream\":\"in\",\"traceparent\":\"00-ab\",\"tracestate\":\"k=\\\"v\\\"\"}}"
        "\n"
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1e400}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"no\",\"data\":["
        "1]}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{}}\n"
        "{\"jsonrpc\":\"2.0\",\"method\":\"weir/chunk\",\"params\":{\"id\":7,\"value\":41}}\n"
        "{\"jsonrpc\":\"2.0\",\"method\":\"weir/credit\",\"params\":{\"id\":7,\"n\":8}}\n"
        "{\"jsonrpc\":\"2.0\",\"method\":\"weir/end\",\"params\":{\"id\":7}}\n"
        "{\"jsonrpc\":\"2.0\",\"method\":\"weir/"
        "end\",\"params\":{\"id\":7,\"error\":{\"code\":1}}}\n"
        "{\"jsonrpc\":\"2.0\",\"method\":\"weir/cancel\",\"params\":{\"id\":7}}\n";

    CU_ASSERT_EQUAL(weir__write_request(&to, id, "add", weir__slice_of("[3,4]"), &none), 0);
    CU_ASSERT_EQUAL(weir__write_request(&to, id, "a\"\x01\xff", nothing, &all), 0);
    CU_ASSERT_EQUAL(weir__write_result(&to, id, weir__slice_of("1e400")), 0);
    CU_ASSERT_EQUAL(
        weir__write_error(&to, weir__slice_of("null"), -32700, "no", weir__slice_of("[1]")), 0);
    CU_ASSERT_EQUAL(weir__write_error_object(&to, id, weir__slice_of("{}")), 0);
    CU_ASSERT_EQUAL(weir__write_chunk(&to, id, weir__slice_of("41")), 0);
    CU_ASSERT_EQUAL(weir__write_credit(&to, id, 8), 0);
    CU_ASSERT_EQUAL(weir__write_end(&to, id, nothing), 0);
    CU_ASSERT_EQUAL(weir__write_end(&to, id, weir__slice_of("{\"code\":1}")), 0);
    CU_ASSERT_EQUAL(weir__write_cancel(&to, id), 0);
    CU_ASSERT_EQUAL_FATAL(to.length, sizeof wanted - 1);
    CU_ASSERT(memcmp(to.bytes, wanted, to.length) == 0);
    weir__buffer_clear(&to);
}

static void a_value_is_made_to_fit_one_line(void)
{
    struct weir__buffer to = {0};
    struct weir__slice value;
    struct weir_error error;
    char deep[2 * 1100 + 1];

    CU_ASSERT_EQUAL(weir__value_check(" [1,\n 2]\n", 9, "params", &to, &value, NULL), 0);
    CU_ASSERT(is_text(value, "[1,  2]"));
    CU_ASSERT_EQUAL(weir__value_check(" 5 ", 3, "params", &to, &value, NULL), 0);
    CU_ASSERT(is_text(value, "5"));
    CU_ASSERT_EQUAL(weir__value_check("[1,", 3, "params", &to, &value, &error), WEIR_ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "params is not JSON: at byte 3"));
    CU_ASSERT_EQUAL(weir__value_check("", 0, "params", &to, &value, NULL), WEIR_ERR_INVALID);
    memset(deep, '[', 1100);
    memset(deep + 1100, ']', 1100);
    CU_ASSERT_EQUAL(weir__value_check(deep, 2200, "params", &to, &value, NULL), WEIR_ERR_INVALID);
    CU_ASSERT_EQUAL(weir__value_check(deep, WEIR_MAX_LINE + 1, "params", &to, &value, NULL),
                    WEIR_ERR_TOO_LONG);
    weir__buffer_clear(&to);
}

static void a_sender_stops_at_no_credit(void)
{
    struct weir__sender sender = {0};

    CU_ASSERT(!weir__sender_take(&sender));
    CU_ASSERT(!weir__sender_grant(&sender, 0));
    CU_ASSERT(weir__sender_grant(&sender, 2));
    CU_ASSERT(weir__sender_take(&sender));
    CU_ASSERT(weir__sender_take(&sender));
    CU_ASSERT(!weir__sender_take(&sender));
    CU_ASSERT(weir__sender_grant(&sender, WEIR__CREDIT_MAX));
    CU_ASSERT(weir__sender_grant(&sender, WEIR__CREDIT_MAX));
    CU_ASSERT_EQUAL(sender.credit, WEIR__CREDIT_MAX);
    CU_ASSERT(!weir__sender_grant(&sender, WEIR__CREDIT_MAX + 1));
    sender.is_closed = true;
    CU_ASSERT(!weir__sender_take(&sender));
}

static void a_receiver_grants_half_windows(void)
{
    struct weir__receiver receiver = {.window = 4, .granted = 4};

    for (int i = 0; i < 4; i++)
        CU_ASSERT(weir__receiver_take(&receiver));
    CU_ASSERT(!weir__receiver_take(&receiver));
    CU_ASSERT_EQUAL(weir__receiver_consume(&receiver), 0);
    CU_ASSERT_EQUAL(weir__receiver_consume(&receiver), 2);
    CU_ASSERT_EQUAL(receiver.granted, 2);
    receiver = (struct weir__receiver){.window = 1, .granted = 1};
    CU_ASSERT(weir__receiver_take(&receiver));
    CU_ASSERT_EQUAL(weir__receiver_consume(&receiver), 1);
    receiver.is_closed = true;
    CU_ASSERT(!weir__receiver_take(&receiver));
    CU_ASSERT_EQUAL(weir__receiver_consume(&receiver), 0);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"every kind is distinguished", every_kind_is_distinguished},
        {"a usual result is read like any other", a_usual_result_is_read_like_any_other},
        {"a usual result is as deep as any other", a_usual_result_is_as_deep_as_any_other},
        {"payloads are slices byte for byte", payloads_are_slices_byte_for_byte},
        {"of a doubled member the last counts", of_a_doubled_member_the_last_counts},
        {"a batch is stepped through", a_batch_is_stepped_through},
        {"numbers have their bounds", numbers_have_their_bounds},
        {"strings lose their escapes", strings_lose_their_escapes},
        {"messages are written as the protocol shows them",
         messages_are_written_as_the_protocol_shows_them},
        {"a value is made to fit one line", a_value_is_made_to_fit_one_line},
        {"a sender stops at no credit", a_sender_stops_at_no_credit},
        {"a receiver grants half windows", a_receiver_grants_half_windows},
        CU_TEST_INFO_NULL,
    };

    return run_suite("rpc", tests);
}
