/* Each block of 64 bytes becomes words of 64 bits: a bit for each quote, each byte in a string, and
 * so on. From them follows where the tokens begin, and only there bytes are looked at:
 *
 *     {"id":12,"a b":[true,"x\"y"]}
 *     #^   ##  ^    #^    ^^     ##     # one of {}[],:   ^ the beginning of a value or key
 *      ####     #####      ######       in a string, whose end nobody needs
 *
 * A block does not depend on the bytes of the one before it, but for three bits. The branches are
 * about tokens and not about their lengths, which makes them easy to predict.
 */
#include "config.h"

#include "text/json_blocks.h"

#include <stdint.h>
#include <string.h>

#include "text/json_scalar.h"

#if defined __x86_64__ && defined __GNUC__
#include <immintrin.h>
enum { VECTOR = 32 };
#define WITH_VECTORS __attribute__((target("avx2,bmi")))
#elif defined __aarch64__ && defined __GNUC__ && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#include <arm_neon.h>
enum { VECTOR = 16 };
#define WITH_VECTORS
#endif

#ifdef WITH_VECTORS

#define INLINE static inline __attribute__((always_inline)) WITH_VECTORS

enum {
    BLOCK = WEIR__JSON_BLOCK,
    VECTORS = BLOCK / VECTOR,
    BLOCKS = 16, /* that are looked at in one go */
};

typedef unsigned char vector __attribute__((vector_size(VECTOR)));
typedef weir__json_place place;

struct block {
    vector parts[VECTORS];
};

struct scanner {
    place next, end;      /* not looked at yet */
    uint64_t in_string;   /* all bits, if the last byte is in a string; otherwise none */
    uint64_t in_scalar;   /* 1, if it is one of a number or word */
    uint64_t has_escaped; /* 1, if it is a backslash that escapes the next one */
    vector seen;          /* all bytes or-ed */
    vector controls;      /* bytes that are not 0 where there was a control character */
    bool is_bad;
    unsigned count, taken; /* of tokens */
    uint64_t tokens[BLOCKS];
};

/* --- From bytes to bits ------------------------------------------------------- */

/* Each byte of marks is 0 or 0xFF. */
#ifdef __x86_64__
INLINE uint64_t bits_of(const struct block *marks)
{
    return (uint32_t)_mm256_movemask_epi8((__m256i)marks->parts[0])
           | (uint64_t)(uint32_t)_mm256_movemask_epi8((__m256i)marks->parts[1]) << 32;
}
#else
INLINE uint64_t bits_of(const struct block *marks)
{
    const vector weights = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t low =
        vpaddq_u8((uint8x16_t)(marks->parts[0] & weights), (uint8x16_t)(marks->parts[1] & weights));
    uint8x16_t high =
        vpaddq_u8((uint8x16_t)(marks->parts[2] & weights), (uint8x16_t)(marks->parts[3] & weights));
    uint8x16_t sums = vpaddq_u8(low, high);

    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)), 0);
}
#endif

INLINE uint64_t find_byte(const struct block *block, unsigned char byte)
{
    struct block marks;

    for (int i = 0; i < VECTORS; i++)
        marks.parts[i] = (vector)(block->parts[i] == byte);
    return bits_of(&marks);
}

INLINE uint64_t find_low(const struct block *block)
{
    struct block marks;

    for (int i = 0; i < VECTORS; i++)
        marks.parts[i] = (vector)(block->parts[i] <= ' ');
    return bits_of(&marks);
}

/* Finds {}[],: and, for one comparison less, some bytes that are good nowhere outside a string. */
INLINE uint64_t find_structure(const struct block *block)
{
    struct block marks;

    for (int i = 0; i < VECTORS; i++)
        marks.parts[i] = (vector)((block->parts[i] | ('{' ^ 0x7F) | ('}' ^ 0x7F) | 0x20) == 0x7F)
                         | (vector)(block->parts[i] == ',') | (vector)(block->parts[i] == ':');
    return bits_of(&marks);
}

/* Bit n of the result is the exclusive or of bits 0 to n. */
INLINE uint64_t add_up(uint64_t bits)
{
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    return bits ^ bits << 32;
}

