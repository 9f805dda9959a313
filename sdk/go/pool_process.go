//go:build unix

package weir

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// leastCommand is the oldest command weir that has what a pool needs.
var leastCommand = [3]int{0, 2, 0}

// findCommand finds the command weir, and checks its version.
func findCommand(ctx context.Context, path string) (string, error) {
	if path == "" {
		path = os.Getenv("WEIR")
	}
	if path == "" {
		path = searchCommand()
	}
	found, err := exec.LookPath(path)
	if err == nil {
		found, err = filepath.Abs(found)
	}
	if err != nil {
		return "", fmt.Errorf("%w (%v)", ErrNoWeir, err)
	}
	return found, checkVersion(ctx, found)
}

func searchCommand() string {
	if own, err := os.Executable(); err == nil {
		for _, name := range []string{"weir", "../libexec/weir/weir"} {
			if found, err := exec.LookPath(filepath.Join(filepath.Dir(own), name)); err == nil {
				return found
			}
		}
	}
	return "weir"
}

func checkVersion(ctx context.Context, command string) error {
	said, err := exec.CommandContext(ctx, command, "--version").Output()
	if ctx.Err() != nil {
		return asError(ctx.Err())
	}
	match := regexp.MustCompile(`^weir (\d+)\.(\d+)\.(\d+)`).FindSubmatch(said)
	if err != nil || match == nil {
		return fmt.Errorf("weir: %s --version did not give a version of weir (%v): set $WEIR or weir.Command", command, err)
	}
	for i, least := range leastCommand {
		number, _ := strconv.Atoi(string(match[i+1]))
		if number < least {
			return fmt.Errorf("weir: %s is version %s, and this package needs %d.%d.%d: install a newer one",
				command, strings.TrimSpace(string(said[5:])), leastCommand[0], leastCommand[1], leastCommand[2])
		}
		if number > least {
			break
		}
	}
	return nil
}

// badUsage is weir's exit status for options that it does not know.
const badUsage = 2

// poolProcess is a weir serve --stdio and its client.
type poolProcess struct {
	command *exec.Cmd
	client  *Client
	lent    *lent // nil: calls go through weir
	grace   time.Duration
	ended   chan struct{} // it is reaped
	said    *saidLines
}

// pair makes a socketpair; both ends are close-on-exec.
func pair() (ours, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "weir"), os.NewFile(uintptr(fds[1]), "weir"), nil
}

// launch starts weir, and gives the connection to it.
func launch(o *poolOptions, arguments []string) (*poolProcess, *net.UnixConn, error) {
	ours, theirs, err := pair()
	if err != nil {
		return nil, nil, err
	}
	defer theirs.Close() // its end would not be seen otherwise
	either, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		return nil, nil, err
	}
	conn := either.(*net.UnixConn)
	stderr, theirStderr, err := os.Pipe()
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	defer theirStderr.Close()
	command := exec.Command(o.command, arguments...)
	command.Stdin, command.Stdout, command.Stderr = theirs, theirs, theirStderr
	// A process group of its own: Ctrl-C is for the program, which then closes the pool.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		conn.Close()
		stderr.Close()
		return nil, nil, err
	}
	process := &poolProcess{command: command, grace: o.grace, ended: make(chan struct{})}
	process.said = &saidLines{over: make(chan struct{})}
	go process.said.read(stderr, o, command.Process.Pid)
	go func() {
		err := command.Wait()
		close(process.ended)
		o.tell(Event{Kind: PoolEnded, Pid: command.Process.Pid, Text: command.ProcessState.String(), Err: err})
	}()
	return process, conn, nil
}

// startProcess starts weir and waits until its workers are ready.
func startProcess(ctx context.Context, o *poolOptions, arguments []string) (*poolProcess, error) {
	process, conn, err := launch(o, arguments)
	if err != nil {
		return nil, fmt.Errorf("weir: cannot start %s: %w", o.command, err)
	}
	if err = process.greet(ctx, conn, o); err == nil {
		return process, nil
	}
	process.wait()
	var failure *Error
	switch {
	case ctx.Err() != nil:
		return nil, ErrClosed
	case errors.As(err, &failure) && failure.Code == CodeNoWorker:
		return nil, failure
	}
	said := process.said.last()
	if process.command.ProcessState.ExitCode() == badUsage && strings.Contains(said, "--stdio") {
		return nil, fmt.Errorf("weir: %s is too old for this package, it has no serve --stdio: install a newer one, or set $WEIR or weir.Command", o.command)
	}
	return nil, fault(CodeNoWorker, "weir does not start (%v): %s", process.command.ProcessState, said)
}

// greet says hello, and borrows the workers.
func (p *poolProcess) greet(ctx context.Context, conn *net.UnixConn, o *poolOptions) error {
	mail := &mailConn{UnixConn: conn}
	client := newClient(mail)
	lent := newLent(client, mail.take, o)
	client.onNotice = lent.notice
	client.onLost = func(why error) {
		lent.end(why)
		mail.drop()
	}
	p.client = client
	if _, err := client.greet(ctx); err != nil || o.notLent {
		return err
	}
	ok, err := lent.start(ctx)
	if err != nil {
		client.Close()
		return err
	}
	if ok {
		p.lent = lent
	}
	return nil
}

func (p *poolProcess) pid() int { return p.command.Process.Pid }

func (p *poolProcess) signal(number syscall.Signal) error { return p.command.Process.Signal(number) }

// isLost tells whether no call can be made any more.
func (p *poolProcess) isLost() bool {
	select {
	case <-p.client.done:
		return true
	default:
		return false
	}
}

// close hangs up and waits for the end.
func (p *poolProcess) close() {
	p.client.Close()
	p.wait()
}

// wait waits for weir, whose connection is closed. One that does not end is killed; its helper
// then ends the workers.
func (p *poolProcess) wait() {
	const moment = 5 * time.Second
	timer := time.NewTimer(2*p.grace + moment)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		_ = p.command.Process.Kill()
		<-p.ended
	}
}

// saidLines passes standard error on, and keeps the end of it.
type saidLines struct {
	over  chan struct{}
	mutex sync.Mutex
	kept  []byte
}

func (s *saidLines) read(from *os.File, o *poolOptions, pid int) {
	const longest = 64 << 10
	defer close(s.over)
	defer from.Close()
	reader := bufio.NewReaderSize(from, longest)
	for {
		line, err := reader.ReadSlice('\n')
		if len(line) > 0 {
			s.keep(line)
			if o.stderr != nil {
				_, _ = o.stderr.Write(line)
			}
			o.tell(Event{Kind: PoolLine, Pid: pid, Text: strings.TrimSuffix(string(line), "\n")})
		}
		if err != nil && err != bufio.ErrBufferFull {
			if err != io.EOF {
				_, _ = io.Copy(io.Discard, from)
			}
			return
		}
	}
}

func (s *saidLines) keep(line []byte) {
	const most = 4096
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.kept = append(s.kept, line...)
	if len(s.kept) > most {
		s.kept = append([]byte(nil), s.kept[len(s.kept)-most:]...)
	}
}

// last is what was said at last, once weir has ended. A process that it left may hold the pipe.
func (s *saidLines) last() string {
	const moment = time.Second
	select {
	case <-s.over:
	case <-time.After(moment):
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return strings.TrimSpace(string(s.kept))
}
