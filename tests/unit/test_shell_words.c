#include "config.h"

#include "text/shell_words.h"
#include "text/shell_quote.h"

#include <string.h>

#include "support/harness.h"

/* Says whether line splits into the words, which are given with '|' after each. */
static int splits_into(const char *line, const char *expected)
{
    char **words = NULL;
    size_t count = 0, length = 0;
    char joined[256] = "";

    if (weir__words_split(line, &words, &count, NULL) != 0)
        return 0;
    for (size_t i = 0; i < count; i++) {
        strcpy(joined + length, words[i]);
        length += strlen(words[i]);
        joined[length++] = '|';
    }
    joined[length] = '\0';
    if (words[count] != NULL)
        return 0;
    weir__words_free(words);
    return strcmp(joined, expected) == 0;
}

static void words_end_at_spaces_tabs_and_newlines(void)
{
    CU_ASSERT(splits_into("sort -u", "sort|-u|"));
    CU_ASSERT(splits_into(" \t a\tb \n c\n", "a|b|c|"));
    CU_ASSERT(splits_into("a\rb", "a\rb|"));
}

static void a_blank_line_has_no_words(void)
{
    CU_ASSERT(splits_into("", ""));
    CU_ASSERT(splits_into(" \t\n ", ""));
    CU_ASSERT(splits_into("\\\n", ""));
}

static void single_quotes_keep_all_as_it_is(void)
{
    CU_ASSERT(splits_into("'a  b' c", "a  b|c|"));
    CU_ASSERT(splits_into("'\\n\"$x`'", "\\n\"$x`|"));
    CU_ASSERT(splits_into("'a'\\''b'", "a'b|"));
    CU_ASSERT(splits_into("x'\n'y", "x\ny|"));
}

static void double_quotes_keep_all_but_five_escapes(void)
{
    CU_ASSERT(splits_into("\"a 'b' c\"", "a 'b' c|"));
    CU_ASSERT(splits_into("\"\\$ \\` \\\" \\\\ a\\\nb\"", "$ ` \" \\ ab|"));
    CU_ASSERT(splits_into("\"\\n\\a\\ \\'\"", "\\n\\a\\ \\'|"));
}

static void a_backslash_takes_the_next_character_as_it_is(void)
{
    CU_ASSERT(splits_into("a\\ b \\'c \\\"d \\\\ \\e", "a b|'c|\"d|\\|e|"));
    CU_ASSERT(splits_into("a\\\nb c \\\n d", "ab|c|d|"));
}

static void empty_quotes_are_an_empty_word_and_lose_nothing(void)
{
    CU_ASSERT(splits_into("a '' b \"\" c", "a||b||c|"));
    CU_ASSERT(splits_into("''", "|"));
    CU_ASSERT(splits_into("a''b", "ab|"));
}

static void nothing_is_expanded(void)
{
    CU_ASSERT(
        splits_into("exec a $HOME `x` * ~ | ; > # {a,b}", "exec|a|$HOME|`x`|*|~|||;|>|#|{a,b}|"));
    CU_ASSERT(splits_into("gr\xC3\xB6\xC3\x9F"
                          "er \xFF",
                          "gr\xC3\xB6\xC3\x9F"
                          "er|\xFF|"));
}

static void fails_with(const char *line, const char *text)
{
    char **words = (char **)-1;
    size_t count = 77;
    struct weir_error error;

    CU_ASSERT_EQUAL(weir__words_split(line, &words, &count, &error), WEIR_ERR_INVALID);
    CU_ASSERT(strncmp(error.text, text, strlen(text)) == 0);
    CU_ASSERT(words == (char **)-1 && count == 77); /* outputs change only on success */
}

static void an_open_quote_or_a_last_backslash_is_named_by_its_place(void)
{
    fails_with("a 'b c", "the ' at character 3 is not closed: ");
    fails_with("a \"b\\\"", "the \" at character 3 is not closed: ");
    fails_with("\"\\", "the \" at character 1 is not closed: ");
    fails_with("a b\\", "the backslash at character 4 has nothing after it: ");
    fails_with("\xC3\xB6\xC3\xB6 '", "the ' at character 4 is not closed: ");
}

/* Whether quoting gives this text, and splitting that gives the word back. */
static int quotes_to(int (*quote)(struct weir__buffer *, const char *, size_t), const char *word,
                     const char *expected)
{
    struct weir__buffer text = {0};
    char **words = NULL;
    size_t count = 0;
    int same;

    CU_ASSERT_EQUAL_FATAL(quote(&text, word, strlen(word)), 0);
    CU_ASSERT_EQUAL_FATAL(weir__words_split(weir__buffer_text(&text), &words, &count, NULL), 0);
    same = count == 1 && strcmp(words[0], word) == 0 && strcmp(text.bytes, expected) == 0;
    weir__words_free(words);
    weir__buffer_clear(&text);
    return same;
}

static void a_quoted_word_splits_into_itself(void)
{
    CU_ASSERT(quotes_to(weir__shell_quote, "a", "'a'"));
    CU_ASSERT(quotes_to(weir__shell_quote, "", "''"));
    CU_ASSERT(quotes_to(weir__shell_quote, "it's $(x) `y`\n", "'it'\\''s $(x) `y`\n'"));
    CU_ASSERT(quotes_to(weir__shell_quote, "'", "''\\'''"));
    CU_ASSERT(quotes_to(weir__shell_quote_if_needed, "a/b-c_1.txt", "a/b-c_1.txt"));
    CU_ASSERT(quotes_to(weir__shell_quote_if_needed, "", "''"));
    CU_ASSERT(quotes_to(weir__shell_quote_if_needed, "a b", "'a b'"));
    CU_ASSERT(quotes_to(weir__shell_quote_if_needed, "\xff", "'\xff'"));
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"words end at spaces, tabs and newlines", words_end_at_spaces_tabs_and_newlines},
        {"a blank line has no words", a_blank_line_has_no_words},
        {"single quotes keep all as it is", single_quotes_keep_all_as_it_is},
        {"double quotes keep all but five escapes", double_quotes_keep_all_but_five_escapes},
        {"a backslash takes the next character as it is",
         a_backslash_takes_the_next_character_as_it_is},
        {"empty quotes are an empty word and lose nothing",
         empty_quotes_are_an_empty_word_and_lose_nothing},
        {"nothing is expanded", nothing_is_expanded},
        {"an open quote or a last backslash is named by its place",
         an_open_quote_or_a_last_backslash_is_named_by_its_place},
        {"a quoted word splits into itself", a_quoted_word_splits_into_itself},
        CU_TEST_INFO_NULL,
    };

    return run_suite("words", tests);
}
