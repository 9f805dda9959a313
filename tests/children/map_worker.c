/* A worker whose records say what it does:  {"n":N,"do":"ACTION","x":X}
 *
 *     answer    {"r":N}                      null      null
 *     die       SIGKILL before the reply     exit      exit X before the reply
 *     leave     {"r":N}, then exit 0         torn      half a reply, then SIGKILL
 *     stall     nothing, until it is ended   late      the reply when SIGTERM comes, then exit 0
 *     noise     a line that is no JSON       bytes     {"r":N}, each byte a write of its own
 *     extra     {"r":N} twice                big       {"r":N,"fill":"..."} of X bytes
 *     slow      {"r":N} after X ms           chatter   X bytes to stderr, then {"r":N}
 *     stay      closes stdout, and lives on  shut      closes stdin, answers, and lives on
 *     wait      {"r":N} once a file $MARKS.go is there
 *     open      makes that file, then {"r":N}
 *     unlink    removes its own program, then {"r":N}
 *     kill      SIGKILL for the process whose number is in $MARKS.pid, then {"r":N}
 *
 * With -r N it speaks docs/protocol.md instead, says that it runs N calls at a time, and
 * answers those backwards; records are the parameters of its functions "do" and "each",
 * and "take", which has an input stream.  "each" has an output stream: with the answer in
 * it as one value.  Then there are, too
 *
 *     error     an error with code X            null-id   one that names no call
 *     many      X values {"r":N,"i":I}          unheard   X values, whatever the credit
 *     endless   values until it is cancelled    deaf      values, and then nothing ever
 *     missing   -32601                          batch     the answer in an array
 *     string    a stray answer, a doubled one, and one for an id that is a string
 *
 * An action with "once" behind it (die-once) is taken the first time only, which
 * a file $MARKS.N remembers; after that it answers.
 *
 *     -b        keeps its output back until 4096 bytes of it are there
 *     -e BYTES  writes so much to stderr before it reads
 *     -k K      exits 0 after K replies
 *     -n        the first of its kind never reads; the others do
 *     -p        with -r: knows no weir/hello
 *     -q        with -r: never answers weir/hello; -Q: answers it with an error
 *     -s TEXT   says a line before it reads
 *     -x CODE   exits at the start, with a line on stderr */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long left = -1;   /* replies until it leaves */
static long concurrency; /* 0: it speaks lines */
static int is_plain;
static char hello = 'y';

/* --- Calls ------------------------------------------------------------------ */

struct call {
    long id, credit;
    int is_stream, was_cancelled;
};

static struct call call;  /* that is being answered */
static char *kept[65536]; /* lines read while it was */
static size_t kept_first, kept_count;
static char held[64][128]; /* answers that wait to be given backwards */
static int held_count;

static long number_after(const char *line, const char *key);

/* The next line; NULL at the end.  The caller frees it. */
static char *read_line(void)
{
    size_t room = 0;
    char *line = NULL;

    if (getline(&line, &room, stdin) > 0)
        return line;
    free(line);
    return NULL;
}

static char *next_line(void)
{
    if (kept_count == 0)
        return read_line();
    kept_count--;
    return kept[kept_first++ % 65536];
}

/* Whether it was for the call under way. */
static int is_for_call(const char *line)
{
    if (strstr(line, "\"method\":\"weir/") == NULL
        || number_after(line, "\"params\":{\"id\":") != call.id)
        return 0;
    if (strstr(line, "weir/credit") != NULL)
        call.credit += number_after(line, "\"n\":");
    call.was_cancelled |= strstr(line, "weir/cancel") != NULL;
    return 1;
}

/* Reads until the call has credit, or is cancelled. */
static void await_credit(void)
{
    while (call.credit == 0 && !call.was_cancelled) {
        char *line = read_line();

        if (line == NULL)
            exit(0);
        if (is_for_call(line))
            free(line);
        else
            kept[(kept_first + kept_count++) % 65536] = line;
    }
}

