/* cli/suggest.h - "did you mean": the name that is nearest to a mistyped one. */
#ifndef WEIR_CLI_SUGGEST_H
#define WEIR_CLI_SUGGEST_H

struct suggestion {
    const char *typed;
    const char *name; /* the nearest name so far; NULL: none is near */
    int distance;
};

/* Looks at one more name there is.  Begin with {.typed = ...}. */
void suggest(struct suggestion *suggestion, const char *name);

#endif
