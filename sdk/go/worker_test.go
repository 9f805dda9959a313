package weir

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

// serveWire serves functions over pipes, and is their host.
func serveWire(t *testing.T, options ...Option) *wire {
	fromHost, toWorker := io.Pipe()
	fromWorker, toHost := io.Pipe()
	w := newWire(t, toWorker, fromWorker)
	done := make(chan error, 1)
	go func() {
		done <- NewWorker(options...).Serve(context.Background(), fromHost, toHost)
		toHost.Close()
	}()
	t.Cleanup(func() {
		toWorker.Close()
		for range w.lines {
		}
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return w
}

func (w *wire) say(line string) {
	w.t.Helper()
	w.write([]byte(line + "\n"))
}

func (w *wire) expect(pattern string) {
	w.t.Helper()
	w.step("out", json.RawMessage(pattern))
}

func (w *wire) request(id int, method, params string) {
	w.t.Helper()
	w.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params))
}

// answers serves what is in a text, and gives the lines that come out.
func answers(t *testing.T, in io.Reader, options ...Option) []string {
	t.Helper()
	var out strings.Builder
	if err := NewWorker(options...).Serve(context.Background(), in, &out); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// blocked is a function that ignores everything until it is let go.
func blocked(name string, let <-chan struct{}) *Function {
	return Func(name, func(context.Context, None) (string, error) {
		<-let
		return "let go", nil
	})
}

// putIn panics with a nil map.
func putIn(m map[string]int) error { m["x"] = 1; return nil }

func TestAPanicIsAnErrorAndTheWorkerLives(t *testing.T) {
	Bounded(t)
	w := serveWire(t,
		Func("panics", func(context.Context, None) (int, error) { return 0, putIn(nil) }),
		Func("nils", func(context.Context, None) (int, error) { panic(nil) }),
		Func("exits", func(context.Context, None) (int, error) { runtime.Goexit(); return 0, nil }),
		Func("ok", func(context.Context, None) (int, error) { return 1, nil }))
	for i := 0; i < 3; i++ {
		w.request(1, "panics", "[]")
		w.expect(`{"id":1,"error":{"code":1000,"message":{"$contains":"nil map"},"data":{"type":{"$type":"string"},"traceback":{"$contains":"worker_test.go"}}}}`)
		w.request(2, "nils", "[]")
		w.expect(`{"id":2,"error":{"code":1000}}`)
		w.request(3, "exits", "[]")
		w.expect(`{"id":3,"error":{"code":1000}}`)
		w.request(4, "ok", "[]")
		w.expect(`{"id":4,"result":1}`)
	}
}

type panicsInJSON struct{}

func (panicsInJSON) MarshalJSON() ([]byte, error)  { panic("marshal") }
func (*panicsInJSON) UnmarshalJSON(b []byte) error { panic("unmarshal") }

func TestJSONOfTheAuthorsThatPanicsIsAnErrorOfItsCall(t *testing.T) {
	Bounded(t)
	w := serveWire(t,
		Func("out", func(context.Context, None) (panicsInJSON, error) { return panicsInJSON{}, nil }),
		Func("in", func(_ context.Context, p struct{ A panicsInJSON }) (int, error) { return 1, nil }))
	w.request(1, "out", "[]")
	w.expect(`{"id":1,"error":{"code":1000,"message":{"$contains":"marshal"}}}`)
	w.request(2, "in", "[1]")
	w.expect(`{"id":2,"error":{"code":1000,"message":{"$contains":"unmarshal"}}}`)
	w.say(`[{"jsonrpc":"2.0","id":3,"method":"in","params":[1]}]`)
	w.expect(`[{"id":3,"error":{"code":1000}}]`)
}

func TestAFunctionThatBlocksKeepsNoOtherWaiting(t *testing.T) {
	Bounded(t)
	let := make(chan struct{})
	w := serveWire(t, Concurrency(4), blocked("blocked", let),
		Func("ok", func(context.Context, None) (int, error) { return 1, nil }))
	for id := 1; id <= 3; id++ {
		w.request(id, "blocked", "[]")
	}
	w.request(4, "ok", "[]")
	w.expect(`{"id":4,"result":1}`)
	close(let)
	w.step("out_any_order", []byte(`[{"id":1,"result":"let go"},{"id":2,"result":"let go"},{"id":3,"result":"let go"}]`))
}

func TestOneAtATimeMeansOneAtATime(t *testing.T) {
	Bounded(t)
	var at, most atomic.Int32
	w := serveWire(t, Concurrency(1), Func("f", func(_ context.Context, n int) (int, error) {
		if now := at.Add(1); now > most.Load() {
			most.Store(now)
		}
		if n%10 == 0 {
			time.Sleep(3 * tick) // long enough to lose the lead
		}
		at.Add(-1)
		return n, nil
	}))
	const calls = 200
	go func() {
		for id := 1; id <= calls; id++ {
			w.request(id, "f", fmt.Sprintf("[%d]", id))
		}
	}()
	for id := 1; id <= calls; id++ {
		w.expect(fmt.Sprintf(`{"id":%d,"result":%d}`, id, id)) // in order, too
	}
	if most.Load() != 1 {
		t.Errorf("%d ran at a time", most.Load())
	}
}

func TestAShortAnswerDoesNotWaitForALongFunction(t *testing.T) {
	Bounded(t)
	let := make(chan struct{})
	w := serveWire(t, Concurrency(1), blocked("blocked", let),
		Func("ok", func(context.Context, None) (int, error) { return 1, nil }))
	// Both in one write, so that the first answer waits for company.
	w.say(`{"jsonrpc":"2.0","id":1,"method":"ok"}` + "\n" + `{"jsonrpc":"2.0","id":2,"method":"blocked"}`)
	w.expect(`{"id":1,"result":1}`)
	close(let)
	w.expect(`{"id":2,"result":"let go"}`)
}

func TestAFunctionThatMindsNoContextIsAnsweredWhenItEnds(t *testing.T) {
	Bounded(t)
	let := make(chan struct{})
	w := serveWire(t, Concurrency(4), blocked("blocked", let))
	w.request(1, "blocked", "[]")
	w.say(`{"jsonrpc":"2.0","method":"weir/cancel","params":{"id":1}}`)
	w.say(`{"jsonrpc":"2.0","id":2,"method":"blocked","weir":{"deadline_ms":1}}`)
	w.say(`what`)
	w.expect(`{"id":null}`)
	time.AfterFunc(10*time.Millisecond, func() { close(let) })
	// It was faster than its cancellation; but nothing outruns a deadline.
	w.step("out_any_order", []byte(`[{"id":1,"result":"let go"},{"id":2,"error":{"code":-33001}}]`))
}

func TestRacesOfCancelAndCompletionHaveOneOutcomeEach(t *testing.T) {
	Bounded(t)
	w := serveWire(t, Func("sleep", func(ctx context.Context, us int) (string, error) {
		return "slept", sleep(ctx, time.Duration(us)*time.Microsecond)
	}))
	random := rand.New(rand.NewSource(1))
	for id := 1; id <= 500; id++ {
		w.request(id, "sleep", fmt.Sprintf("[%d]", random.Intn(800)))
		time.Sleep(time.Duration(random.Intn(400)) * time.Microsecond)
		w.say(fmt.Sprintf(`{"jsonrpc":"2.0","method":"weir/cancel","params":{"id":%d}}`, id))
		w.expect(fmt.Sprintf(`{"$one_of":[{"id":%d,"result":"slept"},{"id":%d,"error":{"code":-32800}}]}`, id, id))
	}
}

func TestCancellingASleepIsQuick(t *testing.T) {
	Bounded(t)
	w := serveWire(t, Func("sleep", func(ctx context.Context, s int) (any, error) {
		return nil, sleep(ctx, time.Duration(s)*time.Second)
	}))
	best := time.Hour
	// The best of some, of many where this machine is busy with other things.
	for id := 1; id <= 5 || best > 50*time.Millisecond && id <= 100; id++ {
		w.request(id, "sleep", "[60]")
		began := time.Now()
		w.say(fmt.Sprintf(`{"jsonrpc":"2.0","method":"weir/cancel","params":{"id":%d}}`, id))
		w.expect(fmt.Sprintf(`{"id":%d,"error":{"code":-32800}}`, id))
		if took := time.Since(began); took < best {
			best = took
		}
	}
	if best > 50*time.Millisecond {
		t.Errorf("%v at best", best)
	}
}

func TestLargeCallsAtOnceWhileNobodyReads(t *testing.T) {
	Bounded(t)
	// Kernel pipes, and a host that writes all before it reads anything.
	fromHost, toWorker, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromWorker, toHost, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = NewWorker(Func("echo", func(_ context.Context, s string) (string, error) { return s, nil })).
			Serve(context.Background(), fromHost, toHost)
		toHost.Close()
	}()
	text := strings.Repeat("x", 1<<20)
	for id := 1; id <= 3; id++ {
		fmt.Fprintf(toWorker, `{"jsonrpc":"2.0","id":%d,"method":"echo","params":["%s"]}`+"\n", id, text)
	}
	toWorker.Close()
	seen := 0
	lines := lineReader{source: fromWorker}
	for ; ; seen++ {
		line, err := lines.next()
		if err == io.EOF {
			break
		}
		if err != nil || len(line) < 1<<20 {
			t.Fatalf("%.80q %v", line, err)
		}
	}
	if seen != 3 {
		t.Errorf("%d answers", seen)
	}
	fromWorker.Close()
	fromHost.Close()
}

