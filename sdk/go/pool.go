package weir

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrNoWeir is what NewPool fails with when the command weir is not found.
var ErrNoWeir = errors.New("weir: the command weir is not found: install it, set $WEIR, or put it on PATH or beside this program")

// A Pool runs workers for this program: it starts a `weir serve --stdio` of its own, which ends
// with the program, however that ends. Any number of goroutines may share a pool.
type Pool struct {
	options   poolOptions
	arguments []string
	life      context.Context // until Close
	end       context.CancelFunc

	mutex    sync.Mutex
	closed   bool
	process  *poolProcess
	start    *poolStart // under way
	methods  map[string]Description
	starts   int       // that succeeded
	failures int       // in a row
	failed   error     // why, the last time
	began    time.Time // the last success
	again    time.Time // no start before
}

// poolStart is a start that many calls may wait for.
type poolStart struct {
	done    chan struct{}
	process *poolProcess
	err     error
}

// Event is something that happened to a pool.
type Event struct {
	Kind EventKind
	Pid  int    // of weir
	Text string // PoolLine: the line; others: a sentence, or ""
	Err  error  // PoolFailed: why
}

// EventKind says what happened.
type EventKind string

// What happens to a pool.
const (
	PoolReady  EventKind = "ready"  // its workers are ready
	PoolEnded  EventKind = "ended"  // weir has ended; unless the pool is closed, the next call starts it again
	PoolFailed EventKind = "failed" // it could not be started
	PoolLine   EventKind = "line"   // a line on standard error, of a worker or of weir
)

// NewPool starts workers and waits until they are ready.
//
//	pool, err := weir.NewPool(ctx, weir.Script("worker.py"), weir.Workers(4))
//	if err != nil {
//		return err
//	}
//	defer pool.Close()
//	sum, err := weir.Invoke[int](ctx, pool, "add", 3, 4)
//
// ctx is for the start only. Without the command weir the error is ErrNoWeir; workers that do not
// start are ErrNoWorker, with what they said on standard error.
func NewPool(ctx context.Context, options ...PoolOption) (*Pool, error) {
	o := defaultPoolOptions()
	for _, option := range options {
		option(&o)
	}
	arguments, err := o.arguments()
	if err == nil {
		o.command, err = findCommand(ctx, o.command)
	}
	if err != nil {
		return nil, err
	}
	p := &Pool{options: o, arguments: arguments}
	p.life, p.end = context.WithCancel(context.Background())
	if _, err := p.running(ctx); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// begin starts a call. A pool that was lost before the call was sent is started again.
func (p *Pool) begin(ctx context.Context, method string, args []any, output bool) (*pending, error) {
	for {
		process, err := p.running(ctx)
		if err != nil {
			return nil, err
		}
		call, err := process.begin(ctx, method, args, output)
		if !errors.Is(err, ErrClosed) {
			return call, err
		}
		<-process.client.done // it is lost: there is or will be another one
	}
}

// begin calls a worker itself where it can; questions to weir go to weir.
func (p *poolProcess) begin(ctx context.Context, method string, args []any, output bool) (*pending, error) {
	if p.lent == nil || strings.HasPrefix(method, "weir/") && method != "weir/map" {
		return p.client.begin(ctx, method, args, output)
	}
	return p.lent.begin(ctx, method, args, output)
}

// quiet waits until no call is under way.
func (p *poolProcess) quiet(ctx context.Context) error {
	if p.lent != nil {
		return p.lent.wait(ctx)
	}
	return p.client.quiet(ctx)
}

// stats asks for figures.
func (p *poolProcess) stats(ctx context.Context) (Stats, error) {
	if p.lent != nil {
		p.lent.reportAll()
	}
	stats, err := Call[Stats](ctx, p.client, "weir/stats")
	if p.lent != nil && err == nil {
		p.lent.add(&stats)
	}
	return stats, err
}

// running gives a weir that lives, and starts one where there is none.
func (p *Pool) running(ctx context.Context) (*poolProcess, error) {
	p.mutex.Lock()
	if p.process != nil && p.process.isLost() {
		p.lost()
	}
	process, start := p.process, p.start
	if process == nil && start == nil {
		if err := p.mayStart(); err != nil {
			p.mutex.Unlock()
			return nil, err
		}
		start = &poolStart{done: make(chan struct{})}
		p.start = start
		go p.try(start, time.Until(p.again))
	}
	closed := p.closed
	p.mutex.Unlock()
	switch {
	case closed:
		return nil, ErrClosed
	case process != nil:
		return process, nil
	}
	select {
	case <-start.done:
		return start.process, start.err
	case <-ctx.Done():
		return nil, asError(ctx.Err())
	}
}

// lost notes that weir has gone. One that did not live long makes the next start wait.
func (p *Pool) lost() {
	p.process = nil
	if time.Since(p.began) > p.options.backoff.Max {
		p.failures = 0
	} else {
		p.putOff()
	}
}

func (p *Pool) putOff() {
	pause := p.options.backoff.First
	for i := 0; i < p.failures && pause < p.options.backoff.Max; i++ {
		pause *= 2
	}
	if pause > p.options.backoff.Max {
		pause = p.options.backoff.Max
	}
	p.failures++
	if pause > 0 {
		p.again = time.Now().Add(time.Duration(rand.Int63n(int64(pause))))
	}
}

func (p *Pool) mayStart() error {
	switch most := p.options.backoff.Attempts; {
	case p.closed:
		return ErrClosed
	case p.options.noRestart && p.starts > 0:
		return fmt.Errorf("%w: the pool was lost, and NoRestart was given", ErrClosed)
	case most > 0 && p.failures >= most && p.failed != nil:
		return p.failed
	}
	return nil
}

// try starts weir after a pause, in a goroutine of its own: no caller's context ends it.
func (p *Pool) try(start *poolStart, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		start.process, start.err = startProcess(p.life, &p.options, p.arguments)
	case <-p.life.Done():
		start.err = ErrClosed
	}
	p.mutex.Lock()
	if start.err == nil && p.closed {
		start.process.close()
		start.process, start.err = nil, ErrClosed
	}
	p.start = nil
	if start.err == nil {
		p.process = start.process
		p.methods = start.process.client.Methods()
		p.starts++
		p.began, p.failed = time.Now(), nil
	} else {
		p.failed = start.err
		p.putOff()
	}
	closed := p.closed
	p.mutex.Unlock()
	close(start.done)
	switch {
	case start.err == nil:
		p.options.tell(Event{Kind: PoolReady, Pid: start.process.pid()})
	case !closed:
		p.options.tell(Event{Kind: PoolFailed, Err: start.err})
	}
}

