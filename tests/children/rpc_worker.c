/* A worker of docs/protocol.md with many faults to choose from: each method is a
 * behaviour, each option a way to start.  It knows the lines that weir writes, and no
 * JSON beyond them.
 *
 *   rpc_worker [--plain] [--concurrency N] [--slow-hello MS] [--silent] [--hello RESULT]
 *              [--exit CODE] [--die-once FILE] [--only METHOD] [--ignore-end]
 *              [--relay SOCKET]
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* --- Lines ------------------------------------------------------------------ */

static char *input;
static size_t input_length, input_room;
static char *pending[4096]; /* read while something else was going on */
static size_t pending_first, pending_count;
static int ignores_end;

static void put(const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = write(STDOUT_FILENO, bytes, length);

        if (count < 0 && errno != EINTR)
            _exit(9);
        if (count > 0) {
            bytes += count;
            length -= (size_t)count;
        }
    }
}

static void say(const char *format, ...)
{
    char line[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    put(line, strlen(line));
}

static char *cut_line(void)
{
    char *lf = input_length > 0 ? memchr(input, '\n', input_length) : NULL;
    size_t length;
    char *line;

    if (lf == NULL)
        return NULL;
    length = (size_t)(lf - input);
    line = malloc(length + 1);
    memcpy(line, input, length);
    line[length] = '\0';
    input_length -= length + 1;
    memmove(input, lf + 1, input_length);
    return line;
}

/* The next line from the pipe; NULL when the time is over. */
static char *read_line(int timeout_ms)
{
    for (;;) {
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        char *line = cut_line();
        ssize_t count;
        int ready;

        if (line != NULL)
            return line;
        ready = poll(&in, 1, timeout_ms);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0)
            return NULL;
        if (input_room - input_length < 65536) {
            input_room = input_room * 2 + 131072;
            input = realloc(input, input_room);
        }
        count = read(STDIN_FILENO, input + input_length, input_room - input_length);
        if (count == 0 && ignores_end)
            pause();
        if (count == 0)
            exit(0);
        if (count > 0)
            input_length += (size_t)count;
    }
}

static char *next_request(void)
{
    if (pending_count == 0)
        return read_line(-1);
    pending_count--;
    return pending[pending_first++ % 4096];
}

static void keep(char *line)
{
    pending[(pending_first + pending_count++) % 4096] = line;
}

/* --- The fields of a line ---------------------------------------------------- */

static long number_after(const char *line, const char *key, long otherwise)
{
    const char *at = strstr(line, key);

    return at != NULL ? atol(at + strlen(key)) : otherwise;
}

static long id_of(const char *line)
{
    return number_after(line, "\"id\":", -1);
}

static int is_method(const char *line, const char *name)
{
    const char *at = strstr(line, "\"method\":\"");
    size_t length = strlen(name);

    return at != NULL && strncmp(at + 10, name, length) == 0 && at[10 + length] == '"';
}

/* The n-th number of params. */
static long param(const char *line, int n)
{
    const char *at = strstr(line, "\"params\":[");

    for (at = at != NULL ? at + 10 : ""; n > 0 && *at != '\0'; at++)
        n -= *at == ',';
    return atol(at);
}

/* The first string of params. */
static const char *text_param(const char *line)
{
    static char text[4096];
    const char *at = strstr(line, "\"params\":[\"");

    snprintf(text, sizeof text, "%.*s", at != NULL ? (int)strcspn(at + 11, "\"") : 0,
             at != NULL ? at + 11 : "");
    return text;
}

static void answer(long id, const char *result)
{
    say("{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":%s}\n", id, result);
}

static void answer_number(long id, long result)
{
    say("{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":%ld}\n", id, result);
}

static void fail(long id, long code, const char *message)
{
    say("{\"jsonrpc\":\"2.0\",\"id\":%ld,\"error\":{\"code\":%ld,\"message\":\"%s\"}}\n", id, code,
        message);
}

/* More chunks than the tests grant, in one write: no credit can come between. */
static void flood(long id)
{
    char text[4096]; /* PIPE_BUF: it is read whole, too */
    size_t used = 0;

    for (int i = 0; i < 20; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "{\"jsonrpc\":\"2.0\",\"method\":\"weir/chunk\","
                                 "\"params\":{\"id\":%ld,\"value\":%d}}\n",
                                 id, i);
    if (write(STDOUT_FILENO, text, used) != (ssize_t)used)
        _exit(1);
}

static void chunk(long id, long value)
{
    say("{\"jsonrpc\":\"2.0\",\"method\":\"weir/chunk\",\"params\":{\"id\":%ld,\"value\":%ld}}\n",
        id, value);
}

