//go:build unix

package weir_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir.dev/weir"
)

// A pool's worker is this test itself: see TestMain.
const poolWorker = "WEIR_POOL_WORKER"

const poolHost = "WEIR_POOL_HOST"

func init() {
	weir.TestRoles[poolWorker] = servePool
	weir.TestRoles[poolHost] = func() {
		if os.Getenv(poolWorker) == "" {
			hostPool()
		}
		servePool() // a worker has both variables
	}
}

const patience = 60 * time.Second

func servePool() {
	weir.Main(
		weir.Func("add", func(_ context.Context, p struct{ A, B int }) (int, error) { return p.A + p.B, nil }),
		weir.Func("pid", func(context.Context, weir.None) (int, error) { return os.Getpid(), nil }),
		weir.Func("env", func(_ context.Context, p struct{ Name string }) (string, error) { return os.Getenv(p.Name), nil }),
		weir.Func("dir", func(context.Context, weir.None) (string, error) { return os.Getwd() }),
		weir.Func("die", func(context.Context, weir.None) (int, error) {
			return 0, syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}),
		weir.Func("hang", func(ctx context.Context, p struct{ Begun string }) (int, error) {
			if err := os.WriteFile(p.Begun, []byte("begun"), 0o600); err != nil {
				return 0, err
			}
			<-ctx.Done()
			return 0, ctx.Err()
		}),
		weir.Func("wait", func(ctx context.Context, p struct{ Begun, Go string }) (string, error) {
			if err := os.WriteFile(p.Begun, []byte("begun"), 0o600); err != nil {
				return "", err
			}
			gate, err := os.ReadFile(p.Go) // a FIFO
			return string(gate), err
		}),
		weir.Source("count", func(_ context.Context, p struct{ Start, Stop int }, emit func(int) error) error {
			for i := p.Start; i < p.Stop; i++ {
				if err := emit(i); err != nil {
					return err
				}
			}
			if p.Start < 0 {
				return weir.Errorf(1001, "negative")
			}
			return nil
		}),
		weir.Sink("sum", func(_ context.Context, _ weir.None, numbers *weir.Values[int]) (int, error) {
			total := 0
			for numbers.Next() {
				total += numbers.Value()
			}
			return total, numbers.Err()
		}).Input("numbers"),
		weir.Duplex("running", func(_ context.Context, _ weir.None, numbers *weir.Values[int], emit func(int) error) error {
			total := 0
			for numbers.Next() {
				total += numbers.Value()
				if err := emit(total); err != nil {
					return err
				}
			}
			return numbers.Err()
		}),
	)
}

func needWeir(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("weir"); err != nil && os.Getenv("WEIR") == "" {
		t.Skip("there is no command weir: set $WEIR")
	}
}

func self() []weir.PoolOption {
	return []weir.PoolOption{weir.Program(os.Args[0]), weir.Env(poolWorker+"=1", "GOMAXPROCS=2"), weir.Workers(1)} // two calls at a time, on one processor too
}

func newPool(t *testing.T, options ...weir.PoolOption) *weir.Pool {
	t.Helper()
	needWeir(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	pool, err := weir.NewPool(ctx, append(self(), options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	return pool
}

func awaitFile(t *testing.T, path string) {
	t.Helper()
	awaitThat(t, path, func() bool { info, err := os.Stat(path); return err == nil && info.Size() > 0 })
}

func awaitThat(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come: %s", what)
		}
	}
}

func isGone(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	}
	return strings.HasPrefix(string(text[bytes.LastIndexByte(text, ')')+1:]), " Z")
}

func TestAPoolCallsInAllFourModes(t *testing.T) {
	weir.Bounded(t)
	t.Run("lent", func(t *testing.T) { callInAllModes(t, newPool(t, weir.Workers(2))) })
	t.Run("through weir", func(t *testing.T) { callInAllModes(t, newPool(t, weir.Workers(2), weir.WithoutLending())) })
}

