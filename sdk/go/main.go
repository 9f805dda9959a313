package weir

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/signal"
)

// Main is the main function of a worker: it serves the functions on standard input and
// output until the input ends, and exits. It first takes both for itself: afterwards
// standard input is empty, and standard output is redirected to standard error. Do not
// print before.
//
//	func main() {
//		weir.Main(
//			weir.Func("add", add),
//			weir.Source("count", count),
//		)
//	}
func Main(options ...Option) {
	if err := NewWorker(options...).Run(); err != nil {
		fmt.Fprintln(os.Stderr, "weir:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Run is Main for a program that continues afterwards.
func (w *Worker) Run() error {
	in, out, err := takeStandard()
	if err != nil {
		return err
	}
	defer in.Close()
	defer out.Close()
	s := newServer(context.Background(), w, in, out)
	stop := s.interruptOn(os.Interrupt)
	defer stop()
	return s.serve()
}

// interruptOn cancels what runs when a signal comes. The program does not end: the
// next call may be there already.
func (s *server) interruptOn(which os.Signal) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, which)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-signals:
				s.interruptRunning()
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// Level is the severity of a log line.
type Level string

const (
	Debug   Level = "debug"
	Info    Level = "info"
	Warning Level = "warning"
	Problem Level = "error"
)

// Log sends a line to the host's log, with the call that ctx belongs to. Outside of
// a call it is printed on standard error.
func Log(ctx context.Context, level Level, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c := callOf(ctx)
	if c == nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", level, text)
		return
	}
	if len(text) > maxLogBytes {
		text = text[:maxLogBytes] + "..."
	}
	_ = c.server.out.send(func(to []byte) []byte {
		to = append(to, `{"jsonrpc":"2.0","method":"weir/log","params":{"level":`...)
		to = appendString(to, string(level))
		to = append(to, `,"message":`...)
		to = appendString(to, text)
		if !c.answered {
			to = append(to, `,"id":`...)
			to = append(to, c.id...)
		}
		return append(to, "}}\n"...)
	})
}

const maxLogBytes = 1 << 20

// Progress tells the host how far the call is that ctx belongs to: done of total (0:
// not known), and what it is doing. Done grows from one report to the next. Outside
// of a call, and after it, nothing happens, nor with a number that is not finite.
func Progress(ctx context.Context, done, total float64, message string) {
	c := callOf(ctx)
	if c == nil || math.IsNaN(done-done) || math.IsNaN(total-total) {
		return
	}
	if len(message) > maxLogBytes {
		message = message[:maxLogBytes] + "..."
	}
	_ = c.server.out.send(func(to []byte) []byte {
		if c.answered {
			return to
		}
		to = appendNotice(to, "weir/progress", c.id)
		to = append(to, `,"progress":`...)
		to, _ = appendValue(to, done)
		if total != 0 {
			to = append(to, `,"total":`...)
			to, _ = appendValue(to, total)
		}
		if message != "" {
			to = append(to, `,"message":`...)
			to = appendString(to, message)
		}
		return append(to, "}}\n"...)
	})
}

// Trace returns the W3C Trace Context of the call that ctx belongs to, or of
// WithTrace; "" if there is none.
func Trace(ctx context.Context) (traceparent, tracestate string) {
	if t, ok := ctx.Value(traceKey{}).(trace); ok {
		return t.parent, t.state
	}
	if c := callOf(ctx); c != nil {
		return c.traceparent, c.tracestate
	}
	return "", ""
}

type traceKey struct{}

type trace struct {
	parent, state string
}

// WithTrace returns a context whose calls carry a trace context. Calls that a worker's
// function makes with its own context carry the one that it was called with.
func WithTrace(ctx context.Context, traceparent, tracestate string) context.Context {
	return context.WithValue(ctx, traceKey{}, trace{traceparent, tracestate})
}

// takeStandard gives the standard input and output to the worker alone.
func takeStandard() (in, out *os.File, err error) {
	if in, err = takeInput(); err != nil {
		return nil, nil, err
	}
	if out, err = takeOutput(); err != nil {
		in.Close()
		return nil, nil, err
	}
	os.Stdout = os.Stderr
	return in, out, nil
}
