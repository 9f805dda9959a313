package weir

import (
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sort"
	"strconv"
	"sync"
	"time"
)

// lent calls workers that weir lends, on their own pipes: docs/protocol.md, section 11. weir
// starts, watches, stops and replaces them; queue, window, credit, cancellation and outcome of a
// call are here.
//
//	a call:    waiting --a worker has room--> given --answer--> over
//	              ^                             |
//	              +--its worker died: unread, or idempotent, once
//	a worker:  usable --weir/return--> gets no more calls --the last is answered--> returned
//	              +--end of file, weir/gone--> its calls are settled
type lent struct {
	weir     *Client
	take     func() (io.ReadWriteCloser, error) // the pipes that came with an answer
	grace    time.Duration
	maxQueue int
	recycle  int64 // calls of a worker; 0: no limit

	mutex   sync.Mutex // held while Client.mutex or outbox.mutex is taken, never the other way round
	kinds   []*lentKind
	workers map[int64]*lentWorker
	waiting int
	open    int             // calls without an outcome
	quiet   []chan struct{} // closed when open is 0
	ended   error           // why there are no more calls
	times   latencies
	noise   int64 // of workers that are not ours any more, and late
	late    int64
}

// lentKind is a Script or Program of the pool.
type lentKind struct {
	number  int
	methods map[string]Description
	workers []*lentWorker // usable
	queue   list.List     // of *pending
	asking  bool          // weir owes one
}

// lentWorker is a worker that is ours until it is returned or gone.
type lentWorker struct {
	number      int64
	pid         int
	kind        *lentKind
	client      *Client
	window      int
	flights     int
	quarantined *pending // a call that has ended a worker: it runs alone
	answers     int64
	unreported  int64 // of answers
	failures    int64 // of unreported
	reporting   bool  // a report is due

	recalled, returned bool
	ourEnd             bool // no call is to blame for it
	atEnd              bool // of its output
	lost               []*pending
	gone               *goneNotice
	settled            bool
}

type goneNotice struct {
	Unread int64
	Reason string
	Tail   string `json:"stderr_tail"`
}

const (
	// interruptGrace is the time from SIGINT to the end of a worker that ignores a cancellation.
	interruptGrace = time.Second
	// lastWords is how long the two signs of a worker's end may be apart.
	lastWords = 100 * time.Millisecond
	// reportPause is how often weir is told of calls.
	reportPause = 100 * time.Millisecond

	killsOfPoison = 2
)

// lentCall is what a call of a pool has besides; under lent.mutex.
type lentCall struct {
	lent      *lent
	kind      *lentKind
	ctx       context.Context
	method    string
	params    []byte
	began     time.Time
	element   *list.Element // in the queue
	worker    *lentWorker   // nil: it waits
	sent      bool          // its request is on its way
	offset    int64         // of the request, in what the worker was sent
	over      bool          // the caller has the outcome
	answered  bool
	inputOver error       // why the input stream has ended; io.EOF: well
	timer     *time.Timer // of the cancellation
	step      int
	kills     int // workers that died of it
}

// --- A call -------------------------------------------------------------------

func (l *lent) begin(ctx context.Context, method string, args []any, output bool) (*pending, error) {
	if err := ctx.Err(); err != nil {
		return nil, asError(err)
	}
	params, input, err := encodeArgs(args)
	if err != nil {
		return nil, err
	}
	kind, err := l.find(method, params, output)
	if err != nil {
		return nil, err
	}
	p := &pending{done: make(chan struct{}), stop: func() {}}
	p.lentCall = lentCall{lent: l, kind: kind, ctx: ctx, method: method, params: params, began: time.Now()}
	if output {
		p.in = newInbox(window, p.grant)
	}
	feeding := ctx
	if input != nil {
		p.out = newSender(0)
		feeding, p.stop = context.WithCancel(ctx)
	}
	if err := l.enter(p); err != nil {
		p.stop()
		return nil, err
	}
	if input != nil {
		go p.feed(feeding, input)
	}
	return p, nil
}

