package weir

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"
)

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
	conn, failed := l.take()
	var about struct {
		Worker      int64
		Pid         int
		Concurrency int
		Methods     map[string]Description
	}
	if err := json.Unmarshal(result, &about); err != nil || about.Worker == 0 || about.Concurrency < 1 {
		if failed == nil {
			conn.Close()
		}
		return fault(CodeNoWorker, "weir lends a worker it does not describe: %.80q", result)
	}
	worker := &lentWorker{number: about.Worker, pid: about.Pid, kind: kind, window: about.Concurrency}
	if failed != nil {
		l.tell("weir/return", worker, nil)
		return fault(CodeNoWorker, "no worker: %v", failed)
	}
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