func TestManySmallCallsWhileNobodyReads(t *testing.T) {
	Bounded(t)
	fromHost, toWorker, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromWorker, toHost, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = NewWorker(Func("echo", func(_ context.Context, s string) (string, error) { return s, nil })).
			Serve(context.Background(), fromHost, toHost)
		toHost.Close()
	}()
	const calls = 5000 // more than both pipes hold
	text := strings.Repeat("x", 200)
	for id := 1; id <= calls; id++ {
		fmt.Fprintf(toWorker, `{"jsonrpc":"2.0","id":%d,"method":"echo","params":["%s"]}`+"\n", id, text)
	}
	toWorker.Close()
	seen := 0
	for lines := bufio.NewScanner(fromWorker); lines.Scan(); seen++ {
	}
	if seen != calls {
		t.Errorf("%d answers", seen)
	}
	fromWorker.Close()
	fromHost.Close()
}

func TestAnIDThatIsInUseIsNoRequest(t *testing.T) {
	Bounded(t)
	let := make(chan struct{})
	w := serveWire(t, Concurrency(2), blocked("blocked", let))
	w.request(1, "blocked", "[]")
	w.request(1, "blocked", "[]")
	w.expect(`{"id":null,"error":{"code":-32600,"message":{"$contains":"in use"}}}`)
	close(let)
	w.expect(`{"id":1,"result":"let go"}`)
}

