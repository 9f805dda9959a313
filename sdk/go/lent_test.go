//go:build unix

package weir_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"weir.dev/weir"
)

// What else a pool's worker may be.
const (
	lentWorker  = "WEIR_LENT_WORKER"
	plainWorker = "WEIR_PLAIN_WORKER"
)

func init() {
	weir.TestRoles[lentWorker] = serveLent
	weir.TestRoles[plainWorker] = servePlain
}

func serveLent() {
	begin := func(path string) { _ = os.WriteFile(path, []byte("begun"), 0o600) }
	weir.Main(
		weir.Func("pid", func(context.Context, weir.None) (int, error) { return os.Getpid(), nil }),
		weir.Func("stubborn", func(_ context.Context, p struct{ Begun string }) (int, error) {
			signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
			begin(p.Begun)
			select {}
		}),
		weir.Func("patient", func(ctx context.Context, p struct{ Begun string }) (int, error) {
			begin(p.Begun)
			<-ctx.Done()
			return 0, ctx.Err()
		}),
		// Ends the worker the first n times.
		weir.Func("fragile", func(_ context.Context, p struct {
			Path string
			N    int
		}) (int, error) {
			tries, _ := os.ReadFile(p.Path)
			if len(tries) < p.N {
				_ = os.WriteFile(p.Path, append(tries, '.'), 0o600)
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
			return len(tries), nil
		}).Idempotent(),
		weir.Func("babble", func(context.Context, weir.None) (int, error) {
			_, err := syscall.Write(outputOfWorker(), []byte("{\"no\": \"message\"}\n"))
			return 0, err
		}),
		weir.Func("mutter", func(context.Context, weir.None) (int, error) {
			_, err := syscall.Write(outputOfWorker(), []byte("loading the model\n"))
			return 0, err
		}),
		weir.Func("hushUp", func(context.Context, weir.None) (int, error) {
			_ = syscall.Close(outputOfWorker())
			select {}
		}),
		weir.Sink("total", func(_ context.Context, _ weir.None, numbers *weir.Values[int]) (int, error) {
			total := 0
			for numbers.Next() {
				total += numbers.Value()
			}
			return total, numbers.Err()
		}).Input("numbers"),
	)
}

// outputOfWorker finds the descriptor that messages are written to: weir.Main moves it.
func outputOfWorker() int {
	var at syscall.Stat_t
	found := -1
	for fd := 3; fd < 64; fd++ {
		if syscall.Fstat(fd, &at) != nil || at.Mode&syscall.S_IFMT != syscall.S_IFIFO {
			continue
		}
		if flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0); errno == 0 && flags&syscall.O_ACCMODE == syscall.O_WRONLY {
			found = fd
		}
	}
	return found
}

// servePlain speaks JSON-RPC, and nothing of weir's.
func servePlain() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var request struct {
			ID     json.RawMessage
			Method string
		}
		_ = json.Unmarshal(lines.Bytes(), &request)
		if strings.HasPrefix(request.Method, "weir/") {
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"unknown"}}`+"\n", request.ID)
		} else {
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":"plain"}`+"\n", request.ID)
		}
	}
	os.Exit(0)
}

func newLentPool(t *testing.T, options ...weir.PoolOption) *weir.Pool {
	t.Helper()
	return newPool(t, append([]weir.PoolOption{weir.Env(poolWorker+"=", lentWorker+"=1"), weir.Stderr(nil)}, options...)...)
}

func TestPoolsLendWorkersUnlessTheyCannot(t *testing.T) {
	weir.Bounded(t)
	if !weir.Lends(newPool(t)) || weir.Lends(newPool(t, weir.WithoutLending())) {
		t.Fatal("lending is not what it should be")
	}
	plain := newPool(t, weir.Env(poolWorker+"=", plainWorker+"=1"))
	for i := 0; i < 3; i++ {
		if said, err := weir.Invoke[string](context.Background(), plain, "any"); said != "plain" || err != nil {
			t.Fatal(said, err)
		}
	}
	if weir.Lends(plain) {
		t.Fatal("a worker that speaks plain JSON-RPC was lent")
	}
}