func (l *lent) find(method string, params []byte, output bool) (*lentKind, error) {
	name := method
	if method == "weir/map" {
		members(params, func(key string, raw []byte) {
			if key == "method" && raw[0] == '"' {
				name = unquote(raw)
			}
		})
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, kind := range l.kinds {
		if known, ok := kind.methods[name]; ok {
			if name != method { // the worker says what is wrong with it
				return kind, nil
			}
			return kind, checkMode(name, known, output)
		}
	}
	return nil, fault(CodeNoMethod, "no function named %q", name)
}

func (l *lent) enter(p *pending) error {
	l.mutex.Lock()
	if l.ended != nil {
		l.mutex.Unlock()
		return l.ended
	}
	if worker := p.kind.pick(p); worker != nil && p.kind.queue.Len() == 0 {
		l.open++
		worker.give(p)
		l.mutex.Unlock()
		l.send(p)
		return nil
	}
	if l.waiting >= l.maxQueue {
		l.mutex.Unlock()
		return fault(CodeQueueFull, "the queue is full: %d calls wait for a worker", l.maxQueue)
	}
	l.open++
	l.waiting++
	p.element = p.kind.queue.PushBack(p)
	l.wantWorker(p.kind)
	l.mutex.Unlock()
	return nil
}

// pick finds the usable worker with the fewest calls.
func (k *lentKind) pick(p *pending) (best *lentWorker) {
	const behind = 1 << 20 // bytes that it has not read
	for _, worker := range k.workers {
		if worker.flights >= worker.window || worker.quarantined != nil ||
			worker.flights > 0 && (p.kills > 0 || worker.client.out.size() > behind) {
			continue
		}
		if best == nil || worker.flights < best.flights {
			best = worker
		}
	}
	return best
}

// give makes a call the worker's; send follows.
func (w *lentWorker) give(p *pending) {
	p.worker, p.client = w, w.client
	p.sent, p.answered = false, false
	w.flights++
	if p.kills > 0 {
		w.quarantined = p
	}
}

// serve gives waiting calls to workers with room; they are to be sent.
func (l *lent) serve(kind *lentKind) (given []*pending) {
	for front := kind.queue.Front(); front != nil; front = kind.queue.Front() {
		p := front.Value.(*pending)
		worker := kind.pick(p)
		if worker == nil {
			break
		}
		l.leaveQueue(p)
		worker.give(p)
		given = append(given, p)
	}
	return given
}

func (l *lent) leaveQueue(p *pending) {
	p.kind.queue.Remove(p.element)
	p.element = nil
	l.waiting--
}

func (l *lent) sendAll(given []*pending) {
	for _, p := range given {
		l.send(p)
	}
}

// send sends the request of a call that was given to a worker.
func (l *lent) send(p *pending) {
	client := p.client
	if client.add(p) != nil { // the worker was lost in between
		l.takeBack(p)
		return
	}
	request, err := p.request(p.ctx, p.method, p.params)
	if err != nil {
		if client.remove(p) {
			l.over(p, nil, err, false)
		}
		return
	}
	client.out.add(func(to []byte) []byte {
		p.offset = client.out.total + int64(len(to))
		return append(to, request...)
	})
	l.mutex.Lock()
	p.sent = true
	cancelled, end := p.over && !p.answered, p.inputOver
	if cancelled {
		l.awaitEnd(p)
	}
	l.mutex.Unlock()
	switch {
	case cancelled:
		p.cancel()
	case end != nil:
		p.sendEnd(end)
	}
	client.out.pushNow()
}

// endsInput notes the end of an input stream, and tells whether it can be sent now.
func (l *lent) endsInput(p *pending, err error) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	p.inputOver = err
	return p.sent
}

// takeBack lets a call wait again that was not sent.
func (l *lent) takeBack(p *pending) {
	l.mutex.Lock()
	p.kind.drop(p.worker)
	p.worker.leave(p)
	if !p.over {
		l.queueAgain(p)
	}
	given := l.serve(p.kind)
	l.mutex.Unlock()
	l.sendAll(given)
}

func (l *lent) queueAgain(p *pending) {
	if l.ended != nil {
		return // end sees to it
	}
	p.worker = nil
	if p.out != nil {
		p.out.reset()
	}
	l.waiting++
	p.element = p.kind.queue.PushFront(p)
	l.wantWorker(p.kind)
}

// leave makes room at the worker.
func (w *lentWorker) leave(p *pending) {
	w.flights--
	p.answered = true
	if w.quarantined == p {
		w.quarantined = nil
	}
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}