func (o *poolOptions) tell(event Event) {
	if o.onEvent != nil {
		o.onEvent(event)
	}
}

// Close ends the workers and waits until they are gone. Calls in progress end with
// ErrOutcomeUnknown, unless Drain gives them time; later ones end with ErrClosed.
func (p *Pool) Close() error {
	if p.options.drain > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), p.options.drain)
		defer cancel()
		_ = p.Shutdown(ctx)
		return nil
	}
	p.close()
	return nil
}

func (p *Pool) close() {
	p.mutex.Lock()
	p.closed = true
	process, start := p.process, p.start
	p.mutex.Unlock()
	p.end()
	if start != nil {
		<-start.done
	}
	if process != nil {
		process.close()
	}
}

// Shutdown takes no more calls, waits for those under way, and closes the pool. When ctx ends
// first it closes the pool at once and returns the context's error.
func (p *Pool) Shutdown(ctx context.Context) error {
	p.mutex.Lock()
	p.closed = true
	process := p.process
	p.mutex.Unlock()
	var err error
	if process != nil {
		err = process.quiet(ctx)
	}
	p.close()
	return err
}

// Methods are the functions of the workers, as they were when the pool was last started.
func (p *Pool) Methods() map[string]Description {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	methods := make(map[string]Description, len(p.methods))
	for name, description := range p.methods {
		methods[name] = description
	}
	return methods
}

// Stats are figures of a pool since its start, and its state now: docs/protocol.md, weir/stats.
type Stats struct {
	Calls    int64 `json:"calls"`    // that are over
	Errors   int64 `json:"errors"`   // of them without a result
	Queued   int64 `json:"queued"`   // wait for a worker
	Running  int64 `json:"running"`  // a worker has them
	Restarts int64 `json:"restarts"` // workers that died or were given up
	Noise    int64 `json:"noise"`    // lines of workers that are no messages
	Late     int64 `json:"late"`     // responses that nobody waited for
	Latency  struct {
		P50 float64 `json:"p50"`
		P95 float64 `json:"p95"`
		P99 float64 `json:"p99"`
		Max float64 `json:"max"`
	} `json:"latency_ms"`
	Workers []WorkerStats `json:"workers"`
}

// WorkerStats are figures of one worker.
type WorkerStats struct {
	Pid   int    `json:"pid"`
	State string `json:"state"` // starting, ready, busy, retiring, lost, ending
	Calls int64  `json:"calls"`
	RSSKB int64  `json:"rss_kb"`
	Node  string `json:"node"`
}

// Stats asks weir for its figures.
func (p *Pool) Stats(ctx context.Context) (Stats, error) {
	process, err := p.running(ctx)
	if err != nil {
		return Stats{}, err
	}
	return process.stats(ctx)
}

// Health returns nil when a worker is there for calls, and ErrNoWorker when none is.
func (p *Pool) Health(ctx context.Context) error {
	stats, err := p.Stats(ctx)
	if err != nil {
		return err
	}
	for _, worker := range stats.Workers {
		if worker.State == "ready" || worker.State == "busy" {
			return nil
		}
	}
	return fault(CodeNoWorker, "no worker is ready: %d are known", len(stats.Workers))
}

// Replace replaces the workers one by one, without losing a call, and waits until the old ones
// are gone. A pool that is down is started again.
func (p *Pool) Replace(ctx context.Context) error {
	const look = 20 * time.Millisecond
	p.mutex.Lock()
	if p.failed != nil {
		p.failed, p.failures, p.again = nil, 0, time.Time{}
	}
	p.mutex.Unlock()
	process, err := p.running(ctx)
	if err != nil {
		return err
	}
	before, err := Call[Stats](ctx, process.client, "weir/stats")
	if err != nil {
		return err
	}
	if err := process.signal(syscall.SIGHUP); err != nil {
		return fmt.Errorf("weir: %w", err)
	}
	for {
		now, err := Call[Stats](ctx, process.client, "weir/stats")
		if err != nil || !haveSame(before.Workers, now.Workers) {
			return err
		}
		select {
		case <-time.After(look):
		case <-ctx.Done():
			return asError(ctx.Err())
		}
	}
}

func haveSame(a, b []WorkerStats) bool {
	pids := map[int]bool{}
	for _, worker := range a {
		pids[worker.Pid] = true
	}
	for _, worker := range b {
		if pids[worker.Pid] {
			return true
		}
	}
	return false
}
