#include "config.h"

#include "support/running.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/harness.h"

weir_t *open_weir(void)
{
    struct weir_error error = {0};
    weir_t *weir = weir_open(NULL, &error);

    if (weir == NULL)
        printf("# %s\n", error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(weir);
    return weir;
}

struct weir_command command_of(const char *const *argv)
{
    struct weir_command command;

    weir_command_init(&command);
    command.argv = argv;
    return command;
}

struct weir_run_options run_options(void)
{
    struct weir_run_options options;

    weir_run_options_init(&options);
    return options;
}

struct weir_result run_command(weir_t *weir, const struct weir_command *command,
                               const struct weir_run_options *options)
{
    struct weir_result result = {0};
    struct weir_error error = {0};
    int status = weir_run(weir, command, options, &result, &error);

    if (status < 0)
        printf("# %s: %s\n", weir_status_name(error.status), error.text);
    CU_ASSERT_EQUAL(status, 0);
    return result;
}

struct weir_result run(weir_t *weir, const char *const *argv,
                       const struct weir_run_options *options)
{
    struct weir_command command = command_of(argv);

    return run_command(weir, &command, options);
}

int exited_with(const struct weir_result *result, int code)
{
    char sentence[300];

    if (result->end == WEIR_EXITED && result->why == WEIR_STOP_NONE && result->code == code)
        return 1;
    weir_result_sentence(result, sentence, sizeof sentence);
    printf("# %s (why: %s)\n", sentence, weir_stop_reason_name(result->why));
    return 0;
}

int names_holder(const struct weir_result *result, pid_t pid, const char *program)
{
#ifdef WEIR_LINUX
    return result->holder_pid == pid && strstr(result->holder_command, program) != NULL;
#else
    (void)pid;
    (void)program;
    return result->holder_pid == 0;
#endif
}

unsigned long long hash_of(const char *bytes, size_t length)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(1099511628211);
    return hash;
}

char *noise(size_t length)
{
    char *bytes = malloc(length + 1);
    uint32_t state = 12345;

    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    for (size_t i = 0; i < length; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (char)(state >> 24);
    }
    return bytes;
}

struct weir_run_options with_input(const char *bytes, size_t length)
{
    struct weir_run_options options = run_options();

    options.input = WEIR_INPUT_BYTES;
    options.input_bytes = bytes;
    options.input_length = length;
    return options;
}
