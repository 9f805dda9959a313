/* web/show.h - what a server shows of itself: its methods, its calls, its page, its health. */
#ifndef WEIR_WEB_SHOW_H
#define WEIR_WEB_SHOW_H

#include "web/web.h"

/* Those that the client may call, as /v1/methods and as an OpenAPI document. */
weir__web_handler weir__web_show_methods, weir__web_show_method, weir__web_show_openapi;

weir__web_handler weir__web_show_stats, weir__web_show_calls, weir__web_show_live;

/* A call that was sent with Prefer: respond-async. */
weir__web_handler weir__web_show_call;

weir__web_handler weir__web_cancel_call;

weir__web_handler weir__web_show_page, weir__web_show_health, weir__web_show_readiness,
    weir__web_show_metrics;

#endif
