package weir

import (
	"errors"
	"net"
	"syscall"
)

// peerUID returns the user of the process that listens at the other end: for a connection
// that was dialled, the user it had when it began to listen.
func peerUID(conn net.Conn) (uint32, error) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return 0, errors.New("it is not a socket")
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	var uid uint32
	var failed error
	err = raw.Control(func(fd uintptr) {
		uid, failed = uidOfPeer(fd)
	})
	if err == nil {
		err = failed
	}
	return uid, err
}