// decide notes that a call has its outcome; false: it had one.
func (l *lent) decide(p *pending) bool {
	if p.over {
		return false
	}
	p.over = true
	l.open--
	if l.open == 0 {
		for _, quiet := range l.quiet {
			close(quiet)
		}
		l.quiet = nil
	}
	return true
}

// over ends a call that its worker has no more. An answer counts.
func (l *lent) over(p *pending, result []byte, err error, counts bool) {
	worker := p.worker
	l.mutex.Lock()
	worker.leave(p)
	now := counts && worker.count(err != nil, l.recycle)
	if counts {
		l.times.add(time.Since(p.began))
	}
	first := l.decide(p)
	given := l.serve(p.kind)
	idle := worker.isIdle()
	l.mutex.Unlock()
	if first {
		p.finish(result, err)
	}
	l.sendAll(given)
	if now {
		l.report(worker)
	}
	if idle {
		l.giveBack(worker)
	}
}

// abandon ends a call whose caller has stopped waiting.
func (l *lent) abandon(p *pending, why error) {
	l.mutex.Lock()
	first := l.decide(p)
	cancels := first && p.sent && !p.answered
	if first && p.element != nil {
		l.leaveQueue(p)
	}
	if cancels {
		l.awaitEnd(p)
	}
	l.mutex.Unlock()
	if first {
		p.finish(nil, why)
	}
	if cancels {
		p.cancel()
		p.client.out.pushNow()
	}
}

// cancel asks the worker to stop the call.
func (p *pending) cancel() {
	p.client.out.add(func(to []byte) []byte {
		to = appendNotice(to, "weir/cancel", strconv.AppendInt(nil, p.id, 10))
		return append(to, "}}\n"...)
	})
}

// awaitEnd begins the stop sequence of a call that is being cancelled.
func (l *lent) awaitEnd(p *pending) {
	worker := p.worker
	p.step = 0
	p.timer = time.AfterFunc(l.grace, func() {
		l.mutex.Lock()
		defer l.mutex.Unlock()
		if p.answered || p.worker != worker || l.ended != nil || p.timer == nil {
			return
		}
		p.step++
		if p.step == 1 {
			l.tellStop(worker, "interrupt", "")
			p.timer.Reset(interruptGrace)
			return
		}
		worker.ourEnd = true
		worker.kind.drop(worker)
		l.tellStop(worker, "terminate", "")
	})
}

// --- A worker -----------------------------------------------------------------

// wantWorker lets weir be asked for a worker when it is not yet.
func (l *lent) wantWorker(kind *lentKind) {
	if !kind.asking && l.ended == nil {
		kind.asking = true
		go l.borrow(kind)
	}
}

// borrow asks for one worker after the other.
func (l *lent) borrow(kind *lentKind) {
	for {
		err := l.borrowOne(context.Background(), kind)
		if err == nil {
			continue
		}
		l.mutex.Lock()
		kind.asking = false
		var failed []*pending
		for kind.queue.Len() > 0 && len(kind.workers) == 0 {
			p := kind.queue.Front().Value.(*pending)
			l.leaveQueue(p)
			if l.decide(p) {
				failed = append(failed, p)
			}
		}
		l.mutex.Unlock()
		for _, p := range failed {
			p.finish(nil, err)
		}
		return
	}
}

// borrowOne waits for a worker.
func (l *lent) borrowOne(ctx context.Context, kind *lentKind) error {
	var failed error
	p, err := l.weir.beginWith(ctx, "weir/lend", []any{Named{"kind": kind.number}}, false,
		func(result []byte) { failed = l.arrived(kind, result) })
	if err != nil {
		return err
	}
	select {
	case <-p.done: // the end of the connection is one, too
	case <-ctx.Done():
		return asError(ctx.Err())
	}
	if p.err != nil {
		return p.err
	}
	return failed
}

// newLent makes what calls the workers of weir.
func newLent(weir *Client, take func() (io.ReadWriteCloser, error), o *poolOptions) *lent {
	l := &lent{weir: weir, take: take, grace: o.grace, maxQueue: o.maxQueue, recycle: int64(o.recycleCalls),
		workers: map[int64]*lentWorker{}}
	for i := 0; i < len(o.scripts)+len(o.programs); i++ {
		l.kinds = append(l.kinds, &lentKind{number: i})
	}
	return l
}