func TestDescriptorsZeroAndOneAreOutOfReach(t *testing.T) {
	Bounded(t)
	w, _ := startWorker(t)
	w.request(1, "meddle", "[]")
	w.expect(`{"id":1,"result":"stdin is empty"}`)
	w.request(2, "add", "[1,2]")
	w.expect(`{"id":2,"result":3}`)
}

func TestOneByteAtATime(t *testing.T) {
	Bounded(t)
	in := strings.NewReader(strings.Repeat(`{"jsonrpc":"2.0","id":1,"method":"add","params":[1,2]}`+"\r\n", 3))
	got := answers(t, iotest.OneByteReader(in), vectorFunctions()...)
	if len(got) != 3 || got[0] != `{"jsonrpc":"2.0","id":1,"result":3}` {
		t.Error(got)
	}
}

func TestAHostThatStopsReadingEndsTheCalls(t *testing.T) {
	Bounded(t)
	fromHost, toWorker := io.Pipe()
	fromWorker, toHost := io.Pipe()
	done := make(chan error, 1)
	closed := make(chan struct{})
	go func() {
		done <- NewWorker(Source("endless", func(ctx context.Context, _ None, emit func(int) error) error {
			defer close(closed)
			for emit(1) == nil {
			}
			return nil
		})).Serve(context.Background(), fromHost, toHost)
	}()
	fmt.Fprintln(toWorker, `{"jsonrpc":"2.0","id":1,"method":"endless","weir":{"credit":2147483647}}`)
	if _, err := bufio.NewReader(fromWorker).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	fromWorker.Close()
	<-closed
	toWorker.Close()
	if err := <-done; err == nil {
		t.Error("Serve has not noticed")
	}
}

func TestAnEmitThatFailsIsNotPassedOver(t *testing.T) {
	Bounded(t)
	w := serveWire(t, Source("bad", func(_ context.Context, _ None, emit func(any) error) error {
		_ = emit(func() {})
		return nil
	}))
	w.say(`{"jsonrpc":"2.0","id":1,"method":"bad","weir":{"credit":5}}`)
	w.expect(`{"id":1,"error":{"code":-33003}}`)
}

