//go:build unix

package weir

import (
	"os"
	"syscall"
)

// takeInput moves descriptor 0 away and leaves /dev/null there, for this program
// and those it starts.
func takeInput() (*os.File, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	return move(0, int(null.Fd()), "standard input")
}

// takeOutput moves descriptor 1 away and leaves standard error there.
func takeOutput() (*os.File, error) {
	return move(1, 2, "standard output")
}

func move(from, replacement int, name string) (*os.File, error) {
	syscall.ForkLock.RLock()
	fd, err := syscall.Dup(from)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("dup "+name, err)
	}
	if err := dup2(replacement, from); err != nil {
		syscall.Close(fd)
		return nil, os.NewSyscallError("dup2 "+name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
