/* The spawner's requests: whatever comes is refused, or can be acted on. */
#include "config.h"

#include <string.h>

#include "base/process_tree.h"
#include "fuzz/replay.h"
#include "spawner/environment.h"
#include "spawner/request.h"

static void check_stage(const struct request_stage *stage, const char *tag, int fd_count)
{
    char **envp = environment_make(stage, tag);
    size_t count = 0;

    HOLDS(stage->argv[0] != NULL);
    HOLDS(stage->cwd >= -1 && stage->cwd < fd_count);
    for (int i = 0; i < 3; i++)
        HOLDS(stage->stdio[i] >= -1 && stage->stdio[i] < fd_count);
    HOLDS(stage->limit_count <= REQUEST_LIMITS);
    while (envp[count] != NULL)
        count++;
    HOLDS(count > 0 && strncmp(envp[0], WEIR__JOB_TAG_NAME "=", 9) == 0);
    HOLDS(strcmp(envp[0] + strlen(envp[0]) - strlen(tag), tag) == 0);
    for (size_t i = 1; i < count; i++)
        HOLDS(strncmp(envp[i], WEIR__JOB_TAG_NAME "=", 9) != 0);
    environment_free(envp);
}

static void check_pass(const struct request *request)
{
    for (size_t i = 0; i < request->number_count; i++)
        HOLDS(request->numbers[i] >= 3);
}

/* As message.h has it: with a NUL byte behind it. */
static char *text_of(const uint8_t *bytes, size_t length)
{
    char *text = malloc(length + 1);

    HOLDS(text != NULL);
    if (length > 0)
        memcpy(text, bytes, length);
    text[length] = '\0';
    return text;
}

/* The first byte says how many descriptors came with the text. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct request request;
    struct weir_error error;
    int fd_count, status;
    char *text;

    if (length == 0)
        return 0;
    fd_count = bytes[0] % 16;
    text = text_of(bytes + 1, length - 1);
    status = request_parse(text, length - 1, (size_t)fd_count, &request, &error);
    HOLDS(request_begins(text) >= 0);
    free(text);
    HOLDS(status == 0 || status == WEIR_ERR_INVALID);
    if (status < 0)
        return 0;
    HOLDS(request.job > 0 && request.grace_ms >= 0);
    if (request.op == REQUEST_START) {
        HOLDS(strlen(request.tag) == WEIR__JOB_TAG_SIZE - 1 && request.stage_count > 0);
        HOLDS(request.tty >= -1 && request.tty < fd_count);
        for (size_t i = 0; i < request.stage_count; i++)
            check_stage(&request.stages[i], request.tag, fd_count);
    }
    check_pass(&request);
    request_clear(&request);
    return 0;
}
