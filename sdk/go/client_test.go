package weir

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// dial serves functions on a Unix socket, as `weir serve` does, and connects to it.
func dial(t *testing.T, options ...Option) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Add(1)
	go func() {
		defer served.Done()
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			served.Add(1)
			go func() {
				defer served.Done()
				defer conn.Close()
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				_ = NewWorker(options...).Serve(ctx, cancelAtEnd{conn, cancel}, conn)
			}()
		}
	}()
	client, err := Dial(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		listener.Close()
		served.Wait()
	})
	return client
}

// cancelAtEnd cancels the calls of a client that goes away, as the server does.
type cancelAtEnd struct {
	io.Reader
	cancel context.CancelFunc
}

func (r cancelAtEnd) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil {
		r.cancel()
	}
	return n, err
}

// peer is a server that a test plays by hand: it takes a line, and says one.
type peer struct {
	t    *testing.T
	conn net.Conn
	from *bufio.Reader
}

// byHand gives a client and the server that a test plays, the hello over.
func byHand(t *testing.T) (*Client, *peer) {
	t.Helper()
	here, there := net.Pipe()
	p := &peer{t, there, bufio.NewReader(there)}
	go func() {
		p.take()
		p.say(`{"jsonrpc":"2.0","id":1,"result":{"version":1,"methods":{}}}`)
	}()
	client, err := NewClient(context.Background(), here)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		there.Close()
	})
	return client, p
}

