package weir

import "syscall"

func uidOfPeer(fd uintptr) (uint32, error) {
	peer, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return peer.Uid, nil
}