/* Finds what is behind a backslash that is not escaped itself. In a run of backslashes each second
 * byte is: the carry of an addition runs through those that begin at an odd place. */
INLINE uint64_t find_escaped(uint64_t backslashes, uint64_t *carry)
{
    const uint64_t even = UINT64_C(0x5555555555555555);
    uint64_t follow, odd_starts, sum;

    if (backslashes == 0) {
        follow = *carry;
        *carry = 0;
        return follow;
    }
    backslashes &= ~*carry;
    follow = backslashes << 1 | *carry;
    odd_starts = backslashes & ~even & ~follow;
    *carry = __builtin_add_overflow(odd_starts, backslashes, &sum);
    return (even ^ sum << 1) & follow;
}

static WITH_VECTORS __attribute__((noinline)) bool escapes_are_good(place block, place end,
                                                                    uint64_t starts)
{
    struct weir__json_reader reader = {.end = end};

    for (; starts != 0; starts &= starts - 1)
        if (weir__json_read_escape(&reader, block + __builtin_ctzll(starts) + 1) == NULL)
            return false;
    return true;
}

/* Looks at the 64 bytes at from; all but the first of them have been looked at already. */
INLINE void scan(struct scanner *scanner, place from, unsigned seen)
{
    struct block block;
    uint64_t quotes, backslashes, low, structure, escaped, inside, scalars;

    for (int i = 0; i < VECTORS; i++) {
        memcpy(&block.parts[i], from + i * VECTOR, VECTOR);
        scanner->seen |= block.parts[i];
        scanner->controls |= (vector)(block.parts[i] < ' ');
    }
    quotes = find_byte(&block, '"') >> seen;
    backslashes = find_byte(&block, '\\') >> seen;
    low = find_low(&block) >> seen;
    structure = find_structure(&block) >> seen;
    escaped = find_escaped(backslashes, &scanner->has_escaped);
    if (backslashes != 0 && !escapes_are_good(from + seen, scanner->end, backslashes & ~escaped))
        scanner->is_bad = true;
    quotes &= ~escaped;
    inside = add_up(quotes) ^ scanner->in_string;
    scanner->in_string = 0 - (inside >> 63);
    scalars = ~(structure | low | inside | quotes) & UINT64_MAX >> seen;
    scanner->tokens[scanner->count++] = (structure & ~inside) | (quotes & inside)
                                        | (scalars & ~(scalars << 1 | scanner->in_scalar));
    scanner->in_scalar = scalars >> 63;
}

static WITH_VECTORS __attribute__((noinline)) void scan_blocks(struct scanner *scanner)
{
    scanner->count = scanner->taken = 0;
    while (scanner->count < BLOCKS && scanner->end - scanner->next >= BLOCK) {
        scan(scanner, scanner->next, 0);
        scanner->next += BLOCK;
    }
    if (scanner->count < BLOCKS && scanner->next < scanner->end) {
        scan(scanner, scanner->end - BLOCK, (unsigned)(BLOCK - (scanner->end - scanner->next)));
        scanner->next = scanner->end;
    }
}

/* --- From token to token ------------------------------------------------------ */

struct walker {
    struct scanner scanner;
    place block;
    uint64_t tokens; /* of the block */
    struct weir__json_reader text;
    unsigned depth;
    uint64_t objects; /* of the levels, from the innermost: 1 for an object */
};

/* Goes to the next block. Returns false at the end. */
INLINE bool go_on(struct walker *walker)
{
    struct scanner *scanner = &walker->scanner;

    if (scanner->taken == scanner->count) {
        if (scanner->next == scanner->end)
            return false;
        scan_blocks(scanner);
    }
    walker->block += BLOCK;
    walker->tokens = scanner->tokens[scanner->taken++];
    return true;
}

/* The next token, or NULL. */
INLINE place next_token(struct walker *walker)
{
    place at;

    while (walker->tokens == 0)
        if (!go_on(walker))
            return NULL;
    at = walker->block + __builtin_ctzll(walker->tokens);
    walker->tokens &= walker->tokens - 1;
    return at;
}