func callInAllModes(t *testing.T, pool *weir.Pool) {
	ctx := context.Background()
	if n, err := weir.Invoke[int](ctx, pool, "add", 3, 4); n != 7 || err != nil {
		t.Fatal(n, err)
	}
	out, err := weir.Invoke[<-chan int](ctx, pool, "count", 1, 300)
	if err != nil {
		t.Fatal(err)
	}
	next := 1
	for n := range out {
		if n != next {
			t.Fatal(n, next)
		}
		next++
	}
	if next != 300 || weir.StreamErr(out) != nil {
		t.Fatal(next, weir.StreamErr(out))
	}
	numbers := make(chan int64)
	go func() {
		defer close(numbers)
		for i := int64(1); i <= 100; i++ {
			numbers <- i
		}
	}()
	if n, err := weir.Invoke[int](ctx, pool, "sum", numbers); n != 5050 || err != nil {
		t.Fatal(n, err)
	}
	given := make(chan int, 3)
	given <- 1
	given <- 2
	given <- 4
	close(given)
	both, err := weir.Invoke[chan int](ctx, pool, "running", (<-chan int)(given))
	if err != nil {
		t.Fatal(err)
	}
	var sums []int
	for n := range both {
		sums = append(sums, n)
	}
	if fmt.Sprint(sums) != "[1 3 7]" {
		t.Fatal(sums)
	}
}

