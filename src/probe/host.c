/* The distribution, by os-release(5). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "probe/probe.h"
#include "text/json_text.h"

/* The value of NAME= in a line, without its quotes; NULL when the line is another's. */
static json_t *value_of(char *line, const char *name)
{
    size_t length = strlen(name);
    char *value = line + length + 1;

    if (strncmp(line, name, length) != 0 || line[length] != '=')
        return NULL;
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
            json_t *value = value_of(line, names[i][0]);

            if (value != NULL)
                json_object_set_new(object, names[i][1], value);
        }
    if (file != NULL)
        fclose(file);
    return object;
}