static void note(const char *message)
{
    say("{\"jsonrpc\":\"2.0\",\"method\":\"weir/log\",\"params\":{\"level\":\"info\",\"message\":"
        "\"%s\"}}\n",
        message);
}

/* --- Functions that listen while they run ------------------------------------ */

/* Waits for something about this call, or until the time is over (NULL). */
static char *receive(long id, int timeout_ms)
{
    char *line;

    while ((line = read_line(timeout_ms)) != NULL) {
        if (strstr(line, "\"method\":\"weir/") != NULL && id_of(line) == id
            && !is_method(line, "weir/map"))
            return line;
        if (strstr(line, "\"method\":\"weir/") == NULL)
            keep(line);
        else
            free(line);
    }
    return NULL;
}

static void wait_for_cancel(long id)
{
    for (int is_over = 0; !is_over;) {
        char *news = receive(id, -1);

        is_over = is_method(news, "weir/cancel");
        free(news);
    }
    fail(id, -32800, "cancelled");
}

static void do_sleep(long id, const char *line)
{
    char *news = receive(id, (int)param(line, 0));

    if (news != NULL)
        fail(id, -32800, "cancelled");
    else
        answer(id, "\"slept\"");
    free(news);
}

static void do_count(long id, const char *line, int endless)
{
    long credit = number_after(line, "\"credit\":", 0), at = param(line, 0), to = param(line, 1);

    while (endless || at < to) {
        char *news = credit > 0 && !endless ? NULL : receive(id, credit > 0 ? 0 : -1);

        if (news != NULL && is_method(news, "weir/cancel")) {
            free(news);
            note("closed");
            fail(id, -32800, "cancelled");
            return;
        }
        if (news != NULL)
            credit += number_after(news, "\"n\":", 0);
        else
            credit--, chunk(id, at++);
        free(news);
    }
    answer(id, "null");
}

static void grant(long id, long n)
{
    say("{\"jsonrpc\":\"2.0\",\"method\":\"weir/credit\",\"params\":{\"id\":%ld,\"n\":%ld}}\n", id,
        n);
}

static void do_sum(long id, int echoes)
{
    long sum = 0;

    grant(id, 16);
    for (;;) {
        char *news = receive(id, -1);

        if (is_method(news, "weir/chunk")) {
            sum += number_after(news, "\"value\":", 0);
            if (echoes)
                chunk(id, sum);
            grant(id, 1);
        } else if (strstr(news, "\"error\"") != NULL) {
            fail(id, 1000, "the input broke");
            free(news);
            return;
        } else {
            free(news);
            break;
        }
        free(news);
    }
    answer_number(id, sum);
}

static void do_first(long id, const char *line)
{
    long wanted = param(line, 0);

    grant(id, wanted);
    for (long taken = 0; taken < wanted; taken++)
        free(receive(id, -1));
    answer(id, "\"enough\"");
}

/* --- Behaviours -------------------------------------------------------------- */

static long held[1024];
static int held_count;

