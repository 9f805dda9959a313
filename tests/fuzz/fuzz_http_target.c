/* Percent-encoded text: what is decoded is UTF-8 without control characters, and encoded again it
 * is decoded the same. */
#include "config.h"

#include <string.h>

#include "base/utf8.h"
#include "fuzz/replay.h"
#include "http/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct weir__buffer once = {0}, encoded = {0}, again = {0};
    struct weir__http_text target = {(const char *)bytes, length}, path, query;
    int status;

    weir__http_target_split(target, &path, &query);
    HOLDS(path.length + (query.bytes != NULL ? 1 + query.length : 0) == length);
    status = weir__http_target_decode(path, &once);
    HOLDS(status == 0 || (status == 400 && once.length == 0));
    if (status == 0) {
        HOLDS(weir__utf8_valid(once.bytes, once.length));
        for (size_t i = 0; i < once.length; i++)
            HOLDS((unsigned char)once.bytes[i] >= ' ' && once.bytes[i] != 0x7F);
        HOLDS(weir__http_target_encode(once.bytes, once.length, &encoded) == 0);
        HOLDS(weir__http_target_decode(
                  (struct weir__http_text){encoded.length > 0 ? encoded.bytes : "", encoded.length},
                  &again)
              == 0);
        HOLDS(again.length == once.length && memcmp(again.bytes, once.bytes, once.length) == 0);
    }
    weir__buffer_clear(&once);
    weir__buffer_clear(&encoded);
    weir__buffer_clear(&again);
    return 0;
}