func TestABrokenInputIsNotPassedOver(t *testing.T) {
	Bounded(t)
	w := serveWire(t,
		Sink("careless", func(_ context.Context, _ None, in *Values[int]) (int, error) {
			n := 0
			for in.Next() {
				n++
			}
			return n, nil
		}),
		Sink("careful", func(_ context.Context, _ None, in *Values[int]) (string, error) {
			for in.Next() {
			}
			return "it broke: " + in.Err().Error(), nil
		}))
	for _, c := range []struct{ id, method, end, want string }{
		{"1", "careless", `{"code":1234,"message":"x"}`, `{"id":1,"error":{"code":1234,"message":"x"}}`},
		{"2", "careless", `{"code":-33004,"message":"x"}`, `{"id":2,"error":{"code":1000}}`},
		{"3", "careful", `{"code":1000,"message":"x"}`, `{"id":3,"result":"it broke: x"}`},
	} {
		w.say(`{"jsonrpc":"2.0","id":` + c.id + `,"method":"` + c.method + `","weir":{"stream":"in"}}`)
		w.say(`{"jsonrpc":"2.0","method":"weir/end","params":{"id":` + c.id + `,"error":` + c.end + `}}`)
		w.expect(c.want)
	}
	w.say(`{"jsonrpc":"2.0","id":4,"method":"careless","weir":{"stream":"in"}}`)
	w.step("credit", []byte(`{"id":4,"at_least":1}`))
	w.say(`{"jsonrpc":"2.0","method":"weir/chunk","params":{"id":4,"value":"no number"}}`)
	w.expect(`{"id":4,"error":{"code":-32602,"message":{"$contains":"wants int"}}}`)
}

func TestAGoroutineThatOutlivesItsCallSendsNothing(t *testing.T) {
	Bounded(t)
	late := make(chan error)
	w := serveWire(t, Source("leaky", func(_ context.Context, n int, emit func(int) error) error {
		go func() {
			var err error
			for err == nil {
				err = emit(n)
			}
			late <- err
		}()
		return nil
	}))
	w.say(`{"jsonrpc":"2.0","id":1,"method":"leaky","params":[7],"weir":{"credit":2147483647}}`)
	if err := <-late; err == nil {
		t.Error("it was sent")
	}
	for {
		line, _ := w.next(nil)
		if strings.Contains(string(line), `"result"`) {
			break
		}
	}
	w.say("what")
	w.expect(`{"id":null}`)
}

func TestParameters(t *testing.T) {
	Bounded(t)
	type base struct {
		Verbose bool `json:"verbose,omitempty"`
	}
	type params struct {
		base
		MaxItems int
		URLPath  *string
		Hidden   int       `json:"-"`
		When     time.Time `json:"at,omitempty"`
	}
	show := Func("show", func(_ context.Context, p params) (string, error) {
		path := "none"
		if p.URLPath != nil {
			path = *p.URLPath
		}
		return fmt.Sprintln(p.Verbose, p.MaxItems, path, p.When.Year()), nil
	})
	anything := Func("named", func(_ context.Context, p map[string]int) (int, error) { return p["x"] + len(p), nil })
	raw := Func("raw", func(_ context.Context, p json.RawMessage) (int, error) { return len(p), nil })
	list := Func("list", func(_ context.Context, p []int) (int, error) { return len(p), nil })
	const head = `{"jsonrpc":"2.0","id":1,"method":`
	for line, want := range map[string]string{
		`"show","params":{"maxItems":3}}`:                               `"result":"false 3 none 1\n"}`,
		`"show","params":{"MAXITEMS":3,"urlPath":"/x","verbose":true}}`: `"result":"true 3 /x 1\n"}`,
		`"show","params":[true,3,null,"2020-01-01T00:00:00Z"]}`:         `"result":"true 3 none 2020\n"}`,
		`"show","params":[true,3,null,"yesterday"]}`:                    `argument \"at\"`,
		`"show","params":[true]}`:                                       `argument \"maxItems\" is missing`,
		`"show","params":{"maxItems":9223372036854775808}}`:             `argument \"maxItems\": wants int, got number 9223372036854775808`,
		`"show","params":{"maxItems":3,"Hidden":1}}`:                    `there is no argument \"Hidden\"`,
		`"named","params":{"x":40,"y":1}}`:                              `"result":42}`,
		`"named"}`:                                                      `"result":0}`,
		`"named","params":{"x":"4"}}`:                                   `wants int, got string`,
		`"named","params":[1]}`:                                         `-32602`,
		`"raw","params":[1,  2.00]}`:                                    `"result":10}`,
		`"raw"}`:                                                        `"result":0}`,
		`"list","params":[[1,2,3]]}`:                                    `"result":3}`,
		`"list","params":[1,2,3]}`:                                      `argument \"value\": wants []int, got number`,
	} {
		got := answers(t, strings.NewReader(head+line), show, anything, raw, list)
		if len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%s\ngot    %s\nwanted %s", line, got, want)
		}
	}
}

