#include "config.h"

#include "cli/document.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_parse.h"
#include "base/whole_file.h"
#include "cli/cli.h"
#include "cli/output.h"

enum { MOST = 64 * 1024 * 1024 };

static int await_input(int fd, const void *context)
{
    (void)context;
    return output_wait(fd, POLLIN);
}

int document_read(const char *path, struct weir__buffer *text, struct weir_error *error)
{
    static const struct weir__whole_file_wait wait = {await_input, NULL};
    int is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : output_open_peer(path, O_RDONLY), failed = errno;

    if (fd >= 0 && !is_stdin)
        weir__fd_set_nonblocking(fd);
    if (fd >= 0)
        failed = weir__whole_file_take(fd, MOST, &wait, text);
    if (!is_stdin)
        weir__close(&fd);
    if (failed == 0)
        return 0;
    if (failed == ENOMEM)
        return weir__fail(error, WEIR_ERR_NOMEM, failed, "cannot read %.300s", path);
    return weir__peer_fail(error, failed, "read", is_stdin ? "standard input" : path);
}

json_t *document_parse_json(const char *path, const char *text, size_t length,
                            struct weir_error *error)
{
    json_error_t fault;
    json_t *document = weir__json_parse(
        text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);

    if (document == NULL && json_error_code(&fault) == json_error_out_of_memory)
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory to read %.300s", path);
    else if (document == NULL)
        weir__fail(error, WEIR_ERR_SPEC, 0, "%.300s:%d:%d: %.160s",
                   strcmp(path, "-") == 0 ? "standard input" : path, fault.line, fault.column,
                   fault.text);
    return document;
}

json_t *document_read_json(const char *path, struct weir_error *error)
{
    struct weir__buffer text = {0};
    json_t *document = NULL;

    if (document_read(path, &text, error) == 0)
        document = document_parse_json(path, text.bytes, text.length, error);
    weir__buffer_clear(&text);
    return document;
}

int document_check(const char *path, struct weir_error *error)
{
    struct weir__patience patience = output_patience();
    struct weir__atomic_file file;
    struct stat old;
    int status;

    /* Opening a FIFO would wait for its reader, which may open it later. */
    if (stat(path, &old) == 0 && !S_ISREG(old.st_mode)) {
        if (S_ISDIR(old.st_mode))
            errno = EISDIR;
        else if (access(path, W_OK) == 0)
            return 0;
        return weir__fail(error, WEIR_ERR_SYSTEM, errno, "cannot write %.300s", path);
    }
    status = weir__atomic_file_open(&file, path, &patience, error);
    if (status == 0)
        weir__atomic_file_discard(&file);
    return status;
}

int document_write(const char *path, const char *text, struct weir_error *error)
{
    struct weir__atomic_file file;
    int status = output_open_file(&file, path, error), failed;

    if (status < 0)
        return status;
    failed = output_write(file.fd, text, strlen(text));
    if (failed == 0)
        return weir__atomic_file_commit(&file, error);
    weir__atomic_file_discard(&file);
    return weir__peer_fail(error, failed, "write", path);
}

int report_check(const char *path, const char *mixes, struct weir_error *error)
{
    struct weir_error fault;

    if (path == NULL)
        return 0;
    if (strcmp(path, "-") == 0 && mixes != NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "--report - %s", mixes);
    if (strcmp(path, "-") == 0 || document_check(path, &fault) == 0)
        return 0;
    return weir__fail(error, WEIR_ERR_SYSTEM, 0, "--report: %.400s: nothing was started",
                      fault.text);
}

static int print_document(const char *document, struct weir_error *error)
{
    int failed;

    failed = output_write(STDOUT_FILENO, document, strlen(document));
    return failed == 0 ? 0
                       : weir__peer_fail(error, failed, "write the report to", "standard output");
}

int report_file(const char *path, char *document, struct weir_error *error)
{
    struct weir_error fault;
    int status = 0;

    if (document == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for the report");
    if (strcmp(path, "-") == 0) {
        status = print_document(document, error);
    } else if (document_write(path, document, &fault) < 0) {
        status = weir__fail(error, fault.status, 0, "--report: %.400s", fault.text);
        error->sys_errno = fault.sys_errno;
    }
    free(document);
    return status;
}
