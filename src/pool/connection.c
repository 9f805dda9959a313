#include "config.h"

#include "pool/connection.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "pool/call_queue.h"
#include "pool/front.h"
#include "pool/lending.h"
#include "pool/server_call.h"
#include "proc/context.h"
#include "text/json_validate.h"
#include "text/lines.h"

enum {
    /* Messages that a connection may send in one turn of the loop, so that others get theirs. */
    TURN_MESSAGES = 256,
    TURN_BYTES = 1 << 20,
};

/* --- Messages -------------------------------------------------------------- */

/* The rest of a turn. */
struct turn {
    int messages;
    ptrdiff_t bytes;
};

static int has_turn(const struct weir__connection *connection, const struct turn *turn)
{
    return turn->messages > 0 && turn->bytes > 0 && weir__connection_has_room(connection)
           && !connection->is_over && !connection->ending;
}

static void begin_batch(struct weir__connection *connection, struct weir__slice elements)
{
    connection->batch = calloc(1, sizeof *connection->batch);
    if (connection->batch == NULL) {
        weir__connection_end(connection);
        return;
    }
    connection->batch->open = 1; /* for the reader, until all elements are read */
    connection->rest = elements;
}

static void end_batch(struct weir__connection *connection)
{
    struct weir__batch *batch = connection->batch;

    connection->batch = NULL;
    if (batch->read == 0)
        connection->front->refuse(connection, NULL, -32600, "the batch is empty");
    weir__connection_leave_batch(connection, batch);
}

static void read_elements(struct weir__connection *connection, struct turn *turn)
{
    struct weir__slice element;
    struct weir__message message;

    while (has_turn(connection, turn)) {
        if (!weir__message_next(&connection->rest, &element)) {
            end_batch(connection);
            return;
        }
        connection->batch->read++;
        weir__message_scan(element.bytes, element.length, &message);
        if (message.kind == WEIR__MESSAGE_NOISE || message.kind == WEIR__MESSAGE_BATCH)
            message.kind = WEIR__MESSAGE_NOT_RPC;
        turn->messages -= connection->front->hear(connection, connection->batch, &message);
        turn->bytes -= (ptrdiff_t)element.length;
    }
}

static void read_line(struct weir__connection *connection, const struct weir_line *line,
                      struct turn *turn)
{
    struct weir__message message;

    weir__message_scan(line->bytes, line->length, &message);
    if (message.kind == WEIR__MESSAGE_NOISE
        && weir__json_syntax_utf8(line->bytes, line->length, NULL))
        message.kind = WEIR__MESSAGE_NOT_RPC; /* a number or a string */
    if (message.kind == WEIR__MESSAGE_BATCH) {
        begin_batch(connection, message.params);
        return;
    }
    turn->messages -= connection->front->hear(connection, NULL, &message);
    turn->bytes -= (ptrdiff_t)line->length;
}

/* Processes what was read for one turn of the loop; the rest waits in lines. */
static void read_lines(struct weir__connection *connection)
{
    struct turn turn = {TURN_MESSAGES, TURN_BYTES};
    struct weir_error error;
    struct weir_line line;
    int status = 1;

    while (status == 1 && has_turn(connection, &turn)) {
        if (connection->batch != NULL)
            read_elements(connection, &turn);
        else if ((status = weir_lines_next(connection->lines, &line, &error)) == 1)
            read_line(connection, &line, &turn);
    }
    if (status < 0 && !connection->is_over) {
        connection->front->refuse(connection, NULL, -32700, error.text);
        connection->ending = 1;
    }
    connection->is_paused = status == 1 && !connection->is_over && !connection->ending;
    if (!connection->is_paused)
        weir__lines_trim(connection->lines, WEIR__CONNECTION_CHUNK);
}

/* No more is asked.  A last line may lack its line feed; where it does not, a blank one is
 * ignored. */