static void send_chunk(const char *value)
{
    printf("{\"jsonrpc\":\"2.0\",\"method\":\"weir/chunk\",\"params\":{\"id\":%ld,\"value\":%s}}\n",
           call.id, value);
}

/* One more value of the stream.  Returns 0 when nobody wants any. */
static int put_chunk(const char *value)
{
    await_credit();
    if (call.was_cancelled)
        return 0;
    call.credit--;
    send_chunk(value);
    return 1;
}

static void put_result(const char *value)
{
    printf("{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":%s}\n", call.id, value);
}

static void put_error(long code)
{
    printf("{\"jsonrpc\":\"2.0\",\"id\":%ld,\"error\":{\"code\":%ld,\"message\":\"as asked\"}}\n",
           call.id, code);
}

/* More of its records are there. */
static int has_more(void)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

    return kept_count > 0 || (poll(&in, 1, 20) > 0 && (in.revents & POLLIN) != 0);
}

static void give_held(void)
{
    while (held_count > 0)
        fputs(held[--held_count], stdout);
    fflush(stdout);
}

/* The whole answer, as lines or calls have it; those of calls come backwards. */
static void reply(const char *value)
{
    if (concurrency == 0) {
        printf("%s\n", value);
    } else if (call.is_stream) {
        if (strcmp(value, "null") == 0 || put_chunk(value))
            put_result("null");
        else
            put_error(-32800);
    } else if (concurrency > 1 && strlen(value) < 50) {
        snprintf(held[held_count++], sizeof held[0],
                 "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":%s}\n", call.id, value);
        if (held_count == concurrency || held_count == 64)
            give_held();
    } else {
        put_result(value);
    }
}

static void put_many(long n, long count, int minds_credit)
{
    char value[64];

    for (long i = 0; i != count; i++) {
        snprintf(value, sizeof value, "{\"r\":%ld,\"i\":%ld}", n, i);
        if (!minds_credit) {
            send_chunk(value);
        } else if (!put_chunk(value)) {
            put_error(-32800);
            return;
        }
    }
    put_result("null");
}

/* Values for ever; then even a cancellation is nothing to it. */
static void be_deaf(long n)
{
    char value[64];

    snprintf(value, sizeof value, "{\"r\":%ld}", n);
    while (put_chunk(value))
        ;
    fflush(stdout);
    for (;;)
        pause();
}

/* What only calls can do.  Returns 0 for anything else. */
static int act_as_function(const char *action, long n, long x)
{
    char value[64];

    snprintf(value, sizeof value, "{\"r\":%ld}", n);
    if (strcmp(action, "error") == 0) {
        put_error(x);
    } else if (strcmp(action, "missing") == 0) {
        put_error(-32601);
    } else if (strcmp(action, "null-id") == 0) {
        printf("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"what?\"}}"
               "\n");
    } else if (strcmp(action, "many") == 0 || strcmp(action, "unheard") == 0) {
        put_many(n, x, *action == 'm');
    } else if (strcmp(action, "endless") == 0) {
        put_many(n, -1, 1);
    } else if (strcmp(action, "deaf") == 0) {
        be_deaf(n);
    } else if (strcmp(action, "batch") == 0) {
        printf("[{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":%s}]\n", call.id, value);
    } else if (strcmp(action, "string") == 0) {
        printf("{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":-1}\n", call.id + 1000000);
        printf("{\"jsonrpc\":\"2.0\",\"id\":\"%ld\",\"result\":-1}\n", call.id);
        put_result(value);
        put_result("-1");
    } else {
        return 0;
    }
    fflush(stdout);
    return 1;
}

