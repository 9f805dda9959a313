/* What makes two environments equal, as one hash.
 *
 * Counted: system, machine, distribution; of each tool its state, version, kind of
 * installation and the facts that its detector says matter.  Not counted: times, pids,
 * names of hosts and users, paths, raw output, and problems that changed nothing.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_canonical.h"
#include "base/digest.h"
#include "base/json_tree.h"
#include "probe/json_values.h"
#include "probe/probe.h"

/* A path in the home directory is the same path in another's. */
static json_t *without_home(const json_t *value, const char *home)
{
    json_t *copy, *item;
    const char *key, *text = json_string_value(value);
    size_t i, length = home != NULL ? strlen(home) : 0;

    if (text != NULL && length > 1 && strncmp(text, home, length) == 0
        && (text[length] == '/' || text[length] == '\0'))
        return json_sprintf("~%s", text + length);
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach((json_t *)value, i, item)
            weir__tree_append(&copy, without_home(item, home));
        return copy;
    }
    if (json_is_object(value)) {
        copy = json_object();
        json_object_foreach((json_t *)value, key, item)
            weir__tree_set(&copy, key, without_home(item, home));
        return copy;
    }
    return json_incref((json_t *)value);
}

static json_t *facts_of(const json_t *tool, const char *home)
{
    const json_t *facts = json_object_get(tool, "facts"), *matters, *name;
    json_t *counted;
    size_t i;

    matters = json_object_get(tool, "matters");
    if (!json_is_array(matters))
        return without_home(facts, home);
    counted = json_object();
    json_array_foreach((json_t *)matters, i, name)
    {
        const json_t *fact = json_object_get(facts, json_string_value(name));

        if (fact != NULL)
            weir__tree_set(&counted, json_string_value(name), without_home(fact, home));
    }
    return counted;
}

static void copy_member(json_t **to, const json_t *from, const char *name)
{
    weir__tree_set(to, name, json_incref(json_object_get(from, name)));
}

json_t *weir__probe_essence(const json_t *report)
{
    const json_t *host = json_object_get(report, "host");
    const char *home = json_string_value(json_object_get(host, "home")), *name;
    json_t *essence = json_object(), *machine = json_object(), *tools = json_object(), *tool;

    copy_member(&machine, host, "system");
    copy_member(&machine, host, "machine");
    copy_member(&machine, host, "os");
    weir__tree_set(&essence, "host", machine);
    json_object_foreach(json_object_get(report, "tools"), name, tool)
    {
        json_t *counted = json_object();

        copy_member(&counted, tool, "state");
        copy_member(&counted, tool, "version");
        copy_member(&counted, tool, "kind");
        weir__tree_set(&counted, "facts", facts_of(tool, home));
        weir__tree_set(&tools, name, counted);
    }
    weir__tree_set(&essence, "tools", tools);
    if (json_object_get(report, "libs") != NULL)
        copy_member(&essence, report, "libs");
    return essence;
}

int weir__probe_sign(json_t *report)
{
    json_t *essence = weir__probe_essence(report);
    char hex[WEIR__DIGEST_SIZE];
    size_t length;
    char *text = essence != NULL ? weir__canonical_text(essence, &length) : NULL;

    json_decref(essence);
    if (text == NULL)
        return -1;
    weir__sha256(text, length, hex);
    free(text);
    return json_object_set_new(report, "fingerprint", json_sprintf("sha256:%s", hex));
}

/* --- The distribution, by os-release(5) ---------------------------------------- */

/* The value in a line NAME=VALUE, without its quotes. */
static json_t *value_of(const char *line)
{
    const char *value = strchr(line, '=') + 1;

    if (*value == '"' || *value == '\'')
        value++;
    return weir__textn_value(value, strcspn(value, "\"'\r\n"));
}

json_t *weir__os_release(void)
{
    static const char *const names[][2] = {{"ID", "id"}, {"VERSION_ID", "version"}};
    json_t *object = json_pack("{s:n,s:n}", "id", "version");
    FILE *file = fopen("/etc/os-release", "re");
    char line[1024];

    if (file == NULL && errno != ENOMEM)
        file = fopen("/usr/lib/os-release", "re");
    if (file == NULL && errno == ENOMEM)
        weir__tree_set(&object, "id", NULL);
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
