package weir

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"
)

// hostCall is a call of a host's vector, under way.
type hostCall struct {
	cancel context.CancelFunc
	feed   chan func() (json.RawMessage, error) // what the input stream gives next
	values chan json.RawMessage                 // of its output stream
	over   chan struct{}                        // then:
	result json.RawMessage
	err    error
}

// host is the client under test, with the calls of its case.
type host struct {
	*wire
	started chan struct{} // closed when NewClient has returned; then:
	client  *Client
	err     error
	calls   map[string]*hostCall
}

// pipes are the two directions of a connection.
type pipes struct {
	io.ReadCloser
	io.WriteCloser
}

func (p pipes) Close() error {
	p.ReadCloser.Close()
	return p.WriteCloser.Close()
}

func startHost(t *testing.T) *host {
	fromHost, out := io.Pipe()
	in, toHost := io.Pipe()
	h := &host{wire: newWire(t, toHost, fromHost), started: make(chan struct{}), calls: map[string]*hostCall{}}
	go func() {
		defer close(h.started)
		h.client, h.err = NewClient(context.Background(), pipes{in, out})
	}()
	t.Cleanup(func() {
		for _, call := range h.calls {
			call.cancel()
		}
		toHost.Close()
		<-h.started
		if h.err == nil {
			h.client.Close()
		}
		for range h.lines { // until it has closed its end
		}
	})
	return h
}

// hello answers the hello, as a worker with the functions of the vectors.
func (h *host) hello() {
	h.step("out", []byte(`{"id":{"$id":"hello"},"method":"weir/hello","params":{"version":1}}`))
	methods := map[string]any{}
	for _, f := range NewWorker(vectorFunctions()...).order {
		methods[f.name] = map[string]string{"stream": f.describe().Stream}
	}
	text, err := json.Marshal(map[string]any{
		"id":     map[string]string{"$id": "hello"},
		"result": map[string]any{"version": 1, "name": "vectors", "concurrency": 8, "pid": 1, "methods": methods},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.step("in", text)
	<-h.started
	if h.err != nil {
		h.t.Fatal(h.err)
	}
}

func TestVectorsOfTheHost(t *testing.T) {
	vectors(t, "host", func(t *testing.T, v *vectorCase) {
		h := startHost(t)
		if v.saysHello() {
			h.hello()
		}
		for _, step := range v.Steps {
			for name, arg := range step {
				if !h.step(name, arg) {
					h.hostStep(name, arg)
				}
			}
		}
	})
}

func (h *host) hostStep(name string, raw json.RawMessage) {
	h.t.Helper()
	var arg struct {
		Call    json.RawMessage
		Value   json.RawMessage
		Error   json.RawMessage
		Result  json.RawMessage
		Unknown bool
	}
	var called string
	if json.Unmarshal(raw, &called) != nil && json.Unmarshal(raw, &arg) == nil && arg.Call != nil {
		called = h.text(arg.Call)
	}
	call := h.calls[called]
	switch name {
	case "call":
		h.call(raw)
	case "feed":
		call.feed <- func() (json.RawMessage, error) { return arg.Value, nil }
	case "finish":
		close(call.feed)
	case "fail_input":
		failure := parseError(arg.Error)
		call.feed <- func() (json.RawMessage, error) { return nil, failure }
	case "take":
		if value := <-call.values; !h.matches(parse(h.t, arg.Value), parse(h.t, value)) {
			h.t.Fatalf("took %s, wanted %s", value, arg.Value)
		}
	case "cancel":
		call.cancel()
	case "outcome":
		h.outcome(call, arg.Result, arg.Error, arg.Unknown)
	case "state":
		h.state(raw)
	case "started":
		<-h.started
		if (string(raw) == "true") != (h.err == nil) {
			h.t.Fatalf("started: %v, wanted %s", h.err, raw)
		}
	default:
		h.t.Fatalf("no such step: %s", name)
	}
}

func (h *host) call(raw json.RawMessage) {
	var arg struct {
		Name, Method string
		Params       json.RawMessage
		DeadlineMS   int `json:"deadline_ms"`
		Input        bool
	}
	if err := json.Unmarshal(raw, &arg); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if arg.DeadlineMS > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(arg.DeadlineMS)*time.Millisecond)
	}
	call := &hostCall{
		cancel: cancel,
		feed:   make(chan func() (json.RawMessage, error), 64),
		values: make(chan json.RawMessage, 64),
		over:   make(chan struct{}),
	}
	h.calls[arg.Name] = call
	var args []any
	if arg.Params != nil {
		args = append(args, Params(arg.Params))
	}
	if arg.Input {
		args = append(args, InputFunc(call.next))
	}
	<-h.started
	c := h.client
	before := c.sent()
	atOnce := len(c.plain) == 0
	go func() {
		defer close(call.over)
		stream := h.client.Methods()[arg.Method].Stream
		if stream == "out" || stream == "both" {
			call.stream(ctx, h.client, arg.Method, args)
			return
		}
		call.result, call.err = Call[json.RawMessage](ctx, h.client, arg.Method, args...)
	}()
	if atOnce { // calls are sent in the order of their steps
		waitUntil(h.t, "the call is sent", func() bool { return c.sent() > before || isClosed(call.over) })
	}
}

