/* cli/opts_workers.h - rows that weir map and weir serve have in common. */
#ifndef WEIR_CLI_OPTS_WORKERS_H
#define WEIR_CLI_OPTS_WORKERS_H

/* at: the offset of its flag; heading: the group; where: "" or words such as "with `--call`, ". */
/* A row's fields stand as they are read. */
/* clang-format off */
#define WORKERS_WARM(at, heading, where)                                                           \
    {                                                                                              \
        .name = "warm", .kind = CLI_FLAG, .offset = (at),                                          \
        .group = heading,                                                                          \
        .help = "Python: import the program once, and fork each worker from it",                   \
        .more = "For programs with large imports: one process, the warm parent, runs the program " \
                "up to its call of `weir.worker.serve()`, and each worker is forked from it there, "\
                "in a few milliseconds, with its memory shared until it is written to. A program " \
                "that has started threads by then is refused, for a fork does not have them. What "\
                "must not be shared, such as a connection, belongs in the functions. Linux only, "\
                where "not with a launcher or MCP servers.",                                       \
    }
/* clang-format on */

#endif