func TestSeveralKindsOfWorkersShareAPool(t *testing.T) {
	weir.Bounded(t)
	needWeir(t)
	program, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	pool, err := weir.NewPool(context.Background(), weir.Workers(1), weir.Stderr(nil),
		weir.Program("env", poolWorker+"=1", program), weir.Program("sh", "-c", `exec env "$0" "$1" sh -c 'exec "$0"' "$2"`, plainWorker+"=", lentOnly+"=1", program))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for method, want := range map[string]int{"add": 7, "less": -1} {
		if n, err := weir.Invoke[int](context.Background(), pool, method, 3, 4); n != want || err != nil {
			t.Fatal(method, n, err)
		}
	}
	if _, err := weir.Invoke[int](context.Background(), pool, "none"); !errors.Is(err, weir.ErrNoMethod) {
		t.Fatal(err)
	}
	if !weir.Lends(pool) {
		t.Fatal("they are not lent")
	}
}

const lentOnly = "WEIR_LENT_OTHER"

func init() {
	weir.TestRoles[lentOnly] = func() {
		weir.Main(weir.Func("less", func(_ context.Context, p struct{ A, B int }) (int, error) { return p.A - p.B, nil }))
	}
}

func TestADeadlineHoldsInTheQueue(t *testing.T) {
	weir.Bounded(t)
	pool := newLentPool(t, weir.Window(1))
	begun := filepath.Join(t.TempDir(), "begun")
	life, end := context.WithCancel(context.Background())
	defer end()
	first := make(chan error, 1)
	go func() {
		_, err := weir.Invoke[int](life, pool, "patient", begun)
		first <- err
	}()
	awaitFile(t, begun)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := weir.Invoke[int](ctx, pool, "pid"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	stats, err := pool.Stats(context.Background())
	if err != nil || stats.Running != 1 || stats.Queued != 0 || stats.Workers[0].State != "busy" {
		t.Fatal(stats, err)
	}
	end()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := weir.Invoke[int](context.Background(), pool, "pid"); err != nil {
		t.Fatal(err)
	}
}

func TestAFullQueueRefuses(t *testing.T) {
	weir.Bounded(t)
	pool := newLentPool(t, weir.Window(1), weir.MaxQueue(1))
	begun := filepath.Join(t.TempDir(), "begun")
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	start := func(method string, args ...any) {
		all.Add(1)
		go func() {
			defer all.Done()
			_, _ = weir.Invoke[int](ctx, pool, method, args...)
		}()
	}
	start("patient", begun)
	awaitFile(t, begun)
	start("pid")
	awaitThat(t, "a call waits", func() bool { stats, _ := pool.Stats(ctx); return stats.Queued == 1 })
	if _, err := weir.Invoke[int](ctx, pool, "pid"); !errors.Is(err, weir.ErrQueueFull) {
		t.Fatal(err)
	}
}

func TestAFunctionThatIgnoresItsEndCostsItsWorker(t *testing.T) {
	weir.Bounded(t)
	pool := newLentPool(t, weir.Grace(50*time.Millisecond))
	before, _ := weir.Invoke[int](context.Background(), pool, "pid")
	begun := filepath.Join(t.TempDir(), "begun")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, err := weir.Invoke[int](ctx, pool, "stubborn", begun)
		ended <- err
	}()
	awaitFile(t, begun)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	awaitThat(t, "another worker", func() bool {
		after, err := weir.Invoke[int](context.Background(), pool, "pid")
		return err == nil && after != before
	})
	awaitThat(t, "the end of the first", func() bool { return isGone(before) })
}

func TestAnIdempotentCallIsRepeatedOnce(t *testing.T) {
	weir.Bounded(t)
	ctx := context.Background()
	pool := newLentPool(t)
	path := filepath.Join(t.TempDir(), "tries")
	if n, err := weir.Invoke[int](ctx, pool, "fragile", path, 1); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	path += "2"
	if _, err := weir.Invoke[int](ctx, pool, "fragile", path, 9); !errors.Is(err, weir.ErrPoison) || !strings.Contains(err.Error(), "SIGKILL") {
		t.Fatal(err)
	}
	if tries, _ := os.ReadFile(path); len(tries) != 2 {
		t.Fatal(len(tries))
	}
}

