package weir

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestFunctionsOfAPythonWorker calls the vectors' functions as Python has them,
// without a server in between.
func TestFunctionsOfAPythonWorker(t *testing.T) {
	Bounded(t)
	python := os.Getenv("PYTHON3")
	if python == "" {
		t.Skip("PYTHON3 names no Python")
	}
	worker := exec.Command(python, "../python/tests/vector_worker.py")
	worker.Env = append(os.Environ(), "PYTHONPATH=../python", "PYTHONDONTWRITEBYTECODE=1")
	worker.Stderr = os.Stderr
	in, err := worker.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := worker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), testPatience)
	defer cancel()
	c, err := NewClient(ctx, pipes{out, in})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		c.Close()
		if err := worker.Wait(); err != nil {
			t.Errorf("the worker: %v", err)
		}
	}()

	if n, err := Call[int](ctx, c, "add", Named{"a": 3, "b": 4}); n != 7 || err != nil {
		t.Error(n, err)
	}
	numbers := make(chan int)
	go func() {
		defer close(numbers)
		for i := 1; i <= 1000; i++ {
			numbers <- i
		}
	}()
	if n, err := Call[int](ctx, c, "sum", Input(numbers)); n != 500500 || err != nil {
		t.Error(n, err)
	}
	sums, err := Stream[int](ctx, c, "running", InputValues(1, 2, 3))
	if err != nil {
		t.Fatal(err)
	}
	var last int
	for n := range sums.Chan() {
		last = n
	}
	if last != 6 || sums.Err() != nil {
		t.Error(last, sums.Err())
	}
	values, err := Stream[int](ctx, c, "endless")
	if err != nil {
		t.Fatal(err)
	}
	for values.Next() && values.Value() < 1000 {
	}
	values.Close()

	_, err = Call[any](ctx, c, "fail", "no luck")
	var failure *Error
	if !errors.As(err, &failure) || !strings.Contains(failure.Traceback(), "Traceback") || failure.Type() == "" {
		t.Errorf("%#v", err)
	}

	// A function that sleeps for a minute is interrupted: it runs one call at a
	// time, so the next answer shows it.
	brief, stop := context.WithTimeout(ctx, 100*time.Millisecond)
	defer stop()
	if _, err := Call[any](brief, c, "sleep", 60000); !errors.Is(err, ErrDeadline) {
		t.Error(err)
	}
	if n, err := Call[int](ctx, c, "add", 1, 2); n != 3 || err != nil {
		t.Error(n, err)
	}
	soon, end := context.WithCancel(ctx)
	time.AfterFunc(50*time.Millisecond, end)
	if _, err := Call[any](soon, c, "sleep", 60000); !errors.Is(err, ErrCancelled) {
		t.Error(err)
	}
	if n, err := Call[int](ctx, c, "add", 1, 2); n != 3 || err != nil {
		t.Error(n, err)
	}
}
