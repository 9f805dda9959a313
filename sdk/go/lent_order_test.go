//go:build unix

package weir

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What may come in any order: a worker's end of file, weir/gone, the end of weir, and a call that
// is being sent, ends or is given up. Weir and the workers are the test itself.

const limit = 60 * time.Second

// receive waits for one value, no longer than a test may.
func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case value, ok := <-from:
		if !ok {
			t.Fatalf("it has ended: %s", what)
		}
		return value
	case <-time.After(limit):
		t.Fatalf("it does not come: %s", what)
	}
	panic("not reached")
}

func closes(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("it does not come: %s", what)
	}
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come: %s", what)
		}
	}
}

// said is what the other side of a connection is told.
type said struct {
	ID     int64
	Method string
	Params json.RawMessage
}

func listen(from io.Reader) <-chan said {
	all := make(chan said, 64)
	go func() {
		defer close(all)
		for lines := bufio.NewScanner(from); lines.Scan(); {
			var one said
			_ = json.Unmarshal(lines.Bytes(), &one)
			all <- one
		}
	}()
	return all
}

type falseWeir struct {
	t     *testing.T
	lent  *lent
	conn  net.Conn
	told  <-chan said
	mutex sync.Mutex
	mail  []io.ReadWriteCloser
	slow  bool // a write to a worker returns some time after it was read
	last  int
}

// newFalseWeir has lent its first worker, and refused a second one.
func newFalseWeir(t *testing.T, window int) (*falseWeir, *falseWorker) {
	t.Helper()
	near, far := net.Pipe()
	w := &falseWeir{t: t, conn: far, told: listen(far)}
	client := newClient(near)
	o := defaultPoolOptions()
	o.programs = [][]string{{"false"}}
	w.lent = newLent(client, w.take, &o)
	client.onNotice = w.lent.notice
	client.onLost = w.lent.end
	client.run()
	t.Cleanup(func() { far.Close(); client.Close() })
	started := make(chan error, 1)
	go func() {
		_, err := w.lent.start(context.Background())
		started <- err
	}()
	worker := w.lend(window)
	if err := receive(t, "the start", started); err != nil {
		t.Fatal(err)
	}
	w.refuse()
	return w, worker
}

func (w *falseWeir) take() (io.ReadWriteCloser, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(w.mail) == 0 {
		return nil, errors.New("no pipes")
	}
	one := w.mail[0]
	w.mail = w.mail[1:]
	return one, nil
}

func (w *falseWeir) say(format string, values ...any) {
	w.t.Helper()
	if _, err := fmt.Fprintf(w.conn, format+"\n", values...); err != nil {
		w.t.Error(err)
	}
}

// hears gives the next message of that kind.
func (w *falseWeir) hears(method string) said {
	w.t.Helper()
	for {
		if one := receive(w.t, method, w.told); one.Method == method {
			return one
		}
	}
}

func (w *falseWeir) refuse() {
	w.t.Helper()
	w.say(`{"jsonrpc":"2.0","id":%d,"error":{"code":-33007,"message":"no worker"}}`, w.hears("weir/lend").ID)
	w.await("the refusal", func(l *lent) bool { return !l.kinds[0].asking })
}

// lend answers a request for a worker.
func (w *falseWeir) lend(window int) *falseWorker {
	w.t.Helper()
	asked := w.hears("weir/lend")
	toWorker, input := io.Pipe()
	output, fromWorker := io.Pipe()
	w.last++
	worker := &falseWorker{w, w.last, toWorker, fromWorker, listen(toWorker)}
	w.mutex.Lock()
	w.mail = append(w.mail, falsePipes{output, input, w.slow, make(chan struct{})})
	w.mutex.Unlock()
	w.answerLend(asked.ID, window)
	return worker
}

func (w *falseWeir) answerLend(id int64, window int) {
	w.t.Helper()
	w.say(`{"jsonrpc":"2.0","id":%d,"result":{"worker":%d,"pid":1,"concurrency":%d,"methods":{"f":{"params":[]},"again":{"params":[],"idempotent":true}}}}`,
		id, w.last, window)
}

