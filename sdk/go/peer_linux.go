package weir

import (
	"errors"
	"net"
	"syscall"
)

// peerUID tells the user who listens at the other end: of a connection that was
// dialled, the one who was when it began to.
func peerUID(conn net.Conn) (uint32, error) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return 0, errors.New("it is no socket")
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	var peer *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		peer, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return 0, err
	}
	return peer.Uid, nil
}
