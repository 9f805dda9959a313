/* The options, help and manual page of weir serve. */
#include "config.h"

#include "cli/opts_serve.h"
#include "cli/opts_stop.h"
#include "cli/opts_workers.h"
#include "cli/output_check.h"

#define AT(member) offsetof(struct serve_values, member)

static const char workers[] = "Workers";
static const char serving[] = "Serving";
#ifdef WEIR_HTTP
static const char web[] = "Over HTTP";
#endif
static const char recycling[] = "Replacing workers";
static const char times[] = "Time limits";
static const char auditing[] = "Records of calls";

/* A row's fields stand as they are read. */
/* clang-format off */
const struct cli_option serve_options[SERVE_OPTION_COUNT] = {
    [SERVE_WORKER] = {
        .name = "worker", .letter = 'w', .kind = CLI_TEXTS, .offset = AT(workers),
        .metavar = "WORDS",
        .group = workers,
        .help = "command of a worker: 'python3 math_worker.py'; repeatable",
        .more = "Split into words as a shell does, without running a shell. The methods of all "
                "workers share one namespace; weir refuses to start if two workers have a method "
                "of the same name.",
    },
    [SERVE_FILE] = {
        .name = "file", .letter = 'f', .kind = CLI_FILE, .offset = AT(file), .metavar = "FILE",
        .group = workers,
        .help = "MCP servers to start: a JSON file with \"mcpServers\", as clients have it",
        .more = "What weir does with the tools of a server is in its member \"weir\": filters, time "
                "limits, names. docs/mcp.md has all members.",
    },
    [SERVE_SERVER] = {
        .name = "server", .kind = CLI_TEXTS, .offset = AT(servers), .metavar = "LABEL=WORDS",
        .group = workers,
        .help = "command of an MCP server: 'files=npx -y some-server /data'; repeatable",
        .more = "The label is put before the name of a tool that two servers have.",
    },
    [SERVE_COUNT] = {
        .name = "workers", .letter = 'j', .kind = CLI_COUNT, .offset = AT(count), .metavar = "N",
        .group = workers,
        .help = "number of processes for each worker (one for each processor; one for an MCP "
                "server)",
        .more = "Each has in its environment `WEIR_SLOT`, a number from 0 to N-1, and `WEIR_JOB`.",
    },
    [SERVE_WARM] = WORKERS_WARM(AT(warm), workers, ""),
    [SERVE_LAUNCHER] = {
        .name = "launcher", .kind = CLI_TEXTS, .offset = AT(launchers), .metavar = "WORDS",
        .group = workers,
        .help = "prefix for the workers' commands: ssh, srun, docker exec -i; repeatable",
        .more = "One launcher is for all workers. Several are one for each `-w`, in the same "
                "order; an empty one means no launcher: `-w ./near --launcher '' -w ./far "
                "--launcher 'ssh node7'`. See weir-map(1) for what weir expects of a launcher.",
    },
    [SERVE_LAUNCHER_SHELL] = {
        .name = "launcher-shell", .kind = CLI_FLAG, .offset = AT(launcher_shell),
        .group = workers,
        .help = "the launcher hands its words to a shell, as ssh does: quote the worker's",
    },
    [SERVE_LAUNCHER_STOP] = {
        .name = "launcher-stop", .kind = CLI_TEXTS, .offset = AT(launcher_stops),
        .metavar = "WORDS",
        .group = workers,
        .help = "command that stops a worker that its launcher may leave behind; repeatable",
        .more = "One for all workers, or one for each `-w`, as with `--launcher`. Its environment "
                "has `WEIR_WORKER_JOB` and `WEIR_WORKER_SLOT`, the launcher's `WEIR_JOB` and "
                "`WEIR_SLOT`, and `WEIR_WORKER_PID` and `WEIR_WORKER_NODE`, which the worker "
                "reported.",
    },
    [SERVE_PROTOCOL] = {
        .name = "protocol", .kind = CLI_CHOICE, .offset = AT(protocol), .metavar = "WHICH",
        .choices = cli_protocols,
        .group = workers,
        .help = "what the workers speak: auto, native, plain or mcp (auto)",
        .more = "`native` is the protocol of weir's SDKs, `plain` is JSON-RPC 2.0, and `auto` "
                "finds out which of these two it is. `mcp` is for MCP servers: their tools are "
                "the functions. Each has one process unless `--workers` says otherwise, and runs "
                "one call at a time, but up to 16 calls of tools that say that they only read.",
    },
    [SERVE_MCP_VERSION] = {
        .name = "mcp-version", .kind = CLI_CHOICE, .offset = AT(mcp_version),
        .metavar = "VERSION",
        .choices = cli_mcp_versions,
        .group = workers,
        .help = "speak this version of MCP: any, 2025-11-25 or 2026-07-28 (any)",
    },
    [SERVE_NO_RETRY] = {
        .name = "no-retry", .kind = CLI_FLAG, .offset = AT(no_retry),
        .group = workers,
        .help = "do not repeat a call if an MCP server dies, whatever hints the tool has",
    },
    [SERVE_CHECK] = {
        .name = "check", .kind = CLI_CHOICE, .offset = AT(check), .metavar = "WHAT",
        .choices = output_check_words,
        .group = workers,
        .help = "with MCP servers: check nothing (none, default), or what tools return (output)",
        .more = "`output`: what a tool returns must fit its `outputSchema`; if it does not, the call fails "
                "(-33003). A schema that weir cannot use is reported once, and not checked.",
    },
    [SERVE_SOCKET] = {
        .name = "socket", .letter = 's', .kind = CLI_FILE, .offset = AT(socket),
        .metavar = "SOCKET",
        .group = serving,
        .help = "listen on this socket ($XDG_RUNTIME_DIR/weir.sock)",
        .more = "The socket has mode 0600, and only processes of the same user and of root may "
                "connect. weir replaces a socket that a dead server left behind, but not one "
                "that is in use or belongs to another user. If a service manager passes a socket "
                "(LISTEN_FDS), weir listens on that one instead; on one named `http` (LISTEN_FDNAMES) it "
                "serves HTTP.",
    },
    [SERVE_STDIO] = {
        .name = "stdio", .kind = CLI_FLAG, .offset = AT(stdio),
        .group = serving,
        .help = "serve one client on stdin and stdout instead of a socket file, then exit",
        .more = "For programs that start their own pool, and to use a pool as a worker, also over "
                "ssh. If stdin and stdout are one socket, as from socketpair(2), its end of file "
                "cancels the client's calls. If they are two pipes, the end of the input only "
                "ends the requests: weir answers those that were sent, then exits. `ready` is not "
                "printed: the answer to `weir/hello` tells that the workers are ready.",
    },
    [SERVE_MCP] = {
        .name = "mcp", .kind = CLI_FLAG, .offset = AT(mcp),
        .group = serving,
        .help = "serve one MCP client on stdin and stdout: functions become tools for an agent",
        .more = "For programs that start MCP servers (Model Context Protocol). When the input "
                "ends, and on SIGTERM, calls are cancelled, and weir exits within 1.5 seconds. "
                "`ready` is printed once the list of tools is known. A server with a --socket "
                "needs no such option: MCP clients are served there, too.",
    },
    [SERVE_JOIN] = {
        .name = "join", .kind = CLI_FILE, .offset = AT(join), .metavar = "SOCKET",
        .group = serving,
        .help = "with --mcp: connect the client to the weir serve that listens at this socket",
        .more = "Many clients can share the same workers this way. If that server ends, open requests are "
                "answered with an error, and weir exits with 1. With -f or --server, the first client starts the "
                "server, in the background; its messages are in SOCKET.log.",
    },
    [SERVE_PIN] = {
        .name = "pin", .kind = CLI_FILE, .offset = AT(pin), .metavar = "FILE",
        .group = serving,
        .help = "show MCP clients only tools that are as they were when FILE was written",
        .more = "FILE has a digest of each tool's description: its words and schemas. A tool that "
                "is new or has changed is held back, as if it were not there, and weir reports it.",
    },
    [SERVE_PIN_UPDATE] = {
        .name = "pin-update", .kind = CLI_FLAG, .offset = AT(pin_update),
        .group = serving,
        .help = "with --pin: accept the tools as they are, and write FILE",
        .more = "FILE is written once all servers have started, or at the end of the start "
                "timeout. Servers that do not start keep what they had. What changes later is "
                "held back.",
    },
    [SERVE_MAX_RESULT] = {
        .name = "max-result", .kind = CLI_SIZE, .offset = AT(max_result), .metavar = "SIZE",
        .group = serving,
        .help = "maximum length of a tool's result for an MCP client (8M)",
        .more = "A longer one is an error of the tool. Many clients accept at most 10 MiB.",
    },
    [SERVE_BREAKER] = {
        .name = "breaker", .kind = CLI_TEXTS, .offset = AT(breakers), .metavar = "[METHOD=]SPEC",
        .group = serving,
        .help = "refuse calls of a method at once while most of them fail; repeatable",
        .more = "SPEC is `calls=20,percent=50,window=10s,open=5s`, or some of it: if 50 percent of at "
                "least 20 calls in 10 seconds fail, calls are answered with -33009 for 5 seconds. Then "
                "single calls are let through; three good ones end it, and a bad one doubles the time, "
                "up to a minute. Failures are deadlines, dead workers and workers that do not start, "
                "not exceptions. With `slow=D`, calls that take longer fail, too. Without METHOD it is "
                "for each method.",
    },
    [SERVE_FALLBACK] = {
        .name = "fallback", .kind = CLI_TEXTS, .offset = AT(fallbacks), .metavar = "METHOD=OTHER",
        .group = serving,
        .help = "call OTHER with the same parameters where METHOD cannot answer; repeatable",
        .more = "After METHOD's breaker has refused the call, after its deadline, when its workers do "
                "not start, and when they died if METHOD is idempotent. METHOD gets 80 percent of the "
                "time, OTHER the rest. Calls with an input stream, and those that have already "
                "delivered a value, just fail.",
    },
    [SERVE_MAX_QUEUE] = {
        .name = "max-queue", .kind = CLI_COUNT, .offset = AT(max_queue), .metavar = "N",
        .group = serving,
        .help = "maximum number of queued calls; beyond it, calls of the connection with the "
                "most are refused (1024)",
    },
    [SERVE_MAX_CALLS] = {
        .name = "max-calls", .kind = CLI_COUNT, .offset = AT(max_calls), .metavar = "N",
        .group = serving,
        .help = "maximum number of open calls on a connection (4096)",
        .more = "Further calls are refused.",
    },
    [SERVE_MAX_CONNECTIONS] = {
        .name = "max-connections", .kind = CLI_COUNT, .offset = AT(max_connections),
        .metavar = "N",
        .group = serving,
        .help = "maximum number of connections (1024)",
        .more = "Further connections are refused with a message.",
    },
    [SERVE_MAX_MEMORY] = {
        .name = "max-memory", .kind = CLI_SIZE, .offset = AT(max_memory), .metavar = "SIZE",
        .group = serving,
        .help = "memory for the requests and unread responses of all connections (256M)",
        .more = "Above three quarters of it, weir stops reading from the connection that uses "
                "most. It closes that connection above the maximum, or when the connection is "
                "stuck for 5 seconds. The minimum is 1M. What workers and their pipes hold is "
                "not counted: at most the concurrent calls of a worker, and one line from each.",
    },
    [SERVE_WINDOW] = {
        .name = "window", .kind = CLI_NUMBER, .offset = AT(window), .metavar = "N",
        .group = serving,
        .help = "calls sent to a worker at a time (the concurrency it declares)",
        .more = "A higher number keeps a worker of small calls busy. All calls that a worker has "
                "when it dies end as `outcome_unknown`, so more are lost with it.",
    },
    [SERVE_MIN_READY] = {
        .name = "min-ready", .kind = CLI_COUNT, .offset = AT(min_ready), .metavar = "N",
        .group = serving,
        .help = "report ready when this many processes of each worker are (all)",
    },
#ifdef WEIR_HTTP
    [SERVE_HTTP] = {
        .name = "http", .kind = CLI_TEXT, .offset = AT(http), .metavar = "PLACE",
        .group = web,
        .help = "serve HTTP at [ADDRESS:]PORT or unix:PATH; add --socket to serve a socket, too",
        .more = "Each method is `POST /v1/call/NAME`; see docs/http.md. Without ADDRESS it is "
                "127.0.0.1; PORT 0 takes a free one. weir prints the URL on standard error before "
                "`ready`. Without --http-tokens only processes of the same user and of "
                "root are served, on TCP too. "
                "The socket of --socket is served only if that option is given as well.",
    },
    [SERVE_HTTP_TOKENS] = {
        .name = "http-tokens", .kind = CLI_FILE, .offset = AT(http_tokens), .metavar = "FILE",
        .group = web,
        .help = "serve clients with a token of this file, whatever user they are",
        .more = "A JSON file that only its owner can read; docs/http.md describes it. Needed for "
                "an address that is not loopback. SIGHUP makes weir read it again.",
    },
    [SERVE_HTTP_STATE] = {
        .name = "http-state", .kind = CLI_FILE, .offset = AT(http_state), .metavar = "FILE",
        .group = web,
        .help = "keep here which one-time tokens were used",
        .more = "Without it, one-time tokens that are older than the server are refused, so that "
                "none is accepted twice after a restart.",
    },
    [SERVE_EXPOSE] = {
        .name = "expose", .kind = CLI_TEXTS, .offset = AT(exposed), .metavar = "GLOB",
        .group = web,
        .help = "serve only methods whose name matches; repeatable (all)",
    },
    [SERVE_HTTP_HOST] = {
        .name = "http-host", .kind = CLI_TEXTS, .offset = AT(http_hosts), .metavar = "NAME",
        .group = web,
        .help = "another name by which clients may call the server; repeatable",
        .more = "Requests with an unknown Host are answered with 421, so that no page can reach "
                "the server by a name of its own (DNS rebinding). Known are localhost, 127.0.0.1, "
                "[::1] and the address of --http, each with the port.",
    },
    [SERVE_HTTP_ORIGIN] = {
        .name = "http-origin", .kind = CLI_TEXTS, .offset = AT(http_origins), .metavar = "URL",
        .group = web,
        .help = "let pages of this origin call the server; repeatable",
        .more = "For example https://app.example.org. Requests of browsers for pages elsewhere are "
                "answered with 403.",
    },
    [SERVE_HTTP_TIMEOUT] = {
        .name = "http-timeout", .kind = CLI_DURATION, .offset = AT(http_timeout_ms),
        .metavar = "D",
        .group = web,
        .help = "default and maximum time of a call over HTTP (60s)",
        .more = "A client asks for less with the field Weir-Timeout, in seconds.",
    },
    [SERVE_HTTP_HEAD_TIMEOUT] = {
        .name = "http-head-timeout", .kind = CLI_DURATION, .offset = AT(http_head_timeout_ms),
        .metavar = "D",
        .group = web,
        .help = "time for the head of a request, from its first byte (5s)",
    },
    [SERVE_HTTP_MAX_BODY] = {
        .name = "http-max-body", .kind = CLI_SIZE, .offset = AT(http_max_body),
        .metavar = "SIZE",
        .group = web,
        .help = "maximum size of a request's body, and of a line of an input stream (1M)",
    },
    [SERVE_HTTP_CONNECTIONS] = {
        .name = "http-connections", .kind = CLI_COUNT, .offset = AT(http_connections),
        .metavar = "N",
        .group = web,
        .help = "maximum number of connections over HTTP (256)",
    },
    [SERVE_HTTP_TRACEBACKS] = {
        .name = "http-tracebacks", .kind = CLI_FLAG, .offset = AT(http_tracebacks),
        .group = web,
        .help = "show clients the tracebacks of functions that fail",
    },
    [SERVE_HTTP_LOG] = {
        .name = "http-log", .kind = CLI_FLAG, .offset = AT(http_log),
        .group = web,
        .help = "print a line on standard error for each request over HTTP",
        .more = "The client, the name of its token, method and path, status, and how long it took.",
    },
    [SERVE_NO_HTTP_PAGE] = {
        .name = "no-http-page", .kind = CLI_FLAG, .offset = AT(no_http_page),
        .group = web,
        .help = "leave out the web page, and the lists of running calls",
    },
    [SERVE_DRAIN_DELAY] = {
        .name = "drain-delay", .kind = CLI_GRACE, .offset = AT(drain_delay_ms), .metavar = "D",
        .group = web,
        .help = "how long to go on after SIGTERM, with /readyz at 503 (0)",
        .more = "Time for a load balancer to notice. Then the server stops as usual.",
    },
#endif
    [SERVE_RECYCLE_CALLS] = {
        .name = "recycle-calls", .kind = CLI_COUNT, .offset = AT(recycle_calls), .metavar = "N",
        .group = recycling,
        .help = "replace a worker after this many calls",
        .more = "The replacement is ready before the old worker exits, and no call is lost.",
    },
    [SERVE_RECYCLE_AGE] = {
        .name = "recycle-age", .kind = CLI_DURATION, .offset = AT(recycle_age_ms), .metavar = "D",
        .group = recycling,
        .help = "replace a worker after this long",
    },
    [SERVE_RECYCLE_RSS] = {
        .name = "recycle-rss", .kind = CLI_SIZE, .offset = AT(recycle_rss), .metavar = "SIZE",
        .group = recycling,
        .help = "replace a worker that uses more memory than this",
        .more = "The size of a worker is read from Linux's `/proc`, and is not known on other "
                "systems.",
    },
    [SERVE_START_TIMEOUT] = {
        .name = "start-timeout", .kind = CLI_DURATION, .offset = AT(start_timeout_ms),
        .metavar = "D",
        .group = times,
        .help = "how long a worker may take to start (10s)",
    },
    [SERVE_STUCK] = {
        .name = "stuck", .kind = CLI_DURATION, .offset = AT(stuck_ms), .metavar = "D",
        .group = times,
        .help = "replace an MCP server that answers nothing for this long after a cancelled call "
                "(30s)",
    },
    [SERVE_GRACE] = STOP_GRACE(AT(stop), times, " for a worker that is stopped",
        "A function that is cancelled, or whose deadline is over, has this long to clean up before "
        "its worker gets SIGINT; with `--stop`, the time of the first step."),
    [SERVE_STOP] = STOP_STEPS(AT(stop), times, "a worker"),
    [SERVE_DRAIN] = {
        .name = "drain", .kind = CLI_GRACE, .offset = AT(drain_ms), .metavar = "D",
        .group = times,
        .help = "how long to wait for open calls when the server stops (30s)",
    },
    [SERVE_LINGER] = {
        .name = "linger", .kind = CLI_GRACE, .offset = AT(linger_ms), .metavar = "D",
        .group = times,
        .help = "stop this long after the last client has left; with --join, of the server that it starts (5m)",
        .more = "Without it, and without --join, the server does not stop by itself. With it, clients are served at "
                "once, and not when the workers are ready.",
    },
    [SERVE_EXIT_WHEN_DOWN] = {
        .name = "exit-when-down", .kind = CLI_DURATION, .offset = AT(exit_when_down_ms),
        .metavar = "D",
        .group = times,
        .help = "stop the server when no process of a worker has been ready for this long",
        .more = "It drains and exits with status 125, so that a service manager or batch system "
                "starts it again, perhaps elsewhere. Without this option the server stays, "
                "refuses calls to that worker, and goes on trying to start it.",
    },
    [SERVE_AUDIT_ARGUMENTS] = {
        .name = "audit-arguments", .kind = CLI_FLAG, .offset = AT(audit_arguments),
        .group = auditing,
        .help = "with --audit: the records of calls have their arguments",
        .more = "At most 4 KiB of each call, with `***` in place of what looks like a secret. "
                "Without this option a record has their length and SHA-256.",
    },
};
/* clang-format on */

