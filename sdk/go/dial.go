package weir

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// DialOption changes how Dial connects.
type DialOption func(*dialing)

type dialing struct {
	anyServer bool
}

// AnyServer lets Dial connect to a server that runs as any user. Without it, Dial
// refuses a server that runs neither as this user nor as root, and sends nothing to it.
func AnyServer() DialOption {
	return func(d *dialing) { d.anyServer = true }
}

// dialTimeout is how long Dial waits with a context that has no deadline.
const dialTimeout = 30 * time.Second

// Dial connects to the socket of `weir serve`. An empty path is its default,
// $XDG_RUNTIME_DIR/weir.sock. Dial waits for a busy server until ctx is done, or for 30
// seconds if it has no deadline. For another user's server the error is os.ErrPermission
// in the sense of errors.Is; AnyServer allows it.
func Dial(ctx context.Context, path string, options ...DialOption) (*Client, error) {
	var how dialing
	for _, option := range options {
		option(&how)
	}
	if path == "" {
		path = filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "weir.sock")
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dialTimeout)
		defer cancel()
	}
	conn, err := connect(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("weir: %w", err)
	}
	if !how.anyServer {
		if err := checkServer(conn, path); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return NewClient(ctx, conn)
}

// connect waits while the server's queue of connections is full: Linux tells so at
// once, and has no event for its end.
func connect(ctx context.Context, path string) (net.Conn, error) {
	const longest = 50 * time.Millisecond
	var dialer net.Dialer
	for pause := time.Millisecond; ; pause *= 2 {
		conn, err := dialer.DialContext(ctx, "unix", path)
		if err == nil || !errors.Is(err, syscall.EAGAIN) {
			// The dialer's clock may be the first to see the deadline.
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				err = fmt.Errorf("the server at %q takes no connection in time: %w", path, ErrDeadline)
			}
			return conn, err
		}
		if pause > longest {
			pause = longest
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("the server at %q takes no connection, too many wait already: %w",
				path, asError(ctx.Err()))
		}
	}
}

// checkServer: any user that can write to the directory can create a socket in it, and
// would receive the arguments of all calls.
func checkServer(conn net.Conn, path string) error {
	uid, err := peerUID(conn)
	if err != nil {
		return fmt.Errorf("weir: cannot determine the user of the server at %q (%v): nothing was sent; "+
			"weir.AnyServer() allows it: %w", path, err, os.ErrPermission)
	}
	if own := os.Geteuid(); uid != 0 && int64(uid) != int64(own) {
		return fmt.Errorf("weir: the server at %q is run by uid %d, neither by ours (%d) nor by root: nothing was sent; "+
			"weir.AnyServer() allows it: %w", path, uid, own, os.ErrPermission)
	}
	return nil
}

// checkPath refuses in words what the address of a socket cannot hold, and what net
// would take for the name of an abstract socket.
func checkPath(path string) error {
	if path[0] == '@' || path[0] == 0 {
		return fmt.Errorf("weir: %q names an abstract socket, which weir does not use: give the path of a file", path)
	}
	if limit := len(syscall.RawSockaddrUnix{}.Path) - 1; len(path) > limit {
		return fmt.Errorf("weir: %q is too long for the path of a socket: it has %d bytes, and the limit is %d",
			path, len(path), limit)
	}
	return nil
}
