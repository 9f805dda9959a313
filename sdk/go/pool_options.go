package weir

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// PoolOption changes how NewPool starts workers. Option is a worker's.
type PoolOption func(*poolOptions)

type poolOptions struct {
	command      string
	python       []string
	scripts      [][]string // path, then arguments
	programs     [][]string
	flags        []string // of weir serve
	workers      int
	stderr       io.Writer
	onEvent      func(Event)
	startTimeout time.Duration
	grace        time.Duration
	backoff      Backoff
	noRestart    bool
	maxQueue     int
	recycleCalls int
	drain        time.Duration
	notLent      bool // for tests: calls go through weir
}

// Backoff is the pause between two starts of a pool that failed: random, up to First, then up to
// twice as much each time, up to Max. After Attempts starts in a row that failed the pool is
// down: calls fail at once until Replace is called.
type Backoff struct {
	First, Max time.Duration
	Attempts   int // 0: no limit
}

func defaultPoolOptions() poolOptions {
	return poolOptions{
		workers:      runtime.NumCPU(),
		stderr:       os.Stderr,
		startTimeout: 10 * time.Second,
		grace:        5 * time.Second,
		maxQueue:     1024,
		backoff:      Backoff{First: 100 * time.Millisecond, Max: 30 * time.Second, Attempts: 5},
	}
}

// Script runs a Python script as the worker. The interpreter is the one that Python, Venv or Uv
// names, else $VIRTUAL_ENV's, that of .venv beside the script, or python3 on PATH. Scripts and
// Programs may be given more than once: their methods form one namespace.
func Script(path string, args ...string) PoolOption {
	return func(o *poolOptions) { o.scripts = append(o.scripts, append([]string{path}, args...)) }
}

// Program runs a worker in any language.
func Program(words ...string) PoolOption {
	return func(o *poolOptions) { o.programs = append(o.programs, words) }
}

// Workers sets how many of each worker run. The default is the number of processors.
func Workers(n int) PoolOption { return func(o *poolOptions) { o.workers = n } }

// Python runs scripts with this interpreter.
func Python(words ...string) PoolOption { return func(o *poolOptions) { o.python = words } }

// Venv runs scripts with the interpreter of a virtual environment.
func Venv(dir string) PoolOption { return Python(filepath.Join(dir, "bin", "python")) }

// Uv runs scripts with `uv run --quiet ARGS`.
func Uv(args ...string) PoolOption {
	return Python(append([]string{"uv", "run", "--quiet"}, args...)...)
}

// Window sets how many calls a worker has at a time. The default is what the worker says.
func Window(n int) PoolOption { return serveFlag("--window", strconv.Itoa(n)) }

// MaxQueue sets how many calls may wait for a worker; further ones fail with ErrQueueFull.
// The default is 1024.
func MaxQueue(n int) PoolOption { return func(o *poolOptions) { o.maxQueue = n } }

// Warm has one process for each Script import the program once, up to its call of serve, and forks
// each worker from it. It needs Linux: docs/workers.md.
func Warm() PoolOption { return func(o *poolOptions) { o.flags = append(o.flags, "--warm") } }

// MinReady lets NewPool return when n of each worker are ready. The default is all.
func MinReady(n int) PoolOption { return serveFlag("--min-ready", strconv.Itoa(n)) }

// WorkDir is the workers' directory. The default is the program's.
func WorkDir(dir string) PoolOption { return serveFlag("--cwd", dir) }

// Env sets variables ("NAME=VALUE") of the workers' environment.
func Env(pairs ...string) PoolOption { return serveFlags("--env", pairs) }

// ClearEnv passes none of the program's environment to the workers.
func ClearEnv() PoolOption {
	return func(o *poolOptions) { o.flags = append(o.flags, "--env-clear") }
}

// PassEnv passes only these variables of the program's environment to the workers.
func PassEnv(names ...string) PoolOption { return serveFlags("--env-pass", names) }

// Limit sets a limit of setrlimit(2) for each process: cpu (seconds), memory, files, file-size,
// processes or core.
func Limit(name, value string) PoolOption { return serveFlag("--limit", name+"="+value) }

// Launcher puts words in front of the workers' commands: ssh, srun, docker exec -i.
func Launcher(words ...string) PoolOption { return serveFlag("--launcher", quoteWords(words)) }

// RecycleCalls replaces a worker after n calls.
func RecycleCalls(n int) PoolOption { return func(o *poolOptions) { o.recycleCalls = n } }

// RecycleAge replaces a worker after this long.
func RecycleAge(d time.Duration) PoolOption { return serveFlag("--recycle-age", duration(d)) }