static void say_hello(void)
{
    if (hello == 'Q')
        put_error(-32603);
    else if (is_plain)
        put_error(-32601);
    else if (hello == 'y')
        printf("{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":{\"version\":1,\"methods\":{\"do\":{},"
               "\"each\":"
               "{\"stream\":\"out\"},\"take\":{\"stream\":\"in\"}},\"concurrency\":%ld,\"pid\":%ld,"
               "\"node\":\"here\"}}\n",
               call.id, concurrency, (long)getpid());
    fflush(stdout);
}

/* --- Actions ----------------------------------------------------------------- */

static void put(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = write(fd, bytes, length);

        if (count < 0)
            _exit(1);
        bytes += count;
        length -= (size_t)count;
    }
}

static void flood(long length)
{
    char block[4096];

    memset(block, 'e', sizeof block);
    block[sizeof block - 1] = '\n';
    for (; length > 0; length -= (long)sizeof block)
        put(STDERR_FILENO, block, (size_t)length < sizeof block ? (size_t)length : sizeof block);
}

static void sleep_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

/* Whether this process is the first to make the file $MARKS.NAME. */
static int is_first(const char *name)
{
    const char *marks = getenv("MARKS");
    char path[4096];
    int fd;

    snprintf(path, sizeof path, "%s.%s", marks != NULL ? marks : "marks", name);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int is_open(void)
{
    const char *marks = getenv("MARKS");
    char path[4096];

    snprintf(path, sizeof path, "%s.go", marks != NULL ? marks : "marks");
    return access(path, F_OK) == 0;
}

static long number_after(const char *line, const char *key)
{
    const char *at = strstr(line, key);

    return at != NULL ? atol(at + strlen(key)) : 0;
}

static void say(const char *text)
{
    fputs(text, stdout);
    fflush(stdout);
}

static void answer(long n)
{
    char value[64];

    snprintf(value, sizeof value, "{\"r\":%ld}", n);
    reply(value);
    if (left > 0 && --left == 0) {
        give_held();
        fflush(stdout);
        exit(0);
    }
}

static void answer_when_reported(long n, long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    sigset_t reported;

    sigemptyset(&reported);
    sigaddset(&reported, SIGTERM);
    sigprocmask(SIG_BLOCK, &reported, NULL);
    if (sigtimedwait(&reported, NULL, &time) == SIGTERM)
        left = 1; /* its last word */
    answer(n);
}

static void answer_at_length(long n, long length)
{
    char *value = malloc((size_t)length + 64);
    int at = snprintf(value, 64, "{\"r\":%ld,\"fill\":\"", n);

    memset(value + at, 'x', (size_t)length);
    memcpy(value + at + length, "\"}", 3);
    reply(value);
    free(value);
}

static void answer_by_bytes(long n)
{
    char text[128];
    int length;

    if (concurrency == 0)
        length = snprintf(text, sizeof text, "{\"r\":%ld}\n", n);
    else
        length = snprintf(text, sizeof text,
                          "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":{\"r\":%ld}}\n", call.id, n);
    fflush(stdout);
    for (int i = 0; i < length; i++)
        put(STDOUT_FILENO, text + i, 1);
}

static void kill_other(void)
{
    const char *marks = getenv("MARKS");
    char path[4096];
    long pid = 0;
    FILE *file;

    snprintf(path, sizeof path, "%s.pid", marks != NULL ? marks : "marks");
    file = fopen(path, "r");
    if (file == NULL)
        return; /* it is gone already */
    if (fscanf(file, "%ld", &pid) == 1 && pid > 1)
        kill((pid_t)pid, SIGKILL);
    fclose(file);
}

static void act(const char *program, long n, const char *action, long x)
{
    if (concurrency > 0 && act_as_function(action, n, x))
        return;
    if (strcmp(action, "null") == 0) {
        reply("null");
    } else if (strcmp(action, "die") == 0) {
        raise(SIGKILL);
    } else if (strcmp(action, "exit") == 0) {
        fprintf(stderr, "record %ld made me exit\n", n);
        _exit((int)x);
    } else if (strcmp(action, "leave") == 0) {
        answer(n);
        give_held();
        exit(0);
    } else if (strcmp(action, "torn") == 0) {
        say("{\"r\":");
        raise(SIGKILL);
    } else if (strcmp(action, "stall") == 0) {
        pause();
    } else if (strcmp(action, "late") == 0) {
        answer_when_reported(n, x > 0 ? x : 600000);
    } else if (strcmp(action, "noise") == 0) {
        say("{Warning: this is no JSON\n");
        answer(n);
    } else if (strcmp(action, "bytes") == 0) {
        answer_by_bytes(n);
    } else if (strcmp(action, "extra") == 0) {
        answer(n);
        answer(n);
    } else if (strcmp(action, "big") == 0) {
        answer_at_length(n, x);
    } else if (strcmp(action, "slow") == 0) {
        sleep_ms(x);
        answer(n);
    } else if (strcmp(action, "chatter") == 0) {
        flood(x);
        answer(n);
    } else if (strcmp(action, "stay") == 0) {
        fflush(stdout);
        close(STDOUT_FILENO);
        for (;;)
            pause();
    } else if (strcmp(action, "shut") == 0) {
        close(STDIN_FILENO);
        say("");
        answer(n);
        fflush(stdout);
        for (;;)
            pause();
    } else if (strcmp(action, "wait") == 0) {
        while (!is_open())
            sleep_ms(1);
        answer(n);
    } else if (strcmp(action, "open") == 0) {
        is_first("go");
        answer(n);
    } else if (strcmp(action, "kill") == 0) {
        kill_other();
        answer(n);
    } else if (strcmp(action, "unlink") == 0) {
        unlink(program);
        answer(n);
    } else {
        answer(n);
    }
}

static void obey(const char *program, const char *line)
{
    const char *at = strstr(line, "\"do\":\"");
    long n = number_after(line, "\"n\":"), x = number_after(line, "\"x\":");
    char action[32] = "answer", name[32], *once;

    if (at != NULL)
        sscanf(at + 6, "%31[a-z-]", action);
    snprintf(name, sizeof name, "%ld", n);
    once = strstr(action, "-once");
    if (once != NULL) {
        *once = '\0';
        if (!is_first(name))
            strcpy(action, "answer");
    }
    act(program, n, action, x);
}

/* Takes a line of the protocol. */
static void take(const char *program, const char *line)
{
    call = (struct call){
        .id = number_after(line, "\"id\":"),
        .credit = number_after(line, "\"credit\":"),
        .is_stream = strstr(line, "\"method\":\"each\"") != NULL,
    };
    if (strstr(line, "\"method\":\"weir/hello\"") != NULL)
        say_hello();
    else if (strstr(line, "\"method\":\"weir/") == NULL)
        obey(program, line);
}

int main(int argc, char **argv)
{
    int option, holds_back = 0;
    char *line;

    while ((option = getopt(argc, argv, "be:k:npqQr:s:x:")) != -1) {
        if (option == 'b')
            holds_back = 1;
        else if (option == 'e')
            flood(atol(optarg));
        else if (option == 'k')
            left = atol(optarg);
        else if (option == 'n' && is_first("never"))
            for (;;)
                pause();
        else if (option == 'r')
            concurrency = atol(optarg);
        else if (option == 'p')
            is_plain = 1;
        else if (option == 'q' || option == 'Q')
            hello = (char)option;
        else if (option == 's')
            printf("%s\n", optarg);
        else if (option == 'x') {
            fprintf(stderr, "no way to start\n");
            return atoi(optarg);
        }
    }
    setvbuf(stdout, NULL, holds_back ? _IOFBF : _IOLBF, 4096);
    if (concurrency > 1)
        setvbuf(stdin, NULL, _IONBF, 0); /* for has_more() */
    for (; (line = next_line()) != NULL; free(line)) {
        if (concurrency > 0)
            take(argv[0], line);
        else
            obey(argv[0], line);
        if (held_count > 0 && !has_more())
            give_held();
    }
    give_held();
    return 0;
}
