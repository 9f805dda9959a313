/* cli/token_verbs.h - the verbs of weir token.  Each returns the exit status. */
#ifndef WEIR_CLI_TOKEN_VERBS_H
#define WEIR_CLI_TOKEN_VERBS_H

struct token_cmd;

int token_new_key(struct token_cmd *cmd);
int token_bearer(struct token_cmd *cmd);
int token_call(struct token_cmd *cmd);
int token_check(struct token_cmd *cmd);

#endif
