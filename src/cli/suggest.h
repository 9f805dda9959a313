/* cli/suggest.h - "did you mean": the nearest name to a mistyped one. */
#ifndef WEIR_CLI_SUGGEST_H
#define WEIR_CLI_SUGGEST_H

struct suggestion {
    const char *typed;
    const char *name; /* the nearest name so far; NULL: none is near */
    int distance;
};

/* Considers one more name. Start with {.typed = ...}. */
void suggest(struct suggestion *suggestion, const char *name);

#endif