static void drop_held(long id)
{
    for (int i = 0; i < held_count; i++)
        if (held[i] == id) {
            fail(id, -32800, "cancelled");
            held[i] = held[--held_count];
        }
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* Stops at SIGINT and not before. */
static void do_deaf(long id)
{
    struct sigaction action = {.sa_handler = on_interrupt};

    sigaction(SIGINT, &action, NULL);
    interrupted = 0;
    while (!interrupted)
        pause();
    fail(id, -32800, "interrupted");
}

static void do_stubborn(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    for (;;)
        pause();
}

static int is_first_time(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void do_big(long id, long length)
{
    char *line = malloc((size_t)length + 100);
    int at = snprintf(line, 100, "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":\"", id);

    memset(line + at, 'x', (size_t)length);
    memcpy(line + at + length, "\"}\n", 4);
    put(line, (size_t)at + (size_t)length + 3);
    free(line);
}

/* A result of 100,000 arrays, one in the other. */
static void do_deep(long id)
{
    enum { DEPTH = 100000 };
    static char text[2 * DEPTH + 1];

    memset(text, '[', DEPTH);
    memset(text + DEPTH, ']', DEPTH);
    say("{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":", id);
    put(text, 2 * DEPTH);
    say("}\n");
}

static void do_bytes(long id)
{
    char line[100];
    int length =
        snprintf(line, sizeof line, "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":\"slow\"}\n", id);

    for (int i = 0; i < length; i++)
        put(line + i, 1);
}

static void do_echo(long id, const char *line)
{
    const char *params = strstr(line, "\"params\":");
    const char *end = strstr(line, ",\"weir\":{");
    int length;

    if (params == NULL) {
        answer(id, "null");
        return;
    }
    params += 9;
    length = end != NULL && end > params ? (int)(end - params) : (int)strlen(params) - 1;
    say("{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":", id);
    put(params, (size_t)length);
    say("}\n");
}

/* What is there whatever the other methods are.  Returns 0 for anything else. */
static int do_good(long id, const char *line)
{
    if (is_method(line, "add"))
        answer_number(id, param(line, 0) + param(line, 1));
    else if (is_method(line, "echo"))
        do_echo(id, line);
    else if (is_method(line, "pid"))
        answer_number(id, getpid());
    else if (is_method(line, "big"))
        do_big(id, param(line, 0));
    else if (is_method(line, "error"))
        fail(id, param(line, 0), "as asked");
    else if (is_method(line, "sleep"))
        do_sleep(id, line);
    else if (is_method(line, "count"))
        do_count(id, line, 0);
    else if (is_method(line, "endless"))
        do_count(id, line, 1);
    else if (is_method(line, "sum"))
        do_sum(id, 0);
    else if (is_method(line, "running"))
        do_sum(id, 1);
    else if (is_method(line, "first"))
        do_first(id, line);
    else
        return 0;
    return 1;
}

static int do_death(long id, const char *line)
{
    if (is_method(line, "die") || is_method(line, "die_idempotent")) {
        raise(SIGKILL);
    } else if (is_method(line, "die_once")) {
        if (is_first_time(text_param(line)))
            raise(SIGKILL);
        answer(id, "\"second\"");
    } else if (is_method(line, "stream_and_die")) {
        chunk(id, 1);
        raise(SIGKILL);
    } else if (is_method(line, "exit")) {
        fprintf(stderr, "leaving\n");
        exit((int)param(line, 0));
    } else if (is_method(line, "torn")) {
        say("{\"jsonrpc\":\"2.0\",\"id\":%ld,\"resu", id);
        exit(0);
    } else if (is_method(line, "close_output")) {
        close(STDOUT_FILENO);
        for (;;)
            pause();
    } else if (is_method(line, "close_input_unread")) {
        chunk(id, 1);                                                        /* it has been read */
        poll(&(struct pollfd){.fd = STDIN_FILENO, .events = POLLIN}, 1, -1); /* the next call */
        close(STDIN_FILENO);
        answer(id, "\"closed\"");
        for (;;)
            pause();
    } else if (is_method(line, "close_input")) {
        close(STDIN_FILENO);
        answer(id, "\"closed\"");
        for (;;)
            pause();
    } else if (is_method(line, "stop")) {
        raise(SIGSTOP);
        answer(id, "null");
    } else if (is_method(line, "deaf")) {
        do_deaf(id);
    } else if (is_method(line, "stubborn")) {
        do_stubborn();
    } else if (is_method(line, "answers_and_sleeps")) {
        answer(id, "null");
        for (;;)
            pause();
    } else {
        return 0;
    }
    return 1;
}

static int do_nonsense(long id, const char *line)
{
    if (is_method(line, "bytes")) {
        do_bytes(id);
    } else if (is_method(line, "twice")) {
        answer(id, "1");
        answer(id, "2");
        answer(900719925474099, "3");
        say("{\"jsonrpc\":\"2.0\",\"id\":\"never seen\",\"result\":4}\n");
    } else if (is_method(line, "noise")) {
        say("debug: here\n\n7\n\xff\xfe\n");
        answer(id, "\"noisy\"");
    } else if (is_method(line, "desync")) {
        say("{'debug': True}\n");
    } else if (is_method(line, "nan")) {
        answer(id, "NaN");
    } else if (is_method(line, "ill_formed")) {
        answer(id, "\"\xff\"");
    } else if (is_method(line, "deep")) {
        do_deep(id);
    } else if (is_method(line, "long_line")) {
        do_big(id, 70000000);
    } else if (is_method(line, "flood")) {
        flood(id);
        wait_for_cancel(id);
    } else if (is_method(line, "unasked_chunk")) {
        chunk(id, 1);
        wait_for_cancel(id);
    } else if (is_method(line, "bad_credit")) {
        grant(id, 0);
        wait_for_cancel(id);
    } else if (is_method(line, "log")) {
        note("hello");
        answer(id, "null");
    } else if (is_method(line, "stderr")) {
        for (long i = 0; i < param(line, 0); i++)
            fprintf(stderr, "%099ld\n", i);
        answer(id, "null");
    } else if (is_method(line, "grow")) {
        size_t length = (size_t)param(line, 0) * 1024;
        char *bytes = malloc(length);

        memset(bytes, 1, length);
        answer_number(id, bytes[length / 2]);
    } else if (is_method(line, "hold")) {
        held[held_count++] = id;
    } else if (is_method(line, "release")) {
        while (held_count > 0)
            answer(held[--held_count], "\"held\"");
        answer(id, "null");
    } else {
        return 0;
    }
    return 1;
}

static const char *hello_result; /* "": none ever */
static int is_plain, concurrency = 1, hello_ms;
static const char *only;

static void do_hello(long id)
{
    static const char methods[] =
        "\"add\":{},\"echo\":{},\"pid\":{},\"big\":{},\"error\":{},\"sleep\":{},"
        "\"count\":{\"stream\":\"out\"},\"endless\":{\"stream\":\"out\"},\"sum\":{\"stream\":"
        "\"in\"},\"running\":{\"stream\":\"both\"},\"first\":{\"stream\":\"in\"},\"die\":{},"
        "\"die_idempotent\":{\"idempotent\":true},\"die_once\":{\"idempotent\":true},"
        "\"stream_and_die\":{\"stream\":\"out\",\"idempotent\":true},\"exit\":{},\"torn\":{},"
        "\"close_output\":{},\"close_input\":{},\"close_input_unread\":{\"stream\":\"out\"},"
        "\"stop\":{},\"deaf\":{},\"stubborn\":{},"
        "\"answers_and_sleeps\":{},\"bytes\":{},\"twice\":{},\"noise\":{},\"desync\":{},"
        "\"nan\":{},\"ill_formed\":{},\"deep\":{},"
        "\"long_line\":{},\"flood\":{\"stream\":\"out\"},\"unasked_chunk\":{},\"bad_credit\":"
        "{\"stream\":\"in\"},\"log\":{},\"stderr\":{},\"grow\":{},\"hold\":{},\"release\":{}";

    if (hello_ms > 0)
        nanosleep(&(struct timespec){hello_ms / 1000, hello_ms % 1000 * 1000000L}, NULL);
    if (is_plain) {
        fail(id, -32601, "Method not found");
    } else if (hello_result != NULL) {
        if (hello_result[0] != '\0')
            answer(id, hello_result);
    } else if (only != NULL) {
        say("{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":{\"version\":1,\"methods\":{\"%s\":{}}}}\n",
            id, only);
    } else {
        say("{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":{\"version\":1,\"name\":\"test\","
            "\"methods\":{%s},\"concurrency\":%d,\"pid\":%ld,\"node\":\"here\"}}\n",
            id, methods, concurrency, (long)getpid());
    }
}

/* --- A wire to whoever listens on a socket ----------------------------------- */

static int copy(int from, int to)
{
    char bytes[65536];
    ssize_t count = read(from, bytes, sizeof bytes);

    for (ssize_t done = 0, put_now; done < count; done += put_now) {
        put_now = write(to, bytes + done, (size_t)(count - done));
        if (put_now < 0)
            return 0;
    }
    return count > 0;
}

static void relay(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct pollfd ends[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.events = POLLIN}};

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        exit(8);
    ends[1].fd = fd;
    while (poll(ends, 2, -1) >= 0) {
        if (ends[0].revents != 0 && !copy(STDIN_FILENO, fd)) {
            shutdown(fd, SHUT_WR);
            exit(0);
        }
        if (ends[1].revents != 0 && !copy(fd, STDOUT_FILENO)) {
            close(STDOUT_FILENO);
            ends[1].fd = -1;
        }
    }
    exit(0);
}

static void read_options(char **argv)
{
    for (int i = 1; argv[i] != NULL; i++) {
        const char *option = argv[i], *value = argv[i + 1];

        if (strcmp(option, "--plain") == 0) {
            is_plain = 1;
            continue;
        }
        if (strcmp(option, "--silent") == 0) {
            hello_result = "";
            continue;
        }
        if (strcmp(option, "--ignore-end") == 0) {
            ignores_end = 1;
            continue;
        }
        i++;
        if (value == NULL)
            exit(7);
        if (strcmp(option, "--concurrency") == 0)
            concurrency = atoi(value);
        else if (strcmp(option, "--slow-hello") == 0)
            hello_ms = atoi(value);
        else if (strcmp(option, "--hello") == 0)
            hello_result = value;
        else if (strcmp(option, "--only") == 0)
            only = value;
        else if (strcmp(option, "--relay") == 0)
            relay(value);
        else if (strcmp(option, "--die-once") == 0 && is_first_time(value))
            exit(3);
        else if (strcmp(option, "--exit") == 0) {
            fprintf(stderr, "cannot find my model\n");
            exit(atoi(value));
        }
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    read_options(argv);
    for (;;) {
        char *line = next_request();
        long id = id_of(line);

        if (is_method(line, "weir/hello"))
            do_hello(id);
        else if (is_method(line, "weir/cancel"))
            drop_held(id);
        else if (strstr(line, "\"method\":\"weir/") == NULL && !do_good(id, line)
                 && !do_death(id, line) && !do_nonsense(id, line))
            fail(id, -32601, "Method not found");
        free(line);
    }
}
