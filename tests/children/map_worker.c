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
 * An action with "once" behind it (die-once) is taken the first time only, which
 * a file $MARKS.N remembers; after that it answers.
 *
 *     -b        keeps its output back until 4096 bytes of it are there
 *     -e BYTES  writes so much to stderr before it reads
 *     -k K      exits 0 after K replies
 *     -n        the first of its kind never reads; the others do
 *     -s TEXT   says a line before it reads
 *     -x CODE   exits at the start, with a line on stderr */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long left = -1; /* replies until it leaves */

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
    printf("{\"r\":%ld}\n", n);
    if (left > 0 && --left == 0) {
        fflush(stdout);
        exit(0);
    }
}

static void answer_when_told(long n, long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    sigset_t told;

    sigemptyset(&told);
    sigaddset(&told, SIGTERM);
    sigprocmask(SIG_BLOCK, &told, NULL);
    if (sigtimedwait(&told, NULL, &time) == SIGTERM)
        left = 1; /* its last word */
    answer(n);
}

static void answer_at_length(long n, long length)
{
    printf("{\"r\":%ld,\"fill\":\"", n);
    for (long i = 0; i < length; i++)
        putchar('x');
    printf("\"}\n");
}

static void answer_by_bytes(long n)
{
    char text[64];
    int length = snprintf(text, sizeof text, "{\"r\":%ld}\n", n);

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
    if (strcmp(action, "null") == 0) {
        printf("null\n");
    } else if (strcmp(action, "die") == 0) {
        raise(SIGKILL);
    } else if (strcmp(action, "exit") == 0) {
        fprintf(stderr, "record %ld made me exit\n", n);
        _exit((int)x);
    } else if (strcmp(action, "leave") == 0) {
        answer(n);
        exit(0);
    } else if (strcmp(action, "torn") == 0) {
        say("{\"r\":");
        raise(SIGKILL);
    } else if (strcmp(action, "stall") == 0) {
        pause();
    } else if (strcmp(action, "late") == 0) {
        answer_when_told(n, x > 0 ? x : 600000);
    } else if (strcmp(action, "noise") == 0) {
        say("Warning: this is no JSON\n");
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

int main(int argc, char **argv)
{
    int option, holds_back = 0;
    size_t room = 0;
    char *line = NULL;

    while ((option = getopt(argc, argv, "be:k:ns:x:")) != -1) {
        if (option == 'b')
            holds_back = 1;
        else if (option == 'e')
            flood(atol(optarg));
        else if (option == 'k')
            left = atol(optarg);
        else if (option == 'n' && is_first("never"))
            for (;;)
                pause();
        else if (option == 's')
            printf("%s\n", optarg);
        else if (option == 'x') {
            fprintf(stderr, "no way to start\n");
            return atoi(optarg);
        }
    }
    setvbuf(stdout, NULL, holds_back ? _IOFBF : _IOLBF, 4096);
    while (getline(&line, &room, stdin) > 0)
        obey(argv[0], line);
    free(line);
    return 0;
}
