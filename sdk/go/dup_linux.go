package weir

import "syscall"

// dup2: some machines under Linux have only dup3.
func dup2(from, to int) error {
	return syscall.Dup3(from, to, 0)
}
