/* weir/weir.h - all of libweir. */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <weir/client.h>
#include <weir/command.h>
#include <weir/context.h>
#include <weir/each.h>
#include <weir/error.h>
#include <weir/event.h>
#include <weir/lines.h>
#include <weir/map.h>
#include <weir/pipeline.h>
#include <weir/pool.h>
#include <weir/result.h>
#include <weir/run.h>
#include <weir/text.h>

#endif