static void end_input(struct weir__connection *connection)
{
    if (connection->front->ends_with_input) {
        weir__connection_flush(connection); /* what the client still reads */
        connection->is_over = 1;
        return;
    }
    if (weir_lines_feed(connection->lines, "\n", 1, NULL) < 0) {
        connection->is_over = 1;
        return;
    }
    read_lines(connection);
    connection->input_over = 1;
    weir__server_call_end_input(connection);
}

static void read_some(struct weir__connection *connection)
{
    char bytes[WEIR__CONNECTION_CHUNK];
    ssize_t count = connection->in_is_socket
                        ? recv(connection->fd, bytes, sizeof bytes, MSG_DONTWAIT)
                        : read(connection->fd, bytes, sizeof bytes);

    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count == 0 && connection->out_watch != NULL)
        end_input(connection);
    else if (count <= 0 || weir_lines_feed(connection->lines, bytes, (size_t)count, NULL) < 0)
        connection->is_over = 1;
    else
        read_lines(connection);
}

/* Runs after everything that may have ended the connection. */
static void settle(struct weir__connection *connection)
{
    connection->is_reading = 0;
    if (connection->is_over)
        weir__connection_close(connection);
    else
        weir__connection_flush(connection);
}

static void on_socket(void *data, int bits)
{
    struct weir__connection *connection = data;

    connection->is_reading = 1;
    if (bits & WEIR__READABLE && !connection->is_over) {
        if (weir__connection_is_read(connection))
            read_some(connection);
        else if (!connection->ending)
            connection->is_over = 1; /* reported although it is not read: the client has
                                      * disconnected */
    } else if (connection->is_paused && !connection->is_over) {
        read_lines(connection);
    }
    settle(connection);
}

/* Of two descriptors. */
static void on_input(void *data, int bits)
{
    struct weir__connection *connection = data;

    (void)bits;
    connection->is_reading = 1;
    if (weir__connection_is_read(connection) && !connection->is_over)
        read_some(connection);
    settle(connection);
}

static void on_output(void *data, int bits)
{
    struct weir__connection *connection = data;
    struct pollfd reader = {.fd = connection->out_fd};

    connection->is_reading = 1;
    if (poll(&reader, 1, 0) > 0 && reader.revents & (POLLERR | POLLHUP))
        connection->is_over = 1;
    else if (bits & WEIR__READABLE) /* never asked for: the reader only will not write */
        connection->reader_stays = 1;
    else if (connection->is_paused && !connection->is_over)
        read_lines(connection);
    settle(connection);
}

/* --- Life ------------------------------------------------------------------ */

static void sweep(void *data)
{
    struct weir__server *server = data;
    struct weir__connection *connection = server->connections;

    while (connection != NULL)
        if (connection->is_over) {
            weir__connection_close(connection);
            connection = server->connections; /* others may have ended with it */
        } else {
            connection = connection->next;
        }
}

static int is_socket(int fd)
{
    struct stat file;

    return fstat(fd, &file) == 0 && S_ISSOCK(file.st_mode);
}

static int watch(struct weir__connection *connection, struct weir_error *error)
{
    weir__loop *loop = connection->server->weir->loop;
    int is_one = connection->fd == connection->out_fd;
    int status =
        weir__watch_new(loop, connection->fd, WEIR__READABLE, is_one ? on_socket : on_input,
                        connection, &connection->watch, error);

    if (status >= 0 && !is_one)
        status = weir__watch_new(loop, connection->out_fd, WEIR__GONE, on_output, connection,
                                 &connection->out_watch, error);
    return status;
}

static void free_all(struct weir__connection *connection)
{
    if (connection->front->forget != NULL)
        connection->front->forget(connection);
    if (connection->out_fd == connection->fd)
        connection->out_fd = -1;
    weir__watch_close(&connection->watch);
    weir__watch_close(&connection->out_watch);
    weir__close(&connection->fd);
    weir__close(&connection->out_fd);
    weir_lines_free(connection->lines);
    weir__buffer_clear(&connection->sending);
    weir__connection_drop_parcels(connection);
    free(connection->flow);
    free(connection->client);
    free(connection->table);
    free(connection);
}

