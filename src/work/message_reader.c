#include "config.h"

#include "work/message_reader.h"

#include <stdlib.h>

#include "proc/context.h"

enum { LONGEST_NOISE = 200 };

static void tell(const struct weir__ear *ear, enum weir_event_kind kind, const char *name,
                 const char *text, size_t length)
{
    weir__context_tell(ear->weir, (struct weir_event){
                                      .kind = kind,
                                      .stage = ear->stage,
                                      .name = name,
                                      .pid = ear->pid,
                                      .text = text,
                                      .length = length,
                                  });
}

static void noise_came(const struct weir__ear *ear, const char *line, size_t length)
{
    ++*ear->noise;
    tell(ear, WEIR_EVENT_NOISE, ear->name, line, length < LONGEST_NOISE ? length : LONGEST_NOISE);
}

static void log_came(const struct weir__ear *ear, const struct weir__news *news)
{
    size_t length;
    char *text = weir__slice_string(news->value, &length);
    char *level = weir__slice_string(news->level, NULL);

    if (text != NULL)
        tell(ear, WEIR_EVENT_LOG, level != NULL ? level : "info", text, length);
    free(text);
    free(level);
}

static int broken(const struct weir__ear *ear, struct weir__slice line, const char *reason)
{
    ear->on_broken(ear->owner, line.bytes, line.length, reason);
    return 0;
}

/* Each element stands for itself; all of them must be messages. */
static int hear_many(const struct weir__ear *ear, struct weir__slice whole)
{
    struct weir__slice rest = whole, element;
    int count = 0;

    for (; weir__message_next(&rest, &element); count++) {
        if (weir__slice_type(element) != 'o')
            return broken(ear, whole, "an element is no object");
        if (!weir__ear_hear(ear, element.bytes, element.length))
            return 0;
    }
    return count > 0 ? 1 : broken(ear, whole, "an empty array");
}

int weir__ear_hear(const struct weir__ear *ear, const char *line, size_t length)
{
    struct weir__news news;

    ear->dialect->decode(line, length, &news);
    switch (news.kind) {
    case WEIR__NEWS_NOTHING:
        return 1;
    case WEIR__NEWS_NOISE:
        noise_came(ear, line, length);
        return 1;
    case WEIR__NEWS_LOG:
        log_came(ear, &news);
        return 1;
    case WEIR__NEWS_MANY:
        return hear_many(ear, news.value);
    case WEIR__NEWS_BROKEN:
        return broken(ear, (struct weir__slice){line, length}, news.reason);
    default:
        return ear->on_news(ear->owner, &news);
    }
}