func TestACallThatWasNotReadIsRepeated(t *testing.T) {
	weir.Bounded(t)
	ctx := context.Background()
	pool := newLentPool(t)
	pid, err := weir.Invoke[int](ctx, pool, "pid")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	awaitThat(t, "it stops", func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(text), ") T ")
	})
	again := make(chan int, 2)
	for i := 0; i < 2; i++ {
		go func() {
			n, err := weir.Invoke[int](ctx, pool, "pid")
			if err != nil {
				t.Error(err)
			}
			again <- n
		}()
	}
	numbers := make(chan int)
	total := make(chan int, 1)
	go func() {
		n, err := weir.Invoke[int](ctx, pool, "total", numbers)
		if err != nil {
			t.Error(err)
		}
		total <- n
	}()
	awaitThat(t, "the calls", func() bool {
		stats, err := pool.Stats(ctx)
		return err == nil && stats.Running+stats.Queued == 3
	})
	_ = syscall.Kill(pid, syscall.SIGKILL)
	if n := <-again; n == pid || n == 0 {
		t.Fatal(n)
	}
	<-again
	numbers <- 3
	numbers <- 4
	close(numbers)
	if n := <-total; n != 7 {
		t.Fatal(n)
	}
}

func TestWhatAWorkerPrintsBesideIsNoiseOrItsEnd(t *testing.T) {
	weir.Bounded(t)
	ctx := context.Background()
	pool := newLentPool(t)
	before, _ := weir.Invoke[int](ctx, pool, "pid")
	if _, err := weir.Invoke[int](ctx, pool, "mutter"); err != nil {
		t.Fatal(err)
	}
	awaitThat(t, "the noise", func() bool { // it may be read after the reply
		stats, err := pool.Stats(ctx)
		return err == nil && stats.Noise == 1
	})
	if stats, err := pool.Stats(ctx); err != nil || stats.Calls != 2 || stats.Latency.Max <= 0 || stats.Latency.P50 > stats.Latency.Max {
		t.Fatal(stats, err)
	}
	for _, method := range []string{"babble", "hushUp"} {
		if _, err := weir.Invoke[int](ctx, pool, method); !errors.Is(err, weir.ErrOutcomeUnknown) {
			t.Fatal(method, err)
		}
	}
	if after, err := weir.Invoke[int](ctx, pool, "pid"); err != nil || after == before {
		t.Fatal(after, err)
	}
}

func TestWorkersAreRecycled(t *testing.T) {
	weir.Bounded(t)
	pool := newLentPool(t, weir.RecycleCalls(5))
	seen := map[int]bool{}
	awaitThat(t, "the third worker", func() bool {
		pid, err := weir.Invoke[int](context.Background(), pool, "pid")
		if err != nil {
			t.Fatal(err)
		}
		seen[pid] = true
		return len(seen) == 3
	})
}