/* The byte where the next token begins; 0: none. */
INLINE unsigned next_byte(struct walker *walker)
{
    place at = next_token(walker);

    return at != NULL ? *at : 0;
}

INLINE bool open_level(struct walker *walker, bool is_object)
{
    walker->objects = walker->objects << 1 | is_object;
    return walker->depth++ < WEIR__JSON_BLOCK_DEPTH;
}

INLINE void close_level(struct walker *walker)
{
    walker->objects >>= 1;
    walker->depth--;
}

/* Whether a number or word may end before it: it would hide what follows it directly. */
INLINE bool ends_scalar(const struct walker *walker, place next)
{
    static const bool ends[256] = {
        [' '] = true, [','] = true, [':'] = true, ['['] = true,
        [']'] = true, ['{'] = true, ['}'] = true, ['"'] = true,
    };

    return next != NULL && (next == walker->text.end || ends[*next]);
}

/* Whether all that is in a text is one value. */
WITH_VECTORS static bool read_value(struct walker *walker)
{
    place at;

value:
    at = next_token(walker);
inner:
    if (at == NULL)
        return false;
    switch (*at) {
    case '"':
        break;
    case '{':
        if (!open_level(walker, true))
            return false;
        switch (next_byte(walker)) {
        case '"':
            goto key;
        case '}':
            close_level(walker);
            break;
        default:
            return false;
        }
        break;
    case '[':
        if (!open_level(walker, false))
            return false;
        at = next_token(walker);
        if (at == NULL || *at != ']')
            goto inner;
        close_level(walker);
        break;
    case 't':
        if (!ends_scalar(walker, weir__json_read_word(&walker->text, at, "true", 4)))
            return false;
        break;
    case 'f':
        if (!ends_scalar(walker, weir__json_read_word(&walker->text, at, "false", 5)))
            return false;
        break;
    case 'n':
        if (!ends_scalar(walker, weir__json_read_word(&walker->text, at, "null", 4)))
            return false;
        break;
    default:
        if ((*at != '-' && !weir__json_is_digit(*at))
            || !ends_scalar(walker, weir__json_read_number(&walker->text, at)))
            return false;
    }
    while (walker->depth > 0) {
        unsigned byte = next_byte(walker);

        if (byte == ',') {
            if (!(walker->objects & 1))
                goto value;
            if (next_byte(walker) == '"')
                goto key;
            return false;
        }
        if (byte != (walker->objects & 1 ? '}' : ']'))
            return false;
        close_level(walker);
    }
    return next_token(walker) == NULL;
key:
    if (next_byte(walker) != ':')
        return false;
    goto value;
}

static WITH_VECTORS bool any(vector bytes)
{
    struct block marks = {{(vector)(bytes != 0)}};

    return bits_of(&marks) != 0;
}

WITH_VECTORS static bool are_good(const unsigned char *first, size_t length, bool *is_ascii)
{
    struct walker walker;
    struct scanner *scanner = &walker.scanner;

    scanner->next = first;
    scanner->end = walker.text.end = first + length;
    scanner->in_string = scanner->in_scalar = scanner->has_escaped = 0;
    scanner->seen = scanner->controls = (vector){0};
    scanner->is_bad = false;
    walker.depth = 0;
    walker.objects = 0;
    scan_blocks(scanner);
    walker.block = first;
    walker.tokens = scanner->tokens[scanner->taken++];
    if (!read_value(&walker) || scanner->is_bad || scanner->in_string != 0
        || any(scanner->controls))
        return false;
    *is_ascii = !any(scanner->seen & 0x80);
    return true;
}

bool weir__json_blocks_can(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");
#else
    return true;
#endif
}

bool weir__json_blocks_are_good(const void *bytes, size_t length, bool *is_ascii)
{
    return length >= BLOCK && weir__json_blocks_can() && are_good(bytes, length, is_ascii);
}

#else

bool weir__json_blocks_can(void)
{
    return false;
}

bool weir__json_blocks_are_good(const void *bytes, size_t length, bool *is_ascii)
{
    (void)bytes, (void)length, (void)is_ascii;
    return false;
}

#endif
