#include "config.h"

#include "audit/syslog.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/portable.h"

enum {
    PATIENCE_S = 5, /* for a log that does not read */
    FACILITY = 13,  /* log audit: RFC 5424, table 1 */
    WARNING = 4,
    NOTICE = 5,
};

struct weir__audit_syslog {
    int fd;
    int is_stream; /* then a newline ends a message */
    struct sockaddr_un address;
};

static int connect_as(struct weir__audit_syslog *syslog, int type)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};

    weir__close(&syslog->fd);
    syslog->fd = weir__socket(AF_UNIX, type, 0);
    if (syslog->fd < 0)
        return errno;
    setsockopt(syslog->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(syslog->fd, (const struct sockaddr *)&syslog->address, sizeof syslog->address) < 0)
        return errno;
    syslog->is_stream = type == SOCK_STREAM;
    return 0;
}

/* Some logs read datagrams, others a stream. */
static int reconnect(struct weir__audit_syslog *syslog)
{
    int failed = connect_as(syslog, SOCK_DGRAM);

    return failed == EPROTOTYPE ? connect_as(syslog, SOCK_STREAM) : failed;
}

struct weir__audit_syslog *weir__audit_syslog_open(const char *path, struct weir_error *error)
{
    struct weir__audit_syslog *syslog = calloc(1, sizeof *syslog);
    int failed;

    if (syslog == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a socket");
        return NULL;
    }
    syslog->fd = -1;
    syslog->address.sun_family = AF_UNIX;
    failed = strlen(path) < sizeof syslog->address.sun_path ? 0 : ENAMETOOLONG;
    if (failed == 0) {
        strcpy(syslog->address.sun_path, path);
        failed = reconnect(syslog);
    }
    if (failed == 0 && weir__fd_above_stdio(&syslog->fd, NULL) < 0)
        failed = errno;
    if (failed == 0)
        return syslog;
    weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot connect to syslog at %.200s", path);
    weir__audit_syslog_close(syslog);
    return NULL;
}

void weir__audit_syslog_close(struct weir__audit_syslog *syslog)
{
    if (syslog == NULL)
        return;
    weir__close(&syslog->fd);
    free(syslog);
}

static const char *text_of(const json_t *record, const char *name)
{
    const char *text = json_string_value(json_object_get(record, name));

    return text != NULL && *text != '\0' ? text : "-";
}

/* RFC 5424, 6: <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [SD] MSG */
static int compose(struct weir__buffer *message, const json_t *record, const char *line,
                   size_t length, struct weir_error *error)
{
    const char *outcome = text_of(record, "outcome");
    int severity = strcmp(outcome, "-") == 0 || strcmp(outcome, "ok") == 0 ? NOTICE : WARNING;
    char head[512], host[WEIR__HOST_NAME_SIZE] = "";
    int used, status;

    gethostname(host, sizeof host - 1);
    for (char *at = host; *at != '\0'; at++)
        *at = *at > ' ' && *at < 127 ? *at : '?';
    used = snprintf(head, sizeof head,
                    "<%d>1 %.40s %.255s weir %ld %.20s "
                    "[weir@32473 seq=\"%" JSON_INTEGER_FORMAT "\" hash=\"%.64s\"] ",
                    FACILITY * 8 + severity, text_of(record, "time"), *host != '\0' ? host : "-",
                    (long)getpid(), text_of(record, "event"),
                    json_integer_value(json_object_get(record, "seq")), text_of(record, "hash"));
    status = weir__buffer_add(message, head, (size_t)used, error);
    return status == 0 ? weir__buffer_add(message, line, length, error) : status;
}

static int send_all(struct weir__audit_syslog *syslog, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = send(syslog->fd, bytes, length, MSG_NOSIGNAL);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno;
        bytes += count;
        length -= (size_t)count;
    }
    return 0;
}

static int send_message(struct weir__audit_syslog *syslog, struct weir__buffer *message,
                        struct weir_error *error)
{
    size_t length = message->length;
    int status = weir__buffer_add(message, "\n", 1, error), failed;

    if (status < 0)
        return status;
    failed = send_all(syslog, message->bytes, length + (size_t)syslog->is_stream);
    if ((failed == ECONNREFUSED || failed == ECONNRESET || failed == ENOTCONN || failed == EPIPE)
        && reconnect(syslog) == 0)
        failed = send_all(syslog, message->bytes, length + (size_t)syslog->is_stream);
    if (failed == 0)
        return 0;
    return weir__fail(error, WEIR_ERR_SYSTEM, failed == EAGAIN ? ETIMEDOUT : failed,
                      "cannot write to syslog at %.200s", syslog->address.sun_path);
}

int weir__audit_syslog_send(struct weir__audit_syslog *syslog, const json_t *record,
                            const char *line, size_t length, struct weir_error *error)
{
    struct weir__buffer message = {0};
    int status = compose(&message, record, line, length, error);

    if (status == 0)
        status = send_message(syslog, &message, error);
    weir__buffer_clear(&message);
    return status;
}
