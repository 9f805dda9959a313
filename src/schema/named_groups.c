#include "config.h"

#include "schema/named_groups.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "base/error.h"

/* A badly written pattern must not hang the caller. */
enum { MAX_TEXT = 1024 * 1024, MAX_STEPS = 1000000 };

struct weir__named_groups {
    pcre2_code *code;
};

struct weir__named_groups *weir__named_groups_new(const char *pattern, struct weir_error *error)
{
    struct weir__named_groups *groups = calloc(1, sizeof *groups);
    PCRE2_UCHAR why[120];
    PCRE2_SIZE where;
    uint32_t names = 0;
    int failed;

    if (groups == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a regular expression");
        return NULL;
    }
    groups->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                 PCRE2_UTF | PCRE2_MULTILINE, &failed, &where, NULL);
    if (groups->code == NULL) {
        pcre2_get_error_message(failed, why, sizeof why);
        weir__fail(error, WEIR_ERR_INVALID, 0, "at character %zu: %s", where + 1, (char *)why);
    } else {
        pcre2_pattern_info(groups->code, PCRE2_INFO_NAMECOUNT, &names);
        if (names == 0)
            weir__fail(error, WEIR_ERR_INVALID, 0, "it has no named group: write (?<version>...)");
    }
    if (names > 0)
        return groups;
    weir__named_groups_free(groups);
    return NULL;
}

void weir__named_groups_free(struct weir__named_groups *groups)
{
    if (groups == NULL)
        return;
    pcre2_code_free(groups->code);
    free(groups);
}

static void pass_groups(const pcre2_code *code, const PCRE2_SIZE *at, int matched, const char *text,
                        weir__named_group_sink *sink, void *context)
{
    uint32_t count, size;
    PCRE2_SPTR table;

    pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &count);
    pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &table);
    for (uint32_t i = 0; i < count; i++, table += size) {
        int group = table[0] << 8 | table[1];

        if (group < matched && at[2 * group] != PCRE2_UNSET)
            sink(context, (const char *)table + 2, text + at[2 * group],
                 at[2 * group + 1] - at[2 * group]);
    }
}

int weir__named_groups_find(const struct weir__named_groups *groups, const char *text,
                            size_t length, weir__named_group_sink *sink, void *context)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(groups->code, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    int matched = PCRE2_ERROR_NOMEMORY;

    if (length > MAX_TEXT) /* cut between two characters */
        for (length = MAX_TEXT; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
            length--;
    if (data != NULL && limits != NULL) {
        pcre2_set_match_limit(limits, MAX_STEPS);
        matched = pcre2_match(groups->code, (PCRE2_SPTR)text, length, 0, 0, data, limits);
    }
    if (matched > 0)
        pass_groups(groups->code, pcre2_get_ovector_pointer(data), matched, text, sink, context);
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    return matched > 0 ? 1 : matched == PCRE2_ERROR_NOMATCH ? 0 : -1;
}
