/* The licences of weir's programs and of the libraries that are linked into them. */
#include "config.h"

#include "cli/licenses.h"

#include <weir/weir.h>

static const struct {
    const char *part, *licence, *note;
} parts[] = {
    {"weir, weir-probe, libweir", "MIT", NULL},
    {"weir-spawner", "GPL-3.0-or-later", "its source is under the MIT licence, libpipeline is not"},
    {"libpipeline", "GPL-3.0-or-later", "in weir-spawner"},
    {"jansson", "MIT", NULL},
    {"libuv", "MIT", NULL},
    {"nettle", "LGPL-3.0-or-later OR GPL-2.0-or-later", "in weir"},
    {"PCRE2", "BSD-3-Clause", "in weir-probe"},
};

void licenses_print(FILE *to)
{
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        fprintf(to, "%-25s  %s", parts[i].part, parts[i].licence);
        if (parts[i].note != NULL)
            fprintf(to, " (%s)", parts[i].note);
        fputc('\n', to);
    }
    fprintf(to,
            "A Python wheel has the texts, and SOURCES, in weir-%s.dist-info/licenses; a Debian\n"
            "package has them in /usr/share/doc/weir/copyright.\n",
            weir_version());
}
