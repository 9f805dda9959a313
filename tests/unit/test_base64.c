#include "config.h"

#include "base/base64.h"

#include <stdlib.h>
#include <string.h>

#include "support/harness.h"

static void the_vectors_of_rfc_4648_hold(void)
{
    static const struct {
        const char *bytes, *text;
    } vectors[] = {{"", ""},
                   {"f", "Zg=="},
                   {"fo", "Zm8="},
                   {"foo", "Zm9v"},
                   {"foob", "Zm9vYg=="},
                   {"fooba", "Zm9vYmE="},
                   {"foobar", "Zm9vYmFy"},
                   {"\xFB\xFF\xFE", "+//+"}};

    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        size_t length = strlen(vectors[i].bytes);
        struct weir__buffer bytes = {0};
        char *text = NULL;

        CU_ASSERT_EQUAL_FATAL(weir__base64_encode(vectors[i].bytes, length, &text, NULL), 0);
        CU_ASSERT_STRING_EQUAL(text, vectors[i].text);
        CU_ASSERT_EQUAL(weir__base64_decode(text, strlen(text), &bytes, NULL), 0);
        CU_ASSERT_EQUAL(bytes.length, length);
        CU_ASSERT(length == 0 || memcmp(bytes.bytes, vectors[i].bytes, length) == 0);
        free(text);
        weir__buffer_clear(&bytes);
    }
}

static void any_bytes_come_back(void)
{
    unsigned char bytes[259];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 167);
    for (size_t length = 0; length <= sizeof bytes; length++) {
        struct weir__buffer back = {0};
        char *text;

        CU_ASSERT_EQUAL_FATAL(weir__base64_encode(bytes, length, &text, NULL), 0);
        CU_ASSERT_EQUAL(weir__base64_decode(text, strlen(text), &back, NULL), 0);
        CU_ASSERT_EQUAL(back.length, length);
        CU_ASSERT(length == 0 || memcmp(back.bytes, bytes, length) == 0);
        free(text);
        weir__buffer_clear(&back);
    }
}

static void what_is_not_strict_base64_is_refused_and_nothing_is_added(void)
{
    static const char *const refused[] = {
        "Zg",   "Zg=",  "Zg===", "Z===", "====", "Zm=v",         "=Zm9",     "Zm9v\n",
        "Zm 9", "Zm9-", "Zm9_",  "Zh==", "Zm9=", "Zm9vZg==Zm9v", "Zm9v====", "Z\xC3\xA9v",
    };

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct weir__buffer bytes = {0};
        struct weir_error error;

        CU_ASSERT_EQUAL_FATAL(weir__buffer_add(&bytes, "kept", 4, NULL), 0);
        CU_ASSERT_EQUAL(weir__base64_decode(refused[i], strlen(refused[i]), &bytes, &error),
                        WEIR_ERR_INVALID);
        CU_ASSERT_EQUAL(error.status, WEIR_ERR_INVALID);
        CU_ASSERT_EQUAL(bytes.length, 4);
        CU_ASSERT(memcmp(bytes.bytes, "kept", 4) == 0);
        weir__buffer_clear(&bytes);
    }
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"the vectors of RFC 4648 hold", the_vectors_of_rfc_4648_hold},
        {"any bytes come back", any_bytes_come_back},
        {"what is not strict base64 is refused, and nothing is added",
         what_is_not_strict_base64_is_refused_and_nothing_is_added},
        CU_TEST_INFO_NULL,
    };

    return run_suite("base64", tests);
}