static const char *const synopsis[] = {
    "[OPTION...] -w WORDS [-w WORDS...]",        "--stdio [OPTION...] -w WORDS [-w WORDS...]",
    "--mcp [OPTION...] -w WORDS [-w WORDS...]",  "--mcp [OPTION...] -f FILE",
    "--mcp --join SOCKET [-f FILE [OPTION...]]", NULL};

static const char *const description[] = {
    "Keeps workers running behind a Unix socket and sends each call to a free one. Clients are "
    "`weir call`, the Python and Go clients, and anything else that speaks the protocol in "
    "docs/protocol.md or MCP. With `--http` it also serves HTTP, with `--mcp` one MCP client; `-f` "
    "and `--server` make it a gateway to MCP servers. If a worker dies, only the calls it had are "
    "lost, and weir replaces it. A function is stopped when it is cancelled or its client "
    "disconnects.",
    "When the workers are ready, weir prints `ready` on standard error and sends READY=1 to "
    "`$NOTIFY_SOCKET`. Besides the workers' methods, the server has `weir/methods`, "
    "`weir/stats` and `weir/recycle`.",
    "SIGHUP replaces the workers one by one, without losing a call. On SIGTERM or SIGINT, the "
    "server accepts no more connections and calls, lets open calls finish, and exits. A second "
    "signal makes it exit at once.",
    NULL,
};

