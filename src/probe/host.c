/* The distribution, by os-release(5). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/json_tree.h"
#include "probe/probe.h"
#include "text/json_text.h"

/* The value in a line NAME=VALUE, without its quotes. */
static json_t *value_of(const char *line)
{
    const char *value = strchr(line, '=') + 1;

    if (*value == '"' || *value == '\'')
        value++;
    return weir__json_textn(value, strcspn(value, "\"'\r\n"));
}

json_t *weir__os_release(void)
{
    static const char *const names[][2] = {{"ID", "id"}, {"VERSION_ID", "version"}};
    json_t *object = json_pack("{s:n,s:n}", "id", "version");
    FILE *file = fopen("/etc/os-release", "re");
    char line[1024];

    if (file == NULL)
        file = fopen("/usr/lib/os-release", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            size_t length = strlen(names[i][0]);

            if (strncmp(line, names[i][0], length) == 0 && line[length] == '=')
                weir__tree_set(&object, names[i][1], value_of(line));
        }
    if (file != NULL)
        fclose(file);
    return object;
}
