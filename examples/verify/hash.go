// Command verify-hash checks files against their MD5 sums.
//
// It reads one JSON object a line, as list.py writes them, and answers each with
// one line in the same order:
//
//	{"path":"/usr/bin/env","md5":"d41d...","package":"coreutils"}
//	{"path":"/usr/bin/env","md5":"d41d...","package":"coreutils","ok":true,"bytes":48536,"ms":0.21}
//
// "found" gives the sum of a file that differs, "error" says why there is none:
// "missing", or the system's words.  All processors hash; memory stays bounded
// whatever the input, because only `window` files are under way at a time.
package main

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	maxLine  = 1 << 20               // a longer input line is an error
	readSize = 256 << 10             // bytes a worker reads at once
	window   = 1024                  // files read ahead of the slowest one
	holdBack = 20 * time.Millisecond // how long output may wait for company
)

// record is one file: the members that came in, then what was found.
type record struct {
	Path       string  `json:"path"`
	PathBase64 []byte  `json:"path_base64,omitempty"`
	MD5        string  `json:"md5"`
	Package    string  `json:"package,omitempty"`
	Note       string  `json:"note,omitempty"`
	OK         bool    `json:"ok"`
	Found      string  `json:"found,omitempty"`
	Bytes      int64   `json:"bytes"`
	MS         float64 `json:"ms"`
	Error      string  `json:"error,omitempty"`
}

// job is a record under way; done is closed when it has been answered.
type job struct {
	record
	done chan struct{}
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "verify-hash:", err)
		os.Exit(1)
	}
}

// run answers every line of in on out. An error in the input ends it after
// the lines before have been answered.
func run(in io.Reader, out io.Writer) error {
	todo := make(chan *job, window)    // to whichever worker is free
	inOrder := make(chan *job, window) // to the writer
	for i := 0; i < runtime.NumCPU(); i++ {
		go work(todo)
	}
	var readErr error
	go func() {
		readErr = read(in, func(r record) {
			j := &job{r, make(chan struct{})}
			inOrder <- j
			todo <- j
		})
		close(todo)
		close(inOrder)
	}()
	if err := write(out, inOrder); err != nil {
		return err
	}
	return readErr // write returned, so inOrder was closed, so this is set
}

// read gives every line of in to emit, and stops at the first bad one.
func read(in io.Reader, emit func(record)) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	number := 0
	for lines.Scan() {
		number++
		r, err := parse(lines.Bytes())
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		emit(r)
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d: longer than %d bytes", number+1, maxLine)
	}
	return lines.Err()
}

func parse(line []byte) (record, error) {
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err
	}
	if r.Path == "" {
		return r, errors.New(`no "path"`)
	}
	if sum, err := hex.DecodeString(r.MD5); err != nil || len(sum) != md5.Size {
		return r, fmt.Errorf(`"md5" of %s is not 32 hexadecimal digits`, r.Path)
	}
	return r, nil
}

// work answers jobs until there are no more.
func work(todo <-chan *job) {
	buffer := make([]byte, readSize)
	for j := range todo {
		start := time.Now()
		name := j.Path
		if j.PathBase64 != nil {
			name = string(j.PathBase64)
		}
		sum, size, err := hashFile(name, buffer)
		j.Bytes = size
		j.MS = float64(time.Since(start).Microseconds()) / 1000
		switch {
		case err != nil:
			j.Error = reason(err)
		case strings.EqualFold(sum, j.MD5):
			j.OK = true
		default:
			j.Found = sum
		}
		close(j.done)
	}
}

// hashFile returns the MD5 sum of a regular file and how many bytes it read.
func hashFile(name string, buffer []byte) (string, int64, error) {
	// Nonblocking, or opening a FIFO that took a file's place would wait forever.
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil {
		return "", 0, err
	} else if !info.Mode().IsRegular() {
		return "", 0, errors.New("not a regular file")
	}
	hash := md5.New()
	// Only a plain Reader makes CopyBuffer use our buffer.
	size, err := io.CopyBuffer(hash, struct{ io.Reader }{file}, buffer)
	return hex.EncodeToString(hash.Sum(nil)), size, err
}

func reason(err error) string {
	// ENOTDIR: something on the way there is no directory any more.
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return "missing"
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// write prints the answers in the order of their questions, in large pieces,
// but keeps none back for longer than a tick.
func write(out io.Writer, inOrder <-chan *job) error {
	buffered := bufio.NewWriterSize(out, 256<<10)
	encoder := json.NewEncoder(buffered) // one Write a line; it ends each with LF
	encoder.SetEscapeHTML(false)
	tick := time.NewTicker(holdBack)
	defer tick.Stop()

	var next *job                // the answer that is due
	var answered <-chan struct{} // closed when it is there
	for {
		jobs := inOrder
		if next != nil {
			jobs = nil
		}
		select {
		case j, more := <-jobs:
			if !more {
				return buffered.Flush()
			}
			next, answered = j, j.done
		case <-answered:
			if err := encoder.Encode(&next.record); err != nil {
				return err
			}
			next, answered = nil, nil
		case <-tick.C:
			if err := buffered.Flush(); err != nil {
				return err
			}
		}
	}
}