func (p *peer) take() string {
	line, err := p.from.ReadString('\n')
	if err != nil {
		p.t.Errorf("take: %v", err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (p *peer) say(line string) {
	if _, err := io.WriteString(p.conn, line+"\n"); err != nil {
		p.t.Errorf("say: %v", err)
	}
}

func TestTheFourModes(t *testing.T) {
	Bounded(t)
	ctx := context.Background()
	c := dial(t, vectorFunctions()...)
	if sum, err := Call[int](ctx, c, "add", Params(struct {
		A int `json:"a"`
		B int `json:"b"`
	}{3, 4})); sum != 7 || err != nil {
		t.Error(sum, err)
	}
	raw, err := Call[json.RawMessage](ctx, c, "echo", json.RawMessage("123456789012345678901234567890.10"))
	if string(raw) != "123456789012345678901234567890.10" || err != nil {
		t.Error(string(raw), err)
	}
	const many = 10 * window
	numbers := make(chan int)
	go func() {
		defer close(numbers)
		for i := 1; i <= many; i++ {
			numbers <- i
		}
	}()
	sums, err := Stream[int](ctx, c, "running", Input(numbers))
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	sums.All(func(n int) bool { last = n; return true })
	if want := many * (many + 1) / 2; last != want || sums.Err() != nil {
		t.Error(last, want, sums.Err())
	}
	first, err := Call[[]string](ctx, c, "first", 2, InputValues("a", "b", "c"))
	if fmt.Sprint(first) != "[a b]" || err != nil {
		t.Error(first, err)
	}
	if c.Methods()["running"].Stream != "both" || c.Methods()["add"].Params[1].Name != "b" {
		t.Error(c.Methods())
	}
}

func TestErrorsOfACall(t *testing.T) {
	BoundedBy(t, 3*time.Minute) // lines of 64 MiB, or very many calls
	ctx := context.Background()
	c := dial(t, vectorFunctions()...)
	_, err := Call[any](ctx, c, "fail", "no luck")
	var failure *Error
	if !errors.As(err, &failure) || failure.Code != CodeRaised || err.Error() != "*errors.errorString: no luck" ||
		!strings.Contains(failure.Traceback(), "no luck") {
		t.Errorf("%#v", err)
	}
	values, err := Stream[int](ctx, c, "breaks", 2)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for values.Next() {
		n++
	}
	if n != 2 || !errors.As(values.Err(), &failure) || !strings.Contains(failure.Traceback(), "goroutine") {
		t.Error(n, values.Err())
	}
	for _, call := range []struct {
		want error
		do   func() error
	}{
		{ErrNoMethod, func() error { _, err := Call[int](ctx, c, "nosuch"); return err }},
		{ErrParams, func() error { _, err := Call[int](ctx, c, "add", 1, "x"); return err }},
		{ErrParams, func() error { _, err := Call[int](ctx, c, "sum"); return err }},
		{ErrParams, func() error { _, err := Call[int](ctx, c, "add", Params(7)); return err }},
		{ErrNotEncodable, func() error { _, err := Call[int](ctx, c, "add", func() {}, 1); return err }},
		{ErrNotEncodable, func() error { _, err := Call[int](ctx, c, "nan"); return err }},
		{ErrTooLong, func() error { _, err := Call[any](ctx, c, "echo", strings.Repeat("x", maxLine)); return err }},
		{ErrStreamRule, func() error { _, err := Call[any](ctx, c, "count", 1, 2); return err }},
		{ErrStreamRule, func() error { _, err := Stream[any](ctx, c, "add", 1, 2); return err }},
	} {
		if err := call.do(); !errors.Is(err, call.want) {
			t.Errorf("%v, wanted %v", err, call.want)
		}
	}
	if _, err := Call[int](ctx, c, "echo", "text"); err == nil || !strings.Contains(err.Error(), "wants int, got string") {
		t.Error(err)
	}
	if n, err := Call[int](ctx, c, "echo", nil); n != 0 || err != nil {
		t.Error(n, err)
	}
}

func TestTheEndOfTheContextInterruptsTheFunction(t *testing.T) {
	Bounded(t)
	interrupted := make(chan error, 1)
	c := dial(t, Func("wait", func(ctx context.Context, _ None) (any, error) {
		<-ctx.Done()
		interrupted <- ctx.Err()
		return nil, ctx.Err()
	}))
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := Call[any](ctx, c, "wait"); !errors.Is(err, ErrCancelled) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-interrupted; err != context.Canceled {
		t.Error(err)
	}
	if _, err := Call[any](ctx, c, "wait"); !errors.Is(err, ErrCancelled) {
		t.Error(err) // not sent at all
	}
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := Call[any](ctx, c, "wait"); !errors.Is(err, ErrDeadline) {
		t.Error(err)
	}
	if err := <-interrupted; err == nil {
		t.Error("not interrupted")
	}
}

func TestASlowConsumerBoundsAnEndlessStream(t *testing.T) {
	Bounded(t)
	var given atomic.Int64
	closed := make(chan struct{})
	c := dial(t, Concurrency(2), Source("endless", func(ctx context.Context, _ None, emit func(int) error) error {
		defer close(closed)
		for i := 0; ; i++ {
			if err := emit(i); err != nil {
				return err
			}
			given.Add(1)
		}
	}))
	values, err := Stream[int](context.Background(), c, "endless")
	if err != nil {
		t.Fatal(err)
	}
	const taken = 3 * window
	for i := 0; i < taken; i++ {
		if !values.Next() || values.Value() != i {
			t.Fatal(i, values.Value(), values.Err())
		}
	}
	// A call beside it shows that the function has had its time.
	if _, err := Call[any](context.Background(), c, "weir/hello", Named{"version": 1}); err != nil {
		t.Fatal(err)
	}
	if n := given.Load(); n > taken+window {
		t.Errorf("%d values for %d taken", n, taken)
	}
	values.Close()
	<-closed
	if values.Next() || values.Err() != nil {
		t.Error("after Close: ", values.Err())
	}
}

func TestAStreamEndsWithItsContext(t *testing.T) {
	Bounded(t)
	c := dial(t, vectorFunctions()...)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	values, err := Stream[int](ctx, c, "endless")
	if err != nil {
		t.Fatal(err)
	}
	for n := range values.Chan() {
		if n == 100 {
			cancel()
		}
	}
	if !errors.Is(values.Err(), ErrCancelled) {
		t.Error(values.Err())
	}
}

func TestALostConnectionEndsAllCallsAtOnce(t *testing.T) {
	Bounded(t)
	before := runtime.NumGoroutine()
	c, server := byHand(t)
	const calls = 20
	ended := make(chan error, calls+1)
	for i := 0; i < calls; i++ {
		go func() {
			_, err := Call[int](context.Background(), c, "wait")
			ended <- err
		}()
	}
	go func() {
		values, err := Stream[int](context.Background(), c, "stream", Input(make(chan int)))
		if err == nil {
			for values.Next() {
			}
			err = values.Err()
		}
		ended <- err
	}()
	for i := 0; i < calls+1; i++ {
		server.take()
	}
	server.conn.Close()
	for i := 0; i < calls+1; i++ {
		if err := <-ended; !errors.Is(err, ErrOutcomeUnknown) {
			t.Error(err)
		}
	}
	if _, err := Call[int](context.Background(), c, "wait"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	waitUntil(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestAClosedClientLeavesNoGoroutine(t *testing.T) {
	Bounded(t)
	before := runtime.NumGoroutine()
	t.Run("", func(t *testing.T) {
		c := dial(t, vectorFunctions()...)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for i := 0; i < 20; i++ {
			values, err := Stream[int](ctx, c, "endless")
			if err != nil || !values.Next() {
				t.Fatal(err)
			}
			values.Close()
			if _, err := Call[int](ctx, c, "sum", InputValues(1, 2)); err != nil {
				t.Fatal(err)
			}
		}
	})
	waitUntil(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestAClientThatGoesAwayCancelsItsCalls(t *testing.T) {
	Bounded(t)
	closed := make(chan struct{})
	c := dial(t, Source("endless", func(ctx context.Context, _ None, emit func(int) error) error {
		defer close(closed)
		for emit(0) == nil {
		}
		return nil
	}))
	values, err := Stream[int](context.Background(), c, "endless")
	if err != nil || !values.Next() {
		t.Fatal(err)
	}
	c.Close()
	<-closed
}

func TestAnInputThatBreaksIsTold(t *testing.T) {
	Bounded(t)
	c := dial(t, vectorFunctions()...)
	n := 0
	_, err := Call[int](context.Background(), c, "sum", InputFunc(func(context.Context) (int, error) {
		if n++; n > 100 {
			return 0, errors.New("the disk broke")
		}
		return n, nil
	}))
	if err == nil || !strings.Contains(err.Error(), "the disk broke") {
		t.Error(err)
	}
}

func TestManyGoroutinesShareAClient(t *testing.T) {
	BoundedBy(t, 3*time.Minute) // lines of 64 MiB, or very many calls
	c := dial(t, vectorFunctions()...)
	var all sync.WaitGroup
	for g := 0; g < 50; g++ {
		all.Add(1)
		go func(g int) {
			defer all.Done()
			for i := 0; i < 40; i++ {
				ctx, cancel := context.WithCancel(context.Background())
				switch i % 4 {
				case 0:
					go cancel()
					if n, err := Call[int](ctx, c, "add", g, i); err == nil && n != g+i || err != nil && !errors.Is(err, ErrCancelled) {
						t.Error(n, err)
					}
				case 1:
					values, err := Stream[int](ctx, c, "count", 0, 100)
					n := 0
					for err == nil && values.Next() {
						n++
					}
					if n != 100 || err != nil || values.Err() != nil {
						t.Error(n, err, values.Err())
					}
				default:
					if n, err := Call[int](ctx, c, "add", g, i); n != g+i || err != nil {
						t.Error(n, err)
					}
				}
				cancel()
			}
		}(g)
	}
	all.Wait()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.calls) != 0 {
		t.Errorf("%d calls are kept", len(c.calls))
	}
}

func TestACallOnAStuckServerEndsWithItsContext(t *testing.T) {
	Bounded(t)
	c, _ := byHand(t) // it takes nothing more: net.Pipe holds no byte
	for i := 0; i < 20; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		if _, err := Call[any](ctx, c, "echo", strings.Repeat("x", outboxFull)); !errors.Is(err, ErrDeadline) {
			t.Error(err)
		}
		cancel()
	}
	c.out.mutex.Lock()
	defer c.out.mutex.Unlock()
	if n := len(c.out.waiting); n > 3*outboxFull {
		t.Errorf("%d bytes wait", n)
	}
}

func TestTheTraceGoesOn(t *testing.T) {
	Bounded(t)
	back := dial(t, Func("about", about))
	c := dial(t, Func("front", func(ctx context.Context, _ None) (json.RawMessage, error) {
		return Call[json.RawMessage](ctx, back, "about")
	}))
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	ctx, cancel := context.WithTimeout(WithTrace(context.Background(), parent, "a=1"), time.Minute)
	defer cancel()
	got, err := Call[aboutCall](ctx, c, "front")
	if err != nil || got.Traceparent == nil || *got.Traceparent != parent || *got.Tracestate != "a=1" || !got.Deadline {
		t.Errorf("%+v %v", got, err)
	}
}

func TestWhatSaysNoHelloIsNoServer(t *testing.T) {
	Bounded(t)
	for _, answer := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{"version":2,"methods":{}}}`,
		`{"jsonrpc":"2.0","id":1,"result":7}`,
		`{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}`,
		`{"hello":1}`,
	} {
		here, there := net.Pipe()
		p := &peer{t, there, bufio.NewReader(there)}
		go func() {
			p.take()
			p.say(answer)
		}()
		if c, err := NewClient(context.Background(), here); err == nil {
			t.Errorf("%s: taken", answer)
			c.Close()
		}
		there.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	here, there := net.Pipe()
	defer there.Close()
	if _, err := NewClient(ctx, here); !errors.Is(err, ErrDeadline) {
		t.Error(err)
	}
	if _, err := Dial(context.Background(), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("dialled nothing")
	}
}

func TestPathsThatNoSocketCanHave(t *testing.T) {
	Bounded(t)
	for _, path := range []string{"@name", "\x00name", "/" + strings.Repeat("x", 200)} {
		_, err := Dial(context.Background(), path)
		if err == nil || !strings.Contains(err.Error(), "abstract") && !strings.Contains(err.Error(), "limit is") {
			t.Errorf("%.10q: %v", path, err)
		}
	}
}
