#include "config.h"

#include "cli/json_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/output.h"
#include "proc/result.h"

json_t *json_line_begin(int64_t started_ns, const char *kind)
{
    return json_pack("{s:s,s:I}", "kind", kind, "elapsed_ms",
                     (json_int_t)((weir__clock_ns() - started_ns) / 1000000));
}

void json_line_print(json_t *object)
{
    static const char none[] =
        "{\"kind\":\"error\",\"text\":\"no memory for a line of progress\"}\n";
    char *text = weir__json_print(object);

    output_say(text != NULL ? text : none, strlen(text != NULL ? text : none));
    free(text);
}
