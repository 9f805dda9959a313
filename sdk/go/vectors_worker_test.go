package weir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The test program is also the worker that the vectors speak to: run with this in
// its environment.
const asWorker = "WEIR_TEST_WORKER"

// TestRoles are other programs that the test program is, with these variables in its environment.
var TestRoles = map[string]func(){}

func TestMain(m *testing.M) {
	if os.Getenv(asWorker) != "" {
		Main(vectorFunctions()...)
	}
	for name, role := range TestRoles {
		if os.Getenv(name) != "" {
			role()
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// meddle writes on descriptor 1 and reads from 0, by itself and in a child.
func meddle(context.Context, None) (string, error) {
	if _, err := os.NewFile(1, "1").WriteString("forged\n"); err != nil {
		return "", err
	}
	child := exec.Command("/bin/sh", "-c", "echo forged; cat")
	child.Stdin, child.Stdout = os.Stdin, os.Stdout
	if err := child.Run(); err != nil {
		return "", err
	}
	rest, err := io.ReadAll(os.NewFile(0, "0"))
	if len(rest) == 0 {
		return "stdin is empty", err
	}
	return string(rest), err
}

// vectorFunctions are those of the README of the vectors.
func vectorFunctions() []Option {
	type fail struct {
		Message string
		Code    int `json:"code,omitempty"`
	}
	type note struct {
		Message string
		Level   *Level
	}
	return []Option{
		Name("vectors"),
		Concurrency(8),
		Func("add", func(ctx context.Context, p struct{ A, B int }) (int, error) { return p.A + p.B, nil }),
		Func("echo", func(ctx context.Context, p struct{ Value json.RawMessage }) (json.RawMessage, error) {
			return p.Value, nil
		}),
		Func("fail", func(ctx context.Context, p fail) (any, error) {
			if p.Code != 0 {
				return nil, Errorf(p.Code, "%s", p.Message)
			}
			return nil, errors.New(p.Message)
		}),
		Func("sleep", func(ctx context.Context, p struct{ Ms int }) (string, error) {
			return "slept", sleep(ctx, time.Duration(p.Ms)*time.Millisecond)
		}).Idempotent(),
		Func("nan", func(context.Context, None) (float64, error) { return math.NaN(), nil }),
		Func("big", func(ctx context.Context, p struct{ Bytes int }) (string, error) {
			return strings.Repeat("x", p.Bytes), nil
		}),
		Func("note", func(ctx context.Context, p note) (any, error) {
			level := Info
			if p.Level != nil {
				level = *p.Level
			}
			Log(ctx, level, "%s", p.Message)
			return nil, nil
		}),
		Func("say", func(ctx context.Context, p struct{ Text string }) (any, error) {
			_, err := fmt.Println(p.Text)
			return nil, err
		}),
		Func("about", about),
		Func("meddle", meddle),
		Source("count", func(ctx context.Context, p struct{ Start, Stop int }, emit func(int) error) error {
			for i := p.Start; i < p.Stop; i++ {
				if err := emit(i); err != nil {
					return err
				}
			}
			return nil
		}),
		Source("endless", func(ctx context.Context, p None, emit func(int) error) error {
			for i := 0; ; i++ {
				if err := emit(i); err != nil {
					Log(ctx, Info, "closed")
					return err
				}
			}
		}),
		Source("breaks", func(ctx context.Context, p struct{ After int }, emit func(int) error) error {
			for i := 0; i < p.After; i++ {
				if err := emit(i); err != nil {
					return err
				}
			}
			panic("broken")
		}),
		Sink("sum", func(ctx context.Context, p None, in *Values[int]) (sum int, err error) {
			for in.Next() {
				sum += in.Value()
			}
			return sum, in.Err()
		}).Input("numbers"),
		Sink("first", func(ctx context.Context, p struct{ N int }, in *Values[json.RawMessage]) ([]json.RawMessage, error) {
			values := []json.RawMessage{}
			for len(values) < p.N && in.Next() {
				values = append(values, in.Value())
			}
			return values, in.Err()
		}).Input("values"),
		Sink("stall", func(ctx context.Context, p None, in *Values[any]) (any, error) {
			in.Next()
			Log(ctx, Info, "stalled")
			return nil, sleep(ctx, time.Minute)
		}).Input("values"),
		Duplex("running", func(ctx context.Context, p None, in *Values[int], emit func(int) error) error {
			sum := 0
			for in.Next() {
				sum += in.Value()
				if err := emit(sum); err != nil {
					return err
				}
			}
			return in.Err()
		}).Input("numbers"),
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type aboutCall struct {
	Deadline    bool    `json:"deadline"`
	RemainingMS *int64  `json:"remaining_ms"`
	Traceparent *string `json:"traceparent"`
	Tracestate  *string `json:"tracestate"`
}

func about(ctx context.Context, _ None) (a aboutCall, err error) {
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline).Milliseconds()
		a.Deadline, a.RemainingMS = true, &left
	}
	if parent, state := Trace(ctx); parent != "" {
		a.Traceparent, a.Tracestate = &parent, &state
	}
	return a, nil
}

// startWorker runs this program as a worker.
func startWorker(t *testing.T) (*wire, *exec.Cmd) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), asWorker+"=1")
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	w := newWire(t, in, out)
	t.Cleanup(func() {
		in.Close()
		_ = command.Process.Kill()
		for range w.lines { // until the reader has seen the end
		}
		_ = command.Wait()
	})
	return w, command
}

func TestVectorsOfTheWorker(t *testing.T) {
	vectors(t, "worker", func(t *testing.T, v *vectorCase) {
		w, command := startWorker(t)
		if v.saysHello() {
			w.step("in", []byte(`{"id":"hello","method":"weir/hello","params":{"version":1}}`))
			w.step("out", []byte(`{"id":"hello","result":{"version":1}}`))
		}
		for _, step := range v.Steps {
			for name, arg := range step {
				switch {
				case name == "in_beyond_credit":
					beyondCredit(w, arg)
				case !w.step(name, arg):
					t.Fatalf("no such step: %s", name)
				case name == "out_end":
					if err := command.Wait(); err != nil {
						t.Fatalf("the worker: %v", err)
					}
				}
			}
		}
	})
}

// beyondCredit sends as many chunks as were granted and not used, and one more.
func beyondCredit(w *wire, arg json.RawMessage) {
	params := parse(w.t, arg).(map[string]any)
	id := fmt.Sprintf("%#v", params["id"])
	line := w.message(json.RawMessage(`{"method":"weir/chunk","params":` + string(arg) + `}`))
	for n := w.granted[id] - w.sent[id] + 1; n >= 0; n-- {
		w.write(line)
	}
}
