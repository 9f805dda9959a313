/* One-time tokens: what is read is within its limits, and written again under a key it is read the
 * same and signed; a key of our own never fits what comes. */
#include "config.h"

#include <string.h>

#include "fuzz/replay.h"
#include "http/token.h"

static const char key[] = "a key of more than thirty-two bytes";
static const char other[] = "another one of more than thirty-two";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct weir__http_text text = {(const char *)bytes, length};
    struct weir__buffer again = {0};
    struct weir__token token, copy;

    HOLDS(!weir__token_is_signed(text, other, sizeof other));
    if (weir__token_read(text, &token) < 0)
        return 0;
    HOLDS(length <= WEIR__TOKEN_MAX && token.exp > token.iat);
    HOLDS(strlen(token.jti) >= 16 && strlen(token.hash) == WEIR__DIGEST_SIZE - 1);
    if (weir__token_write(&token, key, sizeof key, &again) == 0) {
        text = (struct weir__http_text){again.bytes, again.length};
        HOLDS(weir__token_read(text, &copy) == 0);
        HOLDS(memcmp(&token, &copy, sizeof token) == 0);
        HOLDS(weir__token_is_signed(text, key, sizeof key));
        HOLDS(!weir__token_is_signed(text, other, sizeof other));
    } else {
        HOLDS(length > 1000); /* what escapes make too long */
    }
    weir__buffer_clear(&again);
    return 0;
}
