package weir

import (
	"context"
	"io"
	"sync"
)

const (
	outboxFull  = 64 << 10 // bytes that may wait before a writer has to help
	outboxSpare = 1 << 20  // a larger buffer is not kept
)

// outbox gathers messages from many goroutines and writes them whole, many at a time.
type outbox struct {
	to io.Writer

	mutex   sync.Mutex // of what is below; held for a moment only
	waiting []byte
	spare   []byte
	total   int64         // bytes taken from waiting ever; with those in waiting, all that were added
	unsent  int64         // of total, not written
	failed  error         // the first error of to; nothing is written any more
	room    chan struct{} // closed when there is room; nil: no goroutine waits for it

	writing sync.Mutex                // held while to.Write runs
	try     func([]byte) (int, error) // writes what can be written without a wait; nil: unknown

	wake    chan struct{}   // asks flusher to write; capacity 1
	onError func(err error) // called once, when to fails, in a goroutine of its own
}

func newOutbox(to io.Writer) *outbox {
	return &outbox{to: to, wake: make(chan struct{}, 1), try: tryWrite(to)}
}

// add lets put append a message, and tells how much waits now. If put returns
// what it was given nothing was added.
func (o *outbox) add(put func(buffer []byte) []byte) int {
	o.mutex.Lock()
	o.waiting = put(o.waiting)
	n := len(o.waiting)
	o.mutex.Unlock()
	return n
}

// flush writes what waits, in the calling goroutine. When it returns, all that
// was added before is written or has failed.
func (o *outbox) flush() error {
	o.writing.Lock()
	err := o.write()
	o.writing.Unlock()
	o.push()
	return err
}

// push is flush where another goroutine may be writing: that one then writes what
// waits, and push returns at once.
func (o *outbox) push() {
	// Looked at again after each Unlock: what was added meanwhile found it locked.
	for o.size() > 0 && o.writing.TryLock() {
		_ = o.write()
		o.writing.Unlock()
	}
}

// pushNow writes what can be written without a wait, unless another goroutine writes; flusher
// writes the rest.
func (o *outbox) pushNow() {
	if o.try == nil {
		o.kick()
		return
	}
	for o.size() > 0 && o.writing.TryLock() {
		all := o.tryAll()
		o.writing.Unlock()
		if !all {
			o.kick()
			return
		}
	}
}

// tryAll is called with o.writing held. What cannot be written waits again.
func (o *outbox) tryAll() bool {
	o.mutex.Lock()
	batch, failed := o.waiting, o.failed
	if failed != nil {
		o.mutex.Unlock()
		return false
	}
	o.waiting = o.spare[:0]
	o.spare = nil
	o.total += int64(len(batch))
	o.unsent += int64(len(batch))
	o.mutex.Unlock()
	n, err := o.try(batch)
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.unsent -= int64(len(batch))
	if n < len(batch) {
		o.total -= int64(len(batch) - n)
		o.waiting = append(batch[n:len(batch):len(batch)], o.waiting...)
		return false // an error comes again
	}
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
	if cap(batch) <= outboxSpare {
		o.spare = batch
	}
	return err == nil
}

// sentBytes tells how much was written, once no more can be. A write that is about to return is
// waited for: the other side may have read it long before.
func (o *outbox) sentBytes() int64 {
	o.writing.Lock()
	defer o.writing.Unlock()
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.total - o.unsent
}

func (o *outbox) size() int {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return len(o.waiting)
}

// write is called with o.writing held.
func (o *outbox) write() error {
	o.mutex.Lock()
	batch, failed := o.waiting, o.failed
	o.waiting = o.spare[:0]
	o.spare = nil
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
	o.total += int64(len(batch))
	o.unsent += int64(len(batch))
	o.mutex.Unlock()
	n := 0
	if failed == nil && len(batch) > 0 {
		n, failed = o.to.Write(batch)
	}
	o.mutex.Lock()
	o.unsent -= int64(n)
	if cap(batch) <= outboxSpare {
		o.spare = batch
	}
	first := o.failed == nil && failed != nil
	if first {
		o.failed = failed
	}
	o.mutex.Unlock()
	if first && o.onError != nil {
		go o.onError(failed) // not here: it may want to write
	}
	return failed
}

// send adds a message that flusher will write, together with what others add until
// then. The goroutine that has added too much writes it.
func (o *outbox) send(put func(buffer []byte) []byte) error {
	if o.add(put) >= outboxFull {
		return o.flush()
	}
	o.kick()
	return nil
}

// waitForRoom waits while too much waits already.
func (o *outbox) waitForRoom(ctx context.Context) error {
	for {
		o.mutex.Lock()
		if len(o.waiting) < outboxFull || o.failed != nil {
			o.mutex.Unlock()
			return nil
		}
		if o.room == nil {
			o.room = make(chan struct{})
		}
		room := o.room
		o.mutex.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fail lets nothing be written any more.
func (o *outbox) fail(err error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.failed == nil {
		o.failed = err
	}
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

// kick has flusher write what waits.
func (o *outbox) kick() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// flusher writes for send, until done is closed.
func (o *outbox) flusher(done <-chan struct{}) {
	for {
		select {
		case <-o.wake:
			_ = o.flush() // who added it is told by failed, or by the end of input
		case <-done:
			return
		}
	}
}