// number finds a worker of the client's.
func (w *falseWeir) number(number int) *lentWorker {
	w.lent.mutex.Lock()
	defer w.lent.mutex.Unlock()
	return w.lent.workers[int64(number)]
}

// await waits for something that lent.mutex guards.
func (w *falseWeir) await(what string, holds func(l *lent) bool) {
	w.t.Helper()
	await(w.t, what, func() bool {
		w.lent.mutex.Lock()
		defer w.lent.mutex.Unlock()
		return holds(w.lent)
	})
}

// call calls in a goroutine of its own.
func (w *falseWeir) call(ctx context.Context, method string) <-chan error {
	ended := make(chan error, 1)
	go func() {
		p, err := w.lent.begin(ctx, method, nil, false)
		if err == nil {
			select {
			case <-p.done:
			case <-ctx.Done():
				p.abandon(asError(ctx.Err()))
				<-p.done
			}
			err = p.err
		}
		ended <- err
	}()
	return ended
}

type falsePipes struct {
	*io.PipeReader
	to     *io.PipeWriter
	slow   bool
	closed chan struct{}
}

func (p falsePipes) Write(from []byte) (int, error) {
	n, err := p.to.Write(from)
	if p.slow {
		<-p.closed
		time.Sleep(20 * time.Millisecond)
	}
	return n, err
}

func (p falsePipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	p.to.Close()
	return p.PipeReader.Close()
}

type falseWorker struct {
	weir   *falseWeir
	number int
	in     *io.PipeReader
	out    *io.PipeWriter
	told   <-chan said
}

func (w *falseWorker) hears(method string) said {
	w.weir.t.Helper()
	one := receive(w.weir.t, method, w.told)
	if one.Method != method {
		w.weir.t.Fatal(one, method)
	}
	return one
}

func (w *falseWorker) answers(call said) {
	w.weir.t.Helper()
	if _, err := fmt.Fprintf(w.out, `{"jsonrpc":"2.0","id":%d,"result":1}`+"\n", call.ID); err != nil {
		w.weir.t.Error(err)
	}
}

func (w *falseWorker) gone(unread int) {
	w.weir.t.Helper()
	w.weir.say(`{"jsonrpc":"2.0","method":"weir/gone","params":{"worker":%d,"unread":%d,"reason":"was killed"}}`, w.number, unread)
}

func (w *falseWorker) dies(unread int) {
	w.weir.t.Helper()
	w.out.Close()
	w.gone(unread)
}

func ends(t *testing.T, ended <-chan error, want error) {
	t.Helper()
	if err := receive(t, "the end of a call", ended); !errors.Is(err, want) {
		t.Fatal(err, want)
	}
}

// atDeadline is a context that is asked for its deadline while a request is being made.
type atDeadline struct {
	context.Context
	once sync.Once
	do   func()
}

func (a *atDeadline) Deadline() (time.Time, bool) {
	a.once.Do(a.do)
	return a.Context.Deadline()
}

