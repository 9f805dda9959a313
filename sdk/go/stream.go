package weir

import (
	"context"
	"errors"
	"io"
	"math"
	"reflect"
	"sync"
	"sync/atomic"
)

// window is how many chunks a receiver wants under way.
const window = 64

const maxCredit = math.MaxInt32

// inbox is the receiving end of a stream: the chunks that have come, and no more
// of them than were granted.
type inbox struct {
	grant func(n int) // tells the sender that n more may come

	mutex   sync.Mutex
	queue   [][]byte
	head    int
	granted int // chunks that may still come
	taken   int // since the last grant
	over    bool
	err     error // why it is over; nil: it was whole

	ready chan struct{} // something has come; capacity 1
}

func newInbox(granted int, grant func(n int)) *inbox {
	return &inbox{grant: grant, granted: granted, ready: make(chan struct{}, 1)}
}

// open grants the first window.
func (b *inbox) open() {
	b.mutex.Lock()
	over := b.over
	if !over {
		b.granted += window
	}
	b.mutex.Unlock()
	if !over {
		b.grant(window)
	}
}

// push keeps a copy of a chunk. It returns false when none may come: a broken rule.
func (b *inbox) push(raw []byte) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.over || b.granted == 0 {
		return false
	}
	b.granted--
	b.queue = append(b.queue, append([]byte(nil), raw...))
	b.signal()
	return true
}

// finish ends the stream. It returns false when it was over before.
func (b *inbox) finish(err error) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.over {
		return false
	}
	b.over, b.err = true, err
	b.signal()
	return true
}

func (b *inbox) signal() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// next gives the next chunk, io.EOF at a good end, or what broke it. Only one
// goroutine may ask.
func (b *inbox) next(ctx context.Context) ([]byte, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		raw, grant, err := b.take()
		if grant > 0 {
			b.grant(grant)
		}
		if raw != nil || err != nil {
			return raw, err
		}
		select {
		case <-b.ready:
		case <-ctx.Done():
		}
	}
}

func (b *inbox) take() (raw []byte, grant int, err error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.head < len(b.queue) {
		raw = b.queue[b.head]
		b.queue[b.head] = nil
		if b.head++; b.head == len(b.queue) {
			b.queue, b.head = b.queue[:0], 0
		}
		if b.taken++; b.taken >= window/2 && !b.over {
			grant, b.taken = b.taken, 0
			b.granted += grant
		}
		return raw, grant, nil
	}
	if b.over {
		if b.err != nil {
			return nil, 0, b.err
		}
		return nil, 0, io.EOF
	}
	return nil, 0, nil
}

// sender is the sending end of a stream: a chunk costs one credit.
type sender struct {
	mutex  sync.Mutex
	credit int64
	turn   int           // how often credit was taken back
	closed error         // nothing can be sent any more
	dry    error         // no credit will come any more: what there is may be used
	ready  chan struct{} // credit has come, or the end; capacity 1
}

func newSender(credit int64) *sender {
	s := &sender{ready: make(chan struct{}, 1)}
	s.add(credit)
	return s
}

func (s *sender) add(n int64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.credit += n; s.credit > maxCredit {
		s.credit = maxCredit
	}
	s.signal()
}

// reset takes back all credit: the next worker gives its own.
func (s *sender) reset() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.credit = 0
	s.turn++
}

func (s *sender) isTurn(turn int) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.turn == turn
}

func (s *sender) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// close lets no more be sent.
func (s *sender) close(err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed == nil {
		s.closed = err
	}
	s.signal()
}

// dryUp tells that no more credit will come.
func (s *sender) dryUp(err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.dry = err
	s.signal()
}

// take waits for one credit, and takes it.
func (s *sender) take(ctx context.Context) error {
	_, err := s.takeTurn(ctx)
	return err
}

// takeTurn also tells whose credit it was.
func (s *sender) takeTurn(ctx context.Context) (turn int, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		s.mutex.Lock()
		turn = s.turn
		closed, got := s.closed, false
		if closed == nil && s.credit > 0 {
			s.credit--
			got = true
		} else if closed == nil {
			closed = s.dry
		}
		if closed != nil || s.credit > 0 {
			s.signal() // for another that waits
		}
		s.mutex.Unlock()
		if got || closed != nil {
			return turn, closed
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
		}
	}
}

// Values is a stream of values that come in: the input of a function, or the
// output of a call.
//
//	for values.Next() {
//		use(values.Value())
//	}
//	if err := values.Err(); err != nil {
//
// One goroutine at a time may use it; Close may be called by any.
type Values[T any] struct {
	ctx    context.Context
	inbox  *inbox
	stop   func() // no more values are wanted; may be nil
	closed atomic.Bool
	value  T
	err    error
	over   bool
	minded bool // Err has been called
}

// Next waits for the next value. It returns false at the end, which Err explains.
func (v *Values[T]) Next() bool {
	if v.over {
		return false
	}
	raw, err := v.inbox.next(v.ctx)
	if err == nil {
		var value T
		if err = decodeValue(raw, reflect.ValueOf(&value)); err == nil {
			v.value = value
			return true
		}
		err = fault(CodeParams, "a value of the stream: %v", err)
	}
	v.over = true
	var none T
	v.value = none
	if err != io.EOF {
		v.err = asError(err)
	}
	if v.stop != nil {
		v.stop()
	}
	return false
}

// Value returns the value that Next has read.
func (v *Values[T]) Value() T {
	return v.value
}

// Err returns the error that ended the stream early, or nil. If a function does not
// check it, its call still fails with that error.
func (v *Values[T]) Err() error {
	v.minded = true
	if v.closed.Load() && errors.Is(v.err, ErrCancelled) {
		return nil // as asked
	}
	return v.err
}

// Close ends the stream early and cancels its call. A client that may stop before the
// end must call it, or cancel the context; calling it after the end is harmless. A
// function need not call it on its input.
func (v *Values[T]) Close() {
	v.closed.Store(true)
	if v.stop != nil {
		v.stop()
	}
}

// All passes each value to yield until it returns false; check Err at the end. Since
// Go 1.23 it can be ranged over: for value := range values.All {...}
func (v *Values[T]) All(yield func(T) bool) {
	for v.Next() {
		if !yield(v.value) {
			return
		}
	}
}

// Chan sends the values through a channel that is closed at the end; check Err then.
// It starts a goroutine, which ends with the stream, its context or Close.
func (v *Values[T]) Chan() <-chan T {
	values := make(chan T)
	go func() {
		defer close(values)
		for v.Next() {
			select {
			case values <- v.value:
			case <-v.ctx.Done():
				v.err = asError(v.ctx.Err())
				return
			}
		}
	}()
	return values
}
