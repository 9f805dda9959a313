// Command checksig is a worker that checks files against their SHA-1 sums.
//
//	check(dir)          a stream: one result for each line of dir/sha1sum.txt, in its order
//	verify(path, sha1)  one file
//
// A result is {"path":"...","ok":true}; "found" gives the sum of a file that
// differs, "error" says why there is none.
package main

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"weir.dev/weir"
)

// The errors of our own, as callers know them.
const (
	codeNoList  = 1001 // there is no sha1sum.txt, or it cannot be read
	codeBadLine = 1002 // an invalid line in it
)

const readSize = 256 << 10 // bytes between two looks at the context

type result struct {
	Path  string `json:"path"`
	OK    bool   `json:"ok"`
	Found string `json:"found,omitempty"`
	Error string `json:"error,omitempty"`
}

type verifyParams struct {
	Path string
	SHA1 string
}

type checkParams struct {
	Dir string
}

func main() {
	weir.Main(
		weir.Source("check", check).Doc("checks a directory against its sha1sum.txt").Idempotent(),
		weir.Func("verify", verify).Doc("checks one file against a sum").Idempotent(),
	)
}

func verify(ctx context.Context, p verifyParams) (result, error) {
	if !isSum(p.SHA1) {
		return result{}, weir.Errorf(weir.CodeParams, "argument \"sha1\": wants 40 hexadecimal digits")
	}
	r := compare(ctx, p.Path, p.SHA1)
	return r, ctx.Err()
}

// check hashes as many files at a time as there are processors, and tells about
// them in the order of the list.
func check(ctx context.Context, p checkParams, emit func(result) error) error {
	list, err := os.Open(filepath.Join(p.Dir, "sha1sum.txt"))
	if err != nil {
		return weir.Errorf(codeNoList, "%v", err)
	}
	defer list.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	inOrder := make(chan chan result, runtime.GOMAXPROCS(0)) // full: enough files are under way
	var listErr error
	go func() {
		defer close(inOrder)
		listErr = readList(ctx, list, func(name, sum string) {
			file := make(chan result, 1)
			select {
			case inOrder <- file:
			case <-ctx.Done():
				return
			}
			go func() {
				r := compare(ctx, filepath.Join(p.Dir, name), sum)
				r.Path = name
				file <- r
			}()
		})
	}()
	for file := range inOrder {
		if err := emit(<-file); err != nil {
			return err
		}
	}
	return listErr // set before inOrder was closed
}

// readList gives each line of a list of sha1sum's to found.
func readList(ctx context.Context, list io.Reader, found func(name, sum string)) error {
	lines := bufio.NewScanner(list)
	for number := 1; lines.Scan() && ctx.Err() == nil; number++ {
		name, sum, ok := parseLine(lines.Text())
		if !ok {
			return weir.Errorf(codeBadLine, "sha1sum.txt, line %d: wants a sum, two spaces and a name", number)
		}
		found(name, sum)
	}
	if err := lines.Err(); err != nil {
		return weir.Errorf(codeNoList, "sha1sum.txt: %v", err)
	}
	return ctx.Err()
}

// parseLine reads "SUM  NAME", or "SUM *NAME" for binary. A line that begins with
// a backslash has escapes in its name.
func parseLine(line string) (name, sum string, ok bool) {
	escaped := strings.HasPrefix(line, `\`)
	line = strings.TrimPrefix(line, `\`)
	const sumLength = 2 * sha1.Size
	if len(line) < sumLength+3 || line[sumLength] != ' ' || !strings.Contains(" *", line[sumLength+1:sumLength+2]) {
		return "", "", false
	}
	sum, name = line[:sumLength], line[sumLength+2:]
	if escaped {
		name = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r").Replace(name)
	}
	return name, sum, isSum(sum)
}

func isSum(text string) bool {
	sum, err := hex.DecodeString(text)
	return err == nil && len(sum) == sha1.Size
}

func compare(ctx context.Context, path, want string) result {
	sum, err := hash(ctx, path)
	switch {
	case err != nil:
		return result{Path: path, Error: reason(err)}
	case strings.EqualFold(sum, want):
		return result{Path: path, OK: true}
	}
	return result{Path: path, Found: sum}
}

// hash returns the sum of a regular file, or stops when ctx is done.
func hash(ctx context.Context, path string) (string, error) {
	// Nonblocking, or opening a FIFO that took a file's place would wait forever.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", errors.New("not a regular file")
	}
	sum := sha1.New()
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if _, err := io.CopyN(sum, file, readSize); err == io.EOF {
			return hex.EncodeToString(sum.Sum(nil)), nil
		} else if err != nil {
			return "", err
		}
	}
}

// reason is an error without the path, which the result has already.
func reason(err error) string {
	var pathError *os.PathError
	if errors.As(err, &pathError) {
		return fmt.Sprint(pathError.Err)
	}
	return err.Error()
}
