package weir

import (
	"bytes"
	"errors"
	"io"
)

const readSize = 64 << 10

// errLineTooLong: a line over the limit was skipped.
var errLineTooLong = errors.New("a line is longer than 64 MiB")

// lineReader cuts what it reads into lines, with big reads and no copy.
type lineReader struct {
	source   io.Reader
	buffer   []byte
	from, to int // what is read and not given yet
	seen     int // of that, how much has no line end in it
	skipping bool
	failed   error
}

// buffered tells whether another whole line is here already.
func (r *lineReader) buffered() bool {
	return !r.skipping && bytes.IndexByte(r.buffer[r.from+r.seen:r.to], '\n') >= 0
}

// next gives a line without its end. It is good until the next call. What stands
// behind the last line end is a line too.
func (r *lineReader) next() ([]byte, error) {
	for {
		fresh := r.buffer[r.from+r.seen : r.to]
		if end := bytes.IndexByte(fresh, '\n'); end >= 0 {
			line := r.buffer[r.from : r.from+r.seen+end]
			r.from += len(line) + 1
			r.seen = 0
			if r.skipping || len(line) > maxLine+1 {
				r.skipping = false
				return nil, errLineTooLong
			}
			if len(line) > 0 && line[len(line)-1] == '\r' {
				line = line[:len(line)-1]
			}
			if len(line) > maxLine {
				return nil, errLineTooLong
			}
			return line, nil
		}
		r.seen = r.to - r.from
		if r.seen > maxLine+1 { // one more for a CR
			r.skipping = true
		}
		if r.skipping {
			r.from, r.to, r.seen = 0, 0, 0
		}
		if r.failed != nil {
			return r.rest()
		}
		r.fill()
	}
}

// rest returns the text after the last line end, once, and then the end.
func (r *lineReader) rest() ([]byte, error) {
	line := r.buffer[r.from:r.to]
	r.from, r.seen = r.to, 0
	switch {
	case r.skipping || len(line) > maxLine:
		r.skipping = false
		return nil, errLineTooLong
	case len(line) > 0 && r.failed == io.EOF:
		return line, nil
	}
	return nil, r.failed
}

func (r *lineReader) fill() {
	if r.from == r.to {
		r.from, r.to = 0, 0
		if len(r.buffer) > 16*readSize { // after a long line
			r.buffer = nil
		}
	}
	if r.from > 0 {
		copy(r.buffer, r.buffer[r.from:r.to])
		r.from, r.to = 0, r.to-r.from
	}
	if len(r.buffer)-r.to < readSize/2 {
		grown := make([]byte, 2*len(r.buffer)+readSize)
		copy(grown, r.buffer[:r.to])
		r.buffer = grown
	}
	n, err := r.source.Read(r.buffer[r.to:])
	r.to += n
	if err != nil {
		r.failed = err
	}
}
