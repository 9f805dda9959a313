/* What people are told about weir serve. */
#include "config.h"

#include "cli/opts_serve.h"

#define AT(member) offsetof(struct serve_values, member)

static const char workers[] = "Workers";
static const char serving[] = "Serving";
static const char recycling[] = "Replacing workers";
static const char times[] = "Time";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option serve_options[SERVE_OPTION_COUNT] = {
    [SERVE_WORKER] = {
        .name = "worker", .letter = 'w', .kind = CLI_TEXTS, .offset = AT(workers),
        .metavar = "WORDS",
        .group = workers,
        .help = "a worker's program: 'python3 math_worker.py'; repeatable",
        .more = "The words are split as a shell splits words, and given to no shell. The methods "
                "of several workers are one namespace: two that have the same one are refused at "
                "the start.",
    },
    [SERVE_COUNT] = {
        .name = "workers", .letter = 'j', .kind = CLI_COUNT, .offset = AT(count), .metavar = "N",
        .group = workers,
        .help = "how many of each run (one for each processor)",
    },
    [SERVE_LAUNCHER] = {
        .name = "launcher", .kind = CLI_TEXT, .offset = AT(launcher), .metavar = "WORDS",
        .group = workers,
        .help = "put these words in front of the worker's: ssh, srun, docker exec -i",
    },
    [SERVE_CWD] = {
        .name = "cwd", .kind = CLI_DIRECTORY, .offset = AT(cwd), .metavar = "DIR",
        .group = workers,
        .help = "directory to start them in",
    },
    [SERVE_ENV] = {
        .name = "env", .kind = CLI_VARIABLE, .offset = AT(env), .metavar = "NAME=VALUE",
        .group = workers,
        .help = "set a variable of their environment; repeatable",
    },
    [SERVE_LIMIT] = {
        .name = "limit", .kind = CLI_LIMIT, .offset = AT(limits), .metavar = "NAME=VALUE",
        .group = workers,
        .help = "limit cpu (seconds), memory, files, file-size, processes or core; repeatable",
    },
    [SERVE_SOCKET] = {
        .name = "socket", .letter = 's', .kind = CLI_FILE, .offset = AT(socket),
        .metavar = "SOCKET",
        .group = serving,
        .help = "where to listen ($XDG_RUNTIME_DIR/weir.sock)",
        .more = "The socket has mode 0600, and only processes of the same user and of root are "
                "served. One that a dead server left is replaced; one that somebody serves, or "
                "that is another user's, is not. Started by a service manager that passes a "
                "socket (LISTEN_FDS), that one is served instead.",
    },
    [SERVE_MAX_QUEUE] = {
        .name = "max-queue", .kind = CLI_COUNT, .offset = AT(max_queue), .metavar = "N",
        .group = serving,
        .help = "calls that may wait for a worker; more are refused at once: those of the connection "
                "with most of them (1024)",
    },
    [SERVE_MAX_CALLS] = {
        .name = "max-calls", .kind = CLI_COUNT, .offset = AT(max_calls), .metavar = "N",
        .group = serving,
        .help = "calls that a connection may have open; more are refused (4096)",
    },
    [SERVE_MAX_CONNECTIONS] = {
        .name = "max-connections", .kind = CLI_COUNT, .offset = AT(max_connections),
        .metavar = "N",
        .group = serving,
        .help = "connections at a time; more are refused with a message (1024)",
    },
    [SERVE_MAX_MEMORY] = {
        .name = "max-memory", .kind = CLI_SIZE, .offset = AT(max_memory), .metavar = "SIZE",
        .group = serving,
        .help = "memory for requests and unread answers of all connections (256M)",
        .more = "Beyond three quarters of it the connection that holds most is not read; beyond "
                "all of it, or when that connection is stuck for 5 seconds, it is closed. At "
                "least 1M. What workers and their pipes hold is not counted: at most the calls "
                "that a worker has at a time, and one line from each.",
    },
    [SERVE_WINDOW] = {
        .name = "window", .kind = CLI_NUMBER, .offset = AT(window), .metavar = "N",
        .group = serving,
        .help = "calls given to a worker at a time (what it says it runs at once)",
        .more = "More keep a worker of small calls busy. What a worker has when it dies ends as "
                "`outcome_unknown`, so more are lost with it.",
    },
    [SERVE_MIN_READY] = {
        .name = "min-ready", .kind = CLI_COUNT, .offset = AT(min_ready), .metavar = "N",
        .group = serving,
        .help = "be ready when so many workers of each are (all of them)",
    },
    [SERVE_RECYCLE_CALLS] = {
        .name = "recycle-calls", .kind = CLI_COUNT, .offset = AT(recycle_calls), .metavar = "N",
        .group = recycling,
        .help = "replace a worker after so many calls",
        .more = "Its replacement is ready before it goes, and no call is lost.",
    },
    [SERVE_RECYCLE_AGE] = {
        .name = "recycle-age", .kind = CLI_DURATION, .offset = AT(recycle_age_ms), .metavar = "D",
        .group = recycling,
        .help = "or when it has lived so long",
    },
    [SERVE_RECYCLE_RSS] = {
        .name = "recycle-rss", .kind = CLI_SIZE, .offset = AT(recycle_rss), .metavar = "SIZE",
        .group = recycling,
        .help = "or when it has grown so large",
        .more = "What a worker has grown to is read from Linux's `/proc`, and not known elsewhere.",
    },
    [SERVE_START_TIMEOUT] = {
        .name = "start-timeout", .kind = CLI_DURATION, .offset = AT(start_timeout_ms),
        .metavar = "D",
        .group = times,
        .help = "how long a worker may take to get ready (10s)",
    },
    [SERVE_GRACE] = {
        .name = "grace", .kind = CLI_GRACE, .offset = AT(grace_ms), .metavar = "D",
        .group = times,
        .help = "time from SIGTERM to SIGKILL for a worker that has to go (5s)",
        .more = "A function that is cancelled, or whose deadline is over, has this long to clean up "
                "before its worker gets SIGINT.",
    },
    [SERVE_DRAIN] = {
        .name = "drain", .kind = CLI_GRACE, .offset = AT(drain_ms), .metavar = "D",
        .group = times,
        .help = "how long calls under way may take when the server ends (30s)",
    },
};
/* clang-format on */

