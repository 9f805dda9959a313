package weir

import (
	"container/list"
	"context"
	"io"
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
	sending   bool          // send has it: a worker that is lost meanwhile is settled afterwards
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
	p.sending, p.sent, p.answered = true, false, false
	w.flights++
	if p.kills > 0 {
		w.quarantined = p
	}
}

// serve gives waiting calls to workers with room; they are to be sent. Where the last worker has
// gone, and no other was to be had, another is asked for.
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
	if kind.queue.Len() > 0 && len(kind.workers) == 0 {
		l.wantWorker(kind)
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
	worker, client := p.worker, p.client
	if client.add(p) != nil { // the worker was lost in between
		l.takeBack(p)
		return
	}
	request, err := p.request(p.ctx, p.method, p.params)
	if err != nil && client.remove(p) {
		l.over(p, nil, err, false)
		return
	}
	if err == nil { // otherwise the worker was lost, which settles the call
		client.out.add(func(to []byte) []byte {
			p.offset = client.out.total + int64(len(to))
			return append(to, request...)
		})
	}
	at := p.route()
	l.mutex.Lock()
	p.sending, p.sent = false, err == nil
	cancelled, end := p.over && !p.answered && p.sent, p.inputOver
	if cancelled {
		l.awaitEnd(p)
	}
	lost := worker.settled
	l.mutex.Unlock()
	switch {
	case cancelled:
		at.cancel()
	case end != nil:
		at.sendEnd(end)
	}
	client.out.pushNow()
	if lost {
		l.settle(worker)
	}
}

// endsInput notes the end of an input stream, and tells where it can be sent now; false: nowhere.
func (l *lent) endsInput(p *pending, err error) (route, bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	p.inputOver = err
	if !p.sent {
		return route{}, false
	}
	return p.route(), true
}

// takeBack lets a call wait again that was not sent, or ends it where nothing will come any more.
func (l *lent) takeBack(p *pending) {
	l.mutex.Lock()
	p.kind.drop(p.worker)
	p.worker.leave(p)
	ended, first := l.ended, false
	if ended != nil {
		first = l.decide(p)
	} else if !p.over {
		l.queueAgain(p)
	}
	given := l.serve(p.kind)
	l.mutex.Unlock()
	if first {
		p.finish(nil, ended)
	}
	l.sendAll(given)
}

func (l *lent) queueAgain(p *pending) {
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

// over ends a call that its worker has no more. An answer counts, unless it comes after the end:
// that it was cancelled is then our doing.
func (l *lent) over(p *pending, result []byte, err error, counts bool) {
	worker := p.worker
	l.mutex.Lock()
	if counts && l.ended != nil {
		result, err = nil, l.lostWithWeir()
	}
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
	var given []*pending
	if first && p.element != nil {
		l.leaveQueue(p)
		given = l.serve(p.kind) // it may have kept others from a worker that it could not use
	}
	var at route
	if cancels { // otherwise send may be about to give it one
		l.awaitEnd(p)
		at = p.route()
	}
	l.mutex.Unlock()
	if first {
		p.finish(nil, why)
	}
	if cancels {
		at.cancel()
		at.client.out.pushNow()
	}
	l.sendAll(given)
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