// sent is how many calls have been sent.
func (c *Client) sent() int64 {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.last
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func (c *hostCall) next(ctx context.Context) (json.RawMessage, error) {
	select {
	case give, more := <-c.feed:
		if !more {
			return nil, io.EOF
		}
		return give()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *hostCall) stream(ctx context.Context, client *Client, method string, args []any) {
	values, err := Stream[json.RawMessage](ctx, client, method, args...)
	if err != nil {
		c.err = err
		return
	}
	defer values.Close()
	for values.Next() {
		c.values <- values.Value()
	}
	c.result, c.err = json.RawMessage("null"), values.Err()
}

func (h *host) outcome(call *hostCall, result, failure json.RawMessage, unknown bool) {
	h.t.Helper()
	select {
	case <-call.over:
	case <-time.After(testPatience):
		h.t.Fatal("the call does not end")
	}
	var got *Error
	switch {
	case unknown:
		if !errors.Is(call.err, ErrOutcomeUnknown) {
			h.t.Fatalf("%v, wanted an unknown outcome", call.err)
		}
	case failure != nil:
		if !errors.As(call.err, &got) {
			h.t.Fatalf("%s, %v, wanted %s", call.result, call.err, failure)
		}
		text, err := json.Marshal(got)
		if err != nil || !h.matches(parse(h.t, failure), parse(h.t, text)) {
			h.t.Fatalf("%s, wanted %s", text, failure)
		}
	default:
		text := call.result
		if text == nil {
			text = json.RawMessage("null")
		}
		if call.err != nil || !h.matches(parse(h.t, result), parse(h.t, text)) {
			h.t.Fatalf("%s, %v, wanted %s", call.result, call.err, result)
		}
	}
}

// state waits until the client has counted what is wanted.
func (h *host) state(raw json.RawMessage) {
	h.t.Helper()
	var want struct {
		Noise, Late   *int64
		Broken, Plain *bool
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		h.t.Fatal(err)
	}
	<-h.started
	c := h.client
	waitUntil(h.t, string(raw), func() bool {
		c.mutex.Lock()
		broken := c.lost != nil
		c.mutex.Unlock()
		return (want.Noise == nil || c.noise.Load() == *want.Noise) &&
			(want.Late == nil || c.late.Load() == *want.Late) &&
			(want.Broken == nil || broken == *want.Broken) &&
			(want.Plain == nil || *want.Plain == (c.plain != nil))
	})
}

// waitUntil looks again and again, for what tells no event.
func waitUntil(t *testing.T, what string, is func() bool) {
	t.Helper()
	for late := time.Now().Add(testPatience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
