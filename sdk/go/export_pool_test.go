package weir

import (
	"context"
	"time"
)

// WithoutLending sends the calls of a pool through weir.
func WithoutLending() PoolOption { return func(o *poolOptions) { o.notLent = true } }

// Lends tells whether a pool calls its workers itself.
func Lends(p *Pool) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.process != nil && p.process.lent != nil
}

// OutputsEnded counts the workers whose output has ended while weir has not said why.
func OutputsEnded(p *Pool) (n int) {
	l := p.process.lent
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, worker := range l.workers {
		if worker.atEnd {
			n++
		}
	}
	return n
}

// LoseBeforeSending gives a call to a worker, loses the connection to weir, and sends the call then.
func LoseBeforeSending(p *Pool, method string) (done <-chan struct{}, outcome func() error) {
	l := p.process.lent
	call := &pending{done: make(chan struct{}), stop: func() {}}
	call.lentCall = lentCall{lent: l, kind: l.kinds[0], ctx: context.Background(), method: method, began: time.Now()}
	l.mutex.Lock()
	l.open++
	call.kind.pick(call).give(call)
	l.mutex.Unlock()
	l.end(ErrClosed)
	l.send(call)
	return call.done, func() error { return call.err }
}
