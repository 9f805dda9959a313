//go:build !unix

package weir

import "os"

func takeInput() (*os.File, error) {
	return os.Stdin, nil
}

func takeOutput() (*os.File, error) {
	return os.Stdout, nil
}
