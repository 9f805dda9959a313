/* Messages of a spawner over SOCK_STREAM, as where there is no SOCK_SEQPACKET. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/datagram.h"
#include "base/fd.h"
#include "base/portable.h"
#include "support/harness.h"

static struct weir__link here, there;

static void open_links(void)
{
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(weir__socket_pair(SOCK_STREAM, ends), 0);
    CU_ASSERT_EQUAL_FATAL(weir__link_open_frames(&here, ends[0], NULL), 0);
    CU_ASSERT_EQUAL_FATAL(weir__link_open_frames(&there, ends[1], NULL), 0);
}

static void close_links(void)
{
    weir__link_close(&here);
    weir__link_close(&there);
}

static int send_text(const char *text, const int *fds, size_t fd_count)
{
    return weir__datagram_send(&here, text, strlen(text), fds, fd_count, MSG_DONTWAIT);
}

static void messages_keep_apart(void)
{
    struct weir__datagram message;

    open_links();
    CU_ASSERT_EQUAL(weir__datagram_receive(&there, &message, MSG_DONTWAIT), -EAGAIN);
    CU_ASSERT_EQUAL(send_text("one", NULL, 0), 0);
    CU_ASSERT_EQUAL(send_text("", NULL, 0), 0);
    CU_ASSERT_EQUAL(send_text("three", NULL, 0), 0);
    CU_ASSERT_EQUAL_FATAL(weir__datagram_receive(&there, &message, MSG_DONTWAIT), 1);
    CU_ASSERT_STRING_EQUAL(message.text, "one");
    CU_ASSERT_EQUAL_FATAL(weir__datagram_receive(&there, &message, MSG_DONTWAIT), 1);
    CU_ASSERT_EQUAL(message.length, 0);
    CU_ASSERT_EQUAL_FATAL(weir__datagram_receive(&there, &message, MSG_DONTWAIT), 1);
    CU_ASSERT_STRING_EQUAL(message.text, "three");
    CU_ASSERT_EQUAL(weir__datagram_receive(&there, &message, MSG_DONTWAIT), -EAGAIN);
    close_links();
}

static void descriptors_come_with_their_message(void)
{
    struct weir__datagram message;
    int pipes[2], fds[WEIR__DATAGRAM_FDS];

    open_links();
    CU_ASSERT_EQUAL_FATAL(weir__pipe(pipes, NULL), 0);
    for (size_t i = 0; i < WEIR__DATAGRAM_FDS; i++)
        fds[i] = pipes[FD_WRITE_END];
    CU_ASSERT_EQUAL(send_text("none", NULL, 0), 0);
    CU_ASSERT_EQUAL(send_text("two", pipes, 2), 0);
    CU_ASSERT_EQUAL(send_text("all", fds, WEIR__DATAGRAM_FDS), 0);
    CU_ASSERT_EQUAL(weir__datagram_receive(&there, &message, MSG_DONTWAIT), 1);
    CU_ASSERT_EQUAL(message.rights.count, 0);
    CU_ASSERT_EQUAL(weir__datagram_receive(&there, &message, MSG_DONTWAIT), 1);
    CU_ASSERT_STRING_EQUAL(message.text, "two");
    CU_ASSERT_EQUAL_FATAL(message.rights.count, 2);
    CU_ASSERT(weir__fd_is_same(message.rights.fds[1], pipes[FD_WRITE_END]));
    CU_ASSERT_EQUAL(fcntl(message.rights.fds[1], F_GETFD), FD_CLOEXEC);
    weir__datagram_clear(&message);
    CU_ASSERT_EQUAL(weir__datagram_receive(&there, &message, MSG_DONTWAIT), 1);
    CU_ASSERT_STRING_EQUAL(message.text, "all");
    CU_ASSERT_EQUAL(message.rights.count, WEIR__DATAGRAM_FDS);
    weir__datagram_clear(&message);
    close(pipes[0]);
    close(pipes[1]);
    close_links();
}

/* The descriptors are there with the first byte, and belong to the message that ends later. */
static void a_message_may_come_byte_by_byte(void)
{
    static const unsigned char frame[] = {3, 0, 0, 0, 'a', 'b', 'c', 0, 0, 0, 0};
    struct weir__datagram message;
    int pipes[2];

    open_links();
    CU_ASSERT_EQUAL_FATAL(weir__pipe(pipes, NULL), 0);
    for (size_t i = 0; i < 7; i++) {
        CU_ASSERT_EQUAL(weir__datagram_receive(&there, &message, MSG_DONTWAIT), -EAGAIN);
        CU_ASSERT_EQUAL(
            weir__rights_send(here.socket, frame + i, 1, pipes, i == 0 ? 1 : 0, MSG_DONTWAIT), 1);
    }
    CU_ASSERT_EQUAL_FATAL(weir__datagram_receive(&there, &message, MSG_DONTWAIT), 1);
    CU_ASSERT_STRING_EQUAL(message.text, "abc");
    CU_ASSERT_EQUAL(message.rights.count, 1);
    weir__datagram_clear(&message);
    CU_ASSERT_EQUAL(weir__datagram_receive(&there, &message, MSG_DONTWAIT), -EAGAIN);
    close(pipes[0]);
    close(pipes[1]);
    close_links();
}

