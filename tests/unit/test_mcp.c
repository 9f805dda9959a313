#include "config.h"

#include <string.h>

#include "rpc/mcp.h"
#include "support/harness.h"

#define SELF "{\"name\":\"weir\",\"version\":\"" PACKAGE_VERSION "\"}"
#define META                                                                                       \
    "\"" WEIR__MCP_VERSION "\":\"2026-07-28\",\"" WEIR__MCP_CLIENT "\":" SELF                      \
    ",\"" WEIR__MCP_CAPABILITIES "\":"

static struct weir__buffer line;

static void wrote(int status, const char *expected)
{
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_EQUAL(line.length, strlen(expected));
    CU_ASSERT(line.length == strlen(expected) && memcmp(line.bytes, expected, line.length) == 0);
    if (line.length != strlen(expected))
        printf("# %.*s\n# %s\n", (int)line.length, line.bytes, expected);
    weir__buffer_clear(&line);
}

static void requests_have_the_meta_of_their_era(void)
{
    struct weir__slice id = weir__slice_of("7"), none = {NULL, 0};
    struct weir__slice numbers = weir__slice_of("{\"n\":1.50}");
    struct weir__mcp_terms legacy = {.era = WEIR__MCP_LEGACY}, modern = {.era = WEIR__MCP_MODERN};

    wrote(weir__mcp_write_request(&line, id, "tools/list", none, &legacy),
          "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\",\"params\":{}}\n");
    wrote(weir__mcp_write_request(&line, id, "tools/list", none, &modern),
          "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\",\"params\":{\"_meta\":{" META
          "{}}}}\n");
    wrote(weir__mcp_write_tool_call(&line, id, "a\"b", numbers, &legacy),
          "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"a\\\"b\","
          "\"arguments\":{\"n\":1.50}}}\n");
    legacy.wants_progress = true;
    legacy.traceparent = "00-1-2-03";
    wrote(weir__mcp_write_tool_call(&line, id, "a", none, &legacy),
          "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"a\","
          "\"arguments\":{},\"_meta\":{\"progressToken\":7,\"traceparent\":\"00-1-2-03\"}}}\n");
    wrote(weir__mcp_write_cancelled(&line, id, "cancelled"),
          "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":7,"
          "\"reason\":\"cancelled\"}}\n");
    wrote(weir__mcp_write_notification(&line, "notifications/initialized", none),
          "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
}

static void a_given_meta_is_kept_where_it_is_not_weirs(void)
{
    struct weir__slice id = weir__slice_of("7");
    struct weir__slice given = weir__slice_of(
        "{\"uri\":\"a\", \"_meta\":{\"mine\":1,\"progressToken\":\"x\",\"" WEIR__MCP_VERSION
        "\":\"1\",\"" WEIR__MCP_CAPABILITIES "\":{\"roots\":{}}},\"requestState\":\"old\"}");
    struct weir__mcp_terms legacy = {.era = WEIR__MCP_LEGACY},
                           modern = {.era = WEIR__MCP_MODERN,
                                     .request_state = weir__slice_of("\"\\u0061\"")};

    wrote(weir__mcp_write_request(&line, id, "resources/read", given, &legacy),
          "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"resources/read\",\"params\":{\"uri\":\"a\","
          "\"requestState\":\"old\",\"_meta\":{\"mine\":1}}}\n");
    wrote(weir__mcp_write_request(&line, id, "resources/read", given, &modern),
          "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"resources/read\",\"params\":{\"uri\":\"a\","
          "\"requestState\":\"\\u0061\",\"_meta\":{" META "{\"roots\":{}},\"mine\":1}}}\n");
}

static void results_are_cut(void)
{
    static const struct {
        const char *result;
        enum weir__mcp_result_kind kind;
        const char *value; /* or the error object */
    } rows[] = {
        {"{\"content\":[{\"type\":\"text\",\"text\":\"a\\n\"}]}", WEIR__MCP_VALUE, "\"a\\n\""},
        {"{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"structuredContent\":{\"n\":1.0}}",
         WEIR__MCP_VALUE, "{\"n\":1.0}"},
        {"{\"content\":[],\"structuredContent\":null,\"resultType\":\"complete\"}", WEIR__MCP_VALUE,
         "null"},
        {"{\"content\":[]}", WEIR__MCP_VALUE, "[]"},
        {"{\"content\":[{\"type\":\"image\",\"data\":\"\"}],\"isError\":false}", WEIR__MCP_VALUE,
         "[{\"type\":\"image\",\"data\":\"\"}]"},
        {"{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}",
         WEIR__MCP_VALUE,
         "[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]"},
        {"{\"tools\":[]}", WEIR__MCP_VALUE, "{\"tools\":[]}"},
        {"{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{},{\"type\":\"text\",\"text\":\"b\"}],"
         "\"isError\":true}",
         WEIR__MCP_FAILED,
         "{\"code\":1000,\"message\":\"a\\nb\",\"data\":{\"content\":[{\"type\":\"text\",\"text\":"
         "\"a\"},{},{\"type\":\"text\",\"text\":\"b\"}],\"isError\":true}}"},
        {"{\"isError\":true}", WEIR__MCP_FAILED,
         "{\"code\":1000,\"message\":\"the tool failed\",\"data\":{\"isError\":true}}"},
        {"{\"resultType\":\"task\",\"isError\":true}", WEIR__MCP_UNKNOWN,
         "{\"code\":-32603,\"message\":\"unknown resultType: task\",\"data\":{\"resultType\":"
         "\"task\",\"isError\":true}}"},
        {"{\"resultType\":5}", WEIR__MCP_UNKNOWN,
         "{\"code\":-32603,\"message\":\"unknown resultType\",\"data\":{\"resultType\":5}}"},
        {"{\"resultType\":\"input_required\",\"inputRequests\":{\"a\":{\"method\":\"roots/"
         "list\"}}}",
         WEIR__MCP_ASKS,
         "{\"code\":-32603,\"message\":\"the tool asks for roots/list, but there is no user to "
         "ask\","
         "\"data\":{\"resultType\":\"input_required\",\"inputRequests\":{\"a\":{\"method\":"
         "\"roots/list\"}}}}"},
        {"{\"resultType\":\"input_required\",\"inputRequests\":{},\"requestState\":\"s\"}",
         WEIR__MCP_REPEAT, NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct weir__mcp_result read;

        weir__mcp_result_read(weir__slice_of(rows[i].result), &read);
        CU_ASSERT_EQUAL(read.kind, rows[i].kind);
        if (read.kind == WEIR__MCP_VALUE)
            wrote(weir__buffer_add(&line, read.value.bytes, read.value.length, NULL),
                  rows[i].value);
        else if (rows[i].value != NULL)
            wrote(weir__mcp_write_failure(&line, &read), rows[i].value);
    }
}

static void texts_are_cut_between_characters(void)
{
    struct weir__slice content = weir__slice_of("[{\"type\":\"text\",\"text\":\"ab\"},{\"type\":"
                                                "\"text\",\"text\":\"\\u00e9\\u00e9\"}]");

    wrote(weir__mcp_text(content, 6, &line), "ab\n\xc3\xa9");
    wrote(weir__mcp_text(content, 2, &line), "ab");
    wrote(weir__mcp_text(content, 100, &line), "ab\n\xc3\xa9\xc3\xa9");
}

static void versions_and_capabilities_are_known(void)
{
    CU_ASSERT(weir__mcp_is_legacy(weir__slice_of("\"2024-11-05\"")));
    CU_ASSERT(!weir__mcp_is_legacy(weir__slice_of("\"2026-07-28\"")));
    CU_ASSERT_EQUAL(weir__mcp_request("resources/read"), WEIR__MCP_RESOURCES);
    CU_ASSERT_EQUAL(weir__mcp_request("ping"), 0);
    CU_ASSERT_EQUAL(weir__mcp_capabilities(weir__slice_of(
                        "{\"tools\":{\"listChanged\":true},\"prompts\":{},\"resources\":null}")),
                    WEIR__MCP_TOOLS | WEIR__MCP_TOOLS_CHANGE | WEIR__MCP_PROMPTS);
}

static void the_meta_of_a_request_is_read(void)
{
    struct weir__mcp_meta meta;

    weir__mcp_meta_read(
        weir__slice_of("{\"_meta\":{\"progressToken\":0,\"" WEIR__MCP_VERSION "\":\"x\"}}"), &meta);
    CU_ASSERT(weir__slice_is(meta.version, "x"));
    CU_ASSERT_EQUAL(weir__slice_number(meta.progress_token), 0);
    CU_ASSERT_PTR_NULL(meta.capabilities.bytes);
    weir__mcp_meta_read(weir__slice_of("[]"), &meta);
    CU_ASSERT_PTR_NULL(meta.version.bytes);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"requests have the _meta of their era", requests_have_the_meta_of_their_era},
        {"a given _meta is kept where it is not weir's",
         a_given_meta_is_kept_where_it_is_not_weirs},
        {"results are cut", results_are_cut},
        {"texts are cut between characters", texts_are_cut_between_characters},
        {"versions and capabilities are known", versions_and_capabilities_are_known},
        {"the _meta of a request is read", the_meta_of_a_request_is_read},
        CU_TEST_INFO_NULL,
    };

    return run_suite("mcp", tests);
}
