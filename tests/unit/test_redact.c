#include "config.h"

#include "base/redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/harness.h"

struct sample {
    const char *before, *word, *wanted;
};

/* Says which sample it was, as CUnit would not. */
static void expect(const struct sample *sample)
{
    struct weir__buffer out = {0};
    char *made;

    CU_ASSERT_EQUAL_FATAL(weir__redact_add(&out, sample->word, sample->before, NULL), 0);
    made = weir__buffer_take(&out, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    if (strcmp(made, sample->wanted) != 0)
        printf("# %s became %s\n", sample->word, made);
    CU_ASSERT_STRING_EQUAL(made, sample->wanted);
    free(made);
}

#define EXPECT_ALL(samples)                                                                        \
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)                                \
    expect(&samples[i])

static void options_and_variables_with_secret_names(void)
{
    static const struct sample samples[] = {
        {NULL, "--password=hunter2", "--password=***"},
        {NULL, "--password=two words", "--password=***"},
        {NULL, "--password=it's \"mine\"", "--password=***"},
        {"--password", "hunter2", "***"},
        {"--password", "", ""},
        {"--api-key", "abc", "***"},
        {"--apikey", "abc", "***"},
        {"--client-secret", "abc", "***"},
        {"--Auth-Token", "abc", "***"},
        {"-password", "abc", "***"},
        {NULL, "--x-api_key=abc", "--x-api_key=***"},
        {NULL, "TOKEN=abc", "TOKEN=***"},
        {NULL, "GITHUB_TOKEN=abc=def", "GITHUB_TOKEN=***"},
        {NULL, "PGPASSWORD=abc", "PGPASSWORD=***"},
        {NULL, "AWS_SECRET_ACCESS_KEY=abc/def+ghi", "AWS_SECRET_ACCESS_KEY=***"},
        {NULL, "MYSQL_PWD=abc", "MYSQL_PWD=***"},
        {NULL, "SSH_KEY=abc", "SSH_KEY=***"},
        {NULL, "--env=TOKEN=abc", "--env=TOKEN=***"},
        {"--env", "DB_PASS=abc", "DB_PASS=***"},
        {NULL, "password: hunter2", "password: ***"},
        {NULL, "{\"token\": \"abc def\", \"x\": 1}", "{\"token\": ***, \"x\": 1}"},
    };

    EXPECT_ALL(samples);
}

static void headers_and_schemes(void)
{
    static const struct sample samples[] = {
        {"-H", "Authorization: Bearer abc.def", "Authorization: ***"},
        {"-H", "authorization:Basic dTpw", "authorization:***"},
        {"-H", "Proxy-Authorization: Basic dTpw", "Proxy-Authorization: ***"},
        {"-H", "X-Api-Key: abc", "X-Api-Key: ***"},
        {"-H", "Cookie: a=1; session=2", "Cookie: ***"},
        {"-H", "Set-Cookie: a=1", "Set-Cookie: ***"},
        {NULL, "-HAuthorization: Bearer abc", "-HAuthorization: ***"},
        {NULL, "--header=Authorization: Bearer abc", "--header=Authorization: ***"},
        {NULL, "use Bearer abcdefghijklm now", "use Bearer *** now"},
        {NULL, "Authorization: x\nAccept: y", "Authorization: ***\nAccept: y"},
        {"-H", "Accept: text/html", "Accept: text/html"},
    };

    EXPECT_ALL(samples);
}

static void urls(void)
{
    static const struct sample samples[] = {
        {NULL, "https://user:pass@host/x", "https://***@host/x"},
        {NULL, "https://ghp_x@github.com/a", "https://***@github.com/a"},
        {NULL, "postgres://u:p@ss@db:5432/x", "postgres://***@db:5432/x"},
        {NULL, "https://host/a@b", "https://host/a@b"},
        {NULL, "https://host:8080/", "https://host:8080/"},
        {NULL, "https://h/?token=abc&x=1", "https://h/?token=***&x=1"},
        {NULL, "https://h/?x=1&access_token=abc", "https://h/?x=1&access_token=***"},
        {NULL, "https://h/?sig=abc#f", "https://h/?sig=***"},
        {NULL, "DATABASE_URL=mysql://u:p@h/d", "DATABASE_URL=mysql://***@h/d"},
    };

    EXPECT_ALL(samples);
}

static void users_with_passwords(void)
{
    static const struct sample samples[] = {
        {"-u", "me:secret", "me:***"},
        {"--user", "me:secret:more", "me:***"},
        {NULL, "--user=me:secret", "--user=me:***"},
        {"-u", "1000:1000", "1000:1000"},
        {"-u", "me", "me"},
        {NULL, "curl -u me:secret http://h/", "curl -u me:*** http://h/"},
    };

    EXPECT_ALL(samples);
}

static void a_word_that_is_a_command_line(void)
{
    static const struct sample samples[] = {
        {NULL, "curl -H 'Authorization: Bearer abc' http://h/",
         "curl -H 'Authorization: ***' http://h/"},
        {NULL, "PGPASSWORD=x psql -c 'select 1'", "PGPASSWORD=***"},
        {NULL, "env TOKEN=abc make all", "env TOKEN=*** make all"},
        {NULL, "mysql --password abc db", "mysql --password *** db"},
        {NULL, "mysql --password='a b' db", "mysql --password=*** db"},
        {NULL, "login --token abc; echo done", "login --token ***; echo done"},
    };

    EXPECT_ALL(samples);
}

static void tokens_that_show_what_they_are(void)
{
    static const struct sample samples[] = {
        {NULL, "ghp_0123456789abcdefghijABCDEFGHIJ012345", "***"},
        {NULL, "x=glpat-0123456789abcdefghij;", "x=***;"},
        {NULL, "AKIAIOSFODNN7EXAMPLE", "***"},
        {NULL, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "***"},
        {NULL, "a -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- b",
         "a *** b"},
        {NULL, "-----BEGIN PRIVATE KEY-----\nMIIE", "***"},
    };

    EXPECT_ALL(samples);
}

static void what_is_no_secret_stays(void)
{
    static const char *const words[] = {
        "",
        "make",
        "-j4",
        "--timeout=10s",
        "PWD=/home/u",
        "OLDPWD=/",
        "--env-pass",
        "--password-file=/run/secrets/x",
        "--key=id_rsa",
        "--max-tokens=5",
        "/etc/passwd",
        "sk-x",
        "monkey=banana",
        "a:b",
        "C:\\token\\x",
        "s/secret/public/",
        "12:30:45",
        "bearer of news",
        "token",
        "-u",
        "\xff\xfe=\x80",
        "://",
        "@://@",
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct sample sample = {NULL, words[i], words[i]};

        expect(&sample);
    }
    expect(&(struct sample){"--env-pass", "PATH", "PATH"});
    expect(&(struct sample){"--password=x", "y", "y"});
    expect(&(struct sample){"password", "y", "y"});
    expect(&(struct sample){"--token-file", "/x", "/x"});
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"options_and_variables_with_secret_names", options_and_variables_with_secret_names},
        {"headers_and_schemes", headers_and_schemes},
        {"urls", urls},
        {"users_with_passwords", users_with_passwords},
        {"a_word_that_is_a_command_line", a_word_that_is_a_command_line},
        {"tokens_that_show_what_they_are", tokens_that_show_what_they_are},
        {"what_is_no_secret_stays", what_is_no_secret_stays},
        CU_TEST_INFO_NULL,
    };

    return run_suite("mask", tests);
}