/* Sends until there is no room, then reads: each message arrives, whole and in order. */
static void what_finds_no_room_is_sent_later(void)
{
    static char text[WEIR__DATAGRAM_SIZE];
    struct weir__datagram message;
    int sent = 0, failed = 0, were_parts = 0;

    open_links();
    /* So small that the socket takes a message in parts. */
    setsockopt(here.socket, SOL_SOCKET, SO_SNDBUF, &(int){16384}, sizeof(int));
    for (; sent < 1000 && failed == 0; sent++) {
        memset(text, 'a' + sent % 26, sizeof text);
        failed = weir__datagram_send(&here, text, sizeof text, NULL, 0, MSG_DONTWAIT);
        were_parts |= failed == 0 && weir__link_flush(&here) == EAGAIN;
    }
    CU_ASSERT_EQUAL(failed, EAGAIN);
    CU_ASSERT(were_parts);
    sent--; /* nothing of the last one was */
    for (int got = 0; got < sent;) {
        int status = weir__datagram_receive(&there, &message, MSG_DONTWAIT);

        CU_ASSERT_FATAL(status == 1 || status == -EAGAIN);
        if (status == 1) {
            CU_ASSERT_EQUAL(message.length, sizeof text);
            CU_ASSERT(message.text[0] == 'a' + got % 26
                      && message.text[message.length - 1] == 'a' + got % 26);
            got++;
        }
        weir__link_flush(&here);
    }
    CU_ASSERT_EQUAL(weir__link_flush(&here), 0);
    CU_ASSERT_EQUAL(weir__datagram_receive(&there, &message, MSG_DONTWAIT), -EAGAIN);
    close_links();
}

static void a_large_message_is_a_file(void)
{
    size_t length = 3 * WEIR__DATAGRAM_SIZE;
    struct weir__datagram message;
    char *text = malloc(length);
    int pipes[2];

    open_links();
    CU_ASSERT_EQUAL_FATAL(weir__pipe(pipes, NULL), 0);
    memset(text, 'x', length);
    CU_ASSERT_EQUAL(weir__datagram_send(&here, text, length, pipes, 2, MSG_DONTWAIT), 0);
    CU_ASSERT_EQUAL_FATAL(weir__datagram_receive(&there, &message, MSG_DONTWAIT), 1);
    CU_ASSERT_EQUAL(message.unreadable, 0);
    CU_ASSERT_EQUAL_FATAL(message.length, length);
    CU_ASSERT_EQUAL(memcmp(message.text, text, length), 0);
    CU_ASSERT_EQUAL(message.rights.count, 2);
    weir__datagram_clear(&message);
    free(text);
    close(pipes[0]);
    close(pipes[1]);
    close_links();
}

static void an_end_within_a_message_is_the_end(void)
{
    static const unsigned char begun[] = {9, 0, 0, 0, 'a'};
    struct weir__datagram message;
    int pipes[2];

    open_links();
    CU_ASSERT_EQUAL_FATAL(weir__pipe(pipes, NULL), 0);
    CU_ASSERT_EQUAL(weir__rights_send(here.socket, begun, sizeof begun, pipes, 2, 0), 5);
    weir__link_close(&here);
    CU_ASSERT_EQUAL(weir__datagram_receive(&there, &message, 0), 0);
    close(pipes[0]);
    close(pipes[1]);
    close_links(); /* and the descriptors that came */
}

static void a_length_that_cannot_be_is_refused(void)
{
    static const unsigned char head[] = {1, 0x80, 0, 0};
    struct weir__datagram message;

    open_links();
    CU_ASSERT_EQUAL(weir__rights_send(here.socket, head, sizeof head, NULL, 0, 0), 4);
    CU_ASSERT_EQUAL(weir__datagram_receive(&there, &message, 0), -EPROTO);
    close_links();
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"messages are kept apart", messages_keep_apart},
        {"descriptors come with their message", descriptors_come_with_their_message},
        {"a message may come byte by byte", a_message_may_come_byte_by_byte},
        {"what finds no room is sent later", what_finds_no_room_is_sent_later},
        {"a large message is a file", a_large_message_is_a_file},
        {"an end within a message is the end", an_end_within_a_message_is_the_end},
        {"a length that cannot be is refused", a_length_that_cannot_be_is_refused},
        CU_TEST_INFO_NULL,
    };

    return run_suite("frames", tests);
}