func TestCloseGivesCallsTheDrainTime(t *testing.T) {
	weir.Bounded(t)
	dir := t.TempDir()
	begun, gate := filepath.Join(dir, "begun"), filepath.Join(dir, "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	pool := newPool(t, weir.Drain(patience))
	result := make(chan string)
	go func() {
		text, err := weir.Invoke[string](context.Background(), pool, "wait", begun, gate)
		result <- fmt.Sprint(text, err)
	}()
	awaitFile(t, begun)
	closed := make(chan error)
	go func() { closed <- pool.Close() }()
	awaitThat(t, "no more calls", func() bool {
		_, err := weir.Invoke[int](context.Background(), pool, "pid")
		return errors.Is(err, weir.ErrClosed)
	})
	if err := os.WriteFile(gate, []byte("done"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := <-result; got != "done<nil>" {
		t.Fatal(got)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
}

// storm makes calls from many goroutines while workers are killed at random, and tells how many
// ended; each must end once.
func storm(t *testing.T, goroutines int, long time.Duration) {
	ctx := context.Background()
	pool := newPool(t, weir.Workers(3), weir.Stderr(nil))
	var all sync.WaitGroup
	var started, ended, lost atomic.Int64
	over := time.Now().Add(long)
	for i := 0; i < goroutines; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			random := rand.New(rand.NewSource(int64(i)))
			for j := 0; j < 5 || time.Now().Before(over); j++ {
				started.Add(1)
				var err error
				switch random.Intn(4) {
				case 0:
					var out <-chan int
					if out, err = weir.Invoke[<-chan int](ctx, pool, "count", 0, 10); err == nil {
						for range out {
						}
						err = weir.StreamErr(out)
					}
				case 1:
					short, cancel := context.WithTimeout(ctx, time.Duration(random.Intn(5000))*time.Microsecond)
					_, err = weir.Invoke[int](short, pool, "add", i, j)
					cancel()
				default:
					var n int
					if n, err = weir.Invoke[int](ctx, pool, "add", i, j); err == nil && n != i+j {
						t.Error(n, i, j)
					}
				}
				if err != nil {
					lost.Add(1)
					if !errors.Is(err, weir.ErrOutcomeUnknown) && !errors.Is(err, weir.ErrPoison) && !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
				}
				ended.Add(1)
			}
		}(i)
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for killed := 0; ; {
		select {
		case <-done:
			if started.Load() != ended.Load() || killed == 0 {
				t.Fatal(started.Load(), ended.Load(), killed)
			}
			awaitThat(t, "no call is left", func() bool {
				stats, err := pool.Stats(ctx)
				return err == nil && stats.Running == 0 && stats.Queued == 0
			})
			t.Log(ended.Load(), "calls,", lost.Load(), "lost,", killed, "workers killed")
			return
		case <-time.After(time.Duration(rand.Intn(30)) * time.Millisecond):
			stats, err := pool.Stats(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for i, worker := range stats.Workers { // not one that starts: then none would
				if (worker.State == "ready" || worker.State == "busy") && rand.Intn(len(stats.Workers)) == i {
					_ = syscall.Kill(worker.Pid, syscall.SIGKILL)
					killed++
				}
			}
		}
	}
}

func TestEachCallEndsOnceWhileWorkersAreKilled(t *testing.T) {
	weir.Bounded(t)
	long := time.Second
	if given := os.Getenv("WEIR_STORM"); given != "" {
		long, _ = time.ParseDuration(given)
	}
	storm(t, 200, long)
}

// The output of a worker ends first, and then weir itself is lost, which can no longer say why.
func TestAWorkerThatEndsJustBeforeWeirDoes(t *testing.T) {
	weir.Bounded(t)
	var seen watch
	ctx := context.Background()
	pool := newPool(t, weir.OnEvent(seen.add), weir.Stderr(nil))
	worker, err := weir.Invoke[int](ctx, pool, "pid")
	if err != nil {
		t.Fatal(err)
	}
	begun := filepath.Join(t.TempDir(), "begun")
	lost := make(chan error, 1)
	go func() {
		_, err := weir.Invoke[int](ctx, pool, "hang", begun)
		lost <- err
	}()
	awaitFile(t, begun)
	awaitThat(t, "the event", func() bool { return len(seen.all(weir.PoolReady)) == 1 })
	pid := seen.all(weir.PoolReady)[0].Pid
	for _, end := range []struct {
		pid    int
		signal syscall.Signal
	}{{pid, syscall.SIGSTOP}, {worker, syscall.SIGKILL}} {
		if err := syscall.Kill(end.pid, end.signal); err != nil {
			t.Fatal(err)
		}
	}
	awaitThat(t, "the end of the output", func() bool { return weir.OutputsEnded(pool) == 1 })
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-lost:
		if !errors.Is(err, weir.ErrOutcomeUnknown) {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("the call has no outcome")
	}
}

func TestACallThatIsLostBeforeItIsSent(t *testing.T) {
	weir.Bounded(t)
	pool := newPool(t)
	done, outcome := weir.LoseBeforeSending(pool, "pid")
	select {
	case <-done:
		if err := outcome(); !errors.Is(err, weir.ErrClosed) {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("the call has no outcome")
	}
}
