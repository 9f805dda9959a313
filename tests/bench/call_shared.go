// A function of a Go c-shared library, for call_shared.py: what ctypes calls.
package main

import "C"

//export Add
func Add(a, b C.long) C.long {
	return a + b
}

func main() {}
