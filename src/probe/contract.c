#include "config.h"

#include "probe/contract.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json_tree.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/signal_names.h"

struct weir__contract {
    struct weir__schema *schema;
    json_t *document;
    json_t *libs; /* borrowed from it; NULL: none are named */
};

/* --- Reading ------------------------------------------------------------------ */

static int is_sha256(const char *text)
{
    return strlen(text) == WEIR__DIGEST_SIZE - 1
           && strspn(text, "0123456789abcdef") == WEIR__DIGEST_SIZE - 1;
}

static int check_lib(const json_t *lib, size_t index, struct weir_error *error)
{
    const char *path = json_string_value(json_object_get(lib, "path"));
    const json_t *hash = json_object_get(lib, "sha256");
    const char *name;
    json_t *value;

    if (path == NULL || *path != '/'
        || strlen(path) != json_string_length(json_object_get(lib, "path")))
        return weir__fail(error, WEIR_ERR_SPEC, 0,
                          "/libs/%zu: use {\"path\": \"/...\", \"sha256\": \"...\"}, with an "
                          "absolute path",
                          index);
    if (hash != NULL && (!json_is_string(hash) || !is_sha256(json_string_value(hash))))
        return weir__fail(error, WEIR_ERR_SPEC, 0,
                          "/libs/%zu/sha256: use 64 lower-case hex digits, as printed by sha256sum",
                          index);
    json_object_foreach((json_t *)lib, name, value)
    {
        if (value != hash && strcmp(name, "path") != 0)
            return weir__fail(error, WEIR_ERR_SPEC, 0,
                              "/libs/%zu: unknown member \"%.60s\": use path and sha256", index,
                              name);
    }
    return 0;
}

static int check_libs(const json_t *libs, struct weir_error *error)
{
    int status = 0;

    if (libs != NULL && !json_is_array(libs))
        return weir__fail(error, WEIR_ERR_SPEC, 0,
                          "/libs: use an array of {\"path\": \"/...\", \"sha256\": \"...\"}");
    for (size_t i = 0; i < json_array_size(libs) && status == 0; i++)
        status = check_lib(json_array_get(libs, i), i, error);
    return status;
}

/* The schema of a contract is the contract without its libs. */
static struct weir__schema *schema_of(const json_t *document, struct weir_error *error)
{
    json_t *copy =
        json_is_object(document) ? weir__tree_copy(document) : json_incref((json_t *)document);
    struct weir__schema *schema = NULL;

    if (copy == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a contract");
        return NULL;
    }
    if (json_is_object(copy))
        json_object_del(copy, "libs");
    schema = weir__schema_new(copy, error);
    json_decref(copy);
    return schema;
}

struct weir__contract *weir__contract_new(const json_t *document, struct weir_error *error)
{
    struct weir__contract *contract = calloc(1, sizeof *contract);

    if (contract == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a contract");
        return NULL;
    }
    contract->document = json_incref((json_t *)document);
    contract->libs = json_object_get(document, "libs");
    if (check_libs(contract->libs, error) == 0)
        contract->schema = schema_of(document, error);
    if (contract->schema != NULL)
        return contract;
    weir__contract_free(contract);
    return NULL;
}

void weir__contract_free(struct weir__contract *contract)
{
    if (contract == NULL)
        return;
    weir__schema_free(contract->schema);
    json_decref(contract->document);
    free(contract);
}

/* --- Hashing -------------------------------------------------------------------- */

/* Hashes what an open file has.  Returns 0 or an errno value. */
static int hash_content(int fd, char hex[WEIR__DIGEST_SIZE])
{
    struct weir__digest *digest = weir__digest_new(NULL, 0);
    char *bytes = malloc(65536);
    ssize_t count = -1;
    int failed = digest == NULL || bytes == NULL ? ENOMEM : 0;

    while (failed == 0 && count != 0) {
        count = read(fd, bytes, 65536);
        if (count > 0)
            weir__digest_add(digest, bytes, (size_t)count);
        else if (count < 0 && errno != EINTR)
            failed = errno;
    }
    if (failed == 0)
        weir__digest_take(digest, hex);
    free(bytes);
    weir__digest_free(digest);
    return failed;
}

/* The same by its name.  A FIFO or a device is no library: nothing may hang here. */
static int hash_file(const char *path, char hex[WEIR__DIGEST_SIZE])
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), failed = 0;
    struct stat info;

    if (fd < 0)
        return errno;
    if (fstat(fd, &info) < 0)
        failed = errno;
    else if (!S_ISREG(info.st_mode))
        failed = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
    if (failed == 0)
        failed = hash_content(fd, hex);
    close(fd);
    return failed;
}

