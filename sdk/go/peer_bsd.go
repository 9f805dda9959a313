//go:build darwin || freebsd

package weir

import (
	"syscall"
	"unsafe"
)

func uidOfPeer(fd uintptr) (uint32, error) {
	const solLocal, localPeerCred = 0, 1 // of sys/un.h; they have no names in syscall
	var peer struct {                    // struct xucred, with room for what differs
		version, uid uint32
		_            [62]uint32
	}
	size := uint32(unsafe.Sizeof(peer))
	_, _, failed := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, solLocal, localPeerCred,
		uintptr(unsafe.Pointer(&peer)), uintptr(unsafe.Pointer(&size)), 0)
	if failed != 0 {
		return 0, failed
	}
	return peer.uid, nil
}