// start borrows a worker of each kind, and further ones in the background. It returns false where
// they are not lent: calls go through weir then.
func (l *lent) start(ctx context.Context) (bool, error) {
	var failure error
	for _, kind := range l.kinds {
		if failure = l.borrowOne(ctx, kind); failure != nil {
			break
		}
	}
	if failure == nil {
		l.mutex.Lock()
		defer l.mutex.Unlock()
		for _, kind := range l.kinds {
			l.wantWorker(kind)
		}
		return true, nil
	}
	var refused *Error
	if !errors.As(failure, &refused) || refused.Code != CodeNotRequest && refused.Code != CodeNoMethod {
		return false, failure
	}
	l.mutex.Lock()
	var all []*lentWorker
	for _, worker := range l.workers {
		worker.recalled = true
		all = append(all, worker)
	}
	l.mutex.Unlock()
	for _, worker := range all {
		l.giveBack(worker)
	}
	return false, nil
}

// arrived takes a worker, in the goroutine that reads weir's answers.
func (l *lent) arrived(kind *lentKind, result []byte) error {
	conn, err := l.take()
	if err != nil {
		return fault(CodeNoWorker, "no worker: %v", err)
	}
	var about struct {
		Worker      int64
		Pid         int
		Concurrency int
		Methods     map[string]Description
	}
	if err := json.Unmarshal(result, &about); err != nil || about.Worker == 0 {
		conn.Close()
		return fault(CodeNoWorker, "weir lends a worker it does not describe: %.80q", result)
	}
	worker := &lentWorker{number: about.Worker, pid: about.Pid, kind: kind, window: about.Concurrency}
	worker.client = newClient(conn)
	worker.client.lent, worker.client.worker = l, worker
	l.mutex.Lock()
	if l.ended != nil {
		l.mutex.Unlock()
		conn.Close()
		return l.ended
	}
	kind.methods = about.Methods
	kind.workers = append(kind.workers, worker)
	l.workers[worker.number] = worker
	given := l.serve(kind)
	l.mutex.Unlock()
	worker.client.run()
	l.sendAll(given)
	return nil
}

// drop lets no more calls be given to a worker.
func (k *lentKind) drop(worker *lentWorker) {
	for i, other := range k.workers {
		if other == worker {
			k.workers = append(k.workers[:i:i], k.workers[i+1:]...)
			return
		}
	}
}

// forget lets go of a worker.
func (l *lent) forget(worker *lentWorker) {
	worker.kind.drop(worker)
	delete(l.workers, worker.number)
	l.noise += worker.client.noise.Load()
	l.late += worker.client.late.Load()
}

func (w *lentWorker) isIdle() bool {
	return w.recalled && w.flights == 0 && !w.returned && !w.atEnd && w.gone == nil
}

// giveBack returns an idle worker, unless it ends.
func (l *lent) giveBack(worker *lentWorker) {
	l.mutex.Lock()
	if !worker.isIdle() {
		l.mutex.Unlock()
		return
	}
	worker.returned = true
	l.forget(worker)
	l.mutex.Unlock()
	worker.client.Close() // before weir reads its output again
	l.report(worker)
	l.tell("weir/return", worker, nil)
}

// count notes an answer, and tells whether weir is to be told now: of the first, because one that
// has answered is replaced at once, and of what makes it too old.
func (w *lentWorker) count(failed bool, recycle int64) bool {
	w.answers++
	w.unreported++
	if failed {
		w.failures++
	}
	if w.answers == 1 || w.answers == recycle {
		return true
	}
	if !w.reporting {
		w.reporting = true
		time.AfterFunc(reportPause, func() { w.client.lent.report(w) })
	}
	return false
}

// report tells weir of calls that were answered.
func (l *lent) report(worker *lentWorker) {
	l.mutex.Lock()
	calls, failures := worker.unreported, worker.failures
	worker.unreported, worker.failures, worker.reporting = 0, 0, false
	l.mutex.Unlock()
	if calls > 0 {
		l.tell("weir/used", worker, func(to []byte) []byte {
			to = strconv.AppendInt(append(to, `,"calls":`...), calls, 10)
			return strconv.AppendInt(append(to, `,"errors":`...), failures, 10)
		})
	}
}

