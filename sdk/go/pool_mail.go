//go:build unix

package weir

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// mailConn is a connection that descriptors come through: two with each answer to weir/lend.
type mailConn struct {
	*net.UnixConn
	mutex sync.Mutex
	fds   []int
	over  bool
}

func (c *mailConn) Read(to []byte) (int, error) {
	var control [512]byte
	n, length, _, _, err := c.ReadMsgUnix(to, control[:]) // at most one answer's descriptors
	if length > 0 {
		c.keep(control[:length])
	}
	switch {
	case err != nil:
		return 0, err
	case n == 0 && len(to) > 0:
		return 0, io.EOF
	}
	return n, nil
}

func (c *mailConn) keep(control []byte) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err == nil && len(fds) == 2 && !c.over {
			c.fds = append(c.fds, fds...)
			continue
		}
		for _, fd := range fds { // one alone: there was no room for both
			syscall.Close(fd)
		}
	}
}

// take gives the pipes of the next answer.
func (c *mailConn) take() (io.ReadWriteCloser, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.fds) < 2 {
		return nil, errors.New("the worker's pipes did not come: the program may have too many open files")
	}
	p := workerPipes{os.NewFile(uintptr(c.fds[0]), "worker"), os.NewFile(uintptr(c.fds[1]), "worker")}
	c.fds = c.fds[2:]
	return p, nil
}

// drop closes what came and was not taken.
func (c *mailConn) drop() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.over = true
	c.close()
}

func (c *mailConn) close() {
	for _, fd := range c.fds {
		syscall.Close(fd)
	}
	c.fds = nil
}

// workerPipes are the ends of a worker's standard input and output.
type workerPipes struct{ to, of *os.File }

func (p workerPipes) Read(to []byte) (int, error)           { return p.of.Read(to) }
func (p workerPipes) Write(from []byte) (int, error)        { return p.to.Write(from) }
func (p workerPipes) SyscallConn() (syscall.RawConn, error) { return p.to.SyscallConn() }

func (p workerPipes) Close() error {
	p.to.Close()
	return p.of.Close()
}

// tryWrite gives a function that writes what can be written without a wait; nil: there is none.
// It is called by one goroutine at a time.
func tryWrite(to io.Writer) func([]byte) (int, error) {
	conn, ok := to.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	var bytes []byte
	var n int
	var failed error
	write := func(fd uintptr) bool {
		for {
			n, failed = syscall.Write(int(fd), bytes)
			if failed != syscall.EINTR {
				return true
			}
		}
	}
	return func(batch []byte) (int, error) {
		bytes, n, failed = batch, 0, nil
		err := raw.Write(write)
		bytes = nil
		if err != nil {
			return 0, err
		}
		if n < 0 {
			n = 0
		}
		if failed == syscall.EAGAIN {
			failed = nil
		}
		return n, failed
	}
}
