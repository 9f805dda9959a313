//go:build darwin || freebsd

package weir

import (
	"errors"
	"net"
	"syscall"
	"unsafe"
)

// peerUID tells the user who listens at the other end.
func peerUID(conn net.Conn) (uint32, error) {
	const solLocal, localPeerCred = 0, 1 // of sys/un.h; they have no names in syscall
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return 0, errors.New("it is no socket")
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	var peer struct { // struct xucred, with room for what differs
		version, uid uint32
		_            [62]uint32
	}
	var failed syscall.Errno
	err = raw.Control(func(fd uintptr) {
		size := uint32(unsafe.Sizeof(peer))
		_, _, failed = syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, solLocal, localPeerCred,
			uintptr(unsafe.Pointer(&peer)), uintptr(unsafe.Pointer(&size)), 0)
	})
	if err != nil {
		return 0, err
	}
	if failed != 0 {
		return 0, failed
	}
	return peer.uid, nil
}