func (l *lent) reportAll() {
	l.mutex.Lock()
	all := make([]*lentWorker, 0, len(l.workers))
	for _, worker := range l.workers {
		all = append(all, worker)
	}
	l.mutex.Unlock()
	for _, worker := range all {
		l.report(worker)
	}
}

// tell sends weir a notice about a worker.
func (l *lent) tell(method string, worker *lentWorker, more func(to []byte) []byte) {
	l.weir.out.add(func(to []byte) []byte {
		to = append(to, `{"jsonrpc":"2.0","method":"`...)
		to = append(to, method...)
		to = append(to, `","params":{"worker":`...)
		to = strconv.AppendInt(to, worker.number, 10)
		if more != nil {
			to = more(to)
		}
		return append(to, "}}\n"...)
	})
	l.weir.out.kick()
}

func (l *lent) tellStop(worker *lentWorker, step, reason string) {
	l.tell("weir/stop", worker, func(to []byte) []byte {
		to = appendString(append(to, `,"step":`...), step)
		if reason != "" {
			to = appendString(append(to, `,"reason":`...), reason)
		}
		return to
	})
}

// --- The end of a worker ------------------------------------------------------

// notice takes what weir tells of a worker.
func (l *lent) notice(method string, params []byte) {
	var about struct {
		Worker int64
		goneNotice
	}
	if method != "weir/return" && method != "weir/gone" || json.Unmarshal(params, &about) != nil {
		return
	}
	l.mutex.Lock()
	worker := l.workers[about.Worker]
	if worker == nil {
		l.mutex.Unlock()
		return
	}
	worker.kind.drop(worker)
	if method == "weir/return" {
		worker.recalled = true
		idle := worker.isIdle()
		l.mutex.Unlock()
		if idle {
			l.giveBack(worker)
		}
		return
	}
	l.forget(worker)
	worker.gone = &about.goneNotice
	atEnd := worker.atEnd
	l.mutex.Unlock()
	if atEnd {
		l.settle(worker)
		return
	}
	// What it wrote at last is read first; others may hold its output open.
	time.AfterFunc(lastWords, func() { worker.client.lose(io.EOF) })
}

// lostWorker takes the calls of a worker whose output has ended, or makes no sense.
func (l *lent) lostWorker(worker *lentWorker, calls map[int64]*pending, why error) {
	l.mutex.Lock()
	if worker.returned {
		l.mutex.Unlock()
		return
	}
	worker.kind.drop(worker)
	worker.atEnd = true
	for _, p := range calls {
		worker.lost = append(worker.lost, p)
	}
	gone, ended := worker.gone != nil, l.ended != nil
	if reason := whatBroke(why); reason != "" && !gone && !ended {
		worker.gone = &goneNotice{Reason: reason}
		l.tellStop(worker, "terminate", reason)
		gone = true
	}
	l.mutex.Unlock()
	if gone || ended {
		l.settle(worker)
		return
	}
	time.AfterFunc(lastWords, func() { // it may live on
		l.mutex.Lock()
		defer l.mutex.Unlock()
		if worker.gone == nil && l.ended == nil {
			l.tellStop(worker, "terminate", "closed its standard output")
		}
	})
}

// whatBroke completes "the worker ..."; "": its output has ended.
func whatBroke(why error) string {
	var broken brokenLine
	switch {
	case errors.As(why, &broken):
		return fmt.Sprintf("printed a line that is not a message (%s): %s", broken.reason, broken.line)
	case errors.Is(why, errLineTooLong):
		return "printed a line of more than 64 MiB"
	}
	return ""
}

// settle decides about the calls of a worker that has ended.
func (l *lent) settle(worker *lentWorker) {
	l.mutex.Lock()
	if worker.settled {
		l.mutex.Unlock()
		return
	}
	worker.settled = true
	calls := worker.lost
	worker.lost = nil
	sort.Slice(calls, func(i, j int) bool { return calls[i].id > calls[j].id }) // the first is queued last
	var over []*pending
	for _, p := range calls {
		worker.leave(p)
		if p.over {
			continue
		}
		p.err = l.outcome(worker, p)
		if p.err == nil {
			l.queueAgain(p)
		} else if l.decide(p) {
			over = append(over, p)
		}
	}
	given := l.serve(worker.kind)
	l.mutex.Unlock()
	for _, p := range over {
		p.finish(nil, p.err)
	}
	l.sendAll(given)
}