func TestAStreamThatFailsClosesItsChannelAndTellsWhy(t *testing.T) {
	weir.Bounded(t)
	pool := newPool(t)
	out, err := weir.Invoke[chan int](context.Background(), pool, "count", -2, 2)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for range out {
		seen++
	}
	var failure *weir.Error
	if err := weir.StreamErr(out); seen != 4 || !errors.As(err, &failure) || failure.Code != 1001 {
		t.Fatal(seen, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out, err = weir.Invoke[chan int](ctx, pool, "count", 0, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	<-out
	cancel()
	for range out {
	}
	if err := weir.StreamErr(out); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestAPoolAndAClientAreCallers(t *testing.T) {
	weir.Bounded(t)
	client := serve(weir.Func("add", func(_ context.Context, p struct{ A, B int }) (int, error) { return p.A + p.B, nil }))
	defer client.Close()
	for _, caller := range []weir.Caller{client, newPool(t)} {
		if n, err := weir.Call[int](context.Background(), caller, "add", 1, 2); n != 3 || err != nil {
			t.Fatal(n, err)
		}
	}
}

func TestAPoolHasFiguresMethodsAndHealth(t *testing.T) {
	weir.Bounded(t)
	ctx := context.Background()
	pool := newPool(t, weir.Workers(2))
	if _, err := weir.Invoke[int](ctx, pool, "add", 3, 4); err != nil {
		t.Fatal(err)
	}
	stats, err := pool.Stats(ctx)
	if err != nil || stats.Calls != 1 || len(stats.Workers) != 2 || stats.Workers[0].Pid == 0 {
		t.Fatal(stats, err)
	}
	if err := pool.Health(ctx); err != nil {
		t.Fatal(err)
	}
	if pool.Methods()["count"].Stream != "out" {
		t.Fatal(pool.Methods())
	}
}

func TestReplaceGivesNewWorkers(t *testing.T) {
	weir.Bounded(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	pool := newPool(t)
	before, _ := weir.Invoke[int](ctx, pool, "pid")
	if err := pool.Replace(ctx); err != nil {
		t.Fatal(err)
	}
	if after, err := weir.Invoke[int](ctx, pool, "pid"); err != nil || after == before {
		t.Fatal(before, after, err)
	}
}

func TestWorkersHaveTheEnvironmentAndDirectoryAskedFor(t *testing.T) {
	weir.Bounded(t)
	t.Setenv("WEIR_TEST_SEEN", "1")
	t.Setenv("WEIR_TEST_HIDDEN", "2")
	ctx := context.Background()
	dir, _ := filepath.EvalSymlinks(t.TempDir())
	program, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	needWeir(t)
	pool, err := weir.NewPool(ctx, weir.Program(program), weir.Workers(1), weir.WorkDir(dir),
		weir.PassEnv("WEIR_TEST_SEEN"), weir.Env("OWN=it's", poolWorker+"=1"), weir.Limit("core", "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for name, value := range map[string]string{"WEIR_TEST_SEEN": "1", "WEIR_TEST_HIDDEN": "", "OWN": "it's"} {
		if got, err := weir.Invoke[string](ctx, pool, "env", name); got != value || err != nil {
			t.Fatal(name, got, err)
		}
	}
	if got, err := weir.Invoke[string](ctx, pool, "dir"); got != dir || err != nil {
		t.Fatal(got, err)
	}
}

func TestAWarmPoolImportsItsScriptOnce(t *testing.T) {
	weir.Bounded(t)
	python := os.Getenv("PYTHON3")
	config, err := os.ReadFile(filepath.Join(os.Getenv("builddir"), "config.h"))
	if python == "" || err != nil || !bytes.Contains(config, []byte("#define WEIR_LINUX")) {
		t.Skip("it needs Python, and a weir that is built for Linux")
	}
	needWeir(t)
	sdk, err := filepath.Abs("../python")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := filepath.Join(dir, "model.py")
	text := `import os
with open(os.environ["IMPORTS"], "a") as imports:
    imports.write(f"{os.getpid()}\n")
from weir.worker import function, serve
@function
def pid() -> int:
    return os.getpid()
serve()
`
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	imports := filepath.Join(dir, "imports")
	pool, err := weir.NewPool(ctx, weir.Script(script), weir.Python(python), weir.Workers(3), weir.Warm(),
		weir.Env("PYTHONPATH="+sdk, "PYTHONDONTWRITEBYTECODE=1", "IMPORTS="+imports))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	worker, err := weir.Invoke[int](ctx, pool, "pid")
	if err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(imports)
	parent, _ := strconv.Atoi(strings.TrimSpace(string(said)))
	if err != nil || parent == 0 || parent == worker {
		t.Fatalf("imported by %q, worker %d: %v", said, worker, err)
	}
}

func TestWorkersThatDoNotStartAreNoWorkerAndTellWhy(t *testing.T) {
	weir.Bounded(t)
	needWeir(t)
	var said bytes.Buffer
	_, err := weir.NewPool(context.Background(), weir.Program("sh", "-c", "echo no such model >&2; exit 3"), weir.Stderr(&said))
	if !errors.Is(err, weir.ErrNoWorker) || !strings.Contains(err.Error(), "no such model") {
		t.Fatal(err)
	}
	_, err = weir.NewPool(context.Background(), append(self(), weir.Limit("none", "1"), weir.Stderr(nil))...)
	if !errors.Is(err, weir.ErrNoWorker) || !strings.Contains(err.Error(), "none") {
		t.Fatal(err)
	}
	t.Setenv("WEIR_SPAWNER", "/nonexistent/spawner")
	_, err = weir.NewPool(context.Background(), append(self(), weir.Stderr(nil))...)
	if !errors.Is(err, weir.ErrNoWorker) || !strings.Contains(err.Error(), "/nonexistent/spawner") {
		t.Fatal(err)
	}
}

func TestWhatIsNotThereIsSaid(t *testing.T) {
	weir.Bounded(t)
	ctx := context.Background()
	_, err := weir.NewPool(ctx, weir.Program("true"), weir.Command("/nonexistent/weir"))
	if !errors.Is(err, weir.ErrNoWeir) {
		t.Fatal(err)
	}
	if _, err := weir.NewPool(ctx, weir.Program("x"), weir.Command("/bin/true")); err == nil || !strings.Contains(err.Error(), "--version") {
		t.Fatal(err)
	}
	if _, err := weir.NewPool(ctx, weir.Script("/nonexistent/worker.py")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "/nonexistent/worker.py") {
		t.Fatal(err)
	}
	if _, err := weir.NewPool(ctx); err == nil || !strings.Contains(err.Error(), "Script or Program") {
		t.Fatal(err)
	}
}

func TestACommandThatIsTooOldIsSaid(t *testing.T) {
	weir.Bounded(t)
	old := filepath.Join(t.TempDir(), "weir")
	for version, wanted := range map[string]string{"0.0.9": "needs 0.2.0", "0.1.12": "needs 0.2.0", "0.2.0": "is too old"} {
		text := "#!/bin/sh\n[ \"$1\" = --version ] && { echo weir " + version + "; exit; }\necho 'unknown option --stdio' >&2\nexit 2\n"
		if err := os.WriteFile(old, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := weir.NewPool(context.Background(), weir.Program("true"), weir.Command(old), weir.Stderr(nil))
		if err == nil || !strings.Contains(err.Error(), wanted) || !strings.Contains(err.Error(), old) {
			t.Fatal(version, err)
		}
	}
}

func TestAWorkerThatPrintsNothingIsSaid(t *testing.T) {
	weir.Bounded(t)
	needWeir(t)
	_, err := weir.NewPool(context.Background(), weir.Program("sleep", "1000"), weir.StartTimeout(50*time.Millisecond), weir.Stderr(nil))
	if !errors.Is(err, weir.ErrNoWorker) || !strings.Contains(err.Error(), "did not answer weir/hello") {
		t.Fatal(err)
	}
}

func TestAStartEndsWithItsContext(t *testing.T) {
	weir.Bounded(t)
	needWeir(t)
	ctx, cancel := context.WithCancel(context.Background())
	begun := filepath.Join(t.TempDir(), "begun")
	go func() {
		for {
			if _, err := os.Stat(begun); err == nil {
				cancel()
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	_, err := weir.NewPool(ctx, weir.Program("sh", "-c", "echo x >"+begun+"; exec sleep 1000"), weir.StartTimeout(time.Hour))
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestAWorkerThatDiesCostsItsCallOnly(t *testing.T) {
	weir.Bounded(t)
	t.Run("lent", func(t *testing.T) { loseAWorker(t, newPool(t, weir.Stderr(nil))) })
	t.Run("through weir", func(t *testing.T) { loseAWorker(t, newPool(t, weir.Stderr(nil), weir.WithoutLending())) })
}

func loseAWorker(t *testing.T, pool *weir.Pool) {
	ctx := context.Background()
	if _, err := weir.Invoke[int](ctx, pool, "die"); !errors.Is(err, weir.ErrOutcomeUnknown) {
		t.Fatal(err)
	}
	if n, err := weir.Invoke[int](ctx, pool, "add", 3, 4); n != 7 || err != nil {
		t.Fatal(n, err)
	}
}

// watch keeps events.
type watch struct {
	mutex  sync.Mutex
	events []weir.Event
}

func (w *watch) add(event weir.Event) {
	w.mutex.Lock()
	w.events = append(w.events, event)
	w.mutex.Unlock()
}

func (w *watch) all(kind weir.EventKind) (found []weir.Event) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, event := range w.events {
		if event.Kind == kind {
			found = append(found, event)
		}
	}
	return found
}

func TestAWeirThatDiesIsStartedAgainByTheNextCall(t *testing.T) {
	weir.Bounded(t)
	var seen watch
	ctx := context.Background()
	pool := newPool(t, weir.OnEvent(seen.add), weir.Stderr(nil))
	worker, _ := weir.Invoke[int](ctx, pool, "pid")
	begun := filepath.Join(t.TempDir(), "begun")
	lost := make(chan error)
	go func() {
		_, err := weir.Invoke[int](ctx, pool, "hang", begun)
		lost <- err
	}()
	awaitFile(t, begun)
	awaitThat(t, "the event", func() bool { return len(seen.all(weir.PoolReady)) == 1 })
	if err := syscall.Kill(seen.all(weir.PoolReady)[0].Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-lost; !errors.Is(err, weir.ErrOutcomeUnknown) {
		t.Fatal(err)
	}
	if n, err := weir.Invoke[int](ctx, pool, "add", 3, 4); n != 7 || err != nil {
		t.Fatal(n, err)
	}
	awaitThat(t, "its worker is gone", func() bool { return isGone(worker) })
	awaitThat(t, "the events", func() bool { return len(seen.all(weir.PoolReady)) == 2 && len(seen.all(weir.PoolEnded)) == 1 })
}

func TestNoRestartLeavesAPoolThatWasLost(t *testing.T) {
	weir.Bounded(t)
	var seen watch
	pool := newPool(t, weir.OnEvent(seen.add), weir.NoRestart(), weir.Stderr(nil))
	awaitThat(t, "the event", func() bool { return len(seen.all(weir.PoolReady)) == 1 })
	_ = syscall.Kill(seen.all(weir.PoolReady)[0].Pid, syscall.SIGKILL)
	awaitThat(t, "an error", func() bool {
		_, err := weir.Invoke[int](context.Background(), pool, "add", 3, 4)
		return errors.Is(err, weir.ErrClosed)
	})
}

func TestClose(t *testing.T) {
	weir.Bounded(t)
	ctx := context.Background()
	pool := newPool(t)
	worker, _ := weir.Invoke[int](ctx, pool, "pid")
	begun := filepath.Join(t.TempDir(), "begun")
	lost := make(chan error)
	go func() {
		_, err := weir.Invoke[int](ctx, pool, "hang", begun)
		lost <- err
	}()
	awaitFile(t, begun)
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-lost; !errors.Is(err, weir.ErrOutcomeUnknown) {
		t.Fatal(err)
	}
	awaitThat(t, "its worker is gone", func() bool { return isGone(worker) })
	if _, err := weir.Invoke[int](ctx, pool, "add", 3, 4); !errors.Is(err, weir.ErrClosed) {
		t.Fatal(err)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestShutdownWaitsForCalls(t *testing.T) {
	weir.Bounded(t)
	ctx := context.Background()
	pool := newPool(t)
	dir := t.TempDir()
	begun, gate := filepath.Join(dir, "begun"), filepath.Join(dir, "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	result := make(chan string)
	go func() {
		text, err := weir.Invoke[string](ctx, pool, "wait", begun, gate)
		result <- fmt.Sprint(text, err)
	}()
	awaitFile(t, begun)
	ended := make(chan error)
	go func() { ended <- pool.Shutdown(ctx) }()
	awaitThat(t, "no more calls", func() bool {
		_, err := weir.Invoke[int](ctx, pool, "add", 3, 4)
		return errors.Is(err, weir.ErrClosed)
	})
	if err := os.WriteFile(gate, []byte("done"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := <-result; got != "done<nil>" {
		t.Fatal(got)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	weir.Bounded(t)
	pool := newPool(t)
	begun := filepath.Join(t.TempDir(), "begun")
	lost := make(chan error)
	go func() {
		_, err := weir.Invoke[int](context.Background(), pool, "hang", begun)
		lost <- err
	}()
	awaitFile(t, begun)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := pool.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if err := <-lost; !errors.Is(err, weir.ErrOutcomeUnknown) {
		t.Fatal(err)
	}
}

func TestManyGoroutinesWhileWorkersDie(t *testing.T) {
	weir.Bounded(t)
	pool := newPool(t, weir.Workers(3), weir.Stderr(nil))
	var all sync.WaitGroup
	for i := 0; i < 50; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			for j := 0; j < 20; j++ {
				n, err := weir.Invoke[int](context.Background(), pool, "add", i, j)
				if err == nil && n != i+j || err != nil && !errors.Is(err, weir.ErrOutcomeUnknown) && !errors.Is(err, weir.ErrPoison) {
					t.Error(n, err)
				}
				if i == 0 && j%5 == 0 {
					_, _ = weir.Invoke[int](context.Background(), pool, "die")
				}
			}
		}(i)
	}
	all.Wait()
}

// hostPool is a program with a pool, for TestNothingStaysWhenTheProgramIsKilled.
func hostPool() {
	ctx := context.Background()
	pool, err := weir.NewPool(ctx, append(self(), weir.Grace(100*time.Millisecond))...)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	pid, err := weir.Invoke[int](ctx, pool, "pid")
	fmt.Println(pid, err)
	_, _ = weir.Invoke[int](ctx, pool, "hang", os.Getenv(poolHost))
}

func TestNothingStaysWhenTheProgramIsKilled(t *testing.T) {
	weir.Bounded(t)
	needWeir(t)
	kills := 5
	if given, err := strconv.Atoi(os.Getenv("WEIR_KILLS")); err == nil {
		kills = given
	}
	for i := 0; i < kills; i++ {
		begun := filepath.Join(t.TempDir(), "begun")
		host := exec.Command(os.Args[0])
		host.Env = append(os.Environ(), poolHost+"="+begun)
		out, err := host.StdoutPipe()
		if err == nil {
			err = host.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(out).ReadString('\n')
		worker, err := strconv.Atoi(strings.Fields(line + " ?")[0])
		if err != nil {
			t.Fatal(line)
		}
		parent := parentOf(worker)
		if i%2 == 0 {
			awaitFile(t, begun)
		}
		time.Sleep(time.Duration(rand.Intn(3000)) * time.Microsecond) // any moment
		_ = host.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		_ = host.Wait()
		for _, pid := range []int{worker, parent} {
			awaitThat(t, "the end of a process", func() bool { return pid <= 1 || isGone(pid) })
		}
	}
}

func parentOf(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	parent, _ := strconv.Atoi(strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))[1])
	return parent
}
