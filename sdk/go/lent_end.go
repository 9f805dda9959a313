package weir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"time"
)

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
	l.mutex.Unlock()
	l.settle(worker)
	// What it wrote at last is read first; others may hold its output open. The goroutine that
	// reads it sees the end: no message is handled once its calls are settled.
	time.AfterFunc(lastWords, func() { worker.client.conn.Close() })
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
	if reason := whatBroke(why); reason != "" && worker.gone == nil && l.ended == nil {
		worker.gone = &goneNotice{Reason: reason}
		l.tellStop(worker, "terminate", reason)
	}
	l.mutex.Unlock()
	l.settle(worker)
	l.endSoon(worker, "closed its standard output")
}

// deafWorker gives no more calls to a worker that nothing can be sent to. It may still answer
// what it has read.
func (l *lent) deafWorker(worker *lentWorker) {
	l.mutex.Lock()
	worker.kind.drop(worker)
	over := worker.returned || worker.atEnd
	l.mutex.Unlock()
	if !over {
		l.endSoon(worker, "closed its standard input")
	}
}

// endSoon ends a worker that may live on.
func (l *lent) endSoon(worker *lentWorker, reason string) {
	time.AfterFunc(lastWords, func() {
		l.mutex.Lock()
		defer l.mutex.Unlock()
		if worker.gone == nil && l.ended == nil && !worker.returned {
			l.tellStop(worker, "terminate", reason)
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

// settle decides about the calls of a worker that has ended, once both are known: that its output
// has ended, and why. The second sign, whichever it is, settles; a call that is just being sent is
// left to send, which comes back.
func (l *lent) settle(worker *lentWorker) {
	l.mutex.Lock()
	if !worker.atEnd || worker.gone == nil && l.ended == nil {
		l.mutex.Unlock()
		return
	}
	worker.settled = true
	calls := worker.lost
	worker.lost = nil
	sort.Slice(calls, func(i, j int) bool { return calls[i].id > calls[j].id }) // the first is queued last
	var over []*pending
	for _, p := range calls {
		if p.sending {
			worker.lost = append(worker.lost, p)
			continue
		}
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
		return l.lostWithWeir()
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

func (l *lent) lostWithWeir() error {
	return fault(CodeOutcomeUnknown, "outcome unknown: the connection is lost: %v", l.ended)
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
		l.settle(worker) // where its output had ended before
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
