/* The verifier: whatever is in a file, it comes to a verdict that holds together, and
 * a log it calls sound is one that can be written again byte by byte. */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "audit/lines.h"
#include "audit/verify.h"
#include "base/fd.h"
#include "fuzz/replay.h"

static struct weir__audit_verdict verify(const uint8_t *bytes, size_t length,
                                         const struct weir__audit_key *key)
{
    struct weir__audit_file file = {.fd = weir__fd_of_bytes(bytes, length, NULL), .name = "log"};
    struct weir__audit_verdict verdict;

    HOLDS(file.fd >= 0);
    HOLDS(weir__audit_verify(&file, 1, key, &(struct weir__audit_expected){0}, &verdict, NULL) == 0
          || length > 0);
    close(file.fd);
    return verdict;
}

/* Lines tile the file, whatever is in it. */
static void walk(const uint8_t *bytes, size_t length)
{
    struct weir__audit_lines lines;
    struct weir__audit_piece piece;
    uint64_t end = 0, count = 0;
    int fd = weir__fd_of_bytes(bytes, length, NULL);

    weir__audit_lines_init(&lines, fd, "log");
    while (weir__audit_lines_next(&lines, &piece, NULL) > 0) {
        HOLDS(piece.offset == end && piece.number == ++count);
        HOLDS(piece.is_too_long || memcmp(piece.text, bytes + end, piece.length) == 0);
        end = lines.offset;
    }
    HOLDS(end == length);
    weir__audit_lines_clear(&lines);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct weir__audit_verdict verdict;
    struct weir__audit_key key;

    HOLDS(weir__audit_key_open(&key, NULL, NULL) == 0);
    verdict = verify(bytes, length, &key);
    HOLDS(verdict.started + verdict.ended <= verdict.records);
    HOLDS((verdict.fault == WEIR__AUDIT_SOUND) == (verdict.sentence[0] == '\0'));
    HOLDS(verdict.offset <= length);
    if (verdict.fault == WEIR__AUDIT_CUT && verdict.is_tail) {
        /* What repair would leave is sound. */
        verdict = verify(bytes, verdict.offset, &key);
        HOLDS(verdict.fault == WEIR__AUDIT_SOUND);
    } else if (verdict.fault == WEIR__AUDIT_SOUND && length > 0 && verdict.records > 0) {
        HOLDS(bytes[length - 1] == '\n');
        verdict = verify(bytes, length - 1, &key);
        HOLDS(verdict.fault == WEIR__AUDIT_CUT && verdict.is_tail);
    }
    weir__audit_key_clear(&key);
    walk(bytes, length);
    return 0;
}
