#include "config.h"

#include "cli/suggest.h"

#include <string.h>

enum { LONGEST = 32 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* The edit distance: insertions, deletions, changes and swaps of neighbours. */
static int distance(const char *a, const char *b)
{
    int rows[3][LONGEST + 1];
    int length = (int)strlen(b);

    if (strlen(a) > LONGEST || length > LONGEST)
        return LONGEST;
    for (int j = 0; j <= length; j++)
        rows[0][j] = j;
    for (int i = 1; a[i - 1] != '\0'; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *over = rows[(i + 1) % 3];

        row[0] = i;
        for (int j = 1; j <= length; j++) {
            row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(row[j], least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], over[j - 2] + 1);
        }
    }
    return rows[strlen(a) % 3][length];
}

void suggest(struct suggestion *suggestion, const char *name)
{
    const char *typed = suggestion->typed;
    size_t length = strlen(typed);
    int far = distance(typed, name);

    if (length > 1 && strncmp(typed, name, length) == 0)
        far = 1; /* only the end is missing */
    if (far > (length > 4 ? 2 : 1))
        return;
    if (suggestion->name == NULL || far < suggestion->distance) {
        suggestion->name = name;
        suggestion->distance = far;
    }
}
