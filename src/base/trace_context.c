#include "config.h"

#include "base/trace_context.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef WEIR_LINUX
#include <sys/random.h>
#endif

#include "base/clock.h"

uint64_t weir__trace_seed(void)
{
    uint64_t state = (uint64_t)weir__clock_wall_ns() ^ (uint64_t)getpid() << 32;

#ifdef WEIR_LINUX
    (void)!getrandom(&state, sizeof state, GRND_NONBLOCK);
#endif
    return state;
}

/* SplitMix64: ids have to differ, not to be secret. */
uint64_t weir__trace_next_id(uint64_t *state)
{
    uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    mixed ^= mixed >> 31;
    return mixed != 0 ? mixed : 1;
}

static int hex_digits(const char *text, size_t count, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < count; i++) {
        const char *digits = "0123456789abcdef",
                   *at = text[i] != '\0' ? strchr(digits, text[i]) : NULL;

        if (at == NULL)
            return 0;
        *value = *value << 4 | (uint64_t)(at - digits);
    }
    return 1;
}

int weir__traceparent_read(const char *text, struct weir__trace_id *trace, uint64_t *span,
                           int *is_sampled)
{
    uint64_t version, flags;

    if (text == NULL || strlen(text) < WEIR__TRACEPARENT_SIZE - 1 || text[2] != '-'
        || text[35] != '-' || text[52] != '-' || !hex_digits(text, 2, &version) || version == 0xff
        || (text[55] != '\0' && (version == 0 || text[55] != '-'))
        || !hex_digits(text + 3, 16, &trace->high) || !hex_digits(text + 19, 16, &trace->low)
        || !hex_digits(text + 36, 16, span) || !hex_digits(text + 53, 2, &flags))
        return 0;
    *is_sampled = (int)(flags & 1);
    return (trace->high | trace->low) != 0 && *span != 0;
}

void weir__traceparent_write(char text[WEIR__TRACEPARENT_SIZE], const struct weir__trace_id *trace,
                             uint64_t span)
{
    snprintf(text, WEIR__TRACEPARENT_SIZE, "00-%016llx%016llx-%016llx-01",
             (unsigned long long)trace->high, (unsigned long long)trace->low,
             (unsigned long long)span);
}