func TestAWorkerDiesWhileACallIsBeingSentToIt(t *testing.T) {
	Bounded(t)
	weir, first := newFalseWeir(t, 1)
	before := weir.call(context.Background(), "f")
	asked := first.hears("f")
	read := weir.call(context.Background(), "f")
	second := weir.lend(2)
	second.hears("f")
	first.answers(asked)
	ends(t, before, nil)
	ctx, old := &atDeadline{Context: context.Background()}, weir.number(1)
	ctx.do = func() {
		first.dies(0)
		weir.await("its end", func(l *lent) bool { return old.settled })
	}
	unread := weir.call(ctx, "f")
	line := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"f"}`, second.hears("f").ID)
	second.dies(len(line) + 1)
	ends(t, read, ErrOutcomeUnknown)
	third := weir.lend(1)
	third.answers(third.hears("f"))
	ends(t, unread, nil)
}

func TestAWorkerDiesOfACallBeforeItsWriteHasReturned(t *testing.T) {
	Bounded(t)
	weir, first := newFalseWeir(t, 1)
	runs := weir.call(context.Background(), "f")
	asked := first.hears("f")
	weir.slow = true
	once := weir.call(context.Background(), "f")
	second := weir.lend(1)
	second.hears("f")
	second.dies(0)
	ends(t, once, ErrOutcomeUnknown)
	first.answers(asked)
	ends(t, runs, nil)
}

func TestAWeirIsLostAmidTheSendingOfACall(t *testing.T) {
	Bounded(t)
	for _, fileEndsFirst := range []bool{true, false} {
		weir, worker := newFalseWeir(t, 1)
		ctx := &atDeadline{Context: context.Background()}
		ctx.do = func() {
			if fileEndsFirst {
				old := weir.number(1)
				worker.out.Close()
				closes(t, "the end of its output", old.client.done)
			}
			weir.conn.Close()
			closes(t, "the end of weir", weir.lent.weir.done)
		}
		ends(t, weir.call(ctx, "f"), ErrOutcomeUnknown)
		ends(t, weir.call(context.Background(), "f"), ErrClosed)
	}
}

func TestAWeirIsLostBeforeACallIsSent(t *testing.T) {
	Bounded(t)
	weir, _ := newFalseWeir(t, 1)
	client := weir.number(1).client
	client.mutex.Lock() // the call is given to the worker, and comes no further
	ended := weir.call(context.Background(), "f")
	weir.await("the call", func(l *lent) bool { return l.open == 1 })
	weir.conn.Close()
	weir.await("the end of weir", func(l *lent) bool { return l.ended != nil })
	client.lost = errors.New("lost")
	client.mutex.Unlock()
	ends(t, ended, ErrClosed)
}

func TestAllThatIsOpenEndsWithWeir(t *testing.T) {
	Bounded(t)
	weir, worker := newFalseWeir(t, 1)
	sent, waits := weir.call(context.Background(), "f"), make([]<-chan error, 3)
	worker.hears("f")
	for i := range waits {
		waits[i] = weir.call(context.Background(), "again")
	}
	weir.await("the queue", func(l *lent) bool { return l.waiting == len(waits) })
	old := weir.number(1)
	worker.out.Close()
	weir.await("the end of its output", func(l *lent) bool { return old.atEnd })
	weir.conn.Close()
	ends(t, sent, ErrOutcomeUnknown)
	for _, one := range waits {
		ends(t, one, ErrClosed)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := weir.lent.wait(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestACallThatIsCancelledByTheEndOfItsPoolIsOfUnknownOutcome(t *testing.T) {
	Bounded(t)
	weir, worker := newFalseWeir(t, 1)
	ended := weir.call(context.Background(), "f")
	asked := worker.hears("f")
	weir.lent.mutex.Lock()
	weir.lent.ended = ErrClosed // and the worker is sent weir/cancel
	weir.lent.mutex.Unlock()
	if _, err := fmt.Fprintf(worker.out, `{"jsonrpc":"2.0","id":%d,"error":{"code":-32800,"message":"cancelled"}}`+"\n", asked.ID); err != nil {
		t.Fatal(err)
	}
	ends(t, ended, ErrOutcomeUnknown)
}

func TestAWaitingCallGetsAWorkerAlthoughOneWasRefused(t *testing.T) {
	Bounded(t)
	weir, first := newFalseWeir(t, 1)
	runs := weir.call(context.Background(), "f")
	first.hears("f")
	waits := weir.call(context.Background(), "f")
	weir.refuse()
	first.dies(0)
	ends(t, runs, ErrOutcomeUnknown)
	second := weir.lend(1)
	second.answers(second.hears("f"))
	ends(t, waits, nil)
}

func TestACallBehindOneThatIsGivenUpIsServed(t *testing.T) {
	Bounded(t)
	weir, first := newFalseWeir(t, 2)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	kills := weir.call(ctx, "again")
	first.hears("again")
	runs := weir.call(context.Background(), "f")
	first.hears("f")
	waits := weir.call(context.Background(), "f")
	second := weir.lend(2)
	second.hears("f")
	first.dies(0) // "again" has ended a worker, so it wants one of its own
	ends(t, runs, ErrOutcomeUnknown)
	weir.await("the queue", func(l *lent) bool { return l.waiting == 1 })
	behind := weir.call(context.Background(), "f")
	weir.await("the queue", func(l *lent) bool { return l.waiting == 2 })
	cancel()
	ends(t, kills, context.Canceled)
	second.answers(second.hears("f"))
	ends(t, behind, nil)
	second.answers(said{ID: 1})
	ends(t, waits, nil)
}

func TestAWorkerThatNothingCanBeSentToIsGivenUp(t *testing.T) {
	Bounded(t)
	weir, first := newFalseWeir(t, 1)
	first.in.Close()
	call := weir.call(context.Background(), "f")
	var about struct{ Step, Reason string }
	if err := json.Unmarshal(weir.hears("weir/stop").Params, &about); err != nil || about.Step != "terminate" || about.Reason != "closed its standard input" {
		t.Fatal(about, err)
	}
	first.dies(0)
	second := weir.lend(1)
	second.answers(second.hears("f"))
	ends(t, call, nil)
}

func TestAWorkerWhosePipesDoNotComeIsReturned(t *testing.T) {
	Bounded(t)
	weir, first := newFalseWeir(t, 1)
	runs := weir.call(context.Background(), "f")
	first.hears("f")
	waits := weir.call(context.Background(), "f")
	asked := weir.hears("weir/lend")
	weir.last++
	weir.answerLend(asked.ID, 1)
	if back := weir.hears("weir/return"); string(back.Params) != `{"worker":2}` {
		t.Fatal(back)
	}
	first.answers(said{ID: 1})
	ends(t, runs, nil)
	first.answers(first.hears("f"))
	ends(t, waits, nil)
}

func TestDescriptorsThatComeAloneAreNotThoseOfTheNextWorker(t *testing.T) {
	Bounded(t)
	open := func() int {
		fd, err := syscall.Open(os.DevNull, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	var mail mailConn
	alone, in, out := open(), open(), open()
	mail.keep(syscall.UnixRights(alone))
	if _, err := mail.take(); err == nil {
		t.Fatal("one descriptor was taken for two")
	}
	mail.keep(syscall.UnixRights(in, out))
	conn, err := mail.take()
	if err != nil {
		t.Fatal(err)
	}
	pipes := conn.(workerPipes)
	if pipes.to.Fd() != uintptr(in) || pipes.of.Fd() != uintptr(out) {
		t.Fatal(alone, in, out, pipes.to.Fd(), pipes.of.Fd())
	}
	conn.Close()
	var closed syscall.Stat_t
	if syscall.Fstat(alone, &closed) == nil {
		t.Fatal("the one that came alone is open")
	}
}

func TestCreditOfAWorkerThatIsGoneIsNotTakenForThatOfTheNext(t *testing.T) {
	Bounded(t)
	out := newSender(1)
	turn, err := out.takeTurn(context.Background())
	if err != nil || !out.isTurn(turn) {
		t.Fatal(err)
	}
	out.reset()
	out.add(1)
	if out.isTurn(turn) {
		t.Fatal("a chunk would be sent without credit")
	}
}

// A plain peer has one call at a time: an answer that comes when its caller gives up makes room
// for the next one all the same.
func TestAPlainPeerAnswersWhileItsCallIsGivenUp(t *testing.T) {
	Bounded(t)
	near, far := net.Pipe()
	defer far.Close()
	calls := listen(far)
	go func() {
		for one := range calls {
			if one.Method == "weir/hello" {
				_, _ = fmt.Fprintf(far, `{"jsonrpc":"2.0","id":%d,"error":{"code":-32601,"message":"unknown"}}`+"\n", one.ID)
			} else {
				_, _ = fmt.Fprintf(far, `{"jsonrpc":"2.0","id":%d,"result":1}`+"\n", one.ID)
			}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	client, err := NewClient(ctx, near)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for i := 0; i < 3000; i++ {
		short, end := context.WithCancel(ctx)
		time.AfterFunc(time.Duration(i%100)*time.Microsecond, end)
		_, _ = Call[int](short, client, "f")
		end()
	}
	if _, err := Call[int](ctx, client, "f"); err != nil {
		t.Fatal(err)
	}
}