// RecycleRSS replaces a worker whose memory has grown to this size.
func RecycleRSS(bytes int64) PoolOption {
	return serveFlag("--recycle-rss", strconv.FormatInt(bytes, 10))
}

// Grace is the time from SIGTERM to SIGKILL for a worker that has to end, and the time that a
// cancelled function has to clean up. The default is 5 seconds.
func Grace(d time.Duration) PoolOption { return func(o *poolOptions) { o.grace = d } }

// Drain is how long Close waits for calls in progress. The default is not to wait: Shutdown waits,
// too.
func Drain(d time.Duration) PoolOption { return func(o *poolOptions) { o.drain = d } }

// StartTimeout is how long a worker may take to get ready. The default is 10 seconds.
func StartTimeout(d time.Duration) PoolOption { return func(o *poolOptions) { o.startTimeout = d } }

// Audit appends a record of the pool's life to a file: docs/audit.md.
func Audit(file string) PoolOption { return serveFlag("--audit", file) }

// Restart changes the pause before the pool is started again after it was lost.
func Restart(backoff Backoff) PoolOption { return func(o *poolOptions) { o.backoff = backoff } }

// NoRestart lets calls fail when the pool was lost. Workers that die are replaced all the same.
func NoRestart() PoolOption { return func(o *poolOptions) { o.noRestart = true } }

// Stderr takes what the workers and weir print on standard error. The default is os.Stderr; nil
// drops it. It is written to by one goroutine.
func Stderr(w io.Writer) PoolOption { return func(o *poolOptions) { o.stderr = w } }

// OnEvent calls f with what happens to the pool, from the pool's goroutines: f must be safe for
// that, must not block, and must not close the pool.
func OnEvent(f func(Event)) PoolOption { return func(o *poolOptions) { o.onEvent = f } }

// Command is the path of the command weir. The default is $WEIR, then weir beside this program or
// in ../libexec/weir, then weir on PATH.
func Command(path string) PoolOption { return func(o *poolOptions) { o.command = path } }

func serveFlag(name, value string) PoolOption { return serveFlags(name, []string{value}) }

func serveFlags(name string, values []string) PoolOption {
	return func(o *poolOptions) {
		for _, value := range values {
			o.flags = append(o.flags, name+"="+value)
		}
	}
}

// duration gives whole milliseconds, and none for less than one.
func duration(d time.Duration) string {
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}

// quoteWords writes words so that weir splits them as they were.
func quoteWords(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return strings.Join(quoted, " ")
}

// arguments are those of weir.
func (o *poolOptions) arguments() ([]string, error) {
	arguments := []string{"serve", "--stdio",
		"--workers=" + strconv.Itoa(o.workers),
		"--start-timeout=" + duration(o.startTimeout),
		"--grace=" + duration(o.grace),
		"--max-queue=" + strconv.Itoa(o.maxQueue)}
	if o.recycleCalls > 0 {
		arguments = append(arguments, "--recycle-calls="+strconv.Itoa(o.recycleCalls))
	}
	if o.drain > 0 {
		arguments = append(arguments, "--drain="+duration(o.drain))
	}
	arguments = append(arguments, o.flags...)
	for _, script := range o.scripts {
		words, err := o.scriptWords(script)
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, "--worker="+quoteWords(words))
	}
	for _, words := range o.programs {
		arguments = append(arguments, "--worker="+quoteWords(words))
	}
	if len(o.scripts)+len(o.programs) == 0 {
		return nil, fmt.Errorf("weir: the pool has no worker: give Script or Program")
	}
	return arguments, nil
}

// scriptWords makes the path absolute: WorkDir is for the worker only.
func (o *poolOptions) scriptWords(script []string) ([]string, error) {
	path, err := filepath.Abs(script[0])
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return nil, fmt.Errorf("weir: the worker's script: %w", err)
	}
	words := append([]string(nil), o.interpreter(path)...)
	return append(append(words, path), script[1:]...), nil
}

func (o *poolOptions) interpreter(script string) []string {
	if len(o.python) > 0 {
		return o.python
	}
	for _, dir := range []string{os.Getenv("VIRTUAL_ENV"), filepath.Join(filepath.Dir(script), ".venv")} {
		if dir == "" {
			continue
		}
		python, err := filepath.Abs(filepath.Join(dir, "bin", "python"))
		if err != nil {
			continue
		}
		if _, err := os.Stat(python); err == nil {
			return []string{python}
		}
	}
	return []string{"python3"}
}