static const struct cli_example examples[] = {
    {"weir serve -w 'python3 math_worker.py' -j4 &",
     "keep four Python processes ready, with all imports done"},
    {"weir call add 3 4", "call one of them"},
    {"weir call weir/stats", "show calls, queue, latency and workers"},
    {"weir serve -s app.sock -w ./checksig -w 'python3 math_worker.py' &",
     "serve workers in two languages on one socket"},
    {"weir call -w \"weir serve --stdio -w 'python3 math_worker.py' -j2\" add 3 4",
     "print 7: a pool is a worker, too"},
    {"weir call --protocol mcp -w 'weir serve --mcp -w ./checksig' --list",
     "list the tools that an agent gets: it starts what is in the quotes"},
    {NULL, NULL},
};

static const struct cli_exit exits[] = {
    {"0", "the server was asked to stop, or its only client disconnected (--stdio, --mcp)"},
    {"1", "the server of `--join` has ended"},
    {"2", "invalid option, or two workers with the same method"},
    {"125", "the workers do not start, the socket is unavailable, `--exit-when-down` applied, or "
            "`weir` failed"},
    {"128+n", "a second signal n arrived; weir did not wait any longer"},
    {NULL, NULL},
};

const struct cli_command cli_serve = {
    .name = "serve",
    .summary = "keep workers running behind a socket, for any shell or language",
    .synopsis = synopsis,
    .description = description,
    .options = serve_options,
    .option_count = SERVE_OPTION_COUNT,
    .examples = examples,
    .exits = exits,
    .words = CLI_WORDS_MIX,
    .usage_status = CLI_USAGE,
    .starts_program = 1,
    .audited = 1,
    .run = cmd_serve,
};