static json_t *hash_lib(const json_t *lib)
{
    const json_t *path = json_object_get(lib, "path");
    char hex[WEIR__DIGEST_SIZE];
    int failed = hash_file(json_string_value(path), hex);

    if (failed != 0)
        return json_pack("{s:O, s:n, s:s}", "path", path, "sha256", "error",
                         weir__errno_name(failed));
    return json_pack("{s:O, s:s, s:n}", "path", path, "sha256", hex, "error");
}

json_t *weir__contract_hash(const struct weir__contract *contract, struct weir_error *error)
{
    json_t *hashed;

    if (contract->libs == NULL)
        return NULL;
    hashed = json_array();
    for (size_t i = 0; i < json_array_size(contract->libs); i++)
        weir__tree_append(&hashed, hash_lib(json_array_get(contract->libs, i)));
    if (hashed == NULL)
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for hashes");
    return hashed;
}

/* --- Holding ---------------------------------------------------------------------- */

/* The place of a library in a report's libs; the size where it is not there. */
static size_t find_lib(const json_t *libs, const char *path)
{
    size_t index;
    json_t *lib;

    json_array_foreach((json_t *)libs, index, lib)
    {
        const char *there = json_string_value(json_object_get(lib, "path"));

        if (there != NULL && strcmp(there, path) == 0)
            return index;
    }
    return json_array_size(libs);
}

static int check_hash(const json_t *lib, size_t index, const json_t *report,
                      struct weir__findings *findings, struct weir_error *error)
{
    const json_t *libs = json_object_get(report, "libs");
    const char *path = json_string_value(json_object_get(lib, "path"));
    const char *wanted = json_string_value(json_object_get(lib, "sha256"));
    size_t place = find_lib(libs, path);
    const json_t *found = json_array_get(libs, place);
    const char *hash = json_string_value(json_object_get(found, "sha256"));
    const char *why = json_string_value(json_object_get(found, "error"));
    char instance[40] = "/libs", schema[40], text[512] = "";

    if (found != NULL)
        snprintf(instance, sizeof instance, "/libs/%zu", place);
    snprintf(schema, sizeof schema, "/libs/%zu", index);
    if (found == NULL)
        snprintf(text, sizeof text,
                 "%.300s was not hashed for this report: run weir probe with this contract", path);
    else if (hash == NULL)
        snprintf(text, sizeof text, "%.300s could not be read: %.40s", path,
                 why != NULL ? why : "unknown reason");
    else if (wanted != NULL && strcmp(hash, wanted) != 0)
        snprintf(text, sizeof text,
                 "%.300s is a different file: its SHA-256 is %.64s but must be %s", path, hash,
                 wanted);
    return *text != '\0' ? weir__findings_add(findings, instance, schema, text, error) : 0;
}

int weir__contract_check(const struct weir__contract *contract, const json_t *report,
                         struct weir__findings *findings, struct weir_error *error)
{
    int status = weir__schema_check(contract->schema, report, findings, NULL, error);

    for (size_t i = 0; i < json_array_size(contract->libs) && status == 0; i++)
        status = check_hash(json_array_get(contract->libs, i), i, report, findings, error);
    return status;
}

/* An enum or an example may have such a member too: then a misspelt name goes unnoticed. */
static bool mentions_env(const json_t *value, const char *env)
{
    const char *name;
    json_t *member;

    for (size_t i = 0; i < json_array_size(value); i++)
        if (mentions_env(json_array_get(value, i), env))
            return true;
    json_object_foreach((json_t *)value, name, member)
    {
        if (strcmp(name, "x-env-diff") == 0 && json_object_get(member, env) != NULL)
            return true;
        if (mentions_env(member, env))
            return true;
    }
    return false;
}

bool weir__contract_has_env(const struct weir__contract *contract, const char *env)
{
    return mentions_env(contract->document, env);
}

json_t *weir__contract_differences(const struct weir__contract *contract, const json_t *report,
                                   struct weir_error *error)
{
    struct weir__findings findings = {0};
    json_t *differences = json_object();
    int status = differences != NULL
                     ? weir__schema_check(contract->schema, report, &findings, differences, error)
                     : weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");

    weir__findings_clear(&findings);
    if (status == 0)
        return differences;
    json_decref(differences);
    return NULL;
}
