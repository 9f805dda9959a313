package weir

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

const testHello = `{"jsonrpc":"2.0","id":1,"result":{"version":1,"methods":{}}}` + "\n"

// full is a server whose queue of connections is full, and how many are in it.
func full(t *testing.T) (*net.UnixListener, string, int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere a full queue refuses")
	}
	path := filepath.Join(t.TempDir(), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), path)
	listener, err := net.FileListener(file)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	for held := 0; ; held++ {
		conn, err := net.Dial("unix", path)
		if errors.Is(err, syscall.EAGAIN) {
			return listener.(*net.UnixListener), path, held
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
}

func TestDialWaitsForABusyServer(t *testing.T) {
	Bounded(t)
	listener, path, held := full(t)
	done := make(chan error, 1)
	go func() {
		client, err := Dial(context.Background(), path)
		if err == nil {
			client.Close()
		}
		done <- err
	}()
	for i := 0; i < held; i++ {
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hello, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(hello, "weir/hello") || strings.Contains(hello, "deadline_ms") {
		t.Error(hello, err)
	}
	_, _ = io.WriteString(conn, testHello)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestDialWaitsNoLongerThanItsContext(t *testing.T) {
	Bounded(t)
	_, path, _ := full(t)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, path); !errors.Is(err, ErrDeadline) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := Dial(ctx, path); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Nobody reads what a stopped server is sent: calls keep their contexts, Close waits for nothing.
func TestAServerThatReadsNothing(t *testing.T) {
	Bounded(t)
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("hello:", err)
	}
	if conn, err := listener.Accept(); err == nil {
		conn.Close()
	}
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, _ = bufio.NewReader(conn).ReadString('\n')
			_, _ = io.WriteString(conn, testHello)
			t.Cleanup(func() { conn.Close() })
		}
	}()
	client, err := Dial(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 3; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		if _, err := Call[string](ctx, client, "echo", strings.Repeat("x", 4<<20)); !errors.Is(err, ErrDeadline) {
			t.Error(err)
		}
		cancel()
	}
	ended := make(chan error, 2)
	go func() {
		_, err := Call[string](context.Background(), client, "echo", 1)
		ended <- err
	}()
	go func() {
		values, err := Stream[int](context.Background(), client, "count", 1)
		if err == nil {
			values.Next()
			err = values.Err()
		}
		ended <- err
	}()
	time.AfterFunc(20*time.Millisecond, func() { client.Close() })
	for i := 0; i < 2; i++ {
		if err := <-ended; err == nil {
			t.Error("a call on a closed client succeeded")
		}
	}
}

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

func TestErrorsThatCannotBeSaid(t *testing.T) {
	BoundedBy(t, 3*time.Minute) // lines of 64 MiB, or very many calls
	deep := json.RawMessage(strings.Repeat("[", 2000) + strings.Repeat("]", 2000))
	datas := map[string]json.RawMessage{
		"broken": json.RawMessage(`{"a":`),
		"nan":    json.RawMessage(`NaN`),
		"two":    json.RawMessage(`1 2`),
		"deep":   deep,
		"long":   json.RawMessage(`"` + strings.Repeat("x", maxLine) + `"`),
	}
	c := dial(t,
		Func("pay", func(ctx context.Context, p struct{ What string }) (int, error) {
			return 0, &Error{Code: 1402, Message: "no funds", Data: datas[p.What]}
		}),
		Func("nil", func(ctx context.Context, p struct{ Own bool }) (int, error) {
			if p.Own {
				return 0, (*Error)(nil)
			}
			return 0, (*nilError)(nil)
		}),
	)
	ctx := context.Background()
	for what := range datas {
		var failure *Error
		_, err := Call[int](ctx, c, "pay", what)
		if !errors.As(err, &failure) || failure.Code != 1402 || failure.Message != "no funds" || failure.Data != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, own := range []bool{true, false} {
		var failure *Error
		if _, err := Call[int](ctx, c, "nil", own); !errors.As(err, &failure) || failure.Code != CodeRaised {
			t.Error("a nil error:", err)
		}
	}
}

func TestIDsAreOneHoweverTheyAreSpelt(t *testing.T) {
	Bounded(t)
	for _, same := range [][2]string{
		{`"dup"`, `"du\u0070"`}, {`"a/b"`, `"a\/b"`}, {`"\n"`, `"\u000A"`}, {`"\ud83d\ude00"`, `"😀"`},
		{`0`, `-0`}, {`"\u0022"`, `"\""`}, {`"\ud800\ud800\udc00"`, `"\uD800\uD800\uDC00"`},
	} {
		if idKey([]byte(same[0])) != idKey([]byte(same[1])) {
			t.Error(same, "are one id")
		}
	}
	for _, other := range [][2]string{
		{`"\ud800"`, `"\udc00"`}, {`"\ud800"`, `"\ufffd"`}, {`"1"`, `1`}, {`"\u0031"`, `1`}, {`"a\u0000"`, `"a"`},
		{`"\ud800x"`, `"\ud801x"`}, {`"\\u0070"`, `"p"`},
	} {
		if idKey([]byte(other[0])) == idKey([]byte(other[1])) {
			t.Error(other, "are two ids")
		}
	}
}