static const char *const synopsis[] = {"[OPTION...] -w WORDS [-w WORDS...]", NULL};

static const char *const description[] = {
    "Keeps workers warm behind a Unix socket, and gives each call to one that is free: `weir "
    "call`, "
    "the Python and Go clients, and anything else that speaks the protocol of docs/protocol.md. "
    "A worker that dies costs the call it had, and is replaced; a function that is cancelled, or "
    "whose client has gone away, is stopped.",
    "When the workers are ready it prints `ready` on standard error, and sends READY=1 to "
    "`$NOTIFY_SOCKET`. Besides the workers' methods there are `weir/methods` and `weir/stats`.",
    "SIGHUP replaces the workers one by one; no call is lost. SIGTERM or SIGINT: it takes no more "
    "connections and calls, lets those under way end, and leaves; a second one: at once.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir serve -w 'python3 math_worker.py' -j4 &", "four Pythons, with everything imported"},
    {"weir call add 3 4", "7, from one of them"},
    {"weir call weir/stats", "calls, queue, latency, and each worker"},
    {"weir serve -s app.sock -w ./checksig -w 'python3 math_worker.py' &",
     "two languages behind one socket"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0", "it was asked to end"},
    {"2", "a bad option, or two workers with the same method"},
    {"125", "the workers do not start, the socket cannot be had, or weir failed"},
    {"128+n", "a second signal n: nothing more was waited for"},
    {NULL, NULL},
};

const struct cli_command cli_serve = {
    .name = "serve",
    .summary = "keep workers warm behind a socket, for every shell and language here",
    .synopsis = synopsis,
    .description = description,
    .options = serve_options,
    .option_count = SERVE_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_MIX,
    .usage_status = CLI_USAGE,
    .audited = 1,
    .run = cmd_serve,
};
