// The spans of a trace in Chrome's format, as the performance panel of Chrome's DevTools reads it.
// Prints JSON.
// trace_chrome.mjs FOLDER-OF-NODE_MODULES FILE
import fs from 'node:fs';
import path from 'node:path';

const [folder, file] = process.argv.slice(2);
globalThis.DOMRect = class {}; // of a browser
const engine = path.resolve(folder, 'node_modules/@paulirish/trace_engine/models/trace/trace.js');
const Trace = await import(engine);

const {traceEvents} = JSON.parse(fs.readFileSync(file, 'utf8'));
const model = Trace.TraceModel.Model.createWithAllHandlers();
await model.parse(traceEvents);
const {Renderer} = model.parsedTrace().data;

const spans = [];
function add(event, args) {
  spans.push({
    trace: args.trace_id, id: args.span_id, parent: args.parent_span_id ?? '', name: event.name,
    begin_us: event.ts, us: event.dur, has_failed: args.error === true,
  });
}

// What fills a row, of each row; the engine drops what does not nest.
for (const {threads} of Renderer.processes.values())
  for (const thread of threads.values())
    for (const event of thread.entries)
      add(event, event.args);

// What overlaps others in its row: a pair of events.
const halves = traceEvents.filter((event) => event.ph === 'b' || event.ph === 'e');
Trace.Helpers.Trace.sortTraceEventsInPlace(halves);
for (const pair of Trace.Helpers.Trace.createMatchedSortedSyntheticEvents(halves))
  add(pair, pair.args.data.beginEvent.args);

console.log(JSON.stringify(spans));
