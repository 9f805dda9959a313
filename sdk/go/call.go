package weir

import (
	"context"
	"errors"
	"runtime/debug"
	"strconv"
	"time"
)

// call is one call that a worker has, and the context of its function.
//
//	queued --turn--> running --returns, panics--> over
//	   |                ^ cancelled, deadline: its context is done, and it still returns
//	   +--cancelled, deadline--> over
type call struct {
	context.Context
	cancel context.CancelFunc
	server *server
	fn     *Function
	id     []byte // as it came
	key    string
	batch  *batchReply // nil: the answer is a line of its own
	invoke invocation
	terms
	ends time.Time // the deadline; zero: none
	in   *inbox    // nil: no input stream
	out  *sender   // nil: no output stream

	// Under server.mutex:
	state   callState
	stopped *Error      // why it is to stop
	timer   *time.Timer // the deadline of a call that is queued

	// Under server.out.mutex:
	answered bool
	unsent   error // an emit that failed: the call fails with it
}

type callState int

const (
	queued callState = iota
	running
	over
)

// terms is the member weir of a request.
type terms struct {
	hasDeadline             bool
	deadlineMS              int64
	traceparent, tracestate string
	credit                  int64
	input                   bool
}

// parseTerms returns false for a member with an invalid value.
func parseTerms(raw []byte) (t terms, ok bool) {
	ok = true
	members(raw, func(key string, value []byte) {
		good := true
		switch key {
		case "deadline_ms":
			t.deadlineMS, good = integer(value)
			good = good && t.deadlineMS >= 0
			t.hasDeadline = true
		case "credit":
			t.credit, good = integer(value)
			good = good && t.credit >= 0
		case "traceparent":
			good = value[0] == '"'
			t.traceparent = unquote(value)
		case "tracestate":
			good = value[0] == '"'
			t.tracestate = unquote(value)
		case "stream":
			good = unquote(value) == "in"
			t.input = true
		}
		ok = ok && good
	})
	return t, ok
}

type callKey struct{}

// Value finds the call itself, for Log and Trace.
func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// begin makes the context. The longest deadline that time.Duration can say is 292 years.
func (c *call) begin(parent context.Context) {
	if c.hasDeadline {
		const longest = int64(1<<63-1) / int64(time.Millisecond)
		if c.deadlineMS > longest/2 {
			c.deadlineMS = longest / 2
		}
		c.ends = time.Now().Add(time.Duration(c.deadlineMS) * time.Millisecond)
		c.Context, c.cancel = context.WithDeadline(parent, c.ends)
		return
	}
	c.Context, c.cancel = context.WithCancel(parent)
}

// do runs the function. Whatever it does, it is an error of this call.
func (c *call) do(invoke invocation, to []byte) (result []byte, err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		// nil: panic(nil); or runtime.Goexit, and then run sees to it.
		result, err = to, fromPanic(recover())
	}()
	result, err = invoke(c, to)
	if err != nil {
		err = c.explain(err) // the error's own methods may panic, too
	}
	returned = true
	return result, err
}

// errGone is what a function that ended its goroutine is answered with, and panic(nil).
func errGone() *Error {
	return raise("runtime.Goexit", "the function ended its goroutine", string(debug.Stack()))
}

// explain makes what a function returned an error for the wire.
func (c *call) explain(err error) error {
	c.server.out.mutex.Lock()
	unsent := c.unsent
	c.server.out.mutex.Unlock()
	switch {
	case c.Err() == context.DeadlineExceeded:
		return wireError{fault(CodeDeadline, "the deadline is over")}
	case c.Err() != nil:
		return wireError{ErrCancelled}
	case unsent != nil && errors.Is(err, unsent):
		return unsent
	}
	return wireError{fromFunction(err)}
}

// lost is the first value that emit could not send: a function that passes over
// it fails all the same.
func (c *call) lost() error {
	c.server.out.mutex.Lock()
	defer c.server.out.mutex.Unlock()
	return c.unsent
}

// emit sends one value of the output stream.
func (c *call) emit(value any) error {
	err := c.out.take(c)
	if err == nil {
		err = c.sendChunk(value)
	}
	if err != nil {
		c.server.out.mutex.Lock()
		if c.unsent == nil {
			c.unsent = err
		}
		c.server.out.mutex.Unlock()
	}
	return err
}

func (c *call) sendChunk(value any) error {
	const envelope = 96
	text, err := appendValue(nil, value)
	if err != nil {
		return err
	}
	if len(text)+len(c.id)+envelope > maxLine {
		return wireError{fault(CodeTooLong, "a value of %d bytes would make a line longer than 64 MiB", len(text))}
	}
	return c.server.out.send(func(to []byte) []byte {
		if c.answered {
			return to // a goroutine of the function has outlived it
		}
		to = appendNotice(to, "weir/chunk", c.id)
		to = append(to, `,"value":`...)
		to = append(to, text...)
		return append(to, "}}\n"...)
	})
}

// grant tells the host that n more values may come.
func (c *call) grant(n int) {
	_ = c.server.out.send(func(to []byte) []byte {
		if c.answered {
			return to
		}
		to = appendNotice(to, "weir/credit", c.id)
		to = append(to, `,"n":`...)
		to = strconv.AppendInt(to, int64(n), 10)
		return append(to, "}}\n"...)
	})
}

// appendNotice begins a notification that names a call.
func appendNotice(to []byte, method string, id []byte) []byte {
	to = append(to, `{"jsonrpc":"2.0","method":"`...)
	to = append(to, method...)
	to = append(to, `","params":{"id":`...)
	return append(to, id...)
}

func appendResult(to, id, result []byte) []byte {
	to = append(to, `{"jsonrpc":"2.0","id":`...)
	to = append(to, id...)
	to = append(to, `,"result":`...)
	to = append(to, result...)
	return append(to, '}')
}

func appendFailure(to, id []byte, err *Error) []byte {
	to = append(to, `{"jsonrpc":"2.0","id":`...)
	to = append(to, id...)
	to = append(to, `,"error":`...)
	to = appendError(to, err)
	return append(to, '}')
}

func appendError(to []byte, err *Error) []byte {
	whole, failed := appendValue(to, err)
	if failed != nil { // the function's own data is not JSON
		whole, _ = appendValue(to, err.withoutData(failed))
	}
	return whole
}