// outcome tells how a call ends whose worker has ended; nil: it may be repeated.
func (l *lent) outcome(worker *lentWorker, p *pending) error {
	if l.ended != nil {
		return fault(CodeOutcomeUnknown, "outcome unknown: the connection is lost: %v", l.ended)
	}
	how := worker.gone.Reason
	if worker.gone.Tail != "" {
		how += "; stderr: " + worker.gone.Tail
	}
	unread := !p.sent || p.offset >= worker.client.out.sentBytes()-worker.gone.Unread
	if !unread && !worker.ourEnd {
		p.kills++
	}
	switch {
	case !unread && (!p.kind.methods[p.method].Idempotent || p.streamed.Load()):
		return fault(CodeOutcomeUnknown, "the worker %s while running the call", how)
	case p.kills >= killsOfPoison:
		return fault(CodePoison, "poison: the call has ended %d workers; the last %s", p.kills, how)
	}
	return nil
}

// end ends everything: weir's connection is lost, or closed.
func (l *lent) end(why error) {
	l.mutex.Lock()
	if l.ended != nil {
		l.mutex.Unlock()
		return
	}
	l.ended = fmt.Errorf("%w: %v", ErrClosed, why)
	if errors.Is(why, ErrClosed) {
		l.ended = ErrClosed
	}
	var waiting []*pending
	for _, kind := range l.kinds {
		for kind.queue.Len() > 0 {
			p := kind.queue.Front().Value.(*pending)
			l.leaveQueue(p)
			if l.decide(p) {
				waiting = append(waiting, p)
			}
		}
		kind.workers = nil
	}
	all := l.workers
	l.workers = map[int64]*lentWorker{}
	l.mutex.Unlock()
	for _, p := range waiting {
		p.finish(nil, l.ended)
	}
	for _, worker := range all {
		worker.client.cancelAll()
		worker.client.lose(ErrClosed)
	}
}

// wait waits until no call is open.
func (l *lent) wait(ctx context.Context) error {
	l.mutex.Lock()
	quiet := make(chan struct{})
	if l.open == 0 {
		close(quiet)
	} else {
		l.quiet = append(l.quiet, quiet)
	}
	l.mutex.Unlock()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return asError(ctx.Err())
	}
}

// --- Figures --------------------------------------------------------------------

// add puts in what weir does not know.
func (l *lent) add(stats *Stats) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	stats.Queued += int64(l.waiting)
	stats.Noise += l.noise
	stats.Late += l.late
	busy := map[int]bool{}
	for _, worker := range l.workers {
		stats.Running += int64(worker.flights)
		stats.Noise += worker.client.noise.Load()
		stats.Late += worker.client.late.Load()
		busy[worker.pid] = worker.flights > 0
	}
	for i := range stats.Workers {
		if at := &stats.Workers[i]; at.State == "lent" {
			at.State = "ready"
			if busy[at.Pid] {
				at.State = "busy"
			}
		}
	}
	stats.Latency.P50 = l.times.percentile(50)
	stats.Latency.P95 = l.times.percentile(95)
	stats.Latency.P99 = l.times.percentile(99)
	stats.Latency.Max = milliseconds(l.times.most)
}

// latencies is a histogram: a bucket is at most an eighth of its value wide.
type latencies struct {
	buckets [64 * 8]int64
	count   int64
	most    time.Duration
}

func (t *latencies) add(d time.Duration) {
	if d < 0 {
		d = 0
	}
	t.buckets[bucketOf(uint64(d))]++
	t.count++
	if d > t.most {
		t.most = d
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// bucketOf gives the bucket of a number of nanoseconds.
func bucketOf(ns uint64) int {
	if ns < 8 {
		return int(ns)
	}
	high := bits.Len64(ns) - 1
	return (high-2)*8 + int(ns>>(high-3))&7
}

// percentile gives milliseconds: the upper end of the bucket.
func (t *latencies) percentile(percent int64) float64 {
	left := (t.count*percent + 99) / 100
	for i, count := range t.buckets {
		if left -= count; left <= 0 && t.count > 0 {
			top := uint64(i)
			if i >= 8 {
				top = uint64(8+i%8+1)<<(i/8-1) - 1
			}
			if d := time.Duration(top); d < t.most {
				return milliseconds(d)
			}
			return milliseconds(t.most)
		}
	}
	return 0
}
