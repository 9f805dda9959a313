/* schema/version.h - versions as tools print them: read and ordered.
 *
 * A version is up to four numbers, perhaps a pre-release, perhaps a build:
 * "1.22.3", "go1.23rc2", "v20.1.0-beta.2", "3.12.0b4", "2.36-9+deb12u14", "1.0.post1".
 * Where tools deviate from Semantic Versioning 2.0, these rules apply:
 *
 *   - Missing numbers are 0.
 *   - A pre-release is what follows "-" and begins with a letter, or begins with
 *     alpha, beta, rc, pre, preview, dev, or a, b, c and a digit, in any place. Anything else
 *     after the numbers is a build: "-14" is a distribution's revision.
 *   - In a pre-release runs of digits are numbers: rc2 comes before rc10.
 *   - A build is kept, but ignored in comparisons.
 */
#ifndef WEIR_SCHEMA_VERSION_H
#define WEIR_SCHEMA_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <weir/error.h>

enum { WEIR__VERSION_NUMBERS = 4, WEIR__VERSION_WORD = 64, WEIR__VERSION_TEXT = 224 };

struct weir__version {
    uint64_t number[WEIR__VERSION_NUMBERS]; /* major, minor, patch, and a fourth that some have */
    int count;                              /* how many of them are given: 1 to 4 */
    char prerelease[WEIR__VERSION_WORD];    /* "rc1"; "" for a release */
    char build[WEIR__VERSION_WORD];         /* "14+deb12u1"; "" for none */
};

/* Parses a text that is a version and nothing else; "v" or "go" may precede it.
 * Returns 0, or -1 with *version as it was. */
int weir__version_parse(const char *text, struct weir__version *version);

/* The same for a JSON string; fails for other values. */
int weir__version_of(const json_t *value, struct weir__version *version);

/* Finds the first version in the output of a tool: with at least one dot, at the beginning of a
 * word: "gcc (Debian 12.2.0-14) 12.2.0", "go version go1.22.3 linux/amd64".
 * Text may hold any bytes.  Returns 0, or -1 with *version as it was. */
int weir__version_find(const char *text, size_t length, struct weir__version *version);

/* Less than, equal to or greater than 0, as a comes before, with or after b. */
int weir__version_compare(const struct weir__version *a, const struct weir__version *b);

/* Formats it in a normal form: at least three numbers, "-" and the pre-release, "+" and the
 * build: "1.23.0-rc2".  Returns text. */
char *weir__version_text(const struct weir__version *version, char text[WEIR__VERSION_TEXT]);

#endif
