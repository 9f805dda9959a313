/* proc/result.h - fill in results, and say them as JSON. */
#ifndef WEIR_PROC_RESULT_H
#define WEIR_PROC_RESULT_H

#include <jansson.h>

#include <weir/result.h>
#include <weir/text.h>

#include "proc/spawner_client.h"

/* "exec" and the like; what is unknown is WEIR_STEP_SETUP. */
enum weir_step weir__step_find(const char *name);

/* Sets argv, cwd and started_at.  Errors: NOMEM. */
int weir__result_begin(struct weir_result *result, const struct weir_command *command,
                       struct weir_error *error);

void weir__result_not_started(struct weir_result *result, enum weir_step step, int sys_errno,
                              const char *interpreter);
void weir__result_exited(struct weir_result *result, const struct weir__exit *how,
                         const uint64_t limits[WEIR_LIMIT_COUNT]);
void weir__result_lost(struct weir_result *result);
void weir__result_sent(struct weir_result *result, int signal);
void weir__result_unsent(struct weir_result *result, int signal);

/* Takes over who lives on. */
void weir__result_survivors(struct weir_result *result, const struct weir__job *job);

/* Names the process that holds the other end of the pipe whose read end fd is. */
void weir__result_holder(struct weir_result *result, int fd);

/* Derives an output's text from its bytes.  Errors: CHARSET, NOMEM. */
int weir__output_decode(struct weir_output *output, const char *charset,
                        enum weir_on_error on_error, const char *fallback,
                        struct weir_error *error);

/* Parts of the documents; new references, NULL when memory is short. */
json_t *weir__output_json(const struct weir_output *output);
json_t *weir__result_fields(const struct weir_result *result);

/* Prints a document in one line with a newline; takes it.  The caller owns the
 * text; NULL when memory is short. */
char *weir__json_print(json_t *takes);

#endif
