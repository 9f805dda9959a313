package weir

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// server is a worker at work on one input and output.
//
// One goroutine leads: it reads, and runs short functions itself, because to hand
// them to another costs more than they do. What may take long it does while the
// lead can be taken from it (lend): a timer looks every tick whether the leader is
// still in the same place, and then another goroutine leads on. So no function
// keeps a cancellation from being read.
type server struct {
	worker *Worker
	base   context.Context
	out    *outbox
	lines  lineReader // the leader's

	mutex   sync.Mutex
	calls   map[string]*call
	waiting []*call // in the order they came; some are over already
	running int
	ended   bool // no more input
	quiet   *sync.Cond

	turn     uint64        // the leader's: how often the lead was lent
	lent     atomic.Uint64 // 0, or the turn in which the lead may be taken
	lentTo   atomic.Pointer[pace]
	watching atomic.Bool
	watch    *time.Timer
	seen     uint64 // the watch's: lent at its last look

	failed   error
	finished chan struct{}
}

const (
	tick        = 500 * time.Microsecond
	patience    = 16 << 20  // bytes of output that may wait while input is read on
	largeParams = 256 << 10 // bytes that are not decoded while leading
)

func newServer(ctx context.Context, w *Worker, in io.Reader, out io.Writer) *server {
	s := &server{
		worker:   w,
		base:     ctx,
		out:      newOutbox(out),
		lines:    lineReader{source: in},
		calls:    map[string]*call{},
		finished: make(chan struct{}),
	}
	s.quiet = sync.NewCond(&s.mutex)
	s.out.onError = func(err error) { s.fail(err) }
	s.watch = time.AfterFunc(time.Hour, s.look)
	return s
}

func (s *server) serve() error {
	go s.out.flusher(s.finished)
	go s.lead()
	<-s.finished
	s.watch.Stop()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.failed
}

// fail ends all calls: responses can no longer be sent.
func (s *server) fail(err error) {
	s.mutex.Lock()
	if s.failed == nil {
		s.failed = err
	}
	s.mutex.Unlock()
	s.interrupt(func(*call) bool { return true })
}

// --- Leading ----------------------------------------------------------------

// lead reads and handles lines until the input ends or the lead is taken.
func (s *server) lead() {
	for {
		if !s.lines.buffered() && !s.flush() {
			return
		}
		line, err := s.lines.next()
		switch {
		case err == errLineTooLong:
			s.refuse(nil, nil, fault(CodeTooLong, "the line is longer than 64 MiB"))
		case err != nil:
			s.end(err)
			return
		case !s.handle(line):
			return
		}
	}
}

// flush writes what waits. It returns whether we still lead. Where the host does
// not read we read on, but not forever.
func (s *server) flush() bool {
	switch waiting := s.out.size(); {
	case waiting == 0:
		return true
	case waiting > patience:
		_ = s.out.flush()
		return true
	}
	return s.lend(nil, s.out.push)
}

// lend does what may take long; meanwhile the lead may be taken. It returns
// whether we still have it.
func (s *server) lend(to *pace, work func()) bool {
	turn := s.lendOut(to)
	work()
	return s.lent.CompareAndSwap(turn, 0)
}

func (s *server) lendOut(to *pace) uint64 {
	s.turn++
	turn := s.turn
	s.lentTo.Store(to)
	s.lent.Store(turn)
	s.startWatch()
	return turn
}

func (s *server) startWatch() {
	if !s.watching.Load() && s.watching.CompareAndSwap(false, true) {
		s.watch.Reset(tick)
	}
}

// look is what the watch does each tick: takes the lead from one that has been in
// the same place since the last look, and stops when nothing happens.
func (s *server) look() {
	turn := s.lent.Load()
	if turn == 0 {
		s.seen = 0
		s.watching.Store(false)
		if s.lent.Load() != 0 { // lent in between, and saw a watch
			s.startWatch()
		}
		return
	}
	slow := s.lentTo.Load()
	taken := turn == s.seen && s.lent.CompareAndSwap(turn, 0)
	s.seen = turn
	s.watch.Reset(tick)
	if taken {
		if slow != nil {
			slow.isSlow()
		}
		s.lead()
	}
}

// pace remembers whether a function is short enough to be run by the leader.
type pace struct {
	slow  atomic.Bool
	quick atomic.Int32 // short runs in a row, while slow
}

const (
	quickRun  = 50 * time.Microsecond
	quickRuns = 16
)

func (p *pace) isSlow() {
	p.quick.Store(0)
	p.slow.Store(true)
}

func (p *pace) took(d time.Duration) {
	if d > quickRun {
		p.quick.Store(0)
	} else if p.quick.Add(1) >= quickRuns {
		p.slow.Store(false)
	}
}

// end waits for the calls there are, and finishes.
func (s *server) end(err error) {
	s.mutex.Lock()
	s.ended = true
	if err != io.EOF && s.failed == nil {
		s.failed = err
	}
	for _, c := range s.calls {
		s.endInput(c)
	}
	for s.running > 0 {
		s.quiet.Wait()
	}
	s.mutex.Unlock()
	if err := s.out.flush(); err != nil {
		s.fail(err)
	}
	close(s.finished)
}

// endInput tells a call that nothing more will come from the host.
func (s *server) endInput(c *call) {
	if c.in != nil {
		c.in.finish(fault(CodeRaised, "the host has ended its output within the stream"))
	}
	if c.out != nil {
		c.out.dryUp(errDry)
	}
}

// errDry: the host has gone, so no credit will come.
var errDry = errors.New("the reader of the stream has gone")

// interruptRunning cancels what runs.
func (s *server) interruptRunning() {
	s.interrupt(func(c *call) bool { return c.state == running })
}

// interrupt cancels calls.
func (s *server) interrupt(which func(*call) bool) {
	s.mutex.Lock()
	all := make([]*call, 0, len(s.calls))
	for _, c := range s.calls {
		if which(c) {
			all = append(all, c)
		}
	}
	s.mutex.Unlock()
	for _, c := range all {
		s.stop(c, ErrCancelled)
	}
}