/* Returns NULL if out of memory. */
static struct weir__connection *make(struct weir__server *server, const struct weir__front *front)
{
    struct weir__connection *connection = calloc(1, sizeof *connection);

    if (connection == NULL)
        return NULL;
    connection->server = server;
    connection->number = ++server->connection_number;
    connection->front = front;
    connection->fd = connection->out_fd = -1;
    connection->last_due = &connection->due;
    connection->lines = weir_lines_new(WEIR_MAX_LINE);
    connection->flow = weir__flow_new(server->pool);
    if (connection->lines != NULL && connection->flow != NULL
        && (server->sweep != NULL
            || weir__timer_new(server->weir->loop, sweep, server, &server->sweep, NULL) >= 0))
        return connection;
    free_all(connection);
    return NULL;
}

static void add(struct weir__connection *connection)
{
    struct weir__server *server = connection->server;

    connection->next = server->connections;
    connection->link = &server->connections;
    if (connection->next != NULL)
        connection->next->link = &connection->next;
    server->connections = connection;
    server->connection_count++;
    weir__connection_weigh(connection);
}

int weir__connection_open(struct weir__server *server, int fd, int out_fd, struct weir_error *error)
{
    struct weir__connection *connection =
        make(server, server->front != NULL ? server->front : &weir__front_native);
    int status;

    if (connection == NULL) {
        if (out_fd != fd)
            weir__close(&out_fd);
        weir__close(&fd);
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory");
    }
    connection->fd = fd;
    connection->out_fd = out_fd;
    connection->in_is_socket = fd == out_fd || is_socket(fd);
    connection->out_is_socket = fd == out_fd || is_socket(out_fd);
    status = watch(connection, error);
    if (status < 0) {
        free_all(connection);
        return status;
    }
    add(connection);
    return 0;
}

struct weir__connection *weir__connection_carry(struct weir__server *server,
                                                const struct weir__front *front,
                                                const struct weir__carrier *carrier, void *context)
{
    struct weir__connection *connection =
        server->connection_count < server->limits.max_connections ? make(server, front) : NULL;

    if (connection == NULL)
        return NULL;
    connection->carrier = carrier;
    connection->carrier_context = context;
    add(connection);
    return connection;
}

void weir__connection_hear(struct weir__connection *connection, const char *bytes, size_t length,
                           int last)
{
    const struct weir_line line = {.bytes = bytes, .length = length};
    struct turn turn = {INT_MAX, PTRDIFF_MAX};

    connection->is_reading = 1;
    read_line(connection, &line, &turn);
    while (connection->batch != NULL && has_turn(connection, &turn))
        read_elements(connection, &turn);
    connection->is_reading = 0;
    connection->input_over = last;
    if (connection->batch != NULL && !connection->is_over)
        weir__connection_end(connection); /* no memory for its answers */
    if (!connection->is_over)
        weir__connection_flush(connection);
}

void weir__connection_leave(struct weir__connection *connection)
{
    struct weir__server *server = connection->server;

    if (connection->is_left || server->left_count >= server->limits.max_connections)
        return;
    connection->is_left = 1;
    server->left_count++;
    server->connection_count--;
}

void weir__connection_close(struct weir__connection *connection)
{
    struct weir__server *server = connection->server;

    connection->is_over = 1;
    while (connection->calls != NULL)
        weir__server_call_drop(connection->calls);
    weir__lending_end(connection);
    weir__connection_leave_batch(connection, connection->batch);
    weir__connection_weigh(connection); /* now zero; it is no longer held */
    if (connection->carrier != NULL)
        connection->carrier->over(connection->carrier_context);
    server->connection_count -= (size_t)!connection->is_left;
    server->left_count -= (size_t)connection->is_left;
    *connection->link = connection->next;
    if (connection->next != NULL)
        connection->next->link = connection->link;
    free_all(connection);
    if (server->on_last != NULL && server->connections == NULL)
        server->on_last(server->context);
}
