//go:build unix

package weir

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestForeignServer is also the other user's server, started by itself.
func TestForeignServer(t *testing.T) {
	Bounded(t)
	if path := os.Getenv("WEIR_TEST_FOREIGN"); path != "" {
		serveAsAnother(path)
		return
	}
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("needs root: another user's server")
	}
	folder, err := os.MkdirTemp("", "weir-go.")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "s")
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("/proc/self/exe", "-test.run", "^TestForeignServer$")
	command.Env = append(os.Environ(), "WEIR_TEST_FOREIGN="+path)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65533, Gid: 65534}}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Skip("another user cannot run this test: ", err)
	}
	defer func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}()
	lines := bufio.NewReader(output)
	if line, err := lines.ReadString('\n'); line != "ready\n" {
		t.Fatal(line, err)
	}
	_, err = Dial(context.Background(), path)
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "65533") || !strings.Contains(err.Error(), "AnyServer") {
		t.Error(err)
	}
	if line, err := lines.ReadString('\n'); line != "nothing\n" {
		t.Error(line, err)
	}
	client, err := Dial(context.Background(), path, AnyServer())
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	if line, err := lines.ReadString('\n'); line != "seen\n" {
		t.Error(line, err)
	}
}

func serveAsAnother(path string) {
	listener, err := net.Listen("unix", path)
	if err != nil {
		panic(err)
	}
	if err := os.Chmod(path, 0o777); err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString("ready\n")
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		said := "nothing\n"
		if line, _ := bufio.NewReader(conn).ReadString('\n'); line != "" {
			said = "seen\n"
			_, _ = io.WriteString(conn, testHello)
		}
		_, _ = os.Stdout.WriteString(said)
		conn.Close()
	}
}
