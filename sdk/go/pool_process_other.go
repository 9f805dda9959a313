//go:build !unix

package weir

import (
	"context"
	"errors"
	"syscall"
)

type poolProcess struct {
	client *Client
	lent   *lent
}

func findCommand(context.Context, string) (string, error) {
	return "", errors.New("weir: pools need a Unix system; Dial reaches a server elsewhere")
}

func startProcess(context.Context, *poolOptions, []string) (*poolProcess, error) {
	return nil, ErrNoWeir
}

func (p *poolProcess) pid() int                    { return 0 }
func (p *poolProcess) signal(syscall.Signal) error { return ErrNoWeir }
func (p *poolProcess) isLost() bool                { return true }
func (p *poolProcess) close()                      {}