func TestNamesOfParameters(t *testing.T) {
	Bounded(t)
	for field, want := range map[string]string{
		"A": "a", "MaxItems": "maxItems", "URLPath": "urlPath", "SHA1": "sha1", "ID": "id", "X2": "x2", "Été": "été",
	} {
		if got := paramName(field); got != want {
			t.Errorf("%s: %s", field, got)
		}
	}
}

func TestServeLeavesNoGoroutine(t *testing.T) {
	Bounded(t)
	before := runtime.NumGoroutine()
	for i := 0; i < 10; i++ {
		answers(t, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"endless","weir":{"credit":5}}
{"jsonrpc":"2.0","id":2,"method":"sum","weir":{"stream":"in"}}
{"jsonrpc":"2.0","id":3,"method":"sleep","params":[2]}`), vectorFunctions()...)
	}
	waitUntil(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestErrorsOfAFunction(t *testing.T) {
	Bounded(t)
	own := Errorf(1234, "own")
	for _, c := range []struct {
		err  error
		code int
		text string
	}{
		{own, 1234, "own"},
		{fmt.Errorf("wrapped: %w", own), 1234, "wrapped: own (code 1234)"},
		{os.ErrNotExist, 1000, "file does not exist"},
		{Errorf(CodeOutcomeUnknown, "another's"), 1000, "another's (code -33006)"},
		{fault(CodeParams, "a: bad"), CodeParams, "a: bad"},
		{wireError{fault(CodeNotEncodable, "x")}, CodeNotEncodable, "x"},
	} {
		if got := fromFunction(c.err); got.Code != c.code || got.Message != c.text {
			t.Errorf("%v: %d %s", c.err, got.Code, got.Message)
		}
	}
	chain := fromFunction(fmt.Errorf("open: %w", os.ErrNotExist))
	if !strings.Contains(chain.Traceback(), "\n") || chain.Type() != "*fmt.wrapError" {
		t.Errorf("%q %q", chain.Type(), chain.Traceback())
	}
	if !errors.Is(ErrCancelled, context.Canceled) || !errors.Is(ErrDeadline, context.DeadlineExceeded) ||
		errors.Is(ErrCancelled, ErrDeadline) {
		t.Error("errors.Is")
	}
}

func TestManyCallsFromManyWriters(t *testing.T) {
	Bounded(t)
	// Short and long functions, batches and streams at once, until the input ends.
	const writers, each = 8, 200
	fromHost, toWorker := io.Pipe()
	var out lockedBuffer
	done := make(chan error, 1)
	go func() { done <- NewWorker(vectorFunctions()...).Serve(context.Background(), fromHost, &out) }()
	var all sync.WaitGroup
	for n := 0; n < writers; n++ {
		all.Add(1)
		go func(n int) {
			defer all.Done()
			random := rand.New(rand.NewSource(int64(n)))
			for i := 0; i < each; i++ {
				id := n*each + i + 1
				line := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"add","params":[1,%d]}`, id, id)
				switch random.Intn(4) {
				case 0:
					line = fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"sleep","params":[%d]}`, id, random.Intn(3))
				case 1:
					line = "[" + line + "]"
				case 2:
					line = fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"count","params":[1,9],"weir":{"credit":8}}`, id)
				}
				fmt.Fprintln(toWorker, line)
			}
		}(n)
	}
	all.Wait()
	toWorker.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	ended := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(out.text()), "\n") {
		value := parse(t, []byte(line))
		if list, ok := value.([]any); ok {
			value = list[0]
		}
		if m := value.(map[string]any); m["result"] != nil || m["method"] == nil {
			ended[fmt.Sprint(m["id"])]++
		}
	}
	for id := 1; id <= writers*each; id++ {
		if ended[fmt.Sprint(id)] != 1 {
			t.Errorf("call %d ended %d times", id, ended[fmt.Sprint(id)])
		}
	}
}

type lockedBuffer struct {
	mutex sync.Mutex
	bytes []byte
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

func (b *lockedBuffer) text() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return string(b.bytes)
}
